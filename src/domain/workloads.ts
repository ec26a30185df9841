import type { OwnerReference, Pod, Workload } from './snapshot.ts';

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
    const { namespace, controller } = pod;
    return { ...unlisted(pod, controller), namespace, uid: controller.uid, replicas: null };
  }
  const above = direct.controller === null ? undefined : workloads.byUid.get(direct.controller?.uid);
  const { kind, namespace, name, uid, replicas } = above ?? direct;
  return { kind, namespace, name, uid, replicas };
}

/** Made later than the list was read. The ReplicaSet of a Deployment has its name and the hash of the template. */
function unlisted({ labels }: Pod, { kind, name }: OwnerReference): Pick<PodOwner, 'kind' | 'name'> {
  const suffix = `-${labels['pod-template-hash']}`;
  return kind === 'ReplicaSet' && name.length > suffix.length && name.endsWith(suffix)
    ? { kind: 'Deployment', name: name.slice(0, -suffix.length) }
    : { kind, name };
}

/** `shop/search` */
export const nameOf = (object: { namespace: string; name: string }): string => `${object.namespace}/${object.name}`;
