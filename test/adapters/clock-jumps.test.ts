/** Somebody sets the clock, or the process stands still (stopped, or on a sleeping laptop): what counts time must not be misled. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRealClock } from '../../src/adapters/clock/real-clock.ts';
import { createScaledClock } from '../../src/adapters/clock/scaled-clock.ts';
import { createLeaseLock } from '../../src/adapters/kubernetes/lease-lock.ts';
import { retry } from '../../src/adapters/retry.ts';
import { ExitCode, MigrateError } from '../../src/domain/migrate-error.ts';
import { type Clock, steadied } from '../../src/ports/clock.ts';
import type { KubernetesPort, LeaseRecord } from '../../src/ports/kubernetes.ts';
import { createBench, startOf2026 } from './virtual.ts';

const never = new AbortController().signal;
const hour = 3_600_000;

/** A virtual clock whose two times can be set apart from its timers. */
function setUp() {
  const bench = createBench();
  const ahead = { now: 0, monotonic: 0 };
  const clock: Clock = {
    now: () => bench.clock.now() + ahead.now,
    monotonic: () => bench.clock.now() - startOf2026 + ahead.monotonic,
    sleep: (milliseconds, signal) => bench.clock.sleep(milliseconds, signal),
  };
  const server = { record: undefined as LeaseRecord | undefined, down: false, writes: 0 };
  const kubernetes: Pick<KubernetesPort, 'getLease' | 'putLease'> = {
    getLease: async () => server.record,
    async putLease(_namespace, _name, wanted) {
      if (server.down) throw outage();
      if ((server.record?.resourceVersion ?? null) !== wanted.resourceVersion) return 'conflict';
      server.writes += 1;
      server.record = { ...wanted, resourceVersion: String(server.writes) };
      return server.record;
    },
  };
  const lock = createLeaseLock({ kubernetes, clock, clusterName: 'demo' });
  return { ...bench, clock, ahead, server, lock };
}

const outage = () =>
  new MigrateError({
    code: 'KUBERNETES.UNREACHABLE',
    message: 'down',
    why: '',
    nextActions: [],
    exitCode: ExitCode.invalidInput,
    retryable: true,
  });

const me = { id: 'me', command: 'apply DIR' };

test('a lock is not held for longer because the clock was set back', async () => {
  const { run, lock, clock, ahead, server } = setUp();
  const held = await run(lock.acquire(me, never));
  ahead.now = -3 * hour;
  server.down = true;
  await run(clock.sleep(60_000));
  assert.equal(held.lost.reason?.code, 'LOCK.LOST');
  await assert.rejects(held.confirm(), { code: 'LOCK.LOST' });
});

test('a lock is not lost because the clock was set forward or back, as long as it can be renewed', async () => {
  for (const jump of [5 * hour, -5 * hour]) {
    const { run, lock, clock, ahead } = setUp();
    const held = await run(lock.acquire(me, never));
    ahead.now = jump;
    await run(held.confirm());
    await run(clock.sleep(120_000));
    assert.equal(held.lost.aborted, false);
    await run(held.release());
  }
});

for (const [how, jump] of [
  ['stopped for five minutes', { now: 300_000, monotonic: 300_000 }],
  ['on a laptop that slept for a night', { now: 8 * hour, monotonic: 0 }],
] as const) {
  test(`a process that was ${how} looks after its lock before it acts`, async () => {
    const still = setUp();
    const held = await still.run(still.lock.acquire(me, never));
    await held.confirm();
    assert.equal(still.server.writes, 1, 'a young lock is not asked for');
    Object.assign(still.ahead, jump);
    // before any timer: nobody has told the process yet that time has passed
    await still.run(Promise.all([held.confirm(), held.confirm()]));
    assert.equal(still.server.writes, 2, 'renewed once, for all who ask');
    assert.equal(held.lost.aborted, false);

    const taken = setUp();
    const other = await taken.run(taken.lock.acquire(me, never));
    Object.assign(taken.ahead, jump);
    assert.ok(taken.server.record);
    taken.server.record = { ...taken.server.record, holder: 'other', resourceVersion: '9' };
    await assert.rejects(taken.run(other.confirm()), { code: 'LOCK.LOST', exitCode: 6 });
    assert.equal(other.lost.aborted, true);

    const alone = setUp();
    const third = await alone.run(alone.lock.acquire(me, never));
    Object.assign(alone.ahead, jump);
    alone.server.down = true;
    await assert.rejects(alone.run(third.confirm()), { code: 'LOCK.LOST' });
  });

  test(`a call is not sent again by a process that was ${how}`, async () => {
    const { run, clock, ahead } = setUp();
    let sent = 0;
    const call = async () => {
      sent += 1;
      Object.assign(ahead, jump);
      throw new Error('no answer');
    };
    const options = {
      clock,
      classify: () => ({ kind: 'uncertain' as const }),
      repeatable: true,
      limits: { totalMilliseconds: 24 * hour },
    };
    await assert.rejects(run(retry(call, options)), /no answer/);
    assert.equal(sent, 1);
  });
}

test('a retry lasts two minutes, whatever the clock is set to', async () => {
  const { run, clock, ahead } = setUp();
  let sent = 0;
  const call = async () => {
    sent += 1;
    ahead.now -= hour;
    throw new Error('no answer');
  };
  const begin = clock.monotonic();
  await assert.rejects(run(retry(call, { clock, classify: () => ({ kind: 'uncertain' }), repeatable: true })));
  assert.ok(sent > 3 && sent <= 10);
  assert.ok(clock.monotonic() - begin <= 150_000);
});

test('the steady clock and the scaled one go on evenly', () => {
  const { clock, ahead } = setUp();
  const steady = steadied(clock);
  const scaled = createScaledClock(clock, 10, 1000);
  ahead.now = -hour;
  assert.equal(steady.now(), startOf2026);
  ahead.monotonic = 7;
  assert.equal(steady.now(), startOf2026 + 7);
  assert.deepEqual([scaled.now(), scaled.monotonic()], [1070, 70]);
  const real = createRealClock();
  const first = real.monotonic();
  assert.ok(real.monotonic() >= first && real.now() > startOf2026);
});
