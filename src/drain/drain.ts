import type { DrainLimits } from '../domain/drain-limits.ts';
import type { StepProgress } from '../domain/journal-entry.ts';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import type { StepParams } from '../domain/plan.ts';
import { type RunState, undoPrefix } from '../domain/run-state.ts';
import { type Clock, steadied } from '../ports/clock.ts';
import type { EvictionOutcome, FollowEvent, Followed, KubernetesPort } from '../ports/kubernetes.ts';
import type { DrainStatus } from '../ports/reporter.ts';
import { createDrainCore, type DrainCore } from './core.ts';
import type { DrainEvent, Errand, Eviction } from './events.ts';
import { drainStatus, statusPause, stuckError } from './report.ts';
import { type EarlierRuns, hasBegun } from './state.ts';
import type { Restart, RestartOutcome } from './surge.ts';

type Kubernetes = Pick<KubernetesPort, 'evict' | 'follow' | 'podEvents' | 'restartDeployment' | 'listWorkloads'>;

/** What a drain reads in the fold of the journal; what is absent has not happened. */
export type JournalSoFar = Readonly<Pick<RunState, 'evictions' | 'podsGone'>> &
  Partial<Readonly<Pick<RunState, 'restarted' | 'cameBack' | 'steps'>>>;

export interface DrainRun {
  /** `drain` returns promptly when it aborts */
  signal: AbortSignal;
  /** durable when it resolves; calls under way together are written in the order of the calls */
  progress(progress: StepProgress): Promise<void>;
  drainStatus(status: DrainStatus): void;
  state: JournalSoFar;
  /** for the commands that are told */
  clusterName?: string;
  /** of the step in the journal */
  stepId?: string;
  limits?: DrainLimits;
  /** Cordons a node that came to a source meanwhile; absent: its pods wait for somebody to do so. */
  cordon?(node: { name: string; uid: string }): Promise<void>;
  /** Ends a source node that is empty (`releaseNodes`); `later`: it is not as the watch shows it. Absent: nodes stay. */
  release?(node: { name: string; uid: string }): Promise<'settled' | 'later'>;
}

/** the view is renewed, and what only time changes is looked at, when nothing happens for so long */
const idleMilliseconds = 5000;
/** what an abort grants requests under way, so that their answers still reach the journal */
const graceMilliseconds = 2000;

/**
 * Empties the source nodes through the eviction API, as fast as the PodDisruptionBudgets allow, and has those that are empty
 * ended when asked to. Everything it knows comes
 * from three watches and the journal, so it can be stopped at any point and called again.
 *
 * @throws MigrateError (exit 6): `DRAIN.DEADLINE` after `timeoutSeconds`, naming what is left and why; `DRAIN.STUCK` as
 *   soon as only a person can move what is left, and when budgets that can never allow have held it for two minutes; `DRAIN.FORBIDDEN` when evictions are not allowed; and what ends a watch.
 */
