import { needsBudget } from '../domain/budgets.ts';
import type { Finding } from '../domain/finding.ts';
import type { ClusterSnapshot, Pod, PodDisruptionBudget } from '../domain/snapshot.ts';
import { nameOf } from '../domain/workloads.ts';
import { type Check, count, listed } from './check.ts';
import { knownBudgetHint } from './known-budgets.ts';
import { letUnreadyGo, type MovingBudget, movingBudgets, noneIsReady, serverWords } from './moving.ts';

/** A pod that is younger may be starting, unless it says otherwise. */
const startingSeconds = 300;

/** Budgets that allow nothing now, though they will when all is healthy, if it ever is. */
export const pdbNotNow: Check = {
  codes: [
    {
      code: 'PDB.UNHEALTHY_PODS',
      meaning: 'Pods that are not Ready cannot be evicted, since their PodDisruptionBudget lacks healthy pods.',
      canBeAllowed: false,
    },
    {
      code: 'PDB.NOT_NOW',
      meaning: 'A PodDisruptionBudget allows no eviction at the moment; it will when its pods are healthy.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, scope) {
    const closed = movingBudgets(snapshot, scope).filter(({ state }) => state === 'not-now');
    const sick = new Map(closed.map((found) => [found, sickPods(found, snapshot)]));
    return [
      ...closed.flatMap((found) => {
        const pods = sick.get(found) ?? [];
        return pods.length === 0 ? [] : [unhealthy(found, pods)];
      }),
      ...closed
        .filter((found) => sick.get(found)?.length === 0)
        .filter(({ budget, pods }) => pods.some((pod) => needsBudget(pod, budget)))
        .map(notNow),
    ];
  },
};

/** Pods that move, are not Ready and are held for it: those that do not look as if they were starting, or all where none is Ready. */
function sickPods(found: MovingBudget, snapshot: ClusterSnapshot): Pod[] {
  const unready = found.pods.filter(({ ready }) => !ready);
  if (!holdsUnready(found.budget)) return [];
  return noneIsReady(found) ? unready : unready.filter((pod) => !isStarting(pod, snapshot));
}

/** The eviction API lets an unready pod go without charging the budget when enough others are healthy, or always. */
const holdsUnready = ({ unhealthyPodEvictionPolicy, status }: PodDisruptionBudget): boolean =>
  unhealthyPodEvictionPolicy !== 'AlwaysAllow' &&
  (status.currentHealthy < status.desiredHealthy || status.desiredHealthy === 0);

const isStarting = ({ createdAt, trouble }: Pod, { observedAt }: ClusterSnapshot): boolean =>
  Date.parse(observedAt) - Date.parse(createdAt) < startingSeconds * 1000 && !/BackOff|Err/.test(trouble ?? '');

const withTrouble = (pod: Pod): string => (pod.trouble === null ? nameOf(pod) : `${nameOf(pod)} (${pod.trouble})`);

function unhealthy(found: MovingBudget, sick: readonly Pod[]): Finding {
  const { budget, whose, arithmetic, pods, refusal } = found;
  const others = pods.length - sick.length;
  return {
    code: 'PDB.UNHEALTHY_PODS',
    severity: 'warning',
    subject: nameOf(budget),
    summary: `${count(sick.length, 'pod')} of ${whose} on the nodes to be drained, not Ready, cannot be evicted: ${listed(sick.map(withTrouble), 3)}.`,
    why:
      `PDB ${nameOf(budget)}: ${arithmetic}. Its policy IfHealthyBudget keeps unready pods until enough are healthy` +
      `${others > 0 ? `, and ${count(others, 'other pod')} with them` : ''}. ` +
      (noneIsReady(found)
        ? 'None of its pods is Ready: if they never are, waiting alone does not help, and the drain never ends.'
        : 'If they never heal, the drain never ends.') +
      knownBudgetHint(budget) +
      serverWords(refusal),
    nextActions: [letUnreadyGo(budget), `kubectl -n ${budget.namespace} describe pod ${sick[0]?.name}`],
  };
}

function notNow(found: MovingBudget): Finding {
  const { budget, whose, arithmetic, refusal } = found;
  const unready = unreadyOf(found)[0];
  return {
    code: 'PDB.NOT_NOW',
    severity: 'warning',
    subject: nameOf(budget),
    summary: `PDB ${nameOf(budget)} allows no eviction of ${whose} now: ${arithmetic}.`,
    why: `${reason(found)} The drain waits for it.${knownBudgetHint(budget)}${serverWords(refusal)}`,
    nextActions: [
      ...(unready === undefined ? [] : [`kubectl -n ${unready.namespace} describe pod ${unready.name}`]),
      `kubectl -n ${budget.namespace} describe pdb ${budget.name}`,
    ],
  };
}

const unreadyOf = ({ selected }: MovingBudget) =>
  selected.filter(({ ready, phase }) => !ready && phase !== 'Succeeded' && phase !== 'Failed');

function reason(found: MovingBudget): string {
  const { budget, selected, outlook } = found;
  const unready = unreadyOf(found).map(withTrouble);
  if (unready.length > 0) return `Not Ready: ${listed(unready, 3)}.`;
  const missing = outlook.expectedPods - selected.length;
  if (missing > 0) return `Missing: ${missing} of ${count(outlook.expectedPods, 'pod')}.`;
  const going = Object.keys(budget.status.disruptedPods);
  return going.length > 0 ? `Evicted of late: ${listed(going, 3)}.` : 'Its pods were Ready when looked at.';
}
