/** LIST: selectors, pages, and lists at a version of the past. */
import type { KubeObject } from '../types.ts';
import { type Event, type Namespace, type Node, onKind, type Pod, type ReplicaSet } from './objects.ts';
import type { Resource } from './resources.ts';
import { BadSelector, type FieldRequirement, parseFieldSelector, parseLabelSelector } from './selectors.ts';
import { badRequest, StatusError } from './status.ts';
import { compareText, type KubernetesStore } from './store.ts';

export interface Selection {
  namespace: string | undefined;
  matches(object: KubeObject): boolean;
  /** The node whose pods are asked for. */
  nodeName: string | undefined;
  /** Whether anything but the namespace narrows it. */
  selective: boolean;
}

export interface Page {
  items: KubeObject[];
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
}

/** @throws StatusError 400 for a selector that does not parse or a field that cannot be selected. */
export function parseSelection(resource: Resource, namespace: string | undefined, query: URLSearchParams): Selection {
  const labelSelector = query.get('labelSelector') ?? '';
  const fieldSelector = query.get('fieldSelector') ?? '';
  try {
    const labelsMatch = parseLabelSelector(labelSelector);
    const fields = parseFieldSelector(fieldSelector);
    for (const { field } of fields) {
      if (!fieldOf(resource.resource, field)) throw new BadSelector(`field label not supported: ${field}`);
    }
    return {
      namespace,
      matches: (object) =>
        labelsMatch(object.metadata.labels) && fields.every((field) => holds(resource.resource, object, field)),
      nodeName: fields.find(({ field, equals }) => resource.resource === 'pods' && field === 'spec.nodeName' && equals)
        ?.value,
      selective: labelSelector !== '' || fieldSelector !== '',
    };
  } catch (error) {
    if (error instanceof BadSelector) throw badRequest(error.message);
    throw error;
  }
}

type Getter = (object: KubeObject) => string | boolean | number | undefined;

const ofPod = (read: (pod: Pod) => ReturnType<Getter>): Getter => onKind<Pod, ReturnType<Getter>>('Pod', read);
const ofEvent = (read: (event: Event) => ReturnType<Getter>): Getter =>
  onKind<Event, ReturnType<Getter>>('Event', read);

const selectable: Record<string, Record<string, Getter>> = {
  pods: {
    'spec.nodeName': ofPod(({ spec }) => spec.nodeName),
    'spec.restartPolicy': ofPod(({ spec }) => spec.restartPolicy),
    'spec.schedulerName': ofPod(({ spec }) => spec.schedulerName),
    'spec.serviceAccountName': ofPod(({ spec }) => spec.serviceAccountName),
    'spec.hostNetwork': ofPod(({ spec }) => spec.hostNetwork ?? false),
    'status.phase': ofPod(({ status }) => status.phase),
    'status.podIP': ofPod(({ status }) => status.podIP),
    'status.nominatedNodeName': () => '',
  },
  nodes: { 'spec.unschedulable': onKind('Node', ({ spec }: Node) => spec.unschedulable ?? false) },
  namespaces: { 'status.phase': onKind('Namespace', ({ status }: Namespace) => status.phase) },
  replicasets: { 'status.replicas': onKind('ReplicaSet', ({ status }: ReplicaSet) => status.replicas) },
  events: {
    ...Object.fromEntries(
      (['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'] as const).map((field) => [
        `involvedObject.${field}`,
        ofEvent(({ involvedObject }) => involvedObject[field]),
      ]),
    ),
    reason: ofEvent(({ reason }) => reason),
    type: ofEvent(({ type }) => type),
    source: ofEvent(({ source }) => source?.component),
    reportingComponent: ofEvent(({ reportingComponent }) => reportingComponent),
  },
};

function fieldOf(resource: string, field: string): Getter | undefined {
  if (field === 'metadata.name') return ({ metadata }: KubeObject) => metadata.name;
  if (field === 'metadata.namespace') return ({ metadata }: KubeObject) => metadata.namespace;
  return selectable[resource]?.[field];
}

function holds(resource: string, object: KubeObject, { field, value, equals }: FieldRequirement): boolean {
  const found = fieldOf(resource, field)?.(object);
  return (String(found ?? '') === value) === equals;
}

/** What a continue token holds: version (-1: go on with the present state) and the key to begin at. */
interface Token {
  v: string;
  rv: number;
  start: string;
}

const tokenFormat = 'meta.k8s.io/v1';

