import { randomUUID } from 'node:crypto';
import { link, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import { shellWord } from '../../domain/shell-word.ts';
import type { RunLock } from '../../ports/run-lock.ts';
import { cleanText } from '../clean-text.ts';
import { isObject } from '../is-object.ts';
import { writeAtomically } from './atomic-write.ts';
import { errorCode, onFile } from './file-error.ts';
import { isGone, thisProcess } from './host.ts';
import { readPlainFile } from './read-file.ts';

/** Who holds the lock of a plan folder. */
export interface FileLockRecord {
  id: string;
  command: string;
  host: string;
  pid: number;
  /** see Owner */
  began?: string | undefined;
  /** ISO 8601 */
  since: string;
}

const attempts = 3;

/**
 * One run at a time in a plan folder: the file `lock` in it, created exclusively. The lock of a process of this machine
 * that has ended is taken over.
 */
export function fileLock(dir: string): RunLock {
  const path = join(resolve(dir), 'lock');
  return {
    acquire: (holder, signal) =>
      onFile('lock', path, async () => {
        const record = { id: holder.id, command: holder.command, ...thisProcess() };
        for (let attempt = 1; attempt <= attempts; attempt += 1) {
          signal.throwIfAborted();
          if (await create(path, record)) {
            return {
              lost: new AbortController().signal,
              // it does not expire
              confirm: () => Promise.resolve(),
              release: () => onFile('remove', path, () => removeIf(path, (found) => found.id === holder.id)),
            };
          }
          const found = await readFileLock(dir);
          if (found === undefined) continue;
          if (!isGone(found)) throw held(path, found);
          await removeIf(path, (now) => now.id === found.id);
        }
        throw held(path, await readFileLock(dir));
      }),
  };
}

/** The holder of a folder's lock; undefined when there is none. */
export async function readFileLock(dir: string): Promise<FileLockRecord | undefined> {
  const path = join(resolve(dir), 'lock');
  const found = await onFile('read', path, () => readPlainFile(path, { links: false }));
  return found && toRecord(found.text, found.changedAt);
}

/** Takes the lock away from its holder, for `unlock`. */
export async function removeFileLock(dir: string): Promise<void> {
  const path = join(resolve(dir), 'lock');
  await onFile('remove', path, () => rm(path, { force: true }));
}

const textOf = (value: unknown): string => (typeof value === 'string' ? cleanText(value) : '');

/** A file that nobody understands is a lock all the same. */
function toRecord(text: string, mtime: Date): FileLockRecord {
  let parsed: Record<string, unknown> = {};
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) parsed = value;
  } catch {
    // cut off by a crash: its owner is unknown
  }
  return {
    id: textOf(parsed['id']),
    command: textOf(parsed['command']),
    host: textOf(parsed['host']),
    pid: typeof parsed['pid'] === 'number' ? parsed['pid'] : 0,
    began: textOf(parsed['began']) || undefined,
    since: mtime.toISOString(),
  };
}

/** False when it exists. The record is whole as soon as the name is there. */
async function create(path: string, record: object): Promise<boolean> {
  try {
    await writeAtomically(path, `${JSON.stringify(record)}\n`, { mode: 0o600, exclusive: true });
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/**
 * Removes the lock when it is the one meant. It is moved aside first, so that of two processes that want the same stale
 * lock gone none removes the other's new one.
 */
async function removeIf(path: string, isMeant: (record: FileLockRecord) => boolean): Promise<void> {
  const aside = `${path}.${randomUUID()}.old`;
  try {
    await rename(path, aside);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  try {
    const found = await readPlainFile(aside, { links: false });
    // somebody else's: back in its place, unless a third one was faster
    if (found !== undefined && !isMeant(toRecord(found.text, found.changedAt))) {
      await link(aside, path).catch((error: unknown) => {
        if (errorCode(error) !== 'EEXIST') throw error;
      });
    }
  } finally {
    await rm(aside, { force: true });
  }
}

function held(path: string, found: FileLockRecord | undefined): MigrateError {
  const who = found?.host ? `process ${found.pid} on ${found.host}` : 'another run';
  const command = found?.command ? ` (${found.command})` : '';
  return new MigrateError({
    code: 'LOCK.HELD',
    message: `Another run works in this plan folder: ${who}${command}.`,
    why: `It has ${path} since ${found?.since ?? 'a moment ago'}.`,
    nextActions: [
      'wait until it has ended',
      `when it cannot be running any more: prefix-migrate unlock ${shellWord(dirname(path))} --reason 'WHY'`,
    ],
    exitCode: ExitCode.locked,
  });
}
