import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AwsPorts, createAwsPorts } from '../../../src/adapters/aws/aws-ports.ts';
import { MigrateError } from '../../../src/domain/migrate-error.ts';
import type { NodegroupRequest } from '../../../src/ports/eks.ts';
import { ConnectionReset } from '../../../src/simulator/connection-reset.ts';
import type { SimRequest, SimResponse } from '../../../src/simulator/types.ts';
import { createBench } from '../virtual.ts';

type Answer = SimResponse | Error;

const json = (body: object, status = 200, headers: Record<string, string> = {}): SimResponse => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
});
const eksError = (status: number, type: string, message: string, headers = {}): SimResponse =>
  json({ message }, status, { 'x-amzn-errortype': type, ...headers });
const xml = (action: string, inner: string): SimResponse => ({
  status: 200,
  headers: { 'content-type': 'text/xml;charset=UTF-8' },
  body: `<${action}Response xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>${inner}</${action}Response>`,
});
const ec2Error = (status: number, code: string, message: string): SimResponse => ({
  status,
  headers: {},
  body: `<Response><Errors><Error><Code>${code}</Code><Message>${message}</Message></Error></Errors><RequestID>r</RequestID></Response>`,
});
const lost = new ConnectionReset('after');
const reset = new ConnectionReset('before');

/** What was asked: EKS by method and path, the query protocols by action. */
const nameOf = ({ method, path, body }: SimRequest): string =>
  new URLSearchParams(body).get('Action') ?? `${method} ${path}`;

/** Ports that get these answers in turn, the last one again and again. */
async function call<T>(answers: Answer[], use: (ports: AwsPorts) => Promise<T>) {
  const bench = createBench();
  const requests: SimRequest[] = [];
  const ports = createAwsPorts({
    clock: bench.clock,
    region: 'us-west-2',
    credentials: { accessKeyId: 'AKID', secretAccessKey: 'secret-of-nobody' },
    random: () => 0.5,
    requestHandler: bench.requestHandler((request) => {
      requests.push(request);
      const answer = answers[Math.min(requests.length, answers.length) - 1];
      return answer === undefined || answer instanceof Error ? Promise.reject(answer ?? reset) : answer;
    }),
  });
  const begin = bench.clock.now();
  const outcome = await bench.run(
    use(ports).then(
      (value) => ({ value, error: undefined }),
      (error: unknown) => {
        if (!(error instanceof MigrateError)) throw error;
        return { value: undefined, error };
      },
    ),
  );
  return { ...outcome, requests, names: requests.map(nameOf), seconds: (bench.clock.now() - begin) / 1000 };
}

const describe = (ports: AwsPorts) => ports.eks.describeNodegroup('demo', 'apps');

test('maps a node group, unknown members told and null members taken as absent', async () => {
  const { value } = await call(
    [
      json({
        nodegroup: {
          nodegroupName: 'apps',
          status: 'NEW_STATUS',
          amiType: 'AL2030',
          labels: null,
          taints: null,
          instanceTypes: null,
          subnets: ['subnet-b', 'subnet-a'],
          scalingConfig: { minSize: 0, maxSize: 3, desiredSize: 2 },
          launchTemplate: { id: 'lt-1', version: '3' },
          nodeRepairConfig: { enabled: true, maxParallelNodesRepairedCount: 2, futureMember: 'x' },
          warmPoolConfig: { enabled: false },
          emptyThing: {},
          zebra: 1,
          createdAt: 1_755_000_000.123,
          health: { issues: null },
        },
      }),
    ],
    describe,
  );
  assert.deepEqual(value, {
    nodegroupName: 'apps',
    arn: '',
    status: 'NEW_STATUS',
    kubernetesVersion: null,
    releaseVersion: null,
    capacityType: 'ON_DEMAND',
    scaling: { minSize: 0, maxSize: 3, desiredSize: 2 },
    instanceTypes: [],
    subnetIds: ['subnet-a', 'subnet-b'],
    amiType: 'AL2030',
    nodeRole: '',
    diskSize: null,
    labels: {},
    taints: [],
    tags: {},
    autoScalingGroupNames: [],
    launchTemplate: { id: 'lt-1', name: null, version: '3' },
    updateConfig: null,
    nodeRepairConfig: { enabled: true, maxParallelNodesRepairedCount: 2 },
    warmPoolConfig: { enabled: false },
    remoteAccess: null,
    healthIssues: [],
    unknownFields: ['nodeRepairConfig.futureMember', 'zebra'],
  });
});

