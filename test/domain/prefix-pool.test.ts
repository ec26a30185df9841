import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { mostPrefixes, type PoolSettings, steadyPrefixes, stepPool } from '../../src/domain/prefix-pool.ts';

const settings = (overrides: Partial<PoolSettings>): PoolSettings => ({
  warmPrefixTarget: 0,
  warmIpTarget: 0,
  minimumIpTarget: 0,
  maxPods: 110,
  slots: 27,
  stopsAtMaxPods: true,
  ...overrides,
});

describe('attached prefixes of a node with maxPods 110', () => {
  const pods = [0, 1, 11, 12, 15, 16, 17, 29, 32, 33, 58, 96, 97, 110];
  // where the pool swings between two numbers, the higher one
  const rows: [string, Partial<PoolSettings>, number[]][] = [
    ['WARM_PREFIX_TARGET=1', { warmPrefixTarget: 1 }, [1, 2, 2, 2, 2, 2, 3, 3, 3, 4, 5, 7, 7, 7]],
    ['WARM_PREFIX_TARGET=2', { warmPrefixTarget: 2 }, [2, 3, 3, 3, 3, 3, 4, 4, 4, 5, 6, 7, 7, 7]],
    ['WARM_IP_TARGET=1', { warmIpTarget: 1 }, [1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 7, 7, 7]],
    ['WARM_IP_TARGET=5', { warmIpTarget: 5 }, [1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 7, 7, 7]],
    ['WARM_IP_TARGET=8', { warmIpTarget: 8 }, [1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 5, 7, 7, 7]],
    [
      'WARM_IP_TARGET=5, MINIMUM_IP_TARGET=2',
      { warmIpTarget: 5, minimumIpTarget: 2 },
      [1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 7, 7, 7],
    ],
    [
      'WARM_IP_TARGET=5, MINIMUM_IP_TARGET=35',
      { warmIpTarget: 5, minimumIpTarget: 35 },
      [3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 4, 7, 7, 7],
    ],
    [
      'WARM_IP_TARGET=7, MINIMUM_IP_TARGET=20',
      { warmIpTarget: 7, minimumIpTarget: 20 },
      [2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 5, 7, 7, 7],
    ],
    ['WARM_IP_TARGET=16', { warmIpTarget: 16 }, [1, 2, 2, 2, 2, 2, 3, 3, 3, 4, 5, 7, 7, 7]],
    [
      'WARM_IP_TARGET=32, MINIMUM_IP_TARGET=64',
      { warmIpTarget: 32, minimumIpTarget: 64 },
      [4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 6, 7, 7, 7],
    ],
    ['nothing set', {}, [1, 1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 7, 7, 7]],
    ['MINIMUM_IP_TARGET=2 alone', { minimumIpTarget: 2 }, pods.map(() => 1)],
    ['MINIMUM_IP_TARGET=50 alone', { minimumIpTarget: 50 }, pods.map(() => 4)],
  ];
  for (const [name, overrides, expected] of rows) {
    test(name, () =>
      assert.deepEqual(
        pods.map((count) => steadyPrefixes(count, settings(overrides))),
        expected,
      ),
    );
  }
});

test('250 pods need 16 prefixes', () => {
  assert.equal(steadyPrefixes(250, settings({ warmPrefixTarget: 1, maxPods: 250, slots: 200 })), 16);
});
test('before VPC CNI 1.17.1 the spare prefix comes on top', () => {
  assert.equal(steadyPrefixes(110, settings({ warmPrefixTarget: 1, stopsAtMaxPods: false })), 8);
});
test('a node never holds more prefixes than its interfaces have slots', () => {
  assert.equal(steadyPrefixes(110, settings({ warmPrefixTarget: 1, slots: 6 })), 6);
});
test('without any target the pool swings', () => {
  assert.deepEqual([stepPool(0, 0, settings({})), stepPool(1, 0, settings({}))], [1, 0]);
});

