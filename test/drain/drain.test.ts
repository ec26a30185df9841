import assert from 'node:assert/strict';
import test from 'node:test';
import type { StepProgress } from '../../src/domain/journal-entry.ts';
import { MigrateError } from '../../src/domain/migrate-error.ts';
import type { StepParams } from '../../src/domain/plan.ts';
import { drain } from '../../src/drain/drain.ts';
import { drive } from '../../src/simulator/virtual-time.ts';
import { drainOf, emptyJournal, many, type Outcome, run, settings } from '../support/drain-run.ts';
import { createFakeCluster, type FakeOptions } from '../support/fake-cluster.ts';

const seeds = [1, 2, 3];

/** Nothing was refused or broken, every pod was asked once, and all is empty. */
function assertClean({ cluster, error, state }: Outcome, pods: number, refused = 0): void {
  assert.equal(error, null);
  assert.equal(cluster.podsOnSources().length, 0);
  assert.equal(cluster.counts.violations, 0);
  assert.equal(cluster.counts.mismatches, 0);
  assert.equal(cluster.counts.refused, refused);
  assert.deepEqual(
    [...cluster.evictionsOf.values()].filter((times) => times !== 1),
    [],
  );
  assert.equal(cluster.evictionsOf.size, pods);
  assert.equal(new Set(state.podsGone).size, pods);
}

/** Time until the last pod is gone: the last wave starts when all waves before it are Ready again. */
const lowerBound = (pods: number, atOnce: number, readySeconds: number, terminationSeconds: number): number =>
  (Math.ceil(pods / atOnce) - 1) * readySeconds + terminationSeconds;

function assertNearBound(outcome: Outcome, bound: number): void {
  const ratio = outcome.seconds / bound;
  assert.ok(
    ratio >= 0.999 && ratio <= 1.05,
    `${outcome.seconds} s is ${ratio.toFixed(3)} of the lower bound ${bound} s`,
  );
}

for (const seed of seeds) {
  test(`spread, maxUnavailable 1, seed ${seed}: one eviction per pod, none refused, at the lower bound`, async () => {
    const workloads = Array.from({ length: 20 }, (_, index) => ({
      name: `web-${index}`,
      replicas: 10,
      budget: { maxUnavailable: 1 },
      readySeconds: 20,
      terminationSeconds: 10,
    }));
    const outcome = await drainOf({ seed, sourceNodes: 10, workloads });
    assertClean(outcome, 200);
    assertNearBound(outcome, lowerBound(10, 1, 20, 10));
    assert.equal(outcome.cluster.counts.requests, 200);
  });
}

interface Scenario {
  name: string;
  sourceNodes?: number;
  workloads: FakeOptions['workloads'];
  bound: number;
  latencyMs?: number;
  params?: Partial<StepParams['drain-source']>;
  /** most pods of a workload down at a time */
  mostDown?: number;
}

const scenarios: Scenario[] = [
  {
    name: 'no budget: at most a quarter of each workload is down',
    workloads: many(30, { replicas: 8 }),
    bound: lowerBound(8, 2, 20, 10),
    mostDown: 2,
  },
  {
    name: 'lumpy placement',
    workloads: many(20, { replicas: 6, placement: 'lumpy', budget: { maxUnavailable: 1 } }),
    bound: lowerBound(6, 1, 20, 10),
    mostDown: 1,
  },
  {
    name: 'three at a time',
    workloads: many(10, { replicas: 12, budget: { minAvailable: 9 } }),
    bound: lowerBound(12, 3, 20, 10),
    mostDown: 3,
  },
  {
    name: 'stateful sets: the next one leaves when the same name is Ready again',
    workloads: many(5, { kind: 'StatefulSet', replicas: 5, budget: { maxUnavailable: 1 } }),
    bound: lowerBound(5, 1, 30, 10),
    mostDown: 1,
  },
  {
    name: 'stateful sets without budget',
    workloads: many(5, { kind: 'StatefulSet', replicas: 5 }),
    bound: lowerBound(5, 1, 30, 10),
    mostDown: 1,
  },
  {
    name: 'singletons of a namespace: one after the other',
    workloads: many(6, { replicas: 1 }),
    bound: lowerBound(6, 1, 20, 10),
    mostDown: 1,
  },
  {
    name: 'termination outlasts readiness',
    workloads: many(5, { replicas: 4, terminationSeconds: 50, budget: { maxUnavailable: 1 } }),
    bound: lowerBound(4, 1, 20, 50),
    mostDown: 1,
  },
  {
    name: 'eight dense nodes',
    sourceNodes: 8,
    workloads: many(80, { replicas: 11, budget: { maxUnavailable: 2 } }),
    bound: lowerBound(11, 2, 20, 10),
    mostDown: 2,
  },
  {
    name: 'a long group among many short ones goes first',
    workloads: [
      ...many(100, { replicas: 3, budget: { maxUnavailable: 3 } }),
      { name: 'slow', replicas: 10, budget: { maxUnavailable: 1 }, readySeconds: 30, terminationSeconds: 10 },
    ],
    bound: lowerBound(10, 1, 30, 10),
  },
  {
    name: 'latency of 200 ms',
    workloads: many(20, { replicas: 6, budget: { maxUnavailable: 1 } }),
    latencyMs: 200,
    bound: lowerBound(6, 1, 20, 10),
  },
];

