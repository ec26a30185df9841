/** What pods, volumes and DaemonSets find where the old nodes were: codes for many cases, and whole texts of some. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runChecks } from '../../src/checks/index.ts';
import { type PlanRequest, plainRequest } from '../../src/domain/plan.ts';
import type { ClusterSnapshot, Job, NodeSelectorTerm, Pod, VolumeClaim, Workload } from '../../src/domain/snapshot.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import { aNode, aNodegroup, aPod, aSnapshot } from '../support/snapshot.ts';

const ours =
  /^(POD\.SELECTS_SOURCE|PLACEMENT\.|DAEMONSET\.SELECTS|VOLUME\.|CAPACITY\.|SUBNET\.ZONE_LOST|NODEGROUP\.MEMORY_SHORT|NODE\.TAINT_LOST)/;

function findings(snapshot: ClusterSnapshot, request: Partial<PlanRequest> = {}) {
  const full = { ...plainRequest('shop-eu'), ...request };
  return runChecks(snapshot, full, scopeOf(snapshot, full)).filter(({ code }) => ours.test(code));
}

const codes = (snapshot: ClusterSnapshot, request: Partial<PlanRequest> = {}) =>
  findings(snapshot, request).map(({ severity, code, subject }) => `${severity} ${code} ${subject}`);

const zoned = (zone: string) => ({ 'topology.kubernetes.io/zone': zone, 'kubernetes.io/hostname': `host-${zone}` });
const labels = { 'eks.amazonaws.com/nodegroup': 'apps', team: 'apps' };
const nodes = [
  aNode({ labels: { ...labels, ...zoned('eu-west-1a') } }),
  aNode({ name: 'n2', availabilityZone: 'eu-west-1b', labels: { ...labels, ...zoned('eu-west-1b') } }),
  aNode({ name: 'n3', labels: { ...labels, ...zoned('eu-west-1a') } }),
];
const other = aNode({ name: 'other', nodegroupName: null, labels: { pool: 'other', ...zoned('eu-west-1c') } });

/** Node group apps with three nodes in two zones, and these pods on the first. */
const cluster = (pods: Pod[], more: Partial<ClusterSnapshot> = {}): ClusterSnapshot =>
  aSnapshot({ nodegroups: [aNodegroup()], nodes, pods, workloads: [], podDisruptionBudgets: [], ...more });

const web = (count: number, part: Partial<Pod> = {}): Pod[] =>
  Array.from({ length: count }, (_, index) =>
    aPod({
      name: `web-${index}`,
      requests: { cpuMillis: 0, memoryBytes: 0 },
      controller: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'web' },
      ...part,
    }),
  );

const affinity = (key: string, ...values: string[]): NodeSelectorTerm[] => [
  { expressions: [{ key, operator: 'In', values }], fields: [] },
];

const workload = (part: Partial<Workload>): Workload => ({
  kind: 'Deployment',
  namespace: 'shop',
  name: 'cart',
  uid: 'cart',
  controller: null,
  replicas: 1,
  readyReplicas: 1,
  template: { nodeSelector: { 'eks.amazonaws.com/nodegroup': 'apps' }, tolerations: [], labels: {} },
  ...part,
});

const cronJob = (part: Partial<Job>): Job => ({
  kind: 'CronJob',
  namespace: 'shop',
  name: 'report',
  uid: 'report',
  controller: null,
  active: 0,
  startedAt: null,
  activeDeadlineSeconds: null,
  backoffLimit: null,
  onDisruption: null,
  suspended: false,
  template: { nodeSelector: { 'eks.amazonaws.com/nodegroup': 'apps' }, tolerations: [], labels: {} },
  ...part,
});

const claim = (part: Partial<VolumeClaim>): VolumeClaim => ({
  namespace: 'shop',
  name: 'data',
  volumeName: 'pv',
  storageClass: 'gp3',
  accessModes: ['ReadWriteOnce'],
  driver: 'ebs.csi.aws.com',
  nodeAffinity: [],
  ...part,
});

