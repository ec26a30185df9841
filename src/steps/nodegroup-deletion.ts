/** What a node group must be like before it is deleted, and what may go wrong while it is. */
import { mustMove } from '../domain/evictable.ts';
import type { MigrateError } from '../domain/migrate-error.ts';
import type { ClusterNode, Nodegroup, Pod } from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';
import { isCanary } from './canary.ts';
import { conflict, issueText, sameAgain, stoppedPartWay } from './conflict.ts';
import { optional } from './optional.ts';
import { podsOfNodes } from './pods-of-nodes.ts';
import { resumeCommand } from './resume-processes.ts';
import type { Observation } from './step-handler.ts';

interface Target {
  clusterName: string;
  nodegroupName: string;
}

/** Conflict when a pod could land on one of `nodes`. */
export function schedulable({ nodegroupName }: Target, nodes: readonly ClusterNode[]): Observation | null {
  const open = nodes.filter((node) => !node.unschedulable).map(({ name }) => name);
  if (open.length === 0) return null;
  return conflict({
    code: 'DELETE.NODE_SCHEDULABLE',
    message: `Node group ${nodegroupName} was not deleted: ${open.join(', ')} is not cordoned.`,
    why: 'It came after the cordon (an autoscaler), or somebody uncordoned it. A pod could land there while the group is deleted, and would be ended whatever its budget says.',
    nextActions: [`kubectl cordon ${open.join(' ')}`, `kubectl drain ${open.join(' ')} --ignore-daemonsets`, sameAgain],
  });
}

/** Pods on `nodes` that have to leave before their node group is deleted. */
export async function podsToLeave(nodes: readonly ClusterNode[], ports: Ports): Promise<Pod[]> {
  const pods = [...(await podsOfNodes(nodes, ports)).values()].flat();
  return pods.filter((pod) => mustMove(pod) && !isCanary(pod));
}

/** Conflict when one of the pods that have to leave does not; in progress while the last ones end. */
export function podsLeft({ nodegroupName }: Target, left: readonly Pod[]): Observation | null {
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
        sameAgain,
      ],
    });
  }
  if (left.length === 0) return null;
  return { kind: 'in-progress', detail: `${left.length} pods are still terminating: ${names(left)}` };
}

const names = (pods: readonly Pod[]): string =>
  pods
    .slice(0, 5)
    .map((pod) => `${pod.namespace}/${pod.name} on ${pod.nodeName}`)
    .join(', ');

export function deletionFailed({ clusterName, nodegroupName }: Target, group: Nodegroup): Observation {
  const name = `--cluster-name ${clusterName} --nodegroup-name ${nodegroupName}`;
  return conflict({
    code: 'DELETE.FAILED',
    message: `EKS could not delete node group ${nodegroupName}: ${group.healthIssues.map(issueText).join('; ') || 'no reason given'}`,
    why: 'Its pods have moved already; what is left are its own resources.',
    nextActions: [
      `aws eks describe-nodegroup ${name}`,
      `remove the cause, then: aws eks delete-nodegroup ${name}`,
      sameAgain,
    ],
  });
}

/** Why a deletion does not end, where its Auto Scaling groups tell. Reads only. */
export async function explainStuckDeletion(
  { clusterName, nodegroupName }: Target,
  ports: Ports,
): Promise<MigrateError | null> {
  const group = await ports.eks.describeNodegroup(clusterName, nodegroupName);
  const groupNames = group?.autoScalingGroupNames ?? [];
  const groups = groupNames.length === 0 ? [] : ((await optional(ports.autoScaling.describeGroups(groupNames))) ?? []);
  const stuck = groups.filter(({ suspendedProcesses }) => suspendedProcesses.includes('Terminate'));
  if (stuck.length === 0) return null;
  return stoppedPartWay({
    code: 'DELETE.TERMINATE_SUSPENDED',
    message: `Node group ${nodegroupName} is being deleted, but its Auto Scaling group ends no instance: its process Terminate is suspended (${stuck.map(({ name }) => name).join(', ')}).`,
    why: 'Somebody suspended it, not this program. EKS waits for the instances to go.',
    nextActions: [...stuck.map(({ name }) => resumeCommand(name, ['Terminate'])), sameAgain],
  });
}