/** One page of a list, at the version that its parameters ask for. */
export function listPage(
  store: KubernetesStore,
  resource: Resource,
  selection: Selection,
  query: URLSearchParams,
): Page {
  const token = query.get('continue') ?? '';
  const version = query.get('resourceVersion') ?? '';
  const match = query.get('resourceVersionMatch') ?? '';
  // A list "at any version" comes from the server's cache, which knows no pages.
  const limit = version === '0' && token === '' ? 0 : Number(query.get('limit') ?? 0);
  if (!Number.isInteger(limit) || limit < 0)
    throw badRequest(`limit must be a whole number, got ${query.get('limit')}`);
  if (token !== '') {
    if (version !== '' && version !== '0') {
      throw badRequest('specifying resource version is not allowed when using continue');
    }
    const { rv, start } = decodeToken(token);
    const begin = start.replace(/^\//, '');
    if (rv > 0 && store.changesSince(resource.resource, rv) === undefined) throw tokenExpired(begin);
    return page(store, resource.resource, selection, { at: rv > 0 ? rv : undefined, begin, limit, first: false });
  }
  const exact = match === 'Exact' || (match === '' && limit > 0 && version !== '' && version !== '0');
  const at = exact ? Number(version) : undefined;
  if (at !== undefined && store.changesSince(resource.resource, at) === undefined) {
    throw new StatusError(410, 'Expired', 'The resourceVersion for the provided list is too old.');
  }
  return page(store, resource.resource, selection, { at, begin: '', limit, first: true });
}

interface PageRequest {
  at: number | undefined;
  begin: string;
  limit: number;
  first: boolean;
}

function page(
  store: KubernetesStore,
  resource: string,
  selection: Selection,
  { at, begin, limit, first }: PageRequest,
): Page {
  const version = at ?? store.version();
  const items: KubeObject[] = [];
  let remaining = 0;
  for (const object of objectsAt(store, resource, selection, at, begin)) {
    if (selection.selective && !selection.matches(object)) continue;
    if (limit > 0 && items.length === limit) {
      remaining += 1;
      // A count costs a look at every object that is left; with a selector nobody asks for it.
      if (selection.selective) break;
    } else items.push(object);
  }
  const last = items.at(-1);
  const metadata: Page['metadata'] = { resourceVersion: String(version) };
  if (last && remaining > 0) {
    const start = `${first ? '/' : ''}${keyWithin(last, selection.namespace)}\u0000`;
    metadata.continue = encodeToken({ v: tokenFormat, rv: version, start });
    if (!selection.selective) metadata.remainingItemCount = remaining;
  }
  return { items, metadata };
}

function keyWithin({ metadata }: KubeObject, namespace: string | undefined): string {
  return namespace === undefined && metadata.namespace !== undefined
    ? `${metadata.namespace}/${metadata.name}`
    : metadata.name;
}

/** The objects from a key on, in the order of their keys, as they are or as they were. */
function objectsAt(
  store: KubernetesStore,
  resource: string,
  selection: Selection,
  at: number | undefined,
  begin: string,
): Iterable<KubeObject> {
  const { namespace, nodeName } = selection;
  const inReach = (object: KubeObject): boolean =>
    (namespace === undefined || object.metadata.namespace === namespace) && keyWithin(object, namespace) >= begin;
  const now =
    nodeName === undefined
      ? store.sorted(resource, namespace, begin)
      : sortByKey(store.podsOnNode(nodeName).filter(inReach));
  const changes = at === undefined ? [] : (store.changesSince(resource, at) ?? []);
  if (changes.length === 0) return now;
  const then = new Map<string, KubeObject | undefined>();
  // The first change after that time has the object as it was.
  for (const { object, previous } of changes) {
    const key = keyWithin(object, undefined);
    if (!then.has(key)) then.set(key, previous);
  }
  const restored = [...then.values()].filter((object) => object !== undefined).filter(inReach);
  return inPlaceOf(now, then, sortByKey(restored));
}

/** What is there now, with everything that changed since as it was then; both in the order of their keys. */
function* inPlaceOf(
  now: Iterable<KubeObject>,
  changed: ReadonlyMap<string, unknown>,
  restored: readonly KubeObject[],
): Iterable<KubeObject> {
  const waiting = restored.map((object) => ({ object, key: keyWithin(object, undefined) })).toReversed();
  for (const object of now) {
    const key = keyWithin(object, undefined);
    for (let next = waiting.at(-1); next && next.key <= key; next = waiting.at(-1)) {
      waiting.pop();
      yield next.object;
    }
    if (!changed.has(key)) yield object;
  }
  yield* waiting.toReversed().map(({ object }) => object);
}

function sortByKey(objects: KubeObject[]): KubeObject[] {
  return objects.toSorted((a, b) => compareText(keyWithin(a, undefined), keyWithin(b, undefined)));
}

function encodeToken(token: Token): string {
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

function decodeToken(text: string): Token {
  const decoded = Buffer.from(text, 'base64url');
  let token: Partial<Token>;
  try {
    token = JSON.parse(decoded.toString('utf8'));
  } catch {
    throw badRequest(`invalid continue token: continue key is not valid: invalid character ${firstCharacter(decoded)}`);
  }
  if (token.v !== tokenFormat) {
    throw badRequest(
      'invalid continue token: continue key is not valid: server does not recognize this encoded version ' +
        JSON.stringify(token.v ?? ''),
    );
  }
  const { rv = 0, start = '' } = token;
  if (rv === 0)
    throw badRequest(
      'invalid continue token: continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)',
    );
  return { v: tokenFormat, rv, start };
}

/** As Go's JSON decoder complains of it. */
function firstCharacter(decoded: Buffer): string {
  const code = decoded[0] ?? 0;
  const shown = code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : `\\u${code.toString(16).padStart(4, '0')}`;
  return `'${shown}' looking for beginning of value`;
}

function tokenExpired(begin: string): StatusError {
  const error = new StatusError(
    410,
    'Expired',
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without ' +
      'the continue parameter, or use the continue token in this response to retrieve the remainder of the results. ' +
      'Continuing with the provided token results in an inconsistent list - objects that were created, modified, or ' +
      'deleted between the time the first chunk was returned and now may show up in the list.',
  );
  error.status.metadata = { continue: encodeToken({ v: tokenFormat, rv: -1, start: begin }) };
  return error;
}
