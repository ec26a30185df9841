/** What the scheduler looks at beyond CPU and memory: volumes, spread, affinity, ports, and troubles of pods on their nodes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type CsiNode,
  type Deployment,
  type Event,
  type Node,
  noAddresses,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  type PodSpec,
} from '../../../src/simulator/kubernetes/objects.ts';
import { createWorld, space, type World } from './world.ts';

const zone = 'topology.kubernetes.io/zone';

/** Two nodes in zone a, one in b, none without a zone. */
function zonedWorld(attachLimit?: number): World {
  const world = createWorld({ nodes: 0, ...(attachLimit === undefined ? {} : { attachLimit }) });
  for (const [name, where] of Object.entries({ 'a-1': 'a', 'a-2': 'a', 'b-1': 'b' })) {
    world.addNode(name, {}, { [zone]: where });
  }
  world.clock.advance(1_000);
  return world;
}

const cordon = ({ store, clock }: World, name: string): void => {
  store.update<Node>('nodes', undefined, name, ({ spec }) => {
    spec.unschedulable = true;
  });
  clock.advance(1_000);
};

const nodeOf = ({ pods }: World, name: string): string =>
  pods().find(({ metadata }) => metadata.name.startsWith(name))?.spec.nodeName ?? '';

/** The message of a pod that fits nowhere, without what it says of preemption. */
const reason = ({ pods }: World, name: string): string => {
  const pod = pods().find(({ metadata, spec }) => metadata.name.startsWith(name) && !spec.nodeName);
  const condition = pod?.status.conditions?.find(({ type }) => type === 'PodScheduled');
  return condition?.message?.split('. preemption')[0] ?? '';
};

function runPod({ store, clock }: World, name: string, spec: Partial<PodSpec> = {}): void {
  store.create<Pod>('pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: space, labels: { app: name } },
    spec: { containers: [{ name: 'app', image: 'app:1' }], ...spec },
    status: { phase: 'Pending' },
  });
  clock.advance(10_000);
}

test('volumes on demand: an EBS volume stays in the zone of its first pod, a local one on its node', () => {
  const world = zonedWorld(25);
  world.workload('StatefulSet', 'db', 1, { volume: 'gp3' });
  world.workload('StatefulSet', 'log', 1, { volume: 'local-path' });
  world.clock.advance(20_000);
  const volumes = world.store.list<PersistentVolume>('persistentvolumes');
  const expressions = volumes.map(
    ({ spec }) => spec.nodeAffinity?.required?.nodeSelectorTerms[0]?.matchExpressions?.[0],
  );
  const [ebs, local] = expressions;
  assert.deepEqual(ebs, { key: zone, operator: 'In', values: [nodeOf(world, 'db').slice(0, 1)] });
  assert.deepEqual(local, { key: 'kubernetes.io/hostname', operator: 'In', values: [nodeOf(world, 'log')] });
  assert.deepEqual(
    volumes.map(({ spec }) => [spec.csi?.driver, spec.local !== undefined]),
    [
      ['ebs.csi.aws.com', false],
      [undefined, true],
    ],
  );
  const claim = world.store.get<PersistentVolumeClaim>('persistentvolumeclaims', space, 'data-db-0');
  assert.deepEqual([claim?.status?.phase, claim?.spec.volumeName], ['Bound', volumes[0]?.metadata.name]);

  cordon(world, nodeOf(world, 'log'));
  assert.ok(world.cluster.evict(space, 'log-0'));
  world.clock.advance(20_000);
  assert.equal(
    reason(world, 'log'),
    '0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) had volume node affinity conflict',
  );
});

test('an EBS volume keeps its pod from the nodes of other zones', () => {
  const world = zonedWorld(25);
  for (const name of ['a-1', 'a-2']) cordon(world, name);
  world.workload('StatefulSet', 'db', 1, { volume: 'gp3' });
  world.clock.advance(20_000);
  assert.equal(nodeOf(world, 'db'), 'b-1');
  world.store.update<Node>('nodes', undefined, 'a-1', ({ spec }) => {
    delete spec.unschedulable;
  });
  cordon(world, 'b-1');
  world.cluster.evict(space, 'db-0');
  world.clock.advance(20_000);
  assert.match(reason(world, 'db'), /1 node\(s\) had volume node affinity conflict, 2 node\(s\) were unschedulable/);
});

