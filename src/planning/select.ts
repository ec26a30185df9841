import { envAfter, interfaceSettings, prefixDelegationIsOn } from '../domain/cni-settings.ts';
import { type InterfaceSettings, secondaryMaxPods, supportsPrefixes } from '../domain/max-pods.ts';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import { instanceTypesOf, nodesOf } from '../domain/nodegroups.ts';
import type { PlanRequest } from '../domain/plan.ts';
import type { SkippedNodegroup } from '../domain/scope.ts';
import type { ClusterSnapshot, InstanceType, Nodegroup } from '../domain/snapshot.ts';
import { resolveMaxPods } from './resolve-max-pods.ts';

/**
 * The node groups that the request names, or else all of them, split into those that gain from the move and the rest.
 * Throws NODEGROUP.NOT_FOUND and INPUT.MAX_PODS (exit 2).
 */
export function selectSources(
  snapshot: ClusterSnapshot,
  request: PlanRequest,
): { sources: Nodegroup[]; skipped: SkippedNodegroup[] } {
  const candidates = candidatesOf(snapshot, request);
  const judged = candidates.map((nodegroup) => ({ nodegroup, obstacle: whyNot(snapshot, nodegroup, request) }));
  return {
    sources: judged.filter(({ obstacle }) => obstacle === undefined).map(({ nodegroup }) => nodegroup),
    skipped: judged.flatMap(({ nodegroup: { nodegroupName }, obstacle }) =>
      obstacle === undefined
        ? []
        : [{ nodegroupName, ...obstacle, requested: request.nodegroups.includes(nodegroupName) }],
    ),
  };
}

function candidatesOf(snapshot: ClusterSnapshot, { nodegroups, clusterName }: PlanRequest): Nodegroup[] {
  const existing = snapshot.nodegroups.map(({ nodegroupName }) => nodegroupName);
  const missing = nodegroups.filter((name) => !existing.includes(name));
  if (missing.length > 0) {
    throw new MigrateError({
      code: 'NODEGROUP.NOT_FOUND',
      message: `Cluster ${clusterName} has no managed node group named ${missing.join(', ')}.`,
      why: existing.length === 0 ? 'It has no managed node group at all.' : `It has ${existing.join(', ')}.`,
      nextActions: [`prefix-migrate plan --cluster ${clusterName}`],
      exitCode: ExitCode.invalidInput,
    });
  }
  const wanted = snapshot.nodegroups.filter(
    ({ nodegroupName }) => nodegroups.length === 0 || nodegroups.includes(nodegroupName),
  );
  return wanted.toSorted((a, b) => (a.nodegroupName < b.nodegroupName ? -1 : 1));
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
  const { known, unknown } = instanceTypesOf(snapshot, nodegroup);
  if (unknown.length > 0 || known.length === 0) {
    return { reason: 'unknown-type', detail: `EC2 tells nothing about instance type ${unknown.join(', ')}` };
  }
  const old = known.filter((type) => !supportsPrefixes(type)).map(({ instanceType }) => instanceType);
  if (old.length > 0) {
    const verb = old.length === 1 ? 'is not a Nitro type' : 'are not Nitro types';
    return { reason: 'not-nitro', detail: `${old.join(', ')} ${verb}, and prefixes need Nitro` };
  }
  const settings = interfaceSettings(envAfter(snapshot.vpcCni, request));
  const before = maxPodsBefore(snapshot, nodegroup, known, settings);
  const { value } = resolveMaxPods(nodegroupName, known, settings, request.maxPods);
  if (value > before) return undefined;
  return usesPrefixes(snapshot, nodegroup)
    ? { reason: 'already-done', detail: `its nodes hold prefixes and allow ${before} pods each` }
    : { reason: 'no-gain', detail: `its nodes allow ${before} pods each and would allow ${value}` };
}

/** The smallest allocatable.pods of the group's nodes; what EKS computes in secondary IP mode while it has none. */
export function maxPodsBefore(
  snapshot: ClusterSnapshot,
  nodegroup: Nodegroup,
  types: readonly InstanceType[],
  settings: InterfaceSettings,
): number {
  const reported = nodesOf(snapshot, nodegroup.nodegroupName)
    .map((node) => node.allocatable.pods)
    .filter((pods) => pods > 0);
  return reported.length > 0 ? Math.min(...reported) : secondaryMaxPods(types, settings).value;
}

function usesPrefixes(snapshot: ClusterSnapshot, nodegroup: Nodegroup): boolean {
  const withPrefixes = new Set(
    snapshot.networkInterfaces.filter(({ prefixes }) => prefixes.length > 0).map(({ instanceId }) => instanceId),
  );
  const nodes = nodesOf(snapshot, nodegroup.nodegroupName);
  return (
    prefixDelegationIsOn(snapshot.vpcCni.env) &&
    nodes.length > 0 &&
    nodes.every((node) => withPrefixes.has(node.instanceId))
  );
}
