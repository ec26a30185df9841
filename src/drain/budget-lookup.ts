import { selects } from '../domain/label-selector.ts';
import type { PodDisruptionBudget } from '../domain/snapshot.ts';

/** Finds the budgets of a pod without asking every budget of its namespace. */
export interface BudgetLookup {
  /** True when it is new or its spec changed: the pods of its namespace must be matched again. */
  put(budget: PodDisruptionBudget): boolean;
  remove(uid: string): void;
  /** By uid. */
  all(): ReadonlyMap<string, PodDisruptionBudget>;
  /** Every budget that selects the labels, in order of name. */
  of(namespace: string, labels: Record<string, string>): PodDisruptionBudget[];
}

/** A selector that demands `key: value` is looked at only for pods that have it; the others for every pod. */
const everyPod = '*';

export function createBudgetLookup(): BudgetLookup {
  const budgets = new Map<string, PodDisruptionBudget>();
  const buckets = new Map<string, Set<string>>();

  return {
    put(budget) {
      const old = budgets.get(budget.uid);
      budgets.set(budget.uid, budget);
      // the generation counts changes of the spec, and the selector is part of it
      if (old?.generation === budget.generation) return false;
      if (old !== undefined) buckets.get(bucketOf(old))?.delete(old.uid);
      const bucket = buckets.get(bucketOf(budget)) ?? new Set();
      buckets.set(bucketOf(budget), bucket.add(budget.uid));
      return true;
    },
    remove(uid) {
      const old = budgets.get(uid);
      if (old === undefined) return;
      budgets.delete(uid);
      buckets.get(bucketOf(old))?.delete(uid);
    },
    all: () => budgets,
    of(namespace, labels) {
      return [undefined, ...Object.entries(labels)]
        .flatMap((label) => [...(buckets.get(bucketName(namespace, label)) ?? [])])
        .flatMap((uid) => budgets.get(uid) ?? [])
        .filter((budget) => selects(budget.selector, labels))
        .toSorted((a, b) => (a.name < b.name ? -1 : 1));
    },
  };
}

function bucketOf({ namespace, selector }: PodDisruptionBudget): string {
  return bucketName(namespace, Object.entries(selector?.matchLabels ?? {})[0]);
}

const bucketName = (namespace: string, label: [string, string] | undefined): string =>
  label === undefined ? `${namespace}/${everyPod}` : `${namespace}/${label[0]}=${label[1]}`;
