/** A run that goes on where another stopped keeps to the same limits for workloads without a budget. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MigrateError } from '../../src/domain/migrate-error.ts';
import type { StepState } from '../../src/domain/run-state.ts';
import { emptyJournal, type Journal, type Outcome, run } from '../support/drain-run.ts';
import { createFakeCluster, type FakeCluster, type FakeWorkload } from '../support/fake-cluster.ts';

const stepStarted = (cluster: FakeCluster): StepState => ({
  status: 'started',
  startedAt: new Date(cluster.clock.now()).toISOString(),
  endedAt: null,
  token: null,
  generation: 0,
  failure: null,
  detail: null,
  updates: {},
  recorded: {},
  notedIn: null,
});

/** Runs of the same command, each stopped after its seconds; the last one may go on for an hour. */
async function runs(cluster: FakeCluster, stopAfterSeconds: number[], timeoutSeconds = 3600): Promise<Outcome> {
  const state: Journal & { steps: Record<string, StepState> } = {
    ...emptyJournal(),
    steps: { drain: stepStarted(cluster) },
  };
  for (const seconds of stopAfterSeconds) {
    const stop = new AbortController();
    cluster.virtual.after(seconds * 1000, () => stop.abort(new Error('stop')));
    await run(cluster, {}, state, stop.signal, { stepId: 'drain' });
  }
  return run(cluster, { timeoutSeconds }, state, undefined, { stepId: 'drain' });
}

function clusterOf(workloads: FakeWorkload[], listing: 'allowed' | 'refused'): FakeCluster {
  const cluster = createFakeCluster({ seed: 1, sourceNodes: 2, workloads });
  const no = { code: 'KUBERNETES.FORBIDDEN', message: 'No.', why: 'RBAC', nextActions: [] };
  const refuse = (): Promise<never> => Promise.reject(new MigrateError({ ...no, exitCode: 6 }));
  if (listing === 'refused') cluster.kubernetes.listWorkloads = refuse;
  return cluster;
}

const of = (workload: Partial<FakeWorkload>): FakeWorkload => ({
  name: 'web',
  replicas: 4,
  readySeconds: 20,
  terminationSeconds: 10,
  ...workload,
});

const notesOf = ({ journal }: Outcome): string[] =>
  journal.flatMap((entry) => (entry.kind === 'note' ? [entry.message] : []));

for (const listing of ['allowed', 'refused'] as const) {
  describe(`the list of workloads is ${listing}`, () => {
    test('stopped while a pod of a StatefulSet shuts down, and before its successor is there', async () => {
      for (const stopAt of [[2], [10.01], [10.01, 0.5]]) {
        const cluster = clusterOf([of({ kind: 'StatefulSet' })], listing);
        const outcome = await runs(cluster, stopAt);
        assert.equal(outcome.error, null);
        assert.equal(cluster.counts.mostDown['shop/web'], 1, `stopped after ${stopAt.join(' and ')}`);
        assert.equal(cluster.counts.accepted, 4);
        assert.equal(notesOf(outcome).length, listing === 'refused' ? 1 : 0);
      }
    });

    test('what a quota denies counts as down in every run', async () => {
      const cluster = clusterOf([of({ kind: 'Deployment', replicas: 8, quota: true })], listing);
      const { error } = await runs(cluster, [100, 100, 100], 200);
      assert.ok(error instanceof MigrateError && error.code === 'DRAIN.DEADLINE');
      assert.equal(cluster.counts.accepted, 2);
      assert.match(error.why, /Deployment shop\/web has no PDB: 2 of 8 down, at most 2 may be/);
    });
  });
}

test('workloads of one pod: the one that an earlier run has evicted is up before the next one goes', async () => {
  const workloads = ['a', 'b', 'c'].map((name) => of({ name, kind: 'Deployment', replicas: 1, quota: true }));
  const cluster = createFakeCluster({ seed: 1, sourceNodes: 2, workloads });
  cluster.virtual.after(250_000, () => {
    assert.equal(cluster.counts.accepted, 1);
    for (const { name } of workloads) cluster.changeWorkload(name, { quota: false });
  });
  const { error } = await runs(cluster, [5, 100, 100]);
  assert.equal(error, null);
  assert.equal(cluster.counts.accepted, 3);
  assert.equal(cluster.podsOnSources().length, 0);
});

test('groups with a budget do not wait for the sizes', async () => {
  const workloads = [of({ budget: { maxUnavailable: 1 } }), of({ name: 'api' })];
  const cluster = createFakeCluster({ seed: 1, sourceNodes: 2, workloads });
  const { listWorkloads } = cluster.kubernetes;
  cluster.kubernetes.listWorkloads = async () => {
    await cluster.clock.sleep(60_000);
    return listWorkloads();
  };
  const { journal, error } = await runs(cluster, [25]);
  assert.equal(error, null);
  const order = journal.flatMap((entry) => (entry.kind === 'eviction-intent' ? [entry.pod.slice(0, 8)] : []));
  assert.deepEqual(order.slice(0, 2), ['shop/web', 'shop/web']);
});
