import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RequestLaunchTemplateData$ } from '@aws-sdk/client-ec2';
import type { ClusterSnapshot, LaunchTemplateVersion } from '../../src/domain/snapshot.ts';
import { copiedSettings } from '../../src/domain/template-settings.ts';
import { terraformText } from '../../src/exports/terraform.ts';
import { launchTemplateItems } from '../../src/exports/terraform-launch-template.ts';
import { itemsOf, membersOf } from '../support/sdk-schema.ts';
import { aNodegroup, aSnapshot, aVpcCni } from '../support/snapshot.ts';
import { planOf } from './plans.ts';
import { at, readHcl, resourceOf, textOfLines } from './readers.ts';

/** As the parser gives an expression. */
const ref = (expression: string): string => `\u0024{${expression}}`;

const own: LaunchTemplateVersion = {
  launchTemplateId: 'lt-1',
  version: '3',
  name: 'own',
  imageId: null,
  instanceType: null,
  userDataHash: null,
  data: {},
};

const withTemplate = (template: Partial<LaunchTemplateVersion>, nodegroup = {}): ClusterSnapshot => ({
  ...aSnapshot(),
  nodegroups: [aNodegroup({ launchTemplate: { id: 'lt-1', name: 'own', version: '3' }, ...nodegroup })],
  launchTemplates: [{ ...own, ...template }],
});

const rich = aNodegroup({
  capacityType: 'SPOT',
  labels: { team: 'apps', 'a/b': '' },
  tags: { Owner: 'shop' },
  taints: [
    { key: 'dedicated', value: 'apps', effect: 'NO_SCHEDULE' },
    { key: 'gpu', value: null, effect: 'NO_EXECUTE' },
  ],
  updateConfig: { maxUnavailablePercentage: 33, updateStrategy: 'MINIMAL' },
  nodeRepairConfig: {
    enabled: true,
    nodeRepairConfigOverrides: [{ nodeMonitoringCondition: 'A', minRepairWaitTimeMins: 5, repairAction: 'Reboot' }],
  },
  warmPoolConfig: { enabled: true, minSize: 1 },
});

test('the group that somebody else applies is the planned one, by its planned name', async () => {
  const plan = planOf(aSnapshot({ nodegroups: [rich] }), { createWith: 'external' });
  const name = plan.nodegroups[0]?.replacement ?? '';
  const file = await readHcl(terraformText(plan));
  assert.deepEqual(file['import'], [{ to: ref('aws_eks_addon.vpc_cni'), id: 'shop-eu:vpc-cni' }]);
  assert.deepEqual(file['data'], undefined);
  const hash = name.slice(-8);
  const tags = { 'prefix-migrate/plan': hash, 'prefix-migrate/source': 'apps' };
  assert.deepEqual(resourceOf(file, 'aws_eks_node_group', name), {
    cluster_name: 'shop-eu',
    node_group_name: name,
    node_role_arn: 'arn:aws:iam::111122223333:role/eks-node',
    subnet_ids: ['subnet-0aa1', 'subnet-0bb2'],
    capacity_type: 'SPOT',
    instance_types: ['m5.large'],
    ami_type: 'AL2023_x86_64_STANDARD',
    version: '1.33',
    labels: { team: 'apps', 'a/b': '' },
    tags: { Owner: 'shop', ...tags },
    launch_template: [
      { id: ref(`aws_launch_template.${name}.id`), version: ref(`aws_launch_template.${name}.latest_version`) },
    ],
    scaling_config: [{ desired_size: 3, min_size: 1, max_size: 6 }],
    taint: [
      { key: 'dedicated', value: 'apps', effect: 'NO_SCHEDULE' },
      { key: 'gpu', effect: 'NO_EXECUTE' },
    ],
    update_config: [{ max_unavailable_percentage: 33, update_strategy: 'MINIMAL' }],
    node_repair_config: [
      {
        enabled: true,
        node_repair_config_overrides: [
          { node_monitoring_condition: 'A', min_repair_wait_time_mins: 5, repair_action: 'Reboot' },
        ],
      },
    ],
    warm_pool_config: [{ enabled: true, min_size: 1 }],
    lifecycle: [{ ignore_changes: [ref('scaling_config[0].desired_size')] }],
  });
  const { user_data, ...template } = resourceOf(file, 'aws_launch_template', name);
  assert.deepEqual(template, {
    name,
    tags,
    block_device_mappings: [
      { device_name: '/dev/xvda', ebs: [{ volume_size: 20, volume_type: 'gp3', delete_on_termination: true }] },
    ],
    metadata_options: [{ http_tokens: 'required', http_put_response_hop_limit: 2 }],
    tag_specifications: [
      { resource_type: 'instance', tags },
      { resource_type: 'volume', tags },
    ],
  });
  const step = plan.steps.find(({ kind }) => kind === 'await-nodegroup');
  assert.equal(await textOfLines(user_data), Object(step?.params).template.userData);
});

