import { envAfter, interfaceSettings } from '../domain/cni-settings.ts';
import { supportsPrefixes } from '../domain/max-pods.ts';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import { maxPodsBefore, usesPrefixes } from '../domain/nodegroup-pods.ts';
import { isWindows, replacementTypesOf } from '../domain/nodegroups.ts';
import type { PlanRequest } from '../domain/plan.ts';
import type { SkippedNodegroup } from '../domain/scope.ts';
import { autoScalingGroupName, autoScalingGroupsUnseen, isSelfManaged } from '../domain/self-managed.ts';
import { shellWord } from '../domain/shell-word.ts';
import { type ClusterSnapshot, type Nodegroup, selfManagedPrefix } from '../domain/snapshot.ts';
import { refuseForeignImages } from './asked-image.ts';
import { refuseTooMany, resolveMaxPods } from './resolve-max-pods.ts';

export { replacementSubnets } from '../domain/nodegroups.ts';

/**
 * The node groups that the request names, or else all that EKS manages, split into those that gain from the move and the rest.
 * Throws NODEGROUP.NOT_FOUND, INPUT.MAX_PODS and INPUT.AMI_TYPE (exit 2).
 */
export function selectSources(
  snapshot: ClusterSnapshot,
  request: PlanRequest,
): { sources: Nodegroup[]; skipped: SkippedNodegroup[] } {
  const candidates = candidatesOf(snapshot, request);
  const judged = candidates.map((nodegroup) => ({ nodegroup, obstacle: whyNot(snapshot, nodegroup, request) }));
  const sources = judged.filter(({ obstacle }) => obstacle === undefined).map(({ nodegroup }) => nodegroup);
  refuseForeignImages(snapshot, sources, request);
  return {
    sources,
    skipped: judged.flatMap(({ nodegroup: { nodegroupName }, obstacle }) =>
      obstacle === undefined
        ? []
        : [{ nodegroupName, ...obstacle, requested: request.nodegroups.includes(nodegroupName) }],
    ),
  };
}

function candidatesOf(snapshot: ClusterSnapshot, { nodegroups, clusterName }: PlanRequest): Nodegroup[] {
  const existing = snapshot.nodegroups.map(({ nodegroupName }) => nodegroupName);
  const managed = existing.filter((name) => !isSelfManaged(name));
  const missing = nodegroups.filter((name) => !existing.includes(name));
  const missingGroups = missing.filter(isSelfManaged);
  if (missingGroups.includes(selfManagedPrefix)) {
    throw new MigrateError({
      code: 'INPUT.VALUE',
      message: `--nodegroup ${selfManagedPrefix} names no Auto Scaling group.`,
      why: `Its name stands behind the slash: ${selfManagedPrefix}NAME.`,
      nextActions: [
        'kubectl get nodes -L eks.amazonaws.com/nodegroup   # nodes without one are of none that EKS manages',
      ],
      exitCode: ExitCode.invalidInput,
    });
  }
  if (missingGroups.length > 0) {
    throw new MigrateError({
      code: 'NODEGROUP.NOT_FOUND',
      message: `No node of cluster ${clusterName} is of Auto Scaling group ${missingGroups.map(autoScalingGroupName).join(', ')}, as far as AWS tells.`,
      why: whyNoGroup(snapshot),
      nextActions: [
        `aws autoscaling describe-auto-scaling-groups --region ${snapshot.cluster.region} --auto-scaling-group-names ${missingGroups.map((name) => shellWord(autoScalingGroupName(name))).join(' ')}`,
        `prefix-migrate plan --cluster ${clusterName}`,
      ],
      exitCode: ExitCode.invalidInput,
    });
  }
  if (missing.length > 0) {
    throw new MigrateError({
      code: 'NODEGROUP.NOT_FOUND',
      message: `Cluster ${clusterName} has no managed node group named ${missing.join(', ')}.`,
      why: managed.length === 0 ? 'It has no managed node group at all.' : `It has ${managed.join(', ')}.`,
      nextActions: [`prefix-migrate plan --cluster ${clusterName}`],
      exitCode: ExitCode.invalidInput,
    });
  }
  const wanted = snapshot.nodegroups.filter(({ nodegroupName }) =>
    nodegroups.length === 0 ? !isSelfManaged(nodegroupName) : nodegroups.includes(nodegroupName),
  );
  return wanted.toSorted((a, b) => (a.nodegroupName < b.nodegroupName ? -1 : 1));
}

function whyNoGroup({ nodegroups, notSeen }: ClusterSnapshot): string {
  const [refused] = notSeen.filter(({ resource }) => resource === autoScalingGroupsUnseen);
  if (refused !== undefined) return refused.why;
  const known = nodegroups.map(({ nodegroupName }) => nodegroupName).filter(isSelfManaged);
  return known.length === 0
    ? 'Every EC2 node is of a managed node group, of Karpenter, or of no group.'
    : `There are ${known.join(', ')}.`;
}

/** A node group in such a state is no reason to hold up the others. */
const goingStatuses = ['DELETING', 'DELETE_FAILED', 'CREATE_FAILED'];

type Obstacle = Pick<SkippedNodegroup, 'reason' | 'detail'>;

function whyNot(snapshot: ClusterSnapshot, nodegroup: Nodegroup, request: PlanRequest): Obstacle | undefined {
  if (snapshot.cluster.ipFamily === 'ipv6') {
    return { reason: 'ipv6', detail: 'in an IPv6 cluster every node uses prefixes already' };
  }
  const { nodegroupName, status } = nodegroup;
  if (goingStatuses.includes(status) && !request.nodegroups.includes(nodegroupName)) {
    return { reason: 'going', detail: `it is ${status}` };
  }
  if (isWindows(snapshot, nodegroup)) {
    return { reason: 'windows', detail: 'Windows nodes get their prefixes from another controller than aws-node' };
  }
  const { known, unknown } = replacementTypesOf(snapshot, nodegroup, request);
  if (unknown.length > 0 || known.length === 0) {
    return { reason: 'unknown-type', detail: `nothing is known about instance type ${unknown.join(', ')}` };
  }
  const old = known.filter((type) => !supportsPrefixes(type)).map(({ instanceType }) => instanceType);
  if (old.length > 0) {
    const verb = old.length === 1 ? 'is not a Nitro type' : 'are not Nitro types';
    return { reason: 'not-nitro', detail: `${old.join(', ')} ${verb}, and prefixes need Nitro` };
  }
  const settings = interfaceSettings(envAfter(snapshot.vpcCni, request));
  const before = maxPodsBefore(snapshot, nodegroup, settings);
  refuseTooMany(nodegroupName, known, settings, request);
  const { value, limitedBy } = resolveMaxPods(known, settings, request.maxPods);
  if (value > before) return undefined;
  if (usesPrefixes(snapshot, nodegroup)) {
    return { reason: 'already-done', detail: `its nodes hold prefixes and allow ${before} pods each` };
  }
  return value < before
    ? {
        reason: 'would-lose',
        detail: `its nodes allow ${before} pods each, new ones would allow ${value} (${limitedBy})`,
      }
    : { reason: 'no-gain', detail: `its nodes allow ${before} pods each, as many as with prefixes (${limitedBy})` };
}
