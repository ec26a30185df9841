/** Lock or journal out of reach for a while: the run ends without another write, and begins anew by itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JournalEntry } from '../../src/domain/journal-entry.ts';
import { ExitCode, MigrateError } from '../../src/domain/migrate-error.ts';
import { runPlan } from '../../src/engine/run.ts';
import type { JournalStore } from '../../src/ports/journal-store.ts';
import type { RunLock } from '../../src/ports/run-lock.ts';
import { startTime } from '../support/fake-ports.ts';
import { createRig, ofType, type Rig, silent, succeeded } from './rig.ts';

const trouble = (code: string, retryable: boolean, exitCode: ExitCode = ExitCode.stoppedPartWay): MigrateError =>
  new MigrateError({ code, message: `${code}.`, why: '', nextActions: [], exitCode, retryable });

/** The lock of an API server that is away from one time to another; somebody else may have the lock by then. */
function lockOf({ world: { clock } }: Rig, from: number, to: number, taken = false): RunLock & { acquired: number } {
  const lock = {
    acquired: 0,
    async acquire() {
      const now = clock.now() - startTime;
      if (now >= from && now < to) throw trouble('KUBERNETES.UNREACHABLE', true, ExitCode.invalidInput);
      if (now >= to && taken) throw trouble('LOCK.HELD', false, ExitCode.locked);
      lock.acquired += 1;
      const lost = new AbortController();
      if (now < from) clock.after(from - now, () => lost.abort(trouble('LOCK.LOST', true)));
      return { lost: lost.signal, confirm: async () => lost.signal.throwIfAborted(), release: async () => undefined };
    },
  };
  return lock;
}

function runWith(rig: Rig, parts: { lock: RunLock; journal?: JournalStore }) {
  const { world, plan, journal } = rig;
  return world.clock.run(
    runPlan({
      plan,
      ports: world.ports,
      journal,
      reporter: { ...silent, warning: (message) => rig.warnings.push(message) },
      ...parts,
      options: {
        consent: { given: true, by: 'me@host', how: 'confirm-flag' },
        pollIntervalMilliseconds: 5000,
        command: 'prefix-migrate apply',
        signal: rig.stop.signal,
        runId: 'run-1',
      },
    }),
  );
}

test('the lock was out of reach for three minutes and nobody else took it: the run goes on, each step once', async () => {
  const rig = createRig();
  const lock = lockOf(rig, 60_000, 240_000);
  const { exitCode, isJournalled } = await runWith(rig, { lock });
  assert.deepEqual([exitCode, isJournalled, lock.acquired], [0, true, 2]);
  const entries = rig.journal.entries();
  assert.equal(ofType(entries, 'run-started').length, 2);
  assert.deepEqual(succeeded(entries).toSorted(), rig.plan.steps.map(({ id }) => id).toSorted());
  assert.deepEqual(rig.warnings.length, 1);
  assert.match(rig.warnings[0] ?? '', /LOCK\.LOST.*goes on by itself.*10 min/);
});

test('nothing is written or called while the lock is out of reach', async () => {
  const rig = createRig();
  const times: number[] = [];
  rig.world.intercept = ({ write }) => void (write && times.push(rig.world.clock.now() - startTime));
  await runWith(rig, { lock: lockOf(rig, 60_000, 240_000) });
  assert.ok(times.some((time) => time < 60_000) && times.some((time) => time >= 240_000));
  assert.deepEqual(
    times.filter((time) => time > 60_000 && time < 240_000),
    [],
  );
});

test('somebody else has it now, it takes too long, or the run is told to stop: it ends as it was', async () => {
  const taken = createRig();
  const result = await runWith(taken, { lock: lockOf(taken, 60_000, 100_000, true) });
  assert.deepEqual([result.exitCode, result.isJournalled, result.stoppedBy?.code], [6, false, 'LOCK.LOST']);

  const long = createRig();
  const ended = await runWith(long, { lock: lockOf(long, 60_000, 10_000_000) });
  assert.deepEqual([ended.exitCode, ended.stoppedBy?.code], [6, 'LOCK.LOST']);
  assert.ok(long.world.clock.now() - startTime < 700_000);

  const stopped = createRig();
  stopped.world.clock.after(90_000, () => stopped.stop.abort(trouble('RUN.TERMINATED', false, ExitCode.terminated)));
  await assert.rejects(runWith(stopped, { lock: lockOf(stopped, 60_000, 10_000_000) }), /RUN\.TERMINATED/);
});

test('a journal that cannot be written for a while', async () => {
  const rig = createRig();
  const { journal } = rig;
  let failures = 0;
  const flaky: JournalStore = {
    read: () => journal.read(),
    append(at, entry) {
      const now = rig.world.clock.now() - startTime;
      if (now <= 60_000 || now > 200_000) return journal.append(at, entry);
      failures += 1;
      return Promise.reject(trouble('AWS.UNREACHABLE', true, ExitCode.invalidInput));
    },
  };
  const { exitCode } = await runWith(rig, { lock: lockOf(rig, 1e9, 1e9), journal: flaky });
  assert.equal(exitCode, 0);
  assert.ok(failures > 1);
  assert.equal(new Set(succeeded(journal.entries())).size, succeeded(journal.entries()).length);
});

test('its lock was taken away meanwhile, or another run has come and gone: it does not go on by itself', async () => {
  const by = { by: 'arn', reason: 'runner 7 is gone', holder: 'run-1' };
  const other = { planId: '', toolVersion: '1', command: 'apply', holder: 'b', until: 'drain' } as const;
  const meanwhile: JournalEntry[][] = [
    [{ type: 'unlocked', runId: 'run-2', ...by }],
    [
      { type: 'run-started', runId: 'run-2', ...other },
      { type: 'run-paused', runId: 'run-2', reason: 'until', detail: '' },
    ],
  ];
  for (const entries of meanwhile) {
    const rig = createRig();
    const { clock } = rig.world;
    const writeAll = async (): Promise<void> => {
      for (const entry of entries) {
        const planned = entry.type === 'run-started' ? { ...entry, planId: rig.plan.planId } : entry;
        await rig.journal.append(new Date(clock.now()).toISOString(), planned);
      }
    };
    let written: Promise<void> | undefined;
    clock.after(100_000, () => {
      written = writeAll();
    });
    const late: string[] = [];
    rig.world.intercept = ({ name, write }) => {
      if (write && clock.now() - startTime > 60_000) late.push(name);
    };
    const { exitCode, isJournalled } = await runWith(rig, { lock: lockOf(rig, 60_000, 240_000) });
    await written;
    assert.deepEqual([exitCode, isJournalled, late], [6, false, []]);
    assert.match(rig.warnings.at(-1) ?? '', /does not go on by itself/);
  }
});
