/** A small run of `npm run bench:drain`: what it asserts of the drain must hold with every change. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { boundOf } from './bound.ts';
import { kubectl } from './contenders/kubectl.ts';
import { ours } from './contenders/ours.ts';
import { levelOne } from './level-one.ts';
import { callText, misses, type Row } from './results.ts';
import { type Result, runCase } from './rig.ts';
import { scenarios, short } from './scenarios.ts';

test('the drain meets its targets, and is not slower than kubectl drain', async () => {
  const { rows, missed } = await levelOne({
    names: ['lumpy', 'stateful'],
    contenders: [kubectl],
    ourSeeds: 2,
    theirSeeds: 2,
  });
  assert.deepEqual(missed, []);
  assert.equal(rows.length, 4);
  const serial = rows.find(({ scenario, contender }) => scenario === 'lumpy' && contender === kubectl.name);
  assert.ok(serial?.results.every(({ seconds, boundSeconds }) => seconds > 2 * boundSeconds));
});

test('the same seed gives the same run', async () => {
  const [first, second] = [await runCase(ours, short(), 3), await runCase(ours, short(), 3)];
  assert.deepEqual(first, second);
});

test('the model of kubectl sends what kubectl sends', async () => {
  // 26 pods on four nodes with two DaemonSets; discovery and the cordon left out
  const { calls } = await runCase(kubectl, short(), 1);
  const { 'list nodes 200': nodes, 'list pods 200': pods, 'get daemonsets 200': daemonSets } = calls;
  assert.deepEqual([nodes, pods, daemonSets, calls['create pods/eviction 201']], [1, 4, 8, 26]);
  assert.equal(calls['get pods 404'], 26);
});

test('the lower bound, by hand', () => {
  const [web] = short().scenario.workloads.filter(({ name }) => name === 'app-0');
  assert.ok(web);
  const workload = { ...web, replicas: 10, readySeconds: 9.5, terminationSeconds: 3 };
  const bound = (limit: object | undefined, kind: 'Deployment' | 'StatefulSet' = 'Deployment') =>
    boundOf({
      workloads: [{ ...workload, kind }],
      budgets: limit ? [{ namespace: workload.namespace, name: 'b', selector: { app: workload.name }, ...limit }] : [],
    });
  assert.deepEqual(bound({ maxUnavailable: 1 }), { seconds: 9 * 10 + 3, stays: 0 });
  assert.deepEqual(bound({ maxUnavailable: 1 }, 'StatefulSet'), { seconds: 9 * 13 + 3, stays: 0 });
  assert.deepEqual(bound({ maxUnavailable: '25%' }), { seconds: 3 * 10 + 3, stays: 0 });
  assert.deepEqual(bound({ minAvailable: '75%' }), { seconds: 4 * 10 + 3, stays: 0 });
  assert.deepEqual(bound({ minAvailable: 10 }), { seconds: 0, stays: 10 });
  assert.deepEqual(bound(undefined), { seconds: 4 * 10 + 3, stays: 0 });
});

test('every missed target is named', () => {
  const result: Result = {
    contender: ours.name,
    seed: 7,
    seconds: 120,
    boundSeconds: 100,
    endedAfterSeconds: 121,
    ending: 'DRAIN.DEADLINE',
    refusedRightly: false,
    runs: 1,
    nodes: 2,
    pods: 8,
    calls: { 'create pods/eviction 201': 8, 'get pods 200': 5, 'watch pods 200': 90 },
    violations: 1,
    movesPerPod: 1.5,
    wrongPods: 2,
    mostDown: 0,
  };
  const row = (more: Partial<Result>): Row => ({ scenario: 's', contender: 'c', results: [{ ...result, ...more }] });
  assert.deepEqual(misses(row({}), [row({ seconds: 110 })], true), [
    's: makespan over the lower bound 1.2, at most 1.05 (seed 7)',
    's: calls for each node and pod 1.3, at most 1.2 (seed 7)',
    's: PDB violations 1, at most 0 (seed 7)',
    's: moves for each pod 1.5, at most 1 (seed 7)',
    's: evictions of a pod that had moved 2, at most 0 (seed 7)',
    's: the right refusal came after 121 s, 120 s when all else had moved: DRAIN.DEADLINE',
    's: 120 s, c 110 s (seed 7)',
  ]);
  const good = { seconds: 104, calls: { 'patch nodes 200': 12 }, violations: 0, movesPerPod: 1, wrongPods: 0 };
  assert.deepEqual(misses(row(good), [row({ seconds: 103, mostDown: 0.5 })], false), []);
  assert.equal(callText(row(good)), 'patch nodes 200: 12');
});

test('each scenario has a bound, and a name of its own', () => {
  assert.equal(new Set(scenarios.map(({ name }) => name)).size, scenarios.length);
  for (const { name, make } of scenarios) {
    const { boundSeconds, stays, refusal } = make(1);
    assert.ok(boundSeconds > 0, name);
    assert.equal(stays > 0, refusal !== undefined, name);
  }
});
