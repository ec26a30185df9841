/** The EKS REST API, version 2017-11-01: routes on the raw path, so that an ARN with its slashes is one segment. */
import type { Scenario } from '../scenario.ts';
import type { SimRequest, SimResponse } from '../types.ts';
import {
  checkMembers,
  invalid,
  isObject,
  type JsonObject,
  object,
  parseBody,
  text,
  textMap,
  whole,
} from './eks-body.ts';
import { AwsError } from './errors.ts';
import { clusterSecurityGroup } from './nodegroup-launch.ts';
import type { Nodegroups } from './nodegroups.ts';
import { cut } from './query.ts';
import { nodeRoleArn } from './self-managed.ts';
import type { Updates } from './updates.ts';
import type { VpcCni } from './vpc-cni.ts';

export interface EksContext {
  scenario: Scenario;
  /** Epoch milliseconds. */
  createdAt: number;
  nodegroups: Nodegroups;
  vpcCni: VpcCni;
  updates: Updates;
  callerArn: string;
  apiServer: () => { endpoint: string; certificateAuthority: string };
  clusterTags: Record<string, string>;
}

interface Call {
  /** Decoded path parameters, in order. */
  path: string[];
  query: URLSearchParams;
  body: JsonObject;
}

interface Route {
  method: string;
  /** `*` is one parameter. */
  path: string;
  name: string;
  query: readonly string[];
  run(call: Call, context: EksContext): JsonObject;
}

const paging = ['maxResults', 'nextToken'];

