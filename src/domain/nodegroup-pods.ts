import { prefixDelegationIsOn } from './cni-settings.ts';
import { type InterfaceSettings, secondaryMaxPods } from './max-pods.ts';
import { instanceTypesOf, nodesOf } from './nodegroups.ts';
import type { ClusterSnapshot, Nodegroup } from './snapshot.ts';

/**
 * The smallest allocatable.pods of the group's nodes; what EKS computes in secondary IP mode while it has none; 0 when
 * nothing is known about its types then.
 */
export function maxPodsBefore(snapshot: ClusterSnapshot, nodegroup: Nodegroup, settings: InterfaceSettings): number {
  const reported = nodesOf(snapshot, nodegroup.nodegroupName)
    .map((node) => node.allocatable.pods)
    .filter((pods) => pods > 0);
  if (reported.length > 0) return Math.min(...reported);
  const { known } = instanceTypesOf(snapshot, nodegroup);
  return known.length === 0 ? 0 : secondaryMaxPods(known, settings).value;
}

/** Whether prefix delegation is on and every node of the group holds prefixes. */
export function usesPrefixes(snapshot: ClusterSnapshot, nodegroup: Nodegroup): boolean {
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
