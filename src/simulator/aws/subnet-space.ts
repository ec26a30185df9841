/**
 * The addresses of one subnet, one by one. AWS keeps the first four and the last. Single addresses are scattered by the
 * seed, as in a subnet that has lived for a while; prefixes are free aligned /28 blocks, reserved ones first.
 * Amazon VPC user guide: "Subnet CIDR reservations", "Subnet sizing".
 */
import type { Random } from '../types.ts';
import { contains, formatAddress, overlaps, parseAddress, parseBlock } from './addresses.ts';

export type ReservationType = 'prefix' | 'explicit';

export interface SubnetSpace {
  /** A free address outside every reservation, or undefined when there is none. */
  takeAny(): string | undefined;
  /** This very address; false when it is taken or not of this subnet. */
  take(address: string): boolean;
  /** A free /28, from `prefix` reservations first, never from `explicit` ones. */
  takePrefix(): string | undefined;
  /** Gives back addresses or /28 blocks. */
  release(ranges: readonly string[]): void;
  /** Free addresses outside every reservation: what DescribeSubnets calls available. */
  available(): number;
  /** Undefined when done, else what is wrong. */
  reserve(cidr: string, type: ReservationType): string | undefined;
  unreserve(cidr: string): void;
}

const prefixSize = 16;

export function createSubnetSpace(cidr: string, random: Random): SubnetSpace {
  const subnet = parseBlock(cidr);
  const used = new Uint8Array(subnet.size);
  const usedInBlock = new Uint8Array(Math.ceil(subnet.size / prefixSize));
  const reservedFor: (ReservationType | undefined)[] = Array<undefined>(subnet.size).fill(undefined);
  const reservations = new Set<string>();
  let available = 0;

  const mark = (offset: number, value: 0 | 1): void => {
    if (used[offset] === value)
      throw new Error(`address ${formatAddress(subnet.base + offset)} of ${cidr} is already so`);
    used[offset] = value;
    const block = Math.floor(offset / prefixSize);
    usedInBlock[block] = (usedInBlock[block] ?? 0) + (value ? 1 : -1);
    if (!reservedFor[offset]) available += value ? -1 : 1;
  };
  const markRange = (range: string, value: 0 | 1): void => {
    const { base, size } = parseBlock(range.includes('/') ? range : `${range}/32`);
    for (let index = 0; index < size; index++) mark(base - subnet.base + index, value);
  };
  const setReservation = (range: string, type: ReservationType | undefined): void => {
    const { base, size } = parseBlock(range);
    const start = base - subnet.base;
    for (let offset = start; offset < start + size; offset++) {
      if (!used[offset]) available += Number(!type) - Number(!reservedFor[offset]);
      reservedFor[offset] = type;
    }
  };
  /** The first index that fits, walking the ring from a place the seed decides. */
  const search = (length: number, fits: (index: number) => boolean): number | undefined => {
    const start = random.int(0, length - 1);
    for (let step = 0; step < length; step++) {
      const index = (start + step) % length;
      if (fits(index)) return index;
    }
    return undefined;
  };
  const blockIs = (block: number, type: ReservationType | undefined): boolean => {
    if (usedInBlock[block] !== 0) return false;
    const start = block * prefixSize;
    return reservedFor.slice(start, start + prefixSize).every((reserved) => reserved === type);
  };

  available = subnet.size;
  for (const offset of [0, 1, 2, 3, subnet.size - 1]) mark(offset, 1);

  return {
    takeAny() {
      if (available === 0) return undefined;
      const offset = search(subnet.size, (index) => used[index] === 0 && !reservedFor[index]);
      if (offset === undefined) return undefined;
      mark(offset, 1);
      return formatAddress(subnet.base + offset);
    },
    take(address) {
      const offset = parseAddress(address) - subnet.base;
      if (used[offset] !== 0) return false;
      mark(offset, 1);
      return true;
    },
    takePrefix() {
      const blocks = usedInBlock.length;
      const block =
        (reservations.size > 0 ? search(blocks, (index) => blockIs(index, 'prefix')) : undefined) ??
        search(blocks, (index) => blockIs(index, undefined));
      if (block === undefined) return undefined;
      const prefix = `${formatAddress(subnet.base + block * prefixSize)}/28`;
      markRange(prefix, 1);
      return prefix;
    },
    release(ranges) {
      for (const range of ranges) markRange(range, 0);
    },
    available: () => available,
    reserve(range, type) {
      let block: ReturnType<typeof parseBlock>;
      try {
        block = parseBlock(range);
      } catch {
        return `The CIDR '${range}' is invalid.`;
      }
      if (!contains(subnet, block)) return `The CIDR '${range}' is not within the CIDR block of the subnet.`;
      if ([...reservations].some((other) => overlaps(parseBlock(other), block))) {
        return `Reservation CIDR ${range} has overlap with existing reserved CIDR block`;
      }
      reservations.add(range);
      setReservation(range, type);
      return undefined;
    },
    unreserve(range) {
      reservations.delete(range);
      setReservation(range, undefined);
    },
  };
}
