import {
  type BudgetIndex,
  budgetOutlook,
  budgetsOf,
  desiredHealthy,
  indexBudgets,
  isGuarded,
  needsBudget,
} from '../domain/budgets.ts';
import { mustMove } from '../domain/evictable.ts';
import type { Forecast, ForecastGroup, StepParams } from '../domain/plan.ts';
import {
  assumptions,
  expectedCycleSeconds,
  expectedStartupSeconds,
  expectedTerminationSeconds,
  isInOrder,
  startupsOf,
  volumeSeconds,
} from '../domain/pod-times.ts';
import type { ClusterSnapshot, Pod } from '../domain/snapshot.ts';
import { sum } from '../domain/sum.ts';
import { indexWorkloads, nameOf, ownerOf, type Workloads } from '../domain/workloads.ts';
import { unbudgetedAllowance } from './state.ts';
import { burst, evictionsPerSecond } from './token-bucket.ts';

/** Of many groups the shortest are left out. */
export const mostGroups = 50;

export interface ForecastSettings {
  unbudgetedPercent: number;
  /** Deployments that are rolled over instead of evicted: `shop/cart` */
  surge?: readonly string[];
  waitForJobsSeconds?: number;
  /** evicted before all others */
  first?: StepParams['drain-source']['first'];
}

/**
 * How long the drain of the node groups must take at least, and probably. Seconds, from the first eviction until the last
 * pod has left. For a group of `n` pods of which `a` may be down at once, `s` until the first may go:
 *
 *     at least  s + (ceil(n / a) - 1) * c + t         probably  s + (ceil(n / a) - 1) * c + max(t, c)
 *
 * The cycle `c` of a ReplicaSet is the time to Ready; that of a StatefulSet begins with the termination `t`. The first
 * counts with the shortest cycle that was seen, the second with the mean. Groups run side by side under one speed limit,
 * so the longest of them, the limit or the slowest pod decides. New nodes are no part of it: the replacement has its full
 * size before the first eviction.
 */
export function forecast(
  snapshot: ClusterSnapshot,
  sourceNodegroupNames: readonly string[],
  settings: ForecastSettings,
): Forecast {
  const sources = new Set(
    snapshot.nodes
      .filter(({ nodegroupName }) => nodegroupName !== null && sourceNodegroupNames.includes(nodegroupName))
      .map(({ name }) => name),
  );
  const fastest = shortestOf(startupsOf(snapshot.pods));
  const moving = snapshot.pods
    .filter((pod) => pod.nodeName !== null && sources.has(pod.nodeName) && mustMove(pod))
    // a start that shows no warm-up took no less than the fastest in the cluster
    .map((pod) => (pod.warmupSeconds === 0 ? { ...pod, warmupSeconds: fastest } : pod));
  const wait = waitForFirst(snapshot, moving, sources, settings.first ?? []);
  const groups = inLanes(groupsOf(snapshot, moving, settings, wait)).toSorted(longestFirst);

  const ending = groups.filter(({ expectedSeconds }) => expectedSeconds !== null);
  const byBudget = longest(ending, ({ expectedSeconds }) => expectedSeconds ?? 0);
  const slowestPod = longest(moving, expectedTerminationSeconds);
  const byRate = moving.length / evictionsPerSecond + (moving.length > burst ? slowestPod : 0);
  const leastByRate = Math.max(0, moving.length - burst) / evictionsPerSecond + leastTermination(moving);
  const [critical] = ending;
  return {
    lowerBoundSeconds: Math.floor(
      Math.max(
        moving.length === 0 ? 0 : leastByRate,
        longest(ending, ({ lowerBoundSeconds }) => lowerBoundSeconds ?? 0),
      ),
    ),
    expectedSeconds: Math.round(Math.max(byRate, slowestPod, byBudget)),
    criticalWorkload: critical?.name ?? null,
    limitedBy: limitOf(critical, byRate),
    groups: groups.slice(0, mostGroups),
    groupsLeftOut: Math.max(0, groups.length - mostGroups),
  };
}

function limitOf(critical: ForecastGroup | undefined, byRate: number): Forecast['limitedBy'] {
  if (critical?.expectedSeconds == null) return byRate > 0 ? 'budget' : 'nothing';
  if (byRate > critical.expectedSeconds) return 'rate';
  // they wait for each other, however soon each is Ready
  if (critical.kind === 'singletons' && critical.terminationSeconds <= assumptions.terminationSeconds) return 'budget';
  const waitsSeconds = (Math.ceil(critical.pods / critical.atOnce) - 1) * critical.cycleSeconds;
  return critical.terminationSeconds > Math.max(waitsSeconds, critical.cycleSeconds) ? 'termination' : 'budget';
}

