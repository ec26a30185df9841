import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DaemonSet, Deployment, Event, Node, Pod } from '../../../src/simulator/kubernetes/objects.ts';
import { compareText } from '../../../src/simulator/kubernetes/store.ts';
import { createWorld, space, type World } from './world.ts';

/** Empty for a pod that is on no node. */
function nodesOf(world: World): string[] {
  return world.pods().map(({ spec }) => spec.nodeName ?? '');
}

function messages(world: World, reason: string): string[] {
  return world.store
    .list<Event>('events')
    .filter((event) => event.reason === reason)
    .map(({ message }) => message ?? '');
}

test('a Deployment replaces what goes, and settles: no timer is left', () => {
  const world = createWorld();
  world.workload('Deployment', 'web', 3);
  world.clock.advance(4_000);
  assert.equal(world.readyPods().length, 0, 'readySeconds is 5');
  world.clock.advance(6_000);
  assert.equal(world.readyPods().length, 3);
  world.cluster.deletePod(space, world.pods()[0]?.metadata.name ?? '');
  world.clock.advance(20_000);
  assert.equal(world.readyPods().length, 3);
  assert.equal(world.pods().length, 3);
  assert.equal(world.clock.pending(), 0);
});

test('a rolling update keeps as many pods available as it says', () => {
  const world = createWorld();
  world.workload('Deployment', 'web', 4);
  world.clock.advance(10_000);
  let fewest = 4;
  let most = 4;
  world.store.subscribe('pods', () => {
    fewest = Math.min(fewest, world.readyPods().length);
    most = Math.max(most, world.pods().filter(({ metadata }) => metadata.deletionTimestamp === undefined).length);
  });
  world.store.update<Deployment>('deployments', space, 'web', ({ spec }) => {
    for (const container of spec.template.spec.containers) container.image = 'web:2';
  });
  world.clock.advance(120_000);
  assert.deepEqual(
    world.pods().map(({ spec }) => spec.containers[0]?.image),
    Array(4).fill('web:2'),
  );
  assert.deepEqual([fewest, most], [3, 5], '25 % of four, down and up');
  const { status } = world.store.get<Deployment>('deployments', space, 'web') ?? {};
  assert.deepEqual([status?.updatedReplicas, status?.availableReplicas, status?.observedGeneration], [4, 4, 2]);
});

test('a StatefulSet goes one by one, and takes a name again only once it is free', () => {
  const world = createWorld();
  world.workload('StatefulSet', 'db', 2);
  world.clock.advance(3_000);
  assert.deepEqual(
    world.pods().map(({ metadata }) => metadata.name),
    ['db-0'],
  );
  world.clock.advance(10_000);
  assert.deepEqual(
    world.readyPods().map(({ metadata }) => metadata.name),
    ['db-0', 'db-1'],
  );
  const uid = world.pods()[0]?.metadata.uid;
  world.cluster.evict(space, 'db-0');
  world.clock.advance(2_900);
  assert.equal(world.pods()[0]?.metadata.uid, uid, 'still stopping');
  world.clock.advance(10_000);
  assert.notEqual(world.pods()[0]?.metadata.uid, uid);
  assert.equal(world.readyPods().length, 2);
});

test('a DaemonSet runs on every node that its tolerations allow, cordoned ones too, and is rolled out in waves', () => {
  const world = createWorld({ nodes: 10 });
  world.addNode('tainted', { taints: [{ key: 'gpu', effect: 'NoSchedule' }] });
  world.store.update<Node>('nodes', undefined, 'node-0', ({ spec }) => {
    spec.unschedulable = true;
  });
  world.workload('DaemonSet', 'agent', 0);
  world.clock.advance(10_000);
  assert.deepEqual(
    nodesOf(world).toSorted(compareText),
    Array.from({ length: 10 }, (_, index) => `node-${index}`),
  );

  let fewest = 10;
  world.store.subscribe('pods', () => {
    fewest = Math.min(fewest, world.readyPods().length);
  });
  world.store.update<DaemonSet>('daemonsets', space, 'agent', ({ spec }) => {
    spec.updateStrategy = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '20%' } };
    for (const container of spec.template.spec.containers) container.image = 'agent:2';
  });
  world.clock.advance(120_000);
  assert.equal(fewest, 8);
  const { status } = world.store.get<DaemonSet>('daemonsets', space, 'agent') ?? {};
  assert.deepEqual(
    [status?.desiredNumberScheduled, status?.updatedNumberScheduled, status?.numberAvailable],
    [10, 10, 10],
  );
});

