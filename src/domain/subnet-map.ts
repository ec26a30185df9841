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

/**
 * Draws a subnet as the /28 blocks it consists of, from the addresses and prefixes of its network interfaces and its
 * reservations. A subnet without an IPv4 CIDR has no blocks.
 */
export function mapSubnet(subnet: Subnet, networkInterfaces: readonly NetworkInterface[]): SubnetMap {
  const range = parseCidr(subnet.cidr);
  if (range === null)
    return { blocks: [], freeAddresses: 0, freePrefixes: 0, reservedFreePrefixes: 0, expectedAvailableCount: 0 };
  const here = networkInterfaces.filter((candidate) => candidate.subnetId === subnet.subnetId);
  const prefixes = here
    .flatMap((candidate) => candidate.prefixes ?? [])
    .map(parseCidr)
    .filter((found) => found !== null);
  const used = markUsed(range, here, prefixes);
  const blocks = alignedBlocks(range).map((block) =>
    drawBlock(block, range, used, prefixes, subnet.reservations ?? []),
  );
  const kept = (address: number) => isKeptByAws(range, address);
  const isUsed = (address: number) => used[address - range.first] === 1;
  const reserved = (subnet.reservations ?? []).map(({ cidr }) => parseCidr(cidr)).filter((found) => found !== null);
  let freeAddresses = 0;
  let freeInReservations = 0;
  for (let address = range.first; address < range.first + range.size; address += 1) {
    if (kept(address) || isUsed(address)) continue;
    freeAddresses += 1;
    if (reserved.some((reservation) => contains(reservation, address))) freeInReservations += 1;
  }
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

/** One byte per address of the subnet, 1 when it is in use. */
function markUsed(range: Cidr, here: readonly NetworkInterface[], prefixes: readonly Cidr[]): Uint8Array {
  const used = new Uint8Array(range.size);
  const singles = here
    .flatMap((candidate) => candidate.addresses ?? [])
    .map(parseIpv4)
    .filter((found) => found !== null);
  for (const address of singles) if (contains(range, address)) used[address - range.first] = 1;
  for (const prefix of prefixes) {
    if (contains(range, prefix.first))
      used.fill(1, prefix.first - range.first, prefix.first - range.first + prefix.size);
  }
  return used;
}

function drawBlock(
  block: Cidr,
  range: Cidr,
  used: Uint8Array,
  prefixes: readonly Cidr[],
  reservations: Subnet['reservations'],
): Block {
  const offset = block.first - range.first;
  const usedAddresses = used.subarray(offset, offset + block.size).reduce((sum, one) => sum + one, 0);
  const touchesAws = offset === 0 || offset + block.size === range.size;
  const isPrefix = prefixes.some((prefix) => prefix.first === block.first && prefix.size === block.size);
  return {
    cidr: `${formatIpv4(block.first)}/28`,
    state: isPrefix ? 'prefix' : touchesAws ? 'aws' : usedAddresses > 0 ? 'used' : 'free',
    usedAddresses,
    reservation: reservationOf(block, reservations),
  };
}

function reservationOf(block: Cidr, reservations: Subnet['reservations']): Block['reservation'] {
  const parsed = reservations.map(({ cidr, type }) => ({ type, range: parseCidr(cidr) }));
  if (parsed.some(({ type, range }) => type === 'explicit' && range !== null && overlaps(range, block)))
    return 'explicit';
  const inside = ({ first, size }: Cidr) => first <= block.first && block.first + block.size <= first + size;
  return parsed.some(({ type, range }) => type === 'prefix' && range !== null && inside(range)) ? 'prefix' : null;
}

/** AWS keeps the first four addresses and the last one of every subnet. */
const isKeptByAws = (range: Cidr, address: number): boolean =>
  address < range.first + 4 || address === range.first + range.size - 1;
