import { mustMove } from '../domain/evictable.ts';
import type { Step, StepParams } from '../domain/plan.ts';
import type { ClusterNode, Nodegroup, Pod } from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';
import { applyAgain, conflict, isRecovering, issueText, statusText, stoppedPartWay } from './conflict.ts';
import { optional } from './optional.ts';
import { podsOfNodes } from './pods-of-nodes.ts';
import { type PrefixEvidence, prefixEvidence } from './prefix-evidence.ts';
import { resumeCommand } from './resume-processes.ts';
import type { Observation, StepContext, StepHandler } from './step-handler.ts';

type Params = StepParams['delete-source'];

/** So long a node that has just come may be without a prefix. */
const patienceMilliseconds = 3 * 60 * 1000;

/**
 * Deletes a source. EKS drains a node group that is being deleted by itself, and after some minutes ends the pods whatever
 * their budgets say; the deletion cannot be stopped. So it is asked for only while no pod is left that has to move, and
 * while the replacement proves itself once more. DeleteNodegroup takes no token: DELETING and gone are success.
 */
export const deleteSource: StepHandler<'delete-source'> = {
  title: ({ params }) => `delete node group ${params.nodegroupName}`,

  observe,

  async act(step, ports, run) {
    // The last look before what cannot be undone; between the engine's look and this one a pod may have come.
    const now = await observe(step, ports, run);
    if (now.kind === 'conflict') throw now.error;
    if (now.kind !== 'actionable' || run.signal.aborted) return;
    await ports.eks.deleteNodegroup(step.params.clusterName, step.params.nodegroupName);
  },

  describeCall: ({ params }) => `eks:DeleteNodegroup ${params.nodegroupName} of cluster ${params.clusterName}`,

  /** Cannot be undone: a new node group would have new nodes. */
  undo: () => undefined,

  deadlineSeconds: ({ params }) => params.timeoutSeconds,

  async explainDeadline({ params: { clusterName, nodegroupName } }, ports) {
    const group = await ports.eks.describeNodegroup(clusterName, nodegroupName);
    const names = group?.autoScalingGroupNames ?? [];
    const groups = names.length === 0 ? [] : ((await optional(ports.autoScaling.describeGroups(names))) ?? []);
    const stuck = groups.filter(({ suspendedProcesses }) => suspendedProcesses.includes('Terminate'));
    if (stuck.length === 0) return null;
    return stoppedPartWay({
      code: 'DELETE.TERMINATE_SUSPENDED',
      message: `Node group ${nodegroupName} is being deleted, but its Auto Scaling group ends no instance: its process Terminate is suspended (${stuck.map(({ name }) => name).join(', ')}).`,
      why: 'Somebody suspended it, not this program. EKS waits for the instances to go.',
      nextActions: [...stuck.map(({ name }) => resumeCommand(name, ['Terminate'])), applyAgain],
    });
  },
};

async function observe({ params }: Step<'delete-source'>, ports: Ports, context: StepContext): Promise<Observation> {
  const { clusterName, nodegroupName } = params;
  const group = await ports.eks.describeNodegroup(clusterName, nodegroupName);
  const nodes = await ports.kubernetes.listNodes(nodegroupName);
  if (group === undefined) {
    if (nodes.length === 0) return { kind: 'satisfied', detail: `node group ${nodegroupName} is gone` };
    return { kind: 'in-progress', detail: `${nodegroupName} is gone, ${nodes.length} of its nodes are still leaving` };
  }
  if (group.status === 'DELETING') {
    return { kind: 'in-progress', detail: `node group ${nodegroupName} is DELETING, ${nodes.length} nodes left` };
  }
  if (group.status === 'DELETE_FAILED') return deleteFailed(params, group);
  if (group.status === 'UPDATING') return { kind: 'in-progress', detail: `node group ${nodegroupName} is UPDATING` };
  return (
    (nodes.length === 0 ? null : await replacementNotProven(params, ports, context)) ??
    schedulable(params, nodes) ??
    (await podsLeft(params, nodes, ports)) ?? { kind: 'actionable', detail: `${nodegroupName} is empty` }
  );
}

async function replacementNotProven(
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
  return conflict({
    code: 'DELETE.REPLACEMENT_NOT_PROVEN',
    message: `Node group ${nodegroupName} was not deleted: ${problem}.`,
    why: 'Nothing is deleted before its replacement is verified, and it is looked at again right before.',
    nextActions: [
      `aws eks describe-nodegroup --cluster-name ${clusterName} --nodegroup-name ${replacementName}`,
      `kubectl get nodes -l eks.amazonaws.com/nodegroup=${replacementName}`,
      `when it is healthy, ${applyAgain}`,
    ],
  });
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

function schedulable({ nodegroupName }: Params, nodes: ClusterNode[]): Observation | null {
  const open = nodes.filter((node) => !node.unschedulable).map(({ name }) => name);
  if (open.length === 0) return null;
  return conflict({
    code: 'DELETE.NODE_SCHEDULABLE',
    message: `Node group ${nodegroupName} was not deleted: ${open.join(', ')} is not cordoned.`,
    why: 'It came after the cordon (an autoscaler), or somebody uncordoned it. A pod could land there while the group is deleted, and would be ended whatever its budget says.',
    nextActions: [
      `kubectl cordon ${open.join(' ')}`,
      `kubectl drain ${open.join(' ')} --ignore-daemonsets`,
      applyAgain,
    ],
  });
}

async function podsLeft({ nodegroupName }: Params, nodes: ClusterNode[], ports: Ports): Promise<Observation | null> {
  const left = [...(await podsOfNodes(nodes, ports)).values()].flat().filter(mustMove);
  const staying = left.filter((pod) => pod.deletionTimestamp === null);
  if (staying.length > 0) {
    return conflict({
      code: 'DELETE.PODS_LEFT',
      message: `Node group ${nodegroupName} was not deleted: ${staying.length} pods still have to leave it, such as ${names(staying)}.`,
      why: 'EKS would end them after some minutes, whatever their budgets say.',
      nextActions: [
        ...[...new Set(staying.map((pod) => pod.nodeName))]
          .slice(0, 5)
          .map((node) => `kubectl drain ${node} --ignore-daemonsets`),
        applyAgain,
      ],
    });
  }
  if (left.length === 0) return null;
  return { kind: 'in-progress', detail: `${left.length} pods are still terminating: ${names(left)}` };
}

const names = (pods: Pod[]): string =>
  pods
    .slice(0, 5)
    .map((pod) => `${pod.namespace}/${pod.name} on ${pod.nodeName}`)
    .join(', ');

function deleteFailed({ clusterName, nodegroupName }: Params, group: Nodegroup): Observation {
  const name = `--cluster-name ${clusterName} --nodegroup-name ${nodegroupName}`;
  return conflict({
    code: 'DELETE.FAILED',
    message: `EKS could not delete node group ${nodegroupName}: ${group.healthIssues.map(issueText).join('; ') || 'no reason given'}`,
    why: 'Its pods have moved already; what is left are its own resources.',
    nextActions: [
      `aws eks describe-nodegroup ${name}`,
      `remove the cause, then: aws eks delete-nodegroup ${name}`,
      applyAgain,
    ],
  });
}
