/** Clusters that look otherwise than the usual one: answers of the embedded world, each changed in one way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MigrateError } from '../../src/domain/migrate-error.ts';
import type { ClusterSnapshot } from '../../src/domain/snapshot.ts';
import { healthy } from '../../src/simulator/scenarios/healthy.ts';
import type { SimHandler, SimRequest, SimResponse } from '../../src/simulator/types.ts';
import { createWorld } from '../../src/simulator/world.ts';
import { survey } from '../../src/survey/survey.ts';
import { createBench } from '../adapters/virtual.ts';
import { portsOf } from './ports-of.ts';

type Change = (request: SimRequest, body: string, operation: string) => string | Partial<SimResponse> | undefined;

/** Name of an EC2, Auto Scaling or STS operation; method and path of the others. */
const operationOf = ({ method, path, body }: SimRequest): string =>
  /(?:^|&)Action=(\w+)/.exec(body)?.[1] ?? `${method} ${path.split('?')[0]}`;

function changed(handler: SimHandler, change: Change): SimHandler {
  return async (request) => {
    const answer = await handler(request);
    if (typeof answer.body !== 'string') return answer;
    const other = change(request, answer.body, operationOf(request));
    if (other === undefined) return answer;
    return typeof other === 'string' ? { ...answer, body: other } : { ...answer, ...other };
  };
}

const same: Change = () => undefined;

async function look({ aws = same, kubernetes = same }: { aws?: Change; kubernetes?: Change } = {}) {
  const world = createWorld(healthy);
  const bench = createBench(world.clock);
  const { cluster, administrator } = world;
  const ports = await portsOf(
    {
      cluster,
      administrator,
      aws: changed(world.aws, aws),
      kubernetes: changed(world.kubernetes, kubernetes),
    },
    bench,
  );
  return bench.run(survey(ports, { clusterName: cluster.name }));
}

const untimed = (snapshot: ClusterSnapshot): ClusterSnapshot => ({ ...snapshot, observedAt: '' });

const usual = untimed(await look());
const [firstGroup] = usual.nodegroups;
assert.ok(firstGroup);

/** The body as JSON, edited in place. */
function edited(body: string, edit: (document: Record<string, object>) => void): string {
  const document: Record<string, object> = JSON.parse(body);
  edit(document);
  return JSON.stringify(document);
}

const notFound: Partial<SimResponse> = {
  status: 404,
  headers: { 'content-type': 'application/json', 'x-amzn-errortype': 'ResourceNotFoundException' },
  body: JSON.stringify({ message: 'not here' }),
};
const noObject: Partial<SimResponse> = {
  status: 404,
  body: JSON.stringify({ kind: 'Status', status: 'Failure', reason: 'NotFound', code: 404, message: 'not found' }),
};
const ec2Error = (status: number, code: string): Partial<SimResponse> => ({
  status,
  body: `<Response><Errors><Error><Code>${code}</Code><Message>no</Message></Error></Errors><RequestID>r</RequestID></Response>`,
});

const words = (...lines: string[]): string[] => lines.join(' ').split(' ');

const isNodegroup = (operation: string): boolean => /^GET \/clusters\/[^/]+\/node-groups\/[^/]+$/.test(operation);
const isAddon = (operation: string): boolean => operation.endsWith('/addons/vpc-cni');
const isDaemonSet = (operation: string): boolean => operation.endsWith('/daemonsets/aws-node');

test('nodes of Fargate, Karpenter, self-managed groups and outside of AWS', async () => {
  const nodes = [
    {
      metadata: { name: 'fargate-ip-10-0-1-9', labels: { 'eks.amazonaws.com/compute-type': 'fargate' } },
      spec: { providerID: 'aws:///eu-west-1a/0ff1ce-9a7b/fargate-ip-10-0-1-9.eu-west-1.compute.internal' },
      status: { capacity: { pods: '1' }, allocatable: { pods: '1' } },
    },
    {
      metadata: {
        name: 'karpenter',
        labels: { 'karpenter.sh/nodepool': 'default', 'node.kubernetes.io/instance-type': 'm5.large' },
      },
      spec: { providerID: 'aws:///eu-west-1a/i-0aaaaaaaaaaaaaaaa', taints: null },
      status: { conditions: null },
    },
    { metadata: { name: 'self-managed' }, spec: { providerID: 'aws:///eu-west-1a/i-0bbbbbbbbbbbbbbbb' } },
    { metadata: { name: 'hybrid' }, spec: { providerID: 'eks-hybrid:///eu-west-1/demo/mi-0123456789' } },
    { metadata: { name: 'not-registered-yet' }, spec: null, status: null },
  ];
  const snapshot = await look({
    kubernetes: (_request, body, operation) =>
      operation === 'GET /api/v1/nodes'
        ? edited(body, (list) => Object.assign(list, { items: [list['items'], nodes].flat() }))
        : undefined,
  });
  const found = Object.fromEntries(snapshot.nodes.map((node) => [node.name, node]));
  assert.equal(snapshot.nodes.length, usual.nodes.length + nodes.length);
  for (const [name, instanceId, instanceType] of [
    ['fargate-ip-10-0-1-9', null, null],
    ['karpenter', 'i-0aaaaaaaaaaaaaaaa', 'm5.large'],
    ['self-managed', 'i-0bbbbbbbbbbbbbbbb', null],
    ['hybrid', null, null],
    ['not-registered-yet', null, null],
  ] as const) {
    const node = found[name];
    assert.deepEqual(
      [node?.instanceId, node?.instanceType, node?.nodegroupName],
      [instanceId, instanceType, null],
      name,
    );
  }
  assert.ok(snapshot.instanceTypes.some((type) => type.instanceType === 'm5.large'));
});

