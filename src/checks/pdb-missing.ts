import { budgetsOf, indexBudgets } from '../domain/budgets.ts';
import type { Finding } from '../domain/finding.ts';
import type { Pod } from '../domain/snapshot.ts';
import { indexWorkloads, nameOf, ownerOf } from '../domain/workloads.ts';
import { type Check, count } from './check.ts';

/** Workloads without a budget whose pods all sit on the sources. */
export const pdbMissing: Check = {
  codes: [
    {
      code: 'PDB.MISSING',
      meaning: 'All pods of a workload are on the old nodes and no PodDisruptionBudget guards them.',
      canBeAllowed: false,
    },
    {
      code: 'WORKLOAD.SINGLE_POD',
      meaning: 'The only pod of a workload is on the old nodes: it is away while it moves.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, { movingPods }) {
    const index = indexBudgets(snapshot.podDisruptionBudgets);
    const workloads = indexWorkloads(snapshot.workloads);
    const unguarded = movingPods.filter((pod) => budgetsOf(pod, index).length === 0);
    const groups = Map.groupBy(unguarded, (pod) => ownerOf(pod, workloads)?.uid);
    return [...groups.values()].flatMap((pods): Finding[] => {
      const owner = pods[0] === undefined ? null : ownerOf(pods[0], workloads);
      if (owner === null || owner.replicas === null || owner.replicas === 0 || pods.length < owner.replicas) return [];
      const subject = nameOf(owner);
      if (owner.replicas === 1) {
        return [
          {
            code: 'WORKLOAD.SINGLE_POD',
            severity: 'warning',
            subject,
            summary: `${subject}: its only pod is on the old nodes and is away while it moves.`,
            why: 'An evicted pod ends before its successor starts.',
            nextActions: [`kubectl -n ${owner.namespace} scale ${owner.kind.toLowerCase()}/${owner.name} --replicas=2`],
          },
        ];
      }
      return [
        {
          code: 'PDB.MISSING',
          severity: 'warning',
          subject,
          summary: `${subject}: ${pods.length} of ${owner.replicas} pods are on the old nodes, and no PDB guards them.`,
          why: `The drain takes at most ${count(Math.max(1, Math.floor(owner.replicas / 4)), 'pod')} of it (25 %) at a time.`,
          nextActions: [
            `kubectl -n ${owner.namespace} create pdb ${owner.name} --selector=${ownLabel(pods)} --max-unavailable=1`,
          ],
        },
      ];
    });
  },
};

/** A label that all these pods share, the customary ones first. */
function ownLabel(pods: readonly Pod[]): string {
  const [first] = pods;
  const shared = Object.entries(first?.labels ?? {}).filter(([key, value]) =>
    pods.every(({ labels }) => labels[key] === value),
  );
  const customary = ['app', 'app.kubernetes.io/name', 'k8s-app'];
  const best = shared.find(([key]) => customary.includes(key)) ?? shared.find(([key]) => !key.endsWith('-hash'));
  return best?.join('=') ?? 'KEY=VALUE';
}
