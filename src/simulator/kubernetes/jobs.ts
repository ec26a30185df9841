/**
 * Jobs: so many pods that end well, so many at a time (pkg/controller/job of Kubernetes 1.33). Every pod carries a
 * finalizer until its end is counted, so none is missed and none counted twice.
 */
import { finishDeletion } from './deletion.ts';
import type { Condition, Job, Pod, PodFailureRule } from './objects.ts';
import { type ControllerContext, createPod, freeName, podsOf } from './owned-pods.ts';
import { conditionOf, controllerOf, isActive, isFinished, isReady, isTerminating, setCondition } from './pods.ts';
import { milliseconds } from './time.ts';
import { type Outcome, splitKey } from './work-queue.ts';

const tracking = 'batch.kubernetes.io/job-tracking';
/** Before the pod that follows a failed one; twice as long after each further failure in a row. */
const firstPauseMs = 10_000;
const longestPauseMs = 600_000;

interface Failures {
  inARow: number;
  lastAt: number;
}

export type SyncJob = (key: string) => Outcome;

/** `later` looks at a key again after so many milliseconds. */
export function createJobSync(context: ControllerContext, later: (key: string, ms: number) => void): SyncJob {
  const { store, clock } = context;
  const failures = new Map<string, Failures>();

  return (key) => {
    const [namespace, name] = splitKey(key);
    const found = store.get<Job>('jobs', namespace, name);
    if (!found) {
      for (const pod of orphansOf(namespace, name)) release(pod);
      return undefined;
    }
    count(found);
    let job = store.get<Job>('jobs', namespace, name);
    if (!job || isTerminating(job) || isOver(job)) return undefined;
    const verdict = judge(job);
    if (verdict) {
      addCondition(job, verdict);
      job = store.get<Job>('jobs', namespace, name) ?? job;
    }
    const outcome = isDecided(job) || job.spec.suspend ? stop(job) : manage(job, key);
    finish(job);
    writeStatus(job);
    return outcome;
  };

  /** Pods of a Job that is gone: nobody counts them any more. */
  function orphansOf(namespace: string, name: string): Pod[] {
    return store.list<Pod>('pods', namespace).filter((pod) => {
      const owner = controllerOf(pod);
      return owner?.kind === 'Job' && owner.name === name && pod.metadata.finalizers?.includes(tracking);
    });
  }

  /** Adds the pods that came to their end since the last look, and lets them go. */
  function count(job: Job): void {
    let { succeeded = 0, failed = 0 } = job.status;
    for (const pod of podsOf(store, job)) {
      if (!pod.metadata.finalizers?.includes(tracking)) continue;
      const well = pod.status.phase === 'Succeeded';
      if (!well && !hasFailed(pod, job)) continue;
      const action = well || isOver(job) ? undefined : ruleFor(pod, job)?.action;
      if (well) {
        succeeded += 1;
        failures.delete(job.metadata.uid);
      } else if (action !== 'Ignore') {
        failed += 1;
        failures.set(job.metadata.uid, {
          inARow: (failures.get(job.metadata.uid)?.inARow ?? 0) + 1,
          lastAt: clock.now(),
        });
      }
      if (action === 'FailJob') addCondition(job, failJob(pod));
      release(pod);
    }
    if (succeeded === (job.status.succeeded ?? 0) && failed === (job.status.failed ?? 0)) return;
    update(job, ({ status }) => {
      if (succeeded > 0) status.succeeded = succeeded;
      if (failed > 0) status.failed = failed;
    });
  }

  function release({ metadata: { namespace, name } }: Pod): void {
    const freed = store.update<Pod>('pods', namespace, name, ({ metadata }) => {
      metadata.finalizers = metadata.finalizers?.filter((each) => each !== tracking) ?? [];
      if (metadata.finalizers.length === 0) delete metadata.finalizers;
    });
    if (freed) finishDeletion(store, 'pods', freed);
  }

  /** What decides a Job, if anything does now. */
  function judge({ spec, status }: Job): Omit<Condition, 'status'> | undefined {
    if (isDecided({ status })) return undefined;
    if ((status.failed ?? 0) > (spec.backoffLimit ?? 6)) {
      const message = 'Job has reached the specified backoff limit';
      return { type: 'FailureTarget', reason: 'BackoffLimitExceeded', message };
    }
    const limit = spec.activeDeadlineSeconds;
    if (limit !== undefined && clock.now() >= milliseconds(status.startTime) + limit * 1000) {
      const message = 'Job was active longer than specified deadline';
      return { type: 'FailureTarget', reason: 'DeadlineExceeded', message };
    }
    if ((status.succeeded ?? 0) < wantedOf(spec)) return undefined;
    return {
      type: 'SuccessCriteriaMet',
      reason: 'CompletionsReached',
      message: 'Reached expected number of succeeded pods',
    };
  }

  function stop(job: Job): Outcome {
    for (const pod of podsOf(store, job)) if (isActive(pod)) context.deletePod(pod);
    return undefined;
  }

  /** As many active pods as there is work for, a pause after failures. */
  function manage(job: Job, key: string): Outcome {
    const { spec, status, metadata } = job;
    if (status.startTime === undefined) {
      update(job, (draft) => {
        draft.status.startTime = store.timestamp();
      });
      if (spec.activeDeadlineSeconds !== undefined) later(key, spec.activeDeadlineSeconds * 1000);
    }
    const pods = podsOf(store, job);
    const leaving = replacesFailedOnly(job) ? pods.filter((pod) => isTerminating(pod) && !isFinished(pod)).length : 0;
    const active = pods.filter(isActive).length + leaving;
    const missing = Math.min(spec.parallelism ?? 1, wantedOf(spec) - (status.succeeded ?? 0)) - active;
    const pause = missing > 0 ? pauseOf(metadata.uid) : 0;
    if (pause > 0) {
      later(key, pause);
      return undefined;
    }
    for (let index = 0; index < missing; index++) if (startPod(job)) return 'retry';
    return undefined;
  }

  function pauseOf(uid: string): number {
    const { inARow, lastAt } = failures.get(uid) ?? { inARow: 0, lastAt: 0 };
    if (inARow === 0) return 0;
    return Math.max(0, lastAt + Math.min(longestPauseMs, firstPauseMs * 2 ** (inARow - 1)) - clock.now());
  }

  function startPod(job: Job): ReturnType<typeof createPod> {
    const { namespace = '', name } = job.metadata;
    return createPod(context, {
      owner: job,
      template: job.spec.template,
      name: freeName(context, namespace, `${name}-`),
      generateName: `${name}-`,
      labels: {},
      finalizers: [tracking],
    });
  }

  /** A Job is over when what was decided is so: no pod is left that runs. */
  function finish({ metadata }: Job): void {
    const job = store.get<Job>('jobs', metadata.namespace, metadata.name);
    if (!job || isOver(job) || podsOf(store, job).some((pod) => !isFinished(pod))) return;
    const met = conditionOf(job, 'SuccessCriteriaMet');
    const missed = conditionOf(job, 'FailureTarget');
    const why = met ?? missed;
    if (!why) return;
    addCondition(job, { ...why, type: met ? 'Complete' : 'Failed' });
    if (met) {
      update(job, ({ status }) => {
        status.completionTime = store.timestamp();
      });
    }
    failures.delete(metadata.uid);
    const reason = met ? 'Completed' : (why.reason ?? '');
    context.record(
      job,
      met ? 'Normal' : 'Warning',
      reason,
      met ? 'Job completed' : (why.message ?? ''),
      'job-controller',
    );
  }

  function writeStatus(job: Job): void {
    const pods = podsOf(store, job);
    update(job, ({ status }) => {
      status.active = pods.filter(isActive).length;
      status.ready = pods.filter((pod) => isActive(pod) && isReady(pod)).length;
      status.terminating = pods.filter((pod) => isTerminating(pod) && !isFinished(pod)).length;
    });
  }

  function addCondition(job: Job, condition: Omit<Condition, 'status'>): void {
    update(job, ({ status }) => {
      const full = { ...condition, status: 'True', lastProbeTime: store.timestamp() };
      status.conditions = setCondition(status.conditions, full, store.timestamp());
    });
  }

  function update({ metadata }: Job, change: (draft: Job) => void): void {
    store.update<Job>('jobs', metadata.namespace, metadata.name, (draft) => {
      draft.status ??= {};
      change(draft);
    });
  }
}

