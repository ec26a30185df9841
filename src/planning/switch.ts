import {
  envAfter,
  interfaceSettings,
  poolSettings,
  prefixDelegationIsOn,
  vpcCniVersion,
} from '../domain/cni-settings.ts';
import { usesPoolAddress } from '../domain/evictable.ts';
import { supportsPrefixes } from '../domain/max-pods.ts';
import { usesVpcCni } from '../domain/nodegroups.ts';
import type { PlanRequest } from '../domain/plan.ts';
import { steadyPrefixes } from '../domain/prefix-pool.ts';
import type { ClusterSnapshot, NetworkInterface } from '../domain/snapshot.ts';

/** /28 blocks that something takes from one subnet. */
export type Demand = ReadonlyMap<string, number>;

/** Blocks that nodes which are there already attach when prefix delegation is switched on, by subnet. */
export function flipDemand(
  snapshot: ClusterSnapshot,
  sourceNames: readonly string[],
  request: PlanRequest,
): { sources: Demand; others: Demand } {
  const env = envAfter(snapshot.vpcCni, request);
  const version = vpcCniVersion(snapshot.vpcCni);
  const types = new Map(snapshot.instanceTypes.map((type) => [type.instanceType, type]));
  const interfaces = Map.groupBy(snapshot.networkInterfaces, ({ instanceId }) => instanceId);
  const { customNetworking } = interfaceSettings(env);
  const demand = { sources: new Map<string, number>(), others: new Map<string, number>() };
  for (const node of snapshot.nodes.filter((candidate) => usesVpcCni(candidate) && !candidate.unschedulable)) {
    const type = types.get(node.instanceType ?? '');
    const own = interfaces.get(node.instanceId) ?? [];
    const subnetId = podInterface(own, customNetworking)?.subnetId;
    if (type === undefined || subnetId === undefined || !supportsPrefixes(type)) continue;
    const isSource = node.nodegroupName !== null && sourceNames.includes(node.nodegroupName);
    const pool = poolSettings(env, version, type, node.capacityPods);
    const wanted = steadyPrefixes(isSource ? 0 : 1, pool);
    const attached = own.reduce((sum, { prefixes }) => sum + prefixes.length, 0);
    const side = isSource ? demand.sources : demand.others;
    side.set(subnetId, (side.get(subnetId) ?? 0) + Math.max(0, wanted - attached));
  }
  return demand;
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

/** The interface that a node attaches its first prefix to: with custom networking not the primary one. */
export const podInterface = (
  own: readonly NetworkInterface[],
  customNetworking: boolean,
): NetworkInterface | undefined =>
  customNetworking
    ? own.find(({ deviceIndex }) => deviceIndex !== null && deviceIndex > 0)
    : (own.find(({ deviceIndex }) => deviceIndex === 0) ?? own[0]);
