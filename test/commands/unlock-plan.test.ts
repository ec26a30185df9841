/** How long `unlock` tries to get its line into a journal that the old run writes to; the command is in journeys/unlock. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { journalChanged } from '../../src/adapters/remote-journal.ts';
import { onceTheOthersIsWritten } from '../../src/commands/actions/unlock-plan.ts';
import { createBench } from '../adapters/virtual.ts';
import { isCode } from '../support/journal-contract.ts';

const never = new AbortController().signal;

/** Unlocks while the old run gets a line in between each time, for so many seconds. A write of ours takes 20 ms. */
async function unlockWhileOthersWrite(seconds: number, signal = never) {
  const { clock, run } = createBench();
  const begin = clock.monotonic();
  const elapsed = (): number => (clock.monotonic() - begin) / 1000;
  let written = 0;
  const write = async (): Promise<void> => {
    await clock.sleep(20);
    if (elapsed() < seconds) throw journalChanged('ConfigMap kube-system/x');
    written += 1;
  };
  const failure = await run(
    onceTheOthersIsWritten(write, clock, signal).then(
      () => undefined,
      (error: unknown) => error,
    ),
  );
  return { failure, written, elapsed: elapsed() };
}

test('the line is written once the old run has stopped, at the latest 40 s after it last renewed its lock', async () => {
  // a run renews every 10 s, and learns then that its lock is gone; when renewals do not get through, it stops after 40 s
  for (const seconds of [0, 3, 10.2, 40.2]) {
    const { failure, written, elapsed } = await unlockWhileOthersWrite(seconds);
    assert.deepEqual([failure, written], [undefined, 1], `${seconds} s`);
    assert.ok(elapsed < seconds + 1, `${elapsed} s`);
  }
});

test('who writes without the lock for longer is told of; a stop ends it at once', async () => {
  const { failure, written, elapsed } = await unlockWhileOthersWrite(3600);
  isCode('JOURNAL.CHANGED', 6)(failure);
  assert.equal(written, 0);
  assert.ok(elapsed < 60, `${elapsed} s`);
  const reason = new Error('asked to stop');
  assert.equal((await unlockWhileOthersWrite(3600, AbortSignal.abort(reason))).failure, reason);
});
