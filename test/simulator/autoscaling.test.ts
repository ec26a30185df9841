/** Groups that grow and shrink: suspended processes, the cluster autoscaler, instances that go by themselves. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VirtualClock } from '../../src/simulator/clock.ts';
import type { Deployment, Event, Node, Pod } from '../../src/simulator/kubernetes/objects.ts';
import type { Scenario } from '../../src/simulator/scenario.ts';
import { withClusterAutoscaler } from '../../src/simulator/scenarios/cluster-autoscaler.ts';
import {
  clusterAutoscaler,
  demoCluster,
  deployment,
  nodegroup,
  threeSubnets,
} from '../../src/simulator/scenarios/parts.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';

const subnets = threeSubnets();

/** One group of three nodes that may have five. */
function scenario(more: Partial<Scenario> = {}): Scenario {
  return demoCluster({
    name: 'test',
    title: 'three nodes',
    subnets,
    nodegroups: [nodegroup('general', 3, subnets, { scaling: { minSize: 2, maxSize: 5, desiredSize: 3 } })],
    workloads: [deployment('shop', 'web', 6)],
    ...more,
  });
}

const withAutoscaler: Partial<Scenario> = {
  clusterAutoscaler: {},
  workloads: [deployment('shop', 'web', 6), clusterAutoscaler('demo')],
};

interface Rig extends World {
  seconds(count: number): void;
  /** Name of the Auto Scaling group of `general`. */
  group: string;
}

async function rig(given: Scenario): Promise<Rig> {
  const world = createWorld(given);
  const { nodegroup: described } = await eks(world, 'GET', 'general');
  const [{ name }] = described.resources.autoScalingGroups;
  const clock = world.clock as VirtualClock;
  return { ...world, seconds: (count) => clock.advance(count * 1000), group: name };
}

async function eks(world: World, method: string, nodegroupName: string, body?: object) {
  const path = `/clusters/demo/node-groups/${nodegroupName}${body ? '/update-config' : ''}`;
  const { aws } = world.handlersFor('administrator');
  const headers = { 'content-type': 'application/json' };
  const answer = await aws({ method, path, headers, body: body ? JSON.stringify(body) : '' });
  assert.ok(typeof answer.body === 'string');
  return { status: answer.status, ...JSON.parse(answer.body) };
}

/** The body of an Auto Scaling answer. */
async function scaling(world: World, action: string, parameters: Record<string, string>): Promise<string> {
  const body = new URLSearchParams({ Action: action, Version: '2011-01-01', ...parameters }).toString();
  const { aws } = world.handlersFor('administrator');
  const answer = await aws({ method: 'POST', path: '/', headers: {}, body });
  assert.ok(typeof answer.body === 'string');
  return answer.body;
}

const suspended = async (world: Rig): Promise<string[]> => {
  const answer = await scaling(world, 'DescribeAutoScalingGroups', { 'AutoScalingGroupNames.member.1': world.group });
  return [...answer.matchAll(/<ProcessName>(\w+)<\/ProcessName>/g)].map(([, name]) => name ?? '');
};

const change = (world: Rig, action: 'Suspend' | 'Resume', ...processes: string[]): Promise<string> => {
  const named = processes.map((name, index): [string, string] => [`ScalingProcesses.member.${index + 1}`, name]);
  return scaling(world, `${action}Processes`, { AutoScalingGroupName: world.group, ...Object.fromEntries(named) });
};

const nodes = ({ store }: World): Node[] => store.list<Node>('nodes');
const pending = ({ store }: World): Pod[] => store.list<Pod>('pods').filter(({ spec }) => !spec.nodeName);
const desired = async (world: World): Promise<number> =>
  (await eks(world, 'GET', 'general')).nodegroup.scalingConfig.desiredSize;
const events = ({ store }: World, reason: string): string[] =>
  store
    .list<Event>('events')
    .filter((event) => event.reason === reason)
    .map(({ message }) => message ?? '');

function scale({ store }: World, name: string, replicas: number): void {
  store.update<Deployment>('deployments', 'shop', name, ({ spec }) => {
    spec.replicas = replicas;
  });
}

test('what somebody has suspended is told, and changes with SuspendProcesses and ResumeProcesses', async () => {
  const group = nodegroup('general', 3, subnets, { suspendedProcesses: ['AZRebalance'] });
  const world = await rig(scenario({ nodegroups: [group] }));
  assert.deepEqual(await suspended(world), ['AZRebalance']);
  await change(world, 'Suspend', 'Terminate', 'Launch');
  await change(world, 'Suspend', 'Launch');
  assert.deepEqual(await suspended(world), ['AZRebalance', 'Terminate', 'Launch']);
  await change(world, 'Resume', 'Launch', 'HealthCheck');
  assert.deepEqual(await suspended(world), ['AZRebalance', 'Terminate']);
  await change(world, 'Resume');
  assert.deepEqual(await suspended(world), []);
  assert.match(await change(world, 'Suspend', 'Dance'), /Dance is not a valid scaling process/);
});