const group = json({ nodegroup: { nodegroupName: 'apps' } });
const retried: [name: string, answer: Answer][] = [
  ['throttling', eksError(429, 'ThrottlingException', 'slow')],
  ['a throttling name with 400', eksError(400, 'ThrottlingException', 'slow')],
  ['an unknown 429', eksError(429, 'SomethingNew', 'slow')],
  ['a service-linked role on its way', eksError(428, 'ResourcePropagationDelayException', 'wait')],
  ['500', eksError(500, 'ServerException', 'oops')],
  ['503 of a load balancer', { status: 503, headers: {}, body: '<html>' }],
  ['a reset', reset],
  ['a refused connection', Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })],
  ['an answer that is cut off', { status: 200, headers: { 'content-type': 'application/json' }, body: '{"nodegr' }],
];
for (const [name, answer] of retried) {
  test(`asks again after ${name}`, async () => {
    const { value, requests } = await call([answer, group], describe);
    assert.equal(value?.nodegroupName, 'apps');
    assert.equal(requests.length, 2);
  });
}

test('honours Retry-After', async () => {
  const { seconds } = await call(
    [eksError(429, 'ThrottlingException', 'slow', { 'retry-after': '9' }), group],
    describe,
  );
  assert.ok(seconds >= 9 && seconds < 10, String(seconds));
});

const failures: [name: string, answer: Answer, code: string, pattern: RegExp][] = [
  [
    'denied',
    eksError(403, 'AccessDeniedException', 'User x is not authorized'),
    'AWS.ACCESS_DENIED',
    /Missing permission: eks:DescribeNodegroup on node group apps/,
  ],
  [
    'expired',
    eksError(403, 'ExpiredTokenException', 'The security token is expired'),
    'AWS.EXPIRED_CREDENTIALS',
    /expired/,
  ],
  [
    'unknown caller',
    eksError(403, 'UnrecognizedClientException', 'The security token is invalid'),
    'AWS.INVALID_CREDENTIALS',
    /does not accept/,
  ],
  [
    'validation',
    eksError(400, 'InvalidParameterException', 'bad\u001b[2Jname'),
    'AWS.REFUSED',
    /EKS refused eks:DescribeNodegroup for node group apps/,
  ],
  ['throttled for ever', eksError(429, 'ThrottlingException', 'slow'), 'AWS.THROTTLED', /turned .* away/],
  ['broken for ever', eksError(500, 'ServerException', 'oops'), 'AWS.SERVICE_ERROR', /EKS cannot do/],
  [
    'nobody there',
    Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), { code: 'ECONNREFUSED' }),
    'AWS.UNREACHABLE',
    /^eks\.us-west-2\.amazonaws\.com does not answer/,
  ],
  [
    'foreign certificate',
    Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }),
    'AWS.UNREACHABLE',
    /No secure connection to eks/,
  ],
  [
    'no credentials',
    Object.assign(new Error('Could not load credentials from any providers'), { name: 'CredentialsProviderError' }),
    'AWS.NO_CREDENTIALS',
    /No AWS credentials/,
  ],
];
for (const [name, answer, code, pattern] of failures) {
  test(`tells: ${name}`, async () => {
    const { error } = await call([answer], describe);
    assert.equal(error?.code, code);
    assert.match(error.message, pattern);
    assert.equal(error.exitCode, 2);
    assert.ok(error.nextActions.length > 0);
    const text = [error.message, error.why, ...error.nextActions].join('\n');
    assert.ok(!text.includes('secret-of-nobody') && !text.includes('\u001b'), text);
  });
}

