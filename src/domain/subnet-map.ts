import { type Cidr, contains, formatIpv4, overlaps, parseCidr, parseIpv4 } from './addresses.ts';
import { prefixSize } from './max-pods.ts';
import type { NetworkInterface, Subnet } from './snapshot.ts';

/** One aligned /28 block of a subnet. */
export interface Block {
  /** `10.0.1.16/28` */
  cidr: string;
  /** `aws`: touches the first four or the last address, which AWS keeps; `used`: single addresses are in use */
  state: 'free' | 'prefix' | 'used' | 'aws';
  /** addresses in use, 0 to 16; those that AWS keeps are not counted */
  usedAddresses: number;
  /** inside a CIDR reservation for prefixes; touched by one for addresses that are named explicitly */
  reservation: 'prefix' | 'explicit' | null;
}

export interface SubnetMap {
  blocks: Block[];
  /** neither in use nor kept by AWS */
  freeAddresses: number;
  /** free blocks that EC2 may hand out as prefixes: an upper bound, since EC2 tells nobody how it places addresses */
  freePrefixes: number;
  /** those of them inside a reservation for prefixes: no single address is placed there */
  reservedFreePrefixes: number;
  /** what DescribeSubnets should report: free addresses outside reservations */
  expectedAvailableCount: number;
}

/** Addresses that come and go between two reads of AWS are no contradiction, where all of them can be seen. */
export const toleratedDifference = 3;

/**
 * Draws a subnet as the /28 blocks it consists of, from the addresses and prefixes of its network interfaces and its
 * reservations. A subnet without an IPv4 CIDR has no blocks.
 */
export function mapSubnet(subnet: Subnet, networkInterfaces: readonly NetworkInterface[]): SubnetMap {
  const range = parseCidr(subnet.cidr);
  if (range === null)
    return { blocks: [], freeAddresses: 0, freePrefixes: 0, reservedFreePrefixes: 0, expectedAvailableCount: 0 };
  const here = networkInterfaces.filter((candidate) => candidate.subnetId === subnet.subnetId);
  const prefixes = here.flatMap((candidate) => candidate.prefixes ?? []).flatMap((text) => parseCidr(text) ?? []);
  const reservations = (subnet.reservations ?? []).flatMap(({ cidr, type }): Reserved[] => {
    const reserved = parseCidr(cidr);
    return reserved === null ? [] : [{ ...reserved, type }];
  });
  const used = markUsed(range, here, prefixes);
  const reserved = marked(range, reservations);
  let freeAddresses = 0;
  let freeInReservations = 0;
  for (let offset = 0; offset < range.size; offset += 1) {
    if (used[offset] === 1 || isKeptByAws(range, offset)) continue;
    freeAddresses += 1;
    freeInReservations += reserved[offset] ?? 0;
  }
  const attached = new Set(prefixes.filter(({ size }) => size === prefixSize).map(({ first }) => first));
  const blocks = alignedBlocks(range).map((block) => drawBlock(block, range, used, attached, reservations));
  const free = blocks.filter((block) => block.state === 'free' && block.reservation !== 'explicit');
  return {
    blocks,
    freeAddresses,
    freePrefixes: free.length,
    reservedFreePrefixes: free.filter((block) => block.reservation === 'prefix').length,
    expectedAvailableCount: freeAddresses - freeInReservations,
  };
}

/** The subnet as it will be when these instances are gone with all their network interfaces. */
export const mapSubnetWithout = (
  subnet: Subnet,
  networkInterfaces: readonly NetworkInterface[],
  instanceIds: ReadonlySet<string>,
): SubnetMap =>
  mapSubnet(
    subnet,
    networkInterfaces.filter(({ instanceId }) => instanceId === null || !instanceIds.has(instanceId)),
  );

function alignedBlocks(range: Cidr): Cidr[] {
  const count = Math.floor(range.size / prefixSize);
  return Array.from({ length: count }, (_, index) => ({ first: range.first + index * prefixSize, size: prefixSize }));
}

interface Reserved extends Cidr {
  type: Subnet['reservations'][number]['type'];
}

/** One byte per address of the subnet, 1 when it is in one of the ranges. */
function marked(subnet: Cidr, ranges: readonly Cidr[]): Uint8Array {
  const marks = new Uint8Array(subnet.size);
  for (const range of ranges) {
    const start = Math.max(0, range.first - subnet.first);
    const end = Math.max(0, range.first + range.size - subnet.first);
    marks.fill(1, start, end);
  }
  return marks;
}

/** One byte per address of the subnet, 1 when it is in use. */
function markUsed(range: Cidr, here: readonly NetworkInterface[], prefixes: readonly Cidr[]): Uint8Array {
  const used = marked(range, prefixes);
  for (const text of here.flatMap((candidate) => candidate.addresses ?? [])) {
    const address = parseIpv4(text);
    if (address !== null && contains(range, address)) used[address - range.first] = 1;
  }
  return used;
}

function drawBlock(
  block: Cidr,
  range: Cidr,
  used: Uint8Array,
  attached: ReadonlySet<number>,
  reservations: readonly Reserved[],
): Block {
  const offset = block.first - range.first;
  const usedAddresses = used.subarray(offset, offset + block.size).reduce((sum, one) => sum + one, 0);
  const touchesAws = offset === 0 || offset + block.size === range.size;
  return {
    cidr: `${formatIpv4(block.first)}/28`,
    state: attached.has(block.first) ? 'prefix' : touchesAws ? 'aws' : usedAddresses > 0 ? 'used' : 'free',
    usedAddresses,
    reservation: reservationOf(block, reservations),
  };
}

function reservationOf(block: Cidr, reservations: readonly Reserved[]): Block['reservation'] {
  const touching = reservations.filter((reserved) => overlaps(reserved, block));
  if (touching.some(({ type }) => type === 'explicit')) return 'explicit';
  const inside = ({ first, size }: Cidr) => first <= block.first && block.first + block.size <= first + size;
  return touching.some(inside) ? 'prefix' : null;
}

/** `10.0.1.16/28` of `10.0.1.21` */
export function blockOf(address: string): string {
  const at = parseIpv4(address) ?? 0;
  return `${formatIpv4(at - (at % prefixSize))}/28`;
}

/** AWS keeps the first four addresses and the last one of every subnet. */
const isKeptByAws = ({ size }: Cidr, offset: number): boolean => offset < 4 || offset === size - 1;