const withClaim = (part: Partial<VolumeClaim>, more: Partial<ClusterSnapshot> = {}): ClusterSnapshot =>
  cluster(web(1, { persistentVolumeClaims: ['data'] }), { volumeClaims: [claim(part)], ...more });

const daemon = (part: Partial<Pod>): Pod =>
  aPod({
    name: 'agent-x',
    controller: { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'agent', uid: 'agent' },
    nodeAffinity: [{ expressions: [], fields: [{ key: 'metadata.name', operator: 'In', values: ['ip-10-0-1-10'] }] }],
    ...part,
  });

const tainted = aNodegroup({ taints: [{ key: 'dedicated', value: 'apps', effect: 'NO_SCHEDULE' }] });
const apart = (topologyKey: string): Partial<Pod> => ({
  podAntiAffinity: [{ topologyKey, selector: { matchLabels: { app: 'web' } }, namespaces: [] }],
});
const spread = (topologyKey: string, more: object = {}): Partial<Pod> => ({
  topologySpread: [{ topologyKey, maxSkew: 1, selector: { matchLabels: { app: 'web' } }, ...more }],
});
const hostname = 'kubernetes.io/hostname';
const zone = 'topology.kubernetes.io/zone';
const port = { hostPorts: [{ port: 8080, protocol: 'TCP', hostIp: '0.0.0.0' }] };

