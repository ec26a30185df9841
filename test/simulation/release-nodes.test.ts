/**
 * Old nodes that are ended one by one as they get empty (`plan --release-nodes`): their addresses come back while others are
 * drained. No node is ended before its pods have left, whatever dies on the way.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { subnetPrefixes } from '../../src/checks/subnet-prefixes.ts';
import { blockers } from '../../src/domain/finding.ts';
import type { StepProgress } from '../../src/domain/journal-entry.ts';
import type { MigrationPlan, Phase, PlanRequest } from '../../src/domain/plan.ts';
import { replay } from '../../src/domain/run-state.ts';
import { firstShort } from '../../src/domain/stages.ts';
import { rollbackScopeNow } from '../../src/engine/rollback.ts';
import type { RunResult } from '../../src/engine/run.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import type { Node, Pod } from '../../src/simulator/kubernetes/objects.ts';
import type { Scenario, SubnetSpec } from '../../src/simulator/scenario.ts';
import { budget, demoCluster, deployment, nodegroup } from '../../src/simulator/scenarios/parts.ts';
import { drive } from '../../src/simulator/virtual-time.ts';
import { createWorld, type World, type WorldOptions } from '../../src/simulator/world.ts';
import { memoryJournal } from '../support/sample-plan.ts';
import { aRequest } from '../support/snapshot.ts';
import { planFor, startProcess, surveyAndPlan } from './migration.ts';

/** Room for the replacement, and not for sure for all prefixes that its pods need while the old nodes hold their addresses. */
const subnet: SubnetSpec = {
  subnetId: 'subnet-0c3e9a1b7d5f20a41',
  cidr: '10.0.8.0/22',
  availabilityZone: 'us-west-2a',
};
const tight: Scenario = demoCluster({
  name: 'tight',
  title: '',
  subnets: [subnet],
  nodegroups: [nodegroup('general', 4, [subnet])],
  workloads: [deployment('shop', 'web', 80, { cpu: '5m' })],
  budgets: [budget('shop', 'web', { maxUnavailable: '10%' })],
});
const minute = 60_000;
const terminate = 'autoscaling:TerminateInstanceInAutoScalingGroup';

interface Story {
  world: World;
  plan: MigrationPlan;
  journal: ReturnType<typeof memoryJournal>;
  apply(options?: { until?: Phase; cutAt?: number }): Promise<{ result: RunResult | 'cut'; places: readonly string[] }>;
  rollback(): Promise<RunResult | 'cut'>;
}

async function storyOf(
  more: Partial<PlanRequest> = { releaseNodes: true },
  options: WorldOptions = {},
): Promise<Story> {
  const world = createWorld(tight, { seed: 1, ...options });
  const plan = await planFor(world, { soakSeconds: 0, allow: ['SUBNET.NO_FREE_PREFIX'], ...more });
  assert.deepEqual(blockers(plan.findings), []);
  const journal = memoryJournal();
  return {
    world,
    plan,
    journal,
    async apply({ until, cutAt } = {}) {
      const process = await startProcess(world, cutAt);
      return { result: await process.run(plan, journal, until ? { until } : {}), places: process.places };
    },
    async rollback() {
      const { ports } = await startProcess(world);
      const state = replay(plan, (await journal.read()).lines);
      const scope = await drive(world.clock, rollbackScopeNow(plan, state, ports));
      return (await startProcess(world)).run(plan, journal, { rollback: scope });
    },
  };
}

function succeeded(result: RunResult | 'cut'): void {
  assert.ok(result !== 'cut');
  assert.equal(result.exitCode, 0, `${result.stoppedBy?.code}: ${result.stoppedBy?.message} ${result.stoppedBy?.why}`);
}

const progressOf = ({ journal }: Story): StepProgress[] =>
  journal.entries().flatMap((entry) => (entry.type === 'step-progress' ? [entry.progress] : []));

/** Pods that run and have an address. */
const served = ({ world }: Story): number =>
  world.store
    .list<Pod>('pods')
    .filter(({ metadata, status }) => metadata.labels?.['app'] === 'web' && status.podIP !== undefined).length;

const nodesOf = ({ world }: Story, name: string): Node[] =>
  world.store.list<Node>('nodes').filter(({ metadata }) => metadata.labels?.['eks.amazonaws.com/nodegroup'] === name);

async function look({ world }: Story): Promise<{ sizes: number[]; freeAddresses: number }> {
  const { ports } = await startProcess(world);
  const group = await drive(world.clock, ports.eks.describeNodegroup(world.cluster.name, 'general'));
  const [found] = await drive(world.clock, ports.autoScaling.describeGroups(group?.autoScalingGroupNames ?? []));
  const [seen] = await drive(world.clock, ports.ec2.describeSubnets([subnet.subnetId]));
  return {
    sizes: found ? [found.minSize, found.desiredCapacity, found.maxSize] : [],
    freeAddresses: seen?.availableIpAddressCount ?? 0,
  };
}

