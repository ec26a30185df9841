import { prefixSize } from '../domain/max-pods.ts';
import { nodesOf, nothingToMove, replacementNodeCount } from '../domain/nodegroups.ts';
import { type Order, type PlanRequest, type SubnetPlan, stages } from '../domain/plan.ts';
import type { PrefixNeed, SubnetReservation } from '../domain/reservation.ts';
import type { AddressShortage } from '../domain/scope.ts';
import type { ClusterSnapshot, NetworkInterface, Nodegroup, Subnet } from '../domain/snapshot.ts';
import { mapSubnet, mapSubnetWithout, type SubnetMap } from '../domain/subnet-map.ts';
import { viewSubnet } from '../domain/subnet-owners.ts';
import { drawingOf } from '../domain/subnet-symbols.ts';
import { sum } from '../domain/sum.ts';
import { type Capacities, createCapacities } from './capacity.ts';
import { reservationsFor, withReservations } from './reservations.ts';
import {
  type Attached,
  addressDemand,
  demandsOf,
  type Planned,
  plannedPodsPerNode,
  type SubnetDemand,
} from './subnets.ts';
import { interfacesAfterSwitch, type NodeFlip } from './switch.ts';

/** One plan with one order, and what becomes of the subnets that it touches. */
export interface Replay {
  order: Order;
  subnets: SubnetReplay[];
  /** what is reserved before anything else: nothing, unless the request asks for it */
  reservations: SubnetReservation[];
  addressShortages: AddressShortage[];
}

export type SubnetReplay = Pick<SubnetPlan, 'subnetId' | 'timeline' | 'peakDemand' | 'fits'> & {
  ground: Ground;
  demand: SubnetDemand;
};

export type Replayer = (sources: readonly Nodegroup[], request: PlanRequest, order: Order) => Replay;

/** A subnet when it was surveyed, and once aws-node has started again everywhere. */
export interface Ground {
  subnet: Subnet;
  now: SubnetMap;
  switchedOn: SubnetMap;
  /** free blocks that can be counted on: in a subnet of another account each address that cannot be seen may spoil one */
  certain: number;
  /** the interfaces there after the switch */
  interfaces: NetworkInterface[];
}

type Grounds = (subnetId: string) => Ground | undefined;

/** Replays plans on the maps of the subnets. Each is drawn once, and pods are counted once, however many plans are tried. */
export function createReplayer(
  snapshot: ClusterSnapshot,
  capacities: Capacities = createCapacities(snapshot),
): Replayer {
  const asSurveyed = drawnOnce(snapshot);
  const counted = new Map<string, number>();
  const podsOn = (source: Nodegroup, nodes: number): number => {
    const key = `${source.nodegroupName} ${nodes}`;
    const pods = counted.get(key) ?? plannedPodsPerNode(snapshot, source, nodes);
    counted.set(key, pods);
    return pods;
  };
  return (sources, request, order) => {
    const planned: Planned = (source) => {
      const capacity = request.nodes === 'fit' ? capacities(sources, request).get(source.nodegroupName) : undefined;
      const nodes = replacementNodeCount(snapshot, source, request.nodes, capacity ?? nothingToMove);
      return { nodes, podsPerNode: podsOn(source, nodes) };
    };
    const demands = demandsOf(snapshot, sources, request, order, planned);
    const reservations = request.reserveSubnetCidr
      ? reservationsFor(snapshot, needsOf(demands), sources.map(nameOf))
      : [];
    const isChanged = reservations.some(({ ranges }) => ranges.length > 0);
    const groundOf = isChanged ? drawnOnce(withReservations(snapshot, reservations)) : asSurveyed;
    const subnets = [...demands]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([subnetId, demand]) => {
        const ground = groundOf(subnetId);
        return ground === undefined ? [] : [replaySubnet(ground, demand)];
      });
    return {
      order,
      subnets,
      reservations,
      addressShortages: addressShortages(addressDemand(snapshot, sources, request, planned), demands, groundOf),
    };
  };
}

const nameOf = ({ nodegroupName }: Nodegroup): string => nodegroupName;

/** Reservations are for subnets that replacements take prefixes from: the flip passes, and old nodes go. */
const needsOf = (demands: ReadonlyMap<string, SubnetDemand>): PrefixNeed[] =>
  [...demands]
    .filter(([, { withPods }]) => withPods.prefixes > 0)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([subnetId, demand]) => ({
      subnetId,
      prefixes: prefixesOf(demand),
      interfaces: demand.withPods.interfaces,
    }));

/** Blocks attached at the worst moment, without those that single addresses spoil. */
const prefixesOf = ({ flip, withPods }: SubnetDemand): number => blocksOf(flip) + withPods.prefixes;

const blocksOf = (flip: readonly NodeFlip[]): number => sum(flip.map(({ blocks }) => blocks));

