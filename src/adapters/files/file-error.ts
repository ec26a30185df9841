import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';

const reasons: Record<string, { code: string; why: string; next: string }> = {
  ENOSPC: { code: 'NO_SPACE', why: 'The disk is full.', next: 'make room (df -h), then run the same command again' },
  EDQUOT: { code: 'NO_SPACE', why: 'The disk quota is used up.', next: 'make room, then run the same command again' },
  EROFS: { code: 'READ_ONLY', why: 'The file system is read-only.', next: 'use a folder that can be written' },
  EACCES: {
    code: 'NO_ACCESS',
    why: 'Permission denied.',
    next: 'correct its owner or mode (ls -ld), or use another folder',
  },
  EPERM: {
    code: 'NO_ACCESS',
    why: 'Not permitted.',
    next: 'correct its owner or mode (ls -ld), or use another folder',
  },
  ENOTDIR: {
    code: 'NOT_A_FOLDER',
    why: 'A part of the path is a file, not a folder.',
    next: 'give the path of a folder',
  },
  EISDIR: { code: 'NOT_A_FILE', why: 'It is a folder, not a file.', next: 'give the path of a file' },
  ENOENT: { code: 'NOT_FOUND', why: 'There is no such file or folder.', next: 'check the path' },
  ELOOP: { code: 'OUTSIDE_FOLDER', why: 'It is a symbolic link.', next: 'put a plain file or folder in its place' },
  ENAMETOOLONG: { code: 'BAD_PATH', why: 'The path is too long.', next: 'use a shorter one' },
  EMFILE: { code: 'TOO_MANY_OPEN', why: 'Too many files are open.', next: 'ulimit -n 4096' },
  EIO: { code: 'IO', why: 'The disk reports an error.', next: 'check the disk, then use another folder' },
};

export const errorCode = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : '';

/** Runs file operations; what the file system refuses becomes a MigrateError (exit 2) that names the path. */
export async function onFile<T>(doing: string, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const reason = reasons[errorCode(error)];
    if (reason === undefined) throw error;
    throw new MigrateError({
      code: `FILES.${reason.code}`,
      message: `Cannot ${doing} ${path}.`,
      why: reason.why,
      nextActions: [reason.next],
      exitCode: ExitCode.invalidInput,
      cause: error,
    });
  }
}
