import {
  adviseReservation,
  instancesOf,
  type PrefixNeed,
  type Reservation,
  type SubnetReservation,
  singlesNeeded,
} from '../domain/reservation.ts';
import type { ClusterSnapshot, NetworkInterface, Subnet } from '../domain/snapshot.ts';
import { viewSubnet } from '../domain/subnet-owners.ts';

/** Forecasts are never exact: room for a fifth more prefixes, where there is some. */
const headroom = 1.2;

/**
 * What to reserve in each of the subnets that take prefixes of a replacement, one need for each. Subnets that need
 * nothing are left out.
 */
export function reservationsFor(
  snapshot: ClusterSnapshot,
  needs: readonly PrefixNeed[],
  sourceNames: readonly string[],
): SubnetReservation[] {
  const subnets = new Map(snapshot.subnets.map((subnet) => [subnet.subnetId, subnet]));
  const interfaces = Map.groupBy(snapshot.networkInterfaces, ({ subnetId }) => subnetId);
  const sourceInstances = instancesOf(snapshot, sourceNames);
  return needs.flatMap((need) => {
    const subnet = subnets.get(need.subnetId);
    if (subnet === undefined || need.prefixes <= 0) return [];
    return [reservationFor(snapshot, subnet, interfaces.get(need.subnetId) ?? [], need, sourceInstances)];
  });
}

function reservationFor(
  { cluster: { accountId, region } }: ClusterSnapshot,
  subnet: Subnet,
  here: readonly NetworkInterface[],
  { prefixes, interfaces }: PrefixNeed,
  sourceInstances: ReadonlySet<string>,
): SubnetReservation {
  const view = viewSubnet(subnet, here, { sourceInstances, accountId });
  const demand = { prefixes, singles: singlesNeeded(here, sourceInstances, interfaces) };
  const { subnetId, ownerId } = subnet;
  const roomy = adviseReservation(subnet, view, { ...demand, prefixes: Math.ceil(prefixes * headroom) }, region);
  const { reserved, reservedAfter } = roomy;
  const common = { subnetId, ownerId, demand, reserved, interfaces };
  const nothing = { ...common, ranges: [], singlesLeft: subnet.availableIpAddressCount, commands: [], reason: null };
  if (reserved >= prefixes) return { ...nothing, obstacle: null };
  const least = roomy.now === null ? adviseReservation(subnet, view, demand, region) : roomy;
  const chosen = least.now ?? roomy.after ?? least.after;
  if (chosen === null) {
    return reservedAfter >= prefixes
      ? { ...nothing, obstacle: null }
      : { ...nothing, obstacle: 'no-room', reason: least.reason };
  }
  const { singlesLeft, commands } = chosen;
  const isOwn = ownerId === '' || ownerId === accountId;
  return {
    ...common,
    ranges: isOwn ? rangesOf(chosen, least.now === null ? 'after' : 'now') : [],
    obstacle: isOwn ? null : 'other-account',
    singlesLeft,
    commands,
    reason: null,
  };
}

const rangesOf = ({ ranges }: Reservation, when: 'now' | 'after'): SubnetReservation['ranges'] =>
  ranges.map(({ cidr, freePrefixes, freePrefixesAfter, freeAddresses }) => ({
    cidr,
    freeAddresses,
    prefixes: when === 'now' ? freePrefixes : freePrefixesAfter,
    when,
  }));

/** The snapshot as it is once these ranges are reserved: EC2 no longer counts the free addresses in them as available. */
export function withReservations(
  snapshot: ClusterSnapshot,
  reservations: readonly Pick<SubnetReservation, 'subnetId' | 'ranges'>[],
): ClusterSnapshot {
  const planned = new Map(reservations.map(({ subnetId, ranges }) => [subnetId, ranges]));
  const subnets = snapshot.subnets.map((subnet) => {
    const ranges = planned.get(subnet.subnetId) ?? [];
    const added = ranges.map(({ cidr }) => ({ id: 'planned', cidr, type: 'prefix' as const }));
    const taken = ranges.reduce((sum, { freeAddresses }) => sum + freeAddresses, 0);
    return {
      ...subnet,
      reservations: [...subnet.reservations, ...added],
      availableIpAddressCount: Math.max(0, subnet.availableIpAddressCount - taken),
    };
  });
  return { ...snapshot, subnets };
}
