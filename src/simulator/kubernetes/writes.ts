/** The verbs that change something: create, update, patch, delete, and the subresources scale and eviction. */
import type { KubeObject, ObjectMeta, Random, SimClock, SimResponse } from '../types.ts';
import type { Admit } from './admission.ts';
import { checkIdentity, checkUid, within } from './changes.ts';
import { nameSuffix } from './defaults.ts';
import { type DeleteOptions, deleteObject, finishDeletion } from './deletion.ts';
import { checkPreconditions, type EvictionOptions } from './eviction.ts';
import { copy, equal, settle } from './json.ts';
import { listPage, parseSelection } from './lists.ts';
import { applyConfig, recordOwnership, type Writer } from './managed-fields.ts';
import { isKind, type Namespace, type Pod, type Workload } from './objects.ts';
import { present } from './reads.ts';
import {
  appliedConfig,
  type Call,
  type DeleteBody,
  deleteOptionsOf,
  evictionOf,
  isApply,
  objectOf,
  parseBody,
  patchOf,
} from './requests.ts';
import type { Resource } from './resources.ts';
import { answer, answerObject } from './responses.ts';
import { alreadyExists, forbidden, invalid, notFound, type Status, success } from './status.ts';
import type { KubernetesStore } from './store.ts';
import { validate } from './validation.ts';

export interface WriteContext {
  store: KubernetesStore;
  clock: SimClock;
  /** For generated names. */
  random: Random;
  admit: Admit;
  evict(namespace: string, name: string, options: EvictionOptions): void;
  deletePod(pod: Pod, options: DeleteOptions): KubeObject | undefined;
}

export function create(context: WriteContext, call: Call): SimResponse {
  const body = objectOf(call, parseBody<Partial<KubeObject>>(call.request, {}));
  return createObject(context, call, body, writerOf(context.store, call));
}

function createObject(context: WriteContext, call: Call, body: KubeObject, writer: Writer): SimResponse {
  const { store, clock, random } = context;
  const { resource, namespace, dryRun } = call;
  const { uid: _uid, resourceVersion: _version, creationTimestamp: _created, ...metadata } = body.metadata;
  delete metadata.deletionTimestamp;
  if (!metadata.name) {
    if (!metadata.generateName) {
      const message = 'Required value: name or generateName is required';
      throw invalid(resource, '', [{ reason: 'FieldValueRequired', message, field: 'metadata.name' }]);
    }
    metadata.name = metadata.generateName + nameSuffix(random);
  }
  if (namespace !== undefined) checkNamespace(store, resource, namespace, metadata.name);
  if (store.get(resource.resource, namespace, metadata.name)) throw alreadyExists(resource, metadata.name);
  const draft: KubeObject & { status?: unknown } = { ...body, metadata: { ...body.metadata, name: metadata.name } };
  // A client says what it wants; the server says how it is. Kubelets register nodes with their status.
  if (resource.hasStatus && resource.kind !== 'Node') delete draft.status;
  validate(resource, draft);
  context.admit({ ...placeOf(call), operation: 'CREATE', object: draft });
  recordOwnership(draft, undefined, writer);
  const { managedFields } = draft.metadata;
  const object = { ...draft, metadata: { ...metadata, ...(managedFields ? { managedFields } : {}) } };
  if (!dryRun) return answerObject(call, 201, store.create(resource.resource, object), clock.now());
  const ofServer = { uid: store.uid(), resourceVersion: '', creationTimestamp: store.timestamp() };
  return answerObject(call, 201, { ...object, metadata: { ...object.metadata, ...ofServer } }, clock.now());
}

/** Of a request, what admission looks at. */
function placeOf({ resource: { group, version, resource }, subresource, namespace, dryRun }: Call) {
  return { group, version, resource, subresource, namespace, dryRun };
}

function checkNamespace(store: KubernetesStore, resource: Resource, namespace: string, name: string): void {
  const found = store.get<Namespace>('namespaces', undefined, namespace);
  if (!found) throw notFound({ group: '', resource: 'namespaces' }, namespace);
  if (found.status.phase !== 'Terminating') return;
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  const error = forbidden(resource, name, why);
  const message = `namespace ${namespace} is being terminated`;
  const causes = [{ reason: 'NamespaceTerminating', message, field: 'metadata.namespace' }];
  error.status.details = { ...error.status.details, causes };
  throw error;
}

export function replace(context: WriteContext, call: Call): SimResponse {
  const body = objectOf(call, parseBody<Partial<KubeObject>>(call.request, {}));
  const change = (current: KubeObject): KubeObject => {
    checkUid(call.resource, current, body.metadata.uid);
    return body;
  };
  return answerObject(call, 200, write(context, call, change, true), context.clock.now());
}

export function patch(context: WriteContext, call: Call): SimResponse {
  if (isApply(call.request)) return apply(context, call);
  return answerObject(call, 200, write(context, call, patchOf(call.request), true), context.clock.now());
}

function apply(context: WriteContext, call: Call): SimResponse {
  const { store, clock } = context;
  const { resource, namespace, name = '', query } = call;
  const { manager, config } = appliedConfig(call);
  config.metadata.name = name;
  const writer: Writer = { ...writerOf(store, call), manager, operation: 'Apply' };
  if (!store.get(resource.resource, namespace, name)) return createObject(context, call, config, writer);
  const force = query.get('force') === 'true';
  const applied = write(context, call, (current) => applyConfig(current, config, writer, force), false);
  return answerObject(call, 200, applied, clock.now());
}

