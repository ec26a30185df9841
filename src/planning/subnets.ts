import { envAfter, interfaceSettings, poolSettings, vpcCniVersion } from '../domain/cni-settings.ts';
import { eniConfigsOfNewNodes, usesCustomNetworking } from '../domain/eni-config.ts';
import { usesPoolAddress } from '../domain/evictable.ts';
import type { PodLimit } from '../domain/max-pods.ts';
import { isGivenToEveryNode } from '../domain/node-labels.ts';
import { desiredNodes, nodesOf, podsToMove, replacementTypesOf, usesVpcCni } from '../domain/nodegroups.ts';
import type { NodegroupPlan, Order, PlanRequest } from '../domain/plan.ts';
import { mostPrefixes, steadyPrefixes } from '../domain/prefix-pool.ts';
import type { ClusterSnapshot, Nodegroup, Pod } from '../domain/snapshot.ts';
import { sum } from '../domain/sum.ts';
import { resolveMaxPods } from './resolve-max-pods.ts';
import { replacementSubnets } from './select.ts';
import { flipDemand, type NodeFlip } from './switch.ts';

/** /28 blocks that nodes attach, and their network interfaces there, each with an address of its own. */
export interface Attached {
  prefixes: number;
  interfaces: number;
}

/** Nodes of the group's replacement, and pods with an address of their own on one of them, as planned. */
export type Planned = (source: Nodegroup) => { nodes: number; podsPerNode: number };

/** What a plan takes from one subnet, by who takes it. */
export interface SubnetDemand {
  /** when prefix delegation is switched on */
  flip: NodeFlip[];
  /** the replacements: one node of each without pods, all nodes without pods, all nodes with their pods */
  firstNode: Attached;
  fullSize: Attached;
  withPods: Attached;
}

/**
 * What a plan takes from each subnet that it touches. The switch is cluster-wide, so nodes of every group count. Which subnet
 * the first replacement node comes to nobody knows: it counts in each.
 */
export function demandsOf(
  snapshot: ClusterSnapshot,
  sources: readonly Nodegroup[],
  request: PlanRequest,
  order: Order,
  planned: Planned,
): Map<string, SubnetDemand> {
  if (sources.length === 0) return new Map();
  const sourceNames = sources.map(({ nodegroupName }) => nodegroupName);
  const flips = Map.groupBy(flipDemand(snapshot, sourceNames, request, order), ({ subnetId }) => subnetId);
  const replacements = sources.map((source) => replacementDemand(snapshot, source, request, planned(source)));
  const subnetIds = new Set([...flips.keys(), ...replacements.flatMap(({ nodesIn }) => [...nodesIn.keys()])]);
  return new Map(
    [...subnetIds].map((subnetId) => {
      const here = replacements.filter(({ nodesIn }) => nodesIn.has(subnetId));
      const count = (nodesIn: ReadonlyMap<string, number>) => nodesIn.get(subnetId) ?? 0;
      return [
        subnetId,
        {
          flip: flips.get(subnetId) ?? [],
          firstNode: together(here.map(({ idleNode }) => idleNode)),
          fullSize: together(here.map(({ idleNode, nodesIn }) => times(count(nodesIn), idleNode))),
          withPods: together(here.map(({ fullNode, nodesIn }) => times(count(nodesIn), fullNode))),
        },
      ];
    }),
  );
}

const together = (all: readonly Attached[]): Attached => ({
  prefixes: sum(all.map(({ prefixes }) => prefixes)),
  interfaces: sum(all.map(({ interfaces }) => interfaces)),
});

const times = (nodes: number, { prefixes, interfaces }: Attached): Attached => ({
  prefixes: nodes * prefixes,
  interfaces: nodes * interfaces,
});

/** Single addresses that the nodes of the replacements need in each subnet: their own, and those of further interfaces. */
export function addressDemand(
  snapshot: ClusterSnapshot,
  sources: readonly Nodegroup[],
  request: PlanRequest,
  planned: Planned,
): Map<string, number> {
  const demand = new Map<string, number>();
  const add = (subnetId: string, addresses: number) => demand.set(subnetId, (demand.get(subnetId) ?? 0) + addresses);
  const { customNetworking } = interfaceSettings(envAfter(snapshot.vpcCni, request));
  for (const source of sources) {
    const { nodesIn, fullNode } = replacementDemand(snapshot, source, request, planned(source));
    for (const [subnetId, nodes] of nodesIn) add(subnetId, nodes * fullNode.interfaces);
    // then the first interface of a node takes no part in the pods' network, and is in a subnet of the node
    const own = customNetworking ? replacementSubnets(source, request) : [];
    for (const subnetId of own) add(subnetId, nodesPerSubnet(planned(source).nodes, own.length));
  }
  return demand;
}