test('a group that this program makes is taken over', async () => {
  const plan = planOf(aSnapshot({ nodegroups: [aNodegroup()] }));
  const name = plan.nodegroups[0]?.replacement ?? '';
  const file = await readHcl(terraformText(plan));
  assert.deepEqual(file['import'], [
    { to: ref('aws_eks_addon.vpc_cni'), id: 'shop-eu:vpc-cni' },
    { to: ref(`aws_launch_template.${name}`), id: ref(`data.aws_launch_template.${name}.id`) },
    { to: ref(`aws_eks_node_group.${name}`), id: `shop-eu:${name}` },
  ]);
  assert.deepEqual(at(file, ['data', 'aws_launch_template', name, 0]), { name });
});

test('the add-on, or what to set where the VPC CNI is none', async () => {
  const plan = planOf(aSnapshot());
  const addon = resourceOf(await readHcl(terraformText(plan)), 'aws_eks_addon', 'vpc_cni');
  assert.deepEqual(addon, {
    cluster_name: 'shop-eu',
    addon_name: 'vpc-cni',
    addon_version: 'v1.19.2-eksbuild.1',
    configuration_values: '{"env":{"ENABLE_PREFIX_DELEGATION":"true","WARM_PREFIX_TARGET":"1"}}',
    resolve_conflicts_on_update: 'NONE',
    lifecycle: [{ ignore_changes: [ref('service_account_role_arn'), ref('pod_identity_association')] }],
  });
  const selfManaged = terraformText(planOf(aSnapshot({ vpcCni: aVpcCni({ managedBy: 'self-managed', addon: null }) })));
  assert.match(selfManaged, /^# The VPC CNI is no EKS add-on: .*ENABLE_PREFIX_DELEGATION=true/m);
  const owner = { tool: 'helm', name: 'kube-system/aws-vpc-cni', evidence: 'x' } as const;
  const owned = terraformText(
    planOf(aSnapshot({ vpcCni: aVpcCni({ managedBy: 'self-managed', addon: null, owner }) })),
  );
  assert.match(owned, /^# The VPC CNI is set where it is managed:\n# {3}/m);
  const addonOwner = { tool: 'cloudformation', name: 'net', evidence: 'x' } as const;
  const ofStack = terraformText(planOf(aSnapshot({ vpcCni: aVpcCni({ owner: addonOwner }) })));
  assert.match(ofStack, /^# prefix-migrate sets the add-on vpc-cni, which belongs to another tool:\n# {3}\S/m);
  for (const text of [selfManaged, owned, ofStack])
    assert.equal(Object(await readHcl(text))['resource']['aws_eks_addon'], undefined);
});

const hash = 'ab'.repeat(32);

test('user data of the source: as it was made, or asked for, never in the file', async () => {
  const snapshot = withTemplate({ userDataHash: hash });
  const made = planOf(snapshot);
  const name = made.nodegroups[0]?.replacement ?? '';
  const taken = resourceOf(await readHcl(terraformText(made)), 'aws_launch_template', name);
  assert.equal(taken['user_data'], ref(`data.aws_launch_template.${name}.user_data`));

  const plan = planOf(snapshot, { createWith: 'external' });
  const waited = plan.nodegroups[0]?.replacement ?? '';
  const text = terraformText(plan);
  const file = await readHcl(text);
  const template = resourceOf(file, 'aws_launch_template', waited);
  assert.equal(template['user_data'], ref(`base64encode(var.${waited}_user_data)`));
  assert.deepEqual(at(file, ['variable', `${waited}_user_data`, 0]), {
    description: `User data of launch template ${waited}, not encoded`,
    type: ref('string'),
    sensitive: true,
  });
  assert.match(text, /# {3}aws ec2 describe-launch-template-versions --launch-template-id lt-1 --versions 3 /);
  assert.match(text, /# {3}add the part of user-data\/\S+\.mime of the plan folder as its last part \(MIME\)/);
  assert.match(text, /# {3}\| {7}maxPods: 110$/m);
});

test("an image of one's own without user data: values of the cluster are looked up", async () => {
  const snapshot = withTemplate({ imageId: 'ami-1', data: { ImageId: 'ami-1' } }, { amiType: 'CUSTOM' });
  const nodes = snapshot.nodes.map((node) => ({ ...node, osImage: 'Bottlerocket OS 1.50.0' }));
  const plan = planOf({ ...snapshot, nodes }, { createWith: 'external' });
  const name = plan.nodegroups[0]?.replacement ?? '';
  const file = await readHcl(terraformText(plan));
  const template = resourceOf(file, 'aws_launch_template', name);
  assert.equal(template['image_id'], 'ami-1');
  const cluster = 'data.aws_eks_cluster.prefix_migrate';
  assert.deepEqual(at(file, ['data', 'aws_eks_cluster', 'prefix_migrate', 0]), { name: 'shop-eu' });
  const text = await textOfLines(template['user_data']);
  for (const line of [
    'max-pods = 110',
    `cluster-name = "\u0024{${cluster}.name}"`,
    `api-server = "\u0024{${cluster}.endpoint}"`,
    `cluster-certificate = "\u0024{${cluster}.certificate_authority[0].data}"`,
    `cluster-dns-ip = "\u0024{cidrhost(${cluster}.kubernetes_network_config[0].service_ipv4_cidr, 10)}"`,
  ]) {
    assert.ok(text.split('\n').includes(line), `${line} in ${text}`);
  }
  const group = resourceOf(file, 'aws_eks_node_group', name);
  assert.deepEqual([group['ami_type'], group['version']], [undefined, undefined]);
});

test('old node groups: first the new ones, then, in a change of its own, their end', () => {
  const owned = aNodegroup({ tags: { ManagedBy: 'terraform' } });
  const waited = terraformText(planOf(aSnapshot({ nodegroups: [owned] }), { createWith: 'external' }));
  assert.match(waited, /^# 1\. Put this file beside .* Their blocks stay: removed in the same change/m);
  assert.match(
    waited,
    /^# 4\. When the pods have moved, remove the blocks of the old node groups, in a change of its own\.$/m,
  );
  assert.match(waited, /^# apps, once drained, is yours to delete:\n# {3}- remove the block of apps/m);
  assert.match(terraformText(planOf(aSnapshot())), /^# apps is deleted by prefix-migrate\.$/m);
});

test('refused: groups of eksctl, and what the provider has no word for; nothing to do is no refusal', () => {
  const eksctl = planOf(aSnapshot({ nodegroups: [aNodegroup()] }), { createWith: 'eksctl' });
  assert.throws(() => terraformText(eksctl), { code: 'EXPORT.NOT_POSSIBLE', exitCode: 2, why: /--create-with eksctl/ });
  const unknown = planOf(withTemplate({ data: { NewSetting: { A: 1 }, CpuOptions: { NewOne: true } } }));
  assert.throws(() => terraformText(unknown), {
    why: /no word for NewSetting of launch template apps-pd-\w+, CpuOptions\.NewOne of launch template/,
    nextActions: ['prefix-migrate export prefix-migrate-shop-eu --format cloudformation'],
  });
  assert.match(terraformText(planOf(aSnapshot({ nodegroups: [] }))), /there is nothing to create\.\n$/);
});

/** Members of EC2's LaunchTemplateData that Terraform has no word for, as far as we know. */
const withoutWords = [
  'ElasticGpuSpecifications',
  'ElasticInferenceAccelerators',
  'EnaQueueCount',
  'EbsCardIndex',
  'MetricCategoryIds',
  'AvailabilityZoneId',
];

/** A value of the schema in which every member is there. */
function sample(schema: unknown): unknown {
  const items = itemsOf(schema);
  if (items !== undefined) return [sample(items.schema)];
  const members = membersOf(schema);
  return members === undefined ? 'x' : Object.fromEntries(members.map((one) => [one.name, sample(one.schema)]));
}

test('every setting of a launch template that a replacement can have has a word', () => {
  const all = Object(sample(RequestLaunchTemplateData$));
  const { data } = copiedSettings(all, { keepsImage: true });
  const { lacks } = launchTemplateItems(data);
  const expected = lacks.filter((path) => withoutWords.some((name) => path.split('.').includes(name)));
  assert.deepEqual(lacks, expected);
});
