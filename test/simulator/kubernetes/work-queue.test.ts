import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVirtualClock } from '../../../src/simulator/clock.ts';
import { createWorkQueue, type Outcome } from '../../../src/simulator/kubernetes/work-queue.ts';

/** Looks that come to the given outcomes, then to none; when they happened, in milliseconds. */
function queueOf(...outcomes: Outcome[]) {
  const clock = createVirtualClock(0);
  const looks: number[] = [];
  const queue = createWorkQueue(clock, 1, () => {
    looks.push(clock.now());
    return outcomes.shift();
  });
  return { clock, looks, queue };
}

test('what failed is looked at again, each time after twice the pause', () => {
  const { clock, looks, queue } = queueOf('retry', 'retry', 'retry');
  queue.add('a');
  clock.advance(1_000);
  assert.deepEqual(looks, [1, 1 + 5 + 1, 7 + 10 + 1, 18 + 20 + 1]);
  assert.equal(clock.pending(), 0);
});

test('a success in between ends the pauses, and a failure right after it begins anew', () => {
  const { clock, looks, queue } = queueOf('retry', undefined, 'retry');
  queue.add('a');
  clock.advance(2);
  queue.add('a');
  clock.advance(1);
  queue.add('a');
  clock.advance(1_000);
  assert.deepEqual(looks, [1, 3, 4, 10]);
  assert.equal(clock.pending(), 0);
});

test('added again while a retry is planned, a key is looked at once more, and the sooner retry stays', () => {
  const { clock, looks, queue } = queueOf('retry', 'retry');
  queue.add('a');
  clock.advance(2);
  queue.add('a');
  clock.advance(1_000);
  assert.deepEqual(looks, [1, 3, 7]);
});