test('a node attaches no more volumes than its CSINode says; a shared volume counts once', () => {
  const world = zonedWorld(2);
  for (const name of ['a-2', 'b-1']) cordon(world, name);
  assert.equal(world.store.get<CsiNode>('csinodes', undefined, 'a-1')?.spec.drivers[0]?.allocatable?.count, 2);
  world.workload('Deployment', 'shared', 3, { volume: 'gp3' });
  world.workload('StatefulSet', 'db', 2, { volume: 'gp3' });
  world.clock.advance(30_000);
  assert.equal(world.readyPods().length, 4, 'three that share a volume, and one');
  assert.equal(
    reason(world, 'db'),
    '0/3 nodes are available: 1 node(s) exceed max volume count, 2 node(s) were unschedulable',
  );
  world.store.remove('nodes', undefined, 'a-2');
  world.clock.advance(60_000);
  assert.equal(world.store.get('csinodes', undefined, 'a-2'), undefined, 'it goes with its node');
});

test('a pod waits for a claim that is not there, and starts once it is', () => {
  const world = zonedWorld(25);
  runPod(world, 'late', { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] });
  assert.equal(reason(world, 'late'), '0/3 nodes are available: persistentvolumeclaim "data" not found');
  world.store.create<PersistentVolumeClaim>('persistentvolumeclaims', {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data', namespace: space },
    spec: { storageClassName: 'gp3' },
  });
  world.clock.advance(10_000);
  assert.notEqual(nodeOf(world, 'late'), '');
});

test('DoNotSchedule: zones differ by at most maxSkew, and a zone whose only node is cordoned still counts', () => {
  const world = zonedWorld();
  world.workload('Deployment', 'web', 4, { spreadOver: zone });
  world.clock.advance(20_000);
  const inB = world.pods().filter(({ spec }) => spec.nodeName === 'b-1');
  assert.equal(inB.length, 2);
  cordon(world, 'b-1');
  for (const { metadata } of inB) world.cluster.evict(space, metadata.name);
  world.clock.advance(20_000);
  assert.equal(
    reason(world, 'web'),
    "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match pod topology spread constraints",
  );
  world.addNode('b-2', {}, { [zone]: 'b' });
  world.clock.advance(20_000);
  assert.equal(world.readyPods().length, 4);
});

test('a node without the label of a spread constraint takes no pod of it', () => {
  const world = zonedWorld();
  world.addNode('nowhere');
  for (const name of ['a-1', 'a-2', 'b-1']) cordon(world, name);
  world.workload('Deployment', 'web', 1, { spreadOver: zone });
  world.clock.advance(5_000);
  assert.match(
    reason(world, 'web'),
    /1 node\(s\) didn't match pod topology spread constraints \(missing required label\)/,
  );
});

const near = (app: string): Partial<PodSpec> => ({
  affinity: {
    podAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector: { matchLabels: { app } }, topologyKey: zone }],
    },
  },
});

test('required affinity: near its mate, in its zone; the first of a group that wants itself may begin', () => {
  const world = zonedWorld();
  runPod(world, 'client', near('server'));
  assert.equal(reason(world, 'client'), "0/3 nodes are available: 3 node(s) didn't match pod affinity rules");
  runPod(world, 'server', { nodeSelector: { 'kubernetes.io/hostname': 'b-1' } });
  assert.equal(nodeOf(world, 'client'), 'b-1', 'it is looked at again when its mate has a node');
  runPod(world, 'self', near('self'));
  assert.notEqual(nodeOf(world, 'self'), '');
});

test('anti-affinity holds over a zone, and for those who come later', () => {
  const world = zonedWorld();
  const term = { labelSelector: { matchLabels: { noisy: 'yes' } }, topologyKey: zone };
  runPod(world, 'quiet', {
    nodeSelector: { 'kubernetes.io/hostname': 'a-1' },
    affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } },
  });
  cordon(world, 'b-1');
  world.workload('Deployment', 'drum', 1, { labels: { noisy: 'yes' } });
  world.clock.advance(5_000);
  assert.equal(
    reason(world, 'drum'),
    "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't satisfy existing pods anti-affinity rules",
  );
});

