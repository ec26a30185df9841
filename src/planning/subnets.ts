import { envAfter, interfaceSettings, poolSettings, vpcCniVersion } from '../domain/cni-settings.ts';
import { usesPoolAddress } from '../domain/evictable.ts';
import { type PodLimit, supportsPrefixes } from '../domain/max-pods.ts';
import { desiredNodes, instanceTypesOf, nodesOf, podsToMove, usesVpcCni } from '../domain/nodegroups.ts';
import type { NodegroupPlan, PlanRequest, SubnetPlan } from '../domain/plan.ts';
import { steadyPrefixes } from '../domain/prefix-pool.ts';
import type { ClusterSnapshot, NetworkInterface, Nodegroup } from '../domain/snapshot.ts';
import { mapSubnet, mapSubnetWithout } from '../domain/subnet-map.ts';
import { resolveMaxPods } from './resolve-max-pods.ts';

/** /28 blocks that something takes from one subnet. */
type Demand = ReadonlyMap<string, number>;

/**
 * What the plan takes from each subnet that it touches, in /28 blocks. The switch is cluster-wide, so nodes of every group
 * count: each node in service that does not hold its prefixes yet attaches them (as many as an idle node on the sources,
 * which are cordoned soon, and as many as a node that starts a pod elsewhere). Replacement nodes count with their pods as
 * planned, and each of their interfaces with one more block for its own address, unless blocks are reserved for prefixes.
 */
export function subnetPlans(
  snapshot: ClusterSnapshot,
  sources: readonly Nodegroup[],
  request: PlanRequest,
): SubnetPlan[] {
  if (sources.length === 0) return [];
  const sourceNames = sources.map(({ nodegroupName }) => nodegroupName);
  const switched = flipDemand(snapshot, sourceNames, request);
  const replacements = sources.map((source) => replacementDemand(snapshot, source, request));
  const inUse = [
    ...switched.sources.keys(),
    ...switched.others.keys(),
    ...replacements.flatMap(({ subnetIds }) => subnetIds),
  ];
  const leaving = new Set(
    sourceNames.flatMap((name) => nodesOf(snapshot, name)).flatMap(({ instanceId }) => instanceId ?? []),
  );
  const interfacesBySubnet = Map.groupBy(snapshot.networkInterfaces, ({ subnetId }) => subnetId);
  return snapshot.subnets
    .filter(({ subnetId }) => inUse.includes(subnetId))
    .toSorted((a, b) => (a.subnetId < b.subnetId ? -1 : 1))
    .map((subnet) => {
      const { subnetId } = subnet;
      const here = interfacesBySubnet.get(subnetId) ?? [];
      const now = mapSubnet(subnet, here);
      const others = switched.others.get(subnetId) ?? 0;
      const nodes = replacements.filter((replacement) => replacement.subnetIds.includes(subnetId));
      const prefixes = sum(nodes.map((replacement) => replacement.prefixesPerSubnet));
      const outsideReservation = now.reservedFreePrefixes > 0 ? now.freePrefixes - now.reservedFreePrefixes : Infinity;
      const spoiled = Math.min(sum(nodes.map((replacement) => replacement.interfacesPerSubnet)), outsideReservation);
      const peakDemand = (switched.sources.get(subnetId) ?? 0) + others + prefixes + spoiled;
      const withoutSources = mapSubnetWithout(subnet, here, leaving).freePrefixes;
      return {
        subnetId,
        availabilityZone: subnet.availabilityZone,
        cidr: subnet.cidr,
        freeAddresses: now.freeAddresses,
        freePrefixes: now.freePrefixes,
        freePrefixesAfter: Math.max(0, withoutSources - others - prefixes - spoiled),
        peakDemand,
        fits: peakDemand <= now.freePrefixes,
      };
    });
}

