import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  CreateLaunchTemplateCommand,
  CreateLaunchTemplateVersionCommand,
  CreateSubnetCidrReservationCommand,
  CreateTagsCommand,
  DeleteLaunchTemplateCommand,
  DeleteLaunchTemplateVersionsCommand,
  DeleteSubnetCidrReservationCommand,
  DescribeInstancesCommand,
  DescribeInstanceTypeOfferingsCommand,
  DescribeInstanceTypesCommand,
  DescribeLaunchTemplatesCommand,
  DescribeLaunchTemplateVersionsCommand,
  DescribeNetworkInterfacesCommand,
  DescribeSubnetsCommand,
  DescribeTagsCommand,
  GetSubnetCidrReservationsCommand,
  paginateDescribeInstanceTypes,
} from '@aws-sdk/client-ec2';
import { createRegion, scenario, subnetA, subnetB } from './region.ts';

const failure = async (call: Promise<unknown>): Promise<[string, number | undefined, string]> => {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const { $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
    return [error.name, $metadata?.httpStatusCode, error.message];
  }
  return assert.fail('the call went well');
};

describe('DescribeInstances and DescribeNetworkInterfaces', () => {
  it('show the nodes of a group with their interfaces', async () => {
    const { ec2 } = createRegion();
    const { Reservations = [] } = await ec2.send(
      new DescribeInstancesCommand({ Filters: [{ Name: 'tag:eks:nodegroup-name', Values: ['o?d'] }], MaxResults: 100 }),
    );
    const instances = Reservations.flatMap(({ Instances = [] }) => Instances);
    assert.equal(instances.length, 2);
    const [instance] = instances;
    assert.match(instance?.InstanceId ?? '', /^i-0[0-9a-f]{16}$/);
    assert.deepEqual(
      [instance?.InstanceType, instance?.State, instance?.Hypervisor, instance?.InstanceLifecycle],
      ['m5.large', { Code: 16, Name: 'running' }, 'xen', undefined],
    );
    assert.equal(instance?.NetworkInterfaces?.[0]?.PrivateIpAddresses?.length, 10);
    const { NetworkInterfaces = [] } = await ec2.send(
      new DescribeNetworkInterfacesCommand({
        Filters: [{ Name: 'attachment.instance-id', Values: instances.map(({ InstanceId = '' }) => InstanceId) }],
      }),
    );
    assert.equal(NetworkInterfaces.length, 2);
    const [eni] = NetworkInterfaces;
    assert.equal(eni?.Attachment?.DeviceIndex, 0);
    assert.equal(eni.PrivateIpAddresses?.filter(({ Primary }) => Primary).length, 1);
    assert.deepEqual(eni.Ipv4Prefixes ?? [], []);
    assert.deepEqual(eni.Ipv6Addresses, []);
  });

  it('page, and refuse MaxResults together with ids or out of range', async () => {
    const given = scenario();
    const [first] = given.nodegroups;
    assert.ok(first);
    const { ec2 } = createRegion({
      ...given,
      nodegroups: [{ ...first, scaling: { minSize: 1, maxSize: 12, desiredSize: 12 } }],
    });
    const page = await ec2.send(new DescribeInstancesCommand({ MaxResults: 5 }));
    const next = await ec2.send(new DescribeInstancesCommand({ MaxResults: 1000, NextToken: page.NextToken }));
    assert.deepEqual([page.Reservations?.length, next.Reservations?.length, next.NextToken], [5, 7, undefined]);
    const id = page.Reservations?.[0]?.Instances?.[0]?.InstanceId ?? '';
    assert.deepEqual(
      (await failure(ec2.send(new DescribeInstancesCommand({ MaxResults: 5, InstanceIds: [id] })))).slice(0, 2),
      ['InvalidParameterCombination', 400],
    );
    assert.equal(
      (await failure(ec2.send(new DescribeInstancesCommand({ MaxResults: 4 }))))[0],
      'InvalidParameterValue',
    );
    assert.equal(
      (await failure(ec2.send(new DescribeInstancesCommand({ NextToken: 'nonsense' }))))[0],
      'InvalidNextToken',
    );
  });

  it('name what does not exist and filters they do not know', async () => {
    const { ec2 } = createRegion();
    assert.deepEqual(await failure(ec2.send(new DescribeInstancesCommand({ InstanceIds: ['i-0dead'] }))), [
      'InvalidInstanceID.NotFound',
      400,
      "The instance ID 'i-0dead' does not exist",
    ]);
    assert.equal(
      (await failure(ec2.send(new DescribeNetworkInterfacesCommand({ NetworkInterfaceIds: ['eni-0dead'] }))))[2],
      "The networkInterface ID 'eni-0dead' does not exist",
    );
    const [name, , message] = await failure(
      ec2.send(new DescribeInstancesCommand({ Filters: [{ Name: 'colour', Values: ['red'] }] })),
    );
    assert.deepEqual([name, message], ['InvalidParameterValue', "The filter 'colour' is invalid"]);
  });
});