test('a host port is had once on a node', () => {
  const world = zonedWorld();
  world.workload('Deployment', 'proxy', 4, { hostPort: 8080 });
  world.clock.advance(10_000);
  assert.equal(world.readyPods().length, 3);
  assert.equal(
    reason(world, 'proxy'),
    "0/3 nodes are available: 3 node(s) didn't have free ports for the requested pod ports",
  );
});

test('extended resources are counted', () => {
  const world = zonedWorld();
  world.store.update<Node>('nodes', undefined, 'b-1', ({ status }) => {
    status.allocatable = { ...status.allocatable, 'nvidia.com/gpu': '1' };
  });
  const spec = { containers: [{ name: 'app', resources: { requests: { 'nvidia.com/gpu': '1' } } }] };
  runPod(world, 'first', spec);
  assert.equal(nodeOf(world, 'first'), 'b-1');
  runPod(world, 'second', spec);
  assert.equal(reason(world, 'second'), '0/3 nodes are available: 3 Insufficient nvidia.com/gpu');
});

test('a pod that crashes is Ready, then not, and Ready again after a growing pause', () => {
  const world = createWorld();
  world.workload('Deployment', 'web', 1, { readySeconds: 1, crashAfterSeconds: 30 });
  const changes: [number, boolean][] = [];
  const begin = world.clock.now();
  let before = false;
  world.store.subscribe('pods', () => {
    const ready = world.readyPods().length === 1;
    if (ready !== before) changes.push([Math.round((world.clock.now() - begin) / 1000), ready]);
    before = ready;
  });
  world.clock.advance(150_000);
  assert.deepEqual(changes.slice(0, 5), [
    [2, true],
    [32, false],
    [43, true],
    [73, false],
    [94, true],
  ]);
  const [container] = world.pods()[0]?.status.containerStatuses ?? [];
  assert.ok((container?.restartCount ?? 0) >= 3);
  assert.equal(world.attached.size, 1, 'its sandbox stays');
});

test('a node where the VPC CNI has no address', () => {
  const world = createWorld({ nodes: 1 });
  const setMark = (value: string): void => {
    world.store.update<Node>('nodes', undefined, 'node-0', ({ metadata }) => {
      metadata.annotations = { [noAddresses]: value };
    });
  };
  setMark('true');
  world.workload('Deployment', 'web', 1);
  world.clock.advance(30_000);
  assert.equal(world.readyPods().length, 0);
  const event = world.store.list<Event>('events').find((each) => each.reason === 'FailedCreatePodSandBox');
  assert.match(
    event?.message ?? '',
    /plugin type="aws-cni" name="aws-cni" failed \(add\): add cmd: failed to assign an IP address to container$/,
  );
  setMark('false');
  world.clock.advance(120_000);
  assert.equal(world.readyPods().length, 1);
});

test('stuck Terminating: by a finalizer, and by a kubelet that does not answer', () => {
  const world = createWorld();
  world.workload('Deployment', 'held', 1, { finalizers: ['example.com/hold'] });
  world.workload('Deployment', 'mute', 1);
  world.clock.advance(10_000);
  const names = world.readyPods().map(({ metadata }) => metadata.name);
  const mute = world.readyPods().find(({ metadata }) => metadata.name.startsWith('mute'));
  world.cluster.stopKubelet(mute?.spec.nodeName ?? '');
  for (const name of names) assert.ok(world.cluster.evict(space, name));
  world.clock.advance(240_000);
  const stuck = world.pods().filter(({ metadata }) => metadata.deletionTimestamp !== undefined);
  assert.deepEqual(
    stuck.map(({ metadata }) => metadata.name),
    names,
  );
  assert.equal(world.store.get<Deployment>('deployments', space, 'held')?.status.readyReplicas, 1, 'it is replaced');
});

test('a pod that tolerates the cordon, and one that is bound past the scheduler, come late to a cordoned node', () => {
  const world = createWorld({ nodes: 1 });
  cordon(world, 'node-0');
  const tolerations = [{ key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' }];
  runPod(world, 'late', { tolerations });
  runPod(world, 'bound', { nodeName: 'node-0' });
  assert.deepEqual(
    world.readyPods().map(({ metadata, spec }) => [metadata.name, spec.nodeName]),
    [
      ['bound', 'node-0'],
      ['late', 'node-0'],
    ],
  );
});