test('silence ends the call', async () => {
  const bench = createBench();
  const ports = createAwsPorts({
    clock: bench.clock,
    region: 'us-west-2',
    credentials: { accessKeyId: 'AKID', secretAccessKey: 'x' },
    random: () => 0.5,
    limits: { attempts: 2 },
    requestHandler: bench.requestHandler(() => new Promise(() => undefined)),
  });
  await assert.rejects(bench.run(ports.identity.caller()), (error: unknown) => {
    assert.ok(error instanceof MigrateError);
    assert.equal(error.code, 'AWS.UNREACHABLE');
    assert.match(error.why, /no answer within 30 s/);
    return true;
  });
});

test('a cluster that is not there: says which are', async () => {
  const { error } = await call(
    [
      eksError(404, 'ResourceNotFoundException', 'No cluster found for name: prod.'),
      json({ clusters: ['demo', 'other'] }),
    ],
    ({ eks }) => eks.describeCluster('prod'),
  );
  assert.equal(error?.code, 'AWS.CLUSTER_NOT_FOUND');
  assert.match(error.why, /demo, other/);
});

test('a node group that is not there is undefined, when the cluster is', async () => {
  const { value, error } = await call(
    [eksError(404, 'ResourceNotFoundException', 'No node group found'), json({ cluster: { name: 'demo' } })],
    describe,
  );
  assert.deepEqual([value, error], [undefined, undefined]);
});

const request: NodegroupRequest = {
  clusterName: 'demo',
  nodegroupName: 'apps-pd',
  launchTemplate: { id: 'lt-1', version: '1' },
  instanceTypes: ['m5.large'],
  amiType: 'AL2023_x86_64_STANDARD',
  capacityType: 'ON_DEMAND',
  nodeRole: 'arn:aws:iam::111122223333:role/node',
  subnetIds: ['subnet-a'],
  scaling: { minSize: 1, maxSize: 3, desiredSize: 1 },
  labels: {},
  taints: [{ key: 'k', value: null, effect: 'NO_SCHEDULE' }],
  tags: { 'prefix-migrate/plan': 'plan-1' },
  kubernetesVersion: '1.33',
  updateConfig: { maxUnavailable: 1 },
  nodeRepairConfig: null,
};
const existing = (planId: string) =>
  json({ nodegroup: { nodegroupName: 'apps-pd', tags: { 'prefix-migrate/plan': planId } } });
const inUse = eksError(
  409,
  'ResourceInUseException',
  'NodeGroup already exists with name apps-pd and cluster name demo',
);

test('create-nodegroup: sends the same token again, and never what the template excludes', async () => {
  const { error, requests } = await call([lost, json({ nodegroup: {} })], ({ eks }) =>
    eks.createNodegroup(request, 'token-1'),
  );
  assert.equal(error, undefined);
  assert.equal(requests.length, 2);
  assert.deepEqual(requests[0]?.body, requests[1]?.body);
  const { clientRequestToken, diskSize, remoteAccess, taints } = JSON.parse(requests[0]?.body ?? '');
  assert.deepEqual([clientRequestToken, diskSize, remoteAccess], ['token-1', undefined, undefined]);
  assert.deepEqual(taints, [{ key: 'k', effect: 'NO_SCHEDULE' }]);
});

test('create-nodegroup: a name that is taken is success only when the group is of this plan', async () => {
  const ours = await call([inUse, existing('plan-1')], ({ eks }) => eks.createNodegroup(request, 't'));
  assert.equal(ours.error, undefined);
  for (const planId of ['plan-2', '']) {
    const theirs = await call([inUse, existing(planId)], ({ eks }) => eks.createNodegroup(request, 't'));
    assert.equal(theirs.error?.code, 'AWS.NODEGROUP_EXISTS');
  }
});

test('create-nodegroup: rights that EKS misses on the way are a missing permission', async () => {
  const answer = eksError(
    400,
    'InvalidRequestException',
    'You are not authorized to launch instances with this launch template. Encoded authorization failure message: abc',
  );
  const { error } = await call([answer], ({ eks }) => eks.createNodegroup(request, 't'));
  assert.equal(error?.code, 'AWS.ACCESS_DENIED');
  assert.doesNotMatch(error.why, /abc/);
});

