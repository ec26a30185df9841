import { type Cidr, contains, formatCidr, overlaps, parseCidr } from './addresses.ts';
import { prefixSize } from './max-pods.ts';
import { nodesOf } from './nodegroups.ts';
import type { SubnetPlan } from './plan.ts';
import type { ClusterSnapshot, NetworkInterface, Subnet } from './snapshot.ts';
import { isFree, type OwnedBlock, type SubnetView, viewSubnet } from './subnet-owners.ts';
import { sum } from './sum.ts';

/** What a subnet has to hold, in /28 blocks and in single addresses outside every reservation. */
export interface ReservationDemand {
  prefixes: number;
  singles: number;
}

/** Ranges to reserve for prefixes, in the order in which they were chosen. */
export interface Reservation {
  cidrs: string[];
  /** of each range, its free blocks now and when the old nodes are gone, and its free addresses */
  ranges: { cidr: string; freePrefixes: number; freePrefixesAfter: number; freeAddresses: number }[];
  /** free blocks in them now, and when the old nodes are gone */
  freePrefixes: number;
  freePrefixesAfter: number;
  /** free addresses that stay outside every reservation */
  singlesLeft: number;
  /** one command for each range, to paste */
  commands: string[];
}

export interface ReservationAdvice {
  subnetId: string;
  demand: ReservationDemand;
  /** free blocks that are inside reservations for prefixes already; they count towards the demand */
  reserved: number;
  /** the same when the old nodes are gone */
  reservedAfter: number;
  /** holds the demand at once; null when no free ranges do (`reason`), or when nothing more is needed */
  now: Reservation | null;
  /** why there is nothing to reserve that holds the demand at once */
  reason: string | null;
  /** holds the demand when the old nodes are gone: no single address is placed there while they go; null when `now` does, or none does */
  after: Reservation | null;
  /** size of a new subnet that holds the demand alone, `/24`; null when ranges hold it now or are there already, or none is large enough */
  newSubnet: string | null;
}

/** What a plan takes from one subnet for its prefixes. */
export interface PrefixNeed {
  subnetId: string;
  /** /28 blocks attached at the worst moment, without those that single addresses spoil */
  prefixes: number;
  /** network interfaces of the replacement, each with one single address */
  interfaces: number;
}

/** What a plan reserves in one subnet before anything else, or what is in the way. */
export interface SubnetReservation {
  subnetId: string;
  /** empty when enough is reserved already, and when there is an obstacle */
  ranges: ReservedRange[];
  /** other-account: only the owner can do what `commands` say; no-room: no free ranges leave the single addresses that are needed */
  obstacle: 'other-account' | 'no-room' | null;
  /** the account that the subnet belongs to */
  ownerId: string;
  demand: ReservationDemand;
  /** blocks that are reserved and free already */
  reserved: number;
  /** free addresses outside every reservation afterwards */
  singlesLeft: number;
  /** network interfaces of the replacement that take some of them */
  interfaces: number;
  commands: string[];
  /** why there is no room; null when there is */
  reason: string | null;
}

export interface ReservedRange {
  cidr: string;
  /** free /28 blocks in it: now, or when the old nodes are gone where so many are not free now */
  prefixes: number;
  when: 'now' | 'after';
  /** addresses in it that are free now: EC2 no longer counts them as available then */
  freeAddresses: number;
}

interface Candidate {
  range: Cidr;
  /** blocks of the range that count */
  prefixes: number;
  /** addresses that are free now */
  singles: number;
  /** addresses in use by others than the old nodes */
  staying: number;
  touchesAws: boolean;
}

/**
 * The smallest aligned ranges that hold the demand: one range where one suffices (at most half the subnet), several where
 * not. They lie inside the subnet, overlap no reservation, and leave the single addresses asked for. Rules of
 * reservations: Amazon VPC user guide, "Subnet CIDR reservations".
 */
export function adviseReservation(
  subnet: Subnet,
  view: SubnetView,
  demand: ReservationDemand,
  region: string,
): ReservationAdvice {
  const reserved = view.reservedFreePrefixes;
  // reserved blocks that old nodes still spoil come free as well
  const reservedAfter = reservedBlocks(view, isFreeAfter);
  const none = { subnetId: subnet.subnetId, demand, reserved, reservedAfter, now: null, after: null, newSubnet: null };
  if (reserved >= demand.prefixes) return { ...none, reason: `${reserved} reserved blocks are free already.` };
  const now = choose(subnet, view, demand, isFree);
  if (now !== null) return { ...none, now: rendered(subnet, view, now, region), reason: null };
  const after = choose(subnet, view, demand, isFreeAfter);
  const short =
    view.freePrefixes < demand.prefixes
      ? `${view.freePrefixes} blocks are free, ${demand.prefixes} are needed.`
      : `${demand.prefixes} blocks cannot be reserved and ${demand.singles} single addresses be left.`;
  if (after === null) return { ...none, reason: short, newSubnet: smallestSubnet(demand) };
  if (after.length === 0)
    return { ...none, reason: `${short} The reservations that are there hold them when the old nodes are gone.` };
  return { ...none, reason: short, after: rendered(subnet, view, after, region), newSubnet: smallestSubnet(demand) };
}

