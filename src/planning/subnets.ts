import { envAfter, interfaceSettings, poolSettings, vpcCniVersion } from '../domain/cni-settings.ts';
import { usesPoolAddress } from '../domain/evictable.ts';
import type { PodLimit } from '../domain/max-pods.ts';
import { isGivenToEveryNode } from '../domain/node-labels.ts';
import { desiredNodes, instanceTypesOf, nodesOf, podsToMove } from '../domain/nodegroups.ts';
import type { NodegroupPlan, PlanRequest, SubnetPlan } from '../domain/plan.ts';
import { steadyPrefixes } from '../domain/prefix-pool.ts';
import type { ClusterSnapshot, Nodegroup, Pod } from '../domain/snapshot.ts';
import { mapSubnet, mapSubnetWithout, type SubnetMap } from '../domain/subnet-map.ts';
import { resolveMaxPods } from './resolve-max-pods.ts';
import { flipDemand, interfacesAfterSwitch, podInterface } from './switch.ts';

/**
 * What the plan takes from each subnet that it touches, in /28 blocks. The switch is cluster-wide, so nodes of every group
 * count: each node in service that does not hold its prefixes yet attaches them (as many as an idle node on the sources,
 * which are cordoned soon, and as many as a node that starts a pod elsewhere). They come after the switch, when the old
 * nodes have given back what no pod uses: replacement nodes, with their pods as planned and at least one, and each of
 * their interfaces with one more block for its own address, unless blocks are reserved for prefixes.
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
  const bySubnet = Map.groupBy(snapshot.networkInterfaces, ({ subnetId }) => subnetId);
  const bySubnetLater = Map.groupBy(interfacesAfterSwitch(snapshot), ({ subnetId }) => subnetId);
  return snapshot.subnets
    .filter(({ subnetId }) => inUse.includes(subnetId))
    .toSorted((a, b) => (a.subnetId < b.subnetId ? -1 : 1))
    .map((subnet) => {
      const { subnetId } = subnet;
      const here = bySubnetLater.get(subnetId) ?? [];
      const now = mapSubnet(subnet, bySubnet.get(subnetId) ?? []);
      const switchedOn = mapSubnet(subnet, here);
      const withoutSources = mapSubnetWithout(subnet, here, leaving);
      const others = switched.others.get(subnetId) ?? 0;
      const flip = others + (switched.sources.get(subnetId) ?? 0);
      const nodes = replacements.filter((replacement) => replacement.subnetIds.includes(subnetId));
      const prefixes = sum(nodes.map((replacement) => replacement.prefixesPerSubnet));
      const interfaces = sum(nodes.map((replacement) => replacement.interfacesPerSubnet));
      const givenBack = switchedOn.freePrefixes - now.freePrefixes;
      const peakDemand = Math.max(flip, flip + prefixes + spoiled(switchedOn, interfaces) - givenBack);
      return {
        subnetId,
        availabilityZone: subnet.availabilityZone,
        cidr: subnet.cidr,
        freeAddresses: now.freeAddresses,
        freePrefixes: now.freePrefixes,
        freePrefixesAfter: Math.max(
          0,
          withoutSources.freePrefixes - others - prefixes - spoiled(withoutSources, interfaces),
        ),
        peakDemand,
        fits: peakDemand <= now.freePrefixes,
      };
    });
}

/** Blocks that single addresses of so many interfaces can spoil at worst: none that are reserved for prefixes. */
const spoiled = ({ freePrefixes, reservedFreePrefixes }: SubnetMap, interfaces: number): number =>
  reservedFreePrefixes > 0 ? Math.min(interfaces, freePrefixes - reservedFreePrefixes) : interfaces;

/** Prefixes on one node of the group: without pods, with the pods as planned (mean, rounded up), with maxPods pods. */
export function prefixesPerNode(
  snapshot: ClusterSnapshot,
  source: Nodegroup,
  request: PlanRequest,
  maxPods: PodLimit,
): NodegroupPlan['prefixesPerNode'] {
  const onAnyType = prefixesWith(snapshot, source, request, maxPods);
  return {
    idle: onAnyType(0),
    expected: onAnyType(plannedPodsPerNode(snapshot, source)),
    full: onAnyType(maxPods.value),
  };
}

/** From pods on a replacement node to prefixes there, on the type that takes most. */
function prefixesWith(snapshot: ClusterSnapshot, source: Nodegroup, request: PlanRequest, maxPods: PodLimit) {
  const env = envAfter(snapshot.vpcCni, request);
  const { known } = instanceTypesOf(snapshot, source);
  const pools = known.map((type) => poolSettings(env, vpcCniVersion(snapshot.vpcCni), type, maxPods.value));
  return (pods: number) => Math.max(0, ...pools.map((pool) => steadyPrefixes(Math.min(maxPods.value, pods), pool)));
}

/**
 * Pods with an address of their own on a replacement node: its share of those that move and of those that wait for such
 * a node, and its own DaemonSet pods.
 */
function plannedPodsPerNode(snapshot: ClusterSnapshot, source: Nodegroup): number {
  const moving = podsToMove(snapshot, [source.nodegroupName]).filter(usesPoolAddress).length;
  const waiting = snapshot.pods.filter((pod) => usesPoolAddress(pod) && waitsFor(source, pod)).length;
  const share = Math.ceil((moving + waiting) / Math.max(1, desiredNodes(snapshot, source)));
  return share + daemonsPerNode(snapshot, source);
}

/** Pods never spread quite evenly; and where there are none, a pod on the node proves that its address is out of a prefix. */
const fullerNode = (pods: number): number => pods + Math.max(1, Math.ceil(pods / 20));

/** Whether the pod has no node yet and could run on nodes of the group, as far as labels and taints tell. */
function waitsFor({ labels, taints }: Nodegroup, pod: Pod): boolean {
  if (pod.nodeName !== null || pod.phase !== 'Pending' || pod.deletionTimestamp !== null) return false;
  const tolerates = (key: string) => pod.tolerations.some((one) => one.key === undefined || one.key === key);
  return (
    Object.entries(pod.nodeSelector).every(([key, value]) => labels[key] === value || isGivenToEveryNode(key)) &&
    taints.every(({ key, effect }) => effect === 'PREFER_NO_SCHEDULE' || tolerates(key))
  );
}

/** DaemonSet pods with an address of their own: the mean of the group's nodes; of a group without nodes the most that any node has. */
function daemonsPerNode(snapshot: ClusterSnapshot, source: Nodegroup): number {
  const daemons = snapshot.pods.filter((pod) => pod.controller?.kind === 'DaemonSet' && usesPoolAddress(pod));
  const byNode = Map.groupBy(daemons, ({ nodeName }) => nodeName);
  const on = (name: string) => byNode.get(name)?.length ?? 0;
  const nodes = nodesOf(snapshot, source.nodegroupName);
  if (nodes.length === 0) return Math.max(0, ...snapshot.nodes.map(({ name }) => on(name)));
  return Math.ceil(sum(nodes.map(({ name }) => on(name))) / nodes.length);
}

/** Blocks that a replacement takes from each of its subnets, when its nodes are spread evenly over them. */
function replacementDemand(snapshot: ClusterSnapshot, source: Nodegroup, request: PlanRequest) {
  const settings = interfaceSettings(envAfter(snapshot.vpcCni, request));
  const { known } = instanceTypesOf(snapshot, source);
  const maxPods = resolveMaxPods(source.nodegroupName, known, settings, request.maxPods);
  const expected = prefixesWith(snapshot, source, request, maxPods)(fullerNode(plannedPodsPerNode(snapshot, source)));
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
