import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LaunchTemplateVersion } from '../../src/domain/snapshot.ts';
import { cloudformationYaml } from '../../src/exports/cloudformation.ts';
import { aNodegroup, aSnapshot } from '../support/snapshot.ts';
import { planOf } from './plans.ts';
import { at, readYaml11 } from './readers.ts';

const rich = aNodegroup({
  labels: { on: 'yes' },
  tags: { Owner: 'shop' },
  taints: [
    { key: 'dedicated', value: 'apps', effect: 'NO_SCHEDULE' },
    { key: 'gpu', value: null, effect: 'NO_EXECUTE' },
  ],
  updateConfig: { maxUnavailablePercentage: 33 },
  nodeRepairConfig: { enabled: true, nodeRepairConfigOverrides: [{ repairAction: 'Reboot' }] },
});

test('what a stack makes', () => {
  const plan = planOf(aSnapshot({ nodegroups: [rich] }), { createWith: 'external' });
  const name = plan.nodegroups[0]?.replacement ?? '';
  const hash = name.slice(-8);
  const id = `NodesAppsPd${hash.charAt(0).toUpperCase()}${hash.slice(1)}`;
  const text = cloudformationYaml(plan);
  const template = readYaml11(text);
  const ours = { 'prefix-migrate/plan': hash, 'prefix-migrate/source': 'apps' };
  const tags = Object.entries(ours).map(([Key, Value]) => ({ Key, Value }));
  assert.equal(template['AWSTemplateFormatVersion'], '2010-09-09');
  const step = plan.steps.find(({ kind }) => kind === 'await-nodegroup');
  assert.deepEqual(template['Resources'], {
    [`${id}Template`]: {
      Type: 'AWS::EC2::LaunchTemplate',
      Properties: {
        LaunchTemplateName: name,
        LaunchTemplateData: {
          BlockDeviceMappings: [
            { DeviceName: '/dev/xvda', Ebs: { VolumeSize: 20, VolumeType: 'gp3', DeleteOnTermination: true } },
          ],
          MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 2 },
          TagSpecifications: [
            { ResourceType: 'instance', Tags: tags },
            { ResourceType: 'volume', Tags: tags },
          ],
          UserData: { 'Fn::Base64': Object(step?.params).template.userData },
        },
        TagSpecifications: [{ ResourceType: 'launch-template', Tags: tags }],
      },
    },
    [id]: {
      Type: 'AWS::EKS::Nodegroup',
      Properties: {
        ClusterName: 'shop-eu',
        NodegroupName: name,
        NodeRole: 'arn:aws:iam::111122223333:role/eks-node',
        Subnets: ['subnet-0aa1', 'subnet-0bb2'],
        CapacityType: 'ON_DEMAND',
        InstanceTypes: ['m5.large'],
        AmiType: 'AL2023_x86_64_STANDARD',
        Version: '1.33',
        LaunchTemplate: {
          Id: { Ref: `${id}Template` },
          Version: { 'Fn::GetAtt': [`${id}Template`, 'LatestVersionNumber'] },
        },
        ScalingConfig: { MinSize: 1, MaxSize: 6, DesiredSize: 3 },
        Labels: { on: 'yes' },
        Taints: [
          { Key: 'dedicated', Value: 'apps', Effect: 'NO_SCHEDULE' },
          { Key: 'gpu', Effect: 'NO_EXECUTE' },
        ],
        Tags: { Owner: 'shop', ...ours },
        UpdateConfig: { MaxUnavailablePercentage: 33 },
        NodeRepairConfig: { Enabled: true, NodeRepairConfigOverrides: [{ RepairAction: 'Reboot' }] },
      },
    },
  });
  // it is there, so that a stack cannot make it
  assert.match(text, /^# {3}ConfigurationValues: \{"env":\{"ENABLE_PREFIX_DELEGATION":"true"/m);
  assert.match(text, /^# apps is deleted by prefix-migrate\.$/m);
});

test('what a stack takes over, and by which identifiers', () => {
  const plan = planOf(aSnapshot());
  const text = cloudformationYaml(plan);
  const resources: Record<string, Record<string, unknown>> = Object(readYaml11(text)['Resources']);
  assert.equal(Object.keys(resources).length, 5);
  for (const { DeletionPolicy } of Object.values(resources)) assert.equal(DeletionPolicy, 'Retain');
  assert.deepEqual(resources['VpcCni'], {
    Type: 'AWS::EKS::Addon',
    DeletionPolicy: 'Retain',
    Properties: {
      ClusterName: 'shop-eu',
      AddonName: 'vpc-cni',
      AddonVersion: 'v1.19.2-eksbuild.1',
      ConfigurationValues: '{"env":{"ENABLE_PREFIX_DELEGATION":"true","WARM_PREFIX_TARGET":"1"}}',
      ResolveConflicts: 'NONE',
    },
  });
  for (const { replacement } of plan.nodegroups) {
    assert.match(text, new RegExp(`^# {4}Nodes\\w+: Id shop-eu/${replacement}$`, 'm'));
    assert.match(text, new RegExp(`^# {4}Nodes\\w+Template: LaunchTemplateId of ${replacement}$`, 'm'));
  }
});

const template = (overrides: Partial<LaunchTemplateVersion>): LaunchTemplateVersion => ({
  launchTemplateId: 'lt-1',
  version: '3',
  name: 'own',
  imageId: null,
  instanceType: null,
  userDataHash: null,
  data: {},
  ...overrides,
});
const launchTemplate = { id: 'lt-1', name: 'own', version: '3' };

test('user data of the source, and values of the cluster, are parameters', () => {
  const withUserData = aSnapshot({
    nodegroups: [aNodegroup({ launchTemplate })],
    launchTemplates: [template({ userDataHash: 'ab'.repeat(32) })],
  });
  const first = readYaml11(cloudformationYaml(planOf(withUserData)));
  const [[name, parameter] = ['', {}]] = Object.entries(Object(first['Parameters']));
  assert.match(name, /^NodesAppsPd\w{8}UserData$/);
  assert.equal(Object(parameter)['NoEcho'], true);
  const [own] = Object.values(Object(first['Resources'])).filter(
    (one) => Object(one)['Type'] === 'AWS::EC2::LaunchTemplate',
  );
  assert.deepEqual(at(own, ['Properties', 'LaunchTemplateData', 'UserData']), { 'Fn::Base64': { Ref: name } });

  const ownImage = aSnapshot({
    nodegroups: [aNodegroup({ launchTemplate, amiType: 'CUSTOM' })],
    launchTemplates: [template({ imageId: 'ami-1', data: { ImageId: 'ami-1' } })],
  });
  const nodes = ownImage.nodes.map((node) => ({ ...node, osImage: 'Amazon Linux 2023.9' }));
  const second = readYaml11(cloudformationYaml(planOf({ ...ownImage, nodes })));
  assert.deepEqual(Object.keys(Object(second['Parameters'])).toSorted(), [
    'ClusterCertificateAuthority',
    'ClusterEndpoint',
    'ClusterServiceCidr',
  ]);
  const [made] = Object.values(Object(second['Resources'])).filter(
    (one) => Object(one)['Type'] === 'AWS::EC2::LaunchTemplate',
  );
  const joined = at(made, ['Properties', 'LaunchTemplateData', 'UserData', 'Fn::Base64'])['Fn::Join'];
  const values: Record<string, string> = {
    ClusterCertificateAuthority: 'Q0E=',
    ClusterEndpoint: 'https://x',
    ClusterServiceCidr: '10.100.0.0/16',
  };
  assert.ok(Array.isArray(joined) && Array.isArray(joined[1]));
  const text = joined[1]
    .map((part: unknown) => (typeof part === 'string' ? part : values[Object(part)['Ref']]))
    .join(joined[0]);
  for (const line of [
    'name: shop-eu',
    'apiServerEndpoint: https://x',
    'certificateAuthority: Q0E=',
    'cidr: 10.100.0.0/16',
  ]) {
    assert.ok(text.includes(`    ${line}\n`), text);
  }
  assert.ok(!text.includes('{{'), text);
});

test('refused: groups of eksctl, and text that CloudFormation would replace', () => {
  const refused = { code: 'EXPORT.NOT_POSSIBLE', exitCode: 2 };
  assert.throws(() => cloudformationYaml(planOf(aSnapshot(), { createWith: 'eksctl' })), refused);
  const secret = aNodegroup({ tags: { note: '{{resolve:secretsmanager:db}}' } });
  assert.throws(() => cloudformationYaml(planOf(aSnapshot({ nodegroups: [secret] }))), {
    ...refused,
    nextActions: ['prefix-migrate export prefix-migrate-shop-eu --format terraform'],
  });
  assert.deepEqual(readYaml11(cloudformationYaml(planOf(aSnapshot({ nodegroups: [] })))), { Resources: {} });
});
