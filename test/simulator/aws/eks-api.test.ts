import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  DescribeAutoScalingGroupsCommand,
  DescribeLifecycleHooksCommand,
  DescribeScalingActivitiesCommand,
  ResumeProcessesCommand,
  SuspendProcessesCommand,
  TerminateInstanceInAutoScalingGroupCommand,
  UpdateAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';
import {
  CreateLaunchTemplateCommand,
  DeleteLaunchTemplateCommand,
  DescribeLaunchTemplateVersionsCommand,
  DescribeSubnetsCommand,
} from '@aws-sdk/client-ec2';
import {
  CreateNodegroupCommand,
  type CreateNodegroupRequest,
  DeleteNodegroupCommand,
  DescribeAccessEntryCommand,
  DescribeAddonCommand,
  DescribeAddonConfigurationCommand,
  DescribeAddonVersionsCommand,
  DescribeClusterCommand,
  DescribeNodegroupCommand,
  DescribeUpdateCommand,
  ListAccessEntriesCommand,
  ListAddonsCommand,
  ListClustersCommand,
  ListInsightsCommand,
  ListNodegroupsCommand,
  ListTagsForResourceCommand,
  ListUpdatesCommand,
  type Nodegroup,
  ResourceNotFoundException,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateAddonCommand,
  UpdateNodegroupConfigCommand,
} from '@aws-sdk/client-eks';
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts';
import type { DaemonSet } from '../../../src/simulator/kubernetes/objects.ts';
import { createRegion, nodeRole, type Region, scenario, subnetA, subnetB } from './region.ts';

const clusterName = 'demo';

async function failure(call: Promise<unknown>): Promise<[string, number | undefined, string]> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const metadata: unknown = Reflect.get(error, '$metadata');
    const status: unknown =
      typeof metadata === 'object' && metadata !== null ? Reflect.get(metadata, 'httpStatusCode') : undefined;
    return [error.name, typeof status === 'number' ? status : undefined, error.message];
  }
  return assert.fail('the call went well');
}

const request = (more: Partial<CreateNodegroupRequest> = {}): CreateNodegroupRequest => ({
  clusterName,
  nodegroupName: 'new',
  subnets: [subnetA, subnetB],
  nodeRole,
  scalingConfig: { minSize: 0, maxSize: 4, desiredSize: 2 },
  instanceTypes: ['m5.large'],
  ...more,
});

async function describeGroup({ eks }: Region, nodegroupName = 'new'): Promise<Nodegroup> {
  const { nodegroup } = await eks.send(new DescribeNodegroupCommand({ clusterName, nodegroupName }));
  assert.ok(nodegroup);
  return nodegroup;
}

async function setPrefixMode(region: Region): Promise<void> {
  const { eks, seconds } = region;
  await eks.send(
    new UpdateAddonCommand({
      clusterName,
      addonName: 'vpc-cni',
      configurationValues: '{"env":{"ENABLE_PREFIX_DELEGATION":"true"}}',
      resolveConflicts: 'NONE',
    }),
  );
  seconds(120);
}

describe('the cluster', () => {
  it('is described, listed, and missing by name', async () => {
    const { eks, sts } = createRegion();
    const { cluster } = await eks.send(new DescribeClusterCommand({ name: clusterName }));
    assert.deepEqual(
      [
        cluster?.status,
        cluster?.version,
        cluster?.kubernetesNetworkConfig?.ipFamily,
        cluster?.resourcesVpcConfig?.vpcId,
      ],
      ['ACTIVE', '1.33', 'ipv4', 'vpc-0123'],
    );
    assert.ok(cluster?.createdAt instanceof Date);
    assert.deepEqual((await eks.send(new ListClustersCommand({}))).clusters, ['demo']);
    const missing = eks.send(new DescribeClusterCommand({ name: 'x/y z' }));
    await assert.rejects(
      missing,
      (error) => error instanceof ResourceNotFoundException && error.clusterName === 'x/y z',
    );
    assert.equal((await sts.send(new GetCallerIdentityCommand({}))).Account, '111122223333');
    assert.deepEqual((await eks.send(new ListInsightsCommand({ clusterName }))).insights, []);
  });

  it('has access entries, for nodes and for the caller', async () => {
    const { eks } = createRegion();
    const { accessEntries = [] } = await eks.send(new ListAccessEntriesCommand({ clusterName }));
    assert.ok(accessEntries.includes(nodeRole));
    const { accessEntry } = await eks.send(new DescribeAccessEntryCommand({ clusterName, principalArn: nodeRole }));
    assert.equal(accessEntry?.type, 'EC2_LINUX');
  });

  it('pages lists and refuses wrong sizes', async () => {
    const given = scenario();
    const [group] = given.nodegroups;
    assert.ok(group);
    const nodegroups = ['a', 'b', 'c'].map((name) => ({ ...group, name }));
    const { eks } = createRegion({ ...given, nodegroups });
    const page = await eks.send(new ListNodegroupsCommand({ clusterName, maxResults: 2 }));
    const rest = await eks.send(new ListNodegroupsCommand({ clusterName, maxResults: 2, nextToken: page.nextToken }));
    assert.deepEqual([page.nodegroups, rest.nodegroups, rest.nextToken], [['a', 'b'], ['c'], undefined]);
    assert.deepEqual(
      (await failure(eks.send(new ListNodegroupsCommand({ clusterName, maxResults: 101 })))).slice(0, 2),
      ['InvalidParameterException', 400],
    );
  });
});