test('no managed node groups at all', async () => {
  const snapshot = await look({
    aws: (_request, _body, operation) => (operation.endsWith('/node-groups') ? '{"nodegroups":null}' : undefined),
  });
  assert.deepEqual([snapshot.nodegroups, snapshot.autoScalingGroups, snapshot.launchTemplates], [[], [], []]);
  assert.equal(snapshot.nodes.length, usual.nodes.length);
});

test('who manages the CNI', async () => {
  const rows: [string, boolean, boolean][] = [
    ['eks-addon', true, true],
    ['eks-addon', true, false],
    ['self-managed', false, true],
    ['absent', false, false],
  ];
  for (const [managedBy, hasAddon, hasDaemonSet] of rows) {
    const { vpcCni } = await look({
      aws: (_request, _body, operation) => (isAddon(operation) && !hasAddon ? notFound : undefined),
      kubernetes: (_request, _body, operation) => (isDaemonSet(operation) && !hasDaemonSet ? noObject : undefined),
    });
    assert.equal(vpcCni.managedBy, managedBy);
    assert.equal(vpcCni.addon !== null, hasAddon);
    assert.deepEqual([vpcCni.rollout !== null, vpcCni.version !== null], [hasDaemonSet, hasDaemonSet]);
    if (!hasDaemonSet) assert.deepEqual(vpcCni.env, {});
  }
});

test('a node group without instances', async () => {
  const name = firstGroup.autoScalingGroupNames[0];
  for (const none of ['<Instances/>', '']) {
    const snapshot = await look({
      aws: (_request, body, operation) =>
        operation === 'DescribeAutoScalingGroups' ? body.replace(/<Instances>[\s\S]*?<\/Instances>/g, none) : undefined,
      kubernetes: (_request, body, operation) =>
        operation === 'GET /api/v1/nodes' ? edited(body, (list) => Object.assign(list, { items: null })) : undefined,
    });
    assert.deepEqual(snapshot.nodes, []);
    assert.deepEqual(snapshot.autoScalingGroups.find((group) => group.name === name)?.instanceIds, []);
    assert.deepEqual(
      snapshot.subnets.map(({ subnetId }) => subnetId),
      [...new Set(usual.nodegroups.flatMap(({ subnetIds }) => subnetIds))].toSorted(),
    );
  }
});

const withTemplate = (body: string): string =>
  edited(body, ({ nodegroup = {} }) =>
    Object.assign(nodegroup, {
      instanceTypes: null,
      diskSize: null,
      launchTemplate: { id: 'lt-0f00f00f00f00f00f', name: 'theirs', version: '3' },
    }),
  );

test('a launch template of their own: its type counts, and it may be gone', async () => {
  const template = `<DescribeLaunchTemplateVersionsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>
    <launchTemplateVersionSet><item><launchTemplateId>lt-0f00f00f00f00f00f</launchTemplateId><launchTemplateName>theirs</launchTemplateName>
    <versionNumber>3</versionNumber><defaultVersion>true</defaultVersion><launchTemplateData><instanceType>c5.large</instanceType>
    <tagSpecificationSet/><blockDeviceMappingSet/><userData>I2Nsb3VkLWNvbmZpZw==</userData></launchTemplateData></item></launchTemplateVersionSet>
    </DescribeLaunchTemplateVersionsResponse>`;
  for (const [answer, found] of [
    [{ status: 200, body: template }, true],
    [ec2Error(400, 'InvalidLaunchTemplateId.VersionNotFound'), false],
    [ec2Error(400, 'InvalidLaunchTemplateId.NotFound'), false],
    [{ status: 200, body: template.replace(/<item>[\s\S]*<\/item>/, '') }, false],
  ] as const) {
    const snapshot = await look({
      aws: (_request, body, operation) => {
        if (isNodegroup(operation)) return withTemplate(body);
        return operation === 'DescribeLaunchTemplateVersions' ? answer : undefined;
      },
    });
    assert.equal(snapshot.launchTemplates.length, found ? 1 : 0);
    assert.equal(
      snapshot.instanceTypes.some(({ instanceType }) => instanceType === 'c5.large'),
      found,
    );
    if (!found) continue;
    const { userDataHash, data } = snapshot.launchTemplates[0] ?? {};
    assert.equal(userDataHash?.length, 64);
    assert.deepEqual(data, { InstanceType: 'c5.large' });
  }
});

