import { budgetsOf, indexBudgets, isGuarded } from '../domain/budgets.ts';
import type { Finding } from '../domain/finding.ts';
import { indexWorkloads, nameOf, ownerOf } from '../domain/workloads.ts';
import { type Check, count } from './check.ts';

/** Pods that two budgets select: the eviction API refuses them for ever. */
export const pdbMultiple: Check = {
  codes: [
    { code: 'PDB.MULTIPLE_FOR_POD', meaning: 'More than one PodDisruptionBudget selects a pod.', canBeAllowed: true },
  ],
  run(snapshot, { movingPods }) {
    const index = indexBudgets(snapshot.podDisruptionBudgets);
    const workloads = indexWorkloads(snapshot.workloads);
    const affected = movingPods
      .filter(isGuarded)
      .map((pod) => ({ pod, budgets: budgetsOf(pod, index).map(({ name }) => name) }))
      .filter(({ budgets }) => budgets.length > 1);
    const groups = Map.groupBy(affected, ({ pod, budgets }) => {
      const owner = ownerOf(pod, workloads);
      return `${owner === null ? nameOf(pod) : nameOf(owner)} ${budgets.join(' ')}`;
    });
    return [...groups.values()].flatMap((pods): Finding[] => {
      const [first] = pods;
      if (first === undefined) return [];
      const owner = ownerOf(first.pod, workloads);
      const subject = owner === null ? nameOf(first.pod) : nameOf(owner);
      const { namespace } = first.pod;
      return [
        {
          code: 'PDB.MULTIPLE_FOR_POD',
          severity: 'blocking',
          subject,
          summary: `${count(pods.length, 'pod')} of ${subject}: PDBs ${first.budgets.join(' and ')} select the same pods.`,
          why: 'Kubernetes answers an eviction of such a pod with an error, however often it is asked.',
          nextActions: [
            `kubectl -n ${namespace} delete pdb ${first.budgets.at(-1)}  # or narrow its selector`,
            `kubectl -n ${namespace} get pod ${first.pod.name} --show-labels`,
          ],
        },
      ];
    });
  },
};
