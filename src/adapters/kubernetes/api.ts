import type { Clock } from '../../ports/clock.ts';
import type { RandomSource } from '../clock/real-clock.ts';
import { isObject } from '../is-object.ts';
import { createPageGuard } from '../readable.ts';
import { type RetryLimits, retry } from '../retry.ts';
import { apiServer } from './api-server.ts';
import type { Connection, HttpRequest } from './connection.ts';
import { type KubernetesOperation, translateKubernetesError } from './errors.ts';
import { classifyKubernetesError, StatusError, startsAsPage, statusErrorOf, UnreadableAnswer } from './status-error.ts';
import type { WireAnswer, WireAny } from './wire.ts';

/** Plural name of a resource and the folder it lives in: `/api/v1`, `/apis/apps/v1`. */
export interface Resource {
  api: string;
  plural: string;
  /** with its group, where messages and kubectl need it: `eniconfigs.crd.k8s.amazonaws.com` */
  fullName?: string;
}

export const resources = {
  nodes: { api: '/api/v1', plural: 'nodes' },
  pods: { api: '/api/v1', plural: 'pods' },
  podDisruptionBudgets: { api: '/apis/policy/v1', plural: 'poddisruptionbudgets' },
  deployments: { api: '/apis/apps/v1', plural: 'deployments' },
  replicaSets: { api: '/apis/apps/v1', plural: 'replicasets' },
  statefulSets: { api: '/apis/apps/v1', plural: 'statefulsets' },
  daemonSets: { api: '/apis/apps/v1', plural: 'daemonsets' },
  eniConfigs: {
    api: '/apis/crd.k8s.amazonaws.com/v1alpha1',
    plural: 'eniconfigs',
    fullName: 'eniconfigs.crd.k8s.amazonaws.com',
  },
  leases: { api: '/apis/coordination.k8s.io/v1', plural: 'leases' },
  configMaps: { api: '/api/v1', plural: 'configmaps' },
  jobs: { api: '/apis/batch/v1', plural: 'jobs' },
  cronJobs: { api: '/apis/batch/v1', plural: 'cronjobs' },
  volumeClaims: { api: '/api/v1', plural: 'persistentvolumeclaims' },
  volumes: { api: '/api/v1', plural: 'persistentvolumes' },
  csiNodes: { api: '/apis/storage.k8s.io/v1', plural: 'csinodes' },
  validatingWebhooks: {
    api: '/apis/admissionregistration.k8s.io/v1',
    plural: 'validatingwebhookconfigurations',
  },
  mutatingWebhooks: { api: '/apis/admissionregistration.k8s.io/v1', plural: 'mutatingwebhookconfigurations' },
  services: { api: '/api/v1', plural: 'services' },
  nodePools: { api: '/apis/karpenter.sh/v1', plural: 'nodepools', fullName: 'nodepools.karpenter.sh' },
  nodePoolsBeta: { api: '/apis/karpenter.sh/v1beta1', plural: 'nodepools', fullName: 'nodepools.karpenter.sh' },
  nodeClasses: {
    api: '/apis/karpenter.k8s.aws/v1',
    plural: 'ec2nodeclasses',
    fullName: 'ec2nodeclasses.karpenter.k8s.aws',
  },
  nodeClassesBeta: {
    api: '/apis/karpenter.k8s.aws/v1beta1',
    plural: 'ec2nodeclasses',
    fullName: 'ec2nodeclasses.karpenter.k8s.aws',
  },
  resourceQuotas: { api: '/api/v1', plural: 'resourcequotas' },
  events: { api: '/api/v1', plural: 'events' },
} as const satisfies Record<string, Resource>;

export type Query = Record<string, string | undefined>;

/** Path with the query string; names are percent-encoded. */
export function pathOf(resource: Resource, namespace?: string, name?: string, query: Query = {}): string {
  const scope = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  const object = name === undefined ? '' : `/${encodeURIComponent(name)}`;
  return `${resource.api}${scope}/${resource.plural}${object}${queryString(query)}`;
}

export function queryString(query: Query): string {
  const pairs = Object.entries(query).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key}=${encodeURIComponent(value)}`],
  );
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`;
}

export interface ApiOptions {
  connection: Connection;
  clock: Clock;
  random?: RandomSource | undefined;
  signal?: AbortSignal | undefined;
  limits?: Partial<RetryLimits> | undefined;
}