/** An internet-facing or internal load balancer needs as many free addresses in each of its subnets (Elastic Load Balancing user guide). */
const loadBalancerReserve = 8;

/**
 * Advice for a subnet of a plan. The demand is the plan's peak; the single addresses are one for each interface that the
 * old nodes have there, since replacement nodes need no more, and what a load balancer needs to scale.
 */
export function adviseForPlan(
  snapshot: ClusterSnapshot,
  { subnetId, peakDemand }: Pick<SubnetPlan, 'subnetId' | 'peakDemand'>,
  sourceNames: readonly string[],
): { view: SubnetView; advice: ReservationAdvice } | null {
  const subnet = snapshot.subnets.find((candidate) => candidate.subnetId === subnetId);
  if (subnet === undefined) return null;
  const sourceInstances = instancesOf(snapshot, sourceNames);
  const here = snapshot.networkInterfaces.filter((candidate) => candidate.subnetId === subnetId);
  const view = viewSubnet(subnet, here, { sourceInstances, accountId: snapshot.cluster.accountId });
  const demand = { prefixes: peakDemand, singles: singlesNeeded(here, sourceInstances, 0) };
  return { view, advice: adviseReservation(subnet, view, demand, snapshot.cluster.region) };
}

/**
 * Single addresses that have to stay free outside reservations: one for each interface of the replacement, or as many as
 * the old nodes have interfaces where that is more, and those of a load balancer.
 */
export function singlesNeeded(
  here: readonly NetworkInterface[],
  sourceInstances: ReadonlySet<string>,
  interfaces: number,
): number {
  const leaving = here.filter(({ instanceId }) => instanceId !== null && sourceInstances.has(instanceId)).length;
  return Math.max(leaving, interfaces) + loadBalancerReserve;
}

const isFreeAfter = ({ freeAfter }: OwnedBlock): boolean => freeAfter;

const reservedBlocks = ({ blocks }: SubnetView, counts: (block: OwnedBlock) => boolean): number =>
  blocks.filter((block) => block.reservation === 'prefix' && counts(block)).length;

/** Ids of the instances of these node groups. */
export const instancesOf = (snapshot: ClusterSnapshot, nodegroupNames: readonly string[]): Set<string> =>
  new Set(nodegroupNames.flatMap((name) => nodesOf(snapshot, name)).flatMap(({ instanceId }) => instanceId ?? []));

/**
 * Null when the demand cannot be held; an empty list when reservations hold it already. Few large ranges are easiest to
 * live with; where they would take too many single addresses, ranges without any other address are tried.
 */
function choose(
  subnet: Subnet,
  view: SubnetView,
  demand: ReservationDemand,
  counts: (block: OwnedBlock) => boolean,
): Candidate[] | null {
  const missing = demand.prefixes - reservedBlocks(view, counts);
  const spare = singlesOutside(subnet, view) - demand.singles;
  const all = candidates(subnet, view, counts);
  const full = all.filter(({ prefixes, range }) => prefixes * prefixSize === range.size);
  return gather(all, missing, spare) ?? gather(full, missing, spare);
}

/** The smallest range that holds all that is missing; while there is none, the one that holds most of it, and so on. */
function gather(from: readonly Candidate[], wanted: number, singles: number): Candidate[] | null {
  const chosen: Candidate[] = [];
  let [missing, spare] = [wanted, singles];
  while (missing > 0) {
    const open = from.filter(
      (one) => one.singles <= spare && !chosen.some((other) => overlaps(other.range, one.range)),
    );
    const covering = open.filter(({ prefixes }) => prefixes >= missing);
    const [best] = covering.length > 0 ? covering.toSorted(smallestFirst) : open.toSorted(mostFirst);
    if (best === undefined) return null;
    chosen.push(best);
    missing -= best.prefixes;
    spare -= best.singles;
  }
  return chosen;
}

const better = (a: Candidate, b: Candidate): number =>
  Number(a.touchesAws) - Number(b.touchesAws) || a.staying - b.staying || a.range.first - b.range.first;
const smallestFirst = (a: Candidate, b: Candidate): number =>
  a.range.size - b.range.size || b.prefixes - a.prefixes || better(a, b);
const mostFirst = (a: Candidate, b: Candidate): number =>
  b.prefixes - a.prefixes || a.range.size - b.range.size || better(a, b);

