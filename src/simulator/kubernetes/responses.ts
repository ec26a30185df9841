/** Answers of the API server. */
import type { KubeObject, SimResponse } from '../types.ts';
import { type Call, formOf, includeOf } from './requests.ts';
import type { Status } from './status.ts';
import { metadataOnly, toTable } from './tables.ts';

export function answer(status: number, body: object): SimResponse {
  return { status, headers: { 'content-type': 'application/json' }, body: `${JSON.stringify(body)}\n` };
}

export function answerStatus(status: Status): SimResponse {
  const response = answer(status.code ?? 500, status);
  const wait = status.details?.retryAfterSeconds ?? 0;
  return wait > 0 ? { ...response, headers: { ...response.headers, 'retry-after': String(wait) } } : response;
}

export function answerText(status: number, body: string): SimResponse {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body };
}

/** One object in the form that the client asked for: `now` is what ages in a Table are counted to. */
export function answerObject(call: Call, status: number, object: KubeObject, now: number): SimResponse {
  return answer(status, render(call, object, now));
}

export function render({ request, resource, query }: Call, object: KubeObject, now: number): object {
  const form = formOf(request);
  if (form === undefined) return ordered(object);
  if (form !== 'Table') return metadataOnly(object);
  const { resourceVersion } = object.metadata;
  return toTable(resource.resource, [object], { resourceVersion }, includeOf(query), now);
}

/** Objects leave with kind and apiVersion first. */
function ordered({ kind, apiVersion, metadata, ...rest }: KubeObject): object {
  return { kind, apiVersion, metadata, ...rest };
}