test('a daemon that was never scheduled goes with its node', () => {
  const world = createWorld({ nodes: 2 });
  world.workload('DaemonSet', 'agent', 0, { cpu: '4' });
  world.clock.advance(10_000);
  assert.deepEqual(nodesOf(world), ['', '']);
  world.store.remove('nodes', undefined, 'node-1');
  world.clock.advance(10_000);
  assert.deepEqual(nodesOf(world), ['']);
});

test('the scheduler says why a pod fits nowhere, and looks again when something changes', () => {
  const world = createWorld();
  world.store.update<Node>('nodes', undefined, 'node-0', ({ spec }) => {
    spec.unschedulable = true;
  });
  world.addNode('tainted', { taints: [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }] });
  world.clock.advance(1_000);
  world.workload('Deployment', 'big', 1, { cpu: '1900m' });
  world.workload('Deployment', 'huge', 1, { cpu: '4' });
  world.clock.advance(10_000);
  const pending = world.pods().find(({ metadata }) => metadata.name.startsWith('huge'));
  const condition = pending?.status.conditions?.find(({ type }) => type === 'PodScheduled');
  assert.deepEqual([condition?.status, condition?.reason], ['False', 'Unschedulable']);
  assert.equal(
    condition?.message,
    '0/4 nodes are available: 1 node(s) had untolerated taint {dedicated: db}, 1 node(s) were unschedulable, ' +
      '2 Insufficient cpu. preemption: 0/4 nodes are available: 2 Preemption is not helpful for scheduling, ' +
      '2 No preemption victims found for incoming pod.',
  );
  const quiet = world.clock.pending();
  world.store.create<Node>('nodes', {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'large' },
    spec: {},
    status: {
      allocatable: { cpu: '8', memory: '32Gi', pods: '29' },
      addresses: [{ type: 'InternalIP', address: '10.0.0.8' }],
    },
  });
  world.clock.advance(20_000);
  assert.equal(quiet, 0, 'no polling while nothing changes');
  assert.equal(world.pods().find(({ metadata }) => metadata.name.startsWith('huge'))?.spec.nodeName, 'large');
});

test('pods spread over nodes, keep apart when they must, and stop at the capacity of pods', () => {
  const world = createWorld({ allocatable: { cpu: '8', memory: '32Gi', pods: '3' } });
  world.workload('Deployment', 'apart', 4, { onePerNode: true });
  world.clock.advance(10_000);
  assert.deepEqual(
    nodesOf(world)
      .filter((node) => node !== '')
      .toSorted(compareText),
    ['node-0', 'node-1', 'node-2'],
  );
  world.workload('Deployment', 'many', 9, { nodeSelector: { 'kubernetes.io/hostname': 'node-1' } });
  world.clock.advance(10_000);
  assert.equal(nodesOf(world).filter((node) => node === 'node-1').length, 3);
  assert.ok(messages(world, 'FailedScheduling').some((text) => text.includes('1 Too many pods')));
});

test('cordoning taints the node a moment later, and keeps new pods away', () => {
  const world = createWorld();
  const taints = (): (string | undefined)[] =>
    world.store.get<Node>('nodes', undefined, 'node-0')?.spec.taints?.map(({ key }) => key) ?? [];
  const cordon = (unschedulable: boolean): void => {
    world.store.update<Node>('nodes', undefined, 'node-0', ({ spec }) => {
      spec.unschedulable = unschedulable;
    });
  };
  cordon(true);
  assert.deepEqual(taints(), []);
  world.clock.advance(200);
  assert.deepEqual(taints(), ['node.kubernetes.io/unschedulable']);
  world.workload('Deployment', 'web', 4);
  world.clock.advance(10_000);
  assert.ok(!nodesOf(world).includes('node-0'));
  cordon(false);
  world.clock.advance(200);
  assert.deepEqual(taints(), []);
});

