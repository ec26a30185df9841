import type { Phase } from './plan.ts';

/** One line of the journal: `{v, seq, at, prev, entry}`; `prev` is the SHA-256 (hex) of the line before, 64 zeros for the first. */
export interface JournalLine {
  v: 1;
  seq: number;
  /** ISO 8601 */
  at: string;
  prev: string;
  entry: JournalEntry;
}

export interface FailureFields {
  code: string;
  message: string;
  why: string;
  nextActions: string[];
}

/** Decided when a rollback begins, and never after: what it works on must be the same in every run of it. */
export interface RollbackScope {
  /** sources that are gone or being deleted: their replacements stay, and what those need */
  kept: string[];
}

/** `credentials`: those of the caller have ended; with new ones the same command goes on. */
export type PauseReason = 'interrupted' | 'terminated' | 'until' | 'failed' | 'credentials';

export type JournalEntry =
  | {
      type: 'run-started';
      runId: string;
      planId: string;
      toolVersion: string;
      command: string;
      holder: string;
      until: Phase | null;
      /** this run takes the plan back; absent: it carries it out */
      rollback?: RollbackScope;
    }
  | {
      type: 'approval';
      runId: string;
      planId: string;
      by: string;
      how: 'prompt' | 'confirm-flag' | 'approve-flag';
      phases: Phase[];
      /** of the rollback, not of the plan */
      rollback?: true;
    }
  /** somebody took the lock from its holder */
  | { type: 'unlocked'; runId: string; by: string; reason: string; holder: string }
  | { type: 'step-started'; runId: string; stepId: string; token: string }
  | { type: 'step-progress'; runId: string; stepId: string; progress: StepProgress }
  | { type: 'step-succeeded'; runId: string; stepId: string; detail: string }
  /** `tokenSpent`: what the token asked for has failed for good, so that the next attempt needs a new one */
  | { type: 'step-failed'; runId: string; stepId: string; failure: FailureFields; tokenSpent?: true }
  | { type: 'run-paused'; runId: string; reason: PauseReason; detail: string }
  | { type: 'run-finished'; runId: string; exitCode: number; summary: RunSummary };

/** `going`: it was on its way out already; `refused` and `denied` nodes stay until their group is deleted. */
export type NodeRelease = 'asked' | 'going' | 'refused' | 'denied';

/** What a step did or saw on its way. Intents of evictions are written before the request, outcomes after the answer. */
export type StepProgress =
  | { kind: 'eviction-intent'; pod: string; uid: string; node: string; budget: string | null }
  | { kind: 'eviction-outcome'; pod: string; uid: string; outcome: string; detail?: string }
  | { kind: 'pod-gone'; pod: string; uid: string; node: string }
  | { kind: 'cordoned'; node: string; uid: string }
  /** an empty node is ended, without another in its place: written before the request */
  | { kind: 'node-release-intent'; node: string; uid: string; instanceId: string }
  | { kind: 'node-release-outcome'; node: string; uid: string; outcome: NodeRelease; detail?: string }
  | { kind: 'update-requested'; what: string; id: string }
  /** how something was before the step changed it, written first: what puts it back reads it */
  | { kind: 'recorded'; what: string; value: unknown }
  /** a Deployment was asked to roll its pods over, instead of an eviction */
  | { kind: 'restarted'; deployment: string; at: string }
  /** new pods of `Deployment shop/web` land on the old nodes again and again */
  | { kind: 'comes-back'; workload: string }
  | {
      kind: 'verified-node';
      node: string;
      instanceId: string;
      prefixes: string[];
      allocatablePods: number;
      evidence: string;
    }
  | { kind: 'note'; message: string };

/** What moved, for the last screen and for programs. */
export interface RunSummary {
  nodesBefore: number;
  nodesAfter: number;
  podsMoved: number;
  evictions: number;
  evictionsRefused: number;
  prefixesAttached: number;
  maxPodsBefore: number;
  maxPodsAfter: number;
  /** sources that their owner has to delete; absent: none */
  leftToOwners?: { nodegroup: string; owner: string; instructions: string[] }[];
}
