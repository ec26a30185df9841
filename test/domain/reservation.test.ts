import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { overlaps, parseCidr } from '../../src/domain/addresses.ts';
import { adviseForPlan, adviseReservation } from '../../src/domain/reservation.ts';
import type { NetworkInterface, Subnet } from '../../src/domain/snapshot.ts';
import { viewSubnet } from '../../src/domain/subnet-owners.ts';
import { createSubnetSpace } from '../../src/simulator/aws/subnet-space.ts';
import { createRandom } from '../../src/simulator/random.ts';
import { anInterface, aSnapshot, aSubnet } from '../support/snapshot.ts';

const looker = { sourceInstances: new Set(['i-old']), accountId: '111122223333' };

/** A subnet whose count of free addresses agrees with its interfaces. */
function counted(subnet: Subnet, interfaces: readonly NetworkInterface[]): Subnet {
  const { expectedAvailableCount } = viewSubnet(subnet, interfaces, looker);
  return { ...subnet, availableIpAddressCount: expectedAvailableCount };
}

function advise(subnet: Subnet, interfaces: readonly NetworkInterface[], prefixes: number, singles: number) {
  const honest = counted(subnet, interfaces);
  return adviseReservation(honest, viewSubnet(honest, interfaces, looker), { prefixes, singles }, 'eu-west-1');
}

describe('in an empty /24', () => {
  const rows: [prefixes: number, singles: number, cidrs: string[] | null, left: number][] = [
    [1, 20, ['10.0.1.16/28'], 235],
    [2, 20, ['10.0.1.32/27'], 219],
    [4, 20, ['10.0.1.64/26'], 187],
    [7, 20, ['10.0.1.0/25'], 127],
    [8, 20, ['10.0.1.0/25', '10.0.1.128/28'], 111],
    // never the whole subnet at once
    [8, 0, ['10.0.1.0/25', '10.0.1.128/28'], 111],
    [12, 20, ['10.0.1.0/25', '10.0.1.128/26', '10.0.1.192/28'], 47],
    // only the 27 addresses in the blocks at the edges are left
    [14, 27, ['10.0.1.64/26', '10.0.1.128/26', '10.0.1.32/27', '10.0.1.192/27', '10.0.1.16/28', '10.0.1.224/28'], 27],
    [14, 28, null, 0],
    [15, 0, null, 0],
  ];
  for (const [prefixes, singles, cidrs, left] of rows) {
    test(`${prefixes} blocks and ${singles} single addresses: ${cidrs?.join(', ') ?? 'none'}`, () => {
      const { now } = advise(aSubnet(), [], prefixes, singles);
      assert.deepEqual(now?.cidrs ?? null, cidrs);
      assert.equal(now?.singlesLeft ?? 0, left);
    });
  }
});

test('the command is complete', () => {
  assert.deepEqual(advise(aSubnet(), [], 2, 0).now?.commands, [
    'aws ec2 create-subnet-cidr-reservation --region eu-west-1 --subnet-id subnet-0aa1 --reservation-type prefix --cidr 10.0.1.32/27',
  ]);
});

const ofBalancer = (address: string) =>
  anInterface({ instanceId: null, description: 'ELB app/a/1', addresses: [address] });
const ofOldNode = (address: string) => anInterface({ instanceId: 'i-old', addresses: [address] });

describe('of equal ranges', () => {
  test('one that old nodes spoil is taken before one that a load balancer spoils', () => {
    const interfaces = [
      ofBalancer('10.0.1.66'),
      ofOldNode('10.0.1.130'),
      ofBalancer('10.0.1.196'),
      ofBalancer('10.0.1.20'),
    ];
    assert.deepEqual(advise(aSubnet(), interfaces, 3, 0).now?.cidrs, ['10.0.1.128/26']);
  });

  test('one in the middle is taken before one at the edge, where single addresses have their place', () => {
    const interfaces = [ofBalancer('10.0.1.66'), ofBalancer('10.0.1.130')];
    assert.deepEqual(advise(aSubnet(), interfaces, 3, 0).now?.cidrs, ['10.0.1.64/26']);
  });

  test('the one with more free blocks is taken', () => {
    assert.deepEqual(advise(aSubnet(), [ofBalancer('10.0.1.66')], 3, 0).now?.cidrs, ['10.0.1.128/26']);
  });
});