describe('CreateNodegroup', () => {
  it('is CREATING until its nodes are ready, then ACTIVE', async () => {
    const region = createRegion();
    const { eks, seconds, nodes } = region;
    const { nodegroup } = await eks.send(
      new CreateNodegroupCommand(
        request({
          labels: { tier: 'web' },
          taints: [{ key: 'dedicated', value: 'web', effect: 'NO_SCHEDULE' }],
          tags: { plan: '1' },
          updateConfig: { maxUnavailablePercentage: 33 },
        }),
      ),
    );
    assert.equal(nodegroup?.status, 'CREATING');
    assert.match(
      nodegroup.nodegroupArn ?? '',
      /^arn:aws:eks:us-west-2:111122223333:nodegroup\/demo\/new\/[0-9a-f-]{36}$/,
    );
    seconds(149);
    assert.equal((await describeGroup(region)).status, 'CREATING');
    assert.equal(nodes('new').length, 2);
    seconds(1);
    const group = await describeGroup(region);
    assert.deepEqual(
      [
        group.status,
        group.labels,
        group.taints,
        group.tags,
        group.updateConfig,
        group.diskSize,
        group.amiType,
        group.health?.issues,
      ],
      [
        'ACTIVE',
        { tier: 'web' },
        [{ key: 'dedicated', value: 'web', effect: 'NO_SCHEDULE' }],
        { plan: '1' },
        { maxUnavailablePercentage: 33 },
        20,
        'AL2023_x86_64_STANDARD',
        [],
      ],
    );
    assert.match(group.resources?.autoScalingGroups?.[0]?.name ?? '', /^eks-new-[0-9a-f-]{36}$/);
    const [node] = nodes('new');
    assert.deepEqual(
      [
        node?.metadata.labels?.['tier'],
        node?.metadata.labels?.['eks.amazonaws.com/capacityType'],
        node?.metadata.labels?.['node.kubernetes.io/instance-type'],
        node?.status.allocatable?.['pods'],
        node?.spec.taints?.some(({ key, effect }) => key === 'dedicated' && effect === 'NoSchedule'),
      ],
      ['web', 'ON_DEMAND', 'm5.large', '29', true],
    );
    assert.match(node?.spec.providerID ?? '', /^aws:\/\/\/us-west-2[ab]\/i-0[0-9a-f]{16}$/);
  });

  it('is idempotent by token; another body or another token is refused', async () => {
    const { eks, seconds } = createRegion();
    const create = (more: Partial<CreateNodegroupRequest>): Promise<{ nodegroup?: Nodegroup | undefined }> =>
      eks.send(new CreateNodegroupCommand(request(more)));
    const first = await create({ clientRequestToken: 't1' });
    seconds(30);
    const second = await create({ clientRequestToken: 't1' });
    assert.equal(second.nodegroup?.nodegroupArn, first.nodegroup?.nodegroupArn);
    assert.deepEqual((await failure(create({ clientRequestToken: 't1', capacityType: 'SPOT' }))).slice(0, 2), [
      'InvalidParameterException',
      400,
    ]);
    assert.deepEqual(await failure(create({ clientRequestToken: 't2' })), [
      'ResourceInUseException',
      409,
      'NodeGroup already exists with name new and cluster name demo',
    ]);
  });

  it('takes maxPods from the CNI at that moment, from user data when it names one', async () => {
    const region = createRegion();
    const { eks, ec2, seconds, nodes } = region;
    await eks.send(
      new CreateNodegroupCommand(
        request({ nodegroupName: 'before', scalingConfig: { minSize: 1, maxSize: 1, desiredSize: 1 } }),
      ),
    );
    await setPrefixMode(region);
    const one = { minSize: 1, maxSize: 1, desiredSize: 1 };
    await eks.send(new CreateNodegroupCommand(request({ nodegroupName: 'after', scalingConfig: one })));
    await eks.send(
      new CreateNodegroupCommand(
        request({ nodegroupName: 'mixed', scalingConfig: one, instanceTypes: ['m5.large', 'm4.large'] }),
      ),
    );
    await eks.send(
      new CreateNodegroupCommand(request({ nodegroupName: 'wide', scalingConfig: one, instanceTypes: ['m5.8xlarge'] })),
    );
    const nodeConfig =
      'apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  kubelet:\n    config:\n      maxPods: 77\n';
    const userData = `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="B"\n\n--B\nContent-Type: application/node.eks.aws\n\n---\n${nodeConfig}\n--B--\n`;
    await ec2.send(
      new CreateLaunchTemplateCommand({
        LaunchTemplateName: 'pm-t',
        LaunchTemplateData: { UserData: Buffer.from(userData).toString('base64') },
      }),
    );
    await eks.send(
      new CreateNodegroupCommand(
        request({ nodegroupName: 'own', scalingConfig: one, launchTemplate: { name: 'pm-t', version: '1' } }),
      ),
    );
    seconds(300);
    const pods = (name: string): (string | undefined)[] =>
      nodes(name).map(({ status }) => status.allocatable?.['pods']);
    assert.deepEqual(
      [pods('before'), pods('after'), pods('mixed'), pods('wide'), pods('own')],
      [['29'], ['110'], ['20'], ['250'], ['77']],
    );
    const own = await describeGroup(region, 'own');
    assert.equal(own.launchTemplate?.name, 'pm-t');
    assert.equal(own.diskSize, undefined);
    assert.equal(nodes('own')[0]?.metadata.labels?.['eks.amazonaws.com/sourceLaunchTemplateVersion'], '1');
  });

  it('a group of the start may have an older maxPods than its CNI allows', () => {
    const given = scenario({
      vpcCni: {
        managedBy: 'eks-addon',
        version: 'v1.19.2-eksbuild.1',
        configurationValues: '{"env":{"ENABLE_PREFIX_DELEGATION":"true"}}',
      },
    });
    const [group] = given.nodegroups;
    assert.ok(group);
    const { nodes } = createRegion({
      ...given,
      nodegroups: [
        { ...group, maxPods: 29 },
        { ...group, name: 'late' },
      ],
    });
    const pods = (name: string): (string | undefined)[] =>
      nodes(name).map(({ status }) => status.allocatable?.['pods']);
    assert.deepEqual(
      [pods('old'), pods('late')],
      [
        ['29', '29'],
        ['110', '110'],
      ],
    );
  });

  it('lets EKS win over user data when the scenario says so', async () => {
    const { eks, ec2, seconds, nodes } = createRegion(scenario({ eksMaxPodsWins: true }));
    const userData =
      'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="B"\n\n--B\nContent-Type: application/node.eks.aws\n\n{"spec":{"kubelet":{"config":{"maxPods":77}}}}\n--B--\n';
    await ec2.send(
      new CreateLaunchTemplateCommand({
        LaunchTemplateName: 'pm-t',
        LaunchTemplateData: { UserData: Buffer.from(userData).toString('base64') },
      }),
    );
    await eks.send(new CreateNodegroupCommand(request({ launchTemplate: { name: 'pm-t' } })));
    seconds(200);
    assert.equal(nodes('new')[0]?.status.allocatable?.['pods'], '29');
  });

  it('launches from a copy of the template that EKS owns', async () => {
    const region = createRegion();
    const { eks, ec2, autoScaling, seconds } = region;
    const { LaunchTemplate } = await ec2.send(
      new CreateLaunchTemplateCommand({
        LaunchTemplateName: 'pm-t',
        LaunchTemplateData: { SecurityGroupIds: ['sg-7'] },
      }),
    );
    await eks.send(
      new CreateNodegroupCommand(request({ launchTemplate: { id: LaunchTemplate?.LaunchTemplateId, version: '1' } })),
    );
    seconds(200);
    const group = await describeGroup(region);
    const { AutoScalingGroups = [] } = await autoScaling.send(
      new DescribeAutoScalingGroupsCommand({
        AutoScalingGroupNames: [group.resources?.autoScalingGroups?.[0]?.name ?? ''],
      }),
    );
    const used = AutoScalingGroups[0]?.MixedInstancesPolicy?.LaunchTemplate?.LaunchTemplateSpecification;
    const { LaunchTemplateVersions = [] } = await ec2.send(
      new DescribeLaunchTemplateVersionsCommand({
        LaunchTemplateId: used?.LaunchTemplateId,
        Versions: [used?.Version ?? ''],
      }),
    );
    const data = LaunchTemplateVersions[0]?.LaunchTemplateData;
    assert.match(Buffer.from(data?.UserData ?? '', 'base64').toString(), /maxPods: 29/);
    assert.deepEqual(data?.SecurityGroupIds, ['sg-7']);
    await ec2.send(new DeleteLaunchTemplateCommand({ LaunchTemplateName: 'pm-t' }));
    assert.deepEqual(
      (await describeGroup(region)).health?.issues?.map(({ code }) => code),
      ['SourceEc2LaunchTemplateNotFound'],
    );
  });

  const refused: [string, Partial<CreateNodegroupRequest>, string, RegExp][] = [
    ['a bad name', { nodegroupName: '-x' }, 'InvalidParameterException', /alphanumeric/],
    [
      'sizes out of order',
      { scalingConfig: { minSize: 2, maxSize: 3, desiredSize: 1 } },
      'InvalidParameterException',
      /minSize can't be greater than desiredSize/,
    ],
    [
      'more than the maximum',
      { scalingConfig: { minSize: 1, maxSize: 3, desiredSize: 4 } },
      'InvalidParameterException',
      /desiredSize can't be greater than maxSize/,
    ],
    ['an unknown subnet', { subnets: ['subnet-0'] }, 'InvalidParameterException', /subnet-0/],
    ['an unknown type', { instanceTypes: ['m5.huge'] }, 'InvalidParameterException', /m5\.huge/],
    [
      'the wrong architecture',
      { instanceTypes: ['m7g.large'] },
      'InvalidParameterException',
      /not a valid instance type for requested amiType/,
    ],
    [
      'types in both places',
      { launchTemplate: { name: 'typed' } },
      'InvalidRequestException',
      /Cannot specify instance types in launch template and API Request/,
    ],
    [
      'a disk beside a template',
      { launchTemplate: { name: 'empty' }, diskSize: 50 },
      'InvalidParameterException',
      /Disk size must be specified within the launch template/,
    ],
    ['an unknown template', { launchTemplate: { name: 'none' } }, 'InvalidRequestException', /none/],
    [
      'id and name',
      { launchTemplate: { name: 'empty', id: 'lt-0' } },
      'InvalidParameterException',
      /either id or name/,
    ],
    ['a reserved label', { labels: { 'eks.amazonaws.com/nodegroup': 'x' } }, 'InvalidParameterException', /reserved/],
    [
      'an image and an amiType',
      { launchTemplate: { name: 'image' }, amiType: 'AL2023_x86_64_STANDARD' },
      'InvalidParameterException',
      /AMI Type/,
    ],
  ];
  for (const [what, more, code, message] of refused) {
    it(`refuses ${what}`, async () => {
      const { eks, ec2 } = createRegion();
      const templates = { empty: {}, typed: { InstanceType: 'm5.large' }, image: { ImageId: 'ami-1' } } as const;
      for (const [name, data] of Object.entries(templates)) {
        await ec2.send(new CreateLaunchTemplateCommand({ LaunchTemplateName: name, LaunchTemplateData: data }));
      }
      const [gotCode, , gotMessage] = await failure(eks.send(new CreateNodegroupCommand(request(more))));
      assert.equal(gotCode, code);
      assert.match(gotMessage, message);
    });
  }

  it('takes t3.medium when nothing is said, and no type when the template has one', async () => {
    const region = createRegion();
    const { eks, ec2 } = region;
    await ec2.send(
      new CreateLaunchTemplateCommand({
        LaunchTemplateName: 'typed',
        LaunchTemplateData: { InstanceType: 'c5.large' },
      }),
    );
    const plain = request();
    const { instanceTypes: _, ...without } = plain;
    await eks.send(new CreateNodegroupCommand(without));
    assert.deepEqual((await describeGroup(region)).instanceTypes, ['t3.medium']);
    await eks.send(
      new CreateNodegroupCommand({ ...without, nodegroupName: 'typed', launchTemplate: { name: 'typed' } }),
    );
    assert.equal((await describeGroup(region, 'typed')).instanceTypes, undefined);
  });

  it('names an unknown member of the body', async () => {
    const { aws } = createRegion();
    const body = JSON.stringify({ ...request(), clusterName: undefined, colour: 'red' });
    const answer = await aws.handle({ method: 'POST', path: '/clusters/demo/node-groups', headers: {}, body });
    assert.deepEqual([answer.status, answer.headers['x-amzn-errortype']], [400, 'InvalidParameterException']);
    assert.match(JSON.stringify(answer.body), /colour/);
  });

  it('ends in CREATE_FAILED with the issue of the scenario, and can be deleted', async () => {
    const message = 'Instances failed to join the kubernetes cluster';
    const region = createRegion(
      scenario({ createFailure: { code: 'NodeCreationFailure', message, afterSeconds: 900 } }),
    );
    const { eks, seconds, nodes } = region;
    await eks.send(new CreateNodegroupCommand(request()));
    seconds(899);
    assert.equal((await describeGroup(region)).status, 'CREATING');
    seconds(1);
    const group = await describeGroup(region);
    assert.equal(group.status, 'CREATE_FAILED');
    assert.deepEqual(
      group.health?.issues?.map(({ code }) => code),
      ['NodeCreationFailure'],
    );
    assert.match(group.health?.issues?.[0]?.resourceIds?.[0] ?? '', /^i-/);
    assert.deepEqual(nodes('new'), []);
    await eks.send(new DeleteNodegroupCommand({ clusterName, nodegroupName: 'new' }));
    seconds(300);
    assert.equal((await failure(describeGroup(region)))[0], 'ResourceNotFoundException');
  });

  it('fails for user data that is not multipart', async () => {
    const region = createRegion();
    const { eks, ec2, seconds } = region;
    await ec2.send(
      new CreateLaunchTemplateCommand({
        LaunchTemplateName: 'script',
        LaunchTemplateData: { UserData: Buffer.from('#!/bin/sh').toString('base64') },
      }),
    );
    await eks.send(new CreateNodegroupCommand(request({ launchTemplate: { name: 'script' } })));
    seconds(60);
    const group = await describeGroup(region);
    assert.deepEqual(
      [group.status, group.health?.issues?.[0]?.message],
      ['CREATE_FAILED', 'User data was not in the MIME multipart format.'],
    );
  });

  it('fails when the subnets have no address for its nodes', async () => {
    const given = scenario();
    const small = { subnetId: 'subnet-0cccccccccccccccc', cidr: '10.0.8.0/28', availabilityZone: 'us-west-2c' };
    const region = createRegion({ ...given, subnets: [...given.subnets, small] });
    const { eks, seconds } = region;
    await eks.send(
      new CreateNodegroupCommand(
        request({ subnets: [small.subnetId], scalingConfig: { minSize: 1, maxSize: 20, desiredSize: 20 } }),
      ),
    );
    seconds(1000);
    const group = await describeGroup(region);
    assert.deepEqual([group.status, group.health?.issues?.[0]?.code], ['CREATE_FAILED', 'InsufficientFreeAddresses']);
  });
});

