import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import { shellWord } from '../../domain/shell-word.ts';

interface Reason {
  code: string;
  why: string;
  next: (path: string) => string;
}

const space = (path: string): string => `make room: df -h ${shellWord(dirname(path))}`;
const access = (path: string): string => `correct its owner or mode (ls -ld ${shellWord(path)}), or use another folder`;

/** What the file system says, by the names of errno(3). */
const reasons: Record<string, Reason> = {
  ENOSPC: { code: 'NO_SPACE', why: 'The disk is full.', next: space },
  EDQUOT: { code: 'NO_SPACE', why: 'The disk quota is used up.', next: space },
  EFBIG: { code: 'NO_SPACE', why: 'The file is as large as it may be.', next: () => 'ulimit -f unlimited' },
  E2BIG: {
    code: 'TOO_LARGE',
    why: 'It is larger than 400 MB, and nothing that belongs there is.',
    next: (path) => `look at it: ls -l ${shellWord(path)}`,
  },
  EROFS: { code: 'READ_ONLY', why: 'The file system is read-only.', next: () => 'use a folder that can be written' },
  EACCES: { code: 'NO_ACCESS', why: 'Permission denied.', next: access },
  EPERM: { code: 'NO_ACCESS', why: 'Not permitted.', next: access },
  ENOTDIR: {
    code: 'NOT_A_FOLDER',
    why: 'A part of the path is a file, not a folder.',
    next: () => 'give the path of a folder',
  },
  EISDIR: { code: 'NOT_A_FILE', why: 'It is a folder, not a file.', next: () => 'give the path of a file' },
  ENXIO: {
    code: 'NOT_A_FILE',
    why: 'It is a pipe, a socket or a device, not a file.',
    next: () => 'put a plain file in its place',
  },
  ENOENT: { code: 'NOT_FOUND', why: 'There is no such file or folder.', next: () => 'check the path' },
  ELOOP: {
    code: 'OUTSIDE_FOLDER',
    why: 'It is a symbolic link.',
    next: () => 'put a plain file or folder in its place',
  },
  ENAMETOOLONG: { code: 'BAD_PATH', why: 'The path is too long.', next: () => 'use a shorter one' },
  EMFILE: { code: 'TOO_MANY_OPEN', why: 'This process has too many files open.', next: () => 'ulimit -n 4096' },
  ENFILE: { code: 'TOO_MANY_OPEN', why: 'This machine has too many files open.', next: () => 'close other programs' },
  EIO: { code: 'IO', why: 'The disk reports an error.', next: () => 'check the disk (dmesg), or use another folder' },
  ESTALE: { code: 'IO', why: 'The network file system lost the file.', next: () => 'mount it again' },
  ETIMEDOUT: { code: 'IO', why: 'The network file system does not answer.', next: () => 'check its server' },
};

export const errorCode = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';

/** As the file system says it of a socket: there is something, and it is no file. */
export const notAFile = (): Error => Object.assign(new Error('not a plain file'), { code: 'ENXIO' });

/** More than a text can have. */
export const tooLarge = (): Error => Object.assign(new Error('too large'), { code: 'E2BIG' });

/** Runs file operations; what the file system refuses becomes a MigrateError (exit 2) that names the path. */
export async function onFile<T>(doing: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const reason = reasons[errorCode(error)];
    if (reason === undefined) throw error;
    const free = reason.code === 'NO_SPACE' ? await freeSpace(dirname(path)) : '';
    throw new MigrateError({
      code: `FILES.${reason.code}`,
      message: `Cannot ${doing} ${path}.`,
      why: reason.why + free,
      nextActions: [reason.next(path), 'then run the same command again'],
      exitCode: ExitCode.invalidInput,
      cause: error,
    });
  }
}

/** How much is free where a folder lies, as a sentence; '' when that cannot be told. */
async function freeSpace(folder: string): Promise<string> {
  try {
    const { bavail, blocks, bsize } = await statfs(folder);
    return ` ${size(bavail * bsize)} of ${size(blocks * bsize)} are free in ${folder}.`;
  } catch {
    // it only adds to what is told anyhow
    return '';
  }
}

function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${Math.round(bytes / 1024 ** power)} ${units[power]}`;
}