it('DescribeInstanceTypes: limits, bare metal without hypervisor, network cards', async () => {
  const { ec2 } = createRegion();
  const { InstanceTypes = [] } = await ec2.send(
    new DescribeInstanceTypesCommand({
      InstanceTypes: ['m5.large', 'm5.metal', 'm4.large', 'p5.48xlarge', 'm7g.medium'],
    }),
  );
  assert.deepEqual(
    InstanceTypes.map((type) => [
      type.InstanceType,
      type.Hypervisor,
      type.BareMetal,
      type.VCpuInfo?.DefaultVCpus,
      type.NetworkInfo?.NetworkCards?.[0]?.MaximumNetworkInterfaces,
      type.NetworkInfo?.MaximumNetworkInterfaces,
      type.NetworkInfo?.Ipv4AddressesPerInterface,
      type.ProcessorInfo?.SupportedArchitectures?.[0],
    ]),
    [
      ['m5.large', 'nitro', false, 2, 3, 3, 10, 'x86_64'],
      ['m5.metal', undefined, true, 96, 15, 15, 50, 'x86_64'],
      ['m4.large', 'xen', false, 2, 2, 2, 10, 'x86_64'],
      ['p5.48xlarge', 'nitro', false, 192, 2, 64, 50, 'x86_64'],
      ['m7g.medium', 'nitro', false, 1, 2, 2, 4, 'arm64'],
    ],
  );
  let count = 0;
  for await (const page of paginateDescribeInstanceTypes({ client: ec2, pageSize: 100 }, {}))
    count += page.InstanceTypes?.length ?? 0;
  assert.ok(count > 200);
  assert.deepEqual(
    await failure(
      ec2.send(new DescribeInstanceTypesCommand({ Filters: [], InstanceTypes: [JSON.parse('"m5.huge"')] })),
    ),
    ['InvalidInstanceType', 400, 'The following supplied instance types do not exist: [m5.huge]'],
  );
  const { InstanceTypeOfferings = [] } = await ec2.send(
    new DescribeInstanceTypeOfferingsCommand({
      LocationType: 'availability-zone',
      Filters: [{ Name: 'instance-type', Values: ['m5.large'] }],
    }),
  );
  assert.deepEqual(
    InstanceTypeOfferings.map(({ Location }) => Location),
    ['us-west-2a', 'us-west-2b'],
  );
});

it('subnets and reservations', async () => {
  const { ec2 } = createRegion();
  const available = async (): Promise<number | undefined> =>
    (await ec2.send(new DescribeSubnetsCommand({ SubnetIds: [subnetA] }))).Subnets?.[0]?.AvailableIpAddressCount;
  // One node with 10 addresses and one interface of the control plane.
  assert.equal(await available(), 1019 - 11);
  const create = (
    Cidr: string,
  ): Promise<{ SubnetCidrReservation?: { SubnetCidrReservationId?: string | undefined } | undefined }> =>
    ec2.send(
      new CreateSubnetCidrReservationCommand({
        SubnetId: subnetA,
        Cidr,
        ReservationType: 'prefix',
        Description: 'a & b <c>',
        TagSpecifications: [{ ResourceType: 'subnet-cidr-reservation', Tags: [{ Key: 'plan', Value: '"1"' }] }],
      }),
    );
  const { SubnetCidrReservation: made } = await create('10.0.2.0/24');
  const { SubnetIpv4CidrReservations: listed = [] } = await ec2.send(
    new GetSubnetCidrReservationsCommand({ SubnetId: subnetA }),
  );
  assert.deepEqual(
    listed.map(({ Cidr, ReservationType, Description, Tags }) => ({ Cidr, ReservationType, Description, Tags })),
    [
      {
        Cidr: '10.0.2.0/24',
        ReservationType: 'prefix',
        Description: 'a & b <c>',
        Tags: [{ Key: 'plan', Value: '"1"' }],
      },
    ],
  );
  assert.ok(((await available()) ?? 0) <= 1019 - 256);
  assert.deepEqual((await failure(create('10.0.2.16/28'))).slice(0, 1), ['InvalidParameterValue']);
  await ec2.send(new DeleteSubnetCidrReservationCommand({ SubnetCidrReservationId: made?.SubnetCidrReservationId }));
  assert.equal(await available(), 1019 - 11);
  assert.equal(
    (await failure(ec2.send(new DeleteSubnetCidrReservationCommand({ SubnetCidrReservationId: 'scr-0' }))))[0],
    'InvalidSubnetCidrReservationID.NotFound',
  );
});