const cases: [string, string[], string[]][] = [
  ['nothing special', codes(cluster(web(5))), []],
  [
    'affinity for the group, one finding for all pods',
    codes(cluster(web(3, { nodeAffinity: affinity('eks.amazonaws.com/nodegroup', 'apps') }))),
    ['blocking POD.SELECTS_SOURCE shop/web'],
  ],
  [
    'affinity for the group or another label that new nodes have',
    codes(
      cluster(
        web(1, { nodeAffinity: [...affinity('eks.amazonaws.com/nodegroup', 'apps'), ...affinity('team', 'apps')] }),
      ),
    ),
    [],
  ],
  ['affinity for the zone', codes(cluster(web(1, { nodeAffinity: affinity(zone, 'eu-west-1b') }))), []],
  [
    'the name of an old node',
    codes(cluster(web(1, { nodeSelector: { [hostname]: 'host-eu-west-1a' } }))),
    ['blocking POD.SELECTS_SOURCE shop/web'],
  ],
  [
    'an instance type that new nodes are of',
    codes(cluster(web(1, { nodeSelector: { 'node.kubernetes.io/instance-type': 'm5.large' } }))),
    [],
  ],
  [
    'another node takes it',
    codes(cluster(web(1, { nodeAffinity: affinity('pool', 'other', 'x') }), { nodes: [...nodes, other] })),
    [],
  ],
  [
    'the other node is cordoned',
    codes(
      cluster(web(1, { nodeAffinity: affinity('pool', 'other') }), {
        nodes: [...nodes, { ...other, unschedulable: true }],
      }),
    ),
    ['blocking POD.SELECTS_SOURCE shop/web'],
  ],
  [
    'a template without a pod here',
    codes(cluster([], { workloads: [workload({})] })),
    ['blocking POD.SELECTS_SOURCE shop/cart'],
  ],
  [
    'a template of nothing at the moment',
    codes(cluster([], { workloads: [workload({ replicas: 0 })] })),
    ['warning POD.SELECTS_SOURCE shop/cart'],
  ],
  [
    'a ReplicaSet of a Deployment is not told besides',
    codes(
      cluster([], {
        workloads: [
          workload({}),
          workload({
            kind: 'ReplicaSet',
            name: 'cart-1',
            uid: 'cart-1',
            controller: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'cart', uid: 'cart' },
          }),
        ],
      }),
    ),
    ['blocking POD.SELECTS_SOURCE shop/cart'],
  ],
  [
    'a template that no node suits today',
    codes(
      cluster([], { workloads: [workload({ template: { nodeSelector: { x: 'y' }, tolerations: [], labels: {} } })] }),
    ),
    [],
  ],
  ['a CronJob', codes(cluster([], { jobs: [cronJob({})] })), ['blocking POD.SELECTS_SOURCE shop/report']],
  [
    'a suspended CronJob',
    codes(cluster([], { jobs: [cronJob({ suspended: true })] })),
    ['warning POD.SELECTS_SOURCE shop/report'],
  ],
  [
    'a taint of the group that nodes and pods were before',
    codes(cluster(web(2), { nodegroups: [tainted] })),
    ['blocking PLACEMENT.NOT_TOLERATED shop/web'],
  ],
  [
    'the same, tolerated',
    codes(cluster(web(2, { tolerations: [{ key: 'dedicated', operator: 'Exists' }] }), { nodegroups: [tainted] })),
    [],
  ],
  [
    'a taint on all nodes that the group does not have',
    codes(
      cluster(web(1), {
        nodes: nodes.map((node) => ({
          ...node,
          taints: [
            { key: 'dedicated', value: null, effect: 'NoSchedule' },
            { key: 'node.kubernetes.io/memory-pressure', value: null, effect: 'NoSchedule' },
          ],
        })),
      }),
    ),
    ['warning NODE.TAINT_LOST apps'],
  ],
  [
    'a taint on one node only',
    codes(
      cluster(web(1), {
        nodes: nodes.map((node, index) => ({
          ...node,
          taints: index === 0 ? [{ key: 'dedicated', value: null, effect: 'NoSchedule' }] : [],
        })),
      }),
    ),
    ['warning NODE.TAINT_LOST apps'],
  ],
  [
    'a label of a controller',
    codes(
      cluster(web(2, { nodeSelector: { 'nvidia.com/gpu.present': 'true' } }), {
        nodes: nodes.map((node) => ({ ...node, labels: { ...node.labels, 'nvidia.com/gpu.present': 'true' } })),
      }),
    ),
    ['warning PLACEMENT.LABEL_LOST apps'],
  ],
  [
    'a DaemonSet of the group',
    codes(cluster([daemon({ nodeSelector: { 'eks.amazonaws.com/nodegroup': 'apps' } })])),
    ['blocking DAEMONSET.SELECTS_SOURCE shop/agent'],
  ],
  ['a DaemonSet of all nodes, pinned by its controller', codes(cluster([daemon({})])), []],
  [
    'a DaemonSet of other nodes',
    codes(cluster([daemon({ nodeName: 'other', nodeSelector: { pool: 'other' } })], { nodes: [...nodes, other] })),
    [],
  ],
  ['three pods apart, three nodes', codes(cluster(web(3, apart(hostname)))), []],
  [
    'three pods apart, two nodes',
    codes(cluster(web(3, apart(hostname))), { nodes: 2 }),
    ['blocking PLACEMENT.ANTI_AFFINITY shop/web'],
  ],
  [
    'three pods apart, two nodes and another one',
    codes(cluster(web(3, apart(hostname)), { nodes: [...nodes, other] }), { nodes: 2 }),
    [],
  ],
  [
    'three pods in zones of their own, two zones',
    codes(cluster(web(3, apart(zone)))),
    ['blocking PLACEMENT.ANTI_AFFINITY shop/web'],
  ],
  ['apart from others only', codes(cluster(web(9, { ...apart(hostname), labels: { app: 'x' } }))), []],
  ['spread over nodes, as many pods as nodes', codes(cluster(web(3, spread(hostname)))), []],
  [
    'spread over nodes, more pods than nodes: the empty old nodes count',
    codes(cluster(web(4, spread(hostname)))),
    ['blocking PLACEMENT.SPREAD shop/web'],
  ],
  ['the same, where cordoned nodes do not count', codes(cluster(web(4, spread(hostname, { honorsTaints: true })))), []],
  ['spread over zones that stay', codes(cluster(web(9, spread(zone)))), []],
  [
    'spread over zones, one of which is lost',
    codes(cluster(web(9, spread(zone))), { subnetIds: ['subnet-0aa1'] }),
    ['warning SUBNET.ZONE_LOST apps', 'blocking PLACEMENT.SPREAD shop/web'],
  ],
  [
    'spread over more zones than there are',
    codes(cluster(web(3, spread(zone, { minDomains: 3 })))),
    ['blocking PLACEMENT.SPREAD shop/web'],
  ],
  [
    'spread over a label that new nodes do not have',
    codes(
      cluster(web(1, spread('rack')), {
        nodes: nodes.map((node) => ({ ...node, labels: { ...node.labels, rack: '1' } })),
      }),
    ),
    ['blocking PLACEMENT.SPREAD shop/web'],
  ],
  ['ports of the host', codes(cluster(web(4, port))), ['warning PLACEMENT.HOST_PORT shop/web']],
  ['ports of the host, enough nodes', codes(cluster(web(3, port))), []],
  ['a volume without demands', codes(withClaim({})), []],
  [
    'a volume of a node',
    codes(withClaim({ driver: 'local', nodeAffinity: affinity(hostname, 'host-eu-west-1a') })),
    ['blocking VOLUME.LOCAL shop/web'],
  ],
  ['a folder of a node', codes(withClaim({ driver: 'hostPath' })), ['blocking VOLUME.LOCAL shop/web']],
  [
    'a volume of a node that stays',
    codes(withClaim({ driver: 'local', nodeAffinity: affinity('pool', 'other') }, { nodes: [...nodes, other] })),
    [],
  ],
  [
    'a volume of a zone',
    codes(withClaim({ nodeAffinity: affinity('topology.ebs.csi.aws.com/zone', 'eu-west-1b') })),
    [],
  ],
  [
    'a volume of a zone that is lost, told once',
    codes(withClaim({ nodeAffinity: affinity('topology.ebs.csi.aws.com/zone', 'eu-west-1b') }), {
      subnetIds: ['subnet-0aa1'],
    }),
    ['blocking VOLUME.ZONE eu-west-1b'],
  ],
  [
    'a volume of another zone with a node',
    codes(withClaim({ nodeAffinity: affinity(zone, 'eu-west-1c') }, { nodes: [...nodes, other] })),
    [],
  ],
  [
    'more volumes than nodes attach',
    codes(
      cluster(
        Array.from({ length: 4 }, (_, index) =>
          web(1, { name: `web-${index}`, persistentVolumeClaims: [`d${index}`] }),
        ).flat(),
        {
          volumeClaims: Array.from({ length: 4 }, (_, index) => claim({ name: `d${index}` })),
          csiNodes: nodes.map(({ name }) => ({ nodeName: name, drivers: [{ name: 'ebs.csi.aws.com', count: 1 }] })),
        },
      ),
    ),
    ['warning VOLUME.ATTACH_LIMIT apps'],
  ],
  [
    'too few nodes by cpu',
    codes(cluster(web(7, { requests: { cpuMillis: 900, memoryBytes: 0 } }))),
    ['warning CAPACITY.TOO_FEW_NODES apps'],
  ],
  [
    'too few even at maxSize',
    codes(cluster(web(13, { requests: { cpuMillis: 965, memoryBytes: 0 } }))),
    ['blocking CAPACITY.TOO_FEW_NODES apps'],
  ],
  [
    'enough with --nodes fit',
    codes(cluster(web(13, { requests: { cpuMillis: 965, memoryBytes: 0 } })), { nodes: 'fit' }),
    [],
  ],
  [
    'too few by memory is said once',
    codes(cluster(web(9, { requests: { cpuMillis: 0, memoryBytes: 2100 * 1024 * 1024 } }))),
    ['warning NODEGROUP.MEMORY_SHORT apps'],
  ],
  [
    'too big',
    codes(cluster(web(1, { requests: { cpuMillis: 1931, memoryBytes: 0 } }))),
    ['blocking CAPACITY.POD_TOO_BIG shop/web'],
  ],
];

