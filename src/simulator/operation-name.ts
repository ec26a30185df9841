import type { SimRequest } from './types.ts';

/**
 * What a request asks for, in one name: `eks:CreateNodegroup`, `ec2:DescribeSubnets`, `k8s:create pods/eviction`,
 * `k8s:watch pods`. Fault rules and the request log use it. A request that is none of these gets method and path.
 */
export function operationName(request: SimRequest): string {
  const { segments, query } = splitPath(request.path);
  const kubernetes = kubernetesOperation(request.method, segments, query);
  if (kubernetes) return `k8s:${kubernetes}`;
  if (segments.length === 0) {
    const form = request.body === '' ? query : new URLSearchParams(request.body);
    const service = queryServices[form.get('Version') ?? ''];
    const action = form.get('Action');
    if (service && action) return `${service}:${action}`;
  }
  const eks = eksRoutes.find(([method, template]) => method === request.method && matches(template, segments));
  return eks ? `eks:${eks[2]}` : `${request.method} ${request.path}`;
}

/** `eks:Describe*` -> a pattern for whole operation names. */
export function operationPattern(operation: string): RegExp {
  const escaped = operation.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`);
}

/** Whether an operation can change something: for tests that assert that a command only reads. */
export function isWrite(operation: string): boolean {
  const [service, name = ''] = operation.split(':');
  if (service === 'k8s') {
    return !/^(get|list|watch) /.test(name) && !name.endsWith('reviews');
  }
  return !/^(Describe|Get|List|Simulate)/.test(name);
}

/** The segments stay percent-encoded: an ARN with its encoded slashes is one segment. */
export function splitPath(path: string): { segments: string[]; query: URLSearchParams } {
  const [pathname = '', search = ''] = path.split('?', 2);
  return { segments: pathname.split('/').filter((segment) => segment !== ''), query: new URLSearchParams(search) };
}

const queryServices: Record<string, string> = {
  '2016-11-15': 'ec2',
  '2011-01-01': 'autoscaling',
  '2011-06-15': 'sts',
  '2010-05-08': 'iam',
  '2010-05-15': 'cloudformation',
};

/** Method, path (`*` is one segment) and operation of the EKS API 2017-11-01. */
const eksRoutes: readonly [string, string, string][] = [
  ['GET', 'clusters', 'ListClusters'],
  ['GET', 'clusters/*', 'DescribeCluster'],
  ['GET', 'clusters/*/node-groups', 'ListNodegroups'],
  ['POST', 'clusters/*/node-groups', 'CreateNodegroup'],
  ['GET', 'clusters/*/node-groups/*', 'DescribeNodegroup'],
  ['DELETE', 'clusters/*/node-groups/*', 'DeleteNodegroup'],
  ['POST', 'clusters/*/node-groups/*/update-config', 'UpdateNodegroupConfig'],
  ['POST', 'clusters/*/node-groups/*/update-version', 'UpdateNodegroupVersion'],
  ['GET', 'clusters/*/addons', 'ListAddons'],
  ['POST', 'clusters/*/addons', 'CreateAddon'],
  ['GET', 'clusters/*/addons/*', 'DescribeAddon'],
  ['DELETE', 'clusters/*/addons/*', 'DeleteAddon'],
  ['POST', 'clusters/*/addons/*/update', 'UpdateAddon'],
  ['GET', 'clusters/*/updates', 'ListUpdates'],
  ['GET', 'clusters/*/updates/*', 'DescribeUpdate'],
  ['GET', 'clusters/*/access-entries', 'ListAccessEntries'],
  ['GET', 'clusters/*/access-entries/*', 'DescribeAccessEntry'],
  ['POST', 'clusters/*/insights', 'ListInsights'],
  ['GET', 'clusters/*/insights/*', 'DescribeInsight'],
  ['GET', 'addons/configuration-schemas', 'DescribeAddonConfiguration'],
  ['GET', 'addons/supported-versions', 'DescribeAddonVersions'],
  ['GET', 'tags/*', 'ListTagsForResource'],
  ['POST', 'tags/*', 'TagResource'],
  ['DELETE', 'tags/*', 'UntagResource'],
];

function matches(template: string, segments: string[]): boolean {
  const parts = template.split('/');
  return parts.length === segments.length && parts.every((part, index) => part === '*' || part === segments[index]);
}

const verbs: Record<string, string> = { POST: 'create', PUT: 'update', PATCH: 'patch' };

function kubernetesOperation(method: string, segments: string[], query: URLSearchParams): string | undefined {
  const rest = resourceSegments(segments);
  if (rest === undefined) return undefined;
  if (rest.length === 0) return `${method.toLowerCase()} /${segments.join('/')}`;
  const [resource, name, ...subresource] = rest;
  const many = name === undefined;
  let verb = verbs[method];
  if (method === 'GET')
    verb = query.get('watch') === 'true' || query.get('watch') === '1' ? 'watch' : many ? 'list' : 'get';
  if (method === 'DELETE') verb = many ? 'deletecollection' : 'delete';
  return `${verb ?? method.toLowerCase()} ${[resource, ...subresource].join('/')}`;
}

/** What follows group, version and namespace: [resource, name, subresource]. Empty for discovery; undefined: another API. */
function resourceSegments(segments: string[]): string[] | undefined {
  const [root] = segments;
  if (root === 'version' || root === 'healthz' || root === 'livez' || root === 'readyz' || root === 'openapi')
    return [];
  if (root !== 'api' && root !== 'apis') return undefined;
  const rest = segments.slice(root === 'api' ? 2 : 3);
  return rest[0] === 'namespaces' && rest.length > 2 ? rest.slice(2) : rest;
}
