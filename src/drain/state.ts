import type { DrainLimits } from '../domain/drain-limits.ts';
import type { StepParams } from '../domain/plan.ts';
import type { Pod, PodDisruptionBudget } from '../domain/snapshot.ts';
import type { BudgetLookup } from './budget-lookup.ts';
import type { Heap } from './heap.ts';
import type { TokenBucket } from './token-bucket.ts';

/** What the step and the run say, as far as it decides who may leave when. */
export type DrainSettings = DrainLimits &
  Pick<
    StepParams['drain-source'],
    | 'nodegroupNames'
    | 'unbudgetedPercent'
    | 'allowEmptyDir'
    | 'allowBarePods'
    | 'first'
    | 'surge'
    | 'waitForJobsSeconds'
  > &
  Partial<Pick<StepParams['drain-source'], 'replacementNames' | 'podGracePeriodSeconds' | 'releaseNodes'>> & {
    clusterName?: string;
  };

/** From the journal. */
export interface EarlierRuns {
  /** pods asked to leave and not yet seen to be gone, by uid */
  asked: Record<string, { pod: string; node: string }>;
  /** how many were seen to be gone */
  podsGone: number;
  /** uids of what was asked to leave, by the controller as far as a pod's name tells it: `shop/web-6d5f8` */
  disturbed: ReadonlyMap<string, string[]>;
  /** Deployments that were asked to roll over, `shop/cart`, and when (ISO 8601) */
  restarted: Record<string, string>;
  /** workloads whose new pods landed on old nodes again and again, `Deployment shop/web` */
  cameBack: ReadonlySet<string>;
  /** epoch milliseconds of the step's first start; null: now */
  startedAt: number | null;
  /** pods were evicted before, and may be missing: how large their workloads shall be is asked first */
  sizesUnknown: boolean;
}

export const nothingEarlier: EarlierRuns = {
  asked: {},
  podsGone: 0,
  disturbed: new Map(),
  restarted: {},
  cameBack: new Set(),
  startedAt: null,
  sizesUnknown: false,
};

/** Why a pod cannot be asked to leave now, other than for want of budget. */
export type Hold =
  | 'emptydir'
  | 'bare-pod'
  | 'multiple-budgets'
  | 'comes-back'
  | 'refused'
  | 'not-cordoned'
  | 'surging'
  | 'job-running'
  | 'namespace-terminating'
  | 'no-answer'
  | 'server-busy';

/** These do not heal by waiting. */
export const needsAPerson: ReadonlySet<Hold | null> = new Set<Hold>([
  'emptydir',
  'bare-pod',
  'multiple-budgets',
  'comes-back',
  'refused',
]);

export interface DrainPod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** who would replace it; null for bare pods */
  readonly owner: Owner | null;
  /** epoch milliseconds */
  readonly createdAt: number;
  /** how long it took to be Ready once, when that is known */
  readonly startupSeconds: number | null;
  nodeName: string | null;
  labels: Record<string, string>;
  ready: boolean;
  pending: boolean;
  finished: boolean;
  mustMove: boolean;
  /** how long it wants to take to end */
  graceSeconds: number;
  /** epoch milliseconds at which its grace period ends; null unless it is being deleted */
  deletedAt: number | null;
  /** what keeps it from being gone, known once it is being deleted */
  finalizers: string[];
  emptyDir: boolean;
  trouble: string | null;
  /** what others need to start, when it is a part of that */
  first: First | null;
  /** epoch milliseconds since which it is bound to a node and does not start; 0 when it does */
  unstartedSince: number;
  /** the source node that it has to leave; null when it may stay */
  on: DrainNode | null;
  group: Group | null;
  state: 'idle' | 'queued' | 'in-flight' | 'leaving' | 'held';
  hold: Hold | null;
  /** what the server said */
  detail: string;
  /** not asked before then (epoch milliseconds) */
  notBefore: number;
  /** requests without a usable answer, in a row */
  attempts: number;
  /** since when it stands and is held as it is: epoch milliseconds */
  since: number;
  /** it has been seen on a source node */
  arrived: boolean;
  /** that was after the drain had begun */
  late: boolean;
  /** number of its one valid place in the group's queue */
  ticket: number;
}

