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
  /** blocked first: `waits shop/search-6 on ip-10-0-2-14: PDB shop/search needs 8 ready, has 8` */
  lines: string[];
}

/** Shows people and programs what happens: a projection of the journal. Must not throw. */
export interface Reporter {
  runStarted(plan: MigrationPlan, state: RunState): void;
  line(line: JournalLine, state: RunState): void;
  waiting(waiting: Waiting): void;
  drain(status: DrainStatus): void;
  warning(message: string): void;
}
