import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { desiredNodes, replacementNodeCount } from '../../src/domain/nodegroups.ts';
import type { PlanRequest } from '../../src/domain/plan.ts';
import type { ClusterSnapshot, Pod } from '../../src/domain/snapshot.ts';
import { capacityOf } from '../../src/planning/capacity.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import { aNode, aNodegroup, anInstanceType, aPod, aRequest, aSnapshot } from '../support/snapshot.ts';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

/** Node group apps with these pods, all on its first node; a new node has 110 pods, 1930 millis and 6209 MiB. */
const withPods = (pods: Pod[], more: Partial<ClusterSnapshot> = {}): ClusterSnapshot =>
  aSnapshot({ nodegroups: [aNodegroup()], pods, workloads: [], podDisruptionBudgets: [], ...more });

const many = (count: number, part: Partial<Pod> = {}): Pod[] =>
  Array.from({ length: count }, (_, index) =>
    aPod({ name: `web-${index}`, requests: { cpuMillis: 0, memoryBytes: 0 }, ...part }),
  );

function of(snapshot: ClusterSnapshot, request: Partial<PlanRequest> = {}) {
  const found = capacityOf(snapshot, snapshot.nodegroups, aRequest(request)).get('apps');
  assert.ok(found !== undefined);
  const { nodesNeeded, limitedBy, unplaced } = found;
  return [nodesNeeded, limitedBy, unplaced];
}

const volume = (name: string, zone: string) => ({
  namespace: 'shop',
  name,
  volumeName: `pv-${name}`,
  storageClass: 'gp3',
  accessModes: ['ReadWriteOnce'],
  driver: 'ebs.csi.aws.com',
  nodeAffinity: [
    { expressions: [{ key: 'topology.ebs.csi.aws.com/zone', operator: 'In' as const, values: [zone] }], fields: [] },
  ],
});

const apart = (app: string): Partial<Pod> => ({
  labels: { app },
  podAntiAffinity: [{ topologyKey: 'kubernetes.io/hostname', selector: { matchLabels: { app } }, namespaces: [] }],
});

describe('what is enough', () => {
  test('table', () => {
    const claims = ['d-0', 'd-1', 'd-2'].map((name) => volume(name, 'eu-west-1a'));
    const withVolumes = claims.map(({ name }) =>
      aPod({ name, persistentVolumeClaims: [name], requests: { cpuMillis: 1900, memoryBytes: 0 } }),
    );
    const limit = { csiNodes: [{ nodeName: 'ip-10-0-1-10', drivers: [{ name: 'ebs.csi.aws.com', count: 1 }] }] };
    const cases: [string, ReturnType<typeof of>, ReturnType<typeof of>][] = [
      ['nothing moves', of(withPods([])), [0, 'nothing', []]],
      ['pods', of(withPods(many(111))), [2, 'pods', []]],
      ['pods, fewer for each node', of(withPods(many(61)), { maxPods: 30 }), [3, 'pods', []]],
      ['cpu', of(withPods(many(5, { requests: { cpuMillis: 700, memoryBytes: 0 } }))), [3, 'cpu', []]],
      [
        'memory: the new reservation counts',
        of(withPods(many(2, { requests: { cpuMillis: 1, memoryBytes: 3200 * MiB } }))),
        [2, 'memory', []],
      ],
      [
        'the same with the reservation of today',
        of(withPods(many(2, { requests: { cpuMillis: 1, memoryBytes: 3200 * MiB } })), { maxPods: 30 }),
        [1, 'memory', []],
      ],
      ['required anti-affinity', of(withPods(many(4, apart('web')))), [4, 'anti-affinity of shop/web-1', []]],
      [
        'ports of the host',
        of(withPods(many(2, { hostPorts: [{ port: 80, protocol: 'TCP', hostIp: '0.0.0.0' }] }))),
        [2, 'host port 80/TCP', []],
      ],
      [
        'three volumes in one of two zones, each pod a node: as many in the other',
        of(withPods(withVolumes, { volumeClaims: claims })),
        [6, 'volumes in zones', []],
      ],
      [
        'volumes that a node can attach',
        of(
          withPods(
            withVolumes.map((pod) => ({ ...pod, requests: { cpuMillis: 0, memoryBytes: 0 } })),
            { volumeClaims: claims.map((claim) => ({ ...claim, nodeAffinity: [] })), ...limit },
          ),
        ),
        [3, 'volumes of ebs.csi.aws.com', []],
      ],
      [
        'a pod that no node holds',
        of(withPods([...many(1), aPod({ name: 'big', requests: { cpuMillis: 1, memoryBytes: 9 * GiB } })])),
        [1, 'pods', ['shop/big: needs 9 GiB of memory, a node has 6 GiB of memory']],
      ],
      [
        'a pod that only its old node takes is not counted',
        of(withPods(many(200, { nodeSelector: { 'eks.amazonaws.com/nodegroup': 'apps' } }))),
        [0, 'nothing', []],
      ],
      ['DaemonSets stay and take room', of(withPods([...many(110), daemon()])), [2, 'pods', []]],
      ['finished pods do not move', of(withPods(many(500, { phase: 'Succeeded' }))), [0, 'nothing', []]],
    ];
    for (const [name, found, expected] of cases) assert.deepEqual(found, expected, name);
  });
  test('pods that no node holds are counted one by one', () => {
    const snapshot = withPods(many(3, { requests: { cpuMillis: 1, memoryBytes: 9 * GiB } }));
    const found = capacityOf(snapshot, snapshot.nodegroups, aRequest()).get('apps');
    assert.deepEqual([found?.nodesNeeded, found?.unplaced.length, found?.unplacedPods], [0, 1, 3]);
  });
  test('GPUs, where nodes tell them', () => {
    const snapshot = withPods(many(3, { requests: { cpuMillis: 1, memoryBytes: 1, others: { 'nvidia.com/gpu': 1 } } }));
    assert.equal(of(snapshot)[0], 1, 'not told, not counted');
    const nodes = snapshot.nodes.map((node) => ({
      ...node,
      allocatable: { ...node.allocatable, others: { 'nvidia.com/gpu': 1 } },
    }));
    assert.deepEqual(of({ ...snapshot, nodes }), [3, 'nvidia.com/gpu', []]);
  });
  test('of several types the least counts, and a pod for the larger one takes a node', () => {
    const types = [anInstanceType(), anInstanceType({ instanceType: 'm5.xlarge', vcpus: 4, memoryMiB: 16_384 })];
    const snapshot = withPods(many(2, { requests: { cpuMillis: 3000, memoryBytes: 0 } }), {
      nodegroups: [aNodegroup({ instanceTypes: ['m5.large', 'm5.xlarge'] })],
      instanceTypes: types,
      nodes: [aNode()],
    });
    assert.deepEqual(of(snapshot), [2, 'cpu', []]);
  });
  test('pods whose own replacement does not take them count where they go', () => {
    const snapshot = withPods(many(3, { nodeSelector: { team: 'tools' } }), {
      nodegroups: [aNodegroup(), aNodegroup({ nodegroupName: 'tools' })],
    });
    const found = capacityOf(snapshot, snapshot.nodegroups, aRequest());
    assert.deepEqual([found.get('apps')?.nodesNeeded, found.get('tools')?.nodesNeeded], [0, 1]);
  });
});