const denied: Change = (_request, _body, operation) =>
  operation === 'GetSubnetCidrReservations' ? ec2Error(403, 'UnauthorizedOperation') : undefined;

test('subnets that another account shares: what only their owner may see is left out', async () => {
  const shared = await look({
    aws: (request, body, operation) =>
      operation === 'DescribeSubnets'
        ? body.replace(/<ownerId>\d+<\/ownerId>/g, '<ownerId>999988887777</ownerId>')
        : denied(request, body, operation),
  });
  assert.equal(shared.subnets.length, usual.subnets.length);
  for (const subnet of shared.subnets) assert.deepEqual([subnet.ownerId, subnet.reservations], ['999988887777', []]);
  await assert.rejects(look({ aws: denied }), (error: unknown) => {
    assert.ok(error instanceof MigrateError);
    assert.equal(error.code, 'AWS.ACCESS_DENIED');
    return true;
  });
});

test('a node group that is listed and then gone is left out', async () => {
  const gone = firstGroup.nodegroupName;
  const snapshot = await look({
    aws: (_request, _body, operation) => (operation.endsWith(`/node-groups/${gone}`) ? notFound : undefined),
  });
  assert.deepEqual(
    snapshot.nodegroups.map(({ nodegroupName }) => nodegroupName),
    usual.nodegroups.map(({ nodegroupName }) => nodegroupName).filter((name) => name !== gone),
  );
});

test('members of EKS answers that are null are as good as absent', async () => {
  const optional = {
    nodegroup: words(
      'labels taints tags health updateConfig nodeRepairConfig remoteAccess resources scalingConfig instanceTypes subnets',
      'launchTemplate version releaseVersion diskSize warmPoolConfig',
    ),
    addon: ['health', 'configurationValues', 'podIdentityAssociations', 'serviceAccountRoleArn', 'tags'],
    cluster: ['accessConfig', 'computeConfig', 'outpostConfig', 'health', 'tags', 'upgradePolicy', 'encryptionConfig'],
  };
  for (const [member, names] of Object.entries(optional)) {
    for (const value of [null, undefined]) {
      const snapshot = await look({
        aws: (_request, body) =>
          body.startsWith(`{"${member}":`)
            ? edited(body, (document) => {
                Object.assign(document[member] ?? {}, Object.fromEntries(names.map((name) => [name, value])));
              })
            : undefined,
      });
      assert.equal(snapshot.nodegroups.length, usual.nodegroups.length, member);
      if (member !== 'nodegroup') continue;
      const { labels, taints, tags, scaling, subnetIds, healthIssues, unknownFields } = snapshot.nodegroups[0] ?? {};
      assert.deepEqual(
        { labels, taints, tags, subnetIds, healthIssues, unknownFields },
        {
          labels: {},
          taints: [],
          tags: {},
          subnetIds: [],
          healthIssues: [],
          unknownFields: [],
        },
      );
      assert.deepEqual(scaling, { minSize: 0, maxSize: 0, desiredSize: 0 });
    }
  }
});

test('empty XML lists, spelled in each way or left out, are the same', async () => {
  const spellings: [string, (body: string) => string][] = [
    ['left out', (body) => body.replace(/<(\w+)\s*\/>/g, '').replace(/<(\w+)><\/\1>/g, '')],
    ['one tag', (body) => body.replace(/<(\w+)><\/\1>/g, '<$1/>')],
    ['two tags', (body) => body.replace(/<(\w+)\s*\/>/g, '<$1></$1>')],
    ['with white space', (body) => body.replace(/<(\w+)\s*\/>|<(\w+)><\/\2>/g, '<$1$2>\n  </$1$2>')],
  ];
  for (const [name, spell] of spellings) {
    const snapshot = await look({ aws: (_request, body) => (body.includes('<') ? spell(body) : undefined) });
    assert.deepEqual(untimed(snapshot), usual, name);
  }
});

test('Kubernetes lists without items', async () => {
  const snapshot = await look({
    kubernetes: (_request, body, operation) =>
      /\/(poddisruptionbudgets|statefulsets|replicasets)$/.test(operation)
        ? edited(body, (list) => Object.assign(list, { items: null }))
        : undefined,
  });
  assert.deepEqual(snapshot.podDisruptionBudgets, []);
  assert.deepEqual([...new Set(snapshot.workloads.map(({ kind }) => kind))].toSorted(), ['DaemonSet', 'Deployment']);
});
