import { open } from 'node:fs/promises';
import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import { errorCode, onFile } from './file-error.ts';

/**
 * Text that a person names as input: UTF-8, with or without a byte order mark. Undefined when there is no such file.
 *
 * @throws MigrateError `FILES.*` (exit 2), also when it is longer than `mostBytes`, or no UTF-8
 */
export async function readInputFile(path: string, mostBytes: number): Promise<string | undefined> {
  return onFile('read', path, async () => {
    const file = await open(path).catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    });
    if (file === undefined) return undefined;
    const chunks: Buffer[] = [];
    // one byte more than allowed tells that there are more; the stream closes the file
    for await (const chunk of file.createReadStream({ end: mostBytes })) chunks.push(Buffer.from(chunk));
    const bytes = Buffer.concat(chunks);
    if (bytes.length > mostBytes) throw unfit('TOO_LARGE', path, `It has more than ${mostBytes} bytes.`);
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch (cause) {
      throw unfit('NOT_TEXT', path, 'It is no UTF-8 text.', cause);
    }
  });
}

const unfit = (code: string, path: string, why: string, cause?: unknown): MigrateError =>
  new MigrateError({
    code: `FILES.${code}`,
    message: `Cannot read ${path}.`,
    why,
    nextActions: ['give the path of another file'],
    exitCode: ExitCode.invalidInput,
    cause,
  });
