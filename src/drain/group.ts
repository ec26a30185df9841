import type { PodDisruptionBudget } from '../domain/snapshot.ts';
import { createHeap, type Heap } from './heap.ts';
import {
  allowance,
  type DrainPod,
  type DrainSettings,
  type DrainState,
  type Group,
  type Mean,
  type Owner,
  type Place,
  podKey,
} from './state.ts';

/** The first wait after the server said that a budget is used up; it doubles up to `lastRecheckSeconds`. */
export const firstRecheckSeconds = 5;
export const lastRecheckSeconds = 30;

export const newGroup = (key: string, budget: PodDisruptionBudget | null, owner: Owner | null): Group => ({
  key,
  name: podKey(budget ?? owner ?? { namespace: '*', name: 'bare pods' }),
  budget,
  owner: budget === null ? owner : null,
  queue: newQueue(),
  left: 0,
  queued: 0,
  inFlight: 0,
  unaccounted: new Map(),
  refusedUntil: 0,
  backoffSeconds: firstRecheckSeconds,
  offered: false,
  lastEvictionAt: 0,
  inUseSince: [],
  cycle: { count: 0, sum: 0 },
  termination: { count: 0, sum: 0 },
  startup: { count: 0, sum: 0 },
});

/** What it waits for is not even created. */
export function isNotRecreated(group: Group, { notRecreated }: Pick<DrainState, 'notRecreated'>): boolean {
  const owner = group.owner ?? head(group)?.owner ?? null;
  return owner !== null && notRecreated.has(owner);
}

export const newQueue = (): Heap<Place> => createHeap(goesBefore);

/** What others need, then broken pods, since they cost no budget; then node by node, so that whole nodes get empty early. */
function goesBefore(a: Place, b: Place): boolean {
  if (a.isFirst !== b.isFirst) return a.isFirst;
  if (a.ready !== b.ready) return b.ready;
  return a.rank === b.rank ? a.pod.name < b.pod.name : a.rank < b.rank;
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

/** An eviction that takes a share of the allowance was accepted. */
export function useShare(group: Group, now: number): void {
  if (group.budget !== null || group.owner !== null) group.inUseSince.push(now);
}

/** The oldest share is taken to be the first that gets free. */
export function noticeFreeShares(group: Group, settings: DrainSettings, now: number): void {
  if (group.inUseSince.length === 0) return;
  const inUse = sharesInUse(group, settings, now);
  while (group.inUseSince.length > inUse) learn(group.cycle, (now - (group.inUseSince.shift() ?? now)) / 1000);
}

/** As the cluster shows it: what is down for other reasons takes a share, too. */
export function sharesInUse(group: Group, settings: DrainSettings, now: number): number {
  const { budget, owner } = group;
  if (budget === null) return owner === null ? 0 : Math.max(0, owner.target - owner.available);
  const free = Math.max(0, budget.status.disruptionsAllowed - deductions(group, now));
  return Math.max(0, allowance(group, settings) - free);
}

export function learn(mean: Mean, seconds: number): void {
  mean.count += 1;
  mean.sum += seconds;
}

export const meanOr = ({ count, sum }: Mean, otherwise: number): number => (count === 0 ? otherwise : sum / count);