function longestFirst(a: ForecastGroup, b: ForecastGroup): number {
  const byExpected = (b.expectedSeconds ?? Infinity) - (a.expectedSeconds ?? Infinity);
  if (byExpected > 0 || byExpected < 0) return byExpected;
  const byBound = (b.lowerBoundSeconds ?? Infinity) - (a.lowerBoundSeconds ?? Infinity);
  if (byBound > 0 || byBound < 0) return byBound;
  return a.name < b.name ? -1 : 1;
}

/** At least, and probably. */
interface Span {
  least: number;
  expected: number;
}

const isOneOf = (pod: Pod, { namespace, selector }: StepParams['drain-source']['first'][number]): boolean =>
  pod.namespace === namespace && Object.entries(selector).every(([key, value]) => pod.labels[key] === value);

/** What all others wait for: one pod of each of these that is Ready on a node that stays. */
function waitForFirst(
  { pods }: ClusterSnapshot,
  moving: readonly Pod[],
  sources: ReadonlySet<string>,
  first: NonNullable<ForecastSettings['first']>,
): Span {
  const spans = first
    .filter((one) => !pods.some((pod) => isOneOf(pod, one) && pod.ready && !sources.has(pod.nodeName ?? '')))
    .map((one) => moving.filter((pod) => isOneOf(pod, one)))
    .filter((members) => members.length > 0)
    .map(cycleOf);
  return { least: longest(spans, ({ least }) => least), expected: longest(spans, ({ expected }) => expected) };
}

/** A group before the times are known. */
interface Sketch extends Pick<ForecastGroup, 'name' | 'kind' | 'budget' | 'atOnce'> {
  pods: readonly Pod[];
  /** that there may be now, for the lower bound */
  mostAtOnce: number;
  atOnceWithOneMoreReplica: number;
  /** until something is healthy again, or ends by itself */
  delaySeconds: number;
  isFirst: boolean;
}

const all = (atOnce: number): Pick<Sketch, 'atOnce' | 'mostAtOnce' | 'atOnceWithOneMoreReplica'> => ({
  atOnce,
  mostAtOnce: atOnce,
  atOnceWithOneMoreReplica: atOnce,
});

interface InLane {
  /** namespace of a workload of one pod without a budget */
  lane: string | null;
  group: ForecastGroup;
}