/**
 * Puts what `change` makes of an object in its place, within what the request may change. `owned`: what differs from
 * before becomes the client's.
 */
function write(
  { store, admit }: WriteContext,
  call: Call,
  change: (current: KubeObject) => KubeObject,
  owned: boolean,
): KubeObject {
  const { resource, namespace, name = '', subresource, dryRun } = call;
  const current = present(store, call);
  const wanted = change(current);
  checkIdentity(resource, current, wanted);
  const next = within(resource, subresource, current, wanted);
  if (subresource === undefined) validate(resource, next, current);
  admit({ ...placeOf(call), operation: 'UPDATE', object: next });
  if (owned && !equal(withoutBooks(next), withoutBooks(current))) recordOwnership(next, current, writerOf(store, call));
  if (dryRun) return settle(copy(next), current);
  const stored = store.update<KubeObject & Record<string, unknown>>(resource.resource, namespace, name, (draft) => {
    for (const key of Object.keys(draft)) if (!(key in next)) delete draft[key];
    Object.assign(draft, next);
  });
  return finishDeletion(store, resource.resource, stored ?? current);
}

/** An object without what the server itself keeps in it. */
function withoutBooks(object: KubeObject): object {
  const { managedFields: _fields, resourceVersion: _version, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function writerOf(store: KubernetesStore, { request, query, subresource }: Call): Writer {
  const agent = request.headers['user-agent']?.split('/')[0];
  const manager = query.get('fieldManager') || agent || 'unknown';
  return { manager, operation: 'Update', time: store.timestamp(), ...(subresource ? { subresource } : {}) };
}

interface Scale {
  metadata?: Partial<ObjectMeta>;
  spec?: { replicas?: number };
}

export function scale(context: WriteContext, call: Call, verb: string): SimResponse {
  const current = present(context.store, call);
  if (verb === 'get') return answer(200, scaleOf(current));
  const asked: Scale = verb === 'patch' ? patchOf(call.request)(scaleOf(current)) : parseBody(call.request, {});
  const { metadata: { uid, resourceVersion } = {}, spec: { replicas = 0 } = {} } = asked;
  checkUid(call.resource, current, uid);
  if (!Number.isInteger(replicas) || replicas < 0) {
    const message = `Invalid value: ${replicas}: must be greater than or equal to 0`;
    const cause = { reason: 'FieldValueInvalid', message, field: 'spec.replicas' };
    throw invalid({ group: 'autoscaling', kind: 'Scale' }, call.name ?? '', [cause]);
  }
  const change = (object: Workload): Workload => ({
    ...object,
    metadata: { ...object.metadata, ...(resourceVersion ? { resourceVersion } : {}) },
    spec: { ...object.spec, replicas },
  });
  const stored = write(
    context,
    { ...call, subresource: undefined },
    (object) => (isScalable(object) ? change(object) : object),
    true,
  );
  return answer(200, scaleOf(stored));
}

function isScalable(object: KubeObject): object is Workload {
  return 'spec' in object;
}

interface ScaleDocument extends Scale {
  kind: string;
  apiVersion: string;
  status: { replicas: number; selector: string };
}

function scaleOf(object: KubeObject & { status?: { replicas?: number } }): ScaleDocument {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const { replicas = 1, selector = {} }: Partial<Workload['spec']> = isScalable(object) ? object.spec : {};
  const labels = Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const place = { name, ...(namespace ? { namespace } : {}) };
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { ...place, uid, resourceVersion, creationTimestamp },
    spec: { replicas },
    status: { replicas: object.status?.replicas ?? 0, selector: labels.join(',') },
  };
}

export function remove(context: WriteContext, call: Call): SimResponse {
  const { store, clock } = context;
  const { resource, request, query, dryRun } = call;
  const object = present(store, call);
  const body = parseBody<DeleteBody>(request, {});
  checkPreconditions(object, body.preconditions);
  context.admit({ ...placeOf(call), operation: 'DELETE', object });
  if (dryRun || body.dryRun?.includes('All')) return answerObject(call, 200, object, clock.now());
  const gone = removeOne(context, resource, object, deleteOptionsOf(body, query));
  const { namespace, name, uid } = object.metadata;
  const left = store.get(resource.resource, namespace, name);
  // What waits for something, and every pod, is shown; of the rest only that it is gone.
  const shown = left?.metadata.uid === uid ? left : isKind<Pod>(object, 'Pod') ? gone : undefined;
  if (shown) return answerObject(call, 200, shown, clock.now());
  const { group, resource: kind } = resource;
  const details = { name, ...(group ? { group } : {}), kind, uid };
  return answer(200, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details } satisfies Status);
}

export function removeAll(context: WriteContext, call: Call): SimResponse {
  const { resource, namespace, query, request, dryRun } = call;
  const page = listPage(context.store, resource, parseSelection(resource, namespace, query), query);
  const body = parseBody<DeleteBody>(request, {});
  if (!dryRun) for (const object of page.items) removeOne(context, resource, object, deleteOptionsOf(body, query));
  return answer(200, { kind: `${resource.kind}List`, apiVersion: resource.groupVersion, ...page });
}

function removeOne(
  context: WriteContext,
  resource: Resource,
  object: KubeObject,
  how: DeleteOptions,
): KubeObject | undefined {
  if (isKind<Pod>(object, 'Pod')) return context.deletePod(object, how);
  return deleteObject(context.store, resource.resource, object, how);
}

export function evict(context: WriteContext, call: Call): SimResponse {
  context.evict(call.namespace ?? '', call.name ?? '', evictionOf(call));
  return answer(201, success);
}
