import { amiFamilyOf } from './ami.ts';
import { kubeReservedMemoryMiB, plainInterfaces, secondaryCapacity } from './max-pods.ts';
import { instanceTypesOf, nodesOf, sourceTag } from './nodegroups.ts';
import type { ClusterNode, ClusterSnapshot, InstanceType, Nodegroup } from './snapshot.ts';

const bytesPerMiB = 1024 * 1024;

/** Memory of one node in MiB, on the group's type with the least of it. */
export interface NodeMemory {
  reservedBeforeMiB: number;
  reservedAfterMiB: number;
  /** as the nodes report it, the smallest; null without nodes */
  allocatableBeforeMiB: number | null;
  /** what remains of that when the reservation grows */
  allocatableAfterMiB: number | null;
}

/** Memory per node before and after. The group must have a known type. */
export function nodeMemory(snapshot: ClusterSnapshot, nodegroup: Nodegroup, maxPods: number): NodeMemory {
  const nodes = nodesOf(snapshot, nodegroup.nodegroupName);
  const type = instanceTypesOf(snapshot, nodegroup).known.reduce((a, b) => (b.memoryMiB < a.memoryMiB ? b : a));
  const ofType = nodes.filter(({ instanceType }) => instanceType === type.instanceType);
  const smallest = (ofType.length > 0 ? ofType : nodes)
    .toSorted((a, b) => a.allocatable.memoryBytes - b.allocatable.memoryBytes)
    .at(0);
  return {
    reservedBeforeMiB: reservedBefore(nodegroup, type, smallest?.allocatable.pods),
    reservedAfterMiB: kubeReservedMemoryMiB(maxPods),
    allocatableBeforeMiB: smallest === undefined ? null : Math.floor(smallest.allocatable.memoryBytes / bytesPerMiB),
    allocatableAfterMiB: smallest === undefined ? null : allocatableAfter(snapshot, nodegroup, smallest, maxPods),
  };
}

/** MiB that such a node has for pods when it is started anew with this maxPods. */
export function allocatableAfter(
  snapshot: ClusterSnapshot,
  nodegroup: Nodegroup,
  node: ClusterNode,
  maxPods: number,
): number {
  const type = snapshot.instanceTypes.find(({ instanceType }) => instanceType === node.instanceType);
  const before = reservedBefore(nodegroup, type, node.allocatable.pods);
  return Math.max(0, Math.floor(node.allocatable.memoryBytes / bytesPerMiB) - kubeReservedMemoryMiB(maxPods) + before);
}

/**
 * What the image reserves today. Amazon Linux goes by the addresses of secondary IP mode, whatever maxPods EKS or user data
 * set (amazon-eks-ami: nodeadm/internal/kubelet/config.go, withDefaultReservedResources; formerly bootstrap.sh). Bottlerocket
 * goes by maxPods itself, and so do replacements that this program made, whose user data says it. Reservations of the
 * group's own user data are not seen.
 */
function reservedBefore(
  { amiType, tags }: Nodegroup,
  type: InstanceType | undefined,
  maxPods: number | undefined,
): number {
  const byMaxPods = amiFamilyOf(amiType) === 'bottlerocket' || tags[sourceTag] !== undefined;
  const standard = type === undefined ? (maxPods ?? 0) : secondaryCapacity(type, plainInterfaces);
  return kubeReservedMemoryMiB(byMaxPods ? (maxPods ?? standard) : standard);
}
