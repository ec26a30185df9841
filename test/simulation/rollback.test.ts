/** A plan that is taken back: wherever it was, the cluster ends as it began, and no budget is broken on the way. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RollbackScope } from '../../src/domain/journal-entry.ts';
import type { MigrationPlan, Phase, PlanRequest } from '../../src/domain/plan.ts';
import { replay } from '../../src/domain/run-state.ts';
import { rollbackScopeNow } from '../../src/engine/rollback.ts';
import type { RunResult } from '../../src/engine/run.ts';
import type { DaemonSet, Deployment, Node, Pod } from '../../src/simulator/kubernetes/objects.ts';
import type { Scenario } from '../../src/simulator/scenario.ts';
import { withClusterAutoscaler } from '../../src/simulator/scenarios/cluster-autoscaler.ts';
import { customNetworking } from '../../src/simulator/scenarios/custom-networking.ts';
import { fragmentedSubnet } from '../../src/simulator/scenarios/fragmented-subnet.ts';
import { healthy } from '../../src/simulator/scenarios/healthy.ts';
import { deployment } from '../../src/simulator/scenarios/parts.ts';
import { drive } from '../../src/simulator/virtual-time.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { memoryJournal } from '../support/sample-plan.ts';
import { planFor, startProcess } from './migration.ts';

const minute = 60_000;

/** All that a migration changes, as the world shows it, but for who holds which address. */
async function picture(world: World) {
  const { outcome } = await world.snapshotOfState();
  const { ports } = await startProcess(world);
  const nodes = world.store.list<Node>('nodes');
  const groups = Object.keys(outcome.nodegroups).map((name) => ports.eks.describeNodegroup(world.cluster.name, name));
  const described = await drive(world.clock, Promise.all(groups));
  const names = described.flatMap((group) => group?.autoScalingGroupNames ?? []);
  const scaling = await drive(world.clock, ports.autoScaling.describeGroups(names));
  const { containers = [] } =
    world.store.get<DaemonSet>('daemonsets', 'kube-system', 'aws-node')?.spec.template.spec ?? {};
  return {
    ...outcome,
    // a configuration that was never set cannot be unset again
    addons: JSON.parse(JSON.stringify(outcome.addons), (key, value: unknown) =>
      key === 'configurationValues' && value === '{}' ? undefined : value,
    ),
    environment: containers
      .find(({ name }) => name === 'aws-node')
      ?.env?.toSorted((a, b) => a.name.localeCompare(b.name)),
    suspended: scaling.flatMap(({ suspendedProcesses }) => suspendedProcesses),
    sizes: scaling.map(({ desiredCapacity, minSize, maxSize }) => [minSize, desiredCapacity, maxSize]),
    marks: nodes.flatMap(({ metadata }) =>
      Object.keys(metadata.annotations ?? {}).filter((key) => /prefix-migrate|scale-down-disabled/.test(key)),
    ),
    canaries: world.store.list<Pod>('pods').filter(({ metadata }) => /canary/.test(metadata.name)).length,
  };
}

const withoutPrefixes = ({ nodes, ...rest }: Awaited<ReturnType<typeof picture>>) => ({
  ...rest,
  nodes: Object.entries(nodes).map(([name, { withPrefixes: _held, ...summary }]) => ({ name, ...summary })),
});

interface Story {
  world: World;
  plan: MigrationPlan;
  journal: ReturnType<typeof memoryJournal>;
  before: Awaited<ReturnType<typeof picture>>;
  apply(until?: Phase, cutAt?: number): Promise<RunResult | 'cut'>;
  rollback(options?: { until?: Phase; cutAt?: number }): Promise<RunResult | 'cut'>;
}

async function storyOf(scenario: Scenario, request: Partial<PlanRequest> = {}): Promise<Story> {
  const world = createWorld(scenario, { seed: 1 });
  const before = await picture(world);
  const plan = await planFor(world, request);
  const journal = memoryJournal();
  let scope: RollbackScope | undefined;
  return {
    world,
    plan,
    journal,
    before,
    apply: async (until, cutAt) => (await startProcess(world, cutAt)).run(plan, journal, until ? { until } : {}),
    async rollback({ until, cutAt } = {}) {
      const { ports } = await startProcess(world);
      const state = replay(plan, (await journal.read()).lines);
      scope ??= await drive(world.clock, rollbackScopeNow(plan, state, ports));
      return (await startProcess(world, cutAt)).run(plan, journal, { rollback: scope, ...(until && { until }) });
    },
  };
}

function succeeded(result: RunResult | 'cut'): void {
  assert.ok(result !== 'cut');
  assert.equal(result.exitCode, 0, `${result.stoppedBy?.code}: ${result.stoppedBy?.message} ${result.stoppedBy?.why}`);
}

async function isAsBefore({ world, before }: Story, isAlike: (what: typeof before) => unknown = (what) => what) {
  world.clock.advance(3 * minute);
  assert.deepEqual(isAlike(await picture(world)), isAlike(before));
  const { budgetViolations, evictionsPerPod } = world.stats();
  assert.equal(budgetViolations, 0);
  assert.ok(evictionsPerPod <= 2, `a pod was moved ${evictionsPerPod} times`);
}

