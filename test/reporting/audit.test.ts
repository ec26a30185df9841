import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeReport } from '../../src/commands/actions/audit-cluster.ts';
import type { ClusterSnapshot } from '../../src/domain/snapshot.ts';
import { auditMarkdown } from '../../src/reporting/formats/audit-markdown.ts';
import { auditText } from '../../src/reporting/formats/audit-text.ts';
import { allocatable, oneNode, prefixCni } from '../support/audited.ts';
import { aNode, aNodegroup, anInstanceType, anInterface, aPod, aSnapshot, aSubnet } from '../support/snapshot.ts';

const report = (snapshot: ClusterSnapshot) => makeReport(snapshot, { minFreePrefixes: 10, toolVersion: '0.0.0-test' });
const text = (snapshot: ClusterSnapshot, allNodes = false) => auditText(report(snapshot), { allNodes, colour: false });
const tooLong = (lines: string) =>
  lines.split('\n').filter((line) => line.length > 80 && !line.trimStart().startsWith('->'));

const node = (name: string, nodegroupName: string, maxPods: number, instanceType = 'm5.large') =>
  aNode({
    name: `${name}.eu-west-1.compute.internal`,
    nodegroupName,
    instanceType,
    allocatable: allocatable(maxPods),
  });

const interfaceOf = (name: string, own: string, single: string[], prefixes: string[]) =>
  anInterface({ instanceId: `i-${name}.eu-west-1.compute.internal`, addresses: [own, ...single], prefixes });

/** Old nodes of apps, a group that cannot, new ones of web on prefixes, and a Fargate node. */
function mixedCluster(): ClusterSnapshot {
  const nodes = [
    node('ip-10-0-1-7', 'apps', 29),
    node('ip-10-0-1-8', 'apps', 29),
    node('ip-10-0-1-9', 'gpu', 58, 'p2.xlarge'),
    ...[4, 5, 6].map((n) => node(`ip-10-0-1-${n}`, 'web', 110)),
    aNode({
      name: 'fargate-ip-10-0-1-3',
      instanceId: null,
      nodegroupName: null,
      allocatable: allocatable(1),
      labels: { 'eks.amazonaws.com/compute-type': 'fargate' },
    }),
  ];
  return aSnapshot({
    vpcCni: prefixCni({ AWS_VPC_K8S_CNI_ENABLE_PREFIX_DELEGATION: 'true' }),
    nodegroups: ['apps', 'web'].map((nodegroupName) => aNodegroup({ nodegroupName })),
    instanceTypes: [
      anInstanceType(),
      anInstanceType({ instanceType: 'p2.xlarge', hypervisor: 'xen', vcpus: 4, enis: 4, ipv4PerEni: 15 }),
    ],
    subnets: [aSubnet({ availableIpAddressCount: 161 })],
    nodes,
    networkInterfaces: [
      interfaceOf('ip-10-0-1-7', '10.0.1.7', ['10.0.1.12', '10.0.1.13'], []),
      interfaceOf('ip-10-0-1-8', '10.0.1.8', ['10.0.1.14'], ['10.0.1.16/28']),
      interfaceOf('ip-10-0-1-9', '10.0.1.9', ['10.0.1.15'], []),
      interfaceOf('ip-10-0-1-4', '10.0.1.4', [], ['10.0.1.32/28']),
      interfaceOf('ip-10-0-1-5', '10.0.1.5', [], ['10.0.1.48/28', '10.0.1.64/28']),
      interfaceOf('ip-10-0-1-6', '10.0.1.6', [], ['10.0.1.80/28']),
    ],
    pods: ['10.0.1.12', '10.0.1.14', '10.0.1.15', '10.0.1.33', '10.0.1.49', '10.0.1.81'].map((podIp, i) =>
      aPod({ name: `web-${i}`, podIp, nodeName: nodes[i]?.name ?? null }),
    ),
  });
}

