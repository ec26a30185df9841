/** A whole migration under custom networking, and what the plan said of each subnet compared with what then happens. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeReport } from '../../src/commands/actions/audit-cluster.ts';
import { blockers } from '../../src/domain/finding.ts';
import type { MigrateError } from '../../src/domain/migrate-error.ts';
import type { Phase } from '../../src/domain/plan.ts';
import type { Node, Pod } from '../../src/simulator/kubernetes/objects.ts';
import type { Scenario, SubnetSpec } from '../../src/simulator/scenario.ts';
import { customNetworking } from '../../src/simulator/scenarios/custom-networking.ts';
import { drive } from '../../src/simulator/virtual-time.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { survey } from '../../src/survey/survey.ts';
import { memoryJournal } from '../support/sample-plan.ts';
import { startProcess, surveyAndPlan } from './migration.ts';

const [nodesA, nodesB, podsA, podsB] = customNetworking.subnets.map(({ subnetId }) => subnetId);
assert.ok(nodesA && nodesB && podsA && podsB);

/** /28 blocks on interfaces in each subnet that has any. */
function blocks(world: World): Record<string, number> {
  const found = [...world.ec2.enis.values()].flatMap(({ subnetId, prefixes }) => prefixes.map(() => subnetId));
  return Object.fromEntries([...Map.groupBy(found, (subnetId) => subnetId)].map(([id, all]) => [id, all.length]));
}

/** Free /28 blocks of a subnet of 64, counted from what stands on interfaces; the first and the last are never free. */
function freeBlocks(world: World, subnetId: string): number {
  const held = [...world.ec2.enis.values()]
    .filter((eni) => eni.subnetId === subnetId)
    .flatMap(({ primary, secondaries, prefixes }) => [primary, ...secondaries, ...prefixes]);
  const spoiled = held.map((text) => {
    const [, , third = 0, fourth = 0] = text.split(/[./]/).map(Number);
    return ((third % 4) * 256 + fourth) >> 4;
  });
  return 64 - new Set([0, 63, ...spoiled]).size;
}

async function audit(world: World) {
  const { ports } = await startProcess(world);
  const snapshot = await drive(world.clock, survey(ports, { clusterName: world.cluster.name }));
  return makeReport(snapshot, { minFreePrefixes: 10, toolVersion: '0.0.0-test' });
}

for (const seed of [1, 2, 3]) {
  test(`seed ${seed}: prefixes come from the subnets of the ENIConfigs, as many as the plan says at each stage`, async () => {
    const world = createWorld(customNetworking, { seed });
    const { plan } = await surveyAndPlan(world);
    assert.deepEqual(blockers(plan.findings), []);
    assert.deepEqual(
      plan.subnets.map(({ subnetId }) => subnetId),
      [podsA, podsB],
    );
    assert.deepEqual([plan.nodegroups[0]?.maxPodsBefore, plan.nodegroups[0]?.maxPods.value], [20, 110]);
    assert.equal(plan.order.order, 'safe-flip');
    const journal = memoryJournal();
    const until = async (phase: Phase) => {
      const result = await (await startProcess(world)).run(plan, journal, { until: phase });
      assert.ok(result !== 'cut' && result.exitCode === 0, JSON.stringify(result));
      world.clock.advance(120_000);
    };
    const enough = (stage: string): void => {
      for (const { subnetId, timeline } of plan.subnets) {
        const [free, left] = [freeBlocks(world, subnetId), timeline.find((one) => one.stage === stage)?.left];
        assert.ok(left !== undefined && free >= left, `${stage}: ${subnetId} has ${free} free blocks, ${left} planned`);
        // before and after it the old nodes give back more than can be counted on
        if (stage === 'full-size') assert.ok(free <= left + 8, `${stage}: ${free} free, only ${left} planned`);
      }
    };

    for (const { subnetId, freePrefixes } of plan.subnets) assert.equal(freeBlocks(world, subnetId), freePrefixes);
    await until('prepare');
    const idle = plan.nodegroups[0]?.prefixesPerNode.idle ?? 0;
    assert.deepEqual(blocks(world), { [podsA]: 2 * idle, [podsB]: 2 * idle }, 'two old nodes in each zone');
    enough('switch');
    await until('verify');
    assert.deepEqual(Object.keys(blocks(world)).toSorted(), [podsA, podsB], 'nothing in the subnets of the nodes');
    enough('full-size');
    await until('drain');
    enough('drain');
    const done = await (await startProcess(world)).run(plan, journal);
    assert.ok(done !== 'cut' && done.exitCode === 0);
    world.clock.advance(120_000);
    const perNode = plan.nodegroups[0]?.prefixesPerNode;
    const held = [...world.ec2.instances.values()]
      .filter(({ state }) => state === 'running')
      .map(({ enis }) => enis.map(({ prefixes }) => prefixes.length));
    assert.ok(held.every(([primary]) => primary === 0));
    const total = held.flat().reduce((sum, count) => sum + count, 0);
    const nodes = held.length;
    assert.equal(nodes, 4);
    assert.ok(
      total <= nodes * ((perNode?.expected ?? 0) + 1) && total >= nodes * (perNode?.idle ?? 0),
      `${total} blocks`,
    );
    for (const pod of world.store.list<Pod>('pods', 'shop')) assert.match(pod.status.podIP ?? '', /^100\.64\./);
    for (const { status } of world.store.list<Node>('nodes')) assert.equal(status.allocatable?.['pods'], '110');
    assert.equal(world.stats().budgetViolations, 0);
  });
}

