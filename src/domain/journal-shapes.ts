/** What each line of a journal has to look like: it is read back by another process, and perhaps from another place. */
import type { FailureFields, JournalEntry, RollbackScope, RunSummary, StepProgress } from './journal-entry.ts';
import { phases } from './plan.ts';
import {
  anything,
  keyText,
  listOf,
  number,
  object,
  oneOf,
  optional,
  orNull,
  text,
  time,
  variants,
  whole,
} from './shape.ts';

const texts = listOf(text);
const phase = oneOf(...phases);

const progress = variants<StepProgress, 'kind'>('kind', {
  'eviction-intent': { pod: text, uid: keyText, node: keyText, budget: orNull(text) },
  'eviction-outcome': { pod: text, uid: keyText, outcome: text, detail: optional(text) },
  'pod-gone': { pod: text, uid: keyText, node: keyText },
  cordoned: { node: keyText, uid: keyText },
  'node-release-intent': { node: keyText, uid: keyText, instanceId: text },
  'node-release-outcome': {
    node: keyText,
    uid: keyText,
    outcome: oneOf('asked', 'going', 'refused', 'denied'),
    detail: optional(text),
  },
  'update-requested': { what: keyText, id: text },
  recorded: { what: keyText, value: optional(anything) },
  restarted: { deployment: keyText, at: time },
  'comes-back': { workload: text },
  'verified-node': { node: keyText, instanceId: text, prefixes: texts, allocatablePods: number, evidence: text },
  note: { message: text },
});

/** @see JournalEntry */
export const journalEntryShape = variants<JournalEntry, 'type'>('type', {
  'run-started': {
    runId: text,
    planId: text,
    toolVersion: text,
    command: text,
    holder: text,
    until: orNull(phase),
    rollback: optional(object<RollbackScope>({ kept: texts })),
  },
  approval: {
    runId: text,
    planId: text,
    by: text,
    how: oneOf('prompt', 'confirm-flag', 'approve-flag'),
    phases: listOf(phase),
    rollback: optional(oneOf(true)),
  },
  unlocked: { runId: text, by: text, reason: text, holder: text },
  'step-started': { runId: text, stepId: keyText, token: text },
  'step-progress': { runId: text, stepId: keyText, progress },
  'step-succeeded': { runId: text, stepId: keyText, detail: text },
  'step-failed': {
    runId: text,
    stepId: keyText,
    failure: object<FailureFields>({ code: text, message: text, why: text, nextActions: texts }),
    tokenSpent: optional(oneOf(true)),
  },
  'run-paused': {
    runId: text,
    reason: oneOf('interrupted', 'terminated', 'until', 'failed', 'credentials'),
    detail: text,
  },
  'run-finished': {
    runId: text,
    exitCode: whole,
    summary: object<RunSummary>({
      nodesBefore: number,
      nodesAfter: number,
      podsMoved: number,
      evictions: number,
      evictionsRefused: number,
      prefixesAttached: number,
      maxPodsBefore: number,
      maxPodsAfter: number,
      leftToOwners: optional(
        listOf(
          object<NonNullable<RunSummary['leftToOwners']>[number]>({
            nodegroup: text,
            owner: text,
            instructions: texts,
          }),
        ),
      ),
    }),
  },
});
