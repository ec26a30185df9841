import { budgetOutlook } from '../domain/budgets.ts';
import { mustMove } from '../domain/evictable.ts';
import type { Forecast } from '../domain/plan.ts';
import type { ClusterSnapshot, Pod } from '../domain/snapshot.ts';
import { indexWorkloads, nameOf, ownerOf, type Workloads } from '../domain/workloads.ts';
import { createBudgetLookup } from './budget-lookup.ts';
import { unbudgetedAllowance } from './state.ts';
import { evictionsPerSecond } from './token-bucket.ts';

/** Pods that share one allowance, and what it means for time. Seconds throughout. */
export interface ForecastGroup {
  /** `shop/search`: the workload when the group has one, else the budget or the namespace */
  name: string;
  kind: 'budget' | 'owner' | 'singletons' | 'bare';
  /** `shop/search`; null without PodDisruptionBudget */
  budget: string | null;
  /** pods that have to move */
  pods: number;
  /** evictions allowed at once when all is healthy; 0: never any */
  atOnce: number;
  /** until an allowance is free again after an eviction */
  cycleSeconds: number;
  terminationSeconds: number;
  /** until enough is healthy for the first eviction */
  startSeconds: number;
  /** null: it never ends */
  lowerBoundSeconds: number | null;
  /** what one more replica would take off the lower bound */
  savedByOneMoreReplicaSeconds: number;
}

export interface DrainForecast extends Forecast {
  /** the longest first, those that never end before all others */
  groups: ForecastGroup[];
}

/**
 * Durations taken where a snapshot shows none. Real ones differ by image, probes and volumes: what is expected is an
 * estimate, corrected by what the drain sees. Once pods show how long they took to be Ready, the lower bound counts on
 * that alone, since nothing shows how soon they end.
 */
export const assumptions = {
  /** creation of a pod to Ready: schedule, pull, start, probe */
  readySeconds: 30,
  /** a pod that gets its signal ends after so long, or after its grace period when that is shorter */
  terminationSeconds: 30,
  /** detach and attach of a volume that moves with its pod */
  volumeSeconds: 20,
  /** controllers, watches and requests, per cycle */
  lagSeconds: 1,
};

/**
 * How long the drain of the node groups must take at least, and probably. For a group of `n` pods of which `a` may be down
 * at once: `s + (ceil(n / a) - 1) * c + max(t, c)`; a replica set's cycle `c` is the time to Ready, a stateful set's begins
 * with the termination `t`. Groups run side by side, so the longest decides; all share one speed limit.
 */
export function forecast(
  snapshot: ClusterSnapshot,
  sourceNodegroupNames: readonly string[],
  settings: { unbudgetedPercent: number },
): DrainForecast {
  const sources = new Set(
    snapshot.nodes
      .filter(({ nodegroupName }) => nodegroupName !== null && sourceNodegroupNames.includes(nodegroupName))
      .map(({ name }) => name),
  );
  const moving = snapshot.pods.filter((pod) => pod.nodeName !== null && sources.has(pod.nodeName) && mustMove(pod));
  const groups = groupsOf(snapshot, moving, settings.unbudgetedPercent).toSorted(longestFirst);

  const byRate = moving.length === 0 ? 0 : moving.length / evictionsPerSecond;
  const ending = groups.filter(({ lowerBoundSeconds }) => lowerBoundSeconds !== null);
  return {
    lowerBoundSeconds: Math.round(
      Math.max(
        byRate + leastTermination(moving),
        longest(ending, (group) => group.lowerBoundSeconds ?? 0),
      ),
    ),
    expectedSeconds: Math.round(Math.max(byRate + longestTermination(moving), longest(ending, expectedOf))),
    criticalWorkload: groups[0]?.name ?? null,
    groups,
  };
}

const expectedOf = (group: ForecastGroup): number =>
  Math.max(group.lowerBoundSeconds ?? 0, group.startSeconds + (lowerBound(group) ?? 0)) +
  Math.ceil(group.pods / group.atOnce) * assumptions.lagSeconds;

