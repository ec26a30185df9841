import assert from 'node:assert/strict';
import { test } from 'node:test';
import { phases } from '../../src/domain/plan.ts';
import type { Node } from '../../src/simulator/kubernetes/objects.ts';
import { healthy } from '../../src/simulator/scenarios/healthy.ts';
import { drive } from '../../src/simulator/virtual-time.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { memoryJournal } from '../support/sample-plan.ts';
import { planFor, startProcess } from './migration.ts';
import { migrate } from './sweep.ts';

const options = { scenario: 'healthy', seed: 1, order: 'cordon-first' as const };

const nodegroupOf = (world: World, instanceId: string | undefined): string | undefined =>
  world.store.list<Node>('nodes').find(({ spec }) => instanceId !== undefined && spec.providerID?.endsWith(instanceId))
    ?.metadata.labels?.['eks.amazonaws.com/nodegroup'];

test('old nodes that are cordoned first attach no prefix, and are drained and deleted as otherwise', async () => {
  const world = createWorld(healthy, { seed: 1 });
  const plan = await planFor(world, { order: 'cordon-first' });
  const prepared = plan.steps.filter(({ phase }) => phase === 'prepare').map(({ id }) => id);
  const templates = plan.nodegroups.map(({ source }) => `create-launch-template/${source}`);
  const held = plan.nodegroups.map(({ source }) => `suspend-processes/${source}`);
  assert.deepEqual(prepared, [...templates, ...held, 'cordon-source', 'configure-vpc-cni']);

  const onSources: string[] = [];
  const real = { ...world.ec2 };
  world.ec2.assignPrefixes = (eni, count) => {
    const group = nodegroupOf(world, eni.attachment?.instanceId) ?? '';
    if (plan.nodegroups.some(({ source }) => source === group)) onSources.push(group);
    return real.assignPrefixes(eni, count);
  };
  const run = await (await startProcess(world)).run(plan, memoryJournal());
  assert.ok(run !== 'cut' && run.exitCode === 0, 'the run did not come to its end');
  assert.deepEqual(onSources, []);
  assert.equal(world.stats().budgetViolations, 0);
  const { outcome } = await world.snapshotOfState();
  assert.deepEqual(
    Object.keys(outcome.nodegroups).toSorted(),
    plan.nodegroups.map((one) => one.replacement).toSorted(),
  );
});

test('nodes that come to a cordoned source meanwhile are cordoned before the drain', async () => {
  const world = createWorld(healthy, { seed: 1 });
  const plan = await planFor(world, { order: 'cordon-first', nodegroups: [healthy.nodegroups[0]?.name ?? ''] });
  const [group] = plan.nodegroups;
  assert.ok(group);
  const journal = memoryJournal();
  const verified = await (await startProcess(world)).run(plan, journal, { until: 'verify' });
  assert.ok(verified !== 'cut' && verified.exitCode === 0);

  const { ports } = await startProcess(world);
  const scaling = healthy.nodegroups[0]?.scaling;
  assert.ok(scaling);
  const grown = { ...scaling, maxSize: scaling.maxSize + 1, desiredSize: scaling.desiredSize + 1 };
  await drive(world.clock, ports.eks.updateNodegroupScaling('demo', group.source, grown, 'autoscaler'));
  world.clock.advance(300_000);
  const inService = (): string[] =>
    world.store
      .list<Node>('nodes')
      .filter(
        ({ metadata, spec }) =>
          metadata.labels?.['eks.amazonaws.com/nodegroup'] === group.source && !spec.unschedulable,
      )
      .map(({ metadata }) => metadata.name);
  const [newcomer, ...others] = inService();
  assert.ok(newcomer !== undefined && others.length === 0, 'one node has come');

  const cordoned = await (await startProcess(world)).run(plan, journal, { until: 'cordon' });
  assert.ok(cordoned !== 'cut' && cordoned.exitCode === 0);
  assert.deepEqual(inService(), []);
  const drained = await (await startProcess(world)).run(plan, journal);
  assert.ok(drained !== 'cut' && drained.exitCode === 0);
  const done = journal.entries().filter(({ type }) => type === 'step-succeeded');
  assert.equal(done.length, plan.steps.length);
});

test('consent is asked for before the first act', async () => {
  const world = createWorld(healthy, { seed: 1 });
  const plan = await planFor(world, { order: 'cordon-first' });
  const disruptive = plan.steps.filter(({ impact }) => impact !== 'additive').map(({ phase }) => phase);
  assert.deepEqual(
    [...new Set(disruptive)],
    phases.filter((phase) => ['prepare', 'cordon', 'drain', 'delete'].includes(phase)),
  );
  const process = await startProcess(world);
  world.log.clear();
  await assert.rejects(process.run(plan, memoryJournal(), { until: 'verify', consent: false }), {
    code: 'CONSENT.MISSING',
    exitCode: 3,
    nextActions: [
      'add --confirm demo',
      'or plan so that the old nodes are cordoned last: prefix-migrate plan --cluster demo --order safe-flip --soak 0s',
    ],
  });
  assert.deepEqual(
    world.log.writes().filter(({ operation }) => !/lease/i.test(operation)),
    [],
  );
});

test('a run that is cut again and again comes to the same end', async () => {
  const baseline = await migrate(options, []);
  for (const distance of [97]) {
    const { end, cutAt } = await migrate(
      options,
      Array.from({ length: 400 }, () => distance),
      baseline.plan,
    );
    assert.ok(cutAt.length > 5, `cut ${cutAt.length} times`);
    assert.deepEqual(end, baseline.end);
  }
});
