import type { Finding } from '../domain/finding.ts';
import { nameOf } from '../domain/workloads.ts';
import { type Check, count } from './check.ts';
import { type MovingBudget, movingBudgets, serverWords } from './moving.ts';

/** Budgets whose status says nothing: the controller cannot compute it, or has not yet done so. */
export const pdbSyncFailed: Check = {
  codes: [
    {
      code: 'PDB.SYNC_FAILED',
      meaning: 'Kubernetes cannot compute a PodDisruptionBudget, and so allows no eviction.',
      canBeAllowed: true,
    },
    {
      code: 'PDB.NOT_PROCESSED',
      meaning: 'Kubernetes has not yet looked at the newest version of a PodDisruptionBudget.',
      canBeAllowed: false,
    },
  ],
  run: (snapshot, scope) =>
    movingBudgets(snapshot, scope).flatMap((found): Finding[] => {
      if (found.state === 'sync-failed') return [syncFailed(found)];
      return found.state === 'not-processed' ? [notProcessed(found)] : [];
    }),
};

function syncFailed({ budget, whose, pods, selected, refusal }: MovingBudget): Finding {
  const spec = JSON.stringify({ spec: { maxUnavailable: null, minAvailable: selected.length - 1 } });
  return {
    code: 'PDB.SYNC_FAILED',
    severity: 'blocking',
    subject: nameOf(budget),
    summary: `PDB ${nameOf(budget)} of ${whose} cannot be computed, and allows no eviction: ${budget.status.syncFailure}`,
    why:
      `${count(pods.length, 'pod')} on the nodes to be drained would stay until that is mended. Percentages and maxUnavailable ` +
      `need pods with a controller that has replicas; minAvailable as a number does not.${serverWords(refusal)}`,
    nextActions: [
      `kubectl -n ${budget.namespace} describe pdb ${budget.name}`,
      `kubectl -n ${budget.namespace} patch pdb ${budget.name} --type=merge -p '${spec}'`,
    ],
  };
}

function notProcessed({ budget, whose, refusal }: MovingBudget): Finding {
  const { generation, status } = budget;
  return {
    code: 'PDB.NOT_PROCESSED',
    severity: 'warning',
    subject: nameOf(budget),
    summary: `PDB ${nameOf(budget)} of ${whose} is of generation ${generation}, and Kubernetes has seen ${status.observedGeneration}.`,
    why: `Until its controller has caught up, every eviction is refused; that takes seconds, unless the controller has trouble.${serverWords(refusal)}`,
    nextActions: [`kubectl -n ${budget.namespace} describe pdb ${budget.name}`],
  };
}
