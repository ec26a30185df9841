import { isDeepStrictEqual } from 'node:util';
import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import type { ClusterNode, Workload } from '../../domain/snapshot.ts';
import type { Clock } from '../../ports/clock.ts';
import type {
  EnvironmentChange,
  EvictionOutcome,
  FollowEvent,
  Followed,
  KubernetesPort,
  LeaseRecord,
} from '../../ports/kubernetes.ts';
import { cleanText } from '../clean-text.ts';
import type { RandomSource } from '../clock/real-clock.ts';
import { withDeadline } from '../deadline.ts';
import type { RetryLimits } from '../retry.ts';
import { createApi, pathOf, queryString, type Resource, resources, statusOf } from './api.ts';
import {
  toConfigMap,
  toDaemonSet,
  toEniConfig,
  toLeaseRecord,
  toNode,
  toNodeImages,
  toPod,
  toPodDisruptionBudget,
  toPodEvent,
  toPodManifest,
  toWorkload,
} from './checked-projections.ts';
import { type ConnectionOptionsOfPort, connect } from './connection.ts';
import type { KubernetesOperation } from './errors.ts';
import { refusedEviction } from './eviction.ts';
import { follow } from './follow.ts';
import { optionalLists } from './optional-lists.ts';
import { containerOf, environmentOf, leaseAnnotations } from './projections.ts';
import type { WireAccessReview, WireAnswer, WireAny, WireLease, WirePod, WireWorkload } from './wire.ts';

export interface KubernetesOptions extends ConnectionOptionsOfPort {
  clock: Clock;
  /** ends every call under way and every wait, except those of lock and journal */
  signal?: AbortSignal | undefined;
  random?: RandomSource | undefined;
  limits?: Partial<RetryLimits> | undefined;
}

const projections: { [K in keyof Followed]: (object: WireAny) => Followed[K] } = {
  pods: toPod,
  nodes: toNode,
  podDisruptionBudgets: toPodDisruptionBudget,
};

const fieldManager = 'prefix-migrate';
/** What `kubectl rollout restart` sets on the template. */
const restartedAt = 'kubectl.kubernetes.io/restartedAt';
/** The server itself works up to 30 s on an eviction whose budget is contended. */
const evictionMilliseconds = 45_000;
/** An API call of the lock must end before the lock does. */
const leaseLimits: Partial<RetryLimits> = { attemptMilliseconds: 10_000, totalMilliseconds: 20_000 };
/** A preflight does not wait for the API server. */
const reviewLimits: Partial<RetryLimits> = { attempts: 2, attemptMilliseconds: 2000, totalMilliseconds: 2000 };
/** A run whose journal cannot be written must not outlive its lock. */
const journalLimits: Partial<RetryLimits> = {
  attemptMilliseconds: 10_000,
  totalMilliseconds: 30_000,
  unreachableMilliseconds: 30_000,
};

/**
 * The Kubernetes side of the ports. `kubeconfig` (one path, or several as in KUBECONFIG) and `context`, or `cluster` to go
 * without a kubeconfig; with neither the default kubeconfig is read.
 *
 * @throws MigrateError KUBERNETES.BAD_KUBECONFIG
 */