/** Every aligned range up to half the subnet that holds a block that counts and overlaps no reservation. */
function candidates(subnet: Subnet, view: SubnetView, counts: (block: OwnedBlock) => boolean): Candidate[] {
  const subnetRange = parseCidr(subnet.cidr);
  if (subnetRange === null) return [];
  const { first } = subnetRange;
  const taken = reservedRanges(subnet);
  const last = view.blocks.length - 1;
  let level: Candidate[] = view.blocks.map((block, index) => {
    const touchesAws = index === 0 || index === last;
    const { 'source-node': leaving = 0, ...others } = block.addresses;
    const staying = sum(Object.values(others));
    return {
      range: { first: first + index * prefixSize, size: prefixSize },
      prefixes: counts(block) ? 1 : 0,
      singles: freeSingles(index, last, leaving + staying),
      staying,
      touchesAws,
    };
  });
  const found: Candidate[] = [];
  while (level.length > 1) {
    found.push(
      ...level.filter(({ prefixes, range }) => prefixes > 0 && !taken.some((other) => overlaps(other, range))),
    );
    level = pairs(level);
  }
  return found;
}

/** Neighbours joined: the candidates of twice the size. */
const pairs = (level: readonly Candidate[]): Candidate[] =>
  level.flatMap((left, index) => {
    const right = level[index + 1];
    if (index % 2 === 1 || right === undefined) return [];
    return {
      range: { first: left.range.first, size: left.range.size * 2 },
      prefixes: left.prefixes + right.prefixes,
      singles: left.singles + right.singles,
      staying: left.staying + right.staying,
      touchesAws: left.touchesAws || right.touchesAws,
    };
  });

/** Free addresses of a block: AWS keeps four of the first and one of the last. */
const freeSingles = (index: number, last: number, used: number): number =>
  Math.max(0, prefixSize - used - (index === 0 ? 4 : 0) - (index === last ? 1 : 0));

const reservedRanges = (subnet: Subnet): Cidr[] => subnet.reservations.flatMap(({ cidr }) => parseCidr(cidr) ?? []);

/** What EC2 has left for single addresses: its own count where it is lower, since not every interface need be visible. */
const singlesOutside = (subnet: Subnet, view: SubnetView): number =>
  Math.min(view.expectedAvailableCount, subnet.availableIpAddressCount);

function rendered(subnet: Subnet, view: SubnetView, chosen: readonly Candidate[], region: string): Reservation {
  const ranges = chosen.map(({ range, singles }) => {
    const inside = view.blocks.filter(({ cidr }) => isInside(range, cidr));
    return {
      cidr: formatCidr(range),
      freePrefixes: inside.filter(isFree).length,
      freePrefixesAfter: inside.filter(isFreeAfter).length,
      freeAddresses: singles,
    };
  });
  const cidrs = ranges.map(({ cidr }) => cidr);
  return {
    cidrs,
    ranges,
    freePrefixes: sum(ranges.map(({ freePrefixes }) => freePrefixes)),
    freePrefixesAfter: sum(ranges.map(({ freePrefixesAfter }) => freePrefixesAfter)),
    singlesLeft: singlesOutside(subnet, view) - sum(ranges.map(({ freeAddresses }) => freeAddresses)),
    commands: cidrs.map((cidr) => reserveCommand(subnet, cidr, region, view.shared)),
  };
}

function isInside(range: Cidr, block: string): boolean {
  const parsed = parseCidr(block);
  return parsed !== null && contains(range, parsed.first);
}

/** In a subnet of another account only its owner can reserve. */
const reserveCommand = ({ subnetId, ownerId }: Subnet, cidr: string, region: string, shared: boolean): string =>
  `aws ec2 create-subnet-cidr-reservation --region ${region} --subnet-id ${subnetId} --reservation-type prefix --cidr ${cidr}` +
  (shared && ownerId !== '' ? `  # with credentials of account ${ownerId}` : '');

/** The command that shows the reservations of a subnet. */
export const showReservationsCommand = (region: string, subnetId: string): string =>
  `aws ec2 get-subnet-cidr-reservations --region ${region} --subnet-id ${subnetId}`;

/** Single addresses that fit the first and the last block of a subnet, where no prefix can be. */
const edgeSingles = 12 + 15;

/** Subnets are /28 to /16 (Amazon VPC user guide, "Subnet sizing"). */
function smallestSubnet({ prefixes, singles }: ReservationDemand): string | null {
  const blocks = 2 + prefixes + Math.ceil(Math.max(0, singles - edgeSingles) / prefixSize);
  const bits = 28 - Math.ceil(Math.log2(blocks));
  return bits < 16 ? null : `/${bits}`;
}
