import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
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
    ['10.0.0.0/20', 4091, 254],
    ['10.0.0.0/16', 65531, 4094],
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
