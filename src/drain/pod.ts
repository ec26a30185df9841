import { hasEmptyDir, mustMove } from '../domain/evictable.ts';
import type { OwnerReference, Pod } from '../domain/snapshot.ts';
import type { DrainPod, Owner } from './state.ts';

/** What a new version of the pod can change. */
export const factsOf = (pod: Pod) => ({
  nodeName: pod.nodeName,
  labels: pod.labels,
  ready: pod.ready,
  pending: pod.phase === 'Pending',
  finished: pod.phase === 'Succeeded' || pod.phase === 'Failed',
  mustMove: mustMove(pod),
  deletedAt: pod.deletionTimestamp === null ? null : Date.parse(pod.deletionTimestamp),
  emptyDir: hasEmptyDir(pod),
  trouble: pod.trouble,
});

export const newPod = (pod: Pod, owner: Owner | null): DrainPod => ({
  uid: pod.uid,
  namespace: pod.namespace,
  name: pod.name,
  owner,
  ...factsOf(pod),
  on: null,
  group: null,
  state: 'idle',
  hold: null,
  detail: '',
  notBefore: 0,
  attempts: 0,
  leavingSince: 0,
  arrived: false,
  ticket: 0,
});

export const newOwner = ({ uid, kind, name }: OwnerReference, namespace: string): Owner => ({
  uid,
  kind,
  namespace,
  name,
  size: 0,
  available: 0,
  terminating: 0,
  target: 0,
  smallSince: 0,
  unready: new Set(),
  group: null,
  disturbed: false,
  returned: 0,
});

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
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