function groupsOf(snapshot: ClusterSnapshot, moving: readonly Pod[], settings: ForecastSettings, wait: Span): InLane[] {
  const { unbudgetedPercent: percent, surge = [], first = [], waitForJobsSeconds = 0 } = settings;
  const workloads = indexWorkloads(snapshot.workloads);
  const budgets = indexBudgets(snapshot.podDisruptionBudgets);
  const guarded = Map.groupBy(
    snapshot.pods.flatMap((pod) => budgetsOf(pod, budgets).map(({ uid }) => ({ uid, pod }))),
    ({ uid }) => uid,
  );
  const siblings = Map.groupBy(snapshot.pods, (pod) => ownerOf(pod, workloads)?.uid ?? '');

  return [...Map.groupBy(moving, (pod) => keyOf(pod, budgets, workloads, surge))].flatMap(([key, pods]) => {
    const [one] = pods;
    if (one === undefined) return [];
    const sketch = sketchOf(key, one, pods);
    const group = timed(sketch, wait, pods.every(isOfJob) ? waitForJobsSeconds : 0);
    const isSingleton = sketch.kind === 'owner' && replicasOf(one) <= 1;
    return [{ lane: isSingleton ? one.namespace : null, group }];
  });

  function replicasOf(pod: Pod): number {
    const owner = ownerOf(pod, workloads);
    return owner?.replicas ?? (siblings.get(owner?.uid ?? '') ?? []).filter(isLive).length;
  }

  function sketchOf(key: string, one: Pod, pods: readonly Pod[]): Sketch {
    const owners = new Set(pods.map((pod) => nameOf(ownerOf(pod, workloads) ?? pod)));
    const name = [...owners][0] ?? nameOf(one);
    const isFirst = pods.some((pod) => first.some((entry) => isOneOf(pod, entry)));
    const shared = { pods, delaySeconds: 0, isFirst };
    if (key === 'bare') return { name: 'bare pods', kind: 'bare', budget: null, ...all(pods.length), ...shared };
    if (key.startsWith('several/')) return { name, kind: 'budget', budget: null, ...all(0), ...shared };
    if (key.startsWith('surge/')) {
      const owner = ownerOf(one, workloads);
      const rollout = workloads.byUid.get(owner?.uid ?? '')?.rollout;
      const atOnce = Math.max(1, (rollout?.maxSurge ?? 0) + (rollout?.maxUnavailable ?? 0));
      return { name, kind: 'surge', budget: null, ...all(atOnce), ...shared };
    }
    const [budget] = budgetsOf(one, budgets);
    if (budget === undefined) {
      const replicas = replicasOf(one);
      return {
        name,
        kind: 'owner',
        budget: null,
        ...all(unbudgetedAllowance(replicas, percent)),
        atOnceWithOneMoreReplica: unbudgetedAllowance(replicas + 1, percent),
        ...shared,
      };
    }
    if (!pods.some((pod) => needsBudget(pod, budget))) {
      return { name, kind: 'budget', budget: nameOf(budget), ...all(pods.length), ...shared };
    }
    const selected = (guarded.get(budget.uid) ?? []).map(({ pod }) => pod);
    const outlook = budgetOutlook(budget, selected, workloads);
    const { disruptionsAllowed, desiredHealthy: desired, currentHealthy, expectedPods } = budget.status;
    // the disruption controller knows the scale of kinds that we do not
    const isUnknown = selected.some((pod) => ownerOf(pod, workloads)?.replicas === null);
    const atOnce = Math.max(outlook.allowedAtBest, isUnknown ? expectedPods - desired : 0);
    const more = outlook.expectedPods + 1;
    return {
      name: owners.size === 1 ? name : nameOf(budget),
      kind: 'budget',
      budget: nameOf(budget),
      atOnce,
      mostAtOnce: Math.max(atOnce, disruptionsAllowed),
      atOnceWithOneMoreReplica: Math.max(atOnce, more - desiredHealthy(budget, more)),
      ...shared,
      delaySeconds: currentHealthy < desired + 1 && atOnce > 0 ? assumptions.readySeconds : 0,
    };
  }
}

const isLive = (pod: Pod): boolean => mustMove(pod) && pod.deletionTimestamp === null;
const isOfJob = (pod: Pod): boolean => pod.controller?.kind === 'Job';

/** What shares an allowance, in words that only have to differ. */
function keyOf(pod: Pod, budgets: BudgetIndex, workloads: Workloads, surge: readonly string[]): string {
  const owner = ownerOf(pod, workloads);
  if (owner?.kind === 'Deployment' && surge.includes(nameOf(owner))) return `surge/${owner.uid}`;
  const [budget, second] = budgetsOf(pod, budgets);
  if (second !== undefined && isGuarded(pod)) return `several/${owner?.uid ?? pod.uid}`;
  if (budget !== undefined) return `budget/${budget.uid}`;
  return owner === null ? 'bare' : `owner/${owner.uid}`;
}

function timed(sketch: Sketch, wait: Span, jobsSeconds: number): ForecastGroup {
  const { name, kind, budget, atOnce, mostAtOnce, pods, isFirst } = sketch;
  const terminationSeconds = longest(pods, expectedTerminationSeconds);
  const cycle = kind === 'surge' ? rolloverOf(pods) : cycleOf(pods);
  const startSeconds = (isFirst ? 0 : wait.expected) + Math.max(sketch.delaySeconds, jobsSeconds);
  const waves = Math.ceil(pods.length / atOnce);
  const lastSeconds = Math.max(terminationSeconds, cycle.expected);

  // What is not Ready or leaves already needs no allowance, pods of Jobs may end by themselves, and nothing has to be
  // Ready in place of a bare pod.
  const counted = pods.filter((pod) => pod.ready && pod.deletionTimestamp === null && !isOfJob(pod)).length;
  const leastStart = isFirst ? 0 : wait.least;
  const least = (allowance: number): number =>
    leastStart + Math.max(0, Math.ceil(counted / allowance) - 1) * cycle.least + (kind === 'surge' ? cycle.least : 0);
  const bound = atOnce === 0 ? null : least(mostAtOnce) + (showsStartups(pods) ? 0 : leastTermination(pods));
  const saved = (allowance: number): number =>
    bound === null || kind === 'bare' || kind === 'surge' ? 0 : Math.round(least(mostAtOnce) - least(allowance));
  return {
    name,
    kind,
    budget,
    pods: pods.length,
    atOnce,
    cycleSeconds: Math.round(cycle.expected),
    terminationSeconds,
    graceSeconds: longest(pods, (pod) => pod.terminationGracePeriodSeconds),
    startSeconds,
    lowerBoundSeconds: bound,
    expectedSeconds:
      atOnce === 0
        ? null
        : Math.round(startSeconds + (waves - 1) * cycle.expected + lastSeconds + waves * assumptions.lagSeconds),
    savedByOneMoreReplicaSeconds: saved(Math.max(mostAtOnce, sketch.atOnceWithOneMoreReplica)),
    savedByOneMoreAtOnceSeconds: saved(mostAtOnce + 1),
  };
}

