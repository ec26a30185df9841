import assert from 'node:assert/strict';
import test, { describe } from 'node:test';
import type { ClusterSnapshot } from '../../src/domain/snapshot.ts';
import { forecast, lowerBound } from '../../src/drain/forecast.ts';
import { aBudget, aDeployment, aNode, aPod, aSnapshot, podsOf } from '../support/snapshot.ts';

const settings = { unbudgetedPercent: 25 };
const nodes = ['old-1', 'old-2'];

const cluster = (overrides: Partial<ClusterSnapshot>): ClusterSnapshot =>
  aSnapshot({
    nodes: nodes.map((name) => aNode({ name, nodegroupName: 'apps' })),
    pods: [],
    workloads: [],
    podDisruptionBudgets: [],
    ...overrides,
  });

test('lower bound of a group: all waves but the last cost a cycle, the last one what it takes', () => {
  const cases: [pods: number, atOnce: number, cycle: number, termination: number, expected: number | null][] = [
    [0, 1, 30, 30, 0],
    [1, 1, 30, 10, 30],
    [1, 1, 30, 60, 60],
    [10, 1, 20, 10, 200],
    [10, 3, 20, 10, 80],
    [10, 3, 20, 50, 110],
    [5, 0, 20, 10, null],
  ];
  for (const [pods, atOnce, cycleSeconds, terminationSeconds, expected] of cases) {
    assert.equal(lowerBound({ pods, atOnce, cycleSeconds, terminationSeconds }), expected);
  }
});

test('the longest group decides, and one more replica shortens it', () => {
  const snapshot = cluster({
    pods: [...podsOf('shop', 'web', 4, nodes), ...podsOf('shop', 'api', 8, nodes)],
    workloads: [...aDeployment('shop', 'web', 4), ...aDeployment('shop', 'api', 8)],
    podDisruptionBudgets: [aBudget(), aBudget({ name: 'api', selector: { matchLabels: { app: 'api' } } })],
  });
  const { groups, ...whole } = forecast(snapshot, ['apps'], settings);
  assert.deepEqual(whole, { lowerBoundSeconds: 240, expectedSeconds: 248, criticalWorkload: 'shop/api' });
  assert.deepEqual(groups[0], {
    name: 'shop/api',
    kind: 'budget',
    budget: 'shop/api',
    pods: 8,
    atOnce: 1,
    cycleSeconds: 30,
    terminationSeconds: 30,
    startSeconds: 0,
    lowerBoundSeconds: 240,
    savedByOneMoreReplicaSeconds: 120,
  });
  assert.equal(groups[1]?.lowerBoundSeconds, 120);
});

test('a budget that never allows an eviction is shown and left out of the time', () => {
  const snapshot = cluster({
    pods: [...podsOf('shop', 'web', 4, nodes), ...podsOf('shop', 'api', 2, nodes)],
    workloads: [...aDeployment('shop', 'web', 4), ...aDeployment('shop', 'api', 2)],
    podDisruptionBudgets: [aBudget({ minAvailable: 4, maxUnavailable: null })],
  });
  const { groups, lowerBoundSeconds, criticalWorkload } = forecast(snapshot, ['apps'], settings);
  assert.equal(lowerBoundSeconds, 60);
  assert.equal(criticalWorkload, 'shop/web');
  assert.deepEqual([groups[0]?.name, groups[0]?.atOnce, groups[0]?.lowerBoundSeconds], ['shop/web', 0, null]);
});

test('a pod in two budgets never moves', () => {
  const snapshot = cluster({
    pods: podsOf('shop', 'web', 1, nodes),
    workloads: aDeployment('shop', 'web', 1),
    podDisruptionBudgets: [aBudget(), aBudget({ name: 'web-2' })],
  });
  const [group] = forecast(snapshot, ['apps'], settings).groups;
  assert.deepEqual([group?.atOnce, group?.lowerBoundSeconds], [0, null]);
});

test('a stateful set waits for the old pod, its volume and the new pod', () => {
  const controller = { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 'uid-sts' };
  const pods = [0, 1, 2].map((index) =>
    aPod({
      name: `db-${index}`,
      nodeName: 'old-1',
      controller,
      persistentVolumeClaims: [`data-db-${index}`],
      terminationGracePeriodSeconds: 10,
    }),
  );
  const [group] = forecast(cluster({ pods, podDisruptionBudgets: [aBudget()] }), ['apps'], settings).groups;
  assert.equal(group?.cycleSeconds, 10 + 20 + 30);
  assert.equal(group?.lowerBoundSeconds, 180);
});

