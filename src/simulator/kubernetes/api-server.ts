/** The Kubernetes API over HTTP: authentication, authorisation, discovery, and the way to the verbs. */
import type { Random, SimClock, SimHandler, SimRequest, SimResponse } from '../types.ts';
import { type Access, anonymous, denied, deniedPath, mayDo, mayGetPath, type User } from './authorization.ts';
import { get, list, watch } from './reads.ts';
import {
  accessOf,
  type Call,
  findRoute,
  isDryRun,
  methodNotAllowed,
  noSuchResource,
  parseBody,
  segmentsOf,
  unsupported,
} from './requests.ts';
import { customGroups, groupList, groupOf, missingGroups, resourceList } from './resources.ts';
import { answer, answerStatus, answerText } from './responses.ts';
import { StatusError } from './status.ts';
import type { KubernetesStore } from './store.ts';
import { create, evict, patch, remove, removeAll, replace, scale, type WriteContext } from './writes.ts';

export { type AccessRule, type RbacObject, rulesOfBindings, type User } from './authorization.ts';

export interface ApiServerOptions extends Pick<WriteContext, 'admit' | 'evict' | 'deletePod'> {
  store: KubernetesStore;
  clock: SimClock;
  random: Random;
  /** Bearer token -> user. A token that is not there is asked of `authenticate`; unknown to both, it gets 401. */
  users?: Readonly<Record<string, User>>;
  authenticate?: (token: string) => User | undefined;
  /** `v1.33.5-eks-3cfe0ce` */
  gitVersion?: string;
  /** Groups of CustomResourceDefinitions that are installed besides that of the VPC CNI; none unless told. */
  installed?: readonly string[];
}

const bodyLimit = 3 * 1024 * 1024;

type Answer = SimResponse | Promise<SimResponse>;

export function createApiServer(options: ApiServerOptions): { handle: SimHandler } {
  const { store, clock, random, users = {}, gitVersion = 'v1.33.5-eks-3cfe0ce' } = options;
  const absent = new Set([...customGroups].filter((group) => !options.installed?.includes(group)));
  const reads = { store, clock, random: random.fork('watches') };
  const writes: WriteContext = {
    store,
    clock,
    random: random.fork('names'),
    admit: (request) => options.admit(request),
    evict: (namespace, name, how) => options.evict(namespace, name, how),
    deletePod: (pod, how) => options.deletePod(pod, how),
  };
  const audit = random.fork('audit');
  const flow = {
    'x-kubernetes-pf-flowschema-uid': store.uid(),
    'x-kubernetes-pf-prioritylevel-uid': store.uid(),
  };

  function handle(request: SimRequest): Answer {
    try {
      const response = serve(request);
      return response instanceof Promise ? response.then(withHeaders, refuse) : withHeaders(response);
    } catch (error) {
      return refuse(error);
    }
  }

  function refuse(error: unknown): SimResponse {
    if (error instanceof StatusError) return withHeaders(answerStatus(error.status));
    throw error;
  }

  function withHeaders(response: SimResponse): SimResponse {
    const id = audit.int(0, 0xffff_ffff).toString(16).padStart(8, '0');
    const headers = { 'audit-id': id, 'cache-control': 'no-cache, private', ...response.headers };
    // Nobody has a flow before it is known who asks.
    return { ...response, headers: response.status === 401 ? headers : { ...headers, ...flow } };
  }

  function serve(request: SimRequest): Answer {
    const [path = '/', search = ''] = request.path.split('?', 2);
    const query = new URLSearchParams(search);
    const user = authenticate(request);
    const segments = segmentsOf(path);
    if (path === reviewPath && request.method === 'POST') return reviewAccess(user, request);
    if (segments[0] === 'apis' && absent.has(segments[1] ?? '')) return answerText(404, '404 page not found\n');
    const route = findRoute(segments);
    if (!route) return serveDocument(user, request, path, segments);
    const call: Call = { ...route, request, query, user, dryRun: isDryRun(query) };
    const access = accessOf(call);
    if (!mayDo(user, access)) throw denied(user, access);
    if (Buffer.byteLength(request.body) > bodyLimit) {
      const message = `Request entity too large: limit is ${bodyLimit}`;
      throw new StatusError(413, 'RequestEntityTooLarge', message);
    }
    return dispatch(call, access.verb);
  }

  function authenticate({ headers }: SimRequest): User {
    const { authorization } = headers;
    if (authorization === undefined) return anonymous;
    const token = /^Bearer\s+(\S+)$/i.exec(authorization)?.[1] ?? '';
    const user = (Object.hasOwn(users, token) ? users[token] : undefined) ?? options.authenticate?.(token);
    if (!user) throw new StatusError(401, 'Unauthorized', 'Unauthorized');
    return user;
  }

  function serveDocument(user: User, request: SimRequest, path: string, segments: readonly string[]): SimResponse {
    if (!mayGetPath(user, path)) throw deniedPath(user, request.method, path);
    const found = request.method === 'GET' ? documentAt(segments, gitVersion, absent) : undefined;
    if (typeof found === 'string') return answerText(200, found);
    if (found) return answer(200, found);
    const [root = '', group = ''] = segments;
    if (missingPaths.has(root) || (root === 'apis' && missingGroups.has(group))) throw unsupported(request);
    return answerText(404, '404 page not found\n');
  }

  function dispatch(call: Call, verb: string): Answer {
    const { resource, subresource, name, request } = call;
    if (subresource !== undefined && !resource.subresources[subresource]) throw noSuchResource();
    if (subresource === 'eviction' && verb === 'create') return evict(writes, call);
    if (subresource === 'scale') return scale(writes, call, verb);
    if (subresource !== undefined && subresource !== 'status') throw unsupported(request);
    switch (verb) {
      case 'get':
        return get(reads, call);
      case 'list':
        return list(reads, call);
      case 'watch':
        return watch(reads, call);
      case 'create':
        if (name !== undefined) throw methodNotAllowed();
        return create(writes, call);
      case 'update':
        return replace(writes, call);
      case 'patch':
        return patch(writes, call);
      case 'delete':
        return remove(writes, call);
      case 'deletecollection':
        return removeAll(writes, call);
      default:
        throw methodNotAllowed();
    }
  }

  return { handle };
}

