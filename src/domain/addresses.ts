/** IPv4 addresses are numbers from 0 to 2^32 - 1. */
export interface Cidr {
  first: number;
  /** number of addresses, a power of two */
  size: number;
}

/** Null when the text is no dotted IPv4 address. */
export function parseIpv4(text: string): number | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) <= 255)) return null;
  return parts.reduce((address, part) => address * 256 + Number(part), 0);
}

export const formatIpv4 = (address: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');

/** Null when the text is no IPv4 CIDR. Host bits are cleared: `10.0.0.5/24` is `10.0.0.0/24`. */
export function parseCidr(text: string): Cidr | null {
  const [address, bits, ...rest] = text.split('/');
  const first = parseIpv4(address ?? '');
  if (first === null || rest.length > 0 || !/^\d{1,2}$/.test(bits ?? '') || Number(bits) > 32) return null;
  const size = 2 ** (32 - Number(bits));
  return { first: first - (first % size), size };
}

export const formatCidr = (cidr: Cidr): string => `${formatIpv4(cidr.first)}/${32 - Math.log2(cidr.size)}`;

export const contains = (cidr: Cidr, address: number): boolean =>
  address >= cidr.first && address < cidr.first + cidr.size;

export const overlaps = (a: Cidr, b: Cidr): boolean => a.first < b.first + b.size && b.first < a.first + a.size;
