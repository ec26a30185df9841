import type { Pod, Workload } from './snapshot.ts';

/** The controller that a person knows a pod by: the Deployment rather than its ReplicaSet. */
export interface PodOwner {
  kind: string;
  namespace: string;
  name: string;
  uid: string;
  /** pods it wants; null when it has no scale that we know */
  replicas: number | null;
}

export interface Workloads {
  byUid: ReadonlyMap<string, Workload>;
}

export const indexWorkloads = (workloads: readonly Workload[]): Workloads => ({
  byUid: new Map(workloads.map((workload) => [workload.uid, workload])),
});

/** Null for a bare pod. */
export function ownerOf(pod: Pod, workloads: Workloads): PodOwner | null {
  if (pod.controller === null || pod.controller === undefined) return null;
  const direct = workloads.byUid.get(pod.controller.uid);
  if (direct === undefined) {
    const { kind, name, uid } = pod.controller;
    return { kind, namespace: pod.namespace, name, uid, replicas: null };
  }
  const above = direct.controller === null ? undefined : workloads.byUid.get(direct.controller?.uid);
  const { kind, namespace, name, uid, replicas } = above ?? direct;
  return { kind, namespace, name, uid, replicas };
}

/** `shop/search` */
export const nameOf = (object: { namespace: string; name: string }): string => `${object.namespace}/${object.name}`;
