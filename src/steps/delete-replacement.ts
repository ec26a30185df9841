import type { Step } from '../domain/plan.ts';
import type { ClusterNode } from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';
import { deletionFailed, emptyLateNodes, explainStuckDeletion, inTheWay } from './nodegroup-deletion.ts';
import { isOurs } from './ownership.ts';
import { sharedRole } from './shared-role.ts';
import { deleteGroup, stackOf, stackProtected, stackUnderWay } from './stack-deletion.ts';
import type { Observation, StepContext, StepHandler } from './step-handler.ts';
import { mayHaveActed, mayStillShow, undoneId } from './undoing.ts';

type DeleteStep = Step<'delete-replacement'>;

/**
 * Deletes a replacement that the plan made, when its pods have gone back. As with a source, EKS would end pods whatever their
 * budgets say, so it is asked for only while none is left that has to move, and none can come: nodes that join late are
 * cordoned, and pods that came with them drained, first. A replacement that failed, or was never made, is no obstacle.
 */
export const deleteReplacement: StepHandler<'delete-replacement'> = {
  title: ({ params }) => `delete node group ${params.nodegroupName}`,

  observe,

  async act(step, ports, run) {
    const { clusterName, nodegroupName } = step.params;
    // the last look before what cannot be undone
    const now = await observe(step, ports, run);
    if (now.kind === 'conflict') throw now.error;
    if (now.kind !== 'actionable' || (await emptyLateNodes(step, ports, run)) || run.signal.aborted) return;
    const group = await ports.eks.describeNodegroup(clusterName, nodegroupName);
    if (group !== undefined) await deleteGroup(step.params, group, ports, run);
  },

  describeCall: ({ params: { clusterName, nodegroupName, stack } }) =>
    stack === undefined
      ? `eks:DeleteNodegroup ${nodegroupName} of cluster ${clusterName}`
      : `cloudformation:DeleteStack ${stack}, or eks:DeleteNodegroup ${nodegroupName} of cluster ${clusterName} where that stack is gone`,

  /** A plan that wants it again makes it. */
  undo: () => undefined,

  deadlineSeconds: ({ params }) => params.timeoutSeconds,

  explainDeadline: ({ params }, ports) => explainStuckDeletion(params, ports),
};

async function observe(step: DeleteStep, ports: Ports, context: StepContext): Promise<Observation> {
  const { clusterName, nodegroupName, tags } = step.params;
  const group = await ports.eks.describeNodegroup(clusterName, nodegroupName);
  if (group !== undefined && !isOurs(tags, group.tags)) {
    return { kind: 'satisfied', detail: `node group ${nodegroupName} was not made by this plan: it stays` };
  }
  const nodes = await ports.kubernetes.listNodes(nodegroupName);
  const stack = await stackOf(step.params, ports);
  const underWay = await stackUnderWay(step.params, stack, ports);
  if (underWay !== null) return underWay;
  if (group === undefined) return absent(step, nodes, ports, context);
  const detail = `node group ${nodegroupName} is ${group.status}`;
  if (group.status === 'DELETING') return { kind: 'in-progress', detail: `${detail}, ${nodes.length} nodes left` };
  if (group.status === 'DELETE_FAILED') return deletionFailed(step.params, group);
  const isInUse = await inTheWay(step.params, nodes, ports, context);
  if (isInUse !== null) return isInUse;
  // EKS deletes no group in the middle of a change
  if (group.status === 'CREATING' || group.status === 'UPDATING') return { kind: 'in-progress', detail };
  return (
    stackProtected(step.params, stack) ??
    (await sharedRole(step.params, group, ports)) ?? { kind: 'actionable', detail: `${nodegroupName} is empty` }
  );
}

function absent(step: DeleteStep, nodes: readonly ClusterNode[], ports: Ports, context: StepContext): Observation {
  const { nodegroupName } = step.params;
  if (nodes.length > 0) {
    return { kind: 'in-progress', detail: `${nodegroupName} is gone, ${nodes.length} of its nodes are still leaving` };
  }
  if (mayStillShow(step.id, ports, context)) {
    return { kind: 'in-progress', detail: `${nodegroupName} was asked for, and may still come into sight` };
  }
  const wasMade = mayHaveActed(context.state, undoneId(step.id));
  return { kind: 'satisfied', detail: `node group ${nodegroupName} is ${wasMade ? 'gone' : 'not there'}` };
}