/**
 * Workloads of one pod and without a budget go one after the other within their namespace: each when the successor of the
 * last is Ready, although what was evicted may take longer to end.
 */
function inLanes(groups: readonly InLane[]): ForecastGroup[] {
  const lanes = Map.groupBy(groups, ({ lane }) => lane);
  return [...lanes].flatMap(([namespace, members]) => {
    const plain = members.map(({ group }) => group);
    const [one] = plain;
    if (namespace === null || one === undefined || plain.length === 1) return plain;
    const startSeconds = longest(plain, (group) => group.startSeconds);
    const endings = plain.map((group) => Math.max(0, group.terminationSeconds - group.cycleSeconds));
    const lasting = plain.map((group, at) => (group.expectedSeconds ?? 0) - group.startSeconds - (endings[at] ?? 0));
    const cycles = plain.map(({ cycleSeconds }) => cycleSeconds);
    const bounds = plain.map(({ lowerBoundSeconds }) => lowerBoundSeconds ?? 0);
    return [
      {
        ...one,
        name: `${namespace}/*`,
        kind: 'singletons',
        pods: sum(plain.map(({ pods }) => pods)),
        atOnce: 1,
        cycleSeconds: Math.round(sum(cycles) / cycles.length),
        terminationSeconds: longest(plain, (group) => group.terminationSeconds),
        graceSeconds: longest(plain, (group) => group.graceSeconds),
        startSeconds,
        lowerBoundSeconds: sum(bounds),
        expectedSeconds: Math.round(startSeconds + sum(lasting) + Math.max(...endings)),
      },
    ];
  });
}

/** From an eviction until a pod is Ready in the other's place: the shortest that was seen, and the mean. */
const cycleOf = (pods: readonly Pod[]): Span => ({
  least:
    leastStartup(pods) +
    (isInOrder(pods) ? leastTermination(pods) : 0) +
    (showsStartups(pods) ? 0 : volumeSeconds(pods)),
  expected: expectedCycleSeconds(pods),
});

/** Of a Deployment that is rolled over: the old pod ends when the new one is Ready. */
const rolloverOf = (pods: readonly Pod[]): Span => ({
  least: leastStartup(pods),
  expected: expectedStartupSeconds(pods) + longest(pods, expectedTerminationSeconds),
});

/** A snapshot of a cluster says of each pod how long it took to be Ready, or that this cannot be told. */
const showsStartups = (pods: readonly Pod[]): boolean => pods.some((pod) => pod.startupSeconds !== undefined);

/**
 * What a start can hardly do without. Pods that came up together waited for the scheduler, for images and for each other, so
 * only the time from the start of the last container on counts. Kubernetes writes times in whole
 * seconds: of two, the distance may be one less. Pods that never got Ready hold up nothing.
 */
function leastStartup(pods: readonly Pod[]): number {
  if (!showsStartups(pods)) return assumptions.readySeconds;
  const warmups = pods.flatMap(({ warmupSeconds }) => warmupSeconds ?? []);
  const shortest = shortestOf(warmups.length > 0 ? warmups : startupsOf(pods));
  return shortest === Infinity ? 0 : Math.max(0, shortest - 1);
}

const shortestOf = (lengths: readonly number[]): number =>
  lengths.reduce((least, seconds) => Math.min(least, seconds), Infinity);

/** Nothing shows how soon a pod ends; only where nothing shows how it starts either, both are assumed. */
const leastTermination = (pods: readonly Pod[]): number =>
  showsStartups(pods) ? 0 : Math.min(assumptions.terminationSeconds, longest(pods, expectedTerminationSeconds));

const longest = <T>(items: readonly T[], lengthOf: (item: T) => number): number =>
  items.reduce((most, item) => Math.max(most, lengthOf(item)), 0);
