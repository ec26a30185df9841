import { envAfter, isOn, poolSettings, prefixDelegationIsOn, vpcCniVersion } from '../domain/cni-settings.ts';
import { podSubnetOfNode } from '../domain/eni-config.ts';
import { usesPoolAddress } from '../domain/evictable.ts';
import { supportsPrefixes } from '../domain/max-pods.ts';
import { nodeAddresses } from '../domain/node-addresses.ts';
import { usesVpcCni } from '../domain/nodegroups.ts';
import type { Order, PlanRequest } from '../domain/plan.ts';
import { mostPrefixes, stepPool } from '../domain/prefix-pool.ts';
import type { ClusterSnapshot, NetworkInterface, VpcCni } from '../domain/snapshot.ts';
import { isAtLeast, vpcCniSince } from '../domain/version.ts';

/** /28 blocks that one node attaches when prefix delegation is switched on. */
export interface NodeFlip {
  subnetId: string;
  instanceId: string;
  isSource: boolean;
  blocks: number;
}

/**
 * What nodes that are there already attach: as many blocks as an idle node on the sources, which are cordoned soon, and as
 * many as a node that starts a pod elsewhere, less those that they hold; more where pods have addresses of their prefixes
 * already, and the pool is to be larger than it was. Nodes in service do so, and cordoned ones only where aws-node is told
 * to serve them as well.
 */
export function flipDemand(
  snapshot: ClusterSnapshot,
  sourceNames: readonly string[],
  request: PlanRequest,
  order: Order,
): NodeFlip[] {
  const env = envAfter(snapshot.vpcCni, request);
  const version = vpcCniVersion(snapshot.vpcCni);
  const types = new Map(snapshot.instanceTypes.map((type) => [type.instanceType, type]));
  const interfaces = Map.groupBy(snapshot.networkInterfaces, ({ instanceId }) => instanceId);
  const podsOn = Map.groupBy(snapshot.pods, ({ nodeName }) => nodeName);
  const servesCordoned = servesCordonedNodes(snapshot.vpcCni);
  return snapshot.nodes.filter(usesVpcCni).flatMap((node) => {
    const type = types.get(node.instanceType ?? '');
    const own = interfaces.get(node.instanceId) ?? [];
    const subnetId = podSubnetOfNode(snapshot, node, own);
    const { instanceId } = node;
    if (type === undefined || subnetId === null || instanceId === null || !supportsPrefixes(type)) return [];
    const isSource = node.nodegroupName !== null && sourceNames.includes(node.nodegroupName);
    const isCordoned = node.unschedulable || (isSource && order === 'cordon-first');
    if (isCordoned && !servesCordoned) return [];
    const pool = poolSettings(env, version, type, node.capacityPods);
    const { prefixes, pods } = nodeAddresses(own, podsOn.get(node.name) ?? []);
    const served = Math.max(isSource ? 0 : 1, pods.prefix.length);
    // a pool at rest stays as it is; one that grows may do so in a burst
    const isShort = stepPool(prefixes.length, served, pool) > prefixes.length;
    const wanted = isShort ? mostPrefixes(served, pool) : 0;
    return [{ subnetId, instanceId, isSource, blocks: Math.max(0, wanted - prefixes.length) }];
  });
}

/**
 * Whether aws-node attaches prefixes on cordoned nodes, too: AWS_MANAGE_ENIS_NON_SCHEDULABLE (README of
 * amazon-vpc-cni-k8s). A version that cannot be read is taken for a newer one.
 */
export function servesCordonedNodes(vpcCni: VpcCni): boolean {
  const version = vpcCniVersion(vpcCni);
  return (
    isOn(vpcCni.env, 'AWS_MANAGE_ENIS_NON_SCHEDULABLE') &&
    (version === null || isAtLeast(version, vpcCniSince.servesCordonedNodes))
  );
}

/**
 * The network interfaces once aws-node has started again on every node with prefix delegation on: it then gives back the
 * secondary addresses that no pod has, on cordoned nodes too (tryUnassignIPsFromENIs in amazon-vpc-cni-k8s,
 * pkg/ipamd/ipamd.go). Where prefix delegation is on already nothing is counted on.
 */
export function interfacesAfterSwitch(snapshot: ClusterSnapshot): NetworkInterface[] {
  if (prefixDelegationIsOn(snapshot.vpcCni.env)) return snapshot.networkInterfaces;
  const types = new Map(snapshot.instanceTypes.map((type) => [type.instanceType, type]));
  const switching = new Set(
    snapshot.nodes
      .filter((node) => {
        const type = types.get(node.instanceType ?? '');
        return usesVpcCni(node) && type !== undefined && supportsPrefixes(type);
      })
      .map(({ instanceId }) => instanceId),
  );
  const held = new Set(snapshot.pods.filter(usesPoolAddress).map(({ podIp }) => podIp));
  return snapshot.networkInterfaces.map((one) => {
    if (one.instanceId === null || !switching.has(one.instanceId) || !isOfVpcCni(one)) return one;
    const [primary, ...secondary] = one.addresses;
    if (primary === undefined) return one;
    return { ...one, addresses: [primary, ...secondary.filter((address) => held.has(address))] };
  });
}

/** The VPC CNI manages the primary interface and those that it has made itself. */
const isOfVpcCni = ({ deviceIndex, description }: NetworkInterface): boolean =>
  deviceIndex === 0 || description.startsWith('aws-K8S-');
