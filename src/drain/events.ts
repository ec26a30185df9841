/** What goes into the core of a drain, and what comes out. */
import type { StepProgress } from '../domain/journal-entry.ts';
import type { ClusterNode, Pod, PodDisruptionBudget, Workload } from '../domain/snapshot.ts';
import type { EvictionOutcome, FollowEvent, PodEvent } from '../ports/kubernetes.ts';
import type { Restart, RestartOutcome } from './surge.ts';

export type DrainEvent =
  | { type: 'pods'; event: FollowEvent<Pod> }
  | { type: 'nodes'; event: FollowEvent<ClusterNode> }
  | { type: 'budgets'; event: FollowEvent<PodDisruptionBudget> }
  | { type: 'answered'; uid: string; outcome: EvictionOutcome }
  | { type: 'restarted'; restart: Restart; outcome: RestartOutcome }
  /** `later`: it is not as it looked */
  | { type: 'released'; uid: string; outcome: 'settled' | 'later' }
  /** null: they could not be read */
  | { type: 'pod-events'; uid: string; events: PodEvent[] | null }
  | { type: 'creator-events'; owner: string; events: PodEvent[] | null }
  | { type: 'workloads'; workloads: Workload[] | null };

export interface Eviction {
  namespace: string;
  name: string;
  uid: string;
  node: string;
  /** `shop/search`, null when no PodDisruptionBudget selects the pod */
  budget: string | null;
  /** less than the pod wants to take to end; absent: as long as it wants */
  graceSeconds?: number;
}

/** What the core wants to be done or to know, besides evictions. */
export type Errand =
  /** its `restarted` event follows */
  | { kind: 'restart'; restart: Restart }
  /** its `pod-events` event follows */
  | { kind: 'pod-events'; namespace: string; name: string; uid: string }
  /** why a workload creates no pods; its `creator-events` event follows */
  | { kind: 'creator-events'; namespace: string; name: string; owner: string }
  /** its `workloads` event follows */
  | { kind: 'workloads' }
  /** a source node takes pods, so that what is evicted could land there */
  | { kind: 'cordon'; node: string; uid: string }
  /** a source node is empty, and may be ended; its `released` event follows */
  | { kind: 'release'; node: string; uid: string }
  | { kind: 'journal'; progress: StepProgress };

export interface Departed {
  /** `shop/search-6` */
  pod: string;
  uid: string;
  node: string;
}