function longestFirst(a: ForecastGroup, b: ForecastGroup): number {
  const [lengthA, lengthB] = [a.lowerBoundSeconds ?? Infinity, b.lowerBoundSeconds ?? Infinity];
  if (lengthA !== lengthB) return lengthB - lengthA;
  return a.name < b.name ? -1 : 1;
}

function groupsOf(snapshot: ClusterSnapshot, moving: readonly Pod[], percent: number): ForecastGroup[] {
  const workloads = indexWorkloads(snapshot.workloads);
  const budgets = createBudgetLookup();
  for (const budget of snapshot.podDisruptionBudgets) budgets.put(budget);
  const keyOf = (pod: Pod): string => {
    const [budget, second] = budgets.of(pod.namespace, pod.labels);
    if (second !== undefined) return `several/${pod.uid}`;
    if (budget !== undefined) return `budget/${budget.uid}`;
    if (pod.controller === null) return 'bare';
    return `owner/${pod.controller.uid}`;
  };
  const selected = Map.groupBy(
    snapshot.pods.flatMap((pod) => budgets.of(pod.namespace, pod.labels).map(({ uid }) => ({ uid, pod }))),
    ({ uid }) => uid,
  );
  const siblings = Map.groupBy(snapshot.pods, (pod) => pod.controller?.uid ?? '');
  const singletons = new Map<string, ForecastGroup[]>();

  const groups = [...Map.groupBy(moving, keyOf)].flatMap(([key, pods]): ForecastGroup[] => {
    const [first] = pods;
    if (first === undefined) return [];
    const name = nameOf(ownerOf(first, workloads) ?? first);
    if (key.startsWith('several/')) return [timed({ name, kind: 'budget', budget: null, atOnce: 0 }, pods)];
    if (key === 'bare') {
      const group = timed({ name: 'bare pods', kind: 'bare', budget: null, atOnce: pods.length }, pods);
      // nothing follows them that would have to be Ready
      return [showsStartups(pods) ? { ...group, lowerBoundSeconds: leastTermination(pods) } : group];
    }
    const [budget] = budgets.of(first.namespace, first.labels);
    if (budget !== undefined) {
      const guarded = (selected.get(budget.uid) ?? []).map(({ pod }) => pod);
      const { allowedAtBest } = budgetOutlook(budget, guarded, workloads);
      const group = timed({ name, kind: 'budget', budget: nameOf(budget), atOnce: allowedAtBest }, pods);
      const short = Math.max(0, budget.status.desiredHealthy + 1 - budget.status.currentHealthy);
      return [delayed(group, short > 0 && allowedAtBest > 0 ? assumptions.readySeconds : 0, !showsStartups(pods))];
    }
    const replicas = replicasOf(first, workloads, siblings.get(first.controller?.uid ?? '') ?? []);
    const atOnce = unbudgetedAllowance(replicas, percent);
    const group = timed({ name, kind: 'owner', budget: null, atOnce }, pods);
    if (replicas > 1) return [group];
    singletons.set(first.namespace, [...(singletons.get(first.namespace) ?? []), group]);
    return [];
  });
  return [...groups, ...[...singletons].map(([namespace, members]) => oneAfterTheOther(namespace, members))];
}

function replicasOf(pod: Pod, workloads: Workloads, siblings: readonly Pod[]): number {
  const live = siblings.filter((sibling) => mustMove(sibling) && sibling.deletionTimestamp === null);
  return workloads.byUid.get(pod.controller?.uid ?? '')?.replicas ?? live.length;
}

/** Workloads of one pod and without a budget, of one namespace. */
function oneAfterTheOther(namespace: string, members: readonly ForecastGroup[]): ForecastGroup {
  const [first] = members;
  if (first !== undefined && members.length === 1) return first;
  const sum = (value: (group: ForecastGroup) => number): number =>
    members.reduce((total, group) => total + value(group), 0);
  return {
    name: `${namespace}/*`,
    kind: 'singletons',
    budget: null,
    pods: sum(({ pods }) => pods),
    atOnce: 1,
    cycleSeconds: sum(({ cycleSeconds }) => cycleSeconds) / members.length,
    terminationSeconds: longest(members, (group) => group.terminationSeconds),
    startSeconds: 0,
    lowerBoundSeconds: sum(({ lowerBoundSeconds }) => lowerBoundSeconds ?? 0),
    savedByOneMoreReplicaSeconds: 0,
  };
}

