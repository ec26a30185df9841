import {
  type BudgetIndex,
  type BudgetOutlook,
  budgetOutlook,
  budgetRule,
  budgetsOf,
  indexBudgets,
  needsBudget,
} from '../domain/budgets.ts';
import type { Finding } from '../domain/finding.ts';
import type { Pod, PodDisruptionBudget } from '../domain/snapshot.ts';
import { indexWorkloads, nameOf, ownerOf, type PodOwner } from '../domain/workloads.ts';
import { type Check, count, listed } from './check.ts';

/** Budgets of pods on the sources that would refuse every eviction even with all pods healthy, or that refuse now. */
export const pdbNeverAllows: Check = {
  codes: [
    {
      code: 'PDB.NEVER_ALLOWS',
      meaning: 'A PodDisruptionBudget allows no eviction even when all its pods are healthy.',
      canBeAllowed: true,
    },
    {
      code: 'PDB.EXHAUSTED',
      meaning: 'A PodDisruptionBudget allows no eviction at the moment, since pods are not healthy.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, { movingPods }) {
    const index = indexBudgets(snapshot.podDisruptionBudgets);
    const workloads = indexWorkloads(snapshot.workloads);
    const moving = new Set(movingPods);
    return [...podsByBudget(snapshot.pods, index)].flatMap(([budget, selected]): Finding[] => {
      const pods = selected.filter((pod) => moving.has(pod) && needsBudget(pod, budget));
      if (pods.length === 0) return [];
      const outlook = budgetOutlook(budget, selected, workloads);
      const owners = pods.map((pod) => ownerOf(pod, workloads)).filter((owner) => owner !== null);
      const named = [...new Set(owners.map((owner) => `${owner.kind} ${nameOf(owner)}`))];
      const whose = named.length > 0 ? listed(named, 3) : listed(pods.map(nameOf), 3);
      if (budget.status.syncFailure !== null) return [notComputed(budget, budget.status.syncFailure, whose, pods)];
      if (outlook.allowedAtBest === 0) return [never(budget, outlook, whose, owners[0] ?? null, pods)];
      return budget.status.disruptionsAllowed <= 0 ? [exhausted(budget, whose, selected)] : [];
    });
  },
};

function podsByBudget(pods: readonly Pod[], index: BudgetIndex): Map<PodDisruptionBudget, Pod[]> {
  const found = new Map<PodDisruptionBudget, Pod[]>();
  for (const pod of pods) {
    for (const budget of budgetsOf(pod, index)) {
      const selected = found.get(budget) ?? [];
      found.set(budget, selected);
      selected.push(pod);
    }
  }
  return found;
}

function never(
  budget: PodDisruptionBudget,
  outlook: BudgetOutlook,
  whose: string,
  owner: PodOwner | null,
  pods: readonly Pod[],
): Finding {
  const { expectedPods, desiredHealthy } = outlook;
  return {
    code: 'PDB.NEVER_ALLOWS',
    severity: 'blocking',
    subject: nameOf(budget),
    summary: `PDB ${nameOf(budget)} never allows an eviction of ${whose}: ${budgetRule(budget)} of ${count(expectedPods, 'pod')}.`,
    why:
      `It needs ${desiredHealthy} of ${expectedPods} pods healthy, which leaves ${expectedPods} - ${desiredHealthy} = 0 that may be down. ` +
      `${count(pods.length, 'pod')} on the nodes to be drained would stay for ever.`,
    nextActions: fixes(budget, outlook, owner),
  };
}

/** Commands that let one pod go at a time: one replica more where that helps, else another budget. */
function fixes(budget: PodDisruptionBudget, { expectedPods }: BudgetOutlook, owner: PodOwner | null): string[] {
  const { namespace, name } = budget;
  const absolute = typeof budget.minAvailable === 'number' && budget.minAvailable <= expectedPods;
  const scalable = owner?.kind === 'Deployment' || owner?.kind === 'StatefulSet';
  const scale =
    absolute && scalable && owner.replicas !== null
      ? [`kubectl -n ${namespace} scale ${owner.kind.toLowerCase()}/${owner.name} --replicas=${owner.replicas + 1}`]
      : [];
  const patch = JSON.stringify({ spec: { minAvailable: null, maxUnavailable: 1 } });
  return [...scale, `kubectl -n ${namespace} patch pdb ${name} --type=merge -p '${patch}'`];
}

const notComputed = (budget: PodDisruptionBudget, failure: string, whose: string, pods: readonly Pod[]): Finding => ({
  code: 'PDB.NEVER_ALLOWS',
  severity: 'blocking',
  subject: nameOf(budget),
  summary: `PDB ${nameOf(budget)} of ${whose} cannot be computed by Kubernetes and allows no eviction.`,
  why: `The disruption controller says: ${failure}. ${count(pods.length, 'pod')} on the nodes to be drained would stay.`,
  nextActions: [
    `kubectl -n ${budget.namespace} describe pdb ${budget.name}`,
    `kubectl -n ${budget.namespace} patch pdb ${budget.name} --type=merge -p '${JSON.stringify({ spec: { maxUnavailable: null, minAvailable: 1 } })}'`,
  ],
});

function exhausted(budget: PodDisruptionBudget, whose: string, selected: readonly Pod[]): Finding {
  const { currentHealthy, desiredHealthy } = budget.status;
  const unready = selected
    .filter(({ ready }) => !ready)
    .map((pod) => (pod.trouble === null ? nameOf(pod) : `${nameOf(pod)} (${pod.trouble})`));
  return {
    code: 'PDB.EXHAUSTED',
    severity: 'warning',
    subject: nameOf(budget),
    summary: `PDB ${nameOf(budget)} of ${whose} allows no eviction now: ${currentHealthy} pods healthy, ${desiredHealthy} needed.`,
    why:
      unready.length > 0
        ? `Not ready: ${listed(unready, 3)}. The drain waits for them.`
        : 'The drain waits until it does.',
    nextActions: [`kubectl -n ${budget.namespace} describe pdb ${budget.name}`],
  };
}