for (const { name, sourceNodes = 10, workloads, bound, params, mostDown, latencyMs = 20 } of scenarios) {
  test(name, async () => {
    for (const seed of seeds) {
      const outcome = await drainOf({ seed, sourceNodes, workloads, latencyMs }, params);
      const pods = workloads.reduce((sum, workload) => sum + workload.replicas, 0);
      assertClean(outcome, pods);
      assertNearBound(outcome, bound);
      assert.equal(outcome.cluster.counts.requests, pods);
      if (mostDown !== undefined) assert.equal(Math.max(...Object.values(outcome.cluster.counts.mostDown)), mostDown);
    }
  });
}

const plain = many(10, { replicas: 6, budget: { maxUnavailable: 1 } });
const plainBound = lowerBound(6, 1, 20, 10);

test('requests and answers that get lost: the same pod is asked again, no budget breaks', async () => {
  for (const seed of seeds) {
    const outcome = await drainOf({
      seed,
      sourceNodes: 5,
      workloads: plain,
      fault: (request) => (request % 9 === 0 ? 'lost-before' : request % 7 === 0 ? 'lost-after' : undefined),
    });
    assertClean(outcome, 60);
    assert.ok(outcome.seconds < 1.6 * plainBound, `${outcome.seconds}`);
  }
});

test('throttled: slower, then on; every pod still once', async () => {
  for (const seed of seeds) {
    const outcome = await drainOf({
      seed,
      sourceNodes: 5,
      workloads: plain,
      fault: (request) => (request > 5 && request < 25 ? 'throttle' : undefined),
    });
    assertClean(outcome, 60);
    assert.equal(outcome.cluster.counts.requests, 60 + 19);
    assert.ok(outcome.seconds < 1.2 * plainBound, `${outcome.seconds}`);
  }
});

test('a pod replaced under its name just before the request: nobody else is evicted, the budget recovers', async () => {
  const workloads = many(3, { kind: 'StatefulSet', replicas: 4, budget: { maxUnavailable: 1 } });
  const { cluster, error, seconds } = await drainOf({
    seed: 1,
    sourceNodes: 5,
    workloads,
    fault: (request) => (request === 4 ? 'mismatch' : undefined),
  });
  assert.equal(error, null);
  assert.equal(cluster.podsOnSources().length, 0);
  assert.equal(cluster.counts.mismatches, 1);
  assert.equal(cluster.counts.violations, 0);
  assert.equal(cluster.counts.refused, 0);
  assert.equal(cluster.evictionsOf.size, 11);
  assert.ok(seconds < 300, `${seconds}`);
});

test('a pod that is replaced while its intent is written is not asked at all', async () => {
  const workloads = many(1, { kind: 'StatefulSet', replicas: 3, budget: { maxUnavailable: 1 } });
  const cluster = createFakeCluster({ seed: 1, sourceNodes: 1, workloads });
  const [first] = cluster.podsOnSources();
  assert.ok(first);
  const journal: StepProgress[] = [];
  let deleted = false;
  const work = drain(settings, cluster, {
    signal: new AbortController().signal,
    state: { evictions: {}, podsGone: [] },
    drainStatus: () => undefined,
    async progress(progress) {
      journal.push(progress);
      if (progress.kind === 'eviction-intent' && !deleted) {
        deleted = true;
        cluster.deletePod('shop', progress.pod.slice('shop/'.length));
      }
      await cluster.clock.sleep(100);
    },
  });
  await drive(cluster.virtual, work);
  assert.equal(cluster.counts.requests, 2);
  assert.equal(cluster.counts.mismatches, 0);
  const [outcome] = journal.filter((entry) => entry.kind === 'eviction-outcome');
  assert.equal(outcome?.outcome, 'gone');
});

test('watches cut and listed again: nothing lost, nothing refused', async () => {
  for (const seed of seeds) {
    const cluster = createFakeCluster({ seed, sourceNodes: 5, workloads: plain });
    for (let at = 3000; at < 100_000; at += 7300) cluster.virtual.after(at, () => cluster.cutWatches(2000));
    const outcome = await run(cluster);
    assertClean(outcome, 60);
    assert.ok(outcome.seconds < 1.2 * plainBound, `${outcome.seconds}`);
  }
});

