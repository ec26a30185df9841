import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { formatLine, parseJournal } from '../../domain/journal-chain.ts';
import type { JournalEntry, JournalLine } from '../../domain/journal-entry.ts';
import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import type { JournalStore } from '../../ports/journal-store.ts';
import { syncFolder } from './atomic-write.ts';
import { errorCode, notAFile, onFile } from './file-error.ts';
import { readPlainFile } from './read-file.ts';

interface Tail {
  /** bytes of the file up to the last good line */
  size: number;
  seq: number;
  lastLineText: string | null;
}

/**
 * The journal as `journal.ndjson` in a plan folder, readable by its owner only. Each append is on disk when it resolves.
 * A torn last line, left by a crash, is cut off before the next append. The caller holds the lock of the folder.
 */
export function fileJournalStore(dir: string): JournalStore {
  const path = join(resolve(dir), 'journal.ndjson');
  let tail: Tail | undefined;
  /** appends run one after the other */
  let turn: Promise<unknown> = Promise.resolve();

  async function readAll() {
    const { text = '' } = (await onFile('read', path, () => readPlainFile(path, { links: false }))) ?? {};
    const parsed = parseJournal(text);
    const good = parsed.tornTail ? text.slice(0, goodLength(text, parsed.lines.length)) : text;
    return {
      ...parsed,
      tail: { size: Buffer.byteLength(good), seq: parsed.lines.length, lastLineText: parsed.lastLineText },
    };
  }

  async function append(at: string, entry: JournalEntry): Promise<JournalLine> {
    const before = tail ?? (await readAll()).tail;
    // a journal that was there is never begun anew
    const file = await openToAppend(path, before.size === 0).catch((error: unknown) => {
      throw before.size > 0 && errorCode(error) === 'ENOENT' ? removed(path) : error;
    });
    try {
      if (!(await file.stat()).isFile()) throw notAFile();
      if (tail === undefined) {
        await file.truncate(before.size);
        await syncFolder(resolve(dir));
      } else if ((await file.stat()).size !== before.size) {
        throw changed(path);
      }
      const seq = before.seq + 1;
      const text = formatLine(before.lastLineText, seq, at, entry);
      const bytes = Buffer.from(`${text}\n`);
      // until it is written whole the end of the file is unknown: after a failure the next append looks anew
      tail = undefined;
      await file.appendFile(bytes);
      await file.datasync();
      tail = { size: before.size + bytes.length, seq, lastLineText: text };
      const line: JournalLine = JSON.parse(text);
      return line;
    } finally {
      await file.close();
    }
  }

  return {
    async read() {
      const { lines, tornTail } = await readAll();
      return { lines, tornTail };
    },
    append(at, entry) {
      const mine = turn.then(() => onFile('write', path, () => append(at, entry)));
      turn = mine.catch(() => undefined);
      return mine;
    },
  };
}

/** Links are not followed: the journal is a file of the folder. A pipe in its place is not waited for. */
function openToAppend(path: string, mayCreate: boolean): Promise<FileHandle> {
  const { O_RDWR, O_APPEND, O_NOFOLLOW, O_NONBLOCK, O_CREAT } = constants;
  return open(path, O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK | (mayCreate ? O_CREAT : 0), 0o600);
}

/** Characters up to the end of the given number of lines. */
function goodLength(text: string, lines: number): number {
  let end = 0;
  for (let count = 0; count < lines; count += 1) end = text.indexOf('\n', end) + 1;
  return end;
}

function removed(path: string): MigrateError {
  return new MigrateError({
    code: 'JOURNAL.REMOVED',
    message: `${path} was removed while this run was writing to it.`,
    why: 'Without it nobody knows what was done, so the run does nothing more.',
    nextActions: ['put the file back (git checkout, a backup), then run the same command again'],
    exitCode: ExitCode.stoppedPartWay,
  });
}

function changed(path: string): MigrateError {
  return new MigrateError({
    code: 'JOURNAL.CHANGED',
    message: `${path} was changed by somebody else while this run was writing to it.`,
    why: 'Two runs must never write to one journal.',
    nextActions: ['make sure that no other run works in this folder, then run the same command again'],
    exitCode: ExitCode.stoppedPartWay,
  });
}