test('a sandbox that gets no address is tried again, with an event that is counted', () => {
  let refusals = 4;
  const network = {
    attach: () =>
      refusals-- > 0 ? { error: 'add cmd: failed to assign an IP address to container' } : { ip: '10.0.1.1' },
    detach: () => undefined,
  };
  const world = createWorld({ network });
  world.workload('Deployment', 'web', 1);
  world.clock.advance(10_000);
  assert.equal(world.readyPods().length, 0);
  world.clock.advance(60_000);
  assert.equal(world.readyPods().length, 1);
  const events = world.store.list<Event>('events').filter(({ reason }) => reason === 'FailedCreatePodSandBox');
  assert.deepEqual(
    events.map(({ count, type }) => [count, type]),
    [[4, 'Warning']],
  );
  assert.match(
    events[0]?.message ?? '',
    /^Failed to create pod sandbox: .*plugin type="aws-cni" name="aws-cni" failed \(add\): add cmd: failed to assign/,
  );
});

test('every address that is taken is given back, and host pods take none', () => {
  const world = createWorld();
  world.workload('Deployment', 'web', 3);
  world.workload('DaemonSet', 'host', 0, { hostNetwork: true });
  world.clock.advance(10_000);
  assert.equal(world.attached.size, 3);
  assert.equal(world.pods().find(({ metadata }) => metadata.name.startsWith('host'))?.status.podIP, '10.0.0.9');
  for (const { metadata } of world.pods()) world.cluster.deletePod(space, metadata.name);
  world.clock.advance(30_000);
  assert.deepEqual(
    world.attached,
    new Set(
      world
        .pods()
        .filter(({ spec }) => !spec.hostNetwork)
        .map(({ metadata }) => metadata.uid),
    ),
  );
});

test('termination takes what the pod takes, at most its grace period', () => {
  const world = createWorld();
  world.workload('Pod', 'slow', 1, { terminationSeconds: 100, terminationGracePeriodSeconds: 10 });
  world.clock.advance(10_000);
  world.cluster.deletePod(space, 'slow');
  world.clock.advance(9_900);
  assert.equal(world.pods().length, 1);
  world.clock.advance(200);
  assert.equal(world.pods().length, 0);
});

test('a node is Ready once its aws-node pod is; until then it keeps other pods off', () => {
  const world = createWorld({ awaitCni: true, nodes: 0 });
  world.workload('DaemonSet', 'aws-node', 0, {
    namespace: 'kube-system',
    labels: { 'k8s-app': 'aws-node' },
    hostNetwork: true,
    tolerations: [{ operator: 'Exists' }],
    readySeconds: 8,
  });
  world.workload('Deployment', 'web', 1);
  world.addNode('new');
  const ready = (): string | undefined =>
    world.store.get<Node>('nodes', undefined, 'new')?.status.conditions?.find(({ type }) => type === 'Ready')?.status;
  world.clock.advance(7_000);
  assert.equal(ready(), 'False');
  assert.deepEqual(nodesOf(world), ['']);
  world.clock.advance(10_000);
  assert.equal(ready(), 'True');
  assert.deepEqual(world.store.get<Node>('nodes', undefined, 'new')?.spec.taints, undefined);
  assert.deepEqual(nodesOf(world), ['new']);
});

test('a silent kubelet: Unknown after 50 s, its pods leave after 300 s more, and are gone with the node', () => {
  const world = createWorld();
  world.workload('Deployment', 'web', 3);
  world.clock.advance(10_000);
  world.cluster.stopKubelet('node-0');
  world.clock.advance(51_000);
  const node = world.store.get<Node>('nodes', undefined, 'node-0');
  assert.equal(node?.status.conditions?.find(({ type }) => type === 'Ready')?.status, 'Unknown');
  assert.equal(world.readyPods().length, 2);
  world.clock.advance(310_000);
  assert.equal(world.readyPods().length, 3);
  const stuck = world.pods().filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
  assert.deepEqual(
    stuck.map(({ spec }) => spec.nodeName),
    ['node-0'],
  );
  world.store.remove('nodes', undefined, 'node-0');
  world.clock.advance(60_000);
  assert.equal(world.pods().length, 3);
});

/** Everything of a world that ran for a while. */
function aftermath(seed: number): unknown {
  const world = createWorld({ seed });
  world.workload('Deployment', 'web', 5);
  world.workload('StatefulSet', 'db', 2);
  world.clock.advance(10_000);
  world.cluster.evict(space, 'db-0');
  world.cluster.deletePod(space, world.pods()[3]?.metadata.name ?? '');
  world.clock.advance(30_000);
  return [world.store.version(), world.store.list<Pod>('pods'), world.store.list<Event>('events')];
}

test('the same seed and the same calls: the same world, to the last version', () => {
  assert.deepEqual(aftermath(1), aftermath(1));
  assert.notDeepEqual(aftermath(1), aftermath(2));
});
