import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Difference, MigrationPlan, PlanRequest } from '../../src/domain/plan.ts';
import type { ClusterSnapshot, LaunchTemplateVersion, Nodegroup } from '../../src/domain/snapshot.ts';
import { makePlan } from '../../src/planning/plan.ts';
import { aNode, aNodegroup, anInstanceType, aRequest, aSnapshot } from '../support/snapshot.ts';
import { templates } from '../support/templates.ts';

const launchTemplate = { id: 'lt-1', name: 'mine', version: '3' };
const cluster = (
  nodegroup: Partial<Nodegroup>,
  template: Partial<LaunchTemplateVersion> | null = null,
  more: Partial<ClusterSnapshot> = {},
): ClusterSnapshot =>
  aSnapshot({
    nodegroups: [aNodegroup(template === null ? nodegroup : { launchTemplate, diskSize: null, ...nodegroup })],
    launchTemplates:
      template === null
        ? []
        : [
            {
              launchTemplateId: 'lt-1',
              version: '3',
              name: 'mine',
              imageId: null,
              instanceType: null,
              userDataHash: null,
              data: {},
              ...template,
            },
          ],
    instanceTypes: [
      anInstanceType(),
      anInstanceType({ instanceType: 'm6i.xlarge', vcpus: 4, memoryMiB: 16_384, enis: 4, ipv4PerEni: 15 }),
    ],
    ...more,
  });
const planOf = (snapshot: ClusterSnapshot, request: Partial<PlanRequest> = {}): MigrationPlan =>
  makePlan({ snapshot, request: aRequest(request), findings: [], toolVersion: '0', templates });
const differences = (snapshot: ClusterSnapshot, request: Partial<PlanRequest> = {}): Difference[] =>
  planOf(snapshot, request).nodegroups[0]?.differences ?? [];
const of = (found: readonly Difference[], field: string): Difference | undefined =>
  found.find((one) => one.field === field);

describe('differences', () => {
  const snapshot = cluster(
    {
      labels: { team: 'apps', 'eks.amazonaws.com/x': 'y' },
      tags: { 'cost-center': '42', 'aws:cloudformation:stack-name': 's', 'alpha.eksctl.io/cluster-name': 'c' },
      instanceTypes: [],
      unknownFields: ['zebra'],
      nodeRepairConfig: { enabled: true },
      warmPoolConfig: { enabled: false },
    },
    {
      instanceType: 'm5.large',
      userDataHash: 'abcdef0123456789',
      unknownMembers: ['Stripes'],
      data: {
        InstanceType: 'm5.large',
        IamInstanceProfile: { Name: 'nodes' },
        NetworkInterfaces: [{ DeviceIndex: 0, SubnetId: 'subnet-0aa1', Groups: ['sg-cluster'] }],
        MetadataOptions: { HttpTokens: 'optional' },
        Monitoring: { Enabled: true },
        TagSpecifications: [
          {
            ResourceType: 'instance',
            Tags: [
              { Key: 'eks:x', Value: 'y' },
              { Key: 'Name', Value: 'n' },
            ],
          },
        ],
      },
    },
  );
  const rows: [field: string, source: string | null, replacement: string | RegExp | null, reason: RegExp][] = [
    ['zebra', '(not shown)', null, /^not copied: unknown to this version$/],
    ['launchTemplate.Stripes', '(not shown)', null, /^not copied: unknown to this version$/],
    ['launchTemplate.InstanceType', 'm5.large', null, /names its types/],
    ['instanceTypes', null, 'm5.large', /^moved from the launch template/],
    ['launchTemplate.IamInstanceProfile', '{"Name":"nodes"}', null, /node role/],
    ['launchTemplate.NetworkInterfaces.0.SubnetId', 'subnet-0aa1', null, /names the subnets/],
    ['launchTemplate.MetadataOptions.HttpPutResponseHopLimit', null, '2', /two hops/],
    [
      'launchTemplate.UserData',
      'SHA-256 abcdef012345',
      /^the same with user-data\/apps-pd-/,
      /^merged: .* maxPods is 110$/,
    ],
    ['launchTemplate', 'mine version 3', /^apps-pd-/, /later changes/],
    ['launchTemplate.TagSpecifications.instance.eks:x', 'y', null, /^EKS sets it/],
    ['labels.eks.amazonaws.com/x', 'y', null, /^EKS sets its own labels/],
    ['tags.aws:cloudformation:stack-name', 's', null, /^AWS sets/],
    ['tags.alpha.eksctl.io/cluster-name', 'c', null, /^eksctl knows/],
    ['tags.prefix-migrate/source', null, 'apps', /plan knows/],
    ['maxPods', '29', '110', /vCPU cap 110/],
    ['kubeReserved.memory', '574Mi', '1465Mi', /11 MiB/],
    ['releaseVersion', '1.33.0-20260201', null, /newest image/],
    ['nodegroupName', 'apps', /^apps-pd-/, /both exist/],
    ['resources.autoScalingGroups', 'eks-apps-0123', null, /by hand/],
  ];
  const found = differences(snapshot);
  for (const [field, source, replacement, reason] of rows) {
    test(field, () => {
      const one = of(found, field);
      assert.ok(one !== undefined, JSON.stringify(found.map((each) => each.field)));
      assert.equal(one.source, source);
      if (replacement instanceof RegExp) assert.match(one.replacement ?? '', replacement);
      else assert.equal(one.replacement, replacement);
      assert.match(one.reason, reason);
    });
  }
  test('say nothing about what is copied', () => {
    const fields = found.map(({ field }) => field).join(' ');
    assert.doesNotMatch(
      fields,
      /nodeRepairConfig|warmPoolConfig|updateConfig|taints|Monitoring|\.Groups|labels\.team|cost-center|\.Name\b/,
    );
  });
  test('begin with the gaps of this program, and end with what every replacement has', () => {
    assert.deepEqual(
      found.slice(0, 2).map(({ field }) => field),
      ['zebra', 'launchTemplate.Stripes'],
    );
    assert.match(found.at(-1)?.field ?? '', /^tags\.|^maxPods$|^nodegroupName$|TagSpecifications/);
  });
});