describe('UpdateNodegroupConfig', () => {
  it('scales up, then down with a victim', async () => {
    const region = createRegion();
    const { eks, seconds, nodes, aws } = region;
    const scale = async (desiredSize: number): Promise<string> => {
      const { update } = await eks.send(
        new UpdateNodegroupConfigCommand({ clusterName, nodegroupName: 'old', scalingConfig: { desiredSize } }),
      );
      assert.equal(update?.status, 'InProgress');
      return update.id ?? '';
    };
    const id = await scale(4);
    assert.equal((await describeGroup(region, 'old')).status, 'UPDATING');
    assert.deepEqual((await failure(scale(5))).slice(0, 2), ['ResourceInUseException', 409]);
    seconds(20);
    const { update } = await eks.send(
      new DescribeUpdateCommand({ name: clusterName, nodegroupName: 'old', updateId: id }),
    );
    assert.deepEqual([update?.status, update?.type], ['Successful', 'ConfigUpdate']);
    assert.deepEqual((await eks.send(new ListUpdatesCommand({ name: clusterName, nodegroupName: 'old' }))).updateIds, [
      id,
    ]);
    assert.equal(
      (await failure(eks.send(new DescribeUpdateCommand({ name: clusterName, updateId: id }))))[0],
      'ResourceNotFoundException',
    );
    seconds(60);
    assert.equal(nodes('old').length, 4);
    await scale(1);
    seconds(120);
    assert.equal(nodes('old').length, 1);
    const running = [...aws.ec2.instances.values()].filter(({ state }) => state === 'running');
    assert.equal(running.length, 1);
    const attached = [...aws.ec2.enis.values()].filter(({ attachment }) => attachment);
    assert.ok(attached.every(({ attachment }) => attachment?.instanceId === running[0]?.id));
  });

  it('changes labels and taints of the nodes that are there', async () => {
    const { eks, nodes } = createRegion();
    await eks.send(
      new UpdateNodegroupConfigCommand({
        clusterName,
        nodegroupName: 'old',
        labels: { addOrUpdateLabels: { tier: 'old' } },
        taints: { addOrUpdateTaints: [{ key: 'moving', value: 'yes', effect: 'NO_SCHEDULE' }] },
      }),
    );
    for (const { metadata, spec } of nodes('old')) {
      assert.equal(metadata.labels?.['tier'], 'old');
      assert.ok(
        spec.taints?.some(({ key, value, effect }) => key === 'moving' && value === 'yes' && effect === 'NoSchedule'),
      );
    }
  });

  it('is DEGRADED while subnets have no address for a new node, and recovers by itself', async () => {
    const given = scenario();
    const [group] = given.nodegroups;
    assert.ok(group);
    const region = createRegion({
      ...given,
      // 11 usable addresses, 10 of them taken by the first node and one by the control plane.
      subnets: [{ subnetId: subnetA, cidr: '10.0.0.0/28', availabilityZone: 'us-west-2a' }],
      nodegroups: [{ ...group, subnetIds: [subnetA], scaling: { minSize: 1, maxSize: 5, desiredSize: 1 } }],
    });
    const { eks, seconds, nodes, aws } = region;
    const scalingConfig = { desiredSize: 2 };
    await eks.send(new UpdateNodegroupConfigCommand({ clusterName, nodegroupName: 'old', scalingConfig }));
    seconds(60);
    const short = await describeGroup(region, 'old');
    assert.deepEqual(
      [short.status, short.health?.issues?.map(({ code }) => code), nodes('old').length],
      ['DEGRADED', ['InsufficientFreeAddresses'], 1],
    );
    const foreign = [...aws.ec2.enis.values()].find(({ description }) => description.startsWith('Amazon EKS'));
    assert.ok(foreign);
    aws.ec2.deleteEni(foreign);
    seconds(200);
    const whole = await describeGroup(region, 'old');
    assert.deepEqual([whole.status, whole.health?.issues, nodes('old').length], ['ACTIVE', [], 2]);
  });

  it('refuses a minimum above the current size', async () => {
    const { eks } = createRegion();
    const update = new UpdateNodegroupConfigCommand({
      clusterName,
      nodegroupName: 'old',
      scalingConfig: { minSize: 3 },
    });
    assert.equal((await failure(eks.send(update)))[2], "Minimum capacity 3 can't be greater than desired size 2");
  });
});

