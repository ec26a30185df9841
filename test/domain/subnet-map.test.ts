import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { NetworkInterface, Subnet } from '../../src/domain/snapshot.ts';
import { mapSubnet, mapSubnetWithout } from '../../src/domain/subnet-map.ts';
import { anInterface, aSubnet } from '../support/snapshot.ts';

describe('an empty subnet', () => {
  const rows: [string, number, number][] = [
    ['10.0.0.0/28', 11, 0],
    ['10.0.0.0/27', 27, 0],
    ['10.0.0.0/26', 59, 2],
    ['10.0.0.0/25', 123, 6],
    ['10.0.0.0/24', 251, 14],
    ['10.0.0.0/23', 507, 30],
    ['10.0.0.0/22', 1019, 62],
    ['10.0.0.0/21', 2043, 126],
    ['10.0.0.0/20', 4091, 254],
    ['10.0.0.0/19', 8187, 510],
    ['10.0.0.0/18', 16379, 1022],
    ['10.0.0.0/17', 32763, 2046],
    ['10.0.0.0/16', 65531, 4094],
    // ranges of a secondary CIDR block, and beyond 2^31
    ['100.64.0.0/19', 8187, 510],
    ['192.168.255.0/24', 251, 14],
  ];
  for (const [cidr, freeAddresses, freePrefixes] of rows) {
    test(`${cidr}: ${freePrefixes} blocks`, () => {
      const map = mapSubnet(aSubnet({ cidr }), []);
      assert.deepEqual(
        [map.freeAddresses, map.freePrefixes, map.expectedAvailableCount],
        [freeAddresses, freePrefixes, freeAddresses],
      );
    });
  }
});

test('one address in every block leaves no prefix, though most addresses are free', () => {
  const addresses = Array.from({ length: 16 }, (_, block) => `10.0.1.${block * 16 + 7}`);
  const map = mapSubnet(aSubnet(), [anInterface({ addresses })]);
  assert.deepEqual([map.freePrefixes, map.freeAddresses], [0, 235]);
});

test('blocks are drawn with their state', () => {
  const subnet = aSubnet({
    cidr: '10.0.1.0/25',
    reservations: [
      { id: 'scr-1', cidr: '10.0.1.64/27', type: 'prefix' },
      { id: 'scr-2', cidr: '10.0.1.48/30', type: 'explicit' },
    ],
  });
  const map = mapSubnet(subnet, [
    anInterface({ addresses: ['10.0.1.20', '10.0.1.21'], prefixes: ['10.0.1.32/28'] }),
    anInterface({ subnetId: 'subnet-other', addresses: ['10.0.1.100'] }),
  ]);
  assert.deepEqual(
    map.blocks.map(({ cidr, state, usedAddresses, reservation }) => [cidr, state, usedAddresses, reservation]),
    [
      ['10.0.1.0/28', 'aws', 0, null],
      ['10.0.1.16/28', 'used', 2, null],
      ['10.0.1.32/28', 'prefix', 16, null],
      ['10.0.1.48/28', 'free', 0, 'explicit'],
      ['10.0.1.64/28', 'free', 0, 'prefix'],
      ['10.0.1.80/28', 'free', 0, 'prefix'],
      ['10.0.1.96/28', 'free', 0, null],
      ['10.0.1.112/28', 'aws', 0, null],
    ],
  );
  assert.deepEqual(
    [map.freePrefixes, map.reservedFreePrefixes, map.freeAddresses, map.expectedAvailableCount],
    [3, 2, 123 - 18, 123 - 18 - 36],
  );
});

test('blocks of nodes that leave are free again', () => {
  const interfaces = [
    anInterface({ instanceId: 'i-old', addresses: ['10.0.1.20'], prefixes: ['10.0.1.32/28'] }),
    anInterface({ instanceId: null, addresses: ['10.0.1.50'] }),
  ];
  assert.equal(mapSubnet(aSubnet(), interfaces).freePrefixes, 11);
  assert.equal(mapSubnetWithout(aSubnet(), interfaces, new Set(['i-old'])).freePrefixes, 13);
});

test('a subnet without IPv4 has no blocks, and strange data does no harm', () => {
  assert.equal(mapSubnet(aSubnet({ cidr: '' }), [anInterface()]).freePrefixes, 0);
  const strange = anInterface({ addresses: ['10.9.9.9', 'fe80::1', ''], prefixes: ['10.9.9.0/28', '2001:db8::/80'] });
  assert.equal(mapSubnet(aSubnet(), [strange]).freePrefixes, 14);
});