test('update-addon: finds its own update again when EKS says that one is running', async () => {
  const update = (id: string, status: string, value: string) =>
    json({ update: { id, status, params: [{ type: 'ConfigurationValues', value }] } });
  const { value, names } = await call(
    [
      eksError(409, 'ResourceInUseException', 'Addon vpc-cni cannot be updated as it is currently in UPDATING state'),
      json({ updateIds: ['u-1', 'u-2', 'u-3'] }),
      update('u-1', 'Successful', '{"a":1}'),
      update('u-2', 'InProgress', '{"a":2}'),
      update('u-3', 'InProgress', '{"a":1}'),
    ],
    ({ eks }) =>
      eks.updateAddon(
        { clusterName: 'demo', addonName: 'vpc-cni', configurationValues: '{"a":1}', resolveConflicts: 'PRESERVE' },
        't',
      ),
  );
  assert.equal(value, 'u-3');
  assert.equal(names[2], 'GET /clusters/demo/updates/u-1?addonName=vpc-cni');
});

test('delete: what is gone or going is success', async () => {
  const rows: Answer[][] = [
    [eksError(404, 'ResourceNotFoundException', 'No node group found')],
    [eksError(409, 'ResourceInUseException', 'busy'), json({ nodegroup: { status: 'DELETING' } })],
    [lost, eksError(404, 'ResourceNotFoundException', 'No node group found')],
  ];
  for (const answers of rows) {
    const { error } = await call(answers, ({ eks }) => eks.deleteNodegroup('demo', 'apps'));
    assert.equal(error, undefined);
  }
  const busy = await call(
    [eksError(409, 'ResourceInUseException', 'busy'), json({ nodegroup: { status: 'UPDATING' } })],
    ({ eks }) => eks.deleteNodegroup('demo', 'apps'),
  );
  assert.equal(busy.error?.code, 'AWS.BUSY');
  assert.equal(busy.error.retryable, true);
});

const interfacePage = (id: string, next: string) =>
  xml(
    'DescribeNetworkInterfaces',
    `<networkInterfaceSet><item><networkInterfaceId>${id}</networkInterfaceId><privateIpAddress>10.0.0.5</privateIpAddress>
     <privateIpAddressesSet><item><privateIpAddress>10.0.0.9</privateIpAddress><primary>false</primary></item>
     <item><privateIpAddress>10.0.0.5</privateIpAddress><primary>true</primary></item></privateIpAddressesSet>
     <ipv4PrefixSet><item><ipv4Prefix>10.0.1.16/28</ipv4Prefix></item></ipv4PrefixSet></item>
     <item><networkInterfaceId>eni-0</networkInterfaceId><ipv4PrefixSet/></item></networkInterfaceSet>${next}`,
  );

test('network interfaces: all pages of all chunks, absent and empty lists alike', async () => {
  const ids = Array.from({ length: 101 }, (_, index) => `i-${index}`);
  const { value, requests } = await call(
    [interfacePage('eni-2', '<nextToken>n==</nextToken>'), interfacePage('eni-1', ''), interfacePage('eni-3', '')],
    ({ ec2 }) => ec2.networkInterfacesOfInstances([...ids, 'i-0']),
  );
  assert.deepEqual(
    value?.map((eni) => eni.networkInterfaceId),
    ['eni-0', 'eni-1', 'eni-2', 'eni-3'],
  );
  assert.deepEqual([value?.[1]?.addresses, value?.[1]?.prefixes], [['10.0.0.5', '10.0.0.9'], ['10.0.1.16/28']]);
  assert.deepEqual([value?.[0]?.addresses, value?.[0]?.prefixes], [[], []]);
  const sent = requests.map(({ body }) => new URLSearchParams(body));
  assert.equal(sent.length, 3);
  assert.deepEqual(
    [sent[0]?.get('Filter.1.Name'), sent[0]?.get('Filter.1.Value.100'), sent[0]?.get('MaxResults')],
    ['attachment.instance-id', 'i-99', '1000'],
  );
  assert.deepEqual(sent.map((each) => each.get('NextToken')).filter(Boolean), ['n==']);
});

