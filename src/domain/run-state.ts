import type {
  FailureFields,
  JournalEntry,
  JournalLine,
  NodeRelease,
  RollbackScope,
  RunSummary,
} from './journal-entry.ts';
import type { MigrationPlan, Phase } from './plan.ts';

export type StepStatus = 'pending' | 'started' | 'succeeded' | 'failed';

export interface StepState {
  status: StepStatus;
  /** ISO 8601 times of the first start and the last end */
  startedAt: string | null;
  endedAt: string | null;
  /** the token of its first start: the same ever after, until what it asked for has failed for good or is gone */
  token: string | null;
  /** how many tokens are spent */
  generation: number;
  failure: FailureFields | null;
  detail: string | null;
  /** ids of updates that EKS gave us for this token, by what they are for */
  updates: Record<string, string>;
  /** how things were before the step changed them, by what they are; of several records the first */
  recorded: Record<string, unknown>;
  /** id of the last run that wrote a note about it */
  notedIn: string | null;
}

/** Fold of plan and journal: where the migration stands. */
export interface RunState {
  planId: string;
  steps: Record<string, StepState>;
  /** uid -> outcome of pods asked to leave; `intent` when the answer was never written */
  evictions: Record<string, { pod: string; node: string; outcome: string }>;
  /** uids of evicted pods that were seen to be gone */
  podsGone: string[];
  /** uids of nodes that this plan cordoned */
  cordonedNodes: Record<string, string>;
  /** uid -> outcome of empty nodes that were to be ended; `intent` when the answer was never written; `runId`: of that run */
  releasedNodes: Record<string, { node: string; outcome: NodeRelease | 'intent'; runId: string }>;
  /** Deployments that were asked to roll over, `shop/cart`, and when */
  restarted: Record<string, string>;
  /** workloads whose new pods land on the old nodes again and again, `Deployment shop/web` */
  cameBack: string[];
  evictionsRefused: number;
  /** replacement nodes that passed verification, as last seen */
  verifiedNodes: Record<string, { prefixes: string[]; allocatablePods: number }>;
  runs: { runId: string; startedAt: string; endedAt: string | null; exitCode: number | null; paused: string | null }[];
  /** `isRollback`: of the rollback, not of the plan */
  approvals: { by: string; at: string; how: string; phases: Phase[]; isRollback: boolean }[];
  /** once it has begun, nothing but the rollback goes on */
  rollback: (RollbackScope & { startedAt: string }) | null;
  /** summary of the run that did the last step; of the rollback's last one, once it has begun */
  finished: RunSummary | null;
  lastEntryAt: string | null;
}

/** Begins the ids of the steps of a rollback. */
export const undoPrefix = 'undo/';

/** A step of which the journal says nothing. */
export const pendingStep = (): StepState => ({
  status: 'pending',
  startedAt: null,
  endedAt: null,
  token: null,
  generation: 0,
  failure: null,
  detail: null,
  updates: {},
  recorded: {},
  notedIn: null,
});

type Moved = Pick<RunState, 'evictions' | 'podsGone' | 'restarted' | 'cameBack' | 'evictionsRefused'>;

const nothingMoved = (): Moved => ({ evictions: {}, podsGone: [], restarted: {}, cameBack: [], evictionsRefused: 0 });

/** The state before anything happened. */
export function initialRunState(plan: MigrationPlan): RunState {
  return {
    planId: plan.planId,
    steps: Object.fromEntries(plan.steps.map((step) => [step.id, pendingStep()])),
    ...nothingMoved(),
    cordonedNodes: {},
    releasedNodes: {},
    verifiedNodes: {},
    runs: [],
    approvals: [],
    rollback: null,
    finished: null,
    lastEntryAt: null,
  };
}

/** Folds a whole journal. Pure: same plan and lines, same state. */
export function replay(plan: MigrationPlan, lines: readonly JournalLine[]): RunState {
  const state = initialRunState(plan);
  for (const line of lines) applyEntry(state, line.at, line.entry);
  return state;
}

