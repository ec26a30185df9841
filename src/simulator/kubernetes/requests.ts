/** Requests to the API server, understood: the route, what is asked for, and the body. */
import type { KubeObject, ObjectMeta, SimRequest } from '../types.ts';
import type { Access, User } from './authorization.ts';
import type { DeleteOptions } from './deletion.ts';
import type { EvictionOptions } from './eviction.ts';
import { copy, isObject } from './json.ts';
import { jsonPatch, mergePatch, strategicMerge } from './patch.ts';
import { findResource, missingGroups, type Resource } from './resources.ts';
import { badRequest, invalid, StatusError } from './status.ts';
import type { IncludeObject } from './tables.ts';

export interface Route {
  resource: Resource;
  namespace: string | undefined;
  name: string | undefined;
  subresource: string | undefined;
}

/** One request to a resource, by somebody. */
export interface Call extends Route {
  request: SimRequest;
  query: URLSearchParams;
  user: User;
  dryRun: boolean;
}

/** Path segments, decoded after they were split: a name may hold an encoded slash. */
export function segmentsOf(path: string): string[] {
  return path
    .split('/')
    .filter((segment) => segment !== '')
    .map(decode);
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw badRequest(`invalid URL escape in "${segment}"`);
  }
}

/** Resource, namespace, name and subresource of a path; undefined for everything that is no resource. */
export function findRoute(segments: readonly string[]): Route | undefined {
  const [root, ...rest] = segments;
  if (root !== 'api' && root !== 'apis') return undefined;
  const group = root === 'apis' ? (rest.shift() ?? '') : '';
  const version = rest.shift() ?? '';
  if (rest.length === 0) return undefined;
  const inNamespace = rest[0] === 'namespaces' && rest.length > 2 && !['status', 'finalize'].includes(rest[2] ?? '');
  const namespace = inNamespace ? rest[1] : undefined;
  const [plural = '', name, subresource, ...more] = inNamespace ? rest.slice(2) : rest;
  const resource = findResource(group, version, plural);
  if (!resource || more.length > 0) {
    // A group that is left out is told apart from a resource that no server has.
    if (missingGroups.has(group)) return undefined;
    throw noSuchResource();
  }
  if (namespace !== undefined && !resource.namespaced) throw noSuchResource();
  if (namespace === undefined && resource.namespaced && name !== undefined) throw noSuchResource();
  return { resource, namespace, name, subresource };
}

const verbs: Record<string, string> = { POST: 'create', PUT: 'update', PATCH: 'patch' };

export function accessOf({ request, query, resource, subresource, namespace, name }: Call): Access {
  let verb = verbs[request.method] ?? request.method.toLowerCase();
  if (request.method === 'GET' || request.method === 'HEAD') {
    const watches = ['1', 'true'].includes(query.get('watch') ?? '');
    verb = watches ? 'watch' : name === undefined ? 'list' : 'get';
  }
  if (request.method === 'DELETE') verb = name === undefined ? 'deletecollection' : 'delete';
  return { verb, group: resource.group, resource: resource.resource, subresource, namespace, name };
}

export function isDryRun(query: URLSearchParams): boolean {
  const values = query.getAll('dryRun');
  const bad = values.find((value) => value !== 'All');
  if (bad !== undefined) throw badRequest(`Invalid value: "${bad}": supported values: "All"`);
  return values.length > 0;
}

export function noSuchResource(): StatusError {
  return new StatusError(404, 'NotFound', 'the server could not find the requested resource', {});
}

export function methodNotAllowed(): StatusError {
  const message = 'the server does not allow this method on the requested resource';
  return new StatusError(405, 'MethodNotAllowed', message, {});
}

/** What a real server would answer and this one cannot: said aloud, never guessed. */
export function unsupported({ method, path }: SimRequest): StatusError {
  return new StatusError(501, 'NotImplemented', `the simulator does not implement ${method} ${path}`);
}

export type Form = 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList' | undefined;

/** The first form in Accept that this server has; undefined is the object itself. */
export function formOf({ headers }: SimRequest): Form {
  const { accept = '' } = headers;
  for (const range of accept.split(',')) {
    const [type, ...parameters] = range.split(';').map((part) => part.trim());
    if (type !== 'application/json' && type !== '*/*') continue;
    const as = parameters.find((each) => each.startsWith('as='))?.slice(3);
    if (as === undefined) return undefined;
    const known = as === 'Table' || as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList';
    if (known && parameters.includes('v=v1')) return as;
  }
  return undefined;
}

export function includeOf(query: URLSearchParams): IncludeObject {
  const asked = query.get('includeObject');
  return asked === 'None' || asked === 'Object' ? asked : 'Metadata';
}

function contentType({ headers }: SimRequest): string {
  return (headers['content-type'] ?? 'application/json').split(';')[0]?.trim() ?? '';
}

const otherFormats = ['application/vnd.kubernetes.protobuf', 'application/yaml', 'application/cbor'];