test('blocks that only old nodes spoil are reserved before they go', () => {
  const old = anInterface({
    instanceId: 'i-old',
    addresses: Array.from({ length: 14 }, (_, block) => `10.0.1.${16 + block * 16}`),
  });
  const advice = advise(aSubnet(), [old], 5, 20);
  assert.equal(advice.now, null);
  assert.equal(advice.reason, '0 blocks are free, 5 are needed.');
  assert.deepEqual(advice.after?.cidrs, ['10.0.1.0/25']);
  assert.deepEqual([advice.after?.freePrefixes, advice.after?.freePrefixesAfter], [0, 7]);
  assert.equal(advice.newSubnet, '/25');
});

test('where nothing helps, the size of a new subnet is named', () => {
  const rows: [prefixes: number, singles: number, size: string | null][] = [
    [15, 10, '/23'],
    [30, 27, '/23'],
    [30, 28, '/22'],
    [4094, 20, '/16'],
    [4095, 20, null],
  ];
  for (const [prefixes, singles, size] of rows) {
    assert.equal(advise(aSubnet(), [], prefixes, singles).newSubnet, size, `${prefixes} and ${singles}`);
  }
});

test('reserved blocks count towards the demand', () => {
  const subnet = aSubnet({ reservations: [{ id: 'scr-1', cidr: '10.0.1.64/26', type: 'prefix' }] });
  const enough = advise(subnet, [], 4, 20);
  assert.deepEqual([enough.now, enough.after, enough.reason], [null, null, '4 reserved blocks are free already.']);
  assert.deepEqual(advise(subnet, [], 6, 20).now?.cidrs, ['10.0.1.32/27']);
});

test('a reservation that old nodes still spoil is named when it will do', () => {
  const subnet = aSubnet({ reservations: [{ id: 'scr-1', cidr: '10.0.1.64/26', type: 'prefix' }] });
  const old = Array.from({ length: 14 }, (_, block) => `10.0.1.${20 + block * 16}`);
  const advice = advise(subnet, [anInterface({ instanceId: 'i-old', addresses: old })], 4, 0);
  assert.deepEqual([advice.now, advice.after, advice.newSubnet], [null, null, null]);
  assert.match(
    advice.reason ?? '',
    /^0 blocks are free, 4 are needed\. The reservations that are there hold them when/,
  );
});

test('a subnet without IPv4, or of one block, has nothing to reserve', () => {
  for (const cidr of ['', '10.0.1.0/28']) assert.equal(advise(aSubnet({ cidr }), [], 1, 0).now, null);
});

/** An address of 10.0.0.0/16. */
const text = (offset: number): string => `10.0.${Math.floor(offset / 256)}.${offset % 256}`;

