import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { createVirtualClock } from '../../src/simulator/clock.ts';
import { drive } from '../../src/simulator/virtual-time.ts';

const immediate = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function world() {
  const clock = createVirtualClock(0);
  const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, resolve));
  return { clock, sleep };
}

test('hours of sleeping take no time, and the result comes back', async () => {
  const { clock, sleep } = world();
  const work = async (): Promise<number> => {
    for (let hour = 0; hour < 5; hour++) await sleep(3_600_000);
    return clock.now();
  };
  assert.equal(await drive(clock, work()), 5 * 3_600_000);
});

test('a failure of the work comes out as it is', async () => {
  const { clock, sleep } = world();
  const work = sleep(5).then(() => {
    throw new RangeError('no');
  });
  await assert.rejects(drive(clock, work), new RangeError('no'));
});

test('time does not pass while work is under way in promises, immediates, nextTick or files', async () => {
  const { clock, sleep } = world();
  const steps: Record<string, () => Promise<unknown>> = {
    promises: async () => {
      for (let turn = 0; turn < 1_000; turn++) await Promise.resolve();
    },
    immediates: async () => {
      for (let turn = 0; turn < 100; turn++) await immediate();
    },
    nextTick: () => new Promise((resolve) => process.nextTick(() => setImmediate(() => process.nextTick(resolve)))),
    file: () => readFile(new URL(import.meta.url)),
  };
  for (const [name, step] of Object.entries(steps)) {
    const begin = clock.now();
    // Somebody else's timer must wait as well.
    clock.after(1, () => undefined);
    const seen = await drive(
      clock,
      step().then(() => clock.now()),
    );
    assert.equal(seen, begin, name);
    await drive(clock, sleep(10));
  }
});

test('a request that itself waits for the clock does not hold up time', async () => {
  const { clock, sleep } = world();
  await drive(clock, sleep(30_000), { inFlight: () => ['GET /stalled'] });
  assert.equal(clock.now(), 30_000);
});

test('work that no timer can finish is a deadlock, with the requests that are open', async () => {
  const { clock } = world();
  clock.advance(2_000);
  await assert.rejects(
    drive(clock, new Promise(() => undefined), { inFlight: () => ['GET /nodes'] }),
    /deadlock after 0 s of virtual time \(in flight: GET \/nodes\)/,
  );
});

test('work that never ends meets the limit', async () => {
  const { clock, sleep } = world();
  const work = async (): Promise<never> => {
    for (;;) await sleep(1_000);
  };
  await assert.rejects(drive(clock, work(), { limitMs: 60_000 }), /not finished after 61 s .*limit is 60 s/);
});

test('two tasks interleave the same way each time, whatever real time their turns take', async () => {
  assert.equal(await interleaving(true), await interleaving(false));
});

async function interleaving(slow: boolean): Promise<string> {
  const { clock, sleep } = world();
  const seen: string[] = [];
  const task = async (name: string, pause: number): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) {
      await sleep(pause);
      if (slow) for (let count = turn % 7; count > 0; count--) await immediate();
      if (slow && turn % 5 === 0) await readFile(new URL(import.meta.url));
      seen.push(`${name}@${clock.now()}`);
    }
  };
  await drive(clock, Promise.all([task('a', 3), task('b', 5)]));
  return seen.join(' ');
}