describe('DeleteNodegroup', () => {
  it('takes its time with empty nodes, then is not found', async () => {
    const region = createRegion();
    const { eks, ec2, seconds, nodes } = region;
    const { nodegroup } = await eks.send(new DeleteNodegroupCommand({ clusterName, nodegroupName: 'old' }));
    assert.equal(nodegroup?.status, 'DELETING');
    seconds(239);
    assert.equal((await describeGroup(region, 'old')).status, 'DELETING');
    assert.deepEqual(nodes(), []);
    seconds(1);
    assert.deepEqual(await failure(describeGroup(region, 'old')), [
      'ResourceNotFoundException',
      404,
      'No node group found for name: old.',
    ]);
    const { Subnets = [] } = await ec2.send(new DescribeSubnetsCommand({}));
    assert.deepEqual(
      Subnets.map(({ AvailableIpAddressCount }) => AvailableIpAddressCount),
      [1018, 1018],
    );
  });

  it('evicts for five minutes, then ends nodes with the pods that are left', async () => {
    const { eks, store, seconds, nodes, runPod, protectedPods } = createRegion();
    const [first, second] = nodes('old').map(({ metadata }) => metadata.name);
    assert.ok(first && second);
    runPod(first, 'stubborn');
    runPod(second, 'easy');
    protectedPods.add('stubborn');
    await eks.send(new DeleteNodegroupCommand({ clusterName, nodegroupName: 'old' }));
    seconds(60);
    assert.equal(store.get('pods', 'default', 'easy'), undefined);
    assert.deepEqual(
      nodes('old').map(({ metadata }) => metadata.name),
      [first],
    );
    assert.equal(nodes('old')[0]?.spec.unschedulable, true);
    seconds(230);
    assert.ok(store.get('pods', 'default', 'stubborn'));
    seconds(60);
    assert.equal(store.get('pods', 'default', 'stubborn'), undefined);
    assert.deepEqual(nodes('old'), []);
  });

  it('is refused while the group is created, updated or deleted', async () => {
    const { eks } = createRegion();
    await eks.send(new CreateNodegroupCommand(request()));
    assert.deepEqual(
      (await failure(eks.send(new DeleteNodegroupCommand({ clusterName, nodegroupName: 'new' })))).slice(0, 2),
      ['ResourceInUseException', 409],
    );
  });
});

