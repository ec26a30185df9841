import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { budgetOutlook, budgetRule, budgetsOf, indexBudgets, needsBudget, scaled } from '../../src/domain/budgets.ts';
import type { PodDisruptionBudget } from '../../src/domain/snapshot.ts';
import { indexWorkloads } from '../../src/domain/workloads.ts';
import { aBudget, aDeployment, aPod, podsOf } from '../support/snapshot.ts';

const workloads = indexWorkloads([...aDeployment('shop', 'web', 4), ...aDeployment('shop', 'api', 3)]);
const web = podsOf('shop', 'web', 4, ['n1', 'n2']);

describe('the best that a budget can allow', () => {
  const rows: [string, Partial<PodDisruptionBudget>, [number, number, number]][] = [
    ['maxUnavailable 1', { maxUnavailable: 1 }, [4, 3, 1]],
    ['maxUnavailable 0', { maxUnavailable: 0 }, [4, 4, 0]],
    ['maxUnavailable 0%', { maxUnavailable: '0%' }, [4, 4, 0]],
    ['maxUnavailable 10% is rounded up', { maxUnavailable: '10%' }, [4, 3, 1]],
    ['maxUnavailable above the replicas', { maxUnavailable: 9 }, [4, 0, 4]],
    ['minAvailable 3', { maxUnavailable: null, minAvailable: 3 }, [4, 3, 1]],
    ['minAvailable as many as replicas', { maxUnavailable: null, minAvailable: 4 }, [4, 4, 0]],
    ['minAvailable more than replicas', { maxUnavailable: null, minAvailable: 7 }, [4, 7, 0]],
    ['minAvailable 80% is rounded up', { maxUnavailable: null, minAvailable: '80%' }, [4, 4, 0]],
    ['minAvailable 50%', { maxUnavailable: null, minAvailable: '50%' }, [4, 2, 2]],
    ['neither', { maxUnavailable: null }, [4, 0, 4]],
  ];
  for (const [name, overrides, expected] of rows) {
    test(name, () => {
      const { expectedPods, desiredHealthy, allowedAtBest } = budgetOutlook(aBudget(overrides), web, workloads);
      assert.deepEqual([expectedPods, desiredHealthy, allowedAtBest], expected);
    });
  }
  test('replicas count, not the pods there are', () => {
    assert.equal(
      budgetOutlook(aBudget({ maxUnavailable: null, minAvailable: 3 }), web.slice(0, 3), workloads).allowedAtBest,
      1,
    );
  });
  test('a budget over two workloads adds them up', () => {
    const both = [...web, ...podsOf('shop', 'api', 3, ['n1'])];
    assert.equal(budgetOutlook(aBudget({ maxUnavailable: null, minAvailable: 6 }), both, workloads).expectedPods, 7);
  });
  test('pods of unknown controllers count themselves, bare pods where minAvailable is a number; finished ones do not', () => {
    const job = { apiVersion: 'batch/v1', kind: 'Job', name: 'j', uid: 'uid-j' };
    const pods = [
      aPod({ name: 'a', controller: job }),
      aPod({ name: 'b', controller: job }),
      aPod({ name: 'c', controller: null }),
      aPod({ name: 'd', phase: 'Succeeded', controller: null }),
    ];
    const two = aBudget({ maxUnavailable: null, minAvailable: 2 });
    assert.equal(budgetOutlook(two, pods, workloads).expectedPods, 3);
    assert.equal(budgetOutlook(aBudget(), pods, workloads).expectedPods, 2);
    assert.deepEqual(budgetOutlook(aBudget(), pods.slice(2), workloads), {
      expectedPods: 0,
      desiredHealthy: 0,
      allowedAtBest: 0,
    });
  });
});

test('budgets are found by namespace and labels', () => {
  const index = indexBudgets([
    aBudget(),
    aBudget({ name: 'all', selector: {} }),
    aBudget({ name: 'none', selector: null }),
    aBudget({ namespace: 'other' }),
  ]);
  assert.deepEqual(
    budgetsOf(aPod(), index).map(({ name }) => name),
    ['all', 'web'],
  );
});
test('only pods that count need a budget', () => {
  const lenient = aBudget({ unhealthyPodEvictionPolicy: 'AlwaysAllow' });
  assert.equal(needsBudget(aPod(), aBudget()), true);
  assert.equal(needsBudget(aPod({ ready: false }), aBudget()), true);
  assert.equal(needsBudget(aPod({ ready: false }), lenient), false);
  assert.equal(needsBudget(aPod({ phase: 'Pending' }), aBudget()), false);
  assert.equal(needsBudget(aPod({ deletionTimestamp: '2026-01-01T00:00:00Z' }), aBudget()), false);
});
test('numbers and percentages', () => {
  assert.deepEqual(
    [scaled(2, 9), scaled('25%', 9), scaled('100%', 9), scaled('x', 9), scaled(null, 9)],
    [2, 3, 9, null, null],
  );
  assert.equal(budgetRule(aBudget({ maxUnavailable: '10%' })), 'maxUnavailable: 10%');
  assert.equal(budgetRule(aBudget({ maxUnavailable: null, minAvailable: 2 })), 'minAvailable: 2');
});