const anySubnet = fc
  .record({
    bits: fc.integer({ min: 22, max: 28 }),
    reservations: fc.array(
      fc.record({
        at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        size: fc.integer({ min: 26, max: 30 }),
        type: fc.constantFrom('prefix' as const, 'explicit' as const),
      }),
      { maxLength: 3 },
    ),
    used: fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { maxLength: 40 }),
    old: fc.integer({ min: 0, max: 40 }),
  })
  .map(({ bits, reservations, used, old }) => {
    const size = 2 ** (32 - bits);
    const first = 10 * 2 ** 24;
    const taken: { first: number; size: number }[] = [];
    const made = reservations.flatMap((wanted, index) => {
      // EC2 reserves no less than a /28 for prefixes
      const length = 2 ** (32 - (wanted.type === 'prefix' ? Math.min(28, wanted.size) : wanted.size));
      if (length > size) return [];
      const offset = Math.floor((wanted.at * size) / length) * length;
      const range = { first: first + offset, size: length };
      if (taken.some((other) => overlaps(other, range))) return [];
      taken.push(range);
      return [{ id: `scr-${index}`, cidr: `${text(offset)}/${32 - Math.log2(length)}`, type: wanted.type }];
    });
    const offsets = [...new Set(used.map((at) => 4 + Math.floor(at * (size - 5))))].map(text);
    const subnet = aSubnet({ cidr: `10.0.0.0/${bits}`, reservations: made });
    const interfaces = [
      anInterface({ instanceId: 'i-old', addresses: offsets.slice(0, old) }),
      anInterface({ instanceId: null, description: 'ELB app/a/1', addresses: offsets.slice(old) }),
    ];
    return { subnet: counted(subnet, interfaces), interfaces };
  });

test('a reservation is aligned, inside the subnet, overlaps nothing and holds what it claims', () => {
  let reserved = 0;
  fc.assert(
    fc.property(
      anySubnet,
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 0, max: 60 }),
      ({ subnet, interfaces }, prefixes, singles) => {
        const view = viewSubnet(subnet, interfaces, looker);
        const advice = adviseReservation(subnet, view, { prefixes, singles }, 'eu-west-1');
        assert.ok(advice.now === null || advice.after === null);
        for (const when of ['now', 'after'] as const) {
          const reservation = advice[when];
          if (reservation === null) continue;
          reserved += 1;
          const range = parseCidr(subnet.cidr) ?? assert.fail();
          const others = subnet.reservations.map(({ cidr }) => parseCidr(cidr) ?? assert.fail());
          const own = reservation.cidrs.map((cidr) => parseCidr(cidr) ?? assert.fail());
          for (const [index, one] of own.entries()) {
            assert.equal(reservation.cidrs[index]?.split('/')[0], formatted(one.first), 'aligned');
            assert.ok(one.size >= 16 && one.size <= range.size / 2);
            assert.ok(one.first >= range.first && one.first + one.size <= range.first + range.size, 'inside');
            for (const other of [...others, ...own.slice(index + 1)]) assert.ok(!overlaps(one, other), 'overlap');
          }
          // counted again from the addresses themselves
          const gone = when === 'after' ? interfaces.slice(1) : interfaces;
          const free = freeBlocks(subnet, gone);
          const held = free.filter((block) => own.some((one) => one.first <= block && block < one.first + one.size));
          assert.equal(when === 'now' ? reservation.freePrefixes : reservation.freePrefixesAfter, held.length);
          const before = others.filter((_, index) => subnet.reservations[index]?.type === 'prefix');
          const already = free.filter((block) =>
            before.some((one) => one.first <= block && block < one.first + one.size),
          );
          assert.ok(held.length + already.length >= prefixes, 'holds the demand');
          assert.ok(reservation.singlesLeft >= singles, 'leaves the single addresses');
          const after = { ...subnet, reservations: [...subnet.reservations, ...asReservations(reservation.cidrs)] };
          assert.equal(viewSubnet(after, interfaces, looker).expectedAvailableCount, reservation.singlesLeft);
        }
      },
    ),
    { numRuns: 500 },
  );
  assert.ok(reserved > 50, `${reserved} reservations were looked at`);
});

test('nothing is proposed at once only when nothing is possible at once', () => {
  fc.assert(
    fc.property(
      anySubnet,
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 0, max: 60 }),
      ({ subnet, interfaces }, prefixes, singles) => {
        const view = viewSubnet(subnet, interfaces, looker);
        const advice = adviseReservation(subnet, view, { prefixes, singles }, 'eu-west-1');
        const missing = prefixes - view.reservedFreePrefixes;
        // reserving exactly the missing blocks one by one takes 16 addresses each
        const possible =
          view.freePrefixes >= prefixes &&
          missing > 0 &&
          view.blocks.length > 1 &&
          subnet.availableIpAddressCount - 16 * missing >= singles;
        assert.equal(advice.now !== null, possible);
      },
    ),
    { numRuns: 500 },
  );
});

