import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { type Packing, type PodClass, pack } from '../../src/planning/packing.ts';

const pods = (name: string, count: number, needs: number[], more: Partial<PodClass> = {}): PodClass => ({
  name,
  count,
  needs,
  zones: null,
  repels: [],
  repelledBy: [],
  ...more,
});

const alone = (token: string): Partial<PodClass> => ({ repels: [token], repelledBy: [token] });
const zones = ['a', 'b', 'c'];

test('table', () => {
  const cases: [string, PodClass[], number[], number][] = [
    ['nothing', [], [10, 10], 0],
    ['slots', [pods('x', 21, [1, 0])], [10, 10], 3],
    ['what is large goes first, and what is small fills up', [pods('s', 4, [1, 3]), pods('l', 4, [1, 7])], [10, 10], 4],
    ['one on each node', [pods('x', 5, [1, 0], alone('x'))], [10, 10], 5],
    [
      'two that keep off each other, and one that does not care',
      [pods('x', 2, [1, 1], { repels: ['x'] }), pods('y', 2, [1, 1], { repelledBy: ['x'] }), pods('z', 4, [1, 1])],
      [4, 4],
      2,
    ],
    ['one zone of three needs two nodes, so that each has two', [pods('x', 2, [1, 9], { zones: ['b'] })], [10, 10], 6],
    [
      'what may go anywhere fills the nodes that a zone needs',
      [pods('x', 1, [1, 9], { zones: ['b'] }), pods('y', 30, [1, 1])],
      [10, 10],
      4,
    ],
    ['bound to all zones is free', [pods('x', 2, [1, 9], { zones })], [10, 10], 2],
    ['of two zones the emptier', [pods('x', 2, [1, 9], { zones: ['a', 'b'] })], [10, 10], 3],
  ];
  for (const [name, classes, room, nodes] of cases) assert.equal(pack(classes, room, zones).nodes.length, nodes, name);
});

test('what no node takes is told, and holds nothing up', () => {
  const { nodes, unplaced } = pack(
    [
      pods('big', 1, [1, 11]),
      pods('port', 1, [1, 1], alone('host port 80/TCP')),
      pods('far', 1, [1, 1], { zones: ['d'] }),
      pods('x', 1, [1, 1]),
    ],
    [10, 10],
    zones,
    ['host port 80/TCP'],
  );
  assert.equal(nodes.length, 1);
  assert.deepEqual(
    unplaced.map(({ name }) => name),
    ['big', 'port', 'far'],
  );
});

/** Fewest nodes that hold these sizes, by trying everything. */
function fewest(sizes: readonly number[], room: number): number {
  let best = sizes.length;
  const visit = (at: number, left: number[]): void => {
    if (left.length >= best) return;
    const size = sizes[at];
    if (size === undefined) {
      best = left.length;
      return;
    }
    for (const [index, free] of left.entries()) if (free >= size) visit(at + 1, left.with(index, free - size));
    visit(at + 1, [...left, room - size]);
  };
  visit(0, []);
  return best;
}

const tokens = fc.subarray(['p', 'q']);
const aClass = fc
  .record({
    count: fc.integer({ min: 1, max: 6 }),
    needs: fc.tuple(fc.constant(1), fc.integer({ min: 0, max: 10 }), fc.integer({ min: 0, max: 20 })),
    zones: fc.option(fc.subarray(zones, { minLength: 1 })),
    repels: tokens,
    repelledBy: tokens,
  })
  .map((one): PodClass => ({ name: 'x', ...one }));
const someClasses = fc
  .array(aClass, { maxLength: 8 })
  .map((classes) => classes.map((one, index) => ({ ...one, name: `c${index}` })));
const room = [8, 10, 20];

/** Counts of nodes in each zone when so many are spread evenly and the zones in this order get one more. */
const spread = (nodes: number, order: readonly string[]): Map<string, number> =>
  new Map(
    order.map((zone, index) => [zone, Math.floor(nodes / order.length) + (index < nodes % order.length ? 1 : 0)]),
  );

function assertHolds(classes: readonly PodClass[], { nodes, unplaced }: Packing): void {
  for (const { pods: placed, zone } of nodes) {
    for (const [at, has] of room.entries()) {
      const taken = placed.reduce((sum, { podClass, count }) => sum + count * (podClass.needs[at] ?? 0), 0);
      assert.ok(taken <= has, `more of resource ${at} than a node has`);
    }
    for (const { podClass, count } of placed) {
      assert.ok(zone === null || (podClass.zones?.includes(zone) ?? true), 'in a zone where it may not be');
      for (const other of placed) {
        const isItself = other.podClass === podClass;
        const clashes = podClass.repels.some((token) => other.podClass.repelledBy.includes(token));
        assert.ok(!clashes || (isItself && count === 1), `${podClass.name} beside ${other.podClass.name}`);
      }
    }
  }
  for (const one of classes) {
    const placed = nodes.reduce(
      (sum, node) => sum + node.pods.reduce((all, { podClass, count }) => all + (podClass === one ? count : 0), 0),
      0,
    );
    assert.equal(placed, unplaced.includes(one) ? 0 : one.count, `${one.name}: all or none`);
  }
}

describe('property', () => {
  test('no node has more than it can, everything has a place, and the nodes lie in zones as a group spreads them', () => {
    fc.assert(
      fc.property(someClasses, fc.shuffledSubarray(zones, { minLength: 3 }), (classes, order) => {
        const packing = pack(classes, room, zones);
        assertHolds(classes, packing);
        // nodes without a zone serve as any, wherever the even spread puts them
        const there = spread(packing.nodes.length, order);
        for (const zone of zones) {
          const bound = packing.nodes.filter((node) => node.zone === zone).length;
          assert.ok(bound <= (there.get(zone) ?? 0), `zone ${zone}`);
        }
        for (const { pods: placed, zone } of packing.nodes)
          if (zone === null)
            for (const { podClass } of placed)
              assert.ok(podClass.zones === null || zones.every((one) => podClass.zones?.includes(one)));
      }),
    );
  });
  test('one resource: within 11/9 of the fewest, and 6/9 more', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 10 }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(sizes, (all) => {
        const classes = all.map((size, index) => pods(`c${index}`, 1, [size]));
        const nodes = pack(classes, [10], ['a']).nodes.length;
        const best = fewest(all, 10);
        assert.ok(nodes >= best);
        assert.ok(nodes <= Math.floor((11 * best + 6) / 9), `${nodes} for ${best}`);
      }),
    );
  });
  test('more pods of the class that comes last never need fewer nodes', () => {
    fc.assert(
      fc.property(someClasses, fc.integer({ min: 0, max: 5 }), fc.integer({ min: 1, max: 5 }), (classes, few, more) => {
        const last = pods('zz', few, [1, 0, 0]);
        const nodes = (count: number) => pack([...classes, { ...last, count }], room, zones).nodes.length;
        assert.ok(nodes(few + more) >= nodes(few));
        assert.ok(nodes(few) >= pack(classes, room, zones).nodes.length);
      }),
    );
  });
  test('a node never has fewer pods than one: every node is there for a pod or for the even spread', () => {
    fc.assert(
      fc.property(someClasses, (classes) => {
        const { nodes, boundToZones } = pack(classes, room, zones);
        const empty = nodes.filter((node) => node.pods.length === 0).length;
        assert.ok(empty <= boundToZones);
      }),
    );
  });
  test('the order of the classes changes nothing', () => {
    fc.assert(
      fc.property(someClasses, (classes) => {
        assert.equal(pack(classes.toReversed(), room, zones).nodes.length, pack(classes, room, zones).nodes.length);
      }),
    );
  });
});