export interface ApiCall extends Omit<HttpRequest, 'signal'> {
  operation: KubernetesOperation;
  /** the same request twice has the effect of one */
  repeatable: boolean;
  /** in place of the port's own */
  signal?: AbortSignal | undefined;
  limits?: Partial<RetryLimits> | undefined;
  /** any other answer is not from Kubernetes */
  isList?: boolean;
}

export interface Listing<T> {
  items: T[];
  /** from where a watch goes on */
  resourceVersion: string;
}

export type Api = ReturnType<typeof createApi>;

/** kubectl's page: larger ones cost memory and stall the event loop, smaller ones cost round trips. */
const pageSize = 500;
/** A list that outlives its snapshot on the server is begun anew this often. */
const listAttempts = 5;

/** Calls of the API server: retried by the one policy, failures translated (the StatusError is the `cause`). */
export function createApi({ connection, clock, random, signal, limits }: ApiOptions) {
  const server = connection.serverUrl;

  /** The JSON of a success; undefined for a body that is empty. */
  async function call(request: ApiCall): Promise<WireAnswer | undefined> {
    const { operation, repeatable, isList = false, ...http } = request;
    const stop = 'signal' in request ? request.signal : signal;
    try {
      return await retry((attempt) => once({ ...http, signal: attempt }, isList), {
        clock,
        classify: classifyKubernetesError,
        repeatable,
        signal: stop,
        random,
        limits: { ...limits, ...request.limits },
      });
    } catch (error) {
      if (stop?.aborted) throw stop.reason;
      throw translateKubernetesError(error, operation, connection.label);
    }
  }

  async function once(request: HttpRequest, isList = false): Promise<WireAnswer | undefined> {
    const response = await connection.send(request);
    if (response.statusCode >= 300) throw await statusErrorOf(response, clock.now());
    const text = await response.body.text();
    if (startsAsPage(text)) throw new StatusError(response.statusCode, undefined, text, clock.now());
    const answer = parse(text);
    if (isList && !isListAnswer(answer)) throw new UnreadableAnswer('the answer is no list');
    return answer;
  }

  /**
   * All pages of a list, each turned into domain types and dropped at once. When the server forgets the snapshot between
   * two pages (410), the list is begun anew: the token that it offers would give an inconsistent rest.
   */
  async function list<T>(
    resource: Resource,
    project: (object: WireAny) => T,
    options: { namespace?: string | undefined; query?: Query; signal?: AbortSignal | undefined } = {},
  ): Promise<Listing<T>> {
    const { namespace, query = {} } = options;
    const operation: KubernetesOperation = { verb: 'list', resource: resource.fullName ?? resource.plural, namespace };
    for (let attempt = 1; ; attempt += 1) {
      const items: T[] = [];
      let resourceVersion = '';
      let next: string | undefined;
      const guard = createPageGuard(apiServer, operation.resource);
      try {
        do {
          const path = pathOf(resource, namespace, undefined, { ...query, limit: String(pageSize), continue: next });
          const stop = options.signal === undefined ? {} : { signal: options.signal };
          const page = await call({
            operation,
            repeatable: true,
            isList: true,
            method: 'GET',
            path,
            ...stop,
          });
          for (const object of page?.items ?? []) items.push(project(object));
          resourceVersion ||= page?.metadata?.resourceVersion ?? '';
          next = page?.metadata?.continue || undefined;
          guard(next);
        } while (next !== undefined);
        return { items, resourceVersion };
      } catch (error) {
        if (statusOf(error) !== 410 || next === undefined || attempt >= listAttempts) throw error;
      }
    }
  }

  return { call, once, list, connection, clock, random, signal, server };
}

/** What is no list must not pass for an empty one: that would mean that nothing is left on a node. */
function isListAnswer(answer: WireAnswer | undefined): boolean {
  const { items, kind } = answer ?? {};
  return (
    Array.isArray(items) || items === null || (items === undefined && typeof kind === 'string' && kind.endsWith('List'))
  );
}

/** @throws UnreadableAnswer */
function parse(text: string): WireAnswer | undefined {
  if (text.trim() === '') return undefined;
  let answer: WireAnswer | null;
  try {
    answer = JSON.parse(text);
  } catch (cause) {
    throw new UnreadableAnswer('the answer is no JSON', { cause });
  }
  if (answer !== null && (!isObject(answer) || Array.isArray(answer)))
    throw new UnreadableAnswer('the answer is no object');
  return answer ?? undefined;
}

/** HTTP status behind a translated failure; undefined when the server did not answer. */
export const statusOf = (error: unknown): number | undefined =>
  error instanceof Error && error.cause instanceof StatusError ? error.cause.status : undefined;
