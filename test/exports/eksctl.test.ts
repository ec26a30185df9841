import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import type { ClusterSnapshot } from '../../src/domain/snapshot.ts';
import { eksctlExport, eksctlYaml } from '../../src/exports/eksctl.ts';
import { brokenRules } from '../support/eksctl-rules.ts';
import { aNodegroup, aSnapshot, aVpcCni } from '../support/snapshot.ts';
import { planOf } from './plans.ts';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const validate = new Ajv({ strict: false }).compile(JSON.parse(read('../support/eksctl-schema.json')));

const yaml = (snapshot: ClusterSnapshot) => eksctlYaml(planOf(snapshot));

const rich = aNodegroup({
  capacityType: 'SPOT',
  labels: { on: 'yes', zone: '012', empty: '' },
  tags: { 'cost-center': '0042', note: 'a: b # c' },
  taints: [
    { key: 'dedicated', value: 'apps', effect: 'NO_SCHEDULE' },
    { key: 'gpu', value: null, effect: 'NO_EXECUTE' },
    { key: 'soft', value: '1', effect: 'PREFER_NO_SCHEDULE' },
  ],
  updateConfig: { maxUnavailablePercentage: 33 },
  nodeRepairConfig: { enabled: true },
});
const on = aVpcCni({ env: { ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '1' } });

describe('the ClusterConfig is valid for eksctl', () => {
  const rows: [string, ClusterSnapshot][] = [
    ['two groups', aSnapshot()],
    ['everything a group can have', aSnapshot({ nodegroups: [rich] })],
    ['only the groups', aSnapshot({ vpcCni: on })],
    ['nothing to do', aSnapshot({ nodegroups: [] })],
    [
      'bare group',
      aSnapshot({ nodegroups: [aNodegroup({ labels: {}, tags: {}, diskSize: null, updateConfig: null })] }),
    ],
  ];
  for (const [name, snapshot] of rows) {
    test(name, () => assert.ok(validate(parse(yaml(snapshot), { version: '1.1' })), JSON.stringify(validate.errors)));
  }
  test('and the schema can say no', () => assert.equal(validate({ kind: 'ClusterConfig' }), false));
});

test('it says the same as the plan, in words that YAML 1.1 does not mistake', () => {
  const document = parse(yaml(aSnapshot({ nodegroups: [rich] })), { version: '1.1' });
  const { name, tags, ...group } = document.managedNodeGroups[0];
  assert.match(name, /^apps-pd-[0-9a-f]{8}$/);
  assert.deepEqual(
    { ...tags, 'prefix-migrate/plan': 'x' },
    { 'cost-center': '0042', note: 'a: b # c', 'prefix-migrate/plan': 'x', 'prefix-migrate/source': 'apps' },
  );
  assert.deepEqual(group, {
    amiFamily: 'AmazonLinux2023',
    instanceTypes: ['m5.large'],
    spot: true,
    minSize: 1,
    desiredCapacity: 3,
    maxSize: 6,
    subnets: ['subnet-0aa1', 'subnet-0bb2'],
    maxPodsPerNode: 110,
    overrideBootstrapCommand:
      'apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  kubelet:\n    config:\n      kubeReserved:\n        memory: 1465Mi\n',
    volumeSize: 20,
    volumeType: 'gp3',
    disableIMDSv1: true,
    labels: { on: 'yes', zone: '012', empty: '' },
    taints: [
      { key: 'dedicated', value: 'apps', effect: 'NoSchedule' },
      { key: 'gpu', effect: 'NoExecute' },
      { key: 'soft', value: '1', effect: 'PreferNoSchedule' },
    ],
    updateConfig: { maxUnavailablePercentage: 33 },
    nodeRepairConfig: { enabled: true },
    iam: { instanceRoleARN: 'arn:aws:iam::111122223333:role/eks-node' },
  });
  assert.deepEqual(document.addons, [
    {
      name: 'vpc-cni',
      version: 'v1.19.2-eksbuild.1',
      resolveConflicts: 'none',
      configurationValues: '{"env":{"ENABLE_PREFIX_DELEGATION":"true","WARM_PREFIX_TARGET":"1"}}',
    },
  ]);
});

