/** The journal cannot be written, or the process stood still: nothing more is done. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExitCode, MigrateError } from '../../src/domain/migrate-error.ts';
import type { JournalStore } from '../../src/ports/journal-store.ts';
import { createRig } from './rig.ts';

const full = () =>
  new MigrateError({
    code: 'FILES.NO_SPACE',
    message: 'Cannot write /p/journal.ndjson.',
    why: 'The disk is full. 0 B of 1 GiB are free in /p.',
    nextActions: ['make room: df -h /p', 'then run the same command again'],
    exitCode: ExitCode.invalidInput,
  });

/** Appends fail from the n-th on. */
function failingFrom(store: JournalStore, n: number): { store: JournalStore; failed: () => boolean } {
  let appended = 0;
  return {
    failed: () => appended >= n,
    store: {
      ...store,
      append(at, entry) {
        appended += 1;
        return appended >= n ? Promise.reject(full()) : store.append(at, entry);
      },
    },
  };
}

test('a disk that gets full at any line: no act after it, and the same command goes on to the end', async () => {
  const whole = createRig();
  assert.equal((await whole.run()).exitCode, 0);
  const lines = (await whole.journal.read()).lines.length;
  let partWay = 0;
  for (let n = 1; n <= lines; n += 1) {
    const rig = createRig();
    const { store, failed } = failingFrom(rig.journal, n);
    const late: string[] = [];
    rig.world.intercept = ({ name, write }) => {
      if (write && failed()) late.push(name);
    };
    const { exitCode, isJournalled, stoppedBy } = await rig.run(
      { command: 'prefix-migrate apply p --confirm demo' },
      { journal: store },
    );
    assert.deepEqual(late, [], `acts after line ${n} could not be written`);
    assert.equal(isJournalled, false);
    assert.equal(stoppedBy?.code, 'FILES.NO_SPACE');
    assert.equal(exitCode, stoppedBy.exitCode);
    const changed = rig.world.calls.some(({ write }) => write);
    if (changed) {
      partWay += 1;
      assert.equal(exitCode, 6, `line ${n}`);
      assert.match(stoppedBy.message, /^Cannot write \/p\/journal\.ndjson\. The run stopped/);
      assert.deepEqual(stoppedBy.nextActions.slice(0, 2), [
        'make room: df -h /p',
        'prefix-migrate apply p --confirm demo   # goes on from here',
      ]);
    } else {
      assert.ok(exitCode === 2 || exitCode === 6, `line ${n}: ${exitCode}`);
    }
    rig.world.intercept = () => undefined;
    assert.equal((await rig.run()).exitCode, 0, `goes on after line ${n}`);
  }
  assert.ok(partWay > 5);
});

test('a process that stood still asks for its lock before each act and each line', async () => {
  const whole = createRig();
  let asked = 0;
  await whole.run(
    {},
    {
      confirm: async () => {
        asked += 1;
      },
    },
  );
  for (let n = 1; n <= asked; n += 1) {
    const rig = createRig();
    let count = 0;
    const late: string[] = [];
    rig.world.intercept = ({ name, write }) => {
      if (write && rig.lost.signal.aborted) late.push(name);
    };
    const lost = new MigrateError({
      code: 'LOCK.LOST',
      message: 'The lock was lost.',
      why: '',
      nextActions: [],
      exitCode: ExitCode.stoppedPartWay,
    });
    const { exitCode, isJournalled } = await rig.run(
      {},
      {
        confirm: async () => {
          count += 1;
          if (count === n) rig.lost.abort(lost);
          rig.lost.signal.throwIfAborted();
        },
      },
    );
    assert.deepEqual([exitCode, isJournalled, late], [6, false, []], `confirmation ${n}`);
  }
});
