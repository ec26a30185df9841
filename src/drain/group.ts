import type { PodDisruptionBudget } from '../domain/snapshot.ts';
import { createHeap } from './heap.ts';
import { type DrainPod, type Group, type Owner, type Place, podKey } from './state.ts';

/** The first wait after the server said that a budget is used up; it doubles up to `lastRecheckSeconds`. */
export const firstRecheckSeconds = 5;
export const lastRecheckSeconds = 30;

export const newGroup = (key: string, budget: PodDisruptionBudget | null, owner: Owner | null): Group => ({
  key,
  name: podKey(budget ?? owner ?? { namespace: '*', name: 'bare pods' }),
  budget,
  owner: budget === null ? owner : null,
  queue: createHeap(goesBefore),
  left: 0,
  inFlight: 0,
  unaccounted: new Map(),
  refusedUntil: 0,
  backoffSeconds: firstRecheckSeconds,
  offered: false,
  evicted: 0,
  firstEvictionAt: 0,
  lastEvictionAt: 0,
});

/** Broken pods first, since they cost no budget; then node by node, so that whole nodes get empty early. */
function goesBefore(a: Place, b: Place): boolean {
  if (a.ready !== b.ready) return b.ready;
  const [nodeA, nodeB] = [a.pod.nodeName ?? '', b.pod.nodeName ?? ''];
  return nodeA === nodeB ? a.pod.name < b.pod.name : nodeA < nodeB;
}

/** First of the queue; places that were left meanwhile are dropped. */
export function head({ queue }: Group): DrainPod | undefined {
  for (let first = queue.peek(); first !== undefined; first = queue.peek()) {
    if (first.ticket === first.pod.ticket && first.pod.state === 'queued') return first.pod;
    queue.pop();
  }
  return undefined;
}

/** Evictions to deduct from the observed `disruptionsAllowed`. */
export function deductions({ unaccounted }: Group, now: number): number {
  for (const [uid, eviction] of unaccounted) if (eviction.until <= now) unaccounted.delete(uid);
  return unaccounted.size;
}

/** Whether the server lets it go without charging the budget. */
export function isFree(pod: DrainPod, { unhealthyPodEvictionPolicy, status }: PodDisruptionBudget): boolean {
  if (pod.pending) return true;
  if (pod.ready) return false;
  const healthyWithoutIt = status.currentHealthy >= status.desiredHealthy && status.desiredHealthy > 0;
  return unhealthyPodEvictionPolicy === 'AlwaysAllow' || healthyWithoutIt;
}
