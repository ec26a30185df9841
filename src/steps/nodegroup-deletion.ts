/** What a node group must be like before it is deleted, and what may go wrong while it is. */
import { hasEmptyDir, isBare, mustMove } from '../domain/evictable.ts';
import type { MigrateError } from '../domain/migrate-error.ts';
import type { Step, StepParams } from '../domain/plan.ts';
import type { ClusterNode, Nodegroup, Pod } from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';
import { isCanary } from './canary.ts';
import { conflict, issueText, sameAgain, stoppedPartWay } from './conflict.ts';
import { drainSource } from './drain-source.ts';
import { optional } from './optional.ts';
import { cordonedBy, shortPlanId } from './ownership.ts';
import { podsOfNodes } from './pods-of-nodes.ts';
import { resumeCommand } from './resume-processes.ts';
import type { Observation, StepContext, StepRun } from './step-handler.ts';

interface Target {
  clusterName: string;
  nodegroupName: string;
}

/**
 * What is in the way of a deletion, or null: nodes that came late, which are cordoned, and pods, which are drained where it is
 * known how. A node that somebody opened after this plan had cordoned it is left to them.
 */
export async function inTheWay(
  params: Target & { drain?: StepParams['drain-source'] },
  nodes: readonly ClusterNode[],
  ports: Ports,
  context: StepContext,
): Promise<Observation | null> {
  const open = nodes.filter(({ unschedulable }) => !unschedulable);
  const opened = open.filter((node) => wasCordoned(node, context));
  if (opened.length > 0) return openedAgain(params, opened);
  if (open.length > 0) {
    return {
      kind: 'actionable',
      detail: `${open.map(({ name }) => name).join(', ')} came late to ${params.nodegroupName}`,
    };
  }
  const pods = await podsToLeave(nodes, ports);
  const staying = pods.filter(isStaying).length;
  if (staying === 0 || params.drain === undefined) return podsLeft(params, pods);
  const left = staying === 1 ? '1 pod has' : `${staying} pods have`;
  return { kind: 'actionable', detail: `${left} still to leave ${params.nodegroupName}` };
}

/** Cordons nodes that came late, then drains what is left. True when there was something to do: it has to be looked at again. */
export async function emptyLateNodes(
  { params, ...step }: Step<'delete-source'> | Step<'delete-replacement'>,
  ports: Ports,
  run: StepRun,
): Promise<boolean> {
  const nodes = await ports.kubernetes.listNodes(params.nodegroupName);
  const open = nodes.filter(({ unschedulable }) => !unschedulable);
  const annotation = { key: cordonedBy, value: shortPlanId(run.planId) };
  for (const late of open.filter((node) => !wasCordoned(node, run))) {
    if (run.signal.aborted) return true;
    const node = await ports.kubernetes.cordon(late.name, late.uid, annotation);
    if (node !== undefined) await run.progress({ kind: 'cordoned', node: node.name, uid: node.uid });
  }
  if (open.length > 0) return true;
  if (params.drain === undefined || (await podsToLeave(nodes, ports)).length === 0) return false;
  await drainSource.act({ ...step, kind: 'drain-source', params: params.drain }, ports, run);
  return true;
}

/** By this plan: the journal says so, or the mark that was cut off before its line. */
const wasCordoned = ({ uid, annotations }: ClusterNode, { planId, state }: StepContext): boolean =>
  state.cordonedNodes[uid] !== undefined || annotations[cordonedBy] === shortPlanId(planId);

function openedAgain({ nodegroupName }: Target, nodes: readonly ClusterNode[]): Observation {
  const open = nodes.map(({ name }) => name);
  return conflict({
    code: 'DELETE.NODE_SCHEDULABLE',
    message: `Node group ${nodegroupName} was not deleted: ${open.join(', ')} is not cordoned.`,
    why: 'Somebody uncordoned it after this plan had cordoned it. A pod could land there while the group is deleted, and would be ended whatever its budget says.',
    nextActions: [`when it may go after all: kubectl cordon ${open.join(' ')}`, `${sameAgain}, and moves its pods`],
  });
}

/** Pods on `nodes` that have to leave before their node group is deleted. */
async function podsToLeave(nodes: readonly ClusterNode[], ports: Ports): Promise<Pod[]> {
  const pods = [...(await podsOfNodes(nodes, ports)).values()].flat();
  return pods.filter((pod) => mustMove(pod) && !isCanary(pod));
}

const isStaying = ({ deletionTimestamp }: Pod): boolean => deletionTimestamp === null;

/** Conflict when one of the pods that have to leave does not; in progress while the last ones end. */
function podsLeft({ nodegroupName }: Target, left: readonly Pod[]): Observation | null {
  const staying = left.filter(isStaying);
  if (staying.length > 0) {
    return conflict({
      code: 'DELETE.PODS_LEFT',
      message: `Node group ${nodegroupName} was not deleted: ${staying.length} pods still have to leave it, such as ${names(staying)}.`,
      why: 'EKS would end them after some minutes, whatever their budgets say.',
      nextActions: [
        ...[...Map.groupBy(staying, (pod) => pod.nodeName)]
          .slice(0, 5)
          .map(([node, pods]) => `kubectl drain ${node} --ignore-daemonsets${flagsFor(pods)}`),
        sameAgain,
      ],
    });
  }
  if (left.length === 0) return null;
  return { kind: 'in-progress', detail: `${left.length} pods are still terminating: ${names(left)}` };
}

/** What `kubectl drain` needs to move `pods`, with a remark on what that costs. */
function flagsFor(pods: readonly Pod[]): string {
  const needs = [
    { flag: '--force', cost: 'ends for good, as nothing creates it again', pods: pods.filter(isBare) },
    { flag: '--delete-emptydir-data', cost: 'loses the emptyDir data of', pods: pods.filter(hasEmptyDir) },
  ].filter((need) => need.pods.length > 0);
  if (needs.length === 0) return '';
  const costs = needs.map((need) => `${need.cost}: ${some(need.pods)}`);
  return ` ${needs.map(({ flag }) => flag).join(' ')}  # ${costs.join('; ')}`;
}

const some = (pods: readonly Pod[]): string => {
  const more = pods.length > 5 ? ` and ${pods.length - 5} more` : '';
  return `${pods
    .slice(0, 5)
    .map(({ namespace, name }) => `${namespace}/${name}`)
    .join(', ')}${more}`;
};

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
