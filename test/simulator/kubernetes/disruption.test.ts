import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployment, Pod } from '../../../src/simulator/kubernetes/objects.ts';
import { createWorld, space, type World } from './world.ts';

/** Replicas of `web`, settled, behind one budget. */
function withBudget(
  replicas: number,
  budget: { minAvailable?: number | string; maxUnavailable?: number | string },
  nodes = 3,
): World {
  const world = createWorld({ nodes });
  world.workload('Deployment', 'web', replicas);
  world.cluster.createBudget({ namespace: space, name: 'web', selector: { app: 'web' }, ...budget });
  world.clock.advance(20_000);
  return world;
}

function nameOf(pods: readonly Pod[], index = 0): string {
  return pods[index]?.metadata.name ?? '';
}

const arithmetic: [
  replicas: number,
  budget: Parameters<typeof withBudget>[1],
  expected: [expectedPods: number, desired: number, allowed: number],
][] = [
  [3, { minAvailable: 2 }, [3, 2, 1]],
  [3, { minAvailable: 3 }, [3, 3, 0]],
  [3, { maxUnavailable: 1 }, [3, 2, 1]],
  [3, { maxUnavailable: 0 }, [3, 3, 0]],
  [10, { maxUnavailable: '25%' }, [10, 7, 3]],
  [10, { minAvailable: '75%' }, [10, 8, 2]],
  [3, { minAvailable: '100%' }, [3, 3, 0]],
  [2, { maxUnavailable: 5 }, [2, 0, 2]],
];

for (const [replicas, budget, expected] of arithmetic) {
  test(`${replicas} pods with ${JSON.stringify(budget)}`, () => {
    const { status } = withBudget(replicas, budget).budget('web');
    assert.deepEqual([status.expectedPods, status.desiredHealthy, status.disruptionsAllowed], expected);
    assert.equal(status.currentHealthy, replicas);
  });
}

test('the status follows its pods after a lag, and an eviction uses it up at once', () => {
  const world = withBudget(3, { maxUnavailable: 1 });
  assert.ok(world.cluster.evict(space, nameOf(world.readyPods())));
  assert.equal(world.budget('web').status.disruptionsAllowed, 0);
  assert.equal(world.budget('web').status.currentHealthy, 3, 'the controller has not looked yet');
  world.clock.advance(600);
  assert.equal(world.budget('web').status.currentHealthy, 2);
  assert.equal(world.cluster.evict(space, nameOf(world.readyPods())), false);
  world.clock.advance(10_000);
  assert.ok(world.cluster.evict(space, nameOf(world.readyPods())), 'the replacement is Ready');
});

test('an eviction that fails its precondition uses the budget up for two minutes', async () => {
  const world = withBudget(3, { maxUnavailable: 1 });
  const name = nameOf(world.readyPods());
  const body = {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name },
    deleteOptions: { preconditions: { uid: 'other' } },
  };
  assert.equal((await world.send('POST', `/api/v1/namespaces/${space}/pods/${name}/eviction`, { body })).status, 409);
  const allowed = (): number => world.budget('web').status.disruptionsAllowed;
  world.clock.advance(119_000);
  assert.equal(allowed(), 0);
  world.clock.advance(3_000);
  assert.equal(allowed(), 1);
  assert.equal(world.budget('web').status.disruptedPods, undefined);
});

test('a share of pods that nothing scales cannot be computed: nothing may be disrupted', () => {
  const world = createWorld();
  world.workload('DaemonSet', 'agent', 0);
  world.cluster.createBudget({ namespace: space, name: 'web', selector: { app: 'agent' }, maxUnavailable: '50%' });
  world.clock.advance(20_000);
  const { status } = world.budget('web');
  assert.equal(status.disruptionsAllowed, 0);
  assert.deepEqual(
    status.conditions?.map(({ reason, message }) => [reason, message]),
    [['SyncFailed', 'daemonsets.apps does not implement the scale subresource']],
  );
});

test('an unready pod may go when enough others are healthy, and costs nothing', () => {
  const world = withBudget(3, { minAvailable: 3 });
  world.store.update<Pod>('pods', space, nameOf(world.readyPods()), ({ status }) => {
    status.conditions =
      status.conditions?.map((each) => (each.type === 'Ready' ? { ...each, status: 'False' } : each)) ?? [];
  });
  const [unready] = world.pods().filter((pod) => !world.readyPods().includes(pod));
  assert.ok(unready);
  assert.ok(world.cluster.evict(space, unready.metadata.name), 'currentHealthy is still 3 of 3');
  assert.equal(world.cluster.evict(space, nameOf(world.readyPods())), false);
});

test('what evictions break is nobody’s fault; what a deletion breaks is written down', () => {
  const world = withBudget(3, { minAvailable: 2 });
  world.cluster.resetReport();
  const [one, two, three] = world.readyPods();
  assert.ok(one && two && three);
  world.cluster.evict(space, one.metadata.name);
  assert.deepEqual(world.cluster.violations(), []);
  world.cluster.deletePod(space, two.metadata.name);
  world.cluster.evict(space, three.metadata.name);
  const report = world.cluster.report();
  assert.deepEqual(report.violations, [
    {
      at: world.clock.now(),
      namespace: space,
      budget: 'web',
      pod: two.metadata.name,
      cause: 'delete',
      healthy: 1,
      desired: 2,
    },
  ]);
  assert.deepEqual(report.evictions, { accepted: 1, refused: 1 });
  assert.deepEqual(report.workloads, [{ kind: 'Deployment', namespace: space, name: 'web', moves: 2 }]);
  assert.deepEqual(report.lowestHealthy, { 'shop/web': 1 });
});

test('scaling down below the budget is the owner’s business', () => {
  const world = withBudget(4, { maxUnavailable: 0 });
  world.store.update<Deployment>('deployments', space, 'web', ({ spec }) => {
    spec.replicas = 1;
  });
  world.clock.advance(20_000);
  assert.equal(world.readyPods().length, 1);
  assert.deepEqual(world.cluster.violations(), []);
});

test('pods lost with their node count as a violation', () => {
  const world = withBudget(3, { minAvailable: 3 });
  world.store.remove('nodes', undefined, 'node-0');
  world.clock.advance(60_000);
  assert.deepEqual(
    world.cluster.violations().map(({ cause, healthy }) => [cause, healthy]),
    [['node-gone', 2]],
  );
  assert.equal(world.readyPods().length, 3, 'and are replaced');
});

test('a dry run asks the budget and charges it nothing', async () => {
  const world = withBudget(3, { maxUnavailable: 1 });
  const before = world.budget('web');
  const name = nameOf(world.readyPods());
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name }, deleteOptions: { dryRun: ['All'] } };
  const path = `/api/v1/namespaces/${space}/pods/${name}/eviction`;
  assert.equal((await world.send('POST', path, { body })).status, 201);
  assert.equal(world.budget('web'), before);
  assert.equal(world.readyPods().length, 3);
  world.cluster.evict(space, nameOf(world.readyPods(), 1));
  assert.equal((await world.send('POST', path, { body })).status, 429);
});
