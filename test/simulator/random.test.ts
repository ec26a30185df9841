import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRandom } from '../../src/simulator/random.ts';

const draws = (seed: number, count = 5): number[] => {
  const random = createRandom(seed);
  return Array.from({ length: count }, () => random.next());
};

test('the seed decides every number', () => {
  assert.deepEqual(draws(42), draws(42));
  assert.notDeepEqual(draws(42), draws(43));
});

test('a fork does not depend on how much was drawn before it', () => {
  const fresh = createRandom(7);
  const used = createRandom(7);
  used.int(0, 9);
  assert.equal(fresh.fork('ipamd').next(), used.fork('ipamd').next());
  assert.notEqual(fresh.fork('ipamd').next(), fresh.fork('scheduler').next());
});

test('int stays within its bounds and reaches both', () => {
  const random = createRandom(1);
  const seen = new Set(Array.from({ length: 200 }, () => random.int(-1, 2)));
  assert.deepEqual(
    [...seen].toSorted((a, b) => a - b),
    [-1, 0, 1, 2],
  );
});

test('next is spread evenly over [0, 1)', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const buckets = [0, 0, 0, 0];
      for (const value of draws(seed, 4_000)) {
        const bucket = Math.floor(value * 4);
        buckets[bucket] = (buckets[bucket] ?? 0) + 1;
      }
      assert.equal(buckets.length, 4);
      for (const count of buckets) assert.ok(count > 850 && count < 1150, `uneven: ${buckets.join()}`);
    }),
    { numRuns: 30 },
  );
});

test('pick refuses an empty list', () => {
  assert.throws(() => createRandom(1).pick([]), /empty list/);
  assert.equal(createRandom(1).pick(['only']), 'only');
});
