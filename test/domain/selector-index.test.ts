import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { selects } from '../../src/domain/label-selector.ts';
import { indexSelectors, podsBySelector, selectingPod } from '../../src/domain/selector-index.ts';
import type { LabelSelector } from '../../src/domain/snapshot.ts';
import { aPod } from '../support/snapshot.ts';

const key = fc.constantFrom('app', 'tier');
const value = fc.constantFrom('a', 'b');
const labels = fc.dictionary(key, value);
const selector: fc.Arbitrary<LabelSelector | null> = fc.option(
  fc.record(
    {
      matchLabels: labels,
      matchExpressions: fc.array(
        fc.record({
          key,
          operator: fc.constantFrom('In', 'NotIn', 'Exists', 'DoesNotExist'),
          values: fc.array(value, { maxLength: 3 }),
        }),
        { maxLength: 2 },
      ),
    },
    { requiredKeys: [] },
  ),
);
const namespace = fc.constantFrom('x', 'y');

test('the index finds what asking everything would find', () =>
  fc.assert(
    fc.property(
      fc.array(fc.record({ namespace, selector }), { maxLength: 8 }),
      fc.array(fc.record({ namespace, labels }), { maxLength: 8 }),
      (things, found) => {
        const pods = found.map((each, index) => aPod({ name: `p-${index}`, ...each }));
        const index = indexSelectors(things);
        const byThing = podsBySelector(things, pods);
        for (const pod of pods) {
          const asked = things.filter(
            (thing) => thing.namespace === pod.namespace && selects(thing.selector, pod.labels),
          );
          assert.deepEqual(new Set(selectingPod(pod, index)), new Set(asked));
          assert.equal(selectingPod(pod, index).length, asked.length);
          for (const thing of things) assert.equal(byThing.get(thing)?.includes(pod) ?? false, asked.includes(thing));
        }
      },
    ),
  ));
