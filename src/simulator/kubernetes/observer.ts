/** Watches what happens to pods and budgets, from the inside: for tests, and for the last screen of a demo. */
import { type BudgetIndex, budgetArithmetic, NoScale } from './budgets.ts';
import type { KubeObject, Pod, PodDisruptionBudget } from './objects.ts';
import { controllerOf, isHealthy, isTerminating } from './pods.ts';
import type { KubernetesStore } from './store.ts';
import { keyOf } from './work-queue.ts';

/**
 * Why a pod went: by the eviction API; deleted on request (a person, EKS by force), which asks no budget; because its node
 * is gone; by NoExecute taint; by its controller (scaling, rolling update); with its owner; or removed from the store.
 */
export type Cause = 'eviction' | 'delete' | 'node-gone' | 'taint' | 'controller' | 'owner-gone' | 'removed';

export interface Violation {
  /** Epoch milliseconds */
  at: number;
  namespace: string;
  budget: string;
  pod: string;
  cause: Cause;
  /** Ready pods left, and how many there must be. */
  healthy: number;
  desired: number;
}

export interface WorkloadMoves {
  kind: string;
  namespace: string;
  name: string;
  /** How many of its pods were disrupted: evicted, deleted on request, lost with a node. */
  moves: number;
}

export interface DisruptionReport {
  evictions: { accepted: number; refused: number };
  /** Pods deleted on request, budgets unasked. */
  deletions: number;
  /** In the order of the first move. */
  workloads: WorkloadMoves[];
  /** The fewest healthy pods that each budget (`namespace/name`) saw since the last reset. */
  lowestHealthy: Record<string, number>;
  violations: Violation[];
}

export interface Observer {
  /** To be called before a pod is deleted. */
  expect(pod: Pod, cause: Cause): void;
  refused(): void;
  report(): DisruptionReport;
  reset(): void;
}

/** What nobody did on purpose to a running service, or what no budget covers, is no violation. */
const voluntary: ReadonlySet<Cause> = new Set(['eviction', 'delete', 'node-gone', 'removed']);

export function startObserver(store: KubernetesStore, budgets: BudgetIndex, now: () => number): Observer {
  const causes = new Map<string, Cause>();
  let report = emptyReport();

  store.watch<Pod>('pods', ({ type, object, previous }) => {
    const { uid } = object.metadata;
    const leaves = previous !== undefined && !isTerminating(previous) && (type === 'DELETED' || isTerminating(object));
    const cause = causes.get(uid) ?? 'removed';
    if (type === 'DELETED') causes.delete(uid);
    const selecting = budgets.budgetsOf(object);
    for (const budget of selecting) noteLowest(budget);
    if (!leaves) return;
    if (cause === 'eviction') report.evictions.accepted += 1;
    if (cause === 'delete') report.deletions += 1;
    if (!voluntary.has(cause)) return;
    countMove(object);
    if (!isHealthy(previous)) return;
    for (const budget of selecting) judge(budget, object, cause);
  });

  function noteLowest(budget: PodDisruptionBudget): void {
    const key = keyOf(budget);
    const healthy = budgets.healthy(budget);
    report.lowestHealthy[key] = Math.min(report.lowestHealthy[key] ?? healthy, healthy);
  }

  function judge(budget: PodDisruptionBudget, pod: Pod, cause: Cause): void {
    const healthy = budgets.healthy(budget);
    const desired = desiredOf(budget, pod);
    if (desired === undefined || healthy >= desired) return;
    const { namespace = '', name } = budget.metadata;
    report.violations.push({ at: now(), namespace, budget: name, pod: pod.metadata.name, cause, healthy, desired });
  }

  function desiredOf(budget: PodDisruptionBudget, leaving: Pod): number | undefined {
    // The pod that leaves was expected a moment ago.
    const others = budgets.podsOf(budget).filter(({ metadata }) => metadata.uid !== leaving.metadata.uid);
    try {
      return budgetArithmetic(store, budget, [...others, leaving]).desiredHealthy;
    } catch (error) {
      if (error instanceof NoScale) return undefined;
      throw error;
    }
  }

  function countMove(pod: Pod): void {
    const { kind, namespace, name } = workloadOf(store, pod);
    let entry = report.workloads.find(
      (each) => each.kind === kind && each.namespace === namespace && each.name === name,
    );
    if (!entry) {
      entry = { kind, namespace, name, moves: 0 };
      report.workloads.push(entry);
    }
    entry.moves += 1;
  }

  return {
    expect: (pod, cause) => {
      if (!causes.has(pod.metadata.uid)) causes.set(pod.metadata.uid, cause);
    },
    refused: () => {
      report.evictions.refused += 1;
    },
    report: () => structuredClone(report),
    reset: () => {
      report = emptyReport();
    },
  };
}

function emptyReport(): DisruptionReport {
  return { evictions: { accepted: 0, refused: 0 }, deletions: 0, workloads: [], lowestHealthy: {}, violations: [] };
}

/** The Deployment, StatefulSet or DaemonSet of a pod, or the pod itself. */
function workloadOf(store: KubernetesStore, pod: Pod): { kind: string; namespace: string; name: string } {
  const namespace = pod.metadata.namespace ?? '';
  const owner = controllerOf(pod);
  if (!owner) return { kind: 'Pod', namespace, name: pod.metadata.name };
  const set: KubeObject | undefined =
    owner.kind === 'ReplicaSet' ? store.get('replicasets', namespace, owner.name) : undefined;
  const { kind, name } = (set && controllerOf(set)) ?? owner;
  return { kind, namespace, name };
}