const golden = `shop-eu  7 nodes, 6 pods: 3 nodes on prefixes, 1 on both, 2 not, 1 not judged

  NODE         GROUP  MODE       PREFIXES  PODS  MAX/EXP  WHY
  ip-10-0-1-7  apps   secondary         0     1   29/110  older than the switch
  ip-10-0-1-8  apps   mixed             1     1   29/110  older than the switch,
                                                          1 pod on secondary
  ip-10-0-1-9  gpu    secondary         0     1       58  p2.xlarge is not Nitro
  3 nodes      web    prefix          1-2     1      110
  1 node       -      -                 0     0        1  Fargate: one pod with
                                                          an interface of its
                                                          own

  SUBNET       ZONE  FREE  /28 FREE  NODES
  subnet-0aa1  1a     161         9      6  fewer than 10

  subnet-0aa1  10.0.1.0/24  eu-west-1a
  10.0.1.0  A p P P P P . . . . . . . . . A

  .  9  free
  p  1  prefix of an old node
  P  4  prefix
  A  2  AWS keeps addresses here

  4 warnings
  ! CNI.UNKNOWN_SETTING  aws-node sets AWS_VPC_K8S_CNI_ENABLE_PREFIX_DELEGATION;
      the VPC CNI does not know this name and ignores it.
      It means ENABLE_PREFIX_DELEGATION. Whoever set it believes in an effect
      that is not there.
      -> kubectl -n kube-system set env daemonset/aws-node --containers aws-node AWS_VPC_K8S_CNI_ENABLE_PREFIX_DELEGATION-
  ! INSTANCE.NOT_NITRO  Node group gpu: 1 node of p2.xlarge cannot use prefixes.
      Prefixes need Nitro or bare metal instances. On others the VPC CNI falls
      back to secondary IP mode without an error.
      -> Replace the group by one with Nitro types (such as m5, c5, r5, t3 or newer)
  ! AUDIT.OLDER_THAN_SWITCH  Node group apps: 2 nodes from before the switch,
      maxPods 29, 2 pods still on secondary addresses.
      Pods keep the address they have, and maxPods of a running node does not
      change. Only new nodes of a new group do.
      -> prefix-migrate plan --cluster shop-eu --nodegroup apps
  ! AUDIT.FEW_PREFIXES  subnet-0aa1 (eu-west-1a) has 9 free /28 blocks left,
      fewer than 10; 6 nodes there.
      161 addresses are free, but a prefix needs 16 free ones in an aligned
      block. Nodes that find none stay Ready, while their new pods get no
      address.
      -> aws ec2 create-subnet-cidr-reservation --region eu-west-1 --subnet-id subnet-0aa1 --reservation-type prefix --cidr 10.0.1.128/26  # keeps single addresses out
      -> aws ec2 create-subnet-cidr-reservation --region eu-west-1 --subnet-id subnet-0aa1 --reservation-type prefix --cidr 10.0.1.96/27  # keeps single addresses out
      -> aws ec2 create-subnet-cidr-reservation --region eu-west-1 --subnet-id subnet-0aa1 --reservation-type prefix --cidr 10.0.1.192/27  # keeps single addresses out
      -> Or give the node groups further subnets
`;

test('problems come first, healthy nodes are one row per group, findings last, in 80 columns', () => {
  const found = text(mixedCluster());
  assert.deepEqual(tooLong(found), []);
  assert.equal(found, golden);
});

test('a row for every node when asked for', () => {
  const named = (found: string) =>
    mixedCluster().nodes.filter(({ name }) => found.includes(`  ${name.split('.')[0]} `)).length;
  assert.equal(named(text(mixedCluster())), 3, 'those with something to say');
  assert.equal(named(text(mixedCluster(), true)), 7);
});

test('many nodes alike are shown a few times and counted', () => {
  const nodes = Array.from({ length: 40 }, (_, i) =>
    aNode({ name: `ip-10-0-1-${i + 10}`, instanceId: `i-${i}`, allocatable: allocatable(29) }),
  );
  const networkInterfaces = nodes.map(({ instanceId }, i) =>
    anInterface({ instanceId, prefixes: [`10.0.2.${i * 4}/28`] }),
  );
  const found = text(oneNode({ pods: [], snapshot: { nodes, networkInterfaces } }));
  assert.match(found, /\n {2}35 more like it +apps +prefix +1 +0 +29/);
  assert.equal(found.match(/\n {2}ip-10-0-1-\d+ /g)?.length, 5);
});

test('long names do not break the columns', () => {
  const name = 'a-node-with-a-very-long-name-of-more-than-forty-columns';
  const nodegroupName = 'platform-ingress-controllers-blue-pd-7f3a9c21';
  const found = text(
    oneNode({
      node: { name, nodegroupName, allocatable: allocatable(29) },
      interface: { instanceId: `i-${name}` },
      pods: [],
    }),
  );
  assert.deepEqual(tooLong(found), []);
  assert.match(found, /maxPods from before the switch, not 110/);
});

test('a cluster in which no node is judged has no modes', () => {
  const { cluster } = aSnapshot();
  const six = oneNode({ snapshot: { cluster: { ...cluster, ipFamily: 'ipv6' } } });
  assert.match(text(six), /^shop-eu {2}1 node, 1 pod: no node judged\n/);
  assert.match(text({ ...six, nodes: [], pods: [] }), /^shop-eu {2}0 nodes, 0 pods\n/);
});

test('nothing wrong is said in so many words, with or without advice', () => {
  assert.match(text(oneNode()), /\n {2}Nothing is wrong\.\n$/);
  assert.match(
    text(aSnapshot()),
    /prefix delegation is off[\s\S]*AUDIT\.DELEGATION_OFF[\s\S]*\n {2}Nothing is wrong\.\n$/,
  );
  assert.doesNotMatch(text(mixedCluster()), /Nothing is wrong/);
});

test('Markdown says the same in tables, and a name cannot break out of a cell', () => {
  const page = auditMarkdown(report(mixedCluster()), { allNodes: false });
  assert.match(
    page,
    /^# Audit of shop-eu\n\nSomething is wrong\. 7 nodes, 6 pods: 3 nodes on prefixes, 1 on both, 2 not, 1 not judged\./,
  );
  assert.match(page, /\n\| ip-10-0-1-9 \| gpu \| secondary \| 0 \| 1 \| 58 \| 58 \| p2\.xlarge is not Nitro \|\n/);
  assert.match(page, /\n```\n {2}subnet-0aa1 {2}10\.0\.1\.0\/24 {2}eu-west-1a\n {2}10\.0\.1\.0 {2}A p P P P P \./);
  const odd = auditMarkdown(report(oneNode({ node: { nodegroupName: 'a|b' } })), { allNodes: true });
  assert.match(odd, /\| a\\\|b \|/);
});
