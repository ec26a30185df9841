/** Custom networking: findings about ENIConfigs, and a plan whose numbers are those of the subnets of the pods. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runChecks } from '../../src/checks/index.ts';
import { blockers, type Finding } from '../../src/domain/finding.ts';
import type { PlanRequest } from '../../src/domain/plan.ts';
import type { ClusterSnapshot, EniConfig, Nodegroup } from '../../src/domain/snapshot.ts';
import { makePlan } from '../../src/planning/plan.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import { aNodegroup, aRequest, aSnapshot, aSubnet, aVpcCni } from '../support/snapshot.ts';
import { templates } from '../support/templates.ts';

const key = 'k8s.amazonaws.com/eniConfig';
const zone = 'topology.kubernetes.io/zone';
const healthy = aSnapshot();

const podSubnets = [
  aSubnet({
    subnetId: 'subnet-pa',
    cidr: '100.64.0.0/22',
    availabilityZone: 'eu-west-1a',
    availableIpAddressCount: 983,
  }),
  aSubnet({
    subnetId: 'subnet-pb',
    cidr: '100.64.4.0/22',
    availabilityZone: 'eu-west-1b',
    availableIpAddressCount: 1001,
  }),
];
const byZone: EniConfig[] = [
  { name: 'eu-west-1a', subnetId: 'subnet-pa', securityGroups: ['sg-pods'] },
  { name: 'eu-west-1b', subnetId: 'subnet-pb', securityGroups: ['sg-pods'] },
];

interface Changes {
  env?: Record<string, string>;
  eniConfigs?: EniConfig[];
  group?: Partial<Nodegroup>;
  nodes?: (node: ClusterSnapshot['nodes'][number]) => Partial<ClusterSnapshot['nodes'][number]>;
  version?: string;
}

/** The healthy cluster with its pods in other subnets: one further interface with nine addresses on each node. */
function cluster({
  env = { ENI_CONFIG_LABEL_DEF: zone },
  eniConfigs = byZone,
  group = {},
  nodes,
  version = '1.19.2',
}: Changes = {}) {
  const all = healthy.nodes.map((node) => ({
    ...node,
    capacityPods: 20,
    allocatable: { ...node.allocatable, pods: 20 },
    labels: { ...node.labels, [zone]: node.availabilityZone ?? '' },
  }));
  const interfaces = healthy.networkInterfaces.flatMap((one, index) => {
    const isA = one.subnetId === 'subnet-0aa1';
    const addresses = Array.from({ length: 10 }, (_, at) => `100.64.${isA ? 0 : 4}.${20 + 16 * index + at}`);
    const second = { ...one, networkInterfaceId: `${one.networkInterfaceId}-2`, deviceIndex: 1, addresses };
    return [
      { ...one, addresses: one.addresses.slice(0, 1) },
      { ...second, subnetId: isA ? 'subnet-pa' : 'subnet-pb' },
    ];
  });
  return aSnapshot({
    vpcCni: aVpcCni({ version, env: { ...healthy.vpcCni.env, AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: 'true', ...env } }),
    eniConfigs,
    subnets: [...healthy.subnets, ...podSubnets],
    nodegroups: [aNodegroup(group), ...healthy.nodegroups.slice(1)],
    nodes: all.map((node) => ({ ...node, ...nodes?.(node) })),
    networkInterfaces: interfaces,
  });
}

const only = aRequest({ nodegroups: ['apps'] });
const findingsOf = (snapshot: ClusterSnapshot, request: PlanRequest = only): Finding[] =>
  runChecks(snapshot, request, scopeOf(snapshot, request)).filter(({ code }) =>
    /ENICONFIG|CUSTOM|STARTS_EMPTY/.test(code),
  );
const brief = (found: readonly Finding[]) =>
  found.map(({ code, severity, subject }) => `${severity} ${code} ${subject}`);
const advice = 'advice CNI.CUSTOM_NETWORKING aws-node AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG';

test('one ENIConfig for each zone: nothing is in the way, and the subnets are named', () => {
  const [finding, ...others] = findingsOf(cluster());
  assert.deepEqual(others, []);
  assert.match(finding?.summary ?? '', /eu-west-1a: subnet-pa, eu-west-1b: subnet-pb$/);
});

