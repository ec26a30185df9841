import { basename, dirname, resolve } from 'node:path';
import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import { writeAtomically } from './atomic-write.ts';
import { onFile } from './file-error.ts';
import { journalFile, planFile } from './plan-folder.ts';

/**
 * A result in a file that a person names; an older one is replaced, but not the plan and the journal of `planDir`.
 *
 * @throws MigrateError `EXPORT.OUT`, `FILES.*` (exit 2)
 */
export async function writeOutputFile(path: string, text: string, planDir: string): Promise<void> {
  const target = resolve(path);
  if (dirname(target) === resolve(planDir) && [planFile, journalFile].includes(basename(target))) {
    throw new MigrateError({
      code: 'EXPORT.OUT',
      message: `${target} belongs to the plan, and was left as it is.`,
      why: 'What a run relies on is never written anew.',
      nextActions: ['give --out another name, or leave it out: the result is then on stdout'],
      exitCode: ExitCode.invalidInput,
    });
  }
  await onFile('write', target, () => writeAtomically(target, text));
}
