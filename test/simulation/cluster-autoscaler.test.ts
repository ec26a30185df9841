/** A cluster autoscaler that would remove the new nodes while they are empty, and add old ones while pods wait. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MigrationPlan } from '../../src/domain/plan.ts';
import type { Deployment, Node } from '../../src/simulator/kubernetes/objects.ts';
import { withClusterAutoscaler as scenario } from '../../src/simulator/scenarios/cluster-autoscaler.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { memoryJournal } from '../support/sample-plan.ts';
import { planFor, startProcess } from './migration.ts';
import { migrate } from './sweep.ts';

const minute = 60_000;
const disabled = 'cluster-autoscaler.kubernetes.io/scale-down-disabled';
const interlocks = ['protect-replacement', 'unprotect-replacement', 'cap-source', 'suspend-processes'];

const nodesOf = (world: World, nodegroupName: string): Node[] =>
  world.store
    .list<Node>('nodes')
    .filter(({ metadata }) => metadata.labels?.['eks.amazonaws.com/nodegroup'] === nodegroupName);

/** The same plan for a cluster in which nobody looked for an autoscaler. */
function without(kinds: readonly string[], plan: MigrationPlan): MigrationPlan {
  const steps = plan.steps.filter(({ kind }) => !kinds.includes(kind));
  const left = new Set(steps.map(({ id }) => id));
  return { ...plan, steps: steps.map((step) => ({ ...step, dependsOn: step.dependsOn.filter((id) => left.has(id)) })) };
}

const scaleWeb = (world: World, replicas: number): unknown =>
  world.store.update<Deployment>('deployments', 'shop', 'web', ({ spec }) => {
    spec.replicas = replicas;
  });

/** Verified and then left alone for 40 minutes; cordoned, with many more pods for half an hour. */
async function longWaits(change: (plan: MigrationPlan) => MigrationPlan) {
  const world = createWorld(scenario, { seed: 1 });
  const plan = change(await planFor(world, { nodegroups: ['general'] }));
  const [group] = plan.nodegroups;
  assert.ok(group);
  const journal = memoryJournal();
  const run = async (until?: 'verify' | 'cordon') => {
    const result = await (await startProcess(world)).run(plan, journal, until === undefined ? {} : { until });
    if (result === 'cut') throw new Error('nobody cut it');
    return result;
  };
  const sizes = () => ({
    source: nodesOf(world, group.source).length,
    replacement: nodesOf(world, group.replacement).length,
  });
  assert.equal((await run('verify')).exitCode, 0);
  world.clock.advance(40 * minute);
  const verified = sizes();
  assert.equal((await run('cordon')).exitCode, 0);
  scaleWeb(world, 100);
  world.clock.advance(30 * minute);
  const crowded = sizes();
  scaleWeb(world, 12);
  world.clock.advance(minute);
  return { world, group, run, verified, crowded };
}

test('new nodes stay although they are empty, and no old ones come although pods wait; nothing is left of that', async () => {
  const { world, group, run, verified, crowded } = await longWaits((plan) => plan);
  assert.deepEqual(verified, { source: group.nodes.source, replacement: group.nodes.replacement });
  assert.deepEqual(crowded, { source: group.nodes.source, replacement: group.nodes.replacement + 1 });

  const { exitCode, stoppedBy } = await run();
  assert.equal(exitCode, 0, stoppedBy?.message);
  assert.equal(world.stats().budgetViolations, 0);
  for (const { metadata } of world.store.list<Node>('nodes')) {
    const own = Object.keys(metadata.annotations ?? {}).filter((key) => key.includes('scale-down-disabled'));
    assert.deepEqual(own, [], metadata.name);
  }
});

test('left to itself, the autoscaler removes new nodes and adds old ones', async () => {
  const { group, verified, crowded } = await longWaits((plan) => without(interlocks, plan));
  assert.ok(verified.replacement < group.nodes.replacement, 'it removes empty new nodes');
  assert.ok(crowded.source > group.nodes.source, 'it adds old nodes');
});

test('what is put on is in the journal before, and a protection that was there stays', async () => {
  const world = createWorld(scenario, { seed: 1 });
  const plan = await planFor(world, { nodegroups: ['memory'] });
  const [group] = plan.nodegroups;
  assert.ok(group);
  let theirs: string | undefined;
  world.store.subscribe<Node>('nodes', ({ type, object }) => {
    if (type !== 'ADDED' || theirs !== undefined) return;
    if (object.metadata.labels?.['eks.amazonaws.com/nodegroup'] !== group.replacement) return;
    theirs = object.metadata.name;
    world.store.update<Node>('nodes', undefined, theirs, ({ metadata }) => {
      metadata.annotations = { ...metadata.annotations, [disabled]: 'true' };
    });
  });
  const journal = memoryJournal();
  const result = await (await startProcess(world)).run(plan, journal);
  assert.ok(result !== 'cut' && result.exitCode === 0);
  const protectedNodes = nodesOf(world, group.replacement).filter(({ metadata }) => metadata.annotations?.[disabled]);
  assert.deepEqual(
    protectedNodes.map(({ metadata }) => metadata.name),
    [theirs],
  );
  const records = journal
    .entries()
    .flatMap((entry) => (entry.type === 'step-progress' && entry.progress.kind === 'recorded' ? [entry] : []));
  assert.deepEqual(
    records.map(({ stepId, progress }) => [stepId, progress.kind === 'recorded' && progress.value]),
    [
      ['suspend-processes/memory', []],
      ['cap-source/memory', scenario.nodegroups.find(({ name }) => name === 'memory')?.scaling],
    ],
  );
});

test('cut right before or after what holds the autoscaler back, a run comes to the same end', async (t) => {
  const options = { scenario: scenario.name, seed: 1 };
  const baseline = await migrate(options, []);
  const calls = /(UpdateNodegroupConfig|SuspendProcesses|patch nodes)$/;
  const found = baseline.places.flatMap((place, at) => (calls.test(place) ? [at] : []));
  // a record is written right before its call, and an id right after
  const cuts = found.flatMap((at) =>
    baseline.places[at]?.endsWith('patch nodes') ? [at] : [at - 2, at - 1, at, at + 2],
  );
  const some = [...new Set(cuts)].filter((_, index) => index % 6 === 0);
  t.diagnostic(`cut at ${some.length} of ${baseline.places.length} places`);
  assert.ok(some.length >= 10);
  for (const at of some) {
    const { end, cutAt } = await migrate(options, [at], baseline.plan);
    assert.deepEqual(cutAt, [baseline.places[at]]);
    assert.deepEqual(end, baseline.end, `cut at ${at}, ${baseline.places[at]}`);
  }
});