export async function createKubernetesPort(options: KubernetesOptions): Promise<KubernetesPort> {
  const { clock, signal, random, limits } = options;
  const connection = await connect(options);
  const api = createApi({ connection, clock, signal, random, limits });

  async function get(
    resource: Resource,
    namespace: string | undefined,
    name: string,
    more = {},
  ): Promise<WireAnswer | undefined> {
    const operation: KubernetesOperation = { verb: 'get', resource: resource.plural, namespace, name };
    const path = pathOf(resource, namespace, name);
    return unlessGone(api.call({ operation, repeatable: true, method: 'GET', path, ...more }));
  }

  async function patchNode(name: string, body: object): Promise<ClusterNode | undefined> {
    const operation: KubernetesOperation = { verb: 'patch', resource: 'nodes', name };
    const node = await unlessGone(
      api.call({
        operation,
        repeatable: true,
        method: 'PATCH',
        path: pathOf(resources.nodes, undefined, name, { fieldManager }),
        contentType: 'application/strategic-merge-patch+json',
        body,
      }),
    );
    return node === undefined ? undefined : toNode(node);
  }

  /** With the uid, so that a new node of the same name is left alone. */
  async function patchNodeOf(
    name: string,
    uid: string,
    annotations: Record<string, string | null>,
    spec: object = {},
  ): Promise<ClusterNode | undefined> {
    const patch = { metadata: { uid, annotations }, spec };
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await patchNode(name, patch);
      } catch (error) {
        // another uid is an invalid change to the API server (422); 409 is a change at the same time
        const status = statusOf(error);
        if (status !== 409 && status !== 422) throw error;
        const node = await get(resources.nodes, undefined, name);
        if (node === undefined || node.metadata?.uid !== uid) return undefined;
        if (status === 422 || attempt >= 5) throw error;
      }
    }
  }

  async function workloads(kind: Workload['kind'], resource: Resource): Promise<Workload[]> {
    const { items } = await api.list(resource, (object) => toWorkload(kind, object));
    return items;
  }

  return {
    serverUrl: () => api.server,

    certificateAuthority: () => connection.certificateAuthority,

    async version() {
      const operation: KubernetesOperation = { verb: 'get', resource: 'version' };
      const version = await api.call({ operation, repeatable: true, method: 'GET', path: '/version' });
      return cleanText(version?.gitVersion);
    },

    async listNodes(nodegroupName) {
      const labelSelector = nodegroupName === undefined ? undefined : `eks.amazonaws.com/nodegroup=${nodegroupName}`;
      return (await api.list(resources.nodes, toNode, { query: { labelSelector } })).items;
    },

    async nodeImages(nodegroupName) {
      const labelSelector = `eks.amazonaws.com/nodegroup=${nodegroupName}`;
      return Object.fromEntries((await api.list(resources.nodes, toNodeImages, { query: { labelSelector } })).items);
    },

    async listPods({ nodeName, namespace, labelSelector } = {}) {
      const fieldSelector = nodeName === undefined ? undefined : `spec.nodeName=${nodeName}`;
      return (await api.list(resources.pods, toPod, { namespace, query: { fieldSelector, labelSelector } })).items;
    },

    async getPod(namespace, name) {
      const pod = await get(resources.pods, namespace, name);
      return pod === undefined ? undefined : toPod(pod);
    },

    async listPodDisruptionBudgets() {
      return (await api.list(resources.podDisruptionBudgets, toPodDisruptionBudget)).items;
    },

    async listWorkloads() {
      const replicaSets = await workloads('ReplicaSet', resources.replicaSets);
      return [
        ...(await workloads('Deployment', resources.deployments)),
        // the old ones that a Deployment keeps for its history say nothing
        ...replicaSets.filter((set) => set.replicas > 0 || set.readyReplicas > 0),
        ...(await workloads('StatefulSet', resources.statefulSets)),
        ...(await workloads('DaemonSet', resources.daemonSets)),
      ];
    },

    async listEniConfigs() {
      try {
        return (await api.list(resources.eniConfigs, toEniConfig)).items;
      } catch (error) {
        // the API server does not know the kind
        if (statusOf(error) === 404) return [];
        throw error;
      }
    },

    ...optionalLists(api),

    async podManifest(namespace, name) {
      const pod = await get(resources.pods, namespace, name);
      return pod === undefined ? undefined : toPodManifest(pod);
    },

    async podEvents(namespace, name) {
      const query = { fieldSelector: `involvedObject.name=${name},involvedObject.namespace=${namespace}` };
      const { items } = await api.list(resources.events, toPodEvent, { namespace, query });
      return items.toSorted((a, b) => Date.parse(b.lastAt) - Date.parse(a.lastAt));
    },

    annotateNode: (nodeName, uid, annotations) => patchNodeOf(nodeName, uid, annotations),

    restartDeployment,

    async getDaemonSet(namespace, name, container) {
      const daemonSet = await get(resources.daemonSets, namespace, name);
      return daemonSet === undefined ? undefined : toDaemonSet(daemonSet, container);
    },

    setEnvironment,

    async podEnvironments(namespace, labelSelector, container) {
      const { items } = await api.list(
        resources.pods,
        (pod: WirePod) =>
          [pod.metadata?.name ?? '', environmentOf(containerOf(pod.spec?.containers, container))] as const,
        { namespace, query: { labelSelector } },
      );
      return Object.fromEntries(items);
    },

    cordon: (nodeName, uid, { key, value }) => patchNodeOf(nodeName, uid, { [key]: value }, { unschedulable: true }),

    uncordon: (nodeName, annotationKey) =>
      patchNode(nodeName, { metadata: { annotations: { [annotationKey]: null } }, spec: { unschedulable: null } }),

    evict,

    async createPod(namespace, manifest) {
      const operation: KubernetesOperation = { verb: 'create', resource: 'pods', namespace };
      const path = pathOf(resources.pods, namespace, undefined, { fieldManager });
      try {
        await api.call({ operation, repeatable: true, method: 'POST', path, body: manifest });
      } catch (error) {
        const exists =
          statusOf(error) === 409 && /already exists/i.test(error instanceof Error ? causeText(error) : '');
        if (!exists) throw error;
      }
    },

    async deletePod(namespace, name, uid) {
      const operation: KubernetesOperation = { verb: 'delete', resource: 'pods', namespace, name };
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid } };
      const path = pathOf(resources.pods, namespace, name);
      try {
        await unlessGone(api.call({ operation, repeatable: true, method: 'DELETE', path, body }));
      } catch (error) {
        // another pod has the name now, so ours is gone
        if (statusOf(error) !== 409) throw error;
      }
    },

    follow<K extends keyof Followed>(
      name: K,
      listener: (event: FollowEvent<Followed[K]>) => void,
      stop: AbortSignal,
    ): Promise<void> {
      return follow(
        api,
        resources[name],
        projections[name],
        listener,
        signal === undefined ? stop : AbortSignal.any([stop, signal]),
      );
    },

    async mayI(access) {
      const { status }: WireAccessReview =
        (await api.call({
          operation: { verb: 'create', resource: 'selfsubjectaccessreviews' },
          repeatable: true,
          method: 'POST',
          path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
          body: {
            apiVersion: 'authorization.k8s.io/v1',
            kind: 'SelfSubjectAccessReview',
            spec: { resourceAttributes: access },
          },
          limits: reviewLimits,
        })) ?? {};
      if (typeof status?.allowed !== 'boolean') return 'unknown';
      if (status.allowed) return 'allowed';
      // a rule that could not be read might have allowed it
      return status.evaluationError ? 'unknown' : 'denied';
    },

    async getLease(namespace, name) {
      const lease = await get(resources.leases, namespace, name, { signal: undefined, limits: leaseLimits });
      return lease === undefined ? undefined : toLeaseRecord(lease);
    },

    async getConfigMap(namespace, name) {
      const map = await get(resources.configMaps, namespace, name, { signal: undefined, limits: journalLimits });
      return map === undefined ? undefined : toConfigMap(map);
    },

    async putConfigMap(namespace, { name, data, labels, resourceVersion }) {
      const stored = await put(
        resources.configMaps,
        {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name, namespace, labels, ...versionOf(resourceVersion) },
          data,
        },
        journalLimits,
        (found) => isDeepStrictEqual(toConfigMap(found).data, data),
      );
      return stored === 'conflict' ? 'conflict' : toConfigMap(stored);
    },

    putLease,
  };

  async function setEnvironment(
    namespace: string,
    name: string,
    container: string,
    { env, before }: EnvironmentChange,
  ): Promise<'done' | 'changed' | 'gone'> {
    for (let attempt = 1; ; attempt += 1) {
      const found = await get(resources.daemonSets, namespace, name);
      if (found === undefined) return 'gone';
      const live = toDaemonSet(found, container).env;
      const isSet = (variable: string, value: string | null | undefined): boolean => (live[variable] ?? null) === value;
      const missing = Object.entries(env).filter(([variable, value]) => !isSet(variable, value));
      if (missing.length === 0) return 'done';
      if (missing.some(([variable]) => !isSet(variable, before[variable] ?? null))) return 'changed';
      const variables = missing.map(([variable, value]) =>
        // an entry that was a reference cannot have a value besides
        value === null ? { name: variable, $patch: 'delete' } : { name: variable, value, valueFrom: null },
      );
      const operation: KubernetesOperation = { verb: 'patch', resource: 'daemonsets', namespace, name };
      try {
        const patched = await unlessGone(
          api.call({
            operation,
            repeatable: true,
            method: 'PATCH',
            path: pathOf(resources.daemonSets, namespace, name, { fieldManager }),
            contentType: 'application/strategic-merge-patch+json',
            body: {
              // of the object that was looked at: whatever comes in between is refused (409) and looked at again
              metadata: { resourceVersion: found.metadata?.resourceVersion },
              spec: { template: { spec: { containers: [{ name: container, env: variables }] } } },
            },
          }),
        );
        return patched === undefined ? 'gone' : 'done';
      } catch (error) {
        if (statusOf(error) !== 409 || attempt >= 5) throw error;
      }
    }
  }

  async function restartDeployment(namespace: string, name: string, at: string): Promise<'done' | 'gone'> {
    for (let attempt = 1; ; attempt += 1) {
      const found: WireWorkload | undefined = await get(resources.deployments, namespace, name);
      if (found === undefined) return 'gone';
      const last = Date.parse(found.spec?.template?.metadata?.annotations?.[restartedAt] ?? '');
      if (last >= Date.parse(at)) return 'done';
      const operation: KubernetesOperation = { verb: 'patch', resource: 'deployments', namespace, name };
      if (found.spec?.paused === true) throw pausedDeployment(namespace, name);
      try {
        const patched = await unlessGone(
          api.call({
            operation,
            repeatable: true,
            method: 'PATCH',
            path: pathOf(resources.deployments, namespace, name, { fieldManager }),
            contentType: 'application/strategic-merge-patch+json',
            body: {
              // of the object that was looked at, so that two restarts at the same time become one
              metadata: { resourceVersion: found.metadata?.resourceVersion },
              spec: { template: { metadata: { annotations: { [restartedAt]: at } } } },
            },
          }),
        );
        return patched === undefined ? 'gone' : 'done';
      } catch (error) {
        if (statusOf(error) !== 409 || attempt >= 5) throw error;
      }
    }
  }

  /**
   * A dry run says so twice. Either keeps the pod: the server takes the one that is there, and refuses (500) when both are
   * and differ. But admission webhooks and policies are told by the query alone, and might act on what the body calls a dry
   * run. (Kubernetes: registry/core/pod/storage/eviction.go, propagateDryRun; measured with a policy on 1.33)
   */
  async function evict(
    pod: { namespace: string; name: string; uid: string },
    { dryRun = false, graceSeconds, signal: own }: Parameters<KubernetesPort['evict']>[1] = {},
  ): Promise<EvictionOutcome> {
    const { namespace, name, uid } = pod;
    const stop = own ?? signal;
    if (stop?.aborted) throw stop.reason;
    const request = {
      method: 'POST',
      path: `${pathOf(resources.pods, namespace, name)}/eviction${queryString({ fieldManager, dryRun: dryRun ? 'All' : undefined })}`,
      body: {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name, namespace },
        // without gracePeriodSeconds the pod's own counts
        deleteOptions: {
          preconditions: { uid },
          ...(graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds }),
          ...(dryRun ? { dryRun: ['All'] } : {}),
        },
      },
    } as const;
    try {
      await withDeadline(clock, evictionMilliseconds, stop, (attempt) => api.once({ ...request, signal: attempt }));
      return { kind: 'accepted' };
    } catch (error) {
      if (stop?.aborted) return { kind: 'unknown', detail: 'stopped before the answer came' };
      const outcome = refusedEviction(error);
      if (outcome === undefined) throw error;
      return outcome;
    }
  }

  async function putLease(
    namespace: string,
    name: string,
    record: Omit<LeaseRecord, 'resourceVersion'> & { resourceVersion: string | null },
  ): Promise<LeaseRecord | 'conflict'> {
    const lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace, annotations: leaseAnnotations(record), ...versionOf(record.resourceVersion) },
      spec: {
        holderIdentity: record.holder,
        leaseDurationSeconds: record.durationSeconds,
        acquireTime: microTime(record.acquiredAt),
        renewTime: microTime(record.renewedAt),
        leaseTransitions: record.transitions,
      },
    };
    const stored = await put(
      resources.leases,
      lease,
      leaseLimits,
      ({ spec }: WireLease) =>
        (spec?.holderIdentity ?? '') === record.holder &&
        sameTime(spec?.renewTime, record.renewedAt) &&
        spec?.leaseTransitions === record.transitions,
    );
    return stored === 'conflict' ? 'conflict' : toLeaseRecord(stored);
  }

  /**
   * Creates an object that names no version, or replaces the version that it names: `conflict` when there is another one by
   * now, or none. Sent again when the answer was lost: what stands there then is ours, and `isOurs` knows it. No signal ends
   * it: the lock must be given back and the journal written when everything else has to stop.
   */
  async function put(
    resource: Resource,
    object: KubernetesObject,
    within: Partial<RetryLimits>,
    isOurs: (found: WireAnswer) => boolean,
  ): Promise<WireAnswer | 'conflict'> {
    const { name, namespace, resourceVersion } = object.metadata;
    const creating = resourceVersion === undefined;
    const operation: KubernetesOperation = {
      verb: creating ? 'create' : 'update',
      resource: resource.plural,
      namespace,
      name,
    };
    const unstoppable = { signal: undefined, limits: within };
    try {
      const stored = await api.call({
        operation,
        repeatable: true,
        method: creating ? 'POST' : 'PUT',
        path: pathOf(resource, namespace, creating ? undefined : name, { fieldManager }),
        body: object,
        ...unstoppable,
      });
      return stored ?? {};
    } catch (error) {
      const status = statusOf(error);
      if (status !== 409 && !(status === 404 && !creating)) throw error;
      const found = await get(resource, namespace, name, unstoppable);
      return found !== undefined && isOurs(found) ? found : 'conflict';
    }
  }
}

