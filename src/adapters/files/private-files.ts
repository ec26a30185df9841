import { appendFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { errorCode, onFile } from './file-error.ts';
import { readPlainFile } from './read-file.ts';

/** Files of one person: nobody else may read them. */
const fileMode = 0o600;
const folderMode = 0o700;

/** A file in a temporary folder of its own. `remove` takes both away. */
export async function writeTemporaryFile(
  name: string,
  text: string,
): Promise<{ path: string; remove(): Promise<void> }> {
  const folder = await onFile('create a folder in', tmpdir(), () => mkdtemp(join(tmpdir(), 'prefix-migrate-')));
  const path = join(folder, name);
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    await onFile('write', path, () => writeFile(path, text, { mode: fileMode }));
  } catch (error) {
    await remove();
    throw error;
  }
  return { path, remove };
}

export async function writePrivateFile(path: string, text: string): Promise<void> {
  await onFile('write', path, async () => {
    await mkdir(dirname(path), { recursive: true, mode: folderMode });
    await writeFile(path, text, { mode: fileMode });
  });
}

export const appendTextFile = (path: string, text: string): Promise<void> =>
  onFile('write', path, () => appendFile(path, text));

/** The text of a file; undefined when there is none. */
export async function readTextFile(path: string): Promise<string | undefined> {
  return (await onFile('read', path, () => readPlainFile(path)))?.text;
}

/** Names in a folder; empty when there is none. */
export async function listFolder(path: string): Promise<string[]> {
  return onFile('read', path, async () => {
    try {
      return await readdir(path);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return [];
      throw error;
    }
  });
}

/** Removes a folder with all that is in it. */
export const removeFolder = (path: string): Promise<void> => rm(path, { recursive: true, force: true });