test('without a template of its own: disk, key and the rule for SSH', () => {
  const found = differences(
    cluster({ diskSize: 50, remoteAccess: { ec2SshKey: 'ops', sourceSecurityGroups: ['sg-1'] } }),
  );
  assert.match(of(found, 'diskSize')?.reason ?? '', /^moved to the launch template/);
  assert.match(of(found, 'launchTemplate.BlockDeviceMappings')?.replacement ?? '', /"VolumeSize":50/);
  assert.equal(of(found, 'launchTemplate.KeyName')?.replacement, 'ops');
  assert.match(of(found, 'remoteAccess.sourceSecurityGroups')?.reason ?? '', /port 22/);
});

test('the disk of Bottlerocket is the one with the data of pods', () => {
  const found = differences(cluster({ amiType: 'BOTTLEROCKET_x86_64', diskSize: 50 }));
  assert.match(of(found, 'launchTemplate.BlockDeviceMappings')?.replacement ?? '', /"DeviceName":"\/dev\/xvdb"/);
});

test('an image of its own stays, and EKS is told no version', () => {
  const snapshot = cluster(
    { amiType: 'CUSTOM' },
    { imageId: 'ami-1', data: { ImageId: 'ami-1' } },
    {
      nodes: [aNode({ osImage: 'Amazon Linux 2023.9.20260801' })],
      autoScalingGroups: [],
    },
  );
  const plan = planOf(snapshot);
  const template = plan.steps.find(({ kind }) => kind === 'create-launch-template');
  assert.ok(template?.kind === 'create-launch-template');
  assert.equal(template.params.data['ImageId'], 'ami-1');
  const found = plan.nodegroups[0]?.differences ?? [];
  assert.equal(of(found, 'launchTemplate.ImageId'), undefined);
  assert.match(of(found, 'version')?.reason ?? '', /image of the group decides/);
});

describe('types and image that were asked for', () => {
  const request = { instanceTypes: ['m6i.xlarge'], amiType: 'BOTTLEROCKET_x86_64' };
  const plan = planOf(cluster({}), request);
  const [group] = plan.nodegroups;
  test('are those of the replacement, and told first', () => {
    const step = plan.steps.find(({ kind }) => kind === 'create-nodegroup');
    assert.ok(step?.kind === 'create-nodegroup');
    assert.deepEqual([step.params.instanceTypes, step.params.amiType], [['m6i.xlarge'], 'BOTTLEROCKET_x86_64']);
    assert.deepEqual(group?.instanceTypes, ['m6i.xlarge']);
    assert.deepEqual(
      group?.differences
        .slice(0, 2)
        .map(({ field, source, replacement, reason }) => [field, source, replacement, reason]),
      [
        ['instanceTypes', 'm5.large', 'm6i.xlarge', 'asked for with --instance-type'],
        ['amiType', 'AL2023_x86_64_STANDARD', 'BOTTLEROCKET_x86_64', 'asked for with --ami-type'],
      ],
    );
  });
  test('decide about maxPods, memory and prefixes; what is now is told of the source', () => {
    const before = planOf(cluster({})).nodegroups[0];
    assert.equal(group?.maxPodsBefore, 29);
    assert.equal(group?.memory.allocatableBeforeMiB, before?.memory.allocatableBeforeMiB);
    assert.equal(group?.memory.allocatableAfterMiB, Math.floor(16_384 * 0.925) - 1465 - 100);
    assert.equal(group?.capacity.nodesNeeded, 1);
  });
  test('make a group without Nitro a source', () => {
    const old = anInstanceType({ instanceType: 'm4.large', hypervisor: 'xen' });
    const snapshot = cluster({ instanceTypes: ['m4.large'] }, null, {
      instanceTypes: [old],
      nodes: [aNode({ instanceType: 'm4.large', allocatable: { pods: 20, cpuMillis: 1930, memoryBytes: 7e9 } })],
    });
    assert.deepEqual(planOf(snapshot).nodegroups, []);
    // of a type that the snapshot does not have this program knows enough
    const [moved] = planOf(snapshot, { instanceTypes: ['m5.large'] }).nodegroups;
    assert.deepEqual([moved?.maxPodsBefore, moved?.maxPods.value], [20, 110]);
  });
});
