/** IPv4 arithmetic: addresses as unsigned 32-bit numbers, blocks as base and size. */
export interface Block {
  base: number;
  size: number;
}

export function parseAddress(text: string): number {
  const parts = text.split('.').map(Number);
  if (parts.length !== 4 || parts.some((part) => !Number.isInteger(part) || part < 0 || part > 255)) {
    throw new RangeError(`not an IPv4 address: ${text}`);
  }
  return parts.reduce((value, part) => value * 256 + part, 0);
}

export function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join('.');
}

/** Throws a RangeError when the base is not on a boundary of its size. */
export function parseBlock(cidr: string): Block {
  const [address = '', length = ''] = cidr.split('/');
  const bits = Number(length);
  if (!/^\d+$/.test(length) || bits > 32) throw new RangeError(`not a CIDR block: ${cidr}`);
  const block = { base: parseAddress(address), size: 2 ** (32 - bits) };
  if (block.base % block.size !== 0) throw new RangeError(`not on its boundary: ${cidr}`);
  return block;
}

export function contains(outer: Block, inner: Block): boolean {
  return inner.base >= outer.base && inner.base + inner.size <= outer.base + outer.size;
}

export function overlaps(a: Block, b: Block): boolean {
  return a.base < b.base + b.size && b.base < a.base + a.size;
}