/** An object to be written; the version is that which it replaces. */
interface KubernetesObject {
  metadata: { name: string; namespace: string; resourceVersion?: string; [more: string]: unknown };
  [more: string]: unknown;
}

const versionOf = (resourceVersion: string | null) => (resourceVersion === null ? {} : { resourceVersion });

/** A paused Deployment keeps its pods as they are, whatever its template says. */
const pausedDeployment = (namespace: string, name: string): MigrateError =>
  new MigrateError({
    code: 'KUBERNETES.PAUSED',
    message: `Deployment ${namespace}/${name} is paused, so its pods cannot be rolled over.`,
    why: 'Kubernetes does nothing about a change of its pod template until it is resumed.',
    nextActions: [`kubectl rollout resume deployment/${name} -n ${namespace}`, 'run the same command again'],
    exitCode: ExitCode.invalidInput,
  });

/** The answer, or undefined when the object does not exist. */
async function unlessGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

const causeText = (error: Error): string => (error.cause instanceof Error ? error.cause.message : '');

/** MicroTime of Kubernetes: RFC 3339 with six digits. */
const microTime = (iso: string): string => new Date(iso).toISOString().replace(/\.(\d{3})Z$/, '.$1000Z');

const sameTime = (a: string | null | undefined, b: string): boolean => a != null && Date.parse(a) === Date.parse(b);