test('prefixes on the edges, in reservations, and reservations that cover a part of a block', () => {
  const subnet = aSubnet({
    cidr: '10.0.1.0/25',
    reservations: [
      { id: 'scr-1', cidr: '10.0.1.96/27', type: 'prefix' },
      { id: 'scr-2', cidr: '10.0.1.32/29', type: 'prefix' },
      { id: 'scr-3', cidr: '10.0.1.64/32', type: 'explicit' },
      { id: 'scr-4', cidr: '10.9.0.0/24', type: 'explicit' },
    ],
  });
  const map = mapSubnet(subnet, [anInterface({ addresses: [], prefixes: ['10.0.1.0/28', '10.0.1.112/28'] })]);
  assert.deepEqual(
    map.blocks.map(({ state, usedAddresses, reservation }) => [state, usedAddresses, reservation]),
    [
      // EC2 hands out neither, but what it says counts
      ['prefix', 16, null],
      ['free', 0, null],
      ['free', 0, null],
      ['free', 0, null],
      ['free', 0, 'explicit'],
      ['free', 0, null],
      ['free', 0, 'prefix'],
      ['prefix', 16, 'prefix'],
    ],
  );
  assert.deepEqual([map.freePrefixes, map.reservedFreePrefixes], [5, 1]);
  // 6 blocks; less 8 and 1 in reservations of a part of a block, and 16 in a whole one
  assert.deepEqual([map.freeAddresses, map.expectedAvailableCount], [96, 96 - 8 - 1 - 16]);
});

interface World {
  bits: number;
  singles: number[];
  prefixes: number[];
  reservations: { block: number; size: number; type: 'prefix' | 'explicit' }[];
}

/** A subnet at 172.31.0.0 of any size up to /20 with anything in it. Offsets are shares, so that all sizes are met. */
const anyWorld = fc.integer({ min: 20, max: 28 }).chain((bits) => {
  const size = 2 ** (32 - bits);
  return fc.record<World>({
    bits: fc.constant(bits),
    singles: fc.array(fc.integer({ min: 0, max: size - 1 }), { maxLength: 40 }),
    prefixes: fc.array(fc.integer({ min: 0, max: size / 16 - 1 }), { maxLength: 6 }),
    reservations: fc.array(
      fc.record({
        block: fc.integer({ min: 0, max: size / 16 - 1 }),
        size: fc.constantFrom(1, 8, 16, 64),
        type: fc.constantFrom('prefix', 'explicit'),
      }),
      { maxLength: 4 },
    ),
  });
});

const text = (offset: number): string => `172.31.${Math.floor(offset / 256)}.${offset % 256}`;

const range = (first: number, length: number) => Array.from({ length }, (_, index) => first + index);

/** The same numbers, counted address by address with sets. */
function counted({ bits, singles, prefixes, reservations }: World) {
  const size = 2 ** (32 - bits);
  const used = new Set([...singles, ...prefixes.flatMap((block) => range(block * 16, 16))]);
  const kept = new Set([0, 1, 2, 3, size - 1]);
  const reserved = reservations.map((one) => ({ ...one, addresses: range(startOf(one), one.size) }));
  const inside = new Set(reserved.flatMap(({ addresses }) => addresses));
  const free = range(0, size).filter((address) => !used.has(address) && !kept.has(address));
  const blocks = range(0, size / 16).filter((block) => {
    const addresses = range(block * 16, 16);
    if (addresses.some((address) => used.has(address) || kept.has(address))) return false;
    return !reserved.some(
      (one) => one.type === 'explicit' && addresses.some((address) => one.addresses.includes(address)),
    );
  });
  const wholly = blocks.filter((block) =>
    reserved.some(
      (one) => one.type === 'prefix' && range(block * 16, 16).every((address) => one.addresses.includes(address)),
    ),
  );
  return {
    freeAddresses: free.length,
    freePrefixes: blocks.length,
    reservedFreePrefixes: wholly.length,
    expectedAvailableCount: free.filter((address) => !inside.has(address)).length,
  };
}

/** Aligned to its own size, as AWS demands. */
const startOf = ({ block, size }: { block: number; size: number }): number => Math.floor((block * 16) / size) * size;

test('the map counts what a count address by address counts, whatever is in the subnet', () => {
  fc.assert(
    fc.property(anyWorld, (world) => {
      const { bits, singles, prefixes, reservations } = world;
      const subnet: Subnet = aSubnet({
        cidr: `172.31.0.0/${bits}`,
        reservations: reservations.map((one, index) => ({
          id: `scr-${index}`,
          cidr: `${text(startOf(one))}/${32 - Math.log2(one.size)}`,
          type: one.type,
        })),
      });
      const interfaces: NetworkInterface[] = [
        anInterface({ addresses: singles.map(text) }),
        anInterface({ addresses: [], prefixes: prefixes.map((block) => `${text(block * 16)}/28`) }),
      ];
      const { blocks, ...numbers } = mapSubnet(subnet, interfaces);
      assert.deepEqual(numbers, counted(world));
      assert.equal(blocks.length, 2 ** (28 - bits));
    }),
    { numRuns: 300 },
  );
});

test('a block with an address in use is never counted as free', () => {
  const addresses = fc.uniqueArray(fc.integer({ min: 4, max: 254 }), { maxLength: 60 });
  fc.assert(
    fc.property(addresses, (used) => {
      const map = mapSubnet(aSubnet(), [anInterface({ addresses: used.map((last) => `10.0.1.${last}`) })]);
      const touched = new Set([0, 15, ...used.map((last) => Math.floor(last / 16))]);
      assert.equal(map.freePrefixes, 16 - touched.size);
      assert.equal(map.freeAddresses, 251 - used.length);
      assert.ok(map.freePrefixes * 16 <= map.freeAddresses);
    }),
  );
});
