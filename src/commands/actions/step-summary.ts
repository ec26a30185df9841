import type { Io } from '../../cli/io.ts';
import { appendTextFile } from '../../composition.ts';
import { MigrateError } from '../../domain/migrate-error.ts';

/** Appends Markdown to the summary of a GitHub Actions job, when there is one. Failing to is a warning: the work is done. */
export async function appendStepSummary(markdown: () => string, io: Io): Promise<void> {
  const path = io.environment['GITHUB_STEP_SUMMARY'];
  if (path === undefined || path === '') return;
  try {
    await appendTextFile(path, `${markdown()}\n`);
  } catch (error) {
    const why = error instanceof MigrateError ? `${error.message} ${error.why}` : String(error);
    io.progress(`warning: GITHUB_STEP_SUMMARY was not written: ${why}`);
  }
}
