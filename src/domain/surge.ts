import { quotaShortages } from './quotas.ts';
import type { ClusterSnapshot, Pod, Workload } from './snapshot.ts';
import { nameOf, type PodOwner } from './workloads.ts';

/** What decides whether a Deployment of one pod can be rolled over: a second pod is Ready before the first one goes. */
export interface SurgeFacts {
  deployments: ReadonlyMap<string, Workload>;
  claims: ReadonlyMap<string, ClusterSnapshot['volumeClaims'][number]>;
  quotas: ReadonlyMap<string, ClusterSnapshot['resourceQuotas']>;
}

export const surgeFacts = ({ workloads, volumeClaims, resourceQuotas }: ClusterSnapshot): SurgeFacts => ({
  deployments: new Map(workloads.filter(({ kind }) => kind === 'Deployment').map((each) => [nameOf(each), each])),
  claims: new Map(volumeClaims.map((claim) => [nameOf(claim), claim])),
  quotas: Map.groupBy(resourceQuotas, ({ namespace }) => namespace),
});

/** Why the Deployment `shop/cart` cannot be rolled over, given its pods that have to move; null when it can. */
export function surgeRefusal(deployment: string, pods: readonly Pod[], facts: SurgeFacts): string | null {
  const workload = facts.deployments.get(deployment);
  if (workload === undefined) return `there is no Deployment ${deployment}`;
  if (workload.replicas !== 1) return `it has ${workload.replicas} replicas, and this is for one`;
  if (workload.rollout === undefined) return 'its strategy is Recreate: the old pod ends before the new one starts';
  const { maxSurge, maxUnavailable } = workload.rollout;
  if (maxSurge === 0) return 'its maxSurge is 0: no second pod is started';
  if (maxUnavailable > 0)
    return `its maxUnavailable is ${maxUnavailable}: the old pod may end before the new one is Ready`;
  return onePodMoreRefusal(pods, facts);
}

/** Why there cannot be one more pod like these; null when there can, as far as is known. */
export function onePodMoreRefusal(pods: readonly Pod[], facts: SurgeFacts): string | null {
  for (const pod of pods) {
    const volume = pod.persistentVolumeClaims.find((name) =>
      isForOneNode(facts.claims.get(`${pod.namespace}/${name}`)),
    );
    if (volume !== undefined) return `its volume ${volume} can be on one node only (ReadWriteOnce)`;
    for (const quota of facts.quotas.get(pod.namespace) ?? []) {
      const short = quotaShortages(quota, pod)[0];
      if (short !== undefined) return `quota ${quota.name} has no room for a second pod (${short.resource})`;
    }
  }
  return null;
}

function isForOneNode(claim: { accessModes: string[] } | undefined): boolean {
  const modes = claim?.accessModes ?? [];
  return modes.some((mode) => mode.startsWith('ReadWriteOnce')) && !modes.includes('ReadWriteMany');
}

/** Whether the request has the owner rolled over, so that its pods are not evicted. */
export const isSurged = (owner: PodOwner | null, { surge }: { surge: readonly string[] }): boolean =>
  owner?.kind === 'Deployment' && surge.includes(nameOf(owner));
