import type { ClusterSnapshot, InstanceType, Nodegroup } from '../domain/snapshot.ts';

/**
 * The command that makes a node group like this one with other types, which EKS cannot change on one that exists. What the
 * group has from a launch template is not in it.
 */
export function createNodegroupCommand(
  { cluster }: ClusterSnapshot,
  nodegroup: Nodegroup,
  types: readonly InstanceType[],
): string {
  const { minSize, maxSize, desiredSize } = nodegroup.scaling;
  const labels = Object.entries(nodegroup.labels).map(([key, value]) => `${key}=${value}`);
  const taints = nodegroup.taints.map(({ key, value, effect }) => `key=${key},value=${value ?? ''},effect=${effect}`);
  const names = [...new Set(types.map(({ instanceType }) => instanceType))];
  return [
    `aws eks create-nodegroup --region ${cluster.region} --cluster-name ${cluster.name}`,
    `--nodegroup-name ${nodegroup.nodegroupName.slice(0, 61)}-2 --instance-types ${names.join(' ')}`,
    `--node-role ${nodegroup.nodeRole} --subnets ${nodegroup.subnetIds.join(' ')}`,
    `--scaling-config minSize=${minSize},maxSize=${maxSize},desiredSize=${desiredSize}`,
    `--capacity-type ${nodegroup.capacityType}`,
    ...(nodegroup.amiType === 'CUSTOM' ? [] : [`--ami-type ${nodegroup.amiType}`]),
    ...(labels.length === 0 ? [] : [`--labels '${labels.join(',')}'`]),
    ...(taints.length === 0 ? [] : [`--taints ${taints.map((taint) => `'${taint}'`).join(' ')}`]),
  ].join(' ');
}
