import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eniConfigOfNode, eniConfigsOfNewNodes, podSubnetOfNode } from '../../src/domain/eni-config.ts';
import { aNode, aNodegroup, anInterface, aSnapshot, aVpcCni } from '../support/snapshot.ts';

const key = 'k8s.amazonaws.com/eniConfig';

const choices: [string, Record<string, string>, Record<string, string>, Record<string, string>, string, string][] = [
  ['nothing', {}, {}, {}, 'default', 'default'],
  ['a label', { [key]: 'one' }, {}, {}, 'one', 'label'],
  ['an annotation before a label', { [key]: 'one' }, { [key]: 'two' }, {}, 'two', 'annotation'],
  [
    'the label from outside before both',
    { [key]: 'one', 'vpc.amazonaws.com/externalEniConfig': 'three' },
    { [key]: 'two' },
    {},
    'three',
    'external label',
  ],
  [
    'the label of the zone',
    { 'topology.kubernetes.io/zone': 'eu-west-1a', [key]: 'one' },
    {},
    { ENI_CONFIG_LABEL_DEF: 'topology.kubernetes.io/zone' },
    'eu-west-1a',
    'label',
  ],
  ['another annotation', {}, { [key]: 'one', own: 'two' }, { ENI_CONFIG_ANNOTATION_DEF: 'own' }, 'two', 'annotation'],
  ['empty keys', { [key]: 'one' }, {}, { ENI_CONFIG_ANNOTATION_DEF: '', ENI_CONFIG_LABEL_DEF: '' }, 'one', 'label'],
];
for (const [name, labels, annotations, env, expected, by] of choices) {
  test(`the ENIConfig of a node by ${name}`, () => {
    const choice = eniConfigOfNode({ labels, annotations }, env);
    assert.deepEqual([choice.name, choice.by], [expected, by]);
  });
}

const pods = { name: 'eu-west-1a', subnetId: 'subnet-pods', securityGroups: [] };
const withEnv = (env: Record<string, string>) =>
  aVpcCni({ env: { AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: 'true', ...env } });

test('pods of a node are where its interfaces are, else where the next one will be', () => {
  const snapshot = { vpcCni: withEnv({ ENI_CONFIG_LABEL_DEF: 'zone' }), eniConfigs: [pods] };
  const node = aNode({ labels: { zone: 'eu-west-1a' } });
  const primary = anInterface();
  const second = anInterface({ networkInterfaceId: 'eni-2', deviceIndex: 1, subnetId: 'subnet-other' });
  const trunk = anInterface({
    networkInterfaceId: 'eni-3',
    deviceIndex: 1,
    interfaceType: 'trunk',
    subnetId: 'subnet-0aa1',
  });
  assert.equal(podSubnetOfNode(snapshot, node, [primary, second]), 'subnet-other');
  assert.equal(podSubnetOfNode(snapshot, node, [primary, trunk]), 'subnet-pods');
  assert.equal(podSubnetOfNode(snapshot, aNode(), [primary]), null);
  assert.equal(podSubnetOfNode({ vpcCni: aVpcCni(), eniConfigs: [] }, node, [primary, second]), 'subnet-0aa1');
});

const zoneKey = 'topology.kubernetes.io/zone';
const future: [
  string,
  Record<string, string>,
  Parameters<typeof aNodegroup>[0],
  Record<string, string>,
  (string | null)[],
][] = [
  ['by their zone', { ENI_CONFIG_LABEL_DEF: zoneKey }, {}, {}, ['eu-west-1a', 'eu-west-1b']],
  [
    'by the old label of the zone',
    { ENI_CONFIG_LABEL_DEF: 'failure-domain.beta.kubernetes.io/zone' },
    {},
    {},
    ['eu-west-1a', 'eu-west-1b'],
  ],
  ['by a label of the group', {}, { labels: { [key]: 'pods' } }, {}, ['pods', 'pods']],
  ['not by a label that somebody put on the old nodes', {}, {}, { [key]: 'pods' }, ['default', 'default']],
  ['not by a label of their own either', { ENI_CONFIG_LABEL_DEF: 'eni' }, {}, { eni: 'pods' }, ['default', 'default']],
  [
    'by a label that EC2 gives',
    { ENI_CONFIG_LABEL_DEF: 'topology.k8s.aws/zone-id' },
    {},
    { 'topology.k8s.aws/zone-id': 'euw1-az1' },
    ['euw1-az1', 'euw1-az1'],
  ],
  [
    'nobody can tell: the name of the new group',
    { ENI_CONFIG_LABEL_DEF: 'eks.amazonaws.com/nodegroup' },
    {},
    { 'eks.amazonaws.com/nodegroup': 'apps' },
    [null, null],
  ],
  [
    'by the label from outside, of the group',
    { ENI_CONFIG_LABEL_DEF: zoneKey },
    { labels: { 'vpc.amazonaws.com/externalEniConfig': 'out' } },
    {},
    ['out', 'out'],
  ],
];
for (const [name, env, group, labels, expected] of future) {
  test(`new nodes find their ENIConfig ${name}`, () => {
    const healthy = aSnapshot();
    const nodes = healthy.nodes.map((node) => ({ ...node, labels, annotations: { [key]: 'by-hand' } }));
    const snapshot = aSnapshot({ vpcCni: withEnv(env), nodes, eniConfigs: [pods] });
    const found = eniConfigsOfNewNodes(snapshot, aNodegroup(group), ['subnet-0aa1', 'subnet-0bb2']);
    assert.deepEqual(
      found.map((one) => one.name),
      expected,
    );
    assert.deepEqual(
      found.map((one) => one.config?.subnetId ?? null),
      expected.map((one) => (one === 'eu-west-1a' ? 'subnet-pods' : null)),
    );
  });
}

test('without an ENIConfig the pods of the old nodes tell where the new ones will be', () => {
  const healthy = aSnapshot();
  const second = healthy.networkInterfaces.map((primary) => ({
    ...primary,
    networkInterfaceId: `${primary.networkInterfaceId}-2`,
    deviceIndex: 1,
    subnetId: primary.subnetId === 'subnet-0aa1' ? 'subnet-pods-a' : 'subnet-pods-b',
  }));
  const snapshot = aSnapshot({ vpcCni: withEnv({}), networkInterfaces: [...healthy.networkInterfaces, ...second] });
  assert.deepEqual(
    eniConfigsOfNewNodes(snapshot, aNodegroup(), ['subnet-0aa1', 'subnet-0bb2', 'subnet-gone']).map(
      (one) => one.podSubnetId,
    ),
    ['subnet-pods-a', 'subnet-pods-b', null],
  );
});
