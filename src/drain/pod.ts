import { hasEmptyDir, mustMove } from '../domain/evictable.ts';
import type { Pod } from '../domain/snapshot.ts';
import type { DrainPod, Owner } from './state.ts';

/** What a new version of the pod can change. */
export const factsOf = (pod: Pod) => ({
  nodeName: pod.nodeName,
  ready: pod.ready,
  pending: pod.phase === 'Pending',
  finished: pod.phase === 'Succeeded' || pod.phase === 'Failed',
  mustMove: mustMove(pod),
  graceSeconds: pod.terminationGracePeriodSeconds,
  deletedAt: pod.deletionTimestamp === null ? null : Date.parse(pod.deletionTimestamp),
  finalizers: pod.deletionTimestamp === null ? none : (pod.finalizers ?? none),
  emptyDir: hasEmptyDir(pod),
  trouble: pod.trouble,
});

const none: string[] = [];

export const newPod = (pod: Pod, owner: Owner | null): DrainPod => ({
  uid: pod.uid,
  namespace: pod.namespace,
  name: pod.name,
  owner,
  createdAt: Date.parse(pod.createdAt),
  startupSeconds: pod.startupSeconds ?? null,
  labels: labelsOf(pod, owner),
  ...factsOf(pod),
  first: null,
  unstartedSince: 0,
  on: null,
  group: null,
  state: 'idle',
  hold: null,
  detail: '',
  notBefore: 0,
  attempts: 0,
  since: 0,
  arrived: false,
  late: false,
  ticket: 0,
});

/** The object that its siblings have, when it says the same: a large cluster has a hundred thousand of them. */
export function labelsOf(pod: Pod, owner: Owner | null): Record<string, string> {
  return owner !== null && sameLabels(owner.labels, pod.labels) ? owner.labels : pod.labels;
}

/** Where the controller puts the hash of the template that a pod of a Deployment was made from. */
const templateHash = 'pod-template-hash';

export const hashOf = ({ labels }: Pick<DrainPod, 'labels'>): string => labels[templateHash] ?? '';

/** The ReplicaSet of a Deployment has its name and the hash of the template. */
export function workloadOf({ controller, labels }: Pod): { key: string; kind: string; name: string } | null {
  if (controller === null) return null;
  const { kind, name, uid } = controller;
  const suffix = `-${labels[templateHash]}`;
  if (kind !== 'ReplicaSet' || !name.endsWith(suffix)) return { key: uid, kind, name };
  const deployment = name.slice(0, -suffix.length);
  return { key: `deployment/${deployment}`, kind: 'Deployment', name: deployment };
}

/** Takes the pod out of its owner's counts, or puts it in. */
export function tally(pod: DrainPod, change: 1 | -1): void {
  const { owner } = pod;
  if (owner === null || pod.finished) return;
  if (pod.deletedAt !== null) {
    owner.terminating += change;
    return;
  }
  owner.size += change;
  // A lost answer may have been a yes.
  if (pod.ready && pod.state !== 'in-flight' && pod.state !== 'leaving' && pod.hold !== 'no-answer') {
    owner.available += change;
  }
}

/** Before what the counts depend on changes; afterwards the pod is counted again. */
export function uncount(pod: DrainPod): void {
  tally(pod, -1);
  pod.owner?.unready.delete(pod);
}

export function sameLabels(a: Record<string, string>, b: Record<string, string>): boolean {
  if (a === b) return true;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