const routes: Route[] = [
  {
    method: 'GET',
    path: 'clusters',
    name: 'ListClusters',
    query: [...paging, 'include'],
    run: ({ query }, { scenario }) => listed('clusters', [scenario.cluster.name], query),
  },
  {
    method: 'GET',
    path: 'clusters/*',
    name: 'DescribeCluster',
    query: [],
    run: (_request, context) => ({ cluster: describeCluster(context) }),
  },
  {
    method: 'GET',
    path: 'clusters/*/node-groups',
    name: 'ListNodegroups',
    query: paging,
    run: ({ query }, context) => {
      return listed('nodegroups', [...context.nodegroups.all.keys()], query);
    },
  },
  {
    method: 'POST',
    path: 'clusters/*/node-groups',
    name: 'CreateNodegroup',
    query: [],
    run: ({ body }, context) => ({ nodegroup: context.nodegroups.create(body) }),
  },
  {
    method: 'GET',
    path: 'clusters/*/node-groups/*',
    name: 'DescribeNodegroup',
    query: [],
    run: ({ path }, context) => {
      const { nodegroups } = context;
      return { nodegroup: nodegroups.describe(nodegroups.get(path[1] ?? '')) };
    },
  },
  {
    method: 'DELETE',
    path: 'clusters/*/node-groups/*',
    name: 'DeleteNodegroup',
    query: [],
    run: ({ path }, context) => ({ nodegroup: context.nodegroups.remove(path[1] ?? '') }),
  },
  {
    method: 'POST',
    path: 'clusters/*/node-groups/*/update-config',
    name: 'UpdateNodegroupConfig',
    query: [],
    run: ({ path, body }, context) => ({ update: { ...context.nodegroups.updateConfig(path[1] ?? '', body) } }),
  },
  {
    method: 'GET',
    path: 'clusters/*/addons',
    name: 'ListAddons',
    query: paging,
    run: ({ query }, context) => {
      return listed('addons', context.vpcCni.names(), query);
    },
  },
  {
    method: 'GET',
    path: 'clusters/*/addons/*',
    name: 'DescribeAddon',
    query: [],
    run: ({ path }, context) => ({ addon: context.vpcCni.describe(path[1] ?? '') }),
  },
  {
    method: 'POST',
    path: 'clusters/*/addons/*/update',
    name: 'UpdateAddon',
    query: [],
    run: ({ path, body }, context) => ({ update: { ...context.vpcCni.update(path[1] ?? '', body) } }),
  },
  {
    method: 'GET',
    path: 'addons/configuration-schemas',
    name: 'DescribeAddonConfiguration',
    query: ['addonName', 'addonVersion'],
    run: ({ query }, { vpcCni }) => {
      const addonName = requiredQuery(query, 'addonName');
      const addonVersion = requiredQuery(query, 'addonVersion');
      checkAddonName(addonName);
      return {
        addonName,
        addonVersion,
        configurationSchema: vpcCni.schema(addonVersion),
        podIdentityConfiguration: [],
      };
    },
  },
  {
    method: 'GET',
    path: 'addons/supported-versions',
    name: 'DescribeAddonVersions',
    query: ['kubernetesVersion', 'addonName', ...paging, 'types', 'publishers', 'owners'],
    run: ({ query }, { scenario, vpcCni }) => {
      const addonName = query.get('addonName');
      if (addonName !== null) checkAddonName(addonName);
      const clusterVersion = query.get('kubernetesVersion') ?? scenario.cluster.version;
      const addonVersions = vpcCni.versions().map((addonVersion, index) => ({
        addonVersion,
        architecture: ['amd64', 'arm64'],
        computeTypes: ['ec2', 'auto', 'hybrid'],
        compatibilities: [{ clusterVersion, platformVersions: ['*'], defaultVersion: index === 0 }],
        requiresConfiguration: false,
        requiresIamPermissions: true,
      }));
      return { addons: [{ addonName: 'vpc-cni', type: 'networking', addonVersions, publisher: 'eks', owner: 'aws' }] };
    },
  },
  {
    method: 'GET',
    path: 'clusters/*/updates',
    name: 'ListUpdates',
    query: ['nodegroupName', 'addonName', 'capabilityName', ...paging],
    run: ({ query }, context) => {
      return listed(
        'updateIds',
        context.updates.list(ownerOf(query)).map(({ id }) => id),
        query,
      );
    },
  },
  {
    method: 'GET',
    path: 'clusters/*/updates/*',
    name: 'DescribeUpdate',
    query: ['nodegroupName', 'addonName', 'capabilityName'],
    run: ({ path, query }, context) => ({ update: { ...context.updates.find(ownerOf(query), path[1] ?? '') } }),
  },
  {
    method: 'GET',
    path: 'clusters/*/access-entries',
    name: 'ListAccessEntries',
    query: ['associatedPolicyArn', ...paging],
    run: ({ query }, context) => {
      return listed(
        'accessEntries',
        accessEntries(context).map(({ principalArn }) => principalArn),
        query,
      );
    },
  },
  {
    method: 'GET',
    path: 'clusters/*/access-entries/*',
    name: 'DescribeAccessEntry',
    query: [],
    run: ({ path }, context) => {
      const accessEntry = accessEntries(context).find(({ principalArn }) => principalArn === path[1]);
      if (!accessEntry) {
        throw notFound(
          `The specified principalArn could not be found. You can view your available access entries with 'list-access-entries'.`,
          context,
        );
      }
      return { accessEntry };
    },
  },
  {
    method: 'POST',
    path: 'clusters/*/insights',
    name: 'ListInsights',
    query: [],
    run: ({ body }) => {
      checkMembers(body, ['filter', ...paging]);
      object(body, 'filter');
      text(body, 'nextToken');
      whole(body, 'maxResults');
      return { insights: [] };
    },
  },
  {
    method: 'GET',
    path: 'tags/*',
    name: 'ListTagsForResource',
    query: [],
    run: ({ path }, context) => ({ tags: { ...taggable(path[0] ?? '', context) } }),
  },
  {
    method: 'POST',
    path: 'tags/*',
    name: 'TagResource',
    query: [],
    run: ({ path, body }, context) => {
      checkMembers(body, ['tags']);
      const tags = textMap(body, 'tags') ?? {};
      if (Object.keys(tags).some((key) => key.toLowerCase().startsWith('aws:'))) {
        throw new AwsError('BadRequestException', "Tag keys must not start with 'aws:'");
      }
      Object.assign(taggable(path[0] ?? '', context), tags);
      return {};
    },
  },
  {
    method: 'DELETE',
    path: 'tags/*',
    name: 'UntagResource',
    query: ['tagKeys'],
    run: ({ path, query }, context) => {
      const tags = taggable(path[0] ?? '', context);
      for (const key of query.getAll('tagKeys')) delete tags[key];
      return {};
    },
  },
];

export interface EksApi {
  /** Undefined when this is no path of EKS. */
  find(request: SimRequest): FoundRoute | undefined;
}

export interface FoundRoute {
  name: string;
  /** Decoded parameters. */
  path: readonly string[];
  query: URLSearchParams;
  /** @throws AwsError when it is no JSON object */
  body(): JsonObject;
  call(): JsonObject;
}

