/** What `audit` says of clusters with custom networking, where pods live on other interfaces and in other subnets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterSnapshot, NetworkInterface } from '../../../src/domain/snapshot.ts';
import { audited, oneNode, prefixCni } from '../../support/audited.ts';
import { anInterface, aSubnet, aVpcCni } from '../../support/snapshot.ts';

const custom = { AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: 'true', ENI_CONFIG_LABEL_DEF: 'topology.kubernetes.io/zone' };
const second = (overrides: Partial<NetworkInterface>) =>
  anInterface({
    networkInterfaceId: 'eni-2',
    deviceIndex: 1,
    subnetId: 'subnet-pods',
    addresses: ['100.64.0.40'],
    ...overrides,
  });
const primary = anInterface();

const cluster = (interfaces: NetworkInterface[], more: Parameters<typeof oneNode>[0] = {}): ClusterSnapshot =>
  oneNode({
    pods: [{ podIp: '100.64.0.65' }],
    ...more,
    node: { labels: { 'topology.kubernetes.io/zone': 'eu-west-1a' }, ...more.node },
    snapshot: {
      vpcCni: prefixCni(custom),
      subnets: [
        aSubnet({ cidr: '10.0.1.0/28', availableIpAddressCount: 10 }),
        aSubnet({ subnetId: 'subnet-pods', cidr: '100.64.0.0/24' }),
      ],
      eniConfigs: [{ name: 'eu-west-1a', subnetId: 'subnet-pods', securityGroups: [] }],
      networkInterfaces: interfaces,
      ...more.snapshot,
    },
  });

test('the interface and the subnet of the pods count; few blocks where the nodes are do not matter', () => {
  const { node, said, facts } = audited(cluster([primary, second({ prefixes: ['100.64.0.64/28'] })]));
  assert.deepEqual(
    [node.verdict, node.mode, node.subnetId, node.expectedMaxPods, said],
    ['fine', 'prefix', 'subnet-pods', 110, []],
  );
  assert.deepEqual(
    facts.subnets.map(({ subnetId, nodes }) => [subnetId, nodes]),
    [
      ['subnet-0aa1', 0],
      ['subnet-pods', 1],
    ],
  );
});

const cases: [string, ClusterSnapshot, string, RegExp][] = [
  [
    'no interface for pods: the subnet of the ENIConfig is looked at',
    cluster([primary], {
      pods: [],
      snapshot: { subnets: [aSubnet(), aSubnet({ subnetId: 'subnet-pods', cidr: '100.64.0.0/28' })] },
    }),
    'blocking AUDIT.NODE_WITHOUT_PREFIX',
    /no free \/28 in subnet-pods/,
  ],
  [
    'no ENIConfig of the name',
    cluster([primary], { pods: [], snapshot: { eniConfigs: [] } }),
    'blocking AUDIT.NODE_WITHOUT_PREFIX',
    /no ENIConfig eu-west-1a/,
  ],
  [
    'a cordoned node without a prefix: aws-node does not come up there',
    cluster([primary, second({})], { pods: [], node: { unschedulable: true } }),
    'blocking AUDIT.NODE_WITHOUT_PREFIX',
    /does not come up/,
  ],
];
for (const [name, snapshot, expected, text] of cases) {
  test(name, () => {
    const { node, said, findings } = audited(snapshot, 0);
    assert.deepEqual([node.verdict, said[0]], ['problem', expected]);
    assert.match(node.why[0]?.text ?? '', text);
    assert.match(findings[0]?.why ?? '', /a new node does not become Ready/);
  });
}

test('a cordoned node of an older VPC CNI only attaches nothing', () => {
  const old = aVpcCni({
    version: '1.12.6',
    env: { ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '1', ...custom },
  });
  const { node } = audited(
    cluster([primary, second({})], { pods: [], node: { unschedulable: true }, snapshot: { vpcCni: old } }),
  );
  assert.deepEqual([node.verdict, node.why[0]?.code], ['noted', 'cordoned']);
});

test('the CNI in place of aws-node is named', () => {
  const workloads: ClusterSnapshot['workloads'] = [
    {
      kind: 'DaemonSet',
      namespace: 'kube-system',
      name: 'cilium',
      uid: 'c',
      controller: null,
      replicas: 1,
      readyReplicas: 1,
    },
  ];
  const vpcCni = aVpcCni({ managedBy: 'absent', addon: null, version: null, env: {}, rollout: null });
  const { findings, said } = audited(oneNode({ snapshot: { vpcCni, workloads } }));
  assert.deepEqual(said, ['advice AUDIT.NO_VPC_CNI']);
  assert.match(
    findings[0]?.summary ?? '',
    /Cilium gives pods their addresses \(DaemonSet kube-system\/cilium, 1 node\)/,
  );
});
