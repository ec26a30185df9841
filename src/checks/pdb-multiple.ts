import { budgetsOf, indexBudgets, isGuarded } from '../domain/budgets.ts';
import type { Finding } from '../domain/finding.ts';
import type { Pod } from '../domain/snapshot.ts';
import { indexWorkloads } from '../domain/workloads.ts';
import { type Check, count } from './check.ts';
import { byWorkload, evictedPods, type MovingWorkload, refusalsOf, serverWords } from './moving.ts';

/** Pods that two budgets select: the eviction API refuses them for ever. */
export const pdbMultiple: Check = {
  codes: [
    { code: 'PDB.MULTIPLE_FOR_POD', meaning: 'More than one PodDisruptionBudget selects a pod.', canBeAllowed: true },
  ],
  run(snapshot, scope) {
    const index = indexBudgets(snapshot.podDisruptionBudgets);
    const refusals = refusalsOf(snapshot);
    const workloads = indexWorkloads(snapshot.workloads);
    const namesOf = (pod: Pod) => budgetsOf(pod, index).map(({ name }) => name);
    const groups = Map.groupBy(evictedPods(scope, workloads).filter(isGuarded), (pod) => namesOf(pod).join(' '));
    return [...groups]
      .map(([names, pods]) => ({ names: names.split(' '), pods }))
      .filter(({ names }) => names.length > 1)
      .flatMap(({ names, pods }) => byWorkload(pods, snapshot).map((workload) => multiple(workload, names, refusals)));
  },
};

function multiple(
  workload: MovingWorkload,
  names: readonly string[],
  refusals: ReturnType<typeof refusalsOf>,
): Finding {
  const { subject, namespace, pods } = workload;
  return {
    code: 'PDB.MULTIPLE_FOR_POD',
    severity: 'blocking',
    subject,
    summary: `${count(pods.length, 'pod')} of ${subject}: PDBs ${names.join(' and ')} select the same pods.`,
    why: `Kubernetes answers an eviction of such a pod with an error, however often it is asked.${serverWords(refusals.get(pods[0].uid))}`,
    nextActions: [
      `kubectl -n ${namespace} get pdb ${names.join(' ')} -o wide`,
      `kubectl -n ${namespace} delete pdb ${names.at(-1)}  # or narrow its selector`,
      `kubectl -n ${namespace} get pod ${pods[0].name} --show-labels`,
    ],
  };
}
