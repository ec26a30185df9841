import type { Step, StepParams } from '../domain/plan.ts';
import type { ClusterNode } from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';
import { isRecovering, sameAgain, statusText, stoppedPartWay } from './conflict.ts';
import { deletionFailed, emptyLateNodes, explainStuckDeletion, inTheWay } from './nodegroup-deletion.ts';
import { type PrefixEvidence, prefixEvidence } from './prefix-evidence.ts';
import { sharedRole } from './shared-role.ts';
import { deleteGroup, stackOf, stackProtected, stackUnderWay, whyStackStays } from './stack-deletion.ts';
import type { Observation, StepContext, StepHandler } from './step-handler.ts';

type Params = StepParams['delete-source'];

/** So long a node that has just come may be without a prefix. */
const patienceMilliseconds = 3 * 60 * 1000;
/** So long the successor of a node that was lost (Spot, node repair) is waited for. */
const successorMilliseconds = 10 * 60 * 1000;

/**
 * Deletes a source. EKS drains a node group that is being deleted by itself, and after some minutes ends the pods whatever
 * their budgets say; the deletion cannot be stopped. So it is asked for only while no pod is left that has to move, and
 * while the replacement proves itself once more. Nodes that came after the drain are emptied first. DeleteNodegroup takes no
 * token: DELETING and gone are success. A group that belongs to a CloudFormation stack of eksctl is deleted through that
 * stack, under the same conditions.
 */
export const deleteSource: StepHandler<'delete-source'> = {
  title: ({ params }) => `delete node group ${params.nodegroupName}`,

  observe,

  async act(step, ports, run) {
    // The last look before what cannot be undone; between the engine's look and this one a pod may have come.
    const now = await observe(step, ports, run);
    if (now.kind === 'conflict') throw now.error;
    if (now.kind !== 'actionable' || (await emptyLateNodes(step, ports, run)) || run.signal.aborted) return;
    const group = await ports.eks.describeNodegroup(step.params.clusterName, step.params.nodegroupName);
    if (group !== undefined) await deleteGroup(step.params, group, ports, run);
  },

  describeCall: ({ params: { clusterName, nodegroupName, stack } }) =>
    stack === undefined
      ? `eks:DeleteNodegroup ${nodegroupName} of cluster ${clusterName}`
      : `cloudformation:DeleteStack ${stack}, with node group ${nodegroupName} of cluster ${clusterName}`,

  /** Cannot be undone: a new node group would have new nodes. */
  undo: () => undefined,

  deadlineSeconds: ({ params }) => params.timeoutSeconds,

  explainDeadline: ({ params }, ports) => explainStuckDeletion(params, ports),
};

async function observe(
  { id, params }: Step<'delete-source'>,
  ports: Ports,
  context: StepContext,
): Promise<Observation> {
  const { clusterName, nodegroupName } = params;
  const group = await ports.eks.describeNodegroup(clusterName, nodegroupName);
  const nodes = await ports.kubernetes.listNodes(nodegroupName);
  const stack = await stackOf(params, ports);
  const underWay = await stackUnderWay(params, stack, ports);
  if (underWay !== null) return underWay;
  if (group === undefined) {
    if (nodes.length === 0) {
      const left = stack === undefined ? '' : `; its stack ${stack.name} is left`;
      return { kind: 'satisfied', detail: `node group ${nodegroupName} is gone${left}` };
    }
    return { kind: 'in-progress', detail: `${nodegroupName} is gone, ${nodes.length} of its nodes are still leaving` };
  }
  if (group.status === 'DELETING') {
    return { kind: 'in-progress', detail: `node group ${nodegroupName} is DELETING, ${nodes.length} nodes left` };
  }
  if (group.status === 'DELETE_FAILED') return deletionFailed(params, group);
  if (group.status === 'UPDATING') return { kind: 'in-progress', detail: `node group ${nodegroupName} is UPDATING` };
  const stays = stack === undefined ? null : await whyStackStays(params, stack, group, ports);
  return (
    (nodes.length === 0 ? null : await replacementNotProven(id, params, ports, context)) ??
    (await inTheWay(params, nodes, ports, context)) ??
    (stays === null ? stackProtected(params, stack) : null) ??
    (await sharedRole(params, group, ports)) ?? {
      kind: 'actionable',
      detail: `${nodegroupName} is empty${stays === null ? '' : `; ${stays}`}`,
    }
  );
}

