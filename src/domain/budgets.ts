import { isBare } from './evictable.ts';
import { indexSelectors, type SelectorIndex, selectingPod } from './selector-index.ts';
import type { Pod, PodDisruptionBudget } from './snapshot.ts';
import { ownerOf, type Workloads } from './workloads.ts';

export type BudgetIndex = SelectorIndex<PodDisruptionBudget>;

export const indexBudgets = (budgets: readonly PodDisruptionBudget[]): BudgetIndex => indexSelectors(budgets);

/** Every PodDisruptionBudget that selects the pod. More than one makes the eviction API refuse it for ever. */
export const budgetsOf = (pod: Pod, budgets: BudgetIndex): PodDisruptionBudget[] =>
  selectingPod(pod, budgets).toSorted((a, b) => (a.name < b.name ? -1 : 1));

/** Whether the eviction API asks a budget about this pod at all: it does not for pods that never started or are done. */
export const isGuarded = (pod: Pod): boolean => pod.phase === 'Running' && pod.deletionTimestamp === null;

/** Whether an eviction of the pod counts against the budget, given how the budget treats pods that are not ready. */
export const needsBudget = (pod: Pod, budget: PodDisruptionBudget): boolean =>
  isGuarded(pod) && (pod.ready || budget.unhealthyPodEvictionPolicy !== 'AlwaysAllow');

/** Pods of a number or a percentage of `total`; Kubernetes rounds percentages up. Null when it is neither. */
export function scaled(value: number | string | null, total: number): number | null {
  if (typeof value === 'number') return value;
  const match = /^(\d+)%$/.exec(value ?? '');
  return match === null ? null : Math.ceil((Number(match[1]) * total) / 100);
}

/** Pods that the budget wants healthy out of `expectedPods`. */
export function desiredHealthy(budget: PodDisruptionBudget, expectedPods: number): number {
  const maxUnavailable = scaled(budget.maxUnavailable, expectedPods);
  if (maxUnavailable !== null) return Math.max(0, expectedPods - maxUnavailable);
  return scaled(budget.minAvailable, expectedPods) ?? 0;
}

export interface BudgetOutlook {
  expectedPods: number;
  desiredHealthy: number;
  /** evictions that the budget would allow at once if every expected pod were healthy; 0: never any */
  allowedAtBest: number;
}

/**
 * The arithmetic of the disruption controller for the best case. `selected` are all pods that the budget selects;
 * expected pods are the replicas that their controllers want, and the pods themselves where there is no such number. Bare
 * pods count only for a minAvailable that is a number: of a share, and of what may be missing, there is no whole for them.
 */
export function budgetOutlook(
  budget: PodDisruptionBudget,
  selected: readonly Pod[],
  workloads: Workloads,
): BudgetOutlook {
  const countsBare = typeof budget.minAvailable === 'number';
  const live = selected.filter(
    (pod) => pod.phase !== 'Succeeded' && pod.phase !== 'Failed' && (countsBare || !isBare(pod)),
  );
  const owners = Map.groupBy(live, (pod) => ownerOf(pod, workloads)?.uid ?? pod.uid);
  const counts = [...owners.values()].map(([first, ...others]) =>
    first === undefined ? 0 : (ownerOf(first, workloads)?.replicas ?? 1 + others.length),
  );
  const expectedPods = counts.reduce((sum, count) => sum + count, 0);
  const desired = desiredHealthy(budget, expectedPods);
  return { expectedPods, desiredHealthy: desired, allowedAtBest: Math.max(0, expectedPods - desired) };
}

/** How the budget is written: `minAvailable: 3`, `maxUnavailable: 10%`. */
export const budgetRule = (budget: PodDisruptionBudget): string =>
  budget.maxUnavailable === null || budget.maxUnavailable === undefined
    ? `minAvailable: ${budget.minAvailable ?? 0}`
    : `maxUnavailable: ${budget.maxUnavailable}`;