/** The body as its type says it is, unchecked; `otherwise` when there is none. */
export function parseBody<T>(request: SimRequest, otherwise: T): T {
  if (otherFormats.includes(contentType(request))) {
    const message = 'the body of the request was in an unknown format - accepted media types include: application/json';
    throw new StatusError(415, 'UnsupportedMediaType', message, {});
  }
  if (request.body === '') return otherwise;
  try {
    return JSON.parse(request.body);
  } catch (error) {
    throw badRequest(`error decoding: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const nothing: ObjectMeta = { name: '', uid: '', resourceVersion: '', creationTimestamp: '' };

/** The object of a body: its kind and its place are those of the path. */
export function objectOf({ resource, namespace, name }: Route, body: Partial<KubeObject>): KubeObject {
  if (!isObject(body)) throw badRequest(`the object provided is unrecognized (must be of type ${resource.kind})`);
  const { kind = resource.kind, apiVersion = resource.groupVersion, metadata, ...rest } = body;
  if (kind !== resource.kind || apiVersion !== resource.groupVersion) {
    const version = apiVersion.split('/').at(-1);
    const why = `no kind "${kind}" is registered for version "${apiVersion}"`;
    throw badRequest(`${kind} in version "${version}" cannot be handled as a ${resource.kind}: ${why}`);
  }
  const own: ObjectMeta = { ...nothing, ...metadata };
  if (own.namespace && namespace && own.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  if (own.name && name) checkName(own.name, name);
  if (namespace) own.namespace = namespace;
  else delete own.namespace;
  return { apiVersion, kind, metadata: own, ...copy(rest) };
}

export function checkName(ofObject: string, ofPath: string): void {
  if (ofObject === ofPath) return;
  throw badRequest(`the name of the object (${ofObject}) does not match the name on the URL (${ofPath})`);
}

export type Patch = <T>(target: T) => T;

const patchFormats: Record<string, <T>(target: T, patch: unknown) => T> = {
  'application/strategic-merge-patch+json': strategicMerge,
  'application/merge-patch+json': mergePatch,
  'application/json-patch+json': jsonPatch,
};

export function isApply(request: SimRequest): boolean {
  return contentType(request) === 'application/apply-patch+yaml';
}

/** @throws StatusError 415 for a format that is none */
export function patchOf(request: SimRequest): Patch {
  const format = patchFormats[contentType(request)];
  if (!format) throw new StatusError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {});
  const body = parseBody<unknown>(request, {});
  return (target) => format(copy(target), body);
}

/** Who applies; a configuration in YAML that is not JSON is beyond this server. */
export function appliedConfig(call: Call): { manager: string; config: KubeObject } {
  const manager = call.query.get('fieldManager');
  if (!manager) {
    const message = 'Required value: is required for apply patch';
    const cause = { reason: 'FieldValueRequired', message, field: 'fieldManager' };
    throw invalid({ group: 'meta.k8s.io', kind: 'PatchOptions' }, '', [cause]);
  }
  return { manager, config: objectOf(call, parseBody<Partial<KubeObject>>(call.request, {})) };
}

export interface DeleteBody {
  gracePeriodSeconds?: number;
  propagationPolicy?: NonNullable<DeleteOptions['propagationPolicy']>;
  preconditions?: { uid?: string; resourceVersion?: string };
  dryRun?: string[];
}

export function deleteOptionsOf(body: DeleteBody, query: URLSearchParams): DeleteOptions {
  const inQuery = query.get('gracePeriodSeconds');
  const gracePeriodSeconds = body.gracePeriodSeconds ?? (inQuery === null ? undefined : Number(inQuery));
  const policies = ['Background', 'Foreground', 'Orphan'] as const;
  const propagationPolicy = policies.find(
    (each) => each === (body.propagationPolicy ?? query.get('propagationPolicy')),
  );
  return {
    ...(gracePeriodSeconds === undefined ? {} : { gracePeriodSeconds }),
    ...(propagationPolicy === undefined ? {} : { propagationPolicy }),
  };
}

interface EvictionBody {
  kind?: string;
  apiVersion?: string;
  metadata?: { name?: string };
  deleteOptions?: Omit<EvictionOptions, 'dryRun'> & { dryRun?: string[] };
}

/** What an eviction asks for. @throws StatusError 400 and 500 with the words of the API server */
export function evictionOf({ request, query, dryRun, name }: Call): EvictionOptions {
  const body = parseEviction(request.body);
  if (body.metadata?.name !== name) throw badRequest('name in URL does not match name in Eviction object');
  const { dryRun: asked = [], ...options } = body.deleteOptions ?? {};
  const inQuery = query.getAll('dryRun');
  if (inQuery.length > 0 && asked.length > 0 && inQuery.join() !== asked.join()) {
    const message = `Non-matching dry-run options in request and content: [${inQuery.join(' ')}] and [${asked.join(' ')}]`;
    throw new StatusError(500, undefined, message);
  }
  return { ...options, dryRun: dryRun || asked.includes('All') };
}

function parseEviction(text: string): EvictionBody {
  let body: EvictionBody;
  try {
    body = JSON.parse(text);
  } catch {
    const shown = text.startsWith('{') ? text.slice(0, 30) : Buffer.from(text.slice(0, 15)).toString('hex');
    const rest = text.length > 30 ? ' ...' : '';
    throw badRequest(
      'the object provided is unrecognized (must be of type Eviction): ' +
        `couldn't get version/kind; json parse error: unexpected end of JSON input (${shown}${rest})`,
    );
  }
  const { kind = 'Eviction', apiVersion = 'policy/v1' } = body;
  const [version = '', group = ''] = apiVersion.split('/').toReversed();
  if (kind !== 'Eviction' || group !== 'policy') {
    throw badRequest(
      `${kind} in version "${version}" cannot be handled as a Eviction: ` +
        `converting (${version}.${kind}) to (policy.Eviction): unknown conversion`,
    );
  }
  return body;
}
