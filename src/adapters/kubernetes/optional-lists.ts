import type { KubernetesPort, OnMissed } from '../../ports/kubernetes.ts';
import { type Api, type Resource, resources, statusOf } from './api.ts';
import {
  isFinished,
  toCronJob,
  toCsiNode,
  toJob,
  toPodWebhooks,
  toResourceQuota,
  toService,
  toVolume,
  toVolumeClaim,
} from './checked-projections.ts';
import type { KubernetesOperation } from './errors.ts';
import type { WireObject } from './wire.ts';

type OptionalLists = Pick<
  KubernetesPort,
  | 'listJobs'
  | 'listVolumeClaims'
  | 'listCsiNodes'
  | 'listPodWebhooks'
  | 'listServices'
  | 'listResourceQuotas'
  | 'apiGroups'
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
    if (onMissed === undefined || !(error instanceof Error) || !missing.has(statusOf(error) ?? 0)) throw error;
    onMissed({ resource, why: error.cause instanceof Error ? error.cause.message : error.message });
    return [];
  }
}
