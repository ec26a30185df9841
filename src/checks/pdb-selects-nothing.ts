import { budgetsOf, indexBudgets } from '../domain/budgets.ts';
import type { Finding } from '../domain/finding.ts';
import { podsBySelector } from '../domain/selector-index.ts';
import type { PodDisruptionBudget } from '../domain/snapshot.ts';
import { nameOf } from '../domain/workloads.ts';
import { type Check, listed } from './check.ts';
import { byWorkload, customaryLabels, type MovingWorkload, selectorText, sharedLabel } from './moving.ts';

/** Budgets that select no pod, where a workload that moves without a budget looks like the one they were made for. */
export const pdbSelectsNothing: Check = {
  codes: [
    {
      code: 'PDB.SELECTS_NOTHING',
      meaning: 'A PodDisruptionBudget selects no pod, and seems to be meant for a workload that moves unguarded.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, { movingPods }) {
    const { podDisruptionBudgets, pods } = snapshot;
    const selecting = podsBySelector(podDisruptionBudgets, pods);
    const idle = podDisruptionBudgets.filter((budget) => !selecting.has(budget));
    if (idle.length === 0) return [];
    const index = indexBudgets(podDisruptionBudgets);
    const unguarded = byWorkload(
      movingPods.filter((pod) => pod.controller !== null && budgetsOf(pod, index).length === 0),
      snapshot,
    );
    const byWord = new Map(unguarded.flatMap((workload) => wordsOf(workload).map((word) => [word, workload])));
    return idle.flatMap((budget): Finding[] => {
      const meant = guesses(budget)
        .map((word) => byWord.get(`${budget.namespace} ${word}`))
        .find((workload) => workload !== undefined);
      return meant === undefined ? [] : [selectsNothing(budget, meant)];
    });
  },
};

/** What a budget for this workload may be called or ask for. */
const wordsOf = ({ namespace, owner, pods: [{ labels }] }: MovingWorkload): string[] =>
  [owner?.name, ...Object.values(labels)].flatMap((word) => (word ? [`${namespace} ${word}`] : []));

/** What the budget is called and asks for, as far as it says which workload it means. */
function guesses({ name, selector }: PodDisruptionBudget): string[] {
  const asked = Object.entries(selector?.matchLabels ?? {});
  return [
    name,
    name.replace(/^pdb-|-pdb$/, ''),
    ...asked.filter(([key]) => customaryLabels.includes(key)).map(([, value]) => value),
  ];
}

function selectsNothing(budget: PodDisruptionBudget, { subject, pods }: MovingWorkload): Finding {
  const asked = budget.selector?.matchLabels ?? {};
  const label = sharedLabel(pods);
  const dropped = Object.fromEntries(Object.keys(asked).map((key) => [key, null]));
  const matchLabels = { ...dropped, ...(label === undefined ? {} : Object.fromEntries([label])) };
  const patch = JSON.stringify({ spec: { selector: { matchLabels } } });
  return {
    code: 'PDB.SELECTS_NOTHING',
    severity: 'advice',
    subject: nameOf(budget),
    summary: `PDB ${nameOf(budget)} selects no pod (${selectorText(asked) || 'no labels'}), while ${subject} moves without a budget.`,
    why: `It guards nothing. Pods of ${subject} have the labels ${listed(Object.entries(pods[0].labels).map((each) => each.join('=')))}.`,
    nextActions: [
      `kubectl -n ${budget.namespace} get pods --show-labels`,
      ...(label === undefined
        ? []
        : [`kubectl -n ${budget.namespace} patch pdb ${budget.name} --type=merge -p '${patch}'`]),
    ],
  };
}