test('the plan takes prefixes from the subnets of the pods only, and counts ENIs - 1', () => {
  const snapshot = cluster();
  const plan = makePlan({ snapshot, request: only, findings: findingsOf(snapshot), toolVersion: '0', templates });
  assert.deepEqual(
    plan.subnets.map(({ subnetId }) => subnetId),
    ['subnet-pa', 'subnet-pb'],
  );
  assert.deepEqual(plan.nodegroups[0]?.subnetIds, ['subnet-0aa1', 'subnet-0bb2']);
  assert.deepEqual(plan.nodegroups[0].maxPods.value, 110);
  // at the switch: two idle sources with one prefix each, the other group's node with two
  assert.equal(plan.subnets[0]?.timeline[0]?.taken, 2 + 2);
  assert.equal(plan.order.order, 'safe-flip');
  assert.deepEqual(blockers(plan.findings), []);
});

const rows: [string, Changes, string[]][] = [
  ['custom networking off', { env: { AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: 'false' } }, []],
  ['no ENIConfig in one zone', { eniConfigs: byZone.slice(0, 1) }, [advice, 'blocking ENICONFIG.MISSING apps']],
  [
    'no ENIConfig at all',
    { eniConfigs: [] },
    [advice, 'blocking ENICONFIG.MISSING apps', 'blocking ENICONFIG.MISSING apps'],
  ],
  [
    'the default',
    {
      env: {},
      eniConfigs: [{ name: 'default', subnetId: 'subnet-pa', securityGroups: [] }],
      group: { subnetIds: ['subnet-0aa1'] },
    },
    [advice],
  ],
  [
    'a label of the group',
    {
      env: {},
      eniConfigs: byZone,
      group: { subnetIds: ['subnet-0aa1'], labels: { [key]: 'eu-west-1a' } },
      nodes: () => ({ labels: { [key]: 'eu-west-1a' } }),
    },
    [advice],
  ],
  [
    'a label whose value depends on the new group',
    { env: { ENI_CONFIG_LABEL_DEF: 'eks.amazonaws.com/nodegroup' } },
    [advice, 'warning ENICONFIG.MISSING apps', 'warning ENICONFIG.MISSING apps'],
  ],
  [
    'annotations by hand',
    { env: {}, nodes: ({ availabilityZone }) => ({ annotations: { [key]: availabilityZone ?? '' } }) },
    [advice, 'blocking ENICONFIG.MISSING apps', 'blocking ENICONFIG.MISSING apps'],
  ],
  [
    'annotations by hand, and another ENIConfig for the new nodes',
    { nodes: () => ({ annotations: { [key]: 'eu-west-1a' } }) },
    [advice, 'warning ENICONFIG.CHANGES apps'],
  ],
  [
    'a subnet of another zone',
    { eniConfigs: byZone.map((config) => ({ ...config, subnetId: 'subnet-pa' })) },
    [advice, 'blocking ENICONFIG.SUBNET eu-west-1b'],
  ],
  [
    'a subnet that is not there',
    { eniConfigs: byZone.map((config) => ({ ...config, subnetId: 'subnet-gone' })) },
    [advice, 'blocking ENICONFIG.SUBNET eu-west-1a', 'blocking ENICONFIG.SUBNET eu-west-1b'],
  ],
  [
    'an ENIConfig without a subnet',
    { eniConfigs: byZone.map((config) => ({ ...config, subnetId: null })) },
    [advice, 'blocking ENICONFIG.SUBNET eu-west-1a', 'blocking ENICONFIG.SUBNET eu-west-1b'],
  ],
  [
    'a cordoned node',
    { nodes: ({ name }) => (name === 'ip-10-0-1-30' ? { unschedulable: true } : {}) },
    [advice, 'blocking CNI.STARTS_EMPTY ip-10-0-1-30'],
  ],
  [
    'a cordoned node that aws-node serves',
    {
      env: { ENI_CONFIG_LABEL_DEF: zone, AWS_MANAGE_ENIS_NON_SCHEDULABLE: 'true' },
      nodes: ({ name }) => (name === 'ip-10-0-1-30' ? { unschedulable: true } : {}),
    },
    [advice],
  ],
  [
    'a cordoned node, before VPC CNI 1.13',
    { version: '1.12.6', nodes: ({ name }) => (name === 'ip-10-0-1-30' ? { unschedulable: true } : {}) },
    [advice],
  ],
];
for (const [name, changes, expected] of rows) {
  test(name, () => assert.deepEqual(brief(findingsOf(cluster(changes))), expected));
}