test('audit counts the interfaces and subnets of the pods, before and after', async () => {
  const world = createWorld(customNetworking, { seed: 7 });
  const before = await audit(world);
  assert.deepEqual(
    before.findings.map(({ code }) => code),
    ['AUDIT.DELEGATION_OFF'],
  );
  assert.ok(
    before.nodes.every(
      ({ mode, maxPods, maxPodsWithPrefixes }) => mode === 'secondary' && maxPods === 20 && maxPodsWithPrefixes === 110,
    ),
  );
  const { plan } = await surveyAndPlan(world);
  const done = await (await startProcess(world)).run(plan, memoryJournal());
  assert.ok(done !== 'cut' && done.exitCode === 0);
  const after = await audit(world);
  assert.deepEqual([after.healthy, after.findings], [true, []]);
  assert.ok(after.nodes.every(({ subnetId, mode }) => [podsA, podsB].includes(subnetId ?? '') && mode === 'prefix'));
  assert.deepEqual(
    after.subnets.map(({ subnetId, nodes }) => [subnetId, nodes]).toSorted(([, a], [, b]) => Number(a) - Number(b)),
    [
      [nodesA, 0],
      [nodesB, 0],
      [podsA, 2],
      [podsB, 2],
    ],
  );
});

/** So many /28 blocks are free in each subnet of the pods, reserved for prefixes; load balancers spoil the others. */
const withBlocks = (free: number): Scenario => ({
  ...customNetworking,
  subnets: customNetworking.subnets.map((subnet): SubnetSpec => {
    if (subnet.subnetId !== podsA && subnet.subnetId !== podsB) return subnet;
    const base = subnet.cidr.replace(/0\/22$/, '');
    const firsts = Array.from({ length: 14 }, (_, index) => 16 * (index + 1));
    return {
      ...subnet,
      cidr: `${base}0/24`,
      foreignAddresses: firsts
        .slice(free)
        .map((first) => ({ kind: 'network_load_balancer', address: `${base}${first + 5}` })),
      reservations: firsts.slice(0, free).map((first) => ({ cidr: `${base}${first}/28`, type: 'prefix' })),
    };
  }),
});

/** The error that ends a run in a world that has too little, whose plan was allowed all the same. */
async function shortage(free: number): Promise<MigrateError> {
  const world = createWorld(withBlocks(free), { seed: 1 });
  const { plan } = await surveyAndPlan(world, { allow: ['SUBNET.NO_FREE_PREFIX'] });
  assert.deepEqual(blockers(plan.findings), []);
  const result = await (await startProcess(world)).run(plan, memoryJournal(), { until: 'verify' });
  assert.ok(result !== 'cut' && result.exitCode === 6 && result.stoppedBy, JSON.stringify(result));
  return result.stoppedBy;
}

for (const [stage, free] of [
  ['when it grows', 3],
  ['at its first node', 2],
] as const) {
  test(`a replacement without blocks ${stage}: the subnet of its pods is named, with the way out`, async () => {
    const { code, message, why, nextActions } = await shortage(free);
    assert.equal(code, 'NODEGROUP.NOT_READY', message);
    assert.match(
      why,
      /Subnet subnet-0\d{4}c64\w+ \(100\.64\.\d\.0\/24, us-west-2[ab]\) has \d+ free addresses, but no free \/28/,
    );
    assert.match(why, /load balancers \d+/);
    assert.match(
      nextActions.join('\n'),
      /put its id into ENIConfig us-west-2[ab]: kubectl patch eniconfig us-west-2[ab] /,
    );
    assert.doesNotMatch(nextActions.join('\n'), /--subnet and/);
  });
}