function daemon(): Pod {
  return aPod({
    name: 'agent',
    controller: { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'agent', uid: 'agent' },
    requests: { cpuMillis: 0, memoryBytes: 0 },
  });
}

const gibibytes = (number: number) => ({ cpuMillis: 0, memoryBytes: number * 2 ** 30 });
const sized = (pods: Pod[]) =>
  scopeOf(withPods(pods), aRequest({ nodegroups: ['apps'], nodes: 'fit' })).nodes.get('apps');

describe('--nodes', () => {
  const [group = aNodegroup()] = aSnapshot().nodegroups;
  test('same, fit with some to spare, a number', () => {
    const size = (nodes: PlanRequest['nodes'], needed: number) =>
      replacementNodeCount(aSnapshot(), group, nodes, { nodesNeeded: needed, whenSpread: 1 });
    assert.equal(size('same', 50), desiredNodes(aSnapshot(), group));
    assert.deepEqual(
      [0, 1, 2, 10, 11, 100].map((needed) => size('fit', needed)),
      [1, 2, 3, 11, 13, 110],
    );
    assert.equal(size(7, 50), 7);
  });
  test('fit does not go below the size of now when the pods, spread evenly, leave a large one no room', () => {
    const large = many(2, { requests: gibibytes(4) });
    const small = many(8, { requests: gibibytes(0.5) }).map((pod) => ({
      ...pod,
      name: `small-${pod.name}`,
      uid: `small-${pod.uid}`,
    }));
    assert.equal(sized(small), 2);
    assert.equal(sized([...large, ...small]), 3);
    assert.equal(replacementNodeCount(aSnapshot(), group, 'fit', { nodesNeeded: 1, whenSpread: Infinity }), 3);
  });
  test('holds in the subnets, too', () => {
    const peak = (nodes: PlanRequest['nodes'], pods: number) =>
      scopeOf(withPods(many(pods)), aRequest({ nodes })).subnets.map(({ peakDemand }) => peakDemand);
    assert.deepEqual(peak('fit', 100), peak(2, 100));
    assert.notDeepEqual(peak(2, 100), peak(8, 100));
    assert.equal(scopeOf(withPods(many(111)), aRequest({ nodes: 'fit' })).nodes.get('apps'), 3);
  });
});