test('asks nothing when there is nothing to ask', async () => {
  const { value, requests } = await call([lost], async ({ ec2, autoScaling }) => [
    await ec2.networkInterfacesOfInstances([]),
    await ec2.describeInstanceTypes([]),
    await ec2.describeSubnets([]),
    await autoScaling.describeGroups([]),
  ]);
  assert.deepEqual([value, requests.length], [[[], [], [], []], 0]);
});

test('instance types: ENIs of the default card alone', async () => {
  const { value, requests } = await call(
    [
      xml(
        'DescribeInstanceTypes',
        `<instanceTypeSet><item><instanceType>p4d.24xlarge</instanceType><hypervisor>nitro</hypervisor><bareMetal>false</bareMetal>
         <vCpuInfo><defaultVCpus>96</defaultVCpus></vCpuInfo><memoryInfo><sizeInMiB>1179648</sizeInMiB></memoryInfo>
         <networkInfo><maximumNetworkInterfaces>60</maximumNetworkInterfaces><ipv4AddressesPerInterface>50</ipv4AddressesPerInterface>
         <defaultNetworkCardIndex>0</defaultNetworkCardIndex><networkCards><item><networkCardIndex>0</networkCardIndex>
         <maximumNetworkInterfaces>15</maximumNetworkInterfaces></item></networkCards></networkInfo></item></instanceTypeSet>`,
      ),
    ],
    ({ ec2 }) => ec2.describeInstanceTypes(['p4d.24xlarge', 'p4d.24xlarge']),
  );
  assert.deepEqual(value, [
    {
      instanceType: 'p4d.24xlarge',
      origin: 'ec2',
      hypervisor: 'nitro',
      bareMetal: false,
      vcpus: 96,
      memoryMiB: 1179648,
      enis: 15,
      ipv4PerEni: 50,
      branchInterfaces: 62,
      architectures: ['x86_64'],
    },
  ]);
  assert.equal(new URLSearchParams(requests[0]?.body).get('MaxResults'), null);
});

const item = (name: string) => `<item><instanceType>${name}</instanceType><hypervisor>nitro</hypervisor></item>`;

test('instance types: one that does not exist in the region takes no other with it', async () => {
  const { value, requests } = await call(
    [
      ec2Error(400, 'InvalidInstanceType', 'The following supplied instance types do not exist: [x9.huge]'),
      xml('DescribeInstanceTypes', `<instanceTypeSet>${item('m5.large')}${item('c5.large')}</instanceTypeSet>`),
      ec2Error(400, 'InvalidInstanceType.NotFound', "The instance type 'x9.huge' does not exist"),
    ],
    ({ ec2 }) => ec2.describeInstanceTypes(['m5.large', 'c5.large', 'x9.huge']),
  );
  assert.deepEqual(
    requests.map(({ body }) =>
      [...new URLSearchParams(body)].flatMap(([key, name]) => (key.startsWith('InstanceType.') ? name : [])),
    ),
    [['m5.large', 'c5.large', 'x9.huge'], ['m5.large', 'c5.large'], ['x9.huge']],
  );
  // what the answer leaves out is known all the same
  assert.deepEqual(
    value?.map(({ instanceType, origin, vcpus, memoryMiB, enis }) => [instanceType, origin, vcpus, memoryMiB, enis]),
    [
      ['c5.large', 'ec2', 2, 4096, 3],
      ['m5.large', 'ec2', 2, 8192, 3],
    ],
  );
});

const version = (userData: string) =>
  xml(
    'DescribeLaunchTemplateVersions',
    `<launchTemplateVersionSet><item><launchTemplateId>lt-1</launchTemplateId><versionNumber>3</versionNumber>
     <launchTemplateData>${userData}<imageId>ami-1</imageId><networkInterfaceSet/><metadataOptions><httpTokens>required</httpTokens></metadataOptions>
     </launchTemplateData></item></launchTemplateVersionSet>`,
  );

