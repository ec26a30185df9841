/** Auto Scaling groups that EKS does not manage: named, they are replaced by managed node groups. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigMap, Node } from '../../src/simulator/kubernetes/objects.ts';
import { isReady } from '../../src/simulator/kubernetes/pods.ts';
import { karpenter } from '../../src/simulator/scenarios/karpenter.ts';
import { selfManaged as scenario } from '../../src/simulator/scenarios/self-managed.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { memoryJournal } from '../support/sample-plan.ts';
import { planFor, startProcess, surveyAndPlan } from './migration.ts';

const source = 'asg/workers.blue';
const request = { nodegroups: [source] };

const nodesOf = (world: World, pool: string): Node[] =>
  world.store.list<Node>('nodes').filter(({ metadata }) => metadata.labels?.['pool'] === pool);
const ofEks = ({ metadata }: Node): string | undefined => metadata.labels?.['eks.amazonaws.com/nodegroup'];
const codesOf = (plan: { findings: { code: string; severity: string; subject: string }[] }): string[] =>
  plan.findings.map(({ severity, code, subject }) => `${severity} ${code} ${subject}`);

test('a plan leaves them alone, and says how to move them', async () => {
  const { plan, snapshot } = await surveyAndPlan(createWorld(scenario));
  assert.deepEqual(
    plan.nodegroups.map((group) => group.source),
    ['general'],
  );
  assert.deepEqual(snapshot.nodes.map(({ nodegroupName }) => nodegroupName ?? '').toSorted(), [
    'asg/batch',
    source,
    source,
    source,
    'general',
    'general',
  ]);
  const [advice] = plan.findings.filter(({ subject }) => subject === source);
  assert.equal(advice?.code, 'NODEGROUP.SELF_MANAGED');
  assert.match(advice.nextActions[0] ?? '', /--nodegroup asg\/workers\.blue .*110 pods for each node instead of 29/);
});

test('named, the group is replaced by a managed one with its labels, and ends', async () => {
  const world = createWorld(scenario);
  const plan = await planFor(world, request);
  const [group] = plan.nodegroups;
  assert.ok(group);
  assert.match(group.replacement, /^workers-blue-[0-9a-f]{8}-pd-[0-9a-f]{8}$/);
  assert.deepEqual(
    plan.findings.filter(({ severity }) => severity === 'blocking'),
    [],
  );
  const result = await (await startProcess(world)).run(plan, memoryJournal());
  assert.ok(result !== 'cut');
  assert.equal(result.exitCode, 0, `${result.stoppedBy?.message} ${result.stoppedBy?.why}`);
  world.clock.advance(180_000);
  assert.equal(world.stats().budgetViolations, 0);
  const nodes = nodesOf(world, 'workers');
  assert.deepEqual(nodes.map(ofEks), [group.replacement, group.replacement, group.replacement]);
  assert.ok(nodes.every(({ status }) => status.allocatable?.['pods'] === '110'));
  assert.deepEqual(
    world.log.of('autoscaling:DeleteAutoScalingGroup').map(({ details }) => details),
    [{ AutoScalingGroupName: 'workers.blue' }],
  );
  // the others are as they were
  assert.equal(nodesOf(world, 'batch').length, 1);
});

test('cut at any of its own calls, a run comes to the same end', async (t) => {
  const world = createWorld(scenario);
  const plan = await planFor(world, request);
  const whole = await startProcess(world);
  assert.notEqual(await whole.run(plan, memoryJournal()), 'cut');
  const places = [...whole.places];
  const own = /(SuspendProcesses|DeleteAutoScalingGroup|pods\/eviction)$/;
  const found = places.flatMap((place, at) => (own.test(place) ? [at] : []));
  const cuts = [...found.filter((_, index) => index % 9 === 0), ...found.slice(-2)];
  t.diagnostic(`cut at ${cuts.length} of ${places.length} places`);
  assert.ok(cuts.length >= 4);
  for (const at of cuts) {
    const again = createWorld(scenario);
    const journal = memoryJournal();
    assert.equal(await (await startProcess(again, at)).run(plan, journal), 'cut', places[at]);
    const result = await (await startProcess(again)).run(plan, journal);
    assert.ok(result !== 'cut' && result.exitCode === 0, `cut at ${at} ${places[at]}`);
    again.clock.advance(180_000);
    assert.equal(nodesOf(again, 'workers').length, 3);
    assert.ok(nodesOf(again, 'workers').every(ofEks));
    assert.equal(again.stats().budgetViolations, 0);
  }
});

test('a rollback gives the group its pods back', async () => {
  const world = createWorld(scenario);
  const plan = await planFor(world, request);
  const journal = memoryJournal();
  const process = await startProcess(world);
  const stopped = await process.run(plan, journal, { until: 'soak' });
  assert.ok(stopped !== 'cut' && stopped.exitCode === 0, stopped === 'cut' ? '' : stopped.stoppedBy?.message);
  const result = await (await startProcess(world)).run(plan, journal, { rollback: { kept: [] } });
  assert.ok(result !== 'cut' && result.exitCode === 0, result === 'cut' ? '' : result.stoppedBy?.message);
  world.clock.advance(180_000);
  const nodes = nodesOf(world, 'workers');
  assert.deepEqual(nodes.map(ofEks), [undefined, undefined, undefined]);
  assert.ok(nodes.every((node) => isReady(node) && !node.spec.unschedulable));
  assert.equal(world.stats().budgetViolations, 0);
});

test('a group whose role only its replacement would share is blocked, and an access entry is the way out', async () => {
  const plan = await planFor(createWorld(scenario), { nodegroups: ['asg/batch'] });
  assert.ok(codesOf(plan).includes('blocking NODEGROUP.ROLE_SHARED demo-batch-node'));
  const withEntries = await planFor(createWorld({ ...scenario, nodeRolesIn: 'access-entries' }), {
    nodegroups: ['asg/batch'],
  });
  assert.ok(!codesOf(withEntries).some((line) => line.includes('ROLE_SHARED')));
});

test('EKS takes the role out of aws-auth with the last managed group, and nodes that share it go NotReady', async () => {
  const world = createWorld(scenario);
  const handler = world.handlersFor('administrator').aws;
  await handler({ method: 'DELETE', path: '/clusters/demo/node-groups/general', headers: {}, body: '' });
  world.clock.advance(900_000);
  const map = world.store.get<ConfigMap>('configmaps', 'kube-system', 'aws-auth');
  assert.ok(!map?.data?.['mapRoles']?.includes('role/demo-node'));
  assert.deepEqual(nodesOf(world, 'workers').map(isReady), [false, false, false]);
  assert.deepEqual(nodesOf(world, 'batch').map(isReady), [true]);
});

test('node classes of Karpenter are named with what to change, and nothing is changed', async () => {
  const world = createWorld(karpenter);
  const { plan, snapshot } = await surveyAndPlan(world);
  assert.deepEqual(
    snapshot.karpenter?.nodeClasses.map(({ name, maxPods }) => [name, maxPods]),
    [
      ['default', null],
      ['dense', 110],
    ],
  );
  const [advice] = plan.findings.filter(({ code }) => code === 'KARPENTER.NODECLASS');
  assert.equal(advice?.subject, 'default');
  assert.match(advice.nextActions[0] ?? '', /^prefix-migrate export prefix-migrate-demo --format nodeclass/);
  assert.deepEqual(world.log.writes(), []);
});