const detailsOf = ({ journal }: Story): Record<string, string> =>
  Object.fromEntries(
    journal.entries().flatMap((entry) => (entry.type === 'step-succeeded' ? [[entry.stepId, entry.detail]] : [])),
  );

describe('taken back after', () => {
  const stories: [string, Scenario, Partial<PlanRequest>, Phase[]][] = [
    ['healthy', healthy, {}, ['prepare', 'create', 'verify', 'cordon', 'drain', 'soak']],
    ['old nodes cordoned first', healthy, { order: 'cordon-first' }, ['prepare', 'create', 'verify', 'drain']],
    ['with a cluster autoscaler', withClusterAutoscaler, {}, ['verify', 'soak']],
    ['ranges reserved', healthy, { reserveSubnetCidr: true }, ['create']],
  ];
  for (const [name, scenario, request, phases] of stories) {
    for (const phase of phases) {
      test(`${phase}: ${name}`, async () => {
        const story = await storyOf(scenario, request);
        succeeded(await story.apply(phase));
        succeeded(await story.rollback());
        await isAsBefore(story);
      });
    }
  }
});

test('a second rollback has nothing left to do', async () => {
  const story = await storyOf(healthy);
  succeeded(await story.apply('create'));
  succeeded(await story.rollback());
  story.world.log.clear();
  succeeded(await story.rollback());
  const writes = story.world.log.writes().filter(({ operation }) => !/lease/i.test(operation));
  assert.deepEqual(writes, []);
});

test('nothing was begun: nothing is undone', async () => {
  const story = await storyOf(healthy);
  succeeded(await story.rollback());
  assert.deepEqual(detailsOf(story), {});
  await isAsBefore(story);
});

test('an autoscaler has removed old nodes while they were empty: they come again before their pods do', async () => {
  const story = await storyOf(withClusterAutoscaler);
  succeeded(await story.apply('drain'));
  story.world.clock.advance(60 * minute);
  const [group] = story.plan.nodegroups;
  const shrunk = (await picture(story.world)).nodes[group?.source ?? '']?.nodes ?? 0;
  assert.ok(shrunk < (group?.nodes.source ?? 0), 'the autoscaler removes empty nodes');
  succeeded(await story.rollback());
  await isAsBefore(story);
});

test('somebody has scaled a source to zero in the soak', async () => {
  const story = await storyOf(healthy);
  succeeded(await story.apply('soak'));
  const { ports } = await startProcess(story.world);
  const { clock } = story.world;
  await drive(clock, ports.eks.updateNodegroupScaling('demo', 'general', { minSize: 0, desiredSize: 0 }, 'somebody'));
  clock.advance(10 * minute);
  succeeded(await story.rollback());
  await isAsBefore(story, ({ nodegroups: _limits, sizes: _sizes, ...what }) => what);
  const group = await drive(clock, ports.eks.describeNodegroup('demo', 'general'));
  assert.deepEqual(group?.scaling.desiredSize, 4);
});

test('with custom networking aws-node stays up everywhere', async () => {
  const story = await storyOf(customNetworking);
  succeeded(await story.apply('soak'));
  succeeded(await story.rollback());
  await isAsBefore(story, withoutPrefixes);
});

test('a replacement that never worked is no obstacle', async () => {
  const story = await storyOf(fragmentedSubnet);
  const stopped = await story.apply();
  assert.ok(stopped !== 'cut' && stopped.exitCode === 6);
  succeeded(await story.rollback());
  await isAsBefore(story, withoutPrefixes);
});

test('killed anywhere before the deletion, taken back by another process that is killed as well', async (t) => {
  const whole = await storyOf(healthy, { order: 'cordon-first' });
  const process = await startProcess(whole.world);
  const result = await process.run(whole.plan, whole.journal);
  assert.ok(result !== 'cut');
  const end = process.places.indexOf('before eks:DeleteNodegroup');
  const cuts = Array.from({ length: 5 }, (_, index) => Math.floor(((index + 0.5) * end) / 5));
  t.diagnostic(`cut at ${cuts.join(', ')} of ${end} places`);
  for (const cut of cuts) {
    const story = await storyOf(healthy, { order: 'cordon-first' });
    assert.equal(await story.apply(undefined, cut), 'cut');
    const first = await story.rollback({ cutAt: 30 + ((cut * 7) % 120) });
    if (first === 'cut') succeeded(await story.rollback());
    await isAsBefore(story, withoutPrefixes);
  }
});