test('with Terminate suspended a node group stays DELETING with its nodes, and goes once it is resumed', async () => {
  const world = await rig(scenario());
  await change(world, 'Suspend', 'Terminate');
  assert.equal((await eks(world, 'DELETE', 'general')).status, 200);
  world.seconds(3600);
  const stuck = await eks(world, 'GET', 'general');
  assert.deepEqual([stuck.nodegroup.status, nodes(world).length], ['DELETING', 3]);
  await change(world, 'Resume', 'Terminate');
  world.seconds(900);
  assert.deepEqual([(await eks(world, 'GET', 'general')).status, nodes(world).length], [404, 0]);
});

test('with Launch suspended nothing is launched until it is resumed', async () => {
  const world = await rig(scenario());
  await change(world, 'Suspend', 'Launch');
  const scalingConfig = { minSize: 2, maxSize: 5, desiredSize: 5 };
  await eks(world, 'POST', 'general', { scalingConfig });
  world.seconds(600);
  assert.equal(nodes(world).length, 3);
  await change(world, 'Resume', 'Launch');
  world.seconds(600);
  assert.equal(nodes(world).length, 5);
});

const sizes: [given: object, outcome: RegExp][] = [
  [{ maxSize: 3 }, /^200/],
  [{ minSize: 3 }, /^200/],
  [{ minSize: 4 }, /^400 Minimum capacity 4 can't be greater than desired size 3/],
  [{ maxSize: 2 }, /^400 desiredSize can't be greater than maxSize/],
  [{ minSize: 0, maxSize: 9, desiredSize: 9 }, /^200/],
  [{ minSize: -1 }, /^400/],
];

for (const [given, outcome] of sizes) {
  test(`UpdateNodegroupConfig of a group with 2 <= 3 <= 5: ${JSON.stringify(given)}`, async () => {
    const world = await rig(scenario());
    const { status, message = '' } = await eks(world, 'POST', 'general', { scalingConfig: given });
    assert.match(`${status} ${message}`, outcome);
  });
}

test('the group of today counts: after growth by hand, a cap at the old size is refused', async () => {
  const world = await rig(scenario());
  await scaling(world, 'SetDesiredCapacity', { AutoScalingGroupName: world.group, DesiredCapacity: '5' });
  assert.equal(await desired(world), 5);
  assert.equal((await eks(world, 'POST', 'general', { scalingConfig: { maxSize: 4 } })).status, 400);
  const beyond = await scaling(world, 'SetDesiredCapacity', {
    AutoScalingGroupName: world.group,
    DesiredCapacity: '6',
  });
  assert.match(beyond, /New SetDesiredCapacity value 6 is above max value 5/);
});

test('a reclaimed instance: its node goes, its pods are replaced, the group launches another one', async () => {
  const world = await rig(scenario());
  const [lost] = nodes(world);
  const name = lost?.metadata.name ?? '';
  world.loseNode(name);
  world.seconds(30);
  assert.equal(world.store.get('nodes', undefined, name), undefined);
  world.seconds(600);
  assert.equal(nodes(world).length, 3);
  assert.equal(world.stats().readyPods, world.stats().pods);
  assert.match(
    await scaling(world, 'DescribeScalingActivities', { AutoScalingGroupName: world.group }),
    /EC2 health check indicating it has been terminated/,
  );
  assert.throws(() => world.loseNode('nobody'), /no node nobody/);
});

test('the autoscaler grows a group by what its pods need, within its maximum, and says so', async () => {
  const world = await rig(scenario(withAutoscaler));
  scale(world, 'web', 80);
  world.seconds(30);
  assert.equal(await desired(world), 5);
  assert.match(
    events(world, 'TriggeredScaleUp')[0] ?? '',
    /^pod triggered scale-up: \[\{eks-general-\S+ 3->5 \(max: 5\)\}\]$/,
  );
  world.seconds(300);
  assert.equal(nodes(world).length, 5);
  scale(world, 'web', 120);
  world.seconds(60);
  assert.ok(pending(world).length > 0);
  assert.ok(events(world, 'NotTriggerScaleUp').includes("pod didn't trigger scale-up: 1 max node group size reached"));
});

test('it adds no node for pods that would not fit there, nor twice for the same pods', async () => {
  const world = await rig(scenario(withAutoscaler));
  world.store.update<Deployment>('deployments', 'shop', 'web', ({ spec }) => {
    spec.template.spec.nodeSelector = { disk: 'fast' };
  });
  world.seconds(300);
  assert.equal(await desired(world), 3);
  assert.match(events(world, 'NotTriggerScaleUp')[0] ?? '', /1 node\(s\) didn't match Pod's node affinity\/selector/);
  world.store.update<Deployment>('deployments', 'shop', 'web', ({ spec }) => {
    delete spec.template.spec.nodeSelector;
    spec.replicas = 52;
  });
  world.seconds(600);
  assert.equal(pending(world).length, 0);
  assert.equal(await desired(world), 4);
});

/** The group grown by one node that stays empty. */
async function withEmptyNode(): Promise<Rig & { added: Node }> {
  const world = await rig(scenario(withAutoscaler));
  const before = new Set(nodes(world).map(({ metadata }) => metadata.name));
  await eks(world, 'POST', 'general', { scalingConfig: { desiredSize: 4 } });
  world.seconds(150);
  const [added, ...more] = nodes(world).filter(({ metadata }) => !before.has(metadata.name));
  assert.ok(added && more.length === 0);
  return { ...world, added };
}

test('it removes a node that was empty for ten minutes, and lowers the desired size', async () => {
  const world = await withEmptyNode();
  world.seconds(450);
  assert.equal(nodes(world).length, 4);
  world.seconds(240);
  assert.equal(nodes(world).length, 3);
  assert.equal(world.store.get('nodes', undefined, world.added.metadata.name), undefined);
  assert.equal(await desired(world), 3);
  assert.deepEqual(events(world, 'ScaleDown'), ['marked the node as toBeDeleted/unschedulable']);
});

test('it leaves a node with the annotation, one with a pod, and the last ones above the minimum', async () => {
  const kept = await withEmptyNode();
  const { name } = kept.added.metadata;
  kept.store.update<Node>('nodes', undefined, name, ({ metadata }) => {
    metadata.annotations = { 'cluster-autoscaler.kubernetes.io/scale-down-disabled': 'true' };
  });
  kept.seconds(3600);
  assert.equal(nodes(kept).length, 4);

  const used = await withEmptyNode();
  used.seconds(300);
  scale(used, 'web', 16);
  used.seconds(3600);
  assert.equal(nodes(used).length, 4);

  const atMinimum = await withEmptyNode();
  await eks(atMinimum, 'POST', 'general', { scalingConfig: { minSize: 4 } });
  atMinimum.seconds(3600);
  assert.equal(nodes(atMinimum).length, 4);
});

test('it does nothing while its own pod is not Ready, and begins anew after that', async () => {
  const world = await withEmptyNode();
  const size = (replicas: number): void => {
    world.store.update<Deployment>('deployments', 'kube-system', 'cluster-autoscaler', ({ spec }) => {
      spec.replicas = replicas;
    });
  };
  size(0);
  world.seconds(3600);
  assert.equal(nodes(world).length, 4);
  // Its pod would go there.
  world.store.update<Node>('nodes', undefined, world.added.metadata.name, ({ spec }) => {
    spec.unschedulable = true;
  });
  size(1);
  world.seconds(500);
  assert.equal(nodes(world).length, 4, 'it has not seen the node empty for ten minutes');
  world.seconds(300);
  assert.equal(nodes(world).length, 3);
});

test('cordoned nodes are no obstacle: the old group grows although nobody wants its nodes', async () => {
  const world = await rig(scenario(withAutoscaler));
  for (const { metadata } of nodes(world)) {
    world.store.update<Node>('nodes', undefined, metadata.name, ({ spec }) => {
      spec.unschedulable = true;
    });
  }
  scale(world, 'web', 7);
  world.seconds(300);
  assert.equal(nodes(world).length, 4);
  assert.equal(pending(world).length, 0);
});

test('the scenario cluster-autoscaler is the healthy one beside it: nothing moves by itself', () => {
  const world = createWorld(withClusterAutoscaler);
  (world.clock as VirtualClock).advance(7_200_000);
  assert.equal(nodes(world).length, 6);
  assert.equal(world.clock.pending(), 0);
  const command = world.store.get<Deployment>('deployments', 'kube-system', 'cluster-autoscaler')?.spec.template.spec
    .containers[0];
  assert.equal(command?.image, 'registry.k8s.io/autoscaling/cluster-autoscaler:v1.33.0');
});
