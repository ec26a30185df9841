import { budgetRule } from '../domain/budgets.ts';
import type { Finding } from '../domain/finding.ts';
import type { Scope } from '../domain/scope.ts';
import type { PodDisruptionBudget } from '../domain/snapshot.ts';
import { onePodMoreRefusal, type SurgeFacts, surgeFacts, surgeRefusal } from '../domain/surge.ts';
import { nameOf } from '../domain/workloads.ts';
import { type Check, count, planAgain } from './check.ts';
import { knownBudgetHint } from './known-budgets.ts';
import { letUnreadyGo, type MovingBudget, movingBudgets, noneIsReady, serverWords } from './moving.ts';

/** Budgets of pods on the sources that would refuse every eviction even with all pods healthy. */
export const pdbNeverAllows: Check = {
  codes: [
    {
      code: 'PDB.NEVER_ALLOWS',
      meaning: 'A PodDisruptionBudget allows no eviction even when all its pods are healthy.',
      canBeAllowed: true,
    },
  ],
  run(snapshot, scope) {
    const facts = surgeFacts(snapshot);
    return movingBudgets(snapshot, scope)
      .filter(({ state, budget, pods }) => state === 'never' && pods.some((pod) => pod.ready || !alwaysAllows(budget)))
      .map((found) => never(found, scope, facts));
  },
};

const alwaysAllows = ({ unhealthyPodEvictionPolicy }: PodDisruptionBudget): boolean =>
  unhealthyPodEvictionPolicy === 'AlwaysAllow';

function never(found: MovingBudget, scope: Scope, facts: SurgeFacts): Finding {
  const { budget, pods, whose, arithmetic, outlook, refusal } = found;
  return {
    code: 'PDB.NEVER_ALLOWS',
    severity: 'blocking',
    subject: nameOf(budget),
    summary: `PDB ${nameOf(budget)} never allows an eviction of ${whose}: ${arithmetic} (${budgetRule(budget)}).`,
    why:
      (outlook.expectedPods === 0
        ? 'Its pods are bare. Kubernetes expects pods of controllers only, unless minAvailable is a number: none may be down, '
        : `With every pod healthy ${outlook.expectedPods} - ${outlook.desiredHealthy} = 0 may be down, `) +
      `and ${count(pods.length, 'pod')} on the nodes to be drained would stay for ever.` +
      knownBudgetHint(budget) +
      serverWords(refusal),
    nextActions: [
      ...(noneIsReady(found) ? [letUnreadyGo(budget)] : []),
      ...scaleUp(found, facts),
      ...rollOver(found, scope, facts),
      patch(found),
    ],
  };
}

/** One replica more than the budget wants healthy, where a reasonable number of them helps. */
function scaleUp({ budget, owner, pods, outlook: { expectedPods } }: MovingBudget, facts: SurgeFacts): string[] {
  const enough = podsThatAllow(budget);
  if (enough === null || owner === null || owner.replicas === null) return [];
  if (owner.kind !== 'Deployment' || onePodMoreRefusal(pods, facts) !== null) return [];
  const more = enough - expectedPods;
  if (more <= 0 || more > Math.max(2, expectedPods)) return [];
  const command = `kubectl -n ${owner.namespace} scale deployment/${owner.name}`;
  return [`${command} --replicas=${owner.replicas + more}  # and back to ${owner.replicas} after the drain`];
}

/** Pods with which the budget lets one go; null: no number of pods. A maxUnavailable that never allows is 0. */
function podsThatAllow({ minAvailable, maxUnavailable }: PodDisruptionBudget): number | null {
  if (maxUnavailable !== null) return null;
  if (typeof minAvailable === 'number') return minAvailable + 1;
  const percent = Number(/^(\d+)%$/.exec(minAvailable ?? '')?.[1]);
  return percent < 100 ? Math.ceil(100 / (100 - percent)) : null;
}

function rollOver({ owner, pods }: MovingBudget, scope: Scope, facts: SurgeFacts): string[] {
  if (owner?.kind !== 'Deployment' || surgeRefusal(nameOf(owner), pods, facts) !== null) return [];
  const surge = [...scope.request.surge, nameOf(owner)];
  return [`${planAgain(scope, { surge })}  # a new pod is Ready before the old one goes`];
}

function patch({ budget, selected, outlook }: MovingBudget): string {
  // The controller counts a percentage or maxUnavailable by the scale of the workload, which a Job has not.
  const isWithoutScale = selected.some(({ controller }) => controller?.kind === 'Job');
  const rule =
    outlook.expectedPods === 0 || isWithoutScale
      ? { maxUnavailable: null, minAvailable: selected.length - 1 }
      : { minAvailable: null, maxUnavailable: 1 };
  const spec = JSON.stringify({ spec: rule });
  return `kubectl -n ${budget.namespace} patch pdb ${budget.name} --type=merge -p '${spec}'  # was ${budgetRule(budget)}`;
}
