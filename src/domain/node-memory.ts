import { amiFamilyOf } from './ami.ts';
import { evictionThresholdMiB, kubeReservedMemoryMiB, plainInterfaces, secondaryCapacity } from './max-pods.ts';
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

/** Memory per node before and after, on the types of the replacement, of which there must be one. */
export function nodeMemory(
  snapshot: ClusterSnapshot,
  nodegroup: Nodegroup,
  replacementTypes: readonly InstanceType[],
  maxPods: number,
): NodeMemory {
  const nodes = nodesOf(snapshot, nodegroup.nodegroupName);
  const type = leastMemory(instanceTypesOf(snapshot, nodegroup).known);
  const ofType = nodes.filter(({ instanceType }) => instanceType === type?.instanceType);
  const smallest = (ofType.length > 0 ? ofType : nodes)
    .toSorted((a, b) => a.allocatable.memoryBytes - b.allocatable.memoryBytes)
    .at(0);
  const next = leastMemory(replacementTypes);
  const isOtherType = next !== undefined && next.instanceType !== type?.instanceType;
  return {
    reservedBeforeMiB: reservedBefore(nodegroup, type, smallest?.allocatable.pods),
    reservedAfterMiB: kubeReservedMemoryMiB(maxPods),
    allocatableBeforeMiB: smallest === undefined ? null : Math.floor(smallest.allocatable.memoryBytes / bytesPerMiB),
    allocatableAfterMiB:
      smallest === undefined
        ? null
        : isOtherType
          ? allocatableOfNew(next.memoryMiB, maxPods, hiddenMemory)
          : allocatableAfter(snapshot, nodegroup, smallest, maxPods),
  };
}

const leastMemory = (types: readonly InstanceType[]): InstanceType | undefined =>
  types.toSorted((a, b) => a.memoryMiB - b.memoryMiB)[0];

/** Share of an instance's memory that its operating system does not show; Karpenter reckons with the same (vmMemoryOverheadPercent). */
export const hiddenMemory = 0.075;

/** MiB that a node of a type has for pods of which there is no node to look at. `hidden`: share that is not shown. */
export const allocatableOfNew = (memoryMiB: number, maxPods: number, hidden: number): number =>
  Math.max(0, Math.floor(memoryMiB * (1 - hidden)) - kubeReservedMemoryMiB(maxPods) - evictionThresholdMiB);

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
