import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Failure, retry, retryAfterMilliseconds } from '../../src/adapters/retry.ts';
import { createBench, startOf2026 } from './virtual.ts';

const random = () => 0.5;

class FailedAttempt extends Error {
  readonly failure: Failure;
  constructor(attempt: number, failure: Failure) {
    super(`attempt ${attempt}`);
    this.failure = failure;
  }
}

const classify = (error: unknown): Failure => (error instanceof FailedAttempt ? error.failure : { kind: 'uncertain' });

/** A call that fails in these ways, one after the other, and then answers. */
function failing(...kinds: Failure[]) {
  const times: number[] = [];
  const bench = createBench();
  const call = async () => {
    times.push(bench.clock.now() - startOf2026);
    const failure = kinds[times.length - 1];
    if (failure !== undefined) throw new FailedAttempt(times.length, failure);
    return 'answer';
  };
  return { bench, call, times };
}

test('waits longer each time, with jitter', async () => {
  const { bench, call, times } = failing({ kind: 'uncertain' }, { kind: 'refused' }, { kind: 'not-sent' });
  const answer = await bench.run(retry(call, { clock: bench.clock, classify, repeatable: true, random }));
  assert.equal(answer, 'answer');
  assert.deepEqual(times, [0, 250, 750, 1750]);
});

test('never comes back before the server asked to', async () => {
  const { bench, call, times } = failing({ kind: 'refused', retryAfterMilliseconds: 7000 });
  await bench.run(retry(call, { clock: bench.clock, classify, repeatable: false, random }));
  assert.deepEqual(times, [0, 7250]);
});

test('repeats what is not repeatable only when it surely had no effect', async () => {
  for (const [kind, attempts] of [
    ['refused', 2],
    ['not-sent', 2],
    ['uncertain', 1],
    ['final', 1],
  ] as const) {
    const { bench, call, times } = failing({ kind });
    await bench.run(retry(call, { clock: bench.clock, classify, repeatable: false, random }).catch(() => undefined));
    assert.equal(times.length, attempts, kind);
  }
});

test('gives up by number, by time, and sooner when nobody is there', async () => {
  const rows: [Failure, number][] = [
    [{ kind: 'uncertain' }, 10],
    [{ kind: 'not-sent' }, 6],
    [{ kind: 'refused', retryAfterMilliseconds: 50_000 }, 3],
    [{ kind: 'refused', retryAfterMilliseconds: 500_000 }, 1],
  ];
  for (const [failure, attempts] of rows) {
    const { bench, call, times } = failing(...Array.from({ length: 99 }, () => failure));
    const work = retry(call, { clock: bench.clock, classify, repeatable: true, random });
    await assert.rejects(bench.run(work), /attempt/);
    assert.equal(times.length, attempts, JSON.stringify(failure));
  }
});

test('an attempt without answer ends, and its signal aborts', async () => {
  const bench = createBench();
  const signals: AbortSignal[] = [];
  const hang = (signal: AbortSignal) => {
    signals.push(signal);
    return new Promise<never>(() => undefined);
  };
  const work = retry(hang, { clock: bench.clock, classify: () => ({ kind: 'final' }), repeatable: true, random });
  await assert.rejects(bench.run(work), /no answer within 30 s/);
  assert.equal(signals[0]?.aborted, true);
});

test('stops at once when it is told to, in a call and in a wait', async () => {
  for (const kind of ['call', 'wait']) {
    const bench = createBench();
    const stop = new AbortController();
    const reason = new Error('stopped');
    const call = () => (kind === 'call' ? new Promise<never>(() => undefined) : Promise.reject(new Error('again')));
    const work = retry(call, {
      clock: bench.clock,
      classify: () => ({ kind: 'refused', retryAfterMilliseconds: 60_000 }),
      repeatable: true,
      signal: stop.signal,
      random,
    });
    setImmediate(() => stop.abort(reason));
    await assert.rejects(work, reason);
    assert.equal(bench.clock.now(), startOf2026);
  }
});

test('reads Retry-After', () => {
  assert.equal(retryAfterMilliseconds('3', 0), 3000);
  assert.equal(retryAfterMilliseconds(['2'], 0), 2000);
  assert.equal(retryAfterMilliseconds('Thu, 01 Jan 1970 00:00:10 GMT', 4000), 6000);
  for (const none of [undefined, '', 'soon', '-1', 'Thu, 01 Jan 1970 00:00:10 GMT']) {
    assert.equal(retryAfterMilliseconds(none, 60_000), undefined);
  }
});