const update = (
  values: string,
  resolveConflicts: 'NONE' | 'PRESERVE' | 'OVERWRITE',
  clientRequestToken?: string,
): UpdateAddonCommand =>
  new UpdateAddonCommand({
    clusterName,
    addonName: 'vpc-cni',
    configurationValues: values,
    resolveConflicts,
    clientRequestToken,
  });
const env = ({ store }: Region): Record<string, string | undefined> => {
  const containers = store.get<DaemonSet>('daemonsets', 'kube-system', 'aws-node')?.spec.template.spec.containers ?? [];
  return Object.fromEntries((containers[0]?.env ?? []).map(({ name, value }) => [name, value]));
};

describe('the vpc-cni add-on', () => {
  const on = '{"env":{"ENABLE_PREFIX_DELEGATION":"true","WARM_PREFIX_TARGET":"1"}}';

  it('writes its configuration into the DaemonSet, and nodes follow', async () => {
    const region = createRegion();
    const { eks, seconds, aws } = region;
    const { update: started } = await eks.send(update(on, 'NONE'));
    assert.deepEqual(
      [started?.status, started?.type, started?.params?.map(({ type }) => type)],
      ['InProgress', 'AddonUpdate', ['ConfigurationValues', 'ResolveConflicts']],
    );
    assert.equal(
      (await eks.send(new DescribeAddonCommand({ clusterName, addonName: 'vpc-cni' }))).addon?.status,
      'UPDATING',
    );
    assert.deepEqual(await failure(eks.send(update('{}', 'NONE'))), [
      'ResourceInUseException',
      409,
      'Addon vpc-cni cannot be updated as it is currently in UPDATING state',
    ]);
    seconds(45);
    const { update: ended } = await eks.send(
      new DescribeUpdateCommand({ name: clusterName, addonName: 'vpc-cni', updateId: started?.id }),
    );
    assert.equal(ended?.status, 'Successful');
    const { addon } = await eks.send(new DescribeAddonCommand({ clusterName, addonName: 'vpc-cni' }));
    assert.deepEqual([addon?.status, addon?.configurationValues], ['ACTIVE', on]);
    assert.equal(env(region)['ENABLE_PREFIX_DELEGATION'], 'true');
    seconds(60);
    for (const { enis } of aws.ec2.instances.values()) {
      assert.deepEqual(
        enis.map(({ prefixes, secondaries }) => [prefixes.length, secondaries.length]),
        [[1, 0]],
      );
    }
  });

  it('replaces the configuration as a whole', async () => {
    const region = createRegion(
      scenario({
        vpcCni: {
          managedBy: 'eks-addon',
          version: 'v1.19.2-eksbuild.1',
          configurationValues: 'env:\n  WARM_IP_TARGET: "5"\n',
        },
      }),
    );
    assert.equal(env(region)['WARM_IP_TARGET'], '5');
    await region.eks.send(update(on, 'NONE'));
    region.seconds(45);
    assert.equal(env(region)['WARM_IP_TARGET'], undefined);
  });

  it('is idempotent by token', async () => {
    const { eks } = createRegion();
    const first = await eks.send(update(on, 'NONE', 'token'));
    assert.equal((await eks.send(update(on, 'NONE', 'token'))).update?.id, first.update?.id);
  });

  const byHand = scenario({
    vpcCni: {
      managedBy: 'eks-addon',
      version: 'v1.19.2-eksbuild.1',
      setByHand: { ENABLE_PREFIX_DELEGATION: 'false', WARM_PREFIX_TARGET: '3', WARM_IP_TARGET: '9' },
    },
  });

  it('NONE: fails on what somebody else set', async () => {
    const region = createRegion(byHand);
    const { update: started } = await region.eks.send(update(on, 'NONE'));
    region.seconds(45);
    const { update: ended } = await region.eks.send(
      new DescribeUpdateCommand({ name: clusterName, addonName: 'vpc-cni', updateId: started?.id }),
    );
    assert.equal(ended?.status, 'Failed');
    assert.equal(ended.errors?.[0]?.errorCode, 'ConfigurationConflict');
    assert.match(
      ended.errors[0].errorMessage ?? '',
      /^Conflicts found when trying to apply\. Will not continue due to resolve conflicts mode\. Conflicts: DaemonSet\.apps aws-node - \.spec\.template\.spec\.containers\[name="aws-node"\]\.env\[name="WARM_PREFIX_TARGET"\]\.value$/,
    );
    const { addon } = await region.eks.send(new DescribeAddonCommand({ clusterName, addonName: 'vpc-cni' }));
    assert.deepEqual([addon?.status, addon?.health?.issues?.[0]?.code], ['UPDATE_FAILED', 'ConfigurationConflict']);
    assert.equal(env(region)['ENABLE_PREFIX_DELEGATION'], 'false');
  });

  it('PRESERVE keeps their values, OVERWRITE takes them back', async () => {
    const rows = [
      ['PRESERVE', '3', '9'],
      ['OVERWRITE', '1', undefined],
    ] as const;
    for (const [mode, warmPrefix, warmIp] of rows) {
      const region = createRegion(byHand);
      await region.eks.send(update(on, mode));
      region.seconds(45);
      const { ENABLE_PREFIX_DELEGATION, WARM_PREFIX_TARGET, WARM_IP_TARGET } = env(region);
      assert.deepEqual(
        [ENABLE_PREFIX_DELEGATION, WARM_PREFIX_TARGET, WARM_IP_TARGET],
        ['true', warmPrefix, warmIp],
        mode,
      );
    }
  });

  it('refuses what its schema does not have', async () => {
    const { eks } = createRegion();
    const rows: [string, RegExp][] = [
      [
        '{"env":{"X":"1"}}',
        /Json schema validation failed with error: \[\$\.env\.X: is not defined in the schema and the schema does not allow additional properties\]/,
      ],
      [
        '{"env":{"ENABLE_PREFIX_DELEGATION":true}}',
        /\$\.env\.ENABLE_PREFIX_DELEGATION: boolean found, string expected/,
      ],
      ['env:\n  WARM_PREFIX_TARGET: 1\n', /integer found, string expected/],
      ['{"colour":"red"}', /\$\.colour: is not defined/],
    ];
    for (const [values, message] of rows) {
      const [code, status, text] = await failure(eks.send(update(values, 'NONE')));
      assert.deepEqual([code, status], ['InvalidParameterException', 400]);
      assert.match(text, message);
    }
  });

  it('says its schema and versions', async () => {
    const { eks } = createRegion();
    const { configurationSchema = '' } = await eks.send(
      new DescribeAddonConfigurationCommand({ addonName: 'vpc-cni', addonVersion: 'v1.19.2-eksbuild.1' }),
    );
    const schema = JSON.parse(configurationSchema);
    assert.equal(schema.$ref, '#/definitions/VpcCni');
    assert.deepEqual(schema.definitions.Env.properties.ENABLE_PREFIX_DELEGATION, { type: 'string', format: 'boolean' });
    assert.equal(schema.definitions.Env.additionalProperties, false);
    const { addons = [] } = await eks.send(
      new DescribeAddonVersionsCommand({ addonName: 'vpc-cni', kubernetesVersion: '1.33' }),
    );
    assert.equal(addons[0]?.addonVersions?.[0]?.addonVersion, 'v1.20.4-eksbuild.2');
    assert.deepEqual((await eks.send(new ListAddonsCommand({ clusterName }))).addons, ['vpc-cni']);
  });

  it('is not found when the CNI is managed otherwise', async () => {
    const { eks, store } = createRegion(scenario({ vpcCni: { managedBy: 'self-managed', version: 'v1.19.2' } }));
    assert.equal(
      (await failure(eks.send(new DescribeAddonCommand({ clusterName, addonName: 'vpc-cni' }))))[0],
      'ResourceNotFoundException',
    );
    assert.deepEqual((await eks.send(new ListAddonsCommand({ clusterName }))).addons, []);
    assert.ok(store.get('daemonsets', 'kube-system', 'aws-node'));
  });
});