export async function drain(
  params: StepParams['drain-source'],
  ports: { kubernetes: Kubernetes; clock: Clock },
  run: DrainRun,
): Promise<void> {
  const { kubernetes } = ports;
  const clock = steadied(ports.clock);
  const cluster = run.clusterName === undefined ? {} : { clusterName: run.clusterName };
  const core = createDrainCore({ ...params, ...run.limits, ...cluster }, earlierRuns(run.state, run.stepId));
  const deadline = clock.now() + params.timeoutSeconds * 1000;
  const ended = new AbortController();
  const bell = createBell(clock);
  const requests = new Set<Promise<void>>();
  let failure: { error: unknown } | undefined;
  let statusAt = Number.NEGATIVE_INFINITY;

  const fail = (error: unknown): void => {
    failure ??= { error };
    bell.ring();
  };
  const tell = (event: DrainEvent): void => {
    core.apply(event, clock.now());
    bell.ring();
  };
  const follow = <K extends keyof Followed>(resource: K, listener: (event: FollowEvent<Followed[K]>) => void): void => {
    kubernetes.follow(resource, listener, AbortSignal.any([run.signal, ended.signal])).catch(fail);
  };
  const begin = (work: Promise<void>): void => {
    const request = work.catch(fail).finally(() => {
      requests.delete(request);
      bell.ring();
    });
    requests.add(request);
  };
  const report = (now: number): void => {
    if (!hasBegun(core.state)) return;
    statusAt = now;
    run.drainStatus(drainStatus(core.state, now));
  };
  const onAbort = (): void => bell.ring();

  run.signal.addEventListener('abort', onAbort, { once: true });
  follow('nodes', (event) => tell({ type: 'nodes', event }));
  follow('podDisruptionBudgets', (event) => tell({ type: 'budgets', event }));
  follow('pods', (event) => tell({ type: 'pods', event }));
  try {
    while (!run.signal.aborted) {
      if (failure !== undefined) throw failure.error;
      const now = clock.now();
      for (const gone of core.takeDeparted()) begin(run.progress({ kind: 'pod-gone', ...gone }));
      for (const eviction of core.decide(now)) begin(evict(eviction, core, kubernetes, run, tell, ended.signal));
      for (const errand of core.takeErrands(now)) begin(runErrand(errand, kubernetes, run, tell));
      if (core.finished() && requests.size === 0) break;
      if (now >= deadline) throw stuckError(core.state, now, { deadlineSeconds: params.timeoutSeconds });
      if (core.stuckForGood(now)) throw stuckError(core.state, now, 'needs-a-person');
      if (now - statusAt >= statusPause(core.state)) report(now);
      await bell.wait(Math.min(core.nextWakeAt(now), deadline, now + idleMilliseconds) - now);
    }
    report(clock.now());
  } finally {
    run.signal.removeEventListener('abort', onAbort);
    await settled(requests, clock);
    ended.abort();
  }
}

/** Intent on disk, a last look at the watch, the request, the answer on disk. */
async function evict(
  eviction: Eviction,
  core: DrainCore,
  kubernetes: Kubernetes,
  run: DrainRun,
  tell: (event: DrainEvent) => void,
  ended: AbortSignal,
): Promise<void> {
  const { namespace, name, uid, node, budget, graceSeconds } = eviction;
  const pod = `${namespace}/${name}`;
  await run.progress({ kind: 'eviction-intent', pod, uid, node, budget });
  if (run.signal.aborted) return;
  // A request with an outdated uid is refused and still charged to the budget.
  const outcome: EvictionOutcome = core.stillThere(uid)
    ? await kubernetes.evict({ namespace, name, uid }, graceSeconds === undefined ? {} : { graceSeconds })
    : { kind: 'gone', detail: 'left by itself before it was asked' };
  // An answer that comes when the drain has returned is not written: the next run sees what became of the pod.
  if (ended.aborted) return;
  tell({ type: 'answered', uid, outcome });
  const detail = outcomeDetail(outcome);
  await run.progress({ kind: 'eviction-outcome', pod, uid, outcome: outcome.kind, ...(detail !== null && { detail }) });
  if (outcome.kind === 'refused' && mayNotEvict.test(outcome.detail)) throw forbidden(outcome.detail);
}

async function runErrand(
  errand: Errand,
  kubernetes: Kubernetes,
  run: DrainRun,
  tell: (event: DrainEvent) => void,
): Promise<void> {
  switch (errand.kind) {
    case 'journal':
      await run.progress(errand.progress);
      break;
    case 'cordon':
      await run.cordon?.({ name: errand.node, uid: errand.uid });
      break;
    case 'release': {
      const { node: name, uid } = errand;
      const outcome = run.signal.aborted ? 'later' : ((await run.release?.({ name, uid })) ?? 'settled');
      tell({ type: 'released', uid, outcome });
      break;
    }
    case 'restart': {
      const { restart } = errand;
      // First the time, so that a run after a crash asks with the same one.
      await run.progress({ kind: 'restarted', deployment: `${restart.namespace}/${restart.name}`, at: restart.at });
      if (run.signal.aborted) return;
      tell({ type: 'restarted', restart, outcome: await restartOutcome(restart, kubernetes) });
      break;
    }
    case 'pod-events': {
      const { namespace, name, uid } = errand;
      tell({ type: 'pod-events', uid, events: await optional(kubernetes.podEvents(namespace, name)) });
      break;
    }
    case 'creator-events': {
      const { namespace, name, owner } = errand;
      tell({ type: 'creator-events', owner, events: await optional(kubernetes.podEvents(namespace, name)) });
      break;
    }
    case 'workloads':
      tell({ type: 'workloads', workloads: await optional(kubernetes.listWorkloads()) });
      break;
  }
}