/**
 * A controller of pods, known only by its pods: the Deployment where the names of ReplicaSet and template hash tell it, so
 * that a rollout does not look like another workload.
 */
export interface Owner {
  readonly key: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly pods: Set<DrainPod>;
  /** of its pods, which are mostly alike: kept once */
  labels: Record<string, string>;
  /** pods that are neither being deleted nor finished */
  size: number;
  /** of these: Ready and not asked to leave */
  available: number;
  terminating: number;
  /** of these: what was on its way out when it was seen first, so that nobody saw whether it was replaced */
  inherited: Set<DrainPod>;
  /** the size it keeps up, learned: grows at once, shrinks when nothing was replaced for a while */
  target: number;
  smallSince: number;
  /** its ReplicaSet of late, or itself: who creates the pods, and has the events that say why not */
  creator: string;
  /** what denies it new pods */
  denial: string | null;
  unready: Set<DrainPod>;
  /** the queue of its pods when they have no PodDisruptionBudget */
  group: Group | null;
  /** we have evicted one of its pods */
  disturbed: boolean;
  /** a pod was evicted, and it was not up to its size since */
  owes: boolean;
  /** pods of it that landed on a source node after an eviction */
  returned: number;
  /** an earlier run has seen that too often: one eviction tells whether it is still so */
  onTrial: boolean;
  /** set when it is rolled over instead of evicted */
  surge: Surge | null;
}

/** A Deployment that replaces its pods by a rollout. */
export interface Surge {
  /** ISO 8601; null: not decided yet */
  at: string | null;
  /** the API server has confirmed it */
  confirmed: boolean;
  /** template hashes of the pods that shall go */
  old: Set<string>;
  /** epoch milliseconds since which all its pods are new and Ready */
  completeSince: number | null;
  /** why it cannot be done */
  refusal: string | null;
  /** the command that helps */
  remedy: string | null;
}

/** What other pods need to start: it is evicted before all others. */
export interface First {
  /** `kube-system/coredns` */
  readonly name: string;
  readonly namespace: string;
  readonly selector: Record<string, string>;
  readonly pods: Set<DrainPod>;
  /** closed: others wait; ready: one of its pods is up elsewhere, or none has to move; passed: it did not move, others go on */
  gate: 'closed' | 'ready' | 'passed';
  /** how far it was when it last got further */
  mark: string;
  markedAt: number;
}

/** Pods that share one allowance: that of a PodDisruptionBudget, or else of their owner. Bare pods have none. */
export interface Group {
  readonly key: string;
  /** `shop/search` */
  readonly name: string;
  budget: PodDisruptionBudget | null;
  readonly owner: Owner | null;
  queue: Heap<Place>;
  /** pods that still have to go, those on their way included */
  left: number;
  /** of these: not asked yet, and nothing but the allowance holds them */
  queued: number;
  inFlight: number;
  /** evictions and losses that the observed status may not contain yet, by uid of the pod; `healthy`: before a loss */
  unaccounted: Map<string, { name: string; before: string | undefined; until: number; healthy?: number }>;
  /** refused by the server: nothing is sent before then, unless the budget changes */
  refusedUntil: number;
  backoffSeconds: number;
  /** stands in the heap of groups that can send */
  offered: boolean;
  lastEvictionAt: number;
  /** when each eviction was accepted whose share of the allowance is still in use, the oldest first */
  inUseSince: number[];
  /** how long a share was in use */
  cycle: Mean;
  /** from an accepted eviction until the pod was gone */
  termination: Mean;
  /** how long its pods took to be Ready before all this */
  startup: Mean;
}

/** Seconds. */
export interface Mean {
  count: number;
  sum: number;
}