it('tags of a node group by its ARN', async () => {
  const region = createRegion();
  const { eks } = region;
  const { nodegroupArn: resourceArn } = await describeGroup(region, 'old');
  await eks.send(new TagResourceCommand({ resourceArn, tags: { plan: '1', team: 'a' } }));
  await eks.send(new UntagResourceCommand({ resourceArn, tagKeys: ['team'] }));
  assert.deepEqual((await eks.send(new ListTagsForResourceCommand({ resourceArn }))).tags, { plan: '1' });
  assert.deepEqual(
    (await failure(eks.send(new ListTagsForResourceCommand({ resourceArn: 'arn:aws:eks:x' })))).slice(0, 2),
    ['NotFoundException', 404],
  );
});

describe('Auto Scaling', () => {
  it('shows the group of a node group, its hooks and activities', async () => {
    const { autoScaling } = createRegion();
    const { AutoScalingGroups = [] } = await autoScaling.send(
      new DescribeAutoScalingGroupsCommand({ Filters: [{ Name: 'tag:eks:nodegroup-name', Values: ['old'] }] }),
    );
    const [group] = AutoScalingGroups;
    assert.deepEqual(
      [
        group?.MinSize,
        group?.MaxSize,
        group?.DesiredCapacity,
        group?.Instances?.map(({ LifecycleState, AvailabilityZone }) => [LifecycleState, AvailabilityZone]),
      ],
      [
        1,
        5,
        2,
        [
          ['InService', 'us-west-2a'],
          ['InService', 'us-west-2b'],
        ],
      ],
    );
    const AutoScalingGroupName = group?.AutoScalingGroupName;
    const { LifecycleHooks = [] } = await autoScaling.send(new DescribeLifecycleHooksCommand({ AutoScalingGroupName }));
    assert.equal(LifecycleHooks.length, 2);
    const { Activities = [] } = await autoScaling.send(new DescribeScalingActivitiesCommand({ AutoScalingGroupName }));
    assert.deepEqual(
      Activities.map(({ StatusCode }) => StatusCode),
      ['Successful', 'Successful'],
    );
    assert.equal(
      (await failure(autoScaling.send(new DescribeScalingActivitiesCommand({ AutoScalingGroupName: 'none' }))))[0],
      'ValidationError',
    );
  });

  it('replaces an instance, unless Launch is suspended; decrements when asked', async () => {
    const region = createRegion();
    const { autoScaling, seconds, nodes } = region;
    const AutoScalingGroupName = (await describeGroup(region, 'old')).resources?.autoScalingGroups?.[0]?.name;
    const instanceIds = (): string[] => nodes('old').map(({ spec }) => spec.providerID?.split('/').at(-1) ?? '');
    const terminate = (ShouldDecrementDesiredCapacity: boolean): Promise<unknown> =>
      autoScaling.send(
        new TerminateInstanceInAutoScalingGroupCommand({
          InstanceId: instanceIds()[0],
          ShouldDecrementDesiredCapacity,
        }),
      );
    await autoScaling.send(new SuspendProcessesCommand({ AutoScalingGroupName, ScalingProcesses: ['Launch'] }));
    await terminate(false);
    seconds(200);
    assert.equal(nodes('old').length, 1);
    await autoScaling.send(new ResumeProcessesCommand({ AutoScalingGroupName, ScalingProcesses: ['Launch'] }));
    seconds(100);
    assert.equal(nodes('old').length, 2);
    await terminate(true);
    seconds(100);
    assert.equal(nodes('old').length, 1);
    assert.equal((await failure(terminate(true)))[0], 'ValidationError');
    await autoScaling.send(new UpdateAutoScalingGroupCommand({ AutoScalingGroupName, MinSize: 0, DesiredCapacity: 3 }));
    seconds(100);
    assert.deepEqual(
      [nodes('old').length, (await describeGroup(region, 'old')).scalingConfig],
      [3, { minSize: 0, maxSize: 5, desiredSize: 3 }],
    );
  });
});