test('cordoned first, aws-node would come up on none of the sources', () => {
  const found = findingsOf(cluster(), aRequest({ nodegroups: ['apps'], order: 'cordon-first' }));
  assert.deepEqual(
    found.filter(({ severity }) => severity === 'blocking').map(({ summary }) => summary),
    ['3 nodes would be cordoned at the switch, and aws-node would not come up again there.'],
  );
});

test('where blocks are short the old nodes are not cordoned first, and the reason says why', () => {
  const snapshot = cluster();
  const tight = {
    ...snapshot,
    subnets: snapshot.subnets.map((subnet) =>
      subnet.subnetId === 'subnet-pa' ? { ...subnet, cidr: '100.64.0.0/25', availableIpAddressCount: 93 } : subnet,
    ),
  };
  const { order, subnets } = scopeOf(tight, aRequest());
  assert.equal(order.order, 'safe-flip');
  assert.match(order.reason, /subnet-pa .* short .*They cannot be cordoned before it: with custom networking aws-node/);
  assert.ok(subnets.some(({ subnetId, fits }) => subnetId === 'subnet-pa' && !fits));
  const [short] = runChecks(tight, aRequest(), scopeOf(tight, aRequest())).filter(
    ({ code }) => code === 'SUBNET.NO_FREE_PREFIX',
  );
  assert.match(short?.why ?? '', /a new node does not become Ready/);
});

test('a node whose interfaces are full of pods has no room for a prefix', () => {
  const snapshot = cluster({ env: { ENI_CONFIG_LABEL_DEF: zone, MAX_ENI: '2' } });
  const [node] = snapshot.nodes;
  const second = snapshot.networkInterfaces.find(
    ({ deviceIndex, instanceId }) => deviceIndex === 1 && instanceId === node?.instanceId,
  );
  const [pod] = snapshot.pods.filter(({ hostNetwork }) => !hostNetwork);
  assert.ok(node && second && pod);
  const filled = (count: number) => ({
    ...snapshot,
    pods: [
      ...snapshot.pods,
      ...second.addresses
        .slice(1, 1 + count)
        .map((podIp, index) => ({ ...pod, name: `full-${index}`, nodeName: node.name, podIp })),
    ],
  });
  assert.deepEqual(brief(findingsOf(filled(8))), [advice]);
  assert.deepEqual(brief(findingsOf(filled(9))), [advice, `blocking CNI.STARTS_EMPTY ${node.name}`]);
});

const missing = (changes: Changes) => findingsOf(cluster(changes)).find(({ code }) => code === 'ENICONFIG.MISSING');

describe('what to do is told with the real names', () => {
  test('a group in one zone: a label of the group', () => {
    const found = missing({
      env: {},
      group: { subnetIds: ['subnet-0aa1'] },
      nodes: () => ({ annotations: { [key]: 'eu-west-1a' } }),
    });
    assert.match(
      found?.summary ?? '',
      /new nodes in eu-west-1a would look for ENIConfig default, which does not exist/,
    );
    assert.match(found?.why ?? '', /name ENIConfig eu-west-1a by annotation k8s.amazonaws.com\/eniConfig/);
    assert.deepEqual(found?.nextActions, [
      `aws eks update-nodegroup-config --region eu-west-1 --cluster-name shop-eu --nodegroup-name apps --labels '{"addOrUpdateLabels":{"k8s.amazonaws.com/eniConfig":"eu-west-1a"}}'`,
    ]);
  });

  test('a group in two zones: the zone as label', () => {
    const found = missing({
      env: {},
      nodes: ({ availabilityZone }) => ({ annotations: { [key]: availabilityZone ?? '' } }),
    });
    assert.ok(found?.nextActions.some((action) => action.includes('ENI_CONFIG_LABEL_DEF') && action.includes(zone)));
    assert.ok(!found?.nextActions.some((action) => action.includes('kubectl apply')));
  });

  test('ENIConfigs of other names: first one for each zone', () => {
    const named = byZone.map((config) => ({ ...config, name: `pods-${config.name}` }));
    const found = missing({
      env: {},
      eniConfigs: named,
      nodes: ({ availabilityZone }) => ({ annotations: { [key]: `pods-${availabilityZone}` } }),
    });
    assert.equal(
      found?.nextActions[0],
      `echo '{"apiVersion":"crd.k8s.amazonaws.com/v1alpha1","kind":"ENIConfig","metadata":{"name":"eu-west-1a"},"spec":{"subnet":"subnet-pa","securityGroups":["sg-pods"]}}' | kubectl apply -f -`,
    );
  });
});
