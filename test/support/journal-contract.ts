/** What every journal that is not a file of the plan folder must keep: against worlds in this process and real servers. */
import assert from 'node:assert/strict';
import type { JournalEntry } from '../../src/domain/journal-entry.ts';
import { MigrateError } from '../../src/domain/migrate-error.ts';
import type { JournalStore } from '../../src/ports/journal-store.ts';

export interface JournalPlace {
  /** a store that knows nothing yet, of the same place */
  open: () => JournalStore;
  /** runs work to its end; in virtual time where time is virtual */
  run: <T>(work: Promise<T>) => Promise<T>;
}

const at = '2026-01-01T00:00:00.000Z';

/** Progress of a step that can be told from others. */
export const noted = (message: string): JournalEntry => ({
  type: 'step-progress',
  runId: 'run',
  stepId: 'step',
  progress: { kind: 'note', message },
});

export const write = (journal: JournalStore, message: string) => journal.append(at, noted(message));

export async function messagesIn({ open, run }: JournalPlace): Promise<string[]> {
  const { lines, tornTail } = await run(open().read());
  assert.equal(tornTail, false);
  assert.deepEqual(
    lines.map(({ seq }) => seq),
    lines.map((_line, index) => index + 1),
  );
  return lines.map(({ entry }) =>
    entry.type === 'step-progress' && entry.progress.kind === 'note' ? entry.progress.message : entry.type,
  );
}

export const isCode = (code: string, exitCode: number, pattern = /./) => {
  return (error: unknown): boolean => {
    assert.ok(error instanceof MigrateError, String(error));
    assert.deepEqual([error.code, error.exitCode], [code, exitCode]);
    assert.match(`${error.message} ${error.why}`, pattern);
    return true;
  };
};

/** A journal is written, read by others, and gone on with; of two writers the second is refused. */
export async function keepsTheContract(place: JournalPlace): Promise<void> {
  const { open, run } = place;
  assert.deepEqual(await messagesIn(place), []);
  const first = open();
  assert.deepEqual(await run(first.read()), { lines: [], tornTail: false });
  const line = await run(write(first, 'one'));
  assert.deepEqual([line.seq, line.at, line.prev], [1, at, '0'.repeat(64)]);
  // handed over without waiting: they keep their order
  const many = Array.from({ length: 20 }, (_, index) => `many ${index}`);
  const lines = await run(Promise.all(many.map((message) => write(first, message))));
  assert.deepEqual(
    lines.map(({ seq }) => seq),
    many.map((_, index) => index + 2),
  );
  assert.deepEqual(await messagesIn(place), ['one', ...many]);

  // another process goes on without having read
  const second = open();
  assert.equal((await run(write(second, 'two'))).seq, 22);
  // the first does not know of it: what it hands over is refused, and all that comes behind
  const late = await run(Promise.allSettled([write(first, 'late'), write(first, 'later'), write(first, 'latest')]));
  for (const result of late) {
    assert.ok(result.status === 'rejected');
    isCode('JOURNAL.CHANGED', 6)(result.reason);
  }
  assert.deepEqual(await messagesIn(place), ['one', ...many, 'two']);
  assert.equal((await run(write(second, 'three'))).seq, 23);

  // of several that begin at once each line is of one, and no line is lost that was accepted
  const racers = ['a', 'b', 'c'].map((name) => ({ name, journal: open() }));
  await run(Promise.all(racers.map(({ journal }) => journal.read())));
  const results = await run(Promise.allSettled(racers.map(({ name, journal }) => write(journal, name))));
  const winners = racers.filter((_, index) => results[index]?.status === 'fulfilled').map(({ name }) => name);
  assert.equal(winners.length, 1);
  assert.deepEqual(await messagesIn(place), ['one', ...many, 'two', 'three', ...winners]);
}