test('the pool at rest is what the closed formulas say', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 250 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 40 }),
      (pods, warm, ips) => {
        const cap = Math.ceil(250 / 16);
        const large = { maxPods: 250, slots: 200 };
        assert.equal(
          steadyPrefixes(pods, settings({ ...large, warmPrefixTarget: warm })),
          Math.max(Math.ceil(pods / 16), Math.min(Math.ceil(pods / 16) + warm, cap)),
        );
        assert.equal(
          steadyPrefixes(pods, settings({ ...large, warmIpTarget: ips })),
          Math.max(Math.ceil(pods / 16), Math.min(Math.ceil((pods + ips) / 16), cap)),
        );
      },
    ),
  );
});
test('more pods never hold fewer prefixes', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 249 }),
      fc.integer({ min: 0, max: 3 }),
      fc.integer({ min: 0, max: 40 }),
      fc.integer({ min: 0, max: 80 }),
      (pods, warmPrefixTarget, warmIpTarget, minimumIpTarget) => {
        const pool = settings({ warmPrefixTarget, warmIpTarget, minimumIpTarget, maxPods: 250, slots: 200 });
        assert.ok(steadyPrefixes(pods + 1, pool) >= steadyPrefixes(pods, pool));
      },
    ),
  );
});
test('with pods in any prefix and in any number at a time the pool never holds more than mostPrefixes', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 4 }),
      fc.constantFrom([0, 0], [1, 0], [5, 10], [20, 0], [40, 70]),
      fc.constantFrom(20, 58, 110, 250),
      fc.boolean(),
      fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), fc.nat()), { maxLength: 20 }),
      (warmPrefixTarget, [warmIpTarget = 0, minimumIpTarget = 0], maxPods, stopsAtMaxPods, arrivals) => {
        const pool = settings({
          warmPrefixTarget,
          warmIpTarget,
          minimumIpTarget,
          maxPods,
          stopsAtMaxPods,
          slots: 200,
        });
        // pods in each prefix
        let held: number[] = [];
        const keepUp = (): void => {
          for (;;) {
            const total = held.length * 16;
            const available = total - held.reduce((sum, pods) => sum + pods, 0);
            const empty = held.filter((pods) => pods === 0).length;
            const hasIpTargets = warmIpTarget + minimumIpTarget > 0;
            const short = hasIpTargets
              ? Math.ceil(Math.max(warmIpTarget - available, minimumIpTarget - total, 0) / 16)
              : Math.max(1, warmPrefixTarget - empty);
            const isLow = hasIpTargets ? short > 0 : available < 16 * warmPrefixTarget || available === 0;
            if (!isLow || (stopsAtMaxPods && total >= maxPods)) return;
            held = [...held, ...Array<number>(short).fill(0)];
          }
        };
        keepUp();
        let running = 0;
        for (const [count, place] of arrivals) {
          for (let pod = 0; pod < count && running < maxPods; pod += 1) {
            const open = held.flatMap((pods, index) => (pods < 16 ? [index] : []));
            const chosen = open[(place + pod * 7) % open.length];
            if (chosen === undefined) break;
            held[chosen] = (held[chosen] ?? 0) + 1;
            running += 1;
          }
          keepUp();
          assert.ok(held.length <= mostPrefixes(running, pool), `${held.join(' ')}: ${mostPrefixes(running, pool)}`);
        }
      },
    ),
  );
});
test('two spare prefixes or more than 16 spare addresses can come on top, nothing else', () => {
  const pool = settings({ warmPrefixTarget: 2 });
  assert.deepEqual(
    [0, 1, 2, 17, 49, 110].map((pods) => [steadyPrefixes(pods, pool), mostPrefixes(pods, pool)]),
    [
      [2, 2],
      [3, 3],
      [3, 4],
      [4, 5],
      [6, 7],
      [7, 8],
    ],
  );
  const many = settings({ warmIpTarget: 32 });
  assert.deepEqual([steadyPrefixes(96, many), mostPrefixes(96, many), mostPrefixes(64, many)], [7, 8, 6]);
  const plain = [{}, { warmPrefixTarget: 1 }, { warmIpTarget: 16 }, { warmIpTarget: 5, warmPrefixTarget: 2 }];
  for (const one of [...plain, { warmIpTarget: 7, minimumIpTarget: 33 }, { minimumIpTarget: 50 }]) {
    for (const pods of [0, 1, 2, 17, 49, 110])
      assert.equal(mostPrefixes(pods, settings(one)), steadyPrefixes(pods, settings(one)));
  }
});
test('numbers that make no sense end in an answer, not in a loop', () => {
  assert.ok(Number.isNaN(steadyPrefixes(5, settings({ warmPrefixTarget: 1, slots: Number.NaN }))));
  assert.equal(steadyPrefixes(5, settings({ warmPrefixTarget: 1, slots: 0 })), 0);
});