export function createEksApi(context: EksContext): EksApi {
  const answered = new Map<string, { request: string; answer: JsonObject }>();
  return {
    find(request) {
      const [pathname = '', search = ''] = request.path.split('?', 2);
      const segments = pathname.split('/').filter((segment) => segment !== '');
      const route = routes.find(({ method, path }) => method === request.method && fits(path, segments));
      if (!route) return undefined;
      const parts = route.path.split('/');
      const path = segments.filter((_, index) => parts[index] === '*').map(decodeURIComponent);
      const query = new URLSearchParams(search);
      const call = (): JsonObject => {
        const unknown = [...query.keys()].find((name) => !route.query.includes(name));
        if (unknown !== undefined) throw invalid(`Unknown query parameter ${unknown} of ${route.name}`);
        if (route.path.startsWith('clusters/*')) checkCluster(path, context);
        const body = parseBody(request.body);
        const token = text(body, 'clientRequestToken');
        if (token === undefined) return route.run({ path, query, body }, context);
        const key = `${route.name} ${path.join(' ')} ${token}`;
        const canonical = JSON.stringify(sorted(body));
        const before = answered.get(key);
        if (before && before.request !== canonical) {
          throw invalid('The client request token was used before with other parameters.', {
            clusterName: path[0] ?? null,
          });
        }
        const answer = before?.answer ?? route.run({ path, query, body }, context);
        answered.set(key, { request: canonical, answer: structuredClone(answer) });
        return answer;
      };
      return { name: route.name, path, query, body: () => parseBody(request.body), call };
    },
  };
}

export function eksAnswer(requestId: string, body: JsonObject): SimResponse {
  return { status: 200, headers: headers(requestId), body: JSON.stringify(body) };
}

export function eksError(error: AwsError, requestId: string): SimResponse {
  return {
    status: error.status,
    headers: { ...headers(requestId), 'x-amzn-errortype': error.code },
    body: JSON.stringify({ ...error.members, message: error.message }),
  };
}

function headers(requestId: string): Record<string, string> {
  return { 'content-type': 'application/json', 'x-amzn-requestid': requestId };
}

function fits(template: string, segments: readonly string[]): boolean {
  const parts = template.split('/');
  return parts.length === segments.length && parts.every((part, index) => part === '*' || part === segments[index]);
}

function sorted(value: JsonObject[string]): JsonObject[string] {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}

function notFound(message: string, { scenario }: EksContext): AwsError {
  return new AwsError('ResourceNotFoundException', message, 404, {
    clusterName: scenario.cluster.name,
    nodegroupName: null,
    fargateProfileName: null,
    addonName: null,
    subscriptionId: null,
  });
}

function checkCluster([name = '']: readonly string[], context: EksContext): void {
  if (name !== context.scenario.cluster.name) {
    const error = notFound(`No cluster found for name: ${name}.`, context);
    throw new AwsError(error.code, error.message, error.status, { ...error.members, clusterName: name });
  }
}

function checkAddonName(name: string): void {
  if (name !== 'vpc-cni') throw invalid(`Addon ${name} specified is not supported`, { addonName: name });
}

function requiredQuery(query: URLSearchParams, name: string): string {
  const value = query.get(name);
  if (value === null || value === '') throw invalid(`${name} is required`);
  return value;
}

function ownerOf(query: URLSearchParams): string {
  const nodegroup = query.get('nodegroupName');
  const addon = query.get('addonName');
  if (nodegroup !== null) return `nodegroup/${nodegroup}`;
  return addon === null ? 'cluster' : `addon/${addon}`;
}

function listed(member: string, items: readonly string[], query: URLSearchParams): JsonObject {
  const size = Number(query.get('maxResults') ?? 100);
  if (!Number.isInteger(size) || size < 1 || size > 100) throw invalid('maxResults must be between 1 and 100');
  const page = cut(items, size, query.get('nextToken') ?? undefined, () => {
    throw invalid('Invalid nextToken');
  });
  return { [member]: page.items, ...(page.nextToken !== undefined && { nextToken: page.nextToken }) };
}

function clusterArn({ scenario: { cluster } }: EksContext): string {
  return `arn:aws:eks:${cluster.region}:${cluster.accountId}:cluster/${cluster.name}`;
}

