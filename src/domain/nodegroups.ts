import { mustMove } from './evictable.ts';
import { shippedInstanceType } from './instance-types/lookup.ts';
import { nodeKind } from './node-addresses.ts';
import type { ClusterNode, ClusterSnapshot, InstanceType, LaunchTemplateVersion, Nodegroup, Pod } from './snapshot.ts';
import { sum } from './sum.ts';

/** Tag of a replacement; its value is the name of the node group that it replaces. */
export const sourceTag = 'prefix-migrate/source';

export const nodesOf = (snapshot: ClusterSnapshot, nodegroupName: string): ClusterNode[] =>
  snapshot.nodes.filter((node) => node.nodegroupName === nodegroupName);

/** Pods that have to leave the nodes of these node groups before the nodes can go. */
export function podsToMove(snapshot: ClusterSnapshot, nodegroupNames: readonly string[]): Pod[] {
  const names = new Set(nodegroupNames);
  const nodes = new Set(
    snapshot.nodes
      .filter((node) => node.nodegroupName !== null && names.has(node.nodegroupName))
      .map(({ name }) => name),
  );
  return snapshot.pods.filter((pod) => pod.nodeName !== null && nodes.has(pod.nodeName) && mustMove(pod));
}

/** The version of the launch template that the node group was made from; undefined when it has none or it was not seen. */
export const templateOf = (
  snapshot: ClusterSnapshot,
  { launchTemplate }: Nodegroup,
): LaunchTemplateVersion | undefined =>
  launchTemplate === null
    ? undefined
    : snapshot.launchTemplates.find(
        (template) => template.launchTemplateId === launchTemplate.id && template.version === launchTemplate.version,
      );

/** EKS uses t3.medium for a node group that names no type anywhere. */
const defaultInstanceType = 't3.medium';

/** Names of the node group's instance types, from the group or else from its launch template. */
export function instanceTypeNames(snapshot: ClusterSnapshot, nodegroup: Nodegroup): string[] {
  if (nodegroup.instanceTypes.length > 0) return nodegroup.instanceTypes;
  return [templateOf(snapshot, nodegroup)?.instanceType ?? defaultInstanceType];
}

/** Facts about types, and the names of types that nothing is known about. */
export interface KnownTypes {
  known: InstanceType[];
  unknown: string[];
}

/** Of the node group as it is. */
export const instanceTypesOf = (snapshot: ClusterSnapshot, nodegroup: Nodegroup): KnownTypes =>
  typesNamed(snapshot, instanceTypeNames(snapshot, nodegroup));

function typesNamed(
  snapshot: ClusterSnapshot,
  names: readonly string[],
  otherwise: (name: string) => InstanceType | undefined = () => undefined,
): KnownTypes {
  const byName = new Map(snapshot.instanceTypes.map((type) => [type.instanceType, type]));
  const found = names.map((name) => ({ name, type: byName.get(name) ?? otherwise(name) }));
  return {
    known: found.map(({ type }) => type).filter((type) => type !== undefined),
    unknown: found.filter(({ type }) => type === undefined).map(({ name }) => name),
  };
}

/** Of a request; empty: none were asked for. */
interface AskedTypes {
  instanceTypes: readonly string[];
}

/** Instance types of the replacement: those asked for, else those of the source. */
export const replacementTypeNames = (
  snapshot: ClusterSnapshot,
  source: Nodegroup,
  { instanceTypes }: AskedTypes,
): string[] => (instanceTypes.length > 0 ? [...instanceTypes] : instanceTypeNames(snapshot, source));

/** Facts about them; a snapshot of before they were asked for has none about those that no node has. */
export const replacementTypesOf = (snapshot: ClusterSnapshot, source: Nodegroup, request: AskedTypes): KnownTypes =>
  typesNamed(snapshot, replacementTypeNames(snapshot, source, request), (name) =>
    request.instanceTypes.length > 0 ? shippedInstanceType(name) : undefined,
  );

/** AMI type of the replacement: that asked for, else that of the source. */
export const replacementAmiType = ({ amiType }: Nodegroup, request: { amiType?: string }): string =>
  request.amiType ?? amiType;

/** Nodes the group should have: what its Auto Scaling group wants, since autoscalers change it there. */
export function desiredNodes(snapshot: ClusterSnapshot, nodegroup: Nodegroup): number {
  const groups = snapshot.autoScalingGroups.filter((group) => nodegroup.autoScalingGroupNames.includes(group.name));
  const wanted = groups.length > 0 ? sum(groups.map((group) => group.desiredCapacity)) : nodegroup.scaling.desiredSize;
  return Math.min(Math.max(wanted, nodegroup.scaling.minSize), nodegroup.scaling.maxSize);
}

/** A packing is better than what the scheduler does: a tenth more nodes than it needs, and at least one. */
const spareNodes = (nodesNeeded: number): number => Math.max(1, Math.ceil(nodesNeeded / 10));

/** Of a group without pods that have to move. */
export const nothingToMove = { nodesNeeded: 0, whenSpread: 0 };

/**
 * Nodes of the replacement: as the source wants now, as a packing of its pods needs and some to spare, or as asked for. The
 * scheduler spreads pods, so that a large one may find no node with enough left: not fewer than now when that is so.
 */
export function replacementNodeCount(
  snapshot: ClusterSnapshot,
  nodegroup: Nodegroup,
  nodes: 'same' | 'fit' | number,
  { nodesNeeded, whenSpread }: { nodesNeeded: number; whenSpread: number },
): number {
  const now = desiredNodes(snapshot, nodegroup);
  if (nodes === 'same') return now;
  if (nodes !== 'fit') return nodes;
  return nodesNeeded === 0 ? 1 : Math.max(nodesNeeded + spareNodes(nodesNeeded), Math.min(whenSpread, now));
}

/** Whether aws-node gives the node's pods their addresses: not on Fargate, hybrid, Auto Mode and Windows nodes. */
export const usesVpcCni = (node: ClusterNode): boolean => nodeKind(node) === 'vpc-cni';

/** Node groups of Windows, those with an image of their own included. */
export const isWindows = (snapshot: ClusterSnapshot, { amiType, nodegroupName }: Nodegroup): boolean =>
  amiType.startsWith('WINDOWS_') || nodesOf(snapshot, nodegroupName).some((node) => nodeKind(node) === 'windows');

/** Where the nodes of the replacement will be. */
export const replacementSubnets = ({ subnetIds }: Nodegroup, request: { subnetIds: string[] }): string[] =>
  request.subnetIds.length > 0 ? request.subnetIds : subnetIds;

/** The node pool of Karpenter that made the node; null for nodes of others. EKS Auto Mode makes its nodes in the same way. */
export const karpenterPoolOf = ({ labels }: ClusterNode): string | null =>
  labels['karpenter.sh/nodepool'] ?? labels['karpenter.sh/provisioner-name'] ?? null;