function wantedOf({ completions, parallelism = 1 }: Job['spec']): number {
  return completions ?? parallelism;
}

function isOver(job: Pick<Job, 'status'>): boolean {
  return conditionOf(job, 'Complete') !== undefined || conditionOf(job, 'Failed') !== undefined;
}

function isDecided(job: Pick<Job, 'status'>): boolean {
  return conditionOf(job, 'SuccessCriteriaMet') !== undefined || conditionOf(job, 'FailureTarget') !== undefined;
}

function replacesFailedOnly({ spec }: Job): boolean {
  return (spec.podReplacementPolicy ?? (spec.podFailurePolicy ? 'Failed' : '')) === 'Failed';
}

/** A pod that is on its way out counts as failed at once, unless the Job waits for its real end. */
function hasFailed(pod: Pod, job: Job): boolean {
  return pod.status.phase === 'Failed' || (isTerminating(pod) && !replacesFailedOnly(job));
}

/** The first rule of the Job's policy that fits a failed pod. */
function ruleFor(pod: Pod, { spec }: Job): PodFailureRule | undefined {
  return spec.podFailurePolicy?.rules.find(({ onPodConditions, onExitCodes }) => {
    const met = onPodConditions?.some(({ type, status = 'True' }) => conditionOf(pod, type)?.status === status);
    return met ?? (onExitCodes ? exitCodesOf(pod, onExitCodes).length > 0 : false);
  });
}

function exitCodesOf(
  { status }: Pod,
  { operator, values, containerName }: NonNullable<PodFailureRule['onExitCodes']>,
): number[] {
  return (status.containerStatuses ?? [])
    .filter(({ name }) => containerName === undefined || name === containerName)
    .map(({ state }) => (state as { terminated?: { exitCode?: number } }).terminated?.exitCode ?? 0)
    .filter((code) => code !== 0 && values.includes(code) === (operator === 'In'));
}

function failJob({ metadata }: Pod): Omit<Condition, 'status'> {
  const message = `Pod ${metadata.namespace}/${metadata.name} has met a FailJob rule of the pod failure policy`;
  return { type: 'FailureTarget', reason: 'PodFailurePolicy', message };
}
