import type { Pod, PodDisruptionBudget } from '../domain/snapshot.ts';
import type { BudgetLookup } from './budget-lookup.ts';
import type { Heap } from './heap.ts';
import type { TokenBucket } from './token-bucket.ts';

export interface DrainSettings {
  nodegroupNames: string[];
  /** share of a workload without budget that may be down at a time, in percent; at least one pod */
  unbudgetedPercent: number;
  allowEmptyDir: boolean;
  allowBarePods: boolean;
}

/** Why a pod cannot be asked to leave now, other than for want of budget. */
export type Hold =
  | 'emptydir'
  | 'bare-pod'
  | 'multiple-budgets'
  | 'comes-back'
  | 'refused'
  | 'not-cordoned'
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
  nodeName: string | null;
  labels: Record<string, string>;
  ready: boolean;
  pending: boolean;
  finished: boolean;
  mustMove: boolean;
  /** epoch milliseconds at which its grace period ends; null unless it is being deleted */
  deletedAt: number | null;
  emptyDir: boolean;
  trouble: string | null;
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
  leavingSince: number;
  /** it has been seen on a source node */
  arrived: boolean;
  /** number of its one valid place in the group's queue */
  ticket: number;
}

/** A controller of pods, known only by its pods. */
export interface Owner {
  readonly uid: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** pods that are neither being deleted nor finished */
  size: number;
  /** of these: Ready and not asked to leave */
  available: number;
  terminating: number;
  /** the size it keeps up, learned: grows at once, shrinks when nothing was replaced for a while */
  target: number;
  smallSince: number;
  unready: Set<DrainPod>;
  /** the queue of its pods when they have no PodDisruptionBudget */
  group: Group | null;
  /** we have evicted one of its pods */
  disturbed: boolean;
  /** pods of it that landed on a source node after that */
  returned: number;
}

/** Pods that share one allowance: that of a PodDisruptionBudget, or else of their owner. Bare pods have none. */
export interface Group {
  readonly key: string;
  /** `shop/search` */
  readonly name: string;
  budget: PodDisruptionBudget | null;
  readonly owner: Owner | null;
  readonly queue: Heap<Place>;
  /** pods that still have to go, those on their way included */
  left: number;
  inFlight: number;
  /** evictions that the observed status may not contain yet, by uid of the pod */
  unaccounted: Map<string, { name: string; before: string | undefined; until: number }>;
  /** refused by the server: nothing is sent before then, unless the budget changes */
  refusedUntil: number;
  backoffSeconds: number;
  /** stands in the heap of groups that can send */
  offered: boolean;
  evicted: number;
  firstEvictionAt: number;
  lastEvictionAt: number;
}

export interface Place {
  pod: DrainPod;
  ticket: number;
  ready: boolean;
}

export interface DrainNode {
  readonly name: string;
  uid: string;
  source: boolean;
  cordoned: boolean;
  /** pods that have to leave it */
  left: number;
}

/** What the core knows, for those who describe it. */
export interface DrainState {
  settings: DrainSettings;
  pods: Map<string, DrainPod>;
  nodes: Map<string, DrainNode>;
  groups: Map<string, Group>;
  budgets: BudgetLookup;
  bucket: TokenBucket;
  inFlight: Map<string, { group: Group; pod: DrainPod }>;
  /** pods of workloads we disturbed that find no room */
  withoutRoom: Set<DrainPod>;
  /** pods on their way out of a source node */
  leaving: Set<DrainPod>;
  /** pods that cannot be asked now, other than for want of budget */
  held: Set<DrainPod>;
  nodesEmpty: number;
  nodesTotal: number;
  podsLeft: number;
  podsGone: number;
}

export const podKey = (pod: Pick<Pod, 'namespace' | 'name'>): string => `${pod.namespace}/${pod.name}`;

/** How many pods of a group may be down at the same time when all is well. */
export function allowance(group: Pick<Group, 'budget' | 'owner'>, unbudgetedPercent: number): number {
  if (group.budget !== null) {
    const { expectedPods, desiredHealthy } = group.budget.status;
    return Math.max(0, expectedPods - desiredHealthy);
  }
  return group.owner === null ? Infinity : unbudgetedAllowance(group.owner.target, unbudgetedPercent);
}

/** Our own budget for a workload that has none. */
export const unbudgetedAllowance = (replicas: number, percent: number): number =>
  Math.max(1, Math.floor((replicas * percent) / 100));