test('stopped half-way and started again from the cluster and the journal', async () => {
  for (const seed of seeds) {
    const cluster = createFakeCluster({ seed, sourceNodes: 5, workloads: plain });
    const state = emptyJournal();
    const stop = new AbortController();
    cluster.virtual.after(plainBound * 500 + 317, () => stop.abort(new Error('stop')));
    const first = await run(cluster, {}, state, stop.signal);
    assert.equal(first.error, null);
    assert.ok(cluster.podsOnSources().length > 0);
    assert.ok(first.seconds < plainBound * 0.5 + 3);
    const second = await run(cluster, {}, state);
    assertClean({ ...second, state }, 60);
    assert.ok(first.seconds + second.seconds < 1.05 * plainBound);
    const [status] = second.statuses.slice(-1);
    assert.deepEqual([status?.podsGone, status?.podsTotal, status?.nodesEmpty, status?.nodesTotal], [60, 60, 5, 5]);
  }
});

test('stopped while the server is slow: requests whose answers nobody heard do no harm', async () => {
  for (const seed of seeds) {
    const cluster = createFakeCluster({ seed, sourceNodes: 5, workloads: plain, latencyMs: 6000 });
    const state = emptyJournal();
    const stop = new AbortController();
    cluster.virtual.after(8000, () => stop.abort(new Error('stop')));
    const first = await run(cluster, {}, state, stop.signal);
    assert.ok(first.seconds <= 10.1, 'it does not wait for the answers');
    assert.equal(Object.values(state.evictions).filter(({ outcome }) => outcome === 'intent').length, 10);
    const second = await run(cluster, {}, state);
    assert.equal(second.error, null);
    assert.equal(cluster.podsOnSources().length, 0);
    assert.equal(cluster.counts.violations, 0);
    assert.equal(cluster.evictionsOf.size, 60);
    assert.equal(new Set(state.podsGone).size, 60);
  }
});

test('a budget that never allows an eviction: the rest is moved, then the drain stops and names pod, budget and arithmetic', async () => {
  const workloads = [...plain, { name: 'search', replicas: 3, budget: { minAvailable: 3 } }];
  const { cluster, error, seconds, statuses } = await drainOf(
    { seed: 1, sourceNodes: 5, workloads },
    { timeoutSeconds: 600 },
  );
  assert.ok(error instanceof MigrateError);
  assert.equal(error.code, 'DRAIN.STUCK');
  assert.equal(error.exitCode, 6);
  assert.ok(seconds > 120 && seconds < 600, `${seconds}`);
  assert.equal(
    error.message,
    'The drain cannot go on: 3 pods are left on the nodes that are drained that only you can move.',
  );
  assert.match(
    error.why,
    /^shop\/search-\d on old-\d: PDB shop\/search needs 3 healthy, has 3, expected 3(?:, for \w+)?: it never allows an eviction$/m,
  );
  assert.deepEqual(error.nextActions, [
    'kubectl -n shop scale replicaset/search --replicas=4',
    'then run the same command again: it goes on where it stopped',
  ]);
  assert.equal(cluster.counts.requests, 60);
  assert.equal(cluster.podsOnSources().length, 3);
  const [last] = statuses.slice(-1);
  assert.match(last?.lines[0] ?? '', /^waits shop\/search-\d on old-\d: PDB shop\/search needs 3 healthy, has 3/);
  assert.equal(last?.etaSeconds, null);
});

test('a budget that is relaxed while it blocks: the drain goes on by itself', async () => {
  const workloads = many(1, { replicas: 3, budget: { minAvailable: 3 } });
  const cluster = createFakeCluster({ seed: 1, sourceNodes: 2, workloads });
  cluster.virtual.after(60_000, () => cluster.changeBudget('web-0', { minAvailable: 2 }));
  const outcome = await run(cluster);
  assertClean(outcome, 3);
  assertNearBound(outcome, 60 + lowerBound(3, 1, 20, 10));
});

test('a pod in two budgets is never asked; when all else is gone the drain stops and names both', async () => {
  const workloads = [...plain, { name: 'twice', replicas: 2, budget: { maxUnavailable: 1 }, secondBudget: true }];
  const { cluster, error, seconds } = await drainOf({ seed: 1, sourceNodes: 5, workloads });
  assert.ok(error instanceof MigrateError);
  assert.equal(error.code, 'DRAIN.STUCK');
  assert.match(
    error.why,
    /shop\/twice-0 on old-\d: more than one PodDisruptionBudget selects it \(twice and twice-2\)/,
  );
  assert.equal(cluster.counts.requests, 60);
  assert.ok(seconds < 1.05 * plainBound);
});