function timed(group: Pick<ForecastGroup, 'name' | 'kind' | 'budget' | 'atOnce'>, pods: readonly Pod[]): ForecastGroup {
  const terminationSeconds = longestTermination(pods);
  const inOrder = pods.some((pod) => pod.controller?.kind === 'StatefulSet');
  const volume = pods.some((pod) => pod.persistentVolumeClaims.length > 0) ? assumptions.volumeSeconds : 0;
  const startups = startupsOf(pods);
  const times = { pods: pods.length, cycleSeconds: cycle(mean(startups), terminationSeconds), terminationSeconds };
  const least = {
    ...times,
    cycleSeconds: cycle(leastStartup(pods), leastTermination(pods)),
    terminationSeconds: leastTermination(pods),
  };
  const bound = lowerBound({ ...least, atOnce: group.atOnce });
  const withOneMore = lowerBound({ ...least, atOnce: group.atOnce + 1 });
  const saved = bound === null || withOneMore === null ? 0 : bound - withOneMore;
  return {
    ...group,
    ...times,
    startSeconds: 0,
    lowerBoundSeconds: bound,
    savedByOneMoreReplicaSeconds: group.kind === 'budget' ? saved : 0,
  };

  function cycle(readySeconds: number, termination: number): number {
    return readySeconds + volume + (inOrder ? termination : 0);
  }
}

/** How long each of these pods took to be Ready, as far as the snapshot shows; never empty. */
function startupsOf(pods: readonly Pod[]): number[] {
  const seen = pods.flatMap(({ startupSeconds }) => startupSeconds ?? []);
  return seen.length > 0 ? seen : [assumptions.readySeconds];
}

const mean = (numbers: readonly number[]): number => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

/** A wait for pods that are not healthy now is expected, but may be over when the drain begins. */
function delayed(group: ForecastGroup, startSeconds: number, isSure: boolean): ForecastGroup {
  const { lowerBoundSeconds: bound } = group;
  return { ...group, startSeconds, lowerBoundSeconds: bound === null || !isSure ? bound : bound + startSeconds };
}

/** Null when nothing may ever leave. */
export function lowerBound(
  group: Pick<ForecastGroup, 'pods' | 'atOnce' | 'cycleSeconds' | 'terminationSeconds'>,
): number | null {
  const { pods, atOnce, cycleSeconds, terminationSeconds } = group;
  if (pods === 0) return 0;
  if (atOnce === 0) return null;
  return (Math.ceil(pods / atOnce) - 1) * cycleSeconds + Math.max(terminationSeconds, cycleSeconds);
}

/** A snapshot of a cluster says of each pod how long it took to be Ready, or that this cannot be told. */
const showsStartups = (pods: readonly Pod[]): boolean => pods.some((pod) => pod.startupSeconds !== undefined);

/** Kubernetes writes times in whole seconds: of two, the distance may be one less. Pods that never got Ready hold up nothing. */
function leastStartup(pods: readonly Pod[]): number {
  if (!showsStartups(pods)) return assumptions.readySeconds;
  const seen = pods.flatMap(({ startupSeconds }) => startupSeconds ?? []);
  return seen.length === 0 ? 0 : Math.max(0, Math.min(...seen) - 1);
}

/** Nothing shows how soon a pod ends; only where nothing shows how it starts either, both are assumed. */
const leastTermination = (pods: readonly Pod[]): number => (showsStartups(pods) ? 0 : longestTermination(pods));

const longestTermination = (pods: readonly Pod[]): number =>
  Math.min(
    assumptions.terminationSeconds,
    longest(pods, (pod) => pod.terminationGracePeriodSeconds),
  );

const longest = <T>(items: readonly T[], lengthOf: (item: T) => number): number =>
  items.reduce((most, item) => Math.max(most, lengthOf(item)), 0);
