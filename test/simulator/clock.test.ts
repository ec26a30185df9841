import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRealClock, createVirtualClock } from '../../src/simulator/clock.ts';

test('a virtual clock stands still until it is advanced', () => {
  const clock = createVirtualClock(1_000);
  let ran = 0;
  clock.after(0, () => {
    ran += 1;
  });
  assert.deepEqual([clock.now(), clock.pending(), ran], [1_000, 1, 0]);
  clock.advance(0);
  assert.deepEqual([clock.now(), clock.pending(), ran], [1_000, 0, 1]);
});

test('advance runs timers in order of time, then of creation, and shows each its own time', () => {
  const clock = createVirtualClock(0);
  const seen: string[] = [];
  const note = (name: string) => () => seen.push(`${name}@${clock.now()}`);
  clock.after(20, note('c'));
  clock.after(10, note('a'));
  clock.after(10, note('b'));
  clock.after(10, () => clock.after(0, note('chained')));
  clock.after(31, note('late'));
  clock.advance(30);
  assert.deepEqual(seen, ['a@10', 'b@10', 'chained@10', 'c@20']);
  assert.equal(clock.now(), 30);
});

test('runNext jumps to one timer and says when there is none', () => {
  const clock = createVirtualClock(0);
  const seen: number[] = [];
  clock.after(3_600_000, () => seen.push(clock.now()));
  clock.after(5, () => seen.push(clock.now()));
  assert.equal(clock.runNext(), true);
  assert.deepEqual(seen, [5]);
  assert.equal(clock.runNext(), true);
  assert.equal(clock.runNext(), false);
  assert.deepEqual(seen, [5, 3_600_000]);
});

test('a cancelled timer does not run and does not count', () => {
  const clock = createVirtualClock(0);
  const timer = clock.after(1, () => assert.fail('cancelled'));
  timer.cancel();
  timer.cancel();
  assert.equal(clock.pending(), 0);
  assert.equal(clock.runNext(), false);
});

test('any mix of timers and cancellations runs in order', () => {
  const timer = fc.record({ delay: fc.nat(50), cancel: fc.boolean() });
  fc.assert(
    fc.property(fc.array(timer, { maxLength: 300 }), (timers) => {
      const clock = createVirtualClock(0);
      const ran: { delay: number; index: number }[] = [];
      const handles = timers.map(({ delay }, index) => clock.after(delay, () => ran.push({ delay, index })));
      for (const [index, { cancel }] of timers.entries()) if (cancel) handles[index]?.cancel();
      const kept = timers.flatMap(({ delay, cancel }, index) => (cancel ? [] : [{ delay, index }]));
      assert.equal(clock.pending(), kept.length);
      while (clock.runNext());
      assert.deepEqual(
        ran,
        kept.toSorted((a, b) => a.delay - b.delay || a.index - b.index),
      );
    }),
  );
});

test('a started clock runs by itself, many times faster than real time, and stops again', async () => {
  const clock = createRealClock(1_000_000);
  const begin = clock.now();
  const keepAlive = setTimeout(() => undefined, 60_000);
  await new Promise<void>((resolve) => {
    clock.after(10_000, resolve);
  });
  clearTimeout(keepAlive);
  assert.ok(clock.now() >= begin + 10_000);
  clock.stop();
  const stopped = clock.now();
  clock.after(1, () => assert.fail('stopped'));
  assert.equal(clock.now(), stopped);
});

test('a clock that was advanced can be started and keeps its timers', async () => {
  const clock = createVirtualClock(0);
  clock.advance(500);
  const keepAlive = setTimeout(() => undefined, 60_000);
  const ran = new Promise<number>((resolve) => {
    clock.after(1_000, () => resolve(clock.now()));
  });
  clock.start(1_000_000);
  assert.ok((await ran) >= 1_500);
  clearTimeout(keepAlive);
  clock.stop();
  assert.throws(() => clock.start(0), /speed must be positive/);
});

test('a running clock can be stopped, advanced, and set going as it was', async () => {
  const clock = createRealClock(1_000_000);
  const resume = clock.stop();
  const begin = clock.now();
  clock.advance(3_600_000);
  assert.equal(clock.now(), begin + 3_600_000);
  const keepAlive = setTimeout(() => undefined, 60_000);
  const ran = new Promise<number>((resolve) => {
    clock.after(10_000, () => resolve(clock.now()));
  });
  resume();
  assert.ok((await ran) >= begin + 3_610_000);
  clearTimeout(keepAlive);
  clock.stop()();
  clock.stop();
  const virtual = createVirtualClock(0);
  virtual.stop()();
  assert.equal(virtual.now(), 0);
});
