import { budgetsOf, indexBudgets } from '../domain/budgets.ts';
import { formatDuration } from '../domain/duration.ts';
import type { Finding } from '../domain/finding.ts';
import { expectedCycleSeconds } from '../domain/pod-times.ts';
import type { Scope } from '../domain/scope.ts';
import { onePodMoreRefusal, type SurgeFacts, surgeFacts, surgeRefusal } from '../domain/surge.ts';
import { indexWorkloads, nameOf, type PodOwner } from '../domain/workloads.ts';
import { type Check, count, planAgain } from './check.ts';
import { byWorkload, evictedPods, type MovingWorkload, sharedLabel } from './moving.ts';

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
  run(snapshot, scope) {
    const index = indexBudgets(snapshot.podDisruptionBudgets);
    const workloads = indexWorkloads(snapshot.workloads);
    const facts = surgeFacts(snapshot);
    const taken = new Set(snapshot.podDisruptionBudgets.map(nameOf));
    const unguarded = evictedPods(scope, workloads).filter((pod) => budgetsOf(pod, index).length === 0);
    return byWorkload(unguarded, snapshot).flatMap((workload): Finding[] => {
      const { owner, pods } = workload;
      if (owner === null || owner.replicas === null || owner.replicas === 0 || pods.length < owner.replicas) return [];
      return [
        owner.replicas === 1 ? single(workload, owner, scope, facts) : missing(workload, owner, owner.replicas, taken),
      ];
    });
  },
};

function single({ subject, pods }: MovingWorkload, owner: PodOwner, scope: Scope, facts: SurgeFacts): Finding {
  const surge = [...scope.request.surge, subject];
  const isDeployment = owner.kind === 'Deployment';
  const canSurge = isDeployment && surgeRefusal(subject, pods, facts) === null;
  const canScale = isDeployment && onePodMoreRefusal(pods, facts) === null;
  const seconds = Math.round(expectedCycleSeconds(pods));
  const away = seconds < 5 ? 'a few seconds' : `about ${formatDuration(seconds)}`;
  return {
    code: 'WORKLOAD.SINGLE_POD',
    severity: 'warning',
    subject,
    summary: `${subject}: its only pod is on the old nodes and is away while it moves, ${away} (estimate).`,
    why:
      owner.kind === 'StatefulSet'
        ? 'A StatefulSet starts the new pod when the old one has ended.'
        : 'An evicted pod ends before its successor is Ready.',
    nextActions: [
      ...(canSurge ? [`${planAgain(scope, { surge })}  # a new pod is Ready before the old one goes`] : []),
      ...(canScale ? [`kubectl -n ${owner.namespace} scale deployment/${owner.name} --replicas=2`] : []),
      ...(canScale || canSurge ? [] : [`kubectl -n ${owner.namespace} get pod ${pods[0].name} -o wide`]),
    ],
  };
}

function missing(
  { subject, pods }: MovingWorkload,
  owner: PodOwner,
  replicas: number,
  taken: ReadonlySet<string>,
): Finding {
  const label = sharedLabel(pods)?.join('=');
  return {
    code: 'PDB.MISSING',
    severity: 'warning',
    subject: nameOf(owner),
    summary: `${subject}: ${pods.length} of ${replicas} pods are on the old nodes, and no PDB guards them.`,
    why: `The drain takes at most ${count(Math.max(1, Math.floor(replicas / 4)), 'pod')} of it (25 %) at a time.`,
    nextActions: [
      label === undefined
        ? `kubectl -n ${owner.namespace} get pods --show-labels  # a PDB needs a label that they share`
        : `kubectl -n ${owner.namespace} create pdb ${freeName(owner, taken)} --selector=${label} --max-unavailable=1`,
    ],
  };
}

/** The name of the workload; a budget that selects other pods may have it already. */
function freeName({ namespace, name }: PodOwner, taken: ReadonlySet<string>): string {
  let free = name;
  for (let number = 1; taken.has(nameOf({ namespace, name: free })); number += 1) {
    free = number === 1 ? `${name}-pdb` : `${name}-pdb-${number}`;
  }
  return free;
}