describe('launch templates', () => {
  const data = {
    UserData: Buffer.from('#!/bin/sh').toString('base64'),
    SecurityGroupIds: ['sg-1', 'sg-2'],
    MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 2 },
    BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { VolumeSize: 80, Encrypted: true } }],
    TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'a', Value: '<&>' }] }],
    NetworkInterfaces: [{ Groups: ['sg-9'], Ipv4PrefixCount: 1 }],
  } as const;

  it('keep everything and give it back', async () => {
    const { ec2 } = createRegion();
    const { LaunchTemplate } = await ec2.send(
      new CreateLaunchTemplateCommand({
        LaunchTemplateName: 'pm-x',
        LaunchTemplateData: {
          ...data,
          SecurityGroupIds: [...data.SecurityGroupIds],
          BlockDeviceMappings: [...data.BlockDeviceMappings],
          TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'a', Value: '<&>' }] }],
          NetworkInterfaces: [{ Groups: ['sg-9'], Ipv4PrefixCount: 1 }],
        },
        TagSpecifications: [{ ResourceType: 'launch-template', Tags: [{ Key: 'plan', Value: '1' }] }],
        ClientToken: 'token-1',
      }),
    );
    const { LaunchTemplateVersions = [] } = await ec2.send(
      new DescribeLaunchTemplateVersionsCommand({
        LaunchTemplateId: LaunchTemplate?.LaunchTemplateId,
        Versions: ['$Latest'],
      }),
    );
    assert.deepEqual(LaunchTemplateVersions[0]?.LaunchTemplateData, data);
    assert.equal(LaunchTemplateVersions[0]?.DefaultVersion, true);
  });

  it('versions inherit from their source, and the default one stays', async () => {
    const { ec2 } = createRegion();
    await ec2.send(
      new CreateLaunchTemplateCommand({
        LaunchTemplateName: 'pm-x',
        LaunchTemplateData: { KeyName: 'k', ImageId: 'ami-1' },
      }),
    );
    const { LaunchTemplateVersion } = await ec2.send(
      new CreateLaunchTemplateVersionCommand({
        LaunchTemplateName: 'pm-x',
        SourceVersion: '1',
        LaunchTemplateData: { KeyName: 'other' },
      }),
    );
    assert.deepEqual(
      [LaunchTemplateVersion?.VersionNumber, LaunchTemplateVersion?.LaunchTemplateData],
      [2, { KeyName: 'other', ImageId: 'ami-1' }],
    );
    const deleted = await ec2.send(
      new DeleteLaunchTemplateVersionsCommand({ LaunchTemplateName: 'pm-x', Versions: ['1', '2', '7'] }),
    );
    assert.deepEqual(
      deleted.SuccessfullyDeletedLaunchTemplateVersions?.map(({ VersionNumber }) => VersionNumber),
      [2],
    );
    assert.deepEqual(
      deleted.UnsuccessfullyDeletedLaunchTemplateVersions?.map(({ ResponseError }) => ResponseError?.Code),
      ['unexpectedError', 'launchTemplateVersionDoesNotExist'],
    );
    assert.deepEqual(
      await failure(
        ec2.send(new DescribeLaunchTemplateVersionsCommand({ LaunchTemplateName: 'pm-x', Versions: ['9'] })),
      ).then(([name]) => name),
      'InvalidLaunchTemplateId.VersionNotFound',
    );
  });

  it('tokens: the same request once, another request refused', async () => {
    const { ec2 } = createRegion();
    const create = (
      LaunchTemplateName: string,
      ClientToken: string,
    ): Promise<{ LaunchTemplate?: { LaunchTemplateId?: string | undefined } | undefined }> =>
      ec2.send(
        new CreateLaunchTemplateCommand({ LaunchTemplateName, ClientToken, LaunchTemplateData: { KeyName: 'k' } }),
      );
    const first = await create('pm-x', 't');
    assert.equal((await create('pm-x', 't')).LaunchTemplate?.LaunchTemplateId, first.LaunchTemplate?.LaunchTemplateId);
    assert.deepEqual((await failure(create('pm-y', 't'))).slice(0, 2), ['IdempotentParameterMismatch', 400]);
    assert.deepEqual((await failure(create('pm-x', 'u'))).slice(0, 2), [
      'InvalidLaunchTemplateName.AlreadyExistsException',
      400,
    ]);
    await ec2.send(new DeleteLaunchTemplateCommand({ LaunchTemplateId: first.LaunchTemplate?.LaunchTemplateId }));
    assert.equal(
      (
        await failure(
          ec2.send(new DeleteLaunchTemplateCommand({ LaunchTemplateId: first.LaunchTemplate?.LaunchTemplateId })),
        )
      )[0],
      'InvalidLaunchTemplateId.NotFound',
    );
    const { LaunchTemplates = [] } = await ec2.send(
      new DescribeLaunchTemplatesCommand({ Filters: [{ Name: 'launch-template-name', Values: ['pm-*'] }] }),
    );
    assert.deepEqual(LaunchTemplates, []);
  });
});

