/** The verbs get, list and watch. */
import type { KubeObject, Random, SimClock, SimResponse } from '../types.ts';
import { listPage, parseSelection } from './lists.ts';
import { type Call, formOf, includeOf, type Route } from './requests.ts';
import { answer, answerObject, render } from './responses.ts';
import { badRequest, invalid, notFound, StatusError } from './status.ts';
import type { KubernetesStore } from './store.ts';
import { toTable } from './tables.ts';
import { watchStream } from './watches.ts';

/** How long a list at a version yet to come waits for it. */
const futureVersionMs = 3_000;

export interface ReadContext {
  store: KubernetesStore;
  clock: SimClock;
  random: Random;
}

/** @throws StatusError 404 */
export function present(store: KubernetesStore, { resource, namespace, name = '' }: Route): KubeObject {
  const object = store.get(resource.resource, namespace, name);
  if (!object) throw notFound(resource, name);
  return object;
}

export function get({ store, clock }: ReadContext, call: Call): SimResponse {
  return answerObject(call, 200, present(store, call), clock.now());
}

export function list(context: ReadContext, call: Call): SimResponse | Promise<SimResponse> {
  const { store, clock } = context;
  const asked = call.query.get('resourceVersion') ?? '0';
  const version = Number(asked);
  if (!Number.isInteger(version)) throw badRequest(`resourceVersion: Invalid value: "${asked}"`);
  if (version <= store.version()) return listNow(context, call);
  return new Promise((resolve, reject) => {
    clock.after(futureVersionMs, () => {
      if (version <= store.version()) resolve(listNow(context, call));
      else reject(tooLarge(version, store.version()));
    });
  });
}

function listNow({ store, clock }: ReadContext, { resource, namespace, query, request }: Call): SimResponse {
  const { items, metadata } = listPage(store, resource, parseSelection(resource, namespace, query), query);
  const form = formOf(request);
  if (form === 'Table') {
    return answer(200, toTable(resource.resource, items, metadata, includeOf(query), clock.now()));
  }
  if (form !== undefined) {
    const head = { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata };
    return answer(200, { ...head, items: items.map(({ metadata: own }) => ({ metadata: own })) });
  }
  const bare = items.map(({ kind: _kind, apiVersion: _version, ...rest }) => rest);
  return answer(200, { kind: `${resource.kind}List`, apiVersion: resource.groupVersion, metadata, items: bare });
}

function tooLarge(version: number, current: number): StatusError {
  const message = `Timeout: Too large resource version: ${version}, current: ${current}`;
  return new StatusError(504, 'Timeout', message, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  });
}

export function watch({ store, clock, random }: ReadContext, call: Call): SimResponse {
  const { resource, query, namespace, name } = call;
  if (query.has('sendInitialEvents')) {
    const why = 'sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled';
    const cause = { reason: 'FieldValueForbidden', message: `Forbidden: ${why}`, field: 'sendInitialEvents' };
    throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', [cause]);
  }
  if (name !== undefined) query.set('fieldSelector', `metadata.name=${name}`);
  const selection = parseSelection(resource, namespace, query);
  const show = (object: KubeObject): object => render(call, object, clock.now());
  const body = watchStream({ store, clock, random, render: show }, resource, selection, query);
  return { status: 200, headers: { 'content-type': 'application/json' }, body };
}
