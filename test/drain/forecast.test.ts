import assert from 'node:assert/strict';
import test, { describe } from 'node:test';
import type { ClusterSnapshot, Pod, PodDisruptionBudget } from '../../src/domain/snapshot.ts';
import { forecast, mostGroups } from '../../src/drain/forecast.ts';
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

test('the longest group decides; with maxUnavailable one more replica saves nothing, one more at once does', () => {
  const snapshot = cluster({
    pods: [...podsOf('shop', 'web', 4, nodes), ...podsOf('shop', 'api', 8, nodes)],
    workloads: [...aDeployment('shop', 'web', 4), ...aDeployment('shop', 'api', 8)],
    podDisruptionBudgets: [aBudget(), aBudget({ name: 'api', selector: { matchLabels: { app: 'api' } } })],
  });
  const { groups, ...whole } = forecast(snapshot, ['apps'], settings);
  assert.deepEqual(whole, {
    lowerBoundSeconds: 240,
    expectedSeconds: 248,
    criticalWorkload: 'shop/api',
    limitedBy: 'budget',
    groupsLeftOut: 0,
  });
  assert.deepEqual(groups[0], {
    name: 'shop/api',
    kind: 'budget',
    budget: 'shop/api',
    pods: 8,
    atOnce: 1,
    cycleSeconds: 30,
    terminationSeconds: 30,
    graceSeconds: 30,
    startSeconds: 0,
    lowerBoundSeconds: 240,
    expectedSeconds: 248,
    savedByOneMoreReplicaSeconds: 0,
    savedByOneMoreAtOnceSeconds: 120,
  });
  assert.equal(groups[1]?.lowerBoundSeconds, 120);
});

describe('one more replica, by how the budget is written', () => {
  // 8 pods, 30 s each: 1 at once takes 240 s, 2 at once 120 s
  const rows: [string, Partial<PodDisruptionBudget>, saved: number][] = [
    ['minAvailable 7: one more may go', { minAvailable: 7, maxUnavailable: null }, 120],
    ['minAvailable 80%: of 9 as of 8 must stay', { minAvailable: '80%', maxUnavailable: null }, 0],
    ['maxUnavailable 1', {}, 0],
    ['maxUnavailable 12%: of 9 two may go', { maxUnavailable: '12%' }, 120],
  ];
  for (const [name, budget, saved] of rows) {
    test(name, () => {
      const snapshot = cluster({
        pods: podsOf('shop', 'web', 8, nodes),
        workloads: aDeployment('shop', 'web', 8),
        podDisruptionBudgets: [aBudget(budget)],
      });
      assert.equal(forecast(snapshot, ['apps'], settings).groups[0]?.savedByOneMoreReplicaSeconds, saved);
    });
  }
});

test('a budget that never allows an eviction is shown and left out of the time', () => {
  const snapshot = cluster({
    pods: [...podsOf('shop', 'web', 4, nodes), ...podsOf('shop', 'api', 2, nodes)],
    workloads: [...aDeployment('shop', 'web', 4), ...aDeployment('shop', 'api', 2)],
    podDisruptionBudgets: [aBudget({ minAvailable: 4, maxUnavailable: null })],
  });
  const { groups, lowerBoundSeconds, criticalWorkload } = forecast(snapshot, ['apps'], settings);
  assert.equal(lowerBoundSeconds, 60);
  assert.equal(criticalWorkload, 'shop/api');
  const [never] = groups;
  assert.deepEqual(
    [never?.name, never?.atOnce, never?.lowerBoundSeconds, never?.expectedSeconds],
    ['shop/web', 0, null, null],
  );
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
  assert.equal(group?.lowerBoundSeconds, 60 + 60 + 10, 'the last pod has left when it has ended');
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

test('singletons wait for each other, not for each to end; that decides', () => {
  const names = Array.from({ length: 10 }, (_, index) => `s${index}`);
  const snapshot = cluster({
    pods: names.flatMap((name) => seen(podsOf('tools', name, 1, nodes), 1)),
    workloads: names.flatMap((name) => aDeployment('tools', name, 1)),
  });
  const { expectedSeconds, criticalWorkload, limitedBy } = forecast(snapshot, ['apps'], settings);
  assert.deepEqual([expectedSeconds, criticalWorkload, limitedBy], [10 * (1 + 1) + 29, 'tools/*', 'budget']);
});

test('none decides where none ends', () => {
  const snapshot = cluster({
    pods: podsOf('shop', 'web', 4, nodes),
    workloads: aDeployment('shop', 'web', 4),
    podDisruptionBudgets: [aBudget({ minAvailable: 4, maxUnavailable: null })],
  });
  assert.equal(forecast(snapshot, ['apps'], settings).criticalWorkload, null);
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
    limitedBy: 'nothing',
    groups: [],
    groupsLeftOut: 0,
  });
});

