import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import type { ClusterSnapshot } from '../../src/domain/snapshot.ts';
import { eksctlYaml } from '../../src/exports/eksctl.ts';
import { makePlan } from '../../src/planning/plan.ts';
import { aNodegroup, aRequest, aSnapshot, aVpcCni } from '../support/snapshot.ts';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const al2023 = read('../../templates/user-data/al2023.mime');
const validate = new Ajv({ strict: false }).compile(JSON.parse(read('../support/eksctl-schema.json')));

const yaml = (snapshot: ClusterSnapshot, request = aRequest()) =>
  eksctlYaml(makePlan({ snapshot, request, findings: [], toolVersion: '0.1.0', templates: { userData: { al2023 } } }));

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
  nodeRepairEnabled: true,
  remoteAccess: { ec2SshKey: 'ops', sourceSecurityGroups: [] },
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
    ssh: { allow: true, publicKeyName: 'ops' },
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