/** In a queue; what decides about the order is as it was when it was put there. */
export interface Place {
  pod: DrainPod;
  ticket: number;
  isFirst: boolean;
  ready: boolean;
  rank: number;
}

export interface DrainNode {
  readonly name: string;
  uid: string;
  nodegroupName: string | null;
  source: boolean;
  cordoned: boolean;
  ready: boolean;
  /** pods that have to leave it */
  left: number;
  /** place in the order in which nodes get empty */
  rank: number;
}

/** What the core knows, for those who describe it. */
export interface DrainState {
  settings: DrainSettings;
  pods: Map<string, DrainPod>;
  nodes: Map<string, DrainNode>;
  groups: Map<string, Group>;
  budgets: BudgetLookup;
  bucket: TokenBucket;
  inFlight: Map<string, Flight>;
  /** pods of workloads we disturbed that find no room, or have no network where they are: why, by pod */
  withoutRoom: Map<DrainPod, string>;
  /** workloads we disturbed that create no pod for those they lost */
  notRecreated: Set<Owner>;
  first: readonly First[];
  /** an earlier run has evicted, and the cluster has not said yet how large the workloads shall be */
  sizesUnknown: boolean;
  /** workloads of a single pod without a budget go one after the other within a namespace */
  lanes: Map<string, Lane>;
  /** pods that came to a source node after the drain had begun */
  late: Set<DrainPod>;
  /** pods of Jobs may stay until then: epoch milliseconds */
  jobsUntil: number;
  /** pods that came to a source node since the nodes were put in order */
  arrivals: number;
  /** when all was known for the first time: epoch milliseconds; 0: not yet */
  begunAt: number;
  /** evictions that the allowances permit wait for our own limit of evictions a second */
  limited: boolean;
  /** pods on their way out of a source node */
  leaving: Set<DrainPod>;
  /** pods that cannot be asked now, other than for want of budget */
  held: Set<DrainPod>;
  nodesEmpty: number;
  nodesTotal: number;
  podsLeft: number;
  podsGone: number;
}

export interface Flight {
  group: Group;
  pod: DrainPod;
  /** the eviction takes a share of the allowance */
  isCharged: boolean;
}

export interface Lane {
  holders: Set<Owner>;
  waiting: Set<Group>;
}

/** `Deployment shop/web` */
export const ownerName = (owner: Pick<Owner, 'kind' | 'namespace' | 'name'>): string =>
  `${owner.kind} ${podKey(owner)}`;

export const podKey = (pod: Pick<Pod, 'namespace' | 'name'>): string => `${pod.namespace}/${pod.name}`;

/** Who created the pod, as far as its name tells: `shop/web-6d5f8` of `web-6d5f8-x2x4z` */
export const controllerOf = (namespace: string, name: string): string =>
  `${namespace}/${name.slice(0, name.lastIndexOf('-'))}`;

/** How many pods of a group may be down at the same time when all is well. */
export function allowance(group: Pick<Group, 'budget' | 'owner'>, settings: DrainSettings): number {
  if (group.budget !== null) {
    const { expectedPods, desiredHealthy } = group.budget.status;
    return Math.max(0, expectedPods - desiredHealthy);
  }
  if (group.owner === null) return Infinity;
  const { unbudgetedPercent, maxUnavailable } = settings;
  if (maxUnavailable !== undefined && 'pods' in maxUnavailable) return maxUnavailable.pods;
  return unbudgetedAllowance(group.owner.target, maxUnavailable?.percent ?? unbudgetedPercent);
}

/** Our own budget for a workload that has none. */
export const unbudgetedAllowance = (replicas: number, percent: number): number =>
  Math.max(1, Math.floor((replicas * percent) / 100));

/** All was listed once. */
export const hasBegun = ({ begunAt }: Pick<DrainState, 'begunAt'>): boolean => begunAt > 0;

/** The set under a key, made when there is none. */
export function setIn<T>(sets: Map<string, Set<T>>, key: string): Set<T> {
  const set = sets.get(key) ?? new Set();
  sets.set(key, set);
  return set;
}