test('very many pods: the speed limit decides, and only the first few go at once', () => {
  const pods = Array.from({ length: 130_000 }, (_, index) =>
    aPod({ name: `p-${index}`, nodeName: 'old-1', controller: null, labels: {}, terminationGracePeriodSeconds: 5 }),
  );
  const { lowerBoundSeconds, expectedSeconds, limitedBy } = forecast(cluster({ pods }), ['apps'], settings);
  assert.deepEqual(
    [lowerBoundSeconds, expectedSeconds, limitedBy],
    [Math.floor((130_000 - 10) / 50 + 5), 130_000 / 50 + 5, 'rate'],
  );
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

const boundOf = (warmupSeconds: number) => {
  const pods = podsOf('shop', 'web', 4, nodes).map((pod) => ({ ...pod, startupSeconds: 31, warmupSeconds }));
  const quick = aPod({ name: 'quick', nodeName: 'other', startupSeconds: 5, warmupSeconds: 0 });
  const snapshot = cluster({
    pods: [...pods, quick],
    workloads: aDeployment('shop', 'web', 4),
    podDisruptionBudgets: [aBudget()],
  });
  return forecast(snapshot, ['apps'], settings).lowerBoundSeconds;
};

test('pods that came up together waited for each other: no more than their warm-up is sure', () => {
  assert.equal(boundOf(21), 3 * 20);
  assert.equal(boundOf(0), 3 * 4, 'as long as the fastest start in the cluster');
});

describe('what pods show of how long they took to be Ready', () => {
  const rows: [string, (number | null)[], number, number][] = [
    // three waves of the shortest, less a second of rounding, are what no drain can beat; four of the mean are likely
    ['all alike', [11, 11, 11, 11], 30, 3 * 11 + 30 + 4],
    ['some longer', [11, 31, 51, 31], 30, 4 * 31 + 4],
    ['some restarted', [null, 11, null, null], 30, 3 * 11 + 30 + 4],
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
  const { lowerBoundSeconds, expectedSeconds, groups } = forecast(snapshot, ['apps'], settings);
  assert.deepEqual([lowerBoundSeconds, expectedSeconds, groups[0]?.startSeconds], [0, 30 + 30 + 1, 30]);
});

const seen = (pods: Pod[], startupSeconds: number): Pod[] => pods.map((pod) => ({ ...pod, startupSeconds }));

const least = (...pods: Pod[]): number =>
  forecast(
    cluster({ pods, workloads: aDeployment('shop', 'web', 4), podDisruptionBudgets: [aBudget()] }),
    ['apps'],
    settings,
  ).lowerBoundSeconds;

test('what needs no allowance is not in the lower bound: pods that are not Ready, that leave already, or of a Job', () => {
  const [a, b, c, d] = seen(podsOf('shop', 'web', 4, nodes), 11);
  assert.ok(a && b && c && d);
  const job = { apiVersion: 'batch/v1', kind: 'Job', name: 'j', uid: 'j' };
  assert.equal(least(a, b, c, d), 30);
  assert.equal(least(a, b, c, { ...d, ready: false }), 20);
  assert.equal(least(a, b, c, { ...d, deletionTimestamp: '2026-03-01T10:00:00Z' }), 20);
  assert.equal(least(a, b, c, { ...d, controller: job }), 20);
});

test('more that may go now than its rule says is believed for the lower bound only', () => {
  const pods = seen(podsOf('shop', 'web', 8, nodes), 11);
  const status = { ...aBudget().status, disruptionsAllowed: 4, currentHealthy: 11, desiredHealthy: 7, expectedPods: 8 };
  const snapshot = cluster({
    pods,
    workloads: aDeployment('shop', 'web', 8),
    podDisruptionBudgets: [aBudget({ status })],
  });
  const [group] = forecast(snapshot, ['apps'], settings).groups;
  assert.deepEqual([group?.atOnce, group?.lowerBoundSeconds, group?.expectedSeconds], [1, 10, 7 * 11 + 30 + 8]);
});

test('the disruption controller knows the scale of kinds that we do not', () => {
  const controller = { apiVersion: 'example.com/v1', kind: 'Database', name: 'db', uid: 'db' };
  const pods = [0, 1].map((index) => aPod({ name: `db-${index}`, nodeName: 'old-1', controller }));
  const status = { ...aBudget().status, currentHealthy: 5, desiredHealthy: 3, expectedPods: 5 };
  const snapshot = cluster({
    pods,
    podDisruptionBudgets: [aBudget({ minAvailable: 3, maxUnavailable: null, status })],
  });
  assert.equal(forecast(snapshot, ['apps'], settings).groups[0]?.atOnce, 2);
});

test('a Deployment that is rolled over needs no budget: the new pod is Ready, then the old one ends', () => {
  const pods = seen(podsOf('shop', 'cart', 1, nodes), 21);
  const snapshot = cluster({
    pods,
    workloads: aDeployment('shop', 'cart', 1),
    podDisruptionBudgets: [
      aBudget({ name: 'cart', selector: { matchLabels: { app: 'cart' } }, minAvailable: 1, maxUnavailable: null }),
    ],
  });
  const evicted = forecast(snapshot, ['apps'], settings);
  assert.deepEqual([evicted.groups[0]?.kind, evicted.groups[0]?.expectedSeconds], ['budget', null]);
  const { groups, lowerBoundSeconds } = forecast(snapshot, ['apps'], { ...settings, surge: ['shop/cart'] });
  assert.deepEqual(
    [groups[0]?.kind, groups[0]?.cycleSeconds, groups[0]?.expectedSeconds, lowerBoundSeconds],
    ['surge', 51, 52, 20],
  );
});

test('pods of Jobs are waited for, as long as was asked; they may end before', () => {
  const controller = { apiVersion: 'batch/v1', kind: 'Job', name: 'report', uid: 'job' };
  const pods = seen([aPod({ name: 'report-x', nodeName: 'old-1', controller, labels: {} })], 5);
  const { groups, lowerBoundSeconds } = forecast(cluster({ pods }), ['apps'], { ...settings, waitForJobsSeconds: 900 });
  assert.deepEqual([groups[0]?.startSeconds, groups[0]?.expectedSeconds, lowerBoundSeconds], [900, 900 + 30 + 1, 0]);
});

const dns = (nodeName: string): Pod[] =>
  seen(podsOf('kube-system', 'coredns', 2, [nodeName]), 11).map((pod) => ({
    ...pod,
    labels: { 'k8s-app': 'kube-dns' },
  }));

const starts = (pods: Pod[]): Record<string, number[]> => {
  const snapshot = cluster({
    nodes: [
      ...nodes.map((name) => aNode({ name, nodegroupName: 'apps' })),
      aNode({ name: 'stays', nodegroupName: 'tools' }),
    ],
    pods: [...pods, ...seen(podsOf('shop', 'web', 2, nodes), 11)],
    workloads: [...aDeployment('kube-system', 'coredns', 2), ...aDeployment('shop', 'web', 2)],
  });
  const { groups } = forecast(snapshot, ['apps'], {
    ...settings,
    first: [{ name: 'coredns', namespace: 'kube-system', selector: { 'k8s-app': 'kube-dns' } }],
  });
  return Object.fromEntries(
    groups.map(({ name, startSeconds, lowerBoundSeconds }) => [name, [startSeconds, lowerBoundSeconds ?? -1]]),
  );
};

describe('what others need goes first, and they wait until a pod of it is Ready elsewhere', () => {
  test('all of it on the sources', () => {
    assert.deepEqual(starts(dns('old-1')), { 'kube-system/coredns': [0, 10], 'shop/web': [11, 10 + 10] });
  });
  test('one is elsewhere already', () => {
    const [one, two] = dns('old-1');
    assert.ok(one && two);
    assert.deepEqual(starts([one, { ...two, nodeName: 'stays' }]), {
      'kube-system/coredns': [0, 0],
      'shop/web': [0, 10],
    });
  });
});

test('a grace period that somebody made long is expected to be used by half, so that twice of it covers all', () => {
  const pods = [
    aPod({ name: 'debug', nodeName: 'old-1', controller: null, labels: {}, terminationGracePeriodSeconds: 3600 }),
  ];
  const { expectedSeconds, limitedBy } = forecast(cluster({ pods }), ['apps'], settings);
  assert.deepEqual([expectedSeconds, limitedBy], [1801, 'termination']);
});

test('of many groups the longest are kept', () => {
  const names = Array.from({ length: mostGroups + 7 }, (_, index) => `w${index}`);
  const snapshot = cluster({
    pods: names.flatMap((name, index) => podsOf('shop', name, 1 + (index % 9), nodes)),
    workloads: names.flatMap((name, index) => aDeployment('shop', name, 1 + (index % 9) + 9)),
  });
  const { groups, groupsLeftOut } = forecast(snapshot, ['apps'], settings);
  assert.deepEqual([groups.length, groupsLeftOut], [mostGroups, 7]);
  assert.deepEqual(
    groups,
    groups.toSorted((x, y) => (y.expectedSeconds ?? 0) - (x.expectedSeconds ?? 0)),
  );
});