test('pods that landed on nodes which joined when the drain back was over are moved as well', async () => {
  const whole = await storyOf(healthy);
  const process = await startProcess(whole.world);
  await process.run(whole.plan, whole.journal, { until: 'verify' });
  const grows = process.places.indexOf('after eks:UpdateNodegroupConfig');
  assert.ok(grows > 0);

  const story = await storyOf(healthy);
  assert.equal(await story.apply('verify', grows), 'cut');
  succeeded(await story.rollback({ until: 'drain' }));
  const { store, clock } = story.world;
  clock.advance(5 * minute);
  const scaleWorker = (replicas: number): void => {
    store.update<Deployment>('deployments', 'shop', 'worker', ({ spec }) => {
      spec.replicas = replicas;
    });
    clock.advance(minute);
  };
  scaleWorker(12);
  succeeded(await story.rollback());
  const moved = story.journal
    .entries()
    .flatMap((entry) =>
      entry.type === 'step-progress' && entry.progress.kind === 'eviction-intent' ? [entry.stepId] : [],
    );
  assert.ok(moved.length > 0, 'no pod came late');
  assert.deepEqual(
    moved.filter((id) => id !== 'undo/create-nodegroup/general'),
    [],
  );
  scaleWorker(6);
  await isAsBefore(story, withoutPrefixes);
});

test('one of two sources is deleted: it keeps its replacement, and the other comes back', async () => {
  const story = await storyOf(healthy);
  const whole = await storyOf(healthy);
  const process = await startProcess(whole.world);
  await process.run(whole.plan, whole.journal);
  const [first] = process.places.flatMap((place, index) => (place === 'after eks:DeleteNodegroup' ? [index] : []));
  assert.equal(await story.apply(undefined, first), 'cut');
  succeeded(await story.rollback());
  story.world.clock.advance(10 * minute);

  const [gone, back] = story.plan.nodegroups;
  assert.ok(gone && back);
  const { nodegroups, nodes, launchTemplates, environment } = await picture(story.world);
  assert.deepEqual(Object.keys(nodegroups).toSorted(), [gone.replacement, back.source].toSorted());
  assert.deepEqual([nodes[gone.replacement]?.cordoned, nodes[back.source]?.cordoned], [0, 0]);
  assert.ok(launchTemplates.some((name) => name.startsWith(gone.replacement)));
  assert.ok(!launchTemplates.some((name) => name.startsWith(back.replacement)));
  assert.equal(environment?.find(({ name }) => name === 'ENABLE_PREFIX_DELEGATION')?.value, 'true');
  assert.equal(story.world.stats().budgetViolations, 0);
  const { readyPods, pods } = story.world.stats();
  assert.equal(readyPods, pods);
  assert.match(detailsOf(story)['undo/cleanup'] ?? '', new RegExp(`stays: node group ${gone.replacement} `));
});

test('a Deployment that was rolled over is rolled over again, and never without a Ready pod', async () => {
  const lonely: Scenario = { ...healthy, workloads: [...healthy.workloads, deployment('shop', 'cart', 1)] };
  const story = await storyOf(lonely, { surge: ['shop/cart'] });
  succeeded(await story.apply('soak'));
  const ready: number[] = [];
  story.world.store.subscribe<Deployment>('deployments', ({ object }) => {
    if (object.metadata.name === 'cart') ready.push(object.status?.readyReplicas ?? 0);
  });
  const began = story.world.clock.now();
  succeeded(await story.rollback());
  assert.ok(story.world.clock.now() - began < 30 * minute);
  assert.ok(ready.length > 0 && Math.min(...ready) >= 1, `Ready pods of cart: ${ready.join(', ')}`);
  await isAsBefore(story);
});

test('what others have changed meanwhile is left to them, and said', async () => {
  const story = await storyOf(healthy);
  succeeded(await story.apply('soak'));
  const { store, clock } = story.world;
  const mine = store
    .list<Node>('nodes')
    .filter(({ metadata }) => metadata.labels?.['eks.amazonaws.com/nodegroup'] === 'general')
    .map(({ metadata }) => metadata.name);
  const [closed, opened] = mine;
  assert.ok(closed !== undefined && opened !== undefined);
  store.update<Node>('nodes', undefined, closed, ({ metadata }) => {
    metadata.annotations = { ...metadata.annotations, 'prefix-migrate/cordoned-by': 'another-plan' };
  });
  store.update<Node>('nodes', undefined, opened, ({ spec }) => {
    delete spec.unschedulable;
  });
  const { ports } = await startProcess(story.world);
  const theirs = '{"env":{"ENABLE_PREFIX_DELEGATION":"true","WARM_PREFIX_TARGET":"3"}}';
  const request = { clusterName: 'demo', addonName: 'vpc-cni', configurationValues: theirs };
  await drive(clock, ports.eks.updateAddon({ ...request, resolveConflicts: 'NONE' }, 'somebody'));
  clock.advance(5 * minute);

  succeeded(await story.rollback());
  const details = detailsOf(story);
  assert.equal(
    details['undo/cordon-source'],
    `no node of general, memory is cordoned by this plan; ${closed} stays cordoned, which somebody else did`,
  );
  assert.match(details['undo/configure-vpc-cni'] ?? '', /^somebody else has changed the configuration/);
  const { nodes, environment } = await picture(story.world);
  assert.equal(nodes['general']?.cordoned, 1);
  const environmentValue = (name: string) => environment?.find((variable) => variable.name === name)?.value;
  assert.equal(environmentValue('WARM_PREFIX_TARGET'), '3');
  assert.notEqual(environmentValue('ENABLE_PREFIX_DELEGATION'), 'true');
});
