import type { JournalLine } from '../domain/journal-entry.ts';
import type { MigrationPlan } from '../domain/plan.ts';
import type { RunState } from '../domain/run-state.ts';

/** What a step waits for, in one line; shown, never stored. */
export interface Waiting {
  stepId: string;
  detail: string;
}

/** Live picture of a drain, for the view. */
export interface DrainStatus {
  nodesEmpty: number;
  nodesTotal: number;
  podsGone: number;
  podsTotal: number;
  /** seconds from now, an estimate; null while unknown */
  etaSeconds: number | null;
  /** of what can move, when the time of all is unknown; null when nothing can */
  restSeconds: number | null;
  /** blocked first: `waits shop/search-6 on ip-10-0-2-14: PDB shop/search needs 8 healthy, has 8, expected 9, for 1m50s` */
  lines: string[];
  /** what to do about the first line; null when nothing is blocked */
  nextAction: string | null;
  /** pods that wait and groups that stand still, besides those of the lines */
  moreWait: number;
  /** groups on their way, with how many pods are left of each */
  moving: { name: string; left: number }[];
}

/** Shows people and programs what happens: a projection of the journal. Must not throw. */
export interface Reporter {
  runStarted(plan: MigrationPlan, state: RunState): void;
  line(line: JournalLine, state: RunState): void;
  waiting(waiting: Waiting): void;
  drain(status: DrainStatus): void;
  warning(message: string): void;
}