test('launch template versions: user data leaves as a hash, and as facts that tell nothing of it', async () => {
  const { value } = await call([version('<userData>c2VjcmV0</userData>')], ({ ec2 }) =>
    ec2.describeLaunchTemplateVersion('lt-1', '3'),
  );
  assert.deepEqual(value, {
    launchTemplateId: 'lt-1',
    version: '3',
    name: '',
    imageId: 'ami-1',
    instanceType: null,
    userDataHash: '2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b',
    userData: { bytes: 6, form: 'unknown', hasBootstrap: false, hasNodeConfig: false },
    data: { ImageId: 'ami-1', MetadataOptions: { HttpTokens: 'required' } },
  });
  const gone = await call([ec2Error(400, 'InvalidLaunchTemplateId.VersionNotFound', 'no')], ({ ec2 }) =>
    ec2.describeLaunchTemplateVersion('lt-1', '9'),
  );
  assert.deepEqual([gone.value, gone.error], [undefined, undefined]);
});

const userDataOf = (userData: string) =>
  call([version(userData)], ({ ec2 }) => ec2.launchTemplateUserData('lt-1', '3'));

test('user data: text, none, or told that it is no text', async () => {
  assert.equal((await userDataOf('<userData>c2VjcmV0</userData>')).value, 'secret');
  assert.equal((await userDataOf('')).value, null);
  assert.equal((await userDataOf('<userData>H4sIAP8=</userData>')).error?.code, 'AWS.USER_DATA_NOT_TEXT');
});

const template = (tag: string) =>
  `<launchTemplateId>lt-9</launchTemplateId><launchTemplateName>pd</launchTemplateName><latestVersionNumber>1</latestVersionNumber>
   <tagSet><item><key>prefix-migrate/plan</key><value>${tag}</value></item></tagSet>`;
const found = (tag: string) =>
  xml('DescribeLaunchTemplates', `<launchTemplates><item>${template(tag)}</item></launchTemplates>`);
const create = (ports: AwsPorts) =>
  ports.ec2.createLaunchTemplate(
    {
      name: 'pd',
      data: { MetadataOptions: { HttpTokens: 'required' } },
      userData: 'x',
      tags: { 'prefix-migrate/plan': 'plan-1' },
    },
    'token-1',
  );

test('create-launch-template: tagged from the start, taken names judged by the tag, warnings are failures', async () => {
  const made = await call(
    [xml('CreateLaunchTemplate', `<launchTemplate>${template('plan-1')}</launchTemplate>`)],
    create,
  );
  assert.deepEqual(made.value, {
    launchTemplateId: 'lt-9',
    launchTemplateName: 'pd',
    latestVersion: '1',
    tags: { 'prefix-migrate/plan': 'plan-1' },
  });
  const sent = new URLSearchParams(made.requests[0]?.body);
  assert.equal(sent.get('LaunchTemplateData.UserData'), 'eA==');
  assert.equal(sent.get('TagSpecification.1.ResourceType'), 'launch-template');
  assert.equal(sent.get('ClientToken'), 'token-1');

  const taken = ec2Error(400, 'InvalidLaunchTemplateName.AlreadyExistsException', 'in use');
  assert.equal((await call([taken, found('plan-1')], create)).value?.launchTemplateId, 'lt-9');
  assert.equal((await call([taken, found('plan-2')], create)).error?.code, 'AWS.LAUNCH_TEMPLATE_EXISTS');

  const warned = await call(
    [
      xml(
        'CreateLaunchTemplate',
        `<launchTemplate>${template('plan-1')}</launchTemplate><warning><errorSet><item><code>Bad</code><message>no such key</message></item></errorSet></warning>`,
      ),
      xml('DeleteLaunchTemplate', ''),
    ],
    create,
  );
  assert.equal(warned.error?.code, 'AWS.LAUNCH_TEMPLATE_INVALID');
  assert.deepEqual(warned.names, ['CreateLaunchTemplate', 'DeleteLaunchTemplate']);
});