function drawnOnce(snapshot: ClusterSnapshot): Grounds {
  const subnets = new Map(snapshot.subnets.map((subnet) => [subnet.subnetId, subnet]));
  const before = Map.groupBy(snapshot.networkInterfaces, ({ subnetId }) => subnetId);
  const after = Map.groupBy(interfacesAfterSwitch(snapshot), ({ subnetId }) => subnetId);
  const drawn = new Map<string, Ground>();
  return (subnetId) => {
    const subnet = subnets.get(subnetId);
    if (subnet === undefined) return undefined;
    const known = drawn.get(subnetId);
    if (known !== undefined) return known;
    const interfaces = after.get(subnetId) ?? [];
    const now = mapSubnet(subnet, before.get(subnetId) ?? []);
    const isShared = subnet.ownerId !== snapshot.cluster.accountId;
    const hidden = isShared ? Math.max(0, now.expectedAvailableCount - subnet.availableIpAddressCount) : 0;
    const ground = {
      subnet,
      now,
      certain: Math.max(0, now.freePrefixes - hidden),
      switchedOn: mapSubnet(subnet, interfaces),
      interfaces,
    };
    drawn.set(subnetId, ground);
    return ground;
  };
}

function replaySubnet(ground: Ground, demand: SubnetDemand): SubnetReplay {
  const timeline = timelineOf(ground, demand);
  const peakDemand = Math.max(...timeline.map(({ taken }) => taken));
  return {
    subnetId: ground.subnet.subnetId,
    timeline,
    peakDemand,
    fits: peakDemand <= ground.certain,
    ground,
    demand,
  };
}

/**
 * What is taken at each stage, compared with the survey. While aws-node starts again on one node after the other, nothing
 * that it gives back is counted on; the replacement comes after that. Each interface of a new node takes one more block for
 * its own address, unless blocks are reserved for prefixes.
 */
function timelineOf(
  { now, switchedOn, certain }: Ground,
  { flip, ...replacement }: SubnetDemand,
): SubnetPlan['timeline'] {
  const switching = blocksOf(flip);
  const givenBack = switchedOn.freePrefixes - now.freePrefixes;
  const then = ({ prefixes, interfaces }: Attached): number =>
    switching + prefixes + spoiled(switchedOn, interfaces) - givenBack;
  const taken = {
    switch: switching,
    'first-node': then(replacement.firstNode),
    'full-size': then(replacement.fullSize),
    drain: then(replacement.withPods),
  };
  return stages.map((stage) => ({
    stage,
    taken: taken[stage],
    left: certain - taken[stage],
  }));
}

/** Blocks that single addresses of so many interfaces can spoil at worst: none that are reserved for prefixes. */
const spoiled = ({ freePrefixes, reservedFreePrefixes }: SubnetMap, interfaces: number): number =>
  reservedFreePrefixes > 0 ? Math.min(interfaces, freePrefixes - reservedFreePrefixes) : interfaces;

/** The subnets of a plan as it says them, with what is free when the old nodes are gone. */
export function subnetPlans(
  snapshot: ClusterSnapshot,
  sources: readonly Nodegroup[],
  replayed: readonly SubnetReplay[],
): SubnetPlan[] {
  const leaving = new Set(
    sources
      .flatMap(({ nodegroupName }) => nodesOf(snapshot, nodegroupName))
      .flatMap(({ instanceId }) => instanceId ?? []),
  );
  const looker = { sourceInstances: leaving, accountId: snapshot.cluster.accountId };
  const before = Map.groupBy(snapshot.networkInterfaces, (found) => found.subnetId);
  return replayed.map(({ subnetId, timeline, peakDemand, fits, ground, demand }) => {
    const { subnet, now, interfaces } = ground;
    const withoutSources = mapSubnetWithout(subnet, interfaces, leaving);
    const others = blocksOf(demand.flip.filter(({ isSource }) => !isSource));
    const kept = others + demand.withPods.prefixes + spoiled(withoutSources, demand.withPods.interfaces);
    return {
      subnetId,
      availabilityZone: subnet.availabilityZone,
      cidr: subnet.cidr,
      freeAddresses: now.freeAddresses,
      freePrefixes: now.freePrefixes,
      freePrefixesAfter: Math.max(0, withoutSources.freePrefixes - kept),
      peakDemand,
      fits,
      timeline,
      map: drawingOf(viewSubnet(subnet, before.get(subnetId) ?? [], looker)).map,
    };
  });
}

/**
 * Subnets with too few single addresses for the nodes of the replacements: EC2 places those outside of all reservations,
 * and prefixes that find no reserved block are placed there, too.
 */
function addressShortages(
  addresses: ReadonlyMap<string, number>,
  demands: ReadonlyMap<string, SubnetDemand>,
  groundOf: Grounds,
): AddressShortage[] {
  return [...addresses]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([subnetId, needed]) => {
      const ground = groundOf(subnetId);
      if (ground === undefined) return [];
      const demand = demands.get(subnetId);
      const free = freeForNodes(ground, demand === undefined ? 0 : prefixesOf(demand));
      return needed > free ? [{ subnetId, availabilityZone: ground.subnet.availabilityZone, needed, free }] : [];
    });
}

/** Addresses outside of all reservations that so many prefixes leave. */
function freeForNodes({ subnet, now, switchedOn }: Ground, prefixes: number): number {
  const unreserved = switchedOn.freePrefixes - switchedOn.reservedFreePrefixes;
  const blocks = Math.min(Math.max(0, prefixes - switchedOn.reservedFreePrefixes), unreserved);
  // EC2's own count where it is lower: not every interface need be visible
  const free = Math.min(now.expectedAvailableCount, subnet.availableIpAddressCount);
  const givenBack = switchedOn.expectedAvailableCount - now.expectedAvailableCount;
  return Math.max(0, free + givenBack - blocks * prefixSize);
}
