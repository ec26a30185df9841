import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { nodeOrder } from '../../src/drain/order.ts';

const loads = (groups: Record<string, number>[]): Map<string, number>[] =>
  groups.map((group) => new Map(Object.entries(group)));

/** Sum of the times at which the nodes are done, and when the last one is. */
function finish(order: readonly string[], groups: readonly Map<string, number>[]): { sum: number; last: number } {
  const ends = new Map(order.map((name) => [name, 0]));
  for (const group of groups) {
    let at = 0;
    for (const name of order.filter((each) => group.has(each))) {
      at += group.get(name) ?? 0;
      ends.set(name, Math.max(ends.get(name) ?? 0, at));
    }
  }
  const times = [...ends.values()];
  return { sum: times.reduce((sum, time) => sum + time, 0), last: Math.max(...times) };
}

test('the order of nodes', () => {
  const cases: [what: string, names: string[], groups: Record<string, number>[], expected: string[]][] = [
    ['one group: the least work first', ['a', 'b', 'c'], [{ a: 3, b: 1, c: 2 }], ['b', 'c', 'a']],
    ['nothing to do comes first', ['a', 'b'], [{ a: 1 }], ['b', 'a']],
    [
      'the longest group decides',
      ['a', 'b'],
      [
        { a: 5, b: 10 },
        { a: 3, b: 1 },
      ],
      ['a', 'b'],
    ],
    ['no group', ['a', 'b'], [], ['a', 'b']],
  ];
  for (const [what, names, groups, expected] of cases)
    assert.deepEqual(nodeOrder(names, loads(groups)), expected, what);
});

test('it is at most twice the best of all orders, and has each node once', () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const orders = permutations(names);
  const group = fc.dictionary(fc.constantFrom(...names), fc.integer({ min: 1, max: 20 }));
  fc.assert(
    fc.property(fc.array(group, { maxLength: 6 }), (groups) => {
      const given = loads(groups);
      const order = nodeOrder(names, given);
      assert.deepEqual(order.toSorted(), names);
      const best = Math.min(...orders.map((each) => finish(each, given).sum));
      const ours = finish(order, given);
      assert.ok(ours.sum <= 2 * best, `${ours.sum} against ${best}`);
      assert.equal(ours.last, finish(names, given).last, 'the end is the same in any order');
    }),
    { numRuns: 200 },
  );
});

function permutations(items: readonly string[]): string[][] {
  if (items.length === 0) return [[]];
  return items.flatMap((item) => permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]));
}