describe('credentials', () => {
  it('expired and unknown keys get the words of each service', async () => {
    for (const [state, eksCode, ec2Code, stsCode] of [
      ['expired', 'ExpiredTokenException', 'RequestExpired', 'ExpiredToken'],
      ['unknown', 'UnrecognizedClientException', 'AuthFailure', 'InvalidClientTokenId'],
    ] as const) {
      const { eks, ec2, sts } = createRegion(scenario(), {
        credentials: (key) => (key === 'AKIDEXAMPLE' ? state : 'valid'),
      });
      assert.equal((await failure(eks.send(new ListClustersCommand({}))))[0], eksCode);
      assert.equal((await failure(ec2.send(new DescribeSubnetsCommand({}))))[0], ec2Code);
      assert.equal((await failure(sts.send(new GetCallerIdentityCommand({}))))[0], stsCode);
    }
  });

  it('a missing right names the action', async () => {
    const { eks } = createRegion(scenario(), { denied: (action) => action === 'eks:ListClusters' });
    const [code, status, message] = await failure(eks.send(new ListClustersCommand({})));
    assert.deepEqual([code, status], ['AccessDeniedException', 403]);
    assert.match(message, /eks:ListClusters/);
  });
});

const run = async (seed: number): Promise<string> => {
  const region = createRegion(scenario(), { seed });
  await setPrefixMode(region);
  await region.eks.send(new CreateNodegroupCommand(request({ clientRequestToken: 't' })));
  region.seconds(300);
  const { nodegroup } = await region.eks.send(new DescribeNodegroupCommand({ clusterName, nodegroupName: 'new' }));
  return JSON.stringify([nodegroup, [...region.aws.ec2.enis.values()]]);
};

it('the same seed and the same calls give the same world', async () => {
  assert.equal(await run(5), await run(5));
  assert.notEqual(await run(5), await run(6));
});