describe('findings', () => {
  for (const [name, found, expected] of cases) test(name, () => assert.deepEqual(found, expected));
});

function only(code: string, snapshot: ClusterSnapshot, request: Partial<PlanRequest> = {}) {
  const [finding, ...others] = findings(snapshot, request).filter((one) => one.code === code);
  assert.ok(finding !== undefined && others.length === 0, code);
  return finding;
}

describe('what a finding says', () => {
  test('a label put on by hand can be given to the group', () => {
    const finding = only(
      'POD.SELECTS_SOURCE',
      cluster(web(2, { nodeSelector: { disk: 'fast' } }), {
        nodes: nodes.map((node) => ({ ...node, labels: { ...node.labels, disk: 'fast' } })),
      }),
    );
    assert.equal(finding.summary, '2 pods of shop/web: nodeSelector disk=fast fits the old nodes only.');
    assert.deepEqual(finding.nextActions, [
      "aws eks update-nodegroup-config --region eu-west-1 --cluster-name shop-eu --nodegroup-name apps --labels 'addOrUpdateLabels={disk=fast}'  # then plan again: the replacement gets the labels of the group",
      'kubectl -n shop edit replicaset/web  # demand a label of the node group instead',
      'prefix-migrate plan --cluster shop-eu --allow POD.SELECTS_SOURCE  # when you will change it during the drain',
    ]);
  });
  test('a demand that not even its own node meets', () => {
    const finding = only('POD.SELECTS_SOURCE', cluster(web(1, { nodeAffinity: affinity('gone', 'yes') })));
    assert.equal(
      finding.summary,
      '1 pod of shop/web: node affinity gone In (yes) fits no node, not even ip-10-0-1-10 where it runs.',
    );
  });
  test('spread: how many start, and what helps', () => {
    const finding = only('PLACEMENT.SPREAD', cluster(web(5, spread(hostname))));
    assert.equal(
      finding.summary,
      '5 pods in shop that spread over kubernetes.io/hostname: maxSkew 1 lets 3 of them start on 3 nodes, the others wait.',
    );
    assert.equal(finding.nextActions[0], 'prefix-migrate plan --cluster shop-eu --nodes 5');
    assert.deepEqual(codes(cluster(web(5, spread(hostname))), { nodes: 5 }), []);
  });
  test('apart by zone: in zones', () => {
    const inZones = { topologyKey: 'topology.kubernetes.io/zone', selector: {}, namespaces: [] };
    assert.equal(
      only('PLACEMENT.ANTI_AFFINITY', cluster(web(3, { podAntiAffinity: [inZones] }))).summary,
      'shop/web: its 3 pods must not share a zone, and there will be 2 zones for them.',
    );
  });
  test('capacity: numbers, what fills, and the command that is enough', () => {
    const finding = only('CAPACITY.TOO_FEW_NODES', cluster(web(7, { requests: { cpuMillis: 900, memoryBytes: 0 } })));
    assert.equal(finding.summary, 'Node group apps: its pods need 4 new nodes, and there will be 3.');
    assert.match(finding.why, /what fills the nodes is: cpu\./);
    assert.deepEqual(finding.nextActions, [
      'prefix-migrate plan --cluster shop-eu --nodes fit',
      'prefix-migrate plan --cluster shop-eu --nodes 4',
    ]);
  });
  test('volumes of a lost zone: the subnets that bring it back', () => {
    const snapshot = withClaim({ nodeAffinity: affinity('topology.ebs.csi.aws.com/zone', 'eu-west-1b') });
    const finding = only('VOLUME.ZONE', snapshot, { subnetIds: ['subnet-0aa1'] });
    assert.equal(
      finding.summary,
      '1 pod has its volumes in eu-west-1b, where no new node and no other will be: shop/web-0.',
    );
    assert.equal(
      finding.nextActions[0],
      'prefix-migrate plan --cluster shop-eu --subnet subnet-0aa1 --subnet subnet-0bb2',
    );
  });
  test('every blocking one can be allowed', () => {
    const snapshot = cluster(web(4, { ...spread(hostname), nodeSelector: {} }));
    assert.equal(only('PLACEMENT.SPREAD', snapshot, { allow: ['PLACEMENT.SPREAD'] }).allowed, true);
  });
});