async function restartOutcome({ namespace, name, at }: Restart, kubernetes: Kubernetes): Promise<RestartOutcome> {
  try {
    return { kind: await kubernetes.restartDeployment(namespace, name, at) };
  } catch (error) {
    if (!(error instanceof MigrateError)) throw error;
    if (error.retryable) return { kind: 'later' };
    return { kind: 'refused', detail: `${error.message} ${error.why}`, remedy: error.nextActions[0] ?? null };
  }
}

/** Null where it is refused or fails: what it would tell only improves what is known. */
async function optional<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof MigrateError) return null;
    throw error;
  }
}

function outcomeDetail(outcome: EvictionOutcome): string | null {
  if ('detail' in outcome) return outcome.detail;
  return outcome.kind === 'budget-exhausted' ? outcome.budget : null;
}

/** The words of RBAC; a webhook's refusal concerns one pod only. */
const mayNotEvict = /cannot create resource "pods\/eviction"/;

const forbidden = (detail: string): MigrateError =>
  new MigrateError({
    code: 'DRAIN.FORBIDDEN',
    message: 'The Kubernetes user of this run may not evict pods.',
    why: `The drain needs the verb "create" on "pods/eviction". The API server said: ${detail}`,
    nextActions: [
      'kubectl auth can-i create pods/eviction --all-namespaces',
      'grant the verb, then run the same command again: it goes on where it stopped',
    ],
    exitCode: ExitCode.stoppedPartWay,
  });

/** What the journal says was asked to leave, and what of it was seen to go. What became of the rest the cluster tells. */
export function earlierRuns(state: JournalSoFar, stepId = ''): EarlierRuns {
  const gone = new Set(state.podsGone);
  const asked = Object.entries(state.evictions).filter(([uid]) => !gone.has(uid));
  const disturbed = uidsByController(state.evictions);
  const startedAt = state.steps?.[stepId]?.startedAt ?? null;
  return {
    asked: Object.fromEntries(asked),
    podsGone: gone.size,
    disturbed,
    restarted: state.restarted ?? {},
    cameBack: new Set(state.cameBack),
    startedAt: startedAt === null ? null : Date.parse(startedAt),
    // the drain back begins where that of the plan was cut off
    sizesUnknown: disturbed.size > 0 || stepId.startsWith(undoPrefix),
  };
}

function uidsByController(evictions: JournalSoFar['evictions']): Map<string, string[]> {
  const groups = Map.groupBy(Object.entries(evictions), ([, { pod }]) => pod.slice(0, pod.lastIndexOf('-')));
  return new Map(Array.from(groups, ([controller, those]) => [controller, those.map(([uid]) => uid)]));
}

/** Lets one waiter sleep until it rings or some time has passed; a ring while nobody waits is kept. */
function createBell(clock: Clock): { ring(): void; wait(milliseconds: number): Promise<void> } {
  let rung = false;
  let wake: (() => void) | undefined;
  return {
    ring() {
      rung = true;
      wake?.();
    },
    async wait(milliseconds) {
      const alarm = new AbortController();
      if (!rung) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          clock.sleep(Math.max(0, milliseconds), alarm.signal).then(resolve, () => resolve());
        });
        alarm.abort();
      }
      rung = false;
    },
  };
}

/** All requests are done, or have had their time. */
async function settled(requests: ReadonlySet<Promise<void>>, clock: Clock): Promise<void> {
  const alarm = new AbortController();
  const timeUp = clock.sleep(graceMilliseconds, alarm.signal).catch(() => undefined);
  await Promise.race([Promise.all(requests), timeUp]);
  alarm.abort();
}