it('tags', async () => {
  const { ec2 } = createRegion();
  await ec2.send(
    new CreateTagsCommand({ Resources: [subnetA, subnetB], Tags: [{ Key: 'kubernetes.io/role/cni', Value: '0' }] }),
  );
  const { Tags = [] } = await ec2.send(
    new DescribeTagsCommand({ Filters: [{ Name: 'key', Values: ['kubernetes.io/role/*'] }] }),
  );
  assert.deepEqual(
    Tags.map(({ ResourceId, ResourceType, Value }) => [ResourceId, ResourceType, Value]),
    [
      [subnetA, 'subnet', '0'],
      [subnetB, 'subnet', '0'],
    ],
  );
  assert.equal(
    (await failure(ec2.send(new CreateTagsCommand({ Resources: ['lt-0'], Tags: [{ Key: 'a', Value: 'b' }] }))))[0],
    'InvalidID',
  );
});

it('DryRun changes nothing: 412 when allowed, 403 when not', async () => {
  const { ec2 } = createRegion(scenario(), { denied: (action) => action === 'ec2:CreateTags' });
  const template = new CreateLaunchTemplateCommand({
    LaunchTemplateName: 'pm-x',
    LaunchTemplateData: {},
    DryRun: true,
  });
  assert.deepEqual((await failure(ec2.send(template))).slice(0, 2), ['DryRunOperation', 412]);
  const { LaunchTemplates = [] } = await ec2.send(new DescribeLaunchTemplatesCommand({}));
  assert.ok(LaunchTemplates.every(({ LaunchTemplateName }) => LaunchTemplateName?.startsWith('eks-')));
  const tags = new CreateTagsCommand({ Resources: [subnetA], Tags: [{ Key: 'a', Value: 'b' }], DryRun: true });
  assert.deepEqual((await failure(ec2.send(tags))).slice(0, 2), ['UnauthorizedOperation', 403]);
});

it('an unknown action, parameter or version is loud', async () => {
  const { aws } = createRegion();
  const send = async (body: string): Promise<[number, string]> => {
    const answer = await aws.handle({ method: 'POST', path: '/', headers: {}, body });
    return [answer.status, JSON.stringify(answer.body)];
  };
  const rows: [string, number, RegExp][] = [
    ['Action=RunInstances&Version=2016-11-15', 400, /<Code>InvalidAction<.*RunInstances/],
    ['Action=DescribeSubnets&Version=2016-11-15&Colour=red', 400, /<Code>UnknownParameter<.*Colour/],
    [
      'Action=CreateLaunchTemplate&Version=2016-11-15&LaunchTemplateName=abc&LaunchTemplateData.Colour=red',
      400,
      /LaunchTemplateData\.Colour/,
    ],
    ['Action=ListQueues&Version=2012-11-05', 501, /POST \/ Action=ListQueues/],
    ['Action=DescribeAutoScalingGroups&Version=2011-01-01&Colour=red', 400, /<Code>ValidationError<.*Colour/],
  ];
  for (const [body, status, text] of rows) {
    const answer = await send(body);
    assert.equal(answer[0], status, body);
    assert.match(answer[1], text);
  }
  const { status, body } = await aws.handle({
    method: 'GET',
    path: '/clusters/demo/fargate-profiles',
    headers: {},
    body: '',
  });
  assert.deepEqual([status, /fargate-profiles/.test(JSON.stringify(body))], [501, true]);
});