test('the embedded world accepts the reservation and gives every prefix from it', () => {
  let given = 0;
  fc.assert(
    fc.property(
      anySubnet,
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 0, max: 1000 }),
      ({ subnet, interfaces }, prefixes, seed) => {
        const world = createSubnetSpace(subnet.cidr, createRandom(seed));
        for (const { cidr, type } of subnet.reservations) assert.equal(world.reserve(cidr, type), undefined);
        for (const { addresses } of interfaces) for (const address of addresses) assert.ok(world.take(address));
        assert.equal(world.available(), subnet.availableIpAddressCount);
        const view = viewSubnet(subnet, interfaces, looker);
        const { now, after } = adviseReservation(subnet, view, { prefixes, singles: 5 }, 'eu-west-1');
        const reservation = now ?? after;
        if (reservation === null) return;
        for (const cidr of reservation.cidrs) assert.equal(world.reserve(cidr, 'prefix'), undefined);
        assert.equal(world.available(), reservation.singlesLeft);
        if (after !== null) world.release(interfaces[0]?.addresses ?? []);
        const reserved = [...subnet.reservations, ...asReservations(reservation.cidrs)]
          .filter(({ type }) => type === 'prefix')
          .map(({ cidr }) => parseCidr(cidr) ?? assert.fail());
        for (let taken = 0; taken < prefixes; taken += 1) {
          const prefix = parseCidr(world.takePrefix() ?? assert.fail('no prefix')) ?? assert.fail();
          assert.ok(reserved.some((range) => overlaps(range, prefix)));
          given += 1;
        }
      },
    ),
    { numRuns: 300 },
  );
  assert.ok(given > 100, `${given} prefixes were given`);
});

const formatted = (address: number): string =>
  [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');

const asReservations = (cidrs: readonly string[]): Subnet['reservations'] =>
  cidrs.map((cidr) => ({ id: `new-${cidr}`, cidr, type: 'prefix' }));

/** First addresses of the free blocks, without the code under test. */
function freeBlocks(subnet: Subnet, interfaces: readonly NetworkInterface[]): number[] {
  const range = parseCidr(subnet.cidr) ?? assert.fail();
  const used = new Set(interfaces.flatMap(({ addresses }) => addresses));
  const explicit = subnet.reservations.filter(({ type }) => type === 'explicit');
  const found: number[] = [];
  for (let first = range.first + 16; first < range.first + range.size - 16; first += 16) {
    const addresses = Array.from({ length: 16 }, (_, index) => formatted(first + index));
    const named = explicit.some(({ cidr }) => overlaps(parseCidr(cidr) ?? assert.fail(), { first, size: 16 }));
    if (!named && addresses.every((address) => !used.has(address))) found.push(first);
  }
  return found;
}

test('the advice for a plan counts the old interfaces and what a load balancer needs', () => {
  const snapshot = aSnapshot();
  const found = adviseForPlan(snapshot, { subnetId: 'subnet-0aa1', peakDemand: 3 }, ['apps']);
  const old = new Set(
    snapshot.nodes.filter(({ nodegroupName }) => nodegroupName === 'apps').map(({ instanceId }) => instanceId),
  );
  const interfaces = snapshot.networkInterfaces.filter(
    ({ instanceId, subnetId }) => old.has(instanceId) && subnetId === 'subnet-0aa1',
  );
  assert.ok(interfaces.length > 0);
  assert.deepEqual(found?.advice.demand, { prefixes: 3, singles: interfaces.length + 8 });
  assert.equal(adviseForPlan(snapshot, { subnetId: 'subnet-none', peakDemand: 3 }, ['apps']), null);
});
