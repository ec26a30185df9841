import type { StepProgress } from '../domain/journal-entry.ts';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import type { StepParams } from '../domain/plan.ts';
import type { RunState } from '../domain/run-state.ts';
import type { Clock } from '../ports/clock.ts';
import type { EvictionOutcome, FollowEvent, Followed, KubernetesPort } from '../ports/kubernetes.ts';
import type { DrainStatus } from '../ports/reporter.ts';
import { createDrainCore, type DrainCore, type DrainEvent, type EarlierRuns, type Eviction } from './core.ts';
import { drainStatus, stuckError } from './report.ts';

export interface DrainRun {
  /** `drain` returns promptly when it aborts */
  signal: AbortSignal;
  /** durable when it resolves; calls under way together are written in the order of the calls */
  progress(progress: StepProgress): Promise<void>;
  drainStatus(status: DrainStatus): void;
  state: Readonly<Pick<RunState, 'evictions' | 'podsGone'>>;
}

const statusEveryMilliseconds = 1000;
/** the view is renewed, and what only time changes is looked at, when nothing happens for so long */
const idleMilliseconds = 5000;
/** what an abort grants requests under way, so that their answers still reach the journal */
const graceMilliseconds = 2000;

/**
 * Empties the source nodes through the eviction API, as fast as the PodDisruptionBudgets allow. Everything it knows comes
 * from three watches and the journal, so it can be stopped at any point and called again.
 *
 * @throws MigrateError (exit 6): `DRAIN.DEADLINE` after `timeoutSeconds`, naming what is left and why; `DRAIN.STUCK` as
 *   soon as only a person can move what is left; `DRAIN.FORBIDDEN` when evictions are not allowed; and what ends a watch.
 */
export async function drain(
  params: StepParams['drain-source'],
  ports: { kubernetes: Pick<KubernetesPort, 'evict' | 'follow'>; clock: Clock },
  run: DrainRun,
): Promise<void> {
  const { kubernetes, clock } = ports;
  const core = createDrainCore(params, earlierRuns(run.state));
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
      if (core.finished() && requests.size === 0) break;
      if (now >= deadline) throw stuckError(core.state, now, { deadlineSeconds: params.timeoutSeconds });
      if (core.stuckForGood()) throw stuckError(core.state, now, 'needs-a-person');
      if (core.state.nodesTotal > 0 && now - statusAt >= statusEveryMilliseconds) report(now);
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
  kubernetes: Pick<KubernetesPort, 'evict'>,
  run: DrainRun,
  tell: (event: DrainEvent) => void,
  ended: AbortSignal,
): Promise<void> {
  const { namespace, name, uid, node, budget } = eviction;
  const pod = `${namespace}/${name}`;
  await run.progress({ kind: 'eviction-intent', pod, uid, node, budget });
  if (run.signal.aborted) return;
  // A request with an outdated uid is refused and still charged to the budget.
  const outcome: EvictionOutcome = core.stillThere(uid)
    ? await kubernetes.evict({ namespace, name, uid })
    : { kind: 'gone', detail: 'left by itself before it was asked' };
  // An answer that comes when the drain has returned is not written: the next run sees what became of the pod.
  if (ended.aborted) return;
  tell({ type: 'answered', uid, outcome });
  const detail = outcomeDetail(outcome);
  await run.progress({ kind: 'eviction-outcome', pod, uid, outcome: outcome.kind, ...(detail !== null && { detail }) });
  if (outcome.kind === 'refused' && mayNotEvict.test(outcome.detail)) throw forbidden(outcome.detail);
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
function earlierRuns({ evictions, podsGone }: DrainRun['state']): EarlierRuns {
  const gone = new Set(podsGone);
  const asked = Object.entries(evictions).filter(([uid]) => !gone.has(uid));
  return { asked: Object.fromEntries(asked), podsGone: gone.size };
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