test('EC2: throttling as 503, refusals with their text', async () => {
  const { value, requests } = await call([ec2Error(503, 'RequestLimitExceeded', 'slow'), found('plan-1')], ({ ec2 }) =>
    ec2.findLaunchTemplate('pd'),
  );
  assert.deepEqual([value?.launchTemplateId, requests.length], ['lt-9', 2]);
  const bad = await call([ec2Error(400, 'InvalidParameterValue', 'what is [x]')], ({ ec2 }) =>
    ec2.describeInstanceTypes(['x']),
  );
  assert.deepEqual([bad.error?.code, bad.error?.why], ['AWS.REFUSED', 'InvalidParameterValue: what is [x]']);
  const denied = await call([ec2Error(403, 'UnauthorizedOperation', 'no')], ({ ec2 }) =>
    ec2.describeSubnets(['subnet-a']),
  );
  assert.match(denied.error?.message ?? '', /Missing permission: ec2:DescribeSubnets/);
});

test('a token for Kubernetes: presigned, named after the cluster, kept ten minutes', async () => {
  const bench = createBench();
  const { kubernetesToken } = createAwsPorts({
    clock: bench.clock,
    region: 'us-west-2',
    credentials: { accessKeyId: 'AKID', secretAccessKey: 'x', sessionToken: 'session/token+' },
    requestHandler: bench.requestHandler(() => Promise.reject(reset)),
  });
  const [first, same] = await bench.run(Promise.all([kubernetesToken('demo'), kubernetesToken('demo')]));
  assert.equal(first.token, same.token);
  assert.equal(first.expiresAt, bench.clock.now() + 14 * 60_000);
  const url = new URL(Buffer.from(first.token.replace(/^k8s-aws-v1\./, ''), 'base64url').toString());
  assert.equal(`${url.origin}${url.pathname}`, 'https://sts.us-west-2.amazonaws.com/');
  const { searchParams } = url;
  assert.equal(searchParams.get('X-Amz-SignedHeaders'), 'host;x-k8s-aws-id');
  assert.equal(searchParams.get('X-Amz-Expires'), '60');
  assert.equal(searchParams.get('X-Amz-Date'), '20260101T000000Z');
  assert.equal(searchParams.get('X-Amz-Security-Token'), 'session/token+');
  assert.match(searchParams.get('X-Amz-Signature') ?? '', /^[0-9a-f]{64}$/);
  assert.notEqual((await bench.run(kubernetesToken('other'))).token, first.token);
  await bench.run(bench.clock.sleep(9 * 60_000));
  assert.equal((await bench.run(kubernetesToken('demo'))).token, first.token);
  assert.notEqual((await bench.run(kubernetesToken('demo', { fresh: true }))).token, first.token);
  await bench.run(bench.clock.sleep(10 * 60_000));
  const later = await bench.run(kubernetesToken('demo'));
  assert.equal(later.expiresAt, bench.clock.now() + 14 * 60_000);
});

const ask = ({ eks }: AwsPorts) => eks.addonConfigurationSchema('vpc-cni', 'v1.19.2-eksbuild.1');

test('the schema of an add-on is of use, not needed: what refuses it, or does not know the question, costs no time', async () => {
  const told = await call([json({ addonName: 'vpc-cni', configurationSchema: '{"$ref":"#/x"}' })], ask);
  assert.equal(told.value, '{"$ref":"#/x"}');
  assert.deepEqual(told.names, ['GET /addons/configuration-schemas?addonName=vpc-cni&addonVersion=v1.19.2-eksbuild.1']);
  const refusals: Answer[] = [
    json({ addonName: 'vpc-cni' }),
    eksError(403, 'AccessDeniedException', 'not authorized to perform: eks:DescribeAddonConfiguration'),
    eksError(400, 'InvalidParameterException', 'Addon version specified is not supported'),
    { status: 404, headers: { 'content-type': 'text/html' }, body: '<!doctype html><title>404 Not Found</title>' },
    { status: 501, headers: {}, body: 'not implemented' },
  ];
  for (const answer of refusals) {
    const { value, requests, error } = await call([answer], ask);
    assert.deepEqual([value, requests.length, error], [null, 1, undefined]);
  }
  const { value, seconds } = await call([reset], ask);
  assert.ok(value === null && seconds <= 20, `${seconds} s`);
  const later = await call([eksError(500, 'ServerException', 'later'), json({ configurationSchema: '{}' })], ask);
  assert.equal(later.value, '{}');
});