/** Each old node was ended once, after the last of its pods had been asked to leave, and no budget was broken. */
function inOrder(story: Story): void {
  const progress = progressOf(story);
  const released = progress.filter(({ kind }) => kind === 'node-release-intent');
  for (const one of released) {
    assert.ok(one.kind === 'node-release-intent');
    const later = progress.slice(progress.indexOf(one));
    assert.ok(!later.some((each) => each.kind === 'eviction-intent' && each.node === one.node), one.node);
  }
  const accepted = story.world.log.of(terminate).filter(({ status }) => status === 200);
  assert.equal(accepted.length, new Set(released.map((one) => 'node' in one && one.node)).size);
  const { budgetViolations, evictionsPerPod } = story.world.stats();
  assert.equal(budgetViolations, 0);
  assert.ok(evictionsPerPod <= 1);
}

test('where the plan is short when the pods move, it says what may help', async () => {
  const { snapshot, plan } = await surveyAndPlan(createWorld(tight, { seed: 1 }));
  assert.deepEqual(
    plan.subnets.map((found) => firstShort(found)?.stage),
    ['drain'],
  );
  const asked = aRequest({ clusterName: 'demo' });
  const { nextActions = [] } = subnetPrefixes.run(snapshot, scopeOf(snapshot, asked))[0] ?? {};
  assert.match(nextActions.join('\n'), /^prefix-migrate plan .*--release-nodes .*--allow SUBNET.NO_FREE_PREFIX /m);
  assert.deepEqual(plan.subnets, (await storyOf()).plan.subnets, 'it is not counted on');
});

test('addresses return while others are drained, and the migration comes to its end', async () => {
  const [usual, story] = [await storyOf({}), await storyOf()];
  for (const one of [usual, story]) succeeded((await one.apply({ until: 'drain' })).result);
  assert.equal(nodesOf(usual, 'general').length, 4);
  const progress = progressOf(story);
  const lastEviction = progress.findLastIndex(({ kind }) => kind === 'eviction-intent');
  const early = progress.slice(0, lastEviction).filter(({ kind }) => kind === 'node-release-intent');
  assert.ok(early.length >= 2, `${early.length} nodes were ended before the last pod was asked`);
  story.world.clock.advance(5 * minute);
  usual.world.clock.advance(5 * minute);
  assert.ok((await look(story)).freeAddresses > (await look(usual)).freeAddresses + 4 * 4);
  assert.deepEqual((await look(story)).sizes, [0, 0, 4]);
  succeeded((await story.apply()).result);
  inOrder(story);
  assert.equal(served(story), 80);
  assert.deepEqual(Object.keys((await story.world.snapshotOfState()).outcome.nodegroups), [
    story.plan.nodegroups[0]?.replacement,
  ]);
});

test('cut anywhere around the end of a node, the next run goes on and ends none twice', async () => {
  const whole = await storyOf();
  const { places } = await whole.apply();
  const [first = 0, ...others] = places.flatMap((place, index) => (place === `before ${terminate}` ? [index] : []));
  assert.equal(others.length, 3);
  const last = others.at(-1) ?? 0;
  for (const cutAt of [first - 2, first - 1, first, first + 1, first + 2, last, last + 1]) {
    const story = await storyOf();
    assert.equal((await story.apply({ cutAt })).result, 'cut');
    succeeded((await story.apply()).result);
    inOrder(story);
    assert.equal(served(story), 80);
  }
});

test('taken back in the middle of the drain, the old group has its nodes, its sizes and its pods again', async () => {
  const { places } = await (await storyOf()).apply();
  const ends = places.flatMap((place, index) => (place === `after ${terminate}` ? [index] : []));
  for (const cutAt of [ends[0], ends.at(-1)]) {
    const story = await storyOf();
    const { sizes } = await look(story);
    assert.ok(cutAt !== undefined && (sizes[0] ?? 0) > 0);
    assert.equal((await story.apply({ cutAt })).result, 'cut');
    succeeded(await story.rollback());
    story.world.clock.advance(5 * minute);
    assert.deepEqual((await look(story)).sizes, sizes);
    assert.equal(nodesOf(story, 'general').filter(({ spec }) => spec.unschedulable !== true).length, 4);
    assert.equal(served(story), 80);
    assert.deepEqual(Object.keys((await story.world.snapshotOfState()).outcome.nodegroups), ['general']);
    assert.equal(story.world.stats().budgetViolations, 0);
  }
});