test('emptyDir without consent is left alone, with consent it moves', async () => {
  const workloads = many(1, { replicas: 2, emptyDir: true, budget: { maxUnavailable: 1 } });
  const refused = await drainOf({ seed: 1, sourceNodes: 2, workloads });
  assert.ok(refused.error instanceof MigrateError);
  assert.equal(refused.error.code, 'DRAIN.STUCK');
  assert.equal(refused.cluster.counts.requests, 0);
  assertClean(await drainOf({ seed: 1, sourceNodes: 2, workloads }, { allowEmptyDir: true }), 2);
});

test('nothing leaves a node that is not cordoned, until it is', async () => {
  const cluster = createFakeCluster({ seed: 1, sourceNodes: 1, cordoned: false, workloads: many(1, { replicas: 2 }) });
  cluster.virtual.after(50_000, () => {
    assert.equal(cluster.counts.requests, 0);
    cluster.changeNode('old-1', { unschedulable: true });
  });
  const outcome = await run(cluster);
  assertClean(outcome, 2);
  const waiting = outcome.statuses.find(({ lines }) => lines.length > 0);
  assert.match(waiting?.lines[0] ?? '', /^waits shop\/web-0-\d on old-1: its node is not cordoned/);
});

test('pods that arrive late on a source node leave too', async () => {
  const cluster = createFakeCluster({ seed: 1, sourceNodes: 3, workloads: plain });
  cluster.virtual.after(30_000, () => cluster.addPod('web-0', 'old-2'));
  cluster.virtual.after(70_000, () => cluster.addPod('web-1', 'old-1'));
  assertClean(await run(cluster), 62);
});

test('a node that vanishes takes its pods with it', async () => {
  const cluster = createFakeCluster({
    seed: 1,
    sourceNodes: 1,
    workloads: many(1, { replicas: 4, budget: { minAvailable: 4 } }),
  });
  cluster.virtual.after(30_000, () => cluster.removeNode('old-1'));
  const { error, seconds } = await run(cluster);
  assert.equal(error, null);
  assert.ok(seconds < 40);
});

test('crash-looping pods: under a budget the broken ones leave at once when the rest is healthy enough', async () => {
  const workloads = many(1, { replicas: 6, unready: 1, budget: { maxUnavailable: 2 } });
  assertClean(await drainOf({ seed: 1, sourceNodes: 2, workloads }), 6);
});

test('crash-looping pods at the floor of their budget: named with the pod that is not Ready', async () => {
  const workloads = many(1, { replicas: 3, unready: 2, budget: { maxUnavailable: 1 } });
  const { error, cluster } = await drainOf({ seed: 1, sourceNodes: 2, workloads }, { timeoutSeconds: 300 });
  assert.ok(error instanceof MigrateError);
  assert.match(
    error.why,
    /needs 2 healthy, has 1, expected 3(?:, for \w+)?; shop\/web-0-0 is not Ready: CrashLoopBackOff/,
  );
  assert.deepEqual(error.nextActions[0], 'kubectl -n shop logs web-0-0 --previous');
  assert.equal(cluster.counts.requests, 0);
});

test('AlwaysAllow: broken pods leave although the budget is at its floor', async () => {
  const workloads = many(1, {
    replicas: 3,
    unready: 2,
    budget: { maxUnavailable: 1 },
    unhealthyPodEvictionPolicy: 'AlwaysAllow',
  });
  assertClean(await drainOf({ seed: 1, sourceNodes: 2, workloads }), 3);
});

test('a workload without budget whose new pod never gets Ready stops there', async () => {
  const workloads = many(1, { replicas: 8, readySeconds: null });
  const { error, cluster } = await drainOf({ seed: 1, sourceNodes: 2, workloads }, { timeoutSeconds: 900 });
  assert.ok(error instanceof MigrateError);
  assert.equal(error.code, 'DRAIN.DEADLINE');
  assert.match(
    error.why,
    /has no PDB: 2 of 8 down, at most 2 may be(?:, for \w+)?; shop\/web-0-\d+ is not Ready: CrashLoopBackOff/,
  );
  assert.equal(cluster.counts.accepted, 2);
});

test('a watch that may not go on ends the drain with its error', async () => {
  const cluster = createFakeCluster({ seed: 1, sourceNodes: 2, workloads: plain });
  const denied = new MigrateError({
    code: 'KUBERNETES.UNAUTHORIZED',
    message: 'no',
    why: 'no',
    nextActions: [],
    exitCode: 6,
  });
  cluster.virtual.after(20_000, () => cluster.failWatch(denied));
  const { error, seconds } = await run(cluster);
  assert.equal(error, denied);
  assert.ok(seconds < 25);
});

test('nothing to move ends at once', async () => {
  const { error, seconds, journal } = await drainOf({ seed: 1, sourceNodes: 2, workloads: [] });
  assert.equal(error, null);
  assert.ok(seconds < 1);
  assert.deepEqual(journal, []);
});