/** Prefixes on one node of the group: without pods, with the pods as planned (mean, rounded up), with maxPods pods. */
export function prefixesPerNode(
  snapshot: ClusterSnapshot,
  source: Nodegroup,
  request: PlanRequest,
  maxPods: PodLimit,
): NodegroupPlan['prefixesPerNode'] {
  const env = envAfter(snapshot.vpcCni, request);
  const { known } = instanceTypesOf(snapshot, source);
  const pools = known.map((type) => poolSettings(env, vpcCniVersion(snapshot.vpcCni), type, maxPods.value));
  const onAnyType = (pods: number) => Math.max(0, ...pools.map((pool) => steadyPrefixes(pods, pool)));
  return {
    idle: onAnyType(0),
    expected: onAnyType(Math.min(maxPods.value, plannedPodsPerNode(snapshot, source))),
    full: onAnyType(maxPods.value),
  };
}

/** Pods with an address of their own on a replacement node: its share of those that move, and its own DaemonSet pods. */
function plannedPodsPerNode(snapshot: ClusterSnapshot, source: Nodegroup): number {
  const nodes = new Set(nodesOf(snapshot, source.nodegroupName).map(({ name }) => name));
  const moving = podsToMove(snapshot, [source.nodegroupName]).filter(usesPoolAddress).length;
  const staying = snapshot.pods.filter(
    (pod) =>
      pod.nodeName !== null && nodes.has(pod.nodeName) && pod.controller?.kind === 'DaemonSet' && usesPoolAddress(pod),
  ).length;
  const share = Math.ceil(moving / Math.max(1, desiredNodes(snapshot, source)));
  return share + Math.ceil(staying / Math.max(1, nodes.size));
}

/** Blocks that a replacement takes from each of its subnets, when its nodes are spread evenly over them. */
function replacementDemand(snapshot: ClusterSnapshot, source: Nodegroup, request: PlanRequest) {
  const settings = interfaceSettings(envAfter(snapshot.vpcCni, request));
  const { known } = instanceTypesOf(snapshot, source);
  const maxPods = resolveMaxPods(source.nodegroupName, known, settings, request.maxPods);
  const { expected } = prefixesPerNode(snapshot, source, request, maxPods);
  const subnetIds = podSubnets(snapshot, source, settings.customNetworking);
  // one node is created first, so that there is always at least one
  const nodes = Math.ceil(Math.max(1, desiredNodes(snapshot, source)) / Math.max(1, subnetIds.length));
  const slotsPerInterface = Math.max(1, Math.min(...known.map((type) => type.ipv4PerEni - 1)));
  return {
    subnetIds,
    prefixesPerSubnet: nodes * expected,
    interfacesPerSubnet: nodes * Math.max(1, Math.ceil(expected / slotsPerInterface)),
  };
}

/** Blocks that nodes which are there already attach when prefix delegation is switched on, by subnet. */
function flipDemand(
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
    const attached = sum(own.map(({ prefixes }) => prefixes.length));
    const side = isSource ? demand.sources : demand.others;
    side.set(subnetId, (side.get(subnetId) ?? 0) + Math.max(0, wanted - attached));
  }
  return demand;
}

/** The interface that a node attaches its first prefix to: with custom networking not the primary one. */
const podInterface = (own: readonly NetworkInterface[], customNetworking: boolean): NetworkInterface | undefined =>
  customNetworking
    ? own.find(({ deviceIndex }) => deviceIndex !== null && deviceIndex > 0)
    : (own.find(({ deviceIndex }) => deviceIndex === 0) ?? own[0]);

/** Subnets that prefixes of the replacement come from: with custom networking those in which pods of the source are now. */
function podSubnets(snapshot: ClusterSnapshot, source: Nodegroup, customNetworking: boolean): string[] {
  if (!customNetworking) return source.subnetIds;
  const instances = new Set(nodesOf(snapshot, source.nodegroupName).map(({ instanceId }) => instanceId));
  const own = snapshot.networkInterfaces.filter(({ instanceId }) => instanceId !== null && instances.has(instanceId));
  const byInstance = Map.groupBy(own, ({ instanceId }) => instanceId);
  const found = [...byInstance.values()].flatMap((interfaces) => podInterface(interfaces, true)?.subnetId ?? []);
  return [...new Set(found)];
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
