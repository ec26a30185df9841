import type { DrainLimits } from '../domain/drain-limits.ts';
import type { StepProgress } from '../domain/journal-entry.ts';
import type { MigrateError } from '../domain/migrate-error.ts';
import type { AnyStep, Step, StepKind } from '../domain/plan.ts';
import type { RunState } from '../domain/run-state.ts';
import type { Ports } from '../ports/ports.ts';
import type { DrainStatus } from '../ports/reporter.ts';

/** What a look at the world says about a step. */
export type Observation =
  /** nothing left to do */
  | { kind: 'satisfied'; detail: string }
  /**
   * `act` may be called now; `takenBack`: what the token asked for was done, and undone by somebody else. It is asked for anew
   * with another token some times in a run, and then this is the failure
   */
  | { kind: 'actionable'; detail: string; takenBack?: MigrateError }
  /** asked for already (by us), not there yet: look again later; `tooLate` is the failure when the deadline comes first */
  | { kind: 'in-progress'; detail: string; tooLate?: MigrateError }
  /** cannot go on without a person; `tokenSpent` when what our token asked for has failed for good */
  | { kind: 'conflict'; error: MigrateError; tokenSpent?: true };

/** What a handler may know of the plan and its journal besides its own params. */
export interface StepContext {
  planId: string;
  clusterName: string;
  /** the plan folder as the person named it, for commands in messages */
  folder?: string;
  /** fold of the journal so far; read only */
  state: Readonly<RunState>;
}

/** What `act` gets from the engine. */
export interface StepRun extends StepContext {
  /** the same for every run of this plan: idempotency token of the step's one creating call */
  token: string;
  /** aborts on SIGINT, SIGTERM, lost lock or deadline; `act` then returns promptly */
  signal: AbortSignal;
  pollIntervalMilliseconds: number;
  /** of a drain, in this run */
  limits?: DrainLimits;
  /** Durable when it resolves. */
  progress(progress: StepProgress): Promise<void>;
  drainStatus(status: DrainStatus): void;
}

/** One kind of step. Handlers never sleep (the engine waits), except the drain loop, which waits on events. */
export interface StepHandler<K extends StepKind> {
  title(step: Step<K>): string;
  /** Reads only. */
  observe(step: Step<K>, ports: Ports, context: StepContext): Promise<Observation>;
  /** Re-entrant: called again after a crash, with the same token. */
  act(step: Step<K>, ports: Ports, run: StepRun): Promise<void>;
  /** The call that `act` would make, for `apply --dry-run`. */
  describeCall(step: Step<K>): string;
  /** The inverse as data, or undefined when there is none. */
  undo(step: Step<K>): AnyStep | undefined;
  /** Longest time in seconds from the first look of a run to satisfied. */
  deadlineSeconds(step: Step<K>): number;
  /** What the deadline means when the last look does not say it: asked once, when it has come. Reads only. */
  explainDeadline?(step: Step<K>, ports: Ports): Promise<MigrateError | null>;
  /** Removes what must not outlive a step that ends without success; called after failure and interruption. */
  tidy?(step: Step<K>, ports: Ports, context: StepContext): Promise<void>;
}
