import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { createSubnetSpace } from '../../../src/simulator/aws/subnet-space.ts';
import { createRandom } from '../../../src/simulator/random.ts';

const space = (cidr: string, seed = 1): ReturnType<typeof createSubnetSpace> =>
  createSubnetSpace(cidr, createRandom(seed));

function drain(take: () => string | undefined): string[] {
  const taken: string[] = [];
  for (let one = take(); one !== undefined; one = take()) taken.push(one);
  return taken;
}

describe('empty subnets', () => {
  const rows: [number, number, number][] = [
    [28, 11, 0],
    [27, 27, 0],
    [26, 59, 2],
    [25, 123, 6],
    [24, 251, 14],
    [23, 507, 30],
    [22, 1019, 62],
    [21, 2043, 126],
    [20, 4091, 254],
    [19, 8187, 510],
  ];
  for (const [length, addresses, prefixes] of rows) {
    it(`/${length}: ${addresses} addresses or ${prefixes} prefixes`, () => {
      const forPrefixes = space(`10.0.0.0/${length}`);
      assert.equal(forPrefixes.available(), addresses);
      assert.equal(drain(() => forPrefixes.takePrefix()).length, prefixes);
      assert.equal(forPrefixes.available(), addresses - 16 * prefixes);
      const forSingles = space(`10.0.0.0/${length}`);
      assert.equal(new Set(drain(() => forSingles.takeAny())).size, addresses);
    });
  }
});

it('prefixes come from the reservation first, single addresses never', () => {
  const subnet = space('10.0.0.0/24');
  assert.equal(subnet.reserve('10.0.0.64/26', 'prefix'), undefined);
  assert.equal(subnet.available(), 251 - 64);
  const first = Array.from({ length: 4 }, () => subnet.takePrefix() ?? 'none').toSorted((a, b) => a.localeCompare(b));
  assert.deepEqual(first, ['10.0.0.112/28', '10.0.0.64/28', '10.0.0.80/28', '10.0.0.96/28']);
  assert.equal(subnet.available(), 251 - 64);
  assert.ok(!/^10\.0\.0\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\//.test(subnet.takePrefix() ?? ''));
  const singles = drain(() => subnet.takeAny());
  assert.ok(singles.every((address) => Number(address.split('.')[3]) < 64 || Number(address.split('.')[3]) > 127));
});

it('explicit reservations block prefixes', () => {
  const subnet = space('10.0.0.0/26');
  subnet.reserve('10.0.0.16/28', 'explicit');
  assert.deepEqual(
    drain(() => subnet.takePrefix()),
    ['10.0.0.32/28'],
  );
});

it('refuses reservations that overlap, lie outside, or are no blocks', () => {
  const subnet = space('10.0.1.0/24');
  assert.equal(subnet.reserve('10.0.1.0/26', 'prefix'), undefined);
  assert.match(subnet.reserve('10.0.1.0/28', 'prefix') ?? '', /has overlap with existing reserved CIDR block/);
  assert.match(subnet.reserve('10.0.2.0/28', 'prefix') ?? '', /not within/);
  assert.match(subnet.reserve('10.0.1.65/28', 'prefix') ?? '', /invalid/);
  subnet.unreserve('10.0.1.0/26');
  assert.equal(subnet.available(), 251);
});

it('a reservation over used addresses heals when they go', () => {
  const subnet = space('10.0.0.0/26');
  assert.ok(subnet.take('10.0.0.20'));
  subnet.reserve('10.0.0.16/28', 'prefix');
  assert.equal(subnet.takePrefix(), '10.0.0.32/28');
  assert.equal(subnet.takePrefix(), undefined);
  subnet.release(['10.0.0.20']);
  assert.equal(subnet.takePrefix(), '10.0.0.16/28');
});

const size = (range: string): number => (range.includes('/') ? 16 : 1);

it('never gives the same address twice, and counts right, whatever happens', () => {
  const step = fc.record({ kind: fc.constantFrom('any', 'prefix', 'release', 'reserve', 'unreserve'), pick: fc.nat() });
  fc.assert(
    fc.property(fc.nat(), fc.array(step, { maxLength: 60 }), (seed, steps) => {
      const subnet = space('10.0.0.0/25', seed);
      const held: string[] = [];
      const covered = new Set<string>();
      let reserved: boolean = false;
      for (const { kind, pick } of steps) {
        if (kind === 'any' || kind === 'prefix') {
          const range = kind === 'any' ? subnet.takeAny() : subnet.takePrefix();
          if (range === undefined) continue;
          held.push(range);
          const [base = '', last = '0'] = [
            range.split('/')[0]?.replace(/\d+$/, ''),
            range.split('/')[0]?.split('.')[3],
          ];
          for (let index = 0; index < size(range); index++) {
            const address = `${base}${Number(last) + index}`;
            assert.ok(!covered.has(address));
            covered.add(address);
          }
        } else if (kind === 'release' && held.length > 0) {
          const [range = ''] = held.splice(pick % held.length, 1);
          subnet.release([range]);
          const [base = '', last = '0'] = [
            range.split('/')[0]?.replace(/\d+$/, ''),
            range.split('/')[0]?.split('.')[3],
          ];
          for (let index = 0; index < size(range); index++) covered.delete(`${base}${Number(last) + index}`);
        } else if (kind === 'reserve' && !reserved) reserved = subnet.reserve('10.0.0.32/27', 'prefix') === undefined;
        else if (kind === 'unreserve' && reserved) {
          subnet.unreserve('10.0.0.32/27');
          reserved = false;
        }
        const inReservation = Array.from({ length: 32 }, (_, index) => `10.0.0.${32 + index}`);
        const freeReserved: number = reserved ? inReservation.filter((address) => !covered.has(address)).length : 0;
        assert.equal(subnet.available(), 123 - covered.size - freeReserved);
      }
    }),
    { numRuns: 60 },
  );
});

const place = (seed: number): (string | undefined)[] => {
  const subnet = space('10.0.0.0/20', seed);
  return Array.from({ length: 20 }, (_, index) => (index % 2 ? subnet.takePrefix() : subnet.takeAny()));
};

it('the same seed places alike, another one does not', () => {
  assert.deepEqual(place(3), place(3));
  assert.notDeepEqual(place(3), place(4));
});
