import type { KubernetesPort, OnMissed } from '../../ports/kubernetes.ts';
import { type Api, pathOf, type Resource, resources, statusOf } from './api.ts';
import { rolesOfNodes } from './aws-auth.ts';
import {
  isFinished,
  toCronJob,
  toCsiNode,
  toJob,
  toNodeClass,
  toNodePool,
  toPodWebhooks,
  toResourceQuota,
  toService,
  toVolume,
  toVolumeClaim,
} from './checked-projections.ts';
import type { KubernetesOperation } from './errors.ts';
import { karpenterOf } from './karpenter.ts';
import type { WireAny, WireObject } from './wire.ts';

type OptionalLists = Pick<
  KubernetesPort,
  | 'listJobs'
  | 'listVolumeClaims'
  | 'listCsiNodes'
  | 'listPodWebhooks'
  | 'listServices'
  | 'listResourceQuotas'
  | 'apiGroups'
  | 'karpenter'
  | 'rolesOfAwsAuth'
>;

/** Forbidden; or a kind, or its listing, that this API server does not have. */
const missing = new Set([403, 404, 405, 501]);

/** Kinds that a migration can do without knowing. */
export function optionalLists(api: Api): OptionalLists {
  async function items<T>(
    resource: Resource,
    project: (object: WireObject) => T[],
    onMissed: OnMissed | undefined,
  ): Promise<T[]> {
    const listed = async () => (await api.list(resource, project)).items.flat();
    return unlessMissed(resource.plural, listed, onMissed);
  }

  /** By the newest version that the API server knows. */
  async function newest<T>(
    [first, ...older]: readonly Resource[],
    project: (object: WireAny, apiVersion: string) => T,
    onMissed: OnMissed | undefined,
  ): Promise<T[]> {
    if (first === undefined) return [];
    const apiVersion = first.api.slice('/apis/'.length);
    try {
      return (await api.list(first, (object) => project(object, apiVersion))).items;
    } catch (error) {
      if (statusOf(error) === 404) return newest(older, project, onMissed);
      if (onMissed === undefined || !isMissed(error)) throw error;
      onMissed({ resource: first.fullName ?? first.plural, why: whyOf(error) });
      return [];
    }
  }

  return {
    async listJobs(onMissed) {
      const [jobs, cronJobs] = await Promise.all([
        items(resources.jobs, (job) => (isFinished(job) ? [] : [toJob(job)]), onMissed),
        items(resources.cronJobs, (cronJob) => [toCronJob(cronJob)], onMissed),
      ]);
      return [...jobs, ...cronJobs];
    },

    async listVolumeClaims(onMissed) {
      const volumes = new Map(await items(resources.volumes, (volume) => [toVolume(volume)], onMissed));
      return items(resources.volumeClaims, (claim) => [toVolumeClaim(claim, volumes)], onMissed);
    },

    listCsiNodes: (onMissed) => items(resources.csiNodes, (node) => [toCsiNode(node)], onMissed),

    async listPodWebhooks(onMissed) {
      const found = await Promise.all([
        items(resources.validatingWebhooks, (object) => toPodWebhooks('validating', object), onMissed),
        items(resources.mutatingWebhooks, (object) => toPodWebhooks('mutating', object), onMissed),
      ]);
      return found.flat();
    },

    listServices: (onMissed) => items(resources.services, (service) => [toService(service)], onMissed),

    listResourceQuotas: (onMissed) => items(resources.resourceQuotas, toResourceQuota, onMissed),

    async apiGroups(onMissed) {
      const operation: KubernetesOperation = { verb: 'get', resource: 'apis' };
      const asked = async () => {
        const answer = await api.call({ operation, repeatable: true, method: 'GET', path: '/apis' });
        return (answer?.groups ?? []).flatMap(({ name }) => name || []);
      };
      return unlessMissed('apis', asked, onMissed);
    },

    async karpenter(onMissed) {
      const [nodePools, nodeClasses] = await Promise.all([
        newest([resources.nodePools, resources.nodePoolsBeta], toNodePool, onMissed),
        newest([resources.nodeClasses, resources.nodeClassesBeta], toNodeClass, onMissed),
      ]);
      return karpenterOf(nodePools, nodeClasses);
    },

    async rolesOfAwsAuth(onMissed) {
      const [namespace, name] = ['kube-system', 'aws-auth'];
      const operation: KubernetesOperation = { verb: 'get', resource: 'configmaps', namespace, name };
      const path = pathOf(resources.configMaps, namespace, name);
      try {
        return rolesOfNodes((await api.call({ operation, repeatable: true, method: 'GET', path }))?.data?.['mapRoles']);
      } catch (error) {
        if (statusOf(error) === 404) return [];
        if (onMissed === undefined || !isMissed(error)) throw error;
        onMissed({ resource: 'configmaps', why: whyOf(error) });
        return null;
      }
    },
  };
}

async function unlessMissed<T>(
  resource: string,
  list: () => Promise<T[]>,
  onMissed: OnMissed | undefined,
): Promise<T[]> {
  try {
    return await list();
  } catch (error) {
    if (onMissed === undefined || !isMissed(error)) throw error;
    onMissed({ resource, why: whyOf(error) });
    return [];
  }
}

const isMissed = (error: unknown): error is Error => error instanceof Error && missing.has(statusOf(error) ?? 0);

const whyOf = (error: Error): string => (error.cause instanceof Error ? error.cause.message : error.message);