async function replacementNotProven(
  id: string,
  { clusterName, nodegroupName, replacementName }: Params,
  ports: Ports,
  { state }: StepContext,
): Promise<Observation | null> {
  const group = await ports.eks.describeNodegroup(clusterName, replacementName);
  const ready = (await ports.kubernetes.listNodes(replacementName)).filter((node) => node.ready);
  if (group?.status === 'UPDATING' || (group !== undefined && isRecovering(group))) {
    return { kind: 'in-progress', detail: statusText(group) };
  }
  const evidence = await prefixEvidence(ready, ports);
  const bare = ready.filter((node) => evidence.get(node.name)?.prefixes.length === 0);
  const isStarting = (node: ClusterNode): boolean =>
    state.verifiedNodes[node.name] === undefined &&
    ports.clock.now() - Date.parse(node.createdAt) < patienceMilliseconds;
  const problem =
    group?.status !== 'ACTIVE'
      ? `node group ${replacementName} is ${group?.status ?? 'gone'}`
      : !ready.some((node) => isProven(node, evidence.get(node.name), state))
        ? `none of the Ready nodes of ${replacementName} has passed verification`
        : bare.some((node) => !isStarting(node))
          ? `${bare.map(({ name }) => name).join(', ')} of ${replacementName} has no prefix`
          : null;
  if (problem === null) {
    if (bare.length === 0) return null;
    return { kind: 'in-progress', detail: `${bare.map(({ name }) => name).join(', ')} has no prefix yet` };
  }
  const error = stoppedPartWay({
    code: 'DELETE.REPLACEMENT_NOT_PROVEN',
    message: `Node group ${nodegroupName} was not deleted: ${problem}.`,
    why: 'Nothing is deleted before its replacement is verified, and it is looked at again right before.',
    nextActions: [
      `aws eks describe-nodegroup --cluster-name ${clusterName} --nodegroup-name ${replacementName}`,
      `kubectl get nodes -l eks.amazonaws.com/nodegroup=${replacementName}`,
      `when it is healthy, ${sameAgain}`,
    ],
  });
  const isLost =
    group?.status === 'ACTIVE' &&
    Object.keys(state.verifiedNodes).length > 0 &&
    ready.every((node) => bare.includes(node) && isStarting(node));
  return isLost && waitedMilliseconds(id, ports, state) < successorMilliseconds
    ? { kind: 'in-progress', detail: `${problem}: waiting for the node that comes next`, tooLate: error }
    : { kind: 'conflict', error };
}

/** Since the first look of the step, and of this run: a new run grants new time. */
function waitedMilliseconds(id: string, { clock }: Ports, { steps, runs }: StepContext['state']): number {
  const since = [steps[id]?.startedAt, runs.at(-1)?.startedAt].map((time) => Date.parse(time ?? '') || 0);
  return steps[id]?.startedAt == null ? 0 : clock.now() - Math.max(...since);
}

/**
 * It has passed verification; or it came later, in place of one that has (Spot, node repair), and is like one that has: it
 * has prefixes, and takes as many pods.
 */
function isProven(node: ClusterNode, evidence: PrefixEvidence | undefined, { verifiedNodes }: StepContext['state']) {
  if (verifiedNodes[node.name] !== undefined) return true;
  const known = Object.values(verifiedNodes).map(({ allocatablePods }) => allocatablePods);
  return (evidence?.prefixes.length ?? 0) > 0 && known.includes(node.allocatable.pods);
}
