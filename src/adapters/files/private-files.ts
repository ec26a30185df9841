import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Files of one person: nobody else may read them. */
const fileMode = 0o600;
const folderMode = 0o700;

/** A file in a temporary folder of its own. `remove` takes both away. */
export async function writeTemporaryFile(
  name: string,
  text: string,
): Promise<{ path: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'prefix-migrate-'));
  const path = join(folder, name);
  await writeFile(path, text, { mode: fileMode });
  return { path, remove: () => rm(folder, { recursive: true, force: true }) };
}

export async function writePrivateFile(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: folderMode });
  await writeFile(path, text, { mode: fileMode });
}

export const appendTextFile = (path: string, text: string): Promise<void> => appendFile(path, text);

/** The text of a file; undefined when there is none. */
export async function readTextFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Names in a folder; empty when there is none. */
export async function listFolder(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** Removes a folder with all that is in it. */
export const removeFolder = (path: string): Promise<void> => rm(path, { recursive: true, force: true });

const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';
