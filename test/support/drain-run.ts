/** A drain of the fake cluster in virtual time, with a journal that the next run can go on from. */
import assert from 'node:assert/strict';
import type { StepProgress } from '../../src/domain/journal-entry.ts';
import type { StepParams } from '../../src/domain/plan.ts';
import { type DrainRun, drain } from '../../src/drain/drain.ts';
import type { DrainStatus } from '../../src/ports/reporter.ts';
import { drive } from '../../src/simulator/virtual-time.ts';
import { createFakeCluster, type FakeCluster, type FakeOptions } from './fake-cluster.ts';

export const settings: StepParams['drain-source'] = {
  nodegroupNames: ['old'],
  replacementNames: ['new'],
  timeoutSeconds: 3600,
  unbudgetedPercent: 25,
  allowEmptyDir: false,
  allowBarePods: false,
  first: [],
  surge: [],
  waitForJobsSeconds: 0,
};

export interface Journal {
  evictions: Record<string, { pod: string; node: string; outcome: string }>;
  podsGone: string[];
  restarted: Record<string, string>;
}

export const emptyJournal = (): Journal => ({ evictions: {}, podsGone: [], restarted: {} });

export interface Outcome {
  cluster: FakeCluster;
  seconds: number;
  journal: StepProgress[];
  state: Journal;
  statuses: DrainStatus[];
  /** seconds from the begin, of each status */
  statusAt: number[];
  error: unknown;
}

/** Drains the cluster in virtual time. Each journal write takes a millisecond. */
export async function run(
  cluster: FakeCluster,
  options: Partial<StepParams['drain-source']> = {},
  state: Journal = emptyJournal(),
  signal: AbortSignal = new AbortController().signal,
  more: Partial<DrainRun> = {},
): Promise<Outcome> {
  const journal: StepProgress[] = [];
  const statuses: DrainStatus[] = [];
  const statusAt: number[] = [];
  const begin = cluster.clock.now();
  const before = structuredClone(state);
  const work = drain({ ...settings, ...options }, cluster, {
    ...more,
    signal,
    state: before,
    drainStatus(status) {
      statuses.push(status);
      statusAt.push((cluster.clock.now() - begin) / 1000);
    },
    async progress(progress) {
      journal.push(progress);
      if (progress.kind === 'eviction-intent') {
        state.evictions[progress.uid] = { pod: progress.pod, node: progress.node, outcome: 'intent' };
      } else if (progress.kind === 'eviction-outcome') {
        const eviction = state.evictions[progress.uid];
        assert.ok(eviction, 'an outcome follows its intent');
        eviction.outcome = progress.outcome;
      } else if (progress.kind === 'pod-gone') state.podsGone.push(progress.uid);
      else if (progress.kind === 'restarted') state.restarted[progress.deployment] = progress.at;
      await cluster.clock.sleep(1);
    },
  }).then(
    () => null,
    (error: unknown) => error,
  );
  const error = await drive(cluster.virtual, work);
  return { cluster, seconds: (cluster.clock.now() - begin) / 1000, journal, state, statuses, statusAt, error };
}

export async function drainOf(options: FakeOptions, params?: Partial<StepParams['drain-source']>): Promise<Outcome> {
  return run(createFakeCluster(options), params);
}

export const many = (
  count: number,
  workload: Omit<FakeOptions['workloads'][number], 'name'>,
): FakeOptions['workloads'] =>
  Array.from({ length: count }, (_, index) => ({
    name: `web-${index}`,
    readySeconds: 20,
    terminationSeconds: 10,
    ...workload,
  }));