/** Prefixes on one node of the group: without pods, with the pods as planned (mean, rounded up), with maxPods pods. */
export function prefixesPerNode(
  snapshot: ClusterSnapshot,
  source: Nodegroup,
  request: PlanRequest,
  maxPods: PodLimit,
  nodes: number,
): NodegroupPlan['prefixesPerNode'] {
  const onAnyType = prefixesWith(snapshot, source, request, maxPods);
  return {
    idle: onAnyType(0),
    expected: onAnyType(plannedPodsPerNode(snapshot, source, nodes)),
    full: onAnyType(maxPods.value),
  };
}

/** From pods on a replacement node to prefixes there, on the type that takes most. */
function prefixesWith(
  snapshot: ClusterSnapshot,
  source: Nodegroup,
  request: PlanRequest,
  maxPods: PodLimit,
  prefixesFor = steadyPrefixes,
) {
  const env = envAfter(snapshot.vpcCni, request);
  const { known } = replacementTypesOf(snapshot, source, request);
  const pools = known.map((type) => poolSettings(env, vpcCniVersion(snapshot.vpcCni), type, maxPods.value));
  return (pods: number) => Math.max(0, ...pools.map((pool) => prefixesFor(Math.min(maxPods.value, pods), pool)));
}

/**
 * Pods with an address of their own on a replacement node: its share of those that move and of those that wait for such
 * a node, and its own DaemonSet pods.
 */
export function plannedPodsPerNode(
  snapshot: ClusterSnapshot,
  source: Nodegroup,
  nodes: number = desiredNodes(snapshot, source),
): number {
  const moving = podsToMove(snapshot, [source.nodegroupName]).filter(usesPoolAddress).length;
  const waiting = snapshot.pods.filter((pod) => usesPoolAddress(pod) && waitsFor(source, pod)).length;
  const share = Math.ceil((moving + waiting) / Math.max(1, nodes));
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
  if (nodes.length === 0) return Math.max(0, ...snapshot.nodes.filter(usesVpcCni).map(({ name }) => on(name)));
  return Math.ceil(sum(nodes.map(({ name }) => on(name))) / nodes.length);
}

/** The nodes of a replacement in each of the subnets that its prefixes come from, and what one of them takes. */
function replacementDemand(
  snapshot: ClusterSnapshot,
  source: Nodegroup,
  request: PlanRequest,
  { nodes, podsPerNode }: ReturnType<Planned>,
) {
  const settings = interfaceSettings(envAfter(snapshot.vpcCni, request));
  const { known } = replacementTypesOf(snapshot, source, request);
  const maxPods = resolveMaxPods(known, settings, request.maxPods);
  const slotsPerInterface = Math.max(1, Math.min(...known.map((type) => type.ipv4PerEni - 1)));
  const prefixesFor = prefixesWith(snapshot, source, request, maxPods, mostPrefixes);
  const nodeWith = (pods: number): Attached => {
    const prefixes = prefixesFor(pods);
    return { prefixes, interfaces: Math.max(1, Math.ceil(prefixes / slotsPerInterface)) };
  };
  return {
    nodesIn: podSubnets(snapshot, source, request, nodes),
    idleNode: nodeWith(0),
    fullNode: nodeWith(Math.max(request.canaryPods, fullerNode(podsPerNode))),
  };
}

/** Nodes in each subnet when they are spread evenly. One node is created first, so that there is always at least one. */
const nodesPerSubnet = (nodes: number, subnets: number): number => Math.ceil(Math.max(1, nodes) / Math.max(1, subnets));

/**
 * How many nodes of the replacement take their prefixes from each subnet: their own, with custom networking that of the
 * ENIConfig of their zone.
 */
function podSubnets(
  snapshot: ClusterSnapshot,
  source: Nodegroup,
  request: PlanRequest,
  size: number,
): Map<string, number> {
  const own = replacementSubnets(source, request);
  const nodes = nodesPerSubnet(size, own.length);
  if (!usesCustomNetworking(snapshot.vpcCni.env)) return new Map(own.map((subnetId) => [subnetId, nodes]));
  const found = new Map<string, number>();
  for (const { podSubnetId } of eniConfigsOfNewNodes(snapshot, source, own))
    if (podSubnetId !== null) found.set(podSubnetId, (found.get(podSubnetId) ?? 0) + nodes);
  return found;
}