const reviewPath = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';

interface AccessReview {
  spec?: { resourceAttributes?: Partial<Access>; nonResourceAttributes?: { path?: string } };
}

function reviewAccess(user: User, request: SimRequest): SimResponse {
  const { spec = {} } = parseBody<AccessReview>(request, {});
  if (user === anonymous) {
    throw denied(user, { verb: 'create', group: 'authorization.k8s.io', resource: 'selfsubjectaccessreviews' });
  }
  const { resourceAttributes: asked, nonResourceAttributes } = spec;
  const allowed = asked
    ? mayDo(user, { ...asked, verb: asked.verb ?? '', resource: asked.resource ?? '', group: asked.group ?? '' })
    : mayGetPath(user, nonResourceAttributes?.path ?? '/');
  return answer(201, {
    kind: 'SelfSubjectAccessReview',
    apiVersion: 'authorization.k8s.io/v1',
    metadata: { creationTimestamp: null },
    spec,
    status: { allowed },
  });
}

/** Paths of a real API server that are no resources and that this one leaves out. */
const missingPaths = new Set(['openapi', 'openid', 'logs', 'metrics', 'debug']);

/** Version, health and discovery. */
function documentAt(
  segments: readonly string[],
  gitVersion: string,
  absent: ReadonlySet<string>,
): object | string | undefined {
  const [root = '', group, version, ...more] = segments;
  if (more.length > 0) return undefined;
  if (root === 'version' && group === undefined) return versionDocument(gitVersion);
  if (['healthz', 'livez', 'readyz'].includes(root)) return 'ok';
  if (root === 'api') {
    if (group === undefined) return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };
    return version === undefined && group === 'v1' ? resourceList('', 'v1') : undefined;
  }
  if (root !== 'apis') return undefined;
  if (group === undefined) return groupList(absent);
  return version === undefined ? groupOf(group) : resourceList(group, version);
}

function versionDocument(gitVersion: string): object {
  const [, major = '1', minor = '33'] = /^v(\d+)\.(\d+)/.exec(gitVersion) ?? [];
  return {
    major,
    minor,
    emulationMajor: major,
    emulationMinor: minor,
    minCompatibilityMajor: major,
    minCompatibilityMinor: String(Number(minor) - 1),
    gitVersion,
    gitCommit: '0000000000000000000000000000000000000000',
    gitTreeState: 'clean',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: 'go1.24.0',
    compiler: 'gc',
    platform: 'linux/amd64',
  };
}
