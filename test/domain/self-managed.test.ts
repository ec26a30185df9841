import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instanceProfileOf, mayBeSelfManaged, selfManagedNodegroup } from '../../src/domain/self-managed.ts';
import type { AutoScalingGroup, LaunchTemplateVersion } from '../../src/domain/snapshot.ts';
import { aNode } from '../support/snapshot.ts';

const group: AutoScalingGroup = {
  name: 'workers',
  desiredCapacity: 2,
  minSize: 1,
  maxSize: 5,
  instanceIds: ['i-1', 'i-2'],
  suspendedProcesses: [],
  launchTemplate: { id: 'lt-1', name: 'workers', version: '7' },
  subnetIds: ['subnet-a'],
  tags: { team: 'web' },
};
const template = (data: Record<string, unknown>): LaunchTemplateVersion => ({
  launchTemplateId: 'lt-1',
  version: '7',
  name: 'workers',
  imageId: 'ami-1',
  instanceType: 'm5.large',
  userDataHash: null,
  data,
});
const known = { 'kubernetes.io/os': 'linux', 'topology.ebs.csi.aws.com/zone': 'a', 'eks.amazonaws.com/x': 'y' };
const node = (labels: Record<string, string>, taints: [string, string, string][] = []) =>
  aNode({
    nodegroupName: null,
    labels: { ...known, ...labels },
    taints: [
      ...taints.map(([key, value, effect]) => ({ key, value, effect })),
      { key: 'node.kubernetes.io/unschedulable', value: null, effect: 'NoSchedule' },
    ],
  });
const of = (
  nodes: ReturnType<typeof node>[],
  parts: Partial<AutoScalingGroup> = {},
  data: Record<string, unknown> = {},
) => selfManagedNodegroup({ group: { ...group, ...parts }, template: template(data), nodeRole: 'arn:r', nodes });

test('has the labels and taints that all its nodes have, and that nobody else sets', () => {
  const { labels, taints } = of([
    node({ pool: 'a', only: 'here', differs: '1' }, [
      ['gpu', 'true', 'NoSchedule'],
      ['once', '', 'NoExecute'],
    ]),
    node({ pool: 'a', differs: '2' }, [['gpu', 'true', 'NoSchedule']]),
  ]);
  assert.deepEqual(labels, { pool: 'a' });
  assert.deepEqual(taints, [{ key: 'gpu', value: 'true', effect: 'NO_SCHEDULE' }]);
  assert.deepEqual(of([]).labels, {});
});

test('is Spot when all above the base is, or when the template says so', () => {
  const spot = { InstanceMarketOptions: { MarketType: 'spot' } };
  const cases: [Partial<AutoScalingGroup>, Record<string, unknown>, string][] = [
    [{}, {}, 'ON_DEMAND'],
    [{}, spot, 'SPOT'],
    [{ onDemandPercent: 0 }, {}, 'SPOT'],
    [{ onDemandPercent: 50 }, spot, 'ON_DEMAND'],
  ];
  for (const [parts, data, wanted] of cases) assert.equal(of([], parts, data).capacityType, wanted);
});

test('says what Auto Scaling says', () => {
  const found = of([node({})], { status: 'Delete in progress', instanceTypes: ['m5.large', 'm5a.large'] });
  assert.deepEqual(
    [found.nodegroupName, found.status, found.amiType, found.scaling, found.instanceTypes, found.subnetIds, found.tags],
    [
      'asg/workers',
      'DELETING',
      'CUSTOM',
      { minSize: 1, maxSize: 5, desiredSize: 2 },
      ['m5.large', 'm5a.large'],
      ['subnet-a'],
      { team: 'web' },
    ],
  );
  const withoutTemplate = selfManagedNodegroup({
    group: { ...group, launchTemplate: null },
    template: undefined,
    nodeRole: '',
    nodes: [node({})],
  });
  assert.deepEqual([withoutTemplate.instanceTypes, withoutTemplate.launchTemplate], [['m5.large'], null]);
});

test('instance profile by name or ARN', () => {
  assert.equal(instanceProfileOf(template({ IamInstanceProfile: { Name: 'p' } })), 'p');
  assert.equal(instanceProfileOf(template({ IamInstanceProfile: { Arn: 'arn:p' } })), 'arn:p');
  assert.equal(instanceProfileOf(template({})), undefined);
});

test('nodes of EKS, Karpenter, Auto Mode, Fargate and hybrid nodes are of no such group', () => {
  const alone = aNode({ nodegroupName: null });
  assert.ok(mayBeSelfManaged(alone));
  for (const other of [
    aNode(),
    aNode({ nodegroupName: null, labels: { 'karpenter.sh/nodepool': 'x' } }),
    aNode({ nodegroupName: null, labels: { 'eks.amazonaws.com/compute-type': 'auto' } }),
    aNode({ nodegroupName: null, name: 'fargate-1' }),
    aNode({ nodegroupName: null, labels: { 'eks.amazonaws.com/compute-type': 'hybrid' } }),
    aNode({ nodegroupName: null, instanceId: null }),
  ]) {
    assert.ok(!mayBeSelfManaged(other));
  }
});