/** Folds one more entry into `state` (which it changes): what `replay` does line by line. */
export function applyEntry(state: RunState, at: string, entry: JournalEntry): void {
  state.lastEntryAt = at;
  const step = 'stepId' in entry ? stepOf(state, entry.stepId) : undefined;
  const run = state.runs.findLast((candidate) => candidate.runId === entry.runId);
  switch (entry.type) {
    case 'run-started':
      state.runs.push({ runId: entry.runId, startedAt: at, endedAt: null, exitCode: null, paused: null });
      if (entry.rollback !== undefined && state.rollback === null) beginRollback(state, at, entry.rollback);
      break;
    case 'approval':
      state.approvals.push({
        by: entry.by,
        at,
        how: entry.how,
        phases: entry.phases,
        isRollback: entry.rollback === true,
      });
      break;
    case 'unlocked': {
      // whoever held the lock lost it with this, and writes no end any more
      const broken = state.runs.at(-1);
      if (broken === undefined || broken.endedAt !== null) break;
      broken.endedAt = at;
      broken.paused = 'unlocked';
      break;
    }
    case 'step-started':
      if (step === undefined) break;
      step.status = 'started';
      step.startedAt ??= at;
      if (step.token !== null && step.token !== entry.token) {
        step.generation += 1;
        step.updates = {};
      }
      step.token = entry.token;
      step.failure = null;
      break;
    case 'step-succeeded':
      if (step === undefined) break;
      step.status = 'succeeded';
      step.startedAt ??= at;
      step.endedAt = at;
      step.detail = entry.detail;
      step.failure = null;
      break;
    case 'step-failed':
      if (step === undefined) break;
      step.status = 'failed';
      step.endedAt = at;
      step.failure = entry.failure;
      if (entry.tokenSpent) {
        step.generation += 1;
        step.token = null;
        step.updates = {};
      }
      break;
    case 'step-progress':
      applyProgress(state, step, entry);
      break;
    case 'run-paused':
      if (run === undefined) break;
      run.endedAt = at;
      run.paused = entry.reason;
      break;
    case 'run-finished':
      if (run !== undefined) {
        run.endedAt = at;
        run.exitCode = entry.exitCode;
      }
      if (isAllDone(state, entry.exitCode)) state.finished = entry.summary;
      break;
  }
}

/** What the drain of the rollback knows and counts begins anew: its old nodes are the new ones of the plan. */
function beginRollback(state: RunState, at: string, { kept }: RollbackScope): void {
  Object.assign(state, nothingMoved());
  state.rollback = { kept, startedAt: at };
  state.finished = null;
}

/** A rollback knows its steps only by what it wrote of them, and ends with 0 only when all are done. */
const isAllDone = ({ rollback, steps }: RunState, exitCode: number): boolean =>
  rollback === null ? Object.values(steps).every(({ status }) => status === 'succeeded') : exitCode === 0;

/** Steps of a rollback are not in the plan: they come to be with their first entry. */
function stepOf(state: RunState, id: string): StepState | undefined {
  if (id.startsWith(undoPrefix)) state.steps[id] ??= pendingStep();
  return Object.hasOwn(state.steps, id) ? state.steps[id] : undefined;
}

function applyProgress(
  state: RunState,
  step: StepState | undefined,
  { progress, runId }: Extract<JournalEntry, { type: 'step-progress' }>,
): void {
  switch (progress.kind) {
    case 'eviction-intent':
      state.evictions[progress.uid] = { pod: progress.pod, node: progress.node, outcome: 'intent' };
      break;
    case 'eviction-outcome': {
      const eviction = state.evictions[progress.uid];
      if (eviction !== undefined) eviction.outcome = progress.outcome;
      if (progress.outcome === 'budget-exhausted') state.evictionsRefused += 1;
      break;
    }
    case 'pod-gone':
      state.podsGone.push(progress.uid);
      break;
    case 'cordoned':
      state.cordonedNodes[progress.uid] = progress.node;
      break;
    case 'node-release-intent':
      state.releasedNodes[progress.uid] = { node: progress.node, outcome: 'intent', runId };
      break;
    case 'node-release-outcome':
      state.releasedNodes[progress.uid] = { node: progress.node, outcome: progress.outcome, runId };
      break;
    case 'update-requested':
      if (step !== undefined) step.updates[progress.what] = progress.id;
      break;
    case 'recorded':
      if (step !== undefined && !(progress.what in step.recorded)) step.recorded[progress.what] = progress.value;
      break;
    case 'restarted':
      state.restarted[progress.deployment] = progress.at;
      break;
    case 'comes-back':
      if (!state.cameBack.includes(progress.workload)) state.cameBack.push(progress.workload);
      break;
    case 'verified-node':
      state.verifiedNodes[progress.node] = { prefixes: progress.prefixes, allocatablePods: progress.allocatablePods };
      break;
    case 'note':
      if (step !== undefined) step.notedIn = runId;
      break;
  }
}
