import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { errorCode, notAFile, tooLarge } from './file-error.ts';

/** Node cannot hold a longer text. A journal has some 1.4 KB for each pod. */
const mostBytes = 400 * 2 ** 20;

/**
 * The text of a file with the time of its last change; undefined when there is none. Anything else than a plain file is
 * refused and not waited for, as a pipe would be. Links are followed unless told (a plan mounted from a ConfigMap is one).
 */
export async function readPlainFile(
  path: string,
  { links = true }: { links?: boolean } = {},
): Promise<{ text: string; changedAt: Date } | undefined> {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | (links ? 0 : constants.O_NOFOLLOW);
  const file = await open(path, flags).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return undefined;
  try {
    const found = await file.stat();
    if (!found.isFile() && !found.isDirectory()) throw notAFile();
    if (found.size > mostBytes) throw tooLarge();
    return { text: await file.readFile('utf8'), changedAt: found.mtime };
  } finally {
    await file.close();
  }
}
