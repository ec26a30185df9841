import type { Pod } from './snapshot.ts';

/**
 * What a drain does with a pod. `daemonset` and `mirror` pods stay with their node, `finished` pods hold nothing up;
 * `bare` pods and pods with `empty-dir` data lose something for ever and need recorded consent; the rest is `evictable`.
 */
export type DrainClass = 'daemonset' | 'mirror' | 'finished' | 'bare' | 'empty-dir' | 'evictable';

export function drainClass(pod: Pod): DrainClass {
  if (pod.mirror) return 'mirror';
  if (pod.controller?.kind === 'DaemonSet') return 'daemonset';
  if (pod.phase === 'Succeeded' || pod.phase === 'Failed') return 'finished';
  if (isBare(pod)) return 'bare';
  return hasEmptyDir(pod) ? 'empty-dir' : 'evictable';
}

/** Nothing creates it anew. */
export const isBare = (pod: Pod): boolean => pod.controller === null || pod.controller === undefined;

export const hasEmptyDir = (pod: Pod): boolean => (pod.emptyDirVolumes ?? []).length > 0;

/** Whether the pod has to leave its node before the node can go. */
export function mustMove(pod: Pod): boolean {
  const found = drainClass(pod);
  return found === 'bare' || found === 'empty-dir' || found === 'evictable';
}

/** Whether the pod takes an address of the VPC CNI pool of its node. */
export const usesPoolAddress = (pod: Pod): boolean =>
  !pod.hostNetwork && !pod.mirror && pod.phase !== 'Succeeded' && pod.phase !== 'Failed';