test('without budget a quarter may be down; singletons of a namespace go one after the other', () => {
  const snapshot = cluster({
    pods: [
      ...podsOf('shop', 'web', 8, nodes),
      ...podsOf('tools', 'a', 1, nodes),
      ...podsOf('tools', 'b', 1, nodes),
      aPod({ namespace: 'tools', name: 'bare', nodeName: 'old-1', controller: null, labels: {} }),
    ],
    workloads: [...aDeployment('shop', 'web', 8), ...aDeployment('tools', 'a', 1), ...aDeployment('tools', 'b', 1)],
  });
  const { groups } = forecast(snapshot, ['apps'], settings);
  assert.deepEqual(
    groups.map(({ name, kind, pods, atOnce, lowerBoundSeconds }) => [name, kind, pods, atOnce, lowerBoundSeconds]),
    [
      ['shop/web', 'owner', 8, 2, 120],
      ['tools/*', 'singletons', 2, 1, 60],
      ['bare pods', 'bare', 1, 1, 30],
    ],
  );
});

test('nothing to move takes no time; pods of DaemonSets and other node groups do not count', () => {
  const snapshot = cluster({
    nodes: [aNode({ name: 'old-1', nodegroupName: 'apps' }), aNode({ name: 'other', nodegroupName: 'tools' })],
    pods: [
      aPod({
        name: 'ds',
        nodeName: 'old-1',
        controller: { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'd', uid: 'd' },
      }),
      aPod({ name: 'elsewhere', nodeName: 'other' }),
    ],
  });
  assert.deepEqual(forecast(snapshot, ['apps'], settings), {
    lowerBoundSeconds: 0,
    expectedSeconds: 0,
    criticalWorkload: null,
    groups: [],
  });
});

test('very many pods: the speed limit decides', () => {
  const pods = Array.from({ length: 130_000 }, (_, index) =>
    aPod({ name: `p-${index}`, nodeName: 'old-1', controller: null, labels: {}, terminationGracePeriodSeconds: 5 }),
  );
  assert.equal(forecast(cluster({ pods }), ['apps'], settings).lowerBoundSeconds, 130_000 / 50 + 5);
});

const drainOf = (startups: (number | null)[]) =>
  forecast(
    cluster({
      pods: podsOf('shop', 'web', 4, nodes).map((pod, index) => ({
        ...pod,
        startupSeconds: startups[index] ?? null,
      })),
      workloads: aDeployment('shop', 'web', 4),
      podDisruptionBudgets: [aBudget()],
    }),
    ['apps'],
    settings,
  );

describe('what pods show of how long they took to be Ready', () => {
  const rows: [string, (number | null)[], number, number][] = [
    // the shortest, less a second of rounding, is what no drain can beat; the mean is what is likely
    ['all alike', [11, 11, 11, 11], 40, 3 * 11 + 30 + 4],
    ['some longer', [11, 31, 51, 31], 40, 4 * 31 + 4],
    ['some restarted', [null, 11, null, null], 40, 3 * 11 + 30 + 4],
    ['none is Ready', [null, null, null, null], 0, 4 * 30 + 4],
  ];
  for (const [name, startups, least, expected] of rows) {
    test(name, () => {
      const { lowerBoundSeconds, expectedSeconds } = drainOf(startups);
      assert.deepEqual([lowerBoundSeconds, expectedSeconds], [least, expected]);
    });
  }
});

test('nothing has to be Ready in place of a bare pod', () => {
  const pods = [aPod({ name: 'debug', nodeName: 'old-1', controller: null, labels: {}, startupSeconds: 19 })];
  assert.equal(forecast(cluster({ pods }), ['apps'], settings).lowerBoundSeconds, 0);
});

test('pods that are not healthy now may be so when the drain begins', () => {
  const [pod] = podsOf('shop', 'web', 1, nodes);
  assert.ok(pod);
  const snapshot = cluster({
    pods: [{ ...pod, startupSeconds: 4 }],
    workloads: aDeployment('shop', 'web', 4),
    podDisruptionBudgets: [aBudget({ status: { ...aBudget().status, currentHealthy: 1, desiredHealthy: 3 } })],
  });
  const { lowerBoundSeconds, expectedSeconds } = forecast(snapshot, ['apps'], settings);
  assert.deepEqual([lowerBoundSeconds, expectedSeconds], [3, 30 + 30 + 1]);
});