function describeCluster(context: EksContext): JsonObject {
  const { scenario, apiServer, createdAt, clusterTags } = context;
  const { name, version, vpcId, accountId, region, ipFamily = 'ipv4' } = scenario.cluster;
  const { endpoint, certificateAuthority } = apiServer();
  return {
    name,
    arn: clusterArn(context),
    createdAt: createdAt / 1000,
    version,
    endpoint,
    roleArn: `arn:aws:iam::${accountId}:role/${name}-cluster`,
    resourcesVpcConfig: {
      subnetIds: scenario.subnets.map(({ subnetId }) => subnetId),
      securityGroupIds: [],
      clusterSecurityGroupId: clusterSecurityGroup,
      vpcId,
      endpointPublicAccess: true,
      endpointPrivateAccess: true,
      publicAccessCidrs: ['0.0.0.0/0'],
    },
    kubernetesNetworkConfig: {
      ...(ipFamily === 'ipv6' ? { serviceIpv6Cidr: 'fd5b:1c3a:7e21::/108' } : { serviceIpv4Cidr: '172.20.0.0/16' }),
      ipFamily,
      elasticLoadBalancing: { enabled: false },
    },
    logging: { clusterLogging: [] },
    identity: { oidc: { issuer: `https://oidc.eks.${region}.amazonaws.com/id/SIMULATED` } },
    status: 'ACTIVE',
    certificateAuthority: { data: certificateAuthority },
    clientRequestToken: null,
    platformVersion: 'eks.12',
    tags: { ...clusterTags },
    encryptionConfig: null,
    connectorConfig: null,
    id: null,
    health: { issues: [] },
    outpostConfig: null,
    accessConfig: { bootstrapClusterCreatorAdminPermissions: null, authenticationMode: authenticationMode(scenario) },
    upgradePolicy: { supportType: 'EXTENDED' },
    zonalShiftConfig: null,
    remoteNetworkConfig: null,
    computeConfig: { enabled: false, nodePools: [], nodeRoleArn: null },
    storageConfig: { blockStorage: { enabled: false } },
    deletionProtection: false,
  };
}

const authenticationMode = ({ nodeRolesIn }: Scenario): string =>
  nodeRolesIn === 'aws-auth' ? 'CONFIG_MAP' : 'API_AND_CONFIG_MAP';

function accessEntries(context: EksContext): ({ principalArn: string } & JsonObject)[] {
  if (authenticationMode(context.scenario) === 'CONFIG_MAP') {
    throw new AwsError(
      'InvalidRequestException',
      "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.",
    );
  }
  const { scenario, nodegroups, callerArn, createdAt } = context;
  const { name, accountId, region } = scenario.cluster;
  const own = (scenario.autoScalingGroups ?? []).map(({ role }) => nodeRoleArn(scenario.cluster, role));
  const roles = [...new Set([...[...nodegroups.all.values()].map(({ nodeRole }) => nodeRole), ...own])];
  const principals = [
    ...roles.map((arn) => ({
      arn,
      type: 'EC2_LINUX',
      groups: ['system:nodes'],
      username: 'system:node:{{EC2PrivateDNSName}}',
    })),
    { arn: callerArn, type: 'STANDARD', groups: [], username: callerArn },
  ];
  return principals.map(({ arn, type, groups, username }, index) => ({
    clusterName: name,
    principalArn: arn,
    kubernetesGroups: groups,
    accessEntryArn: `arn:aws:eks:${region}:${accountId}:access-entry/${name}/role/${accountId}/${arn.split('/').at(-1) ?? ''}/${index}`,
    createdAt: createdAt / 1000,
    modifiedAt: createdAt / 1000,
    tags: {},
    username,
    type,
  }));
}

function taggable(arn: string, context: EksContext): Record<string, string> {
  const { nodegroups, vpcCni } = context;
  if (!arn.startsWith('arn:')) throw new AwsError('BadRequestException', `Invalid resource ARN: ${arn}`);
  if (arn === clusterArn(context)) return context.clusterTags;
  if (arn === vpcCni.arn) return vpcCni.tags;
  const nodegroup = [...nodegroups.all.values()].find((candidate) => candidate.arn === arn);
  if (!nodegroup) throw new AwsError('NotFoundException', `Resource was not found for ARN: ${arn}`, 404);
  return nodegroup.tags;
}