test('comments give the reasons', () => {
  const text = yaml(aSnapshot());
  assert.match(text, /^# Plan [0-9a-f]{8}: shop-eu to prefix delegation\.\n/);
  for (const comment of [
    '# One switch for the whole cluster',
    '# Takes the place of apps.',
    '# 29 before; vCPU cap 110.',
  ]) {
    assert.ok(text.includes(comment), comment);
  }
});
test('the addons are left out when nothing changes there', () => {
  assert.equal(parse(yaml(aSnapshot({ vpcCni: on }))).addons, undefined);
});

/** Its node group, and a launch template of its own. */
function aGroupWith(
  data: Record<string, unknown>,
  { amiType = 'AL2023_x86_64_STANDARD', osImage = 'Amazon Linux 2023.9', hasUserData = false } = {},
): ClusterSnapshot {
  const base = aSnapshot();
  return {
    ...base,
    nodegroups: [aNodegroup({ amiType, launchTemplate: { id: 'lt-1', name: 'own', version: '3' } })],
    nodes: base.nodes.map((node) => ({ ...node, osImage })),
    launchTemplates: [
      {
        launchTemplateId: 'lt-1',
        version: '3',
        name: 'own',
        imageId: typeof data['ImageId'] === 'string' ? data['ImageId'] : null,
        instanceType: null,
        userDataHash: hasUserData ? 'ab'.repeat(32) : null,
        data,
      },
    ],
  };
}

const image = { ImageId: 'ami-0123456789abcdef0' };

test("images of one's own: maxPods stands where eksctl lets it stand", () => {
  const rows: [osImage: string, expected: Record<string, unknown>][] = [
    [
      'Amazon Linux 2023.9',
      {
        ami: 'ami-0123456789abcdef0',
        amiFamily: 'AmazonLinux2023',
        overrideBootstrapCommand:
          'apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  kubelet:\n    config:\n      maxPods: 110\n      kubeReserved:\n        memory: 1465Mi\n',
      },
    ],
    [
      'Bottlerocket OS 1.50.0',
      {
        ami: 'ami-0123456789abcdef0',
        amiFamily: 'Bottlerocket',
        bottlerocket: { settings: { kubernetes: { 'max-pods': 110 } } },
      },
    ],
  ];
  for (const [osImage, expected] of rows) {
    const [group] = parse(eksctlExport(planOf(aGroupWith(image, { amiType: 'CUSTOM', osImage })))).managedNodeGroups;
    const { ami, amiFamily, overrideBootstrapCommand, bottlerocket } = group;
    assert.deepEqual(JSON.parse(JSON.stringify({ ami, amiFamily, overrideBootstrapCommand, bottlerocket })), expected);
    assert.deepEqual(brokenRules(group), []);
  }
});

/** The entry that stands in a comment, with a template's id in it. */
function entryOf(text: string): Record<string, unknown> {
  const lines = text.split('\n');
  const entry = lines.slice(lines.indexOf('# managedNodeGroups:')).map((line) => line.replace(/^# ?/, ''));
  const [group] = parse(entry.join('\n'), { version: '1.1' }).managedNodeGroups;
  return { ...group, launchTemplate: { id: 'lt-0abc', version: '1' } };
}

test('what eksctl has no words for stands in a comment, to be told by the template', () => {
  const rows: [what: string, ClusterSnapshot][] = [
    ['user data of its own', aGroupWith({}, { hasUserData: true })],
    ['CpuOptions', aGroupWith({ CpuOptions: { CoreCount: 1, ThreadsPerCore: 1 } })],
    ['KeyName (with a key eksctl opens port 22 to everybody)', aGroupWith({ KeyName: 'ops' })],
    ['Placement.Tenancy', aGroupWith({ Placement: { Tenancy: 'dedicated' } })],
    [
      'image ami-0123456789abcdef0',
      aGroupWith(image, { amiType: 'CUSTOM', osImage: 'Ubuntu 22.04', hasUserData: true }),
    ],
  ];
  for (const [what, snapshot] of rows) {
    for (const createWith of ['api', 'external'] as const) {
      const text = eksctlExport(planOf(snapshot, { createWith }));
      const document = parse(text, { version: '1.1' });
      assert.ok(text.includes(`eksctl has no words for ${what}`), text);
      const isValid: boolean = validate(document);
      assert.ok(isValid, JSON.stringify(validate.errors));
      assert.equal(document.managedNodeGroups, undefined);
      const entry = entryOf(text);
      assert.ok(validate({ ...document, managedNodeGroups: [entry] }), JSON.stringify(validate.errors));
      assert.deepEqual(brokenRules(entry), []);
      assert.equal(text.includes('| base64 -d'), createWith === 'external' && text.includes('user data of its own'));
    }
  }
});

test('what it cannot be told at all is refused, with the formats that can', () => {
  const plan = planOf(aSnapshot({ nodegroups: [aNodegroup({ capacityType: 'CAPACITY_BLOCK' })] }));
  assert.throws(() => eksctlExport(plan), {
    code: 'EXPORT.NOT_POSSIBLE',
    exitCode: 2,
    why: /^eksctl has no words for apps-pd-\w+: capacity type CAPACITY_BLOCK/,
    nextActions: [
      'prefix-migrate export prefix-migrate-shop-eu --format terraform',
      'prefix-migrate export prefix-migrate-shop-eu --format cloudformation',
    ],
  });
  // the plan folder has a file all the same
  assert.match(eksctlYaml(plan), /^# Not above: apps-pd-\w+, .*capacity type CAPACITY_BLOCK/m);
});

test('what differs from the source, and why', () => {
  const nodegroup = aNodegroup({ labels: { 'eks.amazonaws.com/old': '1', team: 'a' } });
  const text = eksctlYaml(planOf(aSnapshot({ nodegroups: [nodegroup] }), { subnetIds: ['subnet-0aa1'] }));
  assert.match(text, /# subnetIds was subnet-0aa1, subnet-0bb2: asked for with --subnet\n {4}subnets:/);
  assert.match(text, /# without labels\.eks\.amazonaws\.com\/old: .*\n {4}labels:/);
});
