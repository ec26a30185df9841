import type { Io } from '../../cli/io.ts';
import { appendTextFile } from '../../composition.ts';

/** Appends Markdown to the summary of a GitHub Actions job, when there is one. Failing to is a warning: the work is done. */
export async function appendStepSummary(markdown: () => string, io: Io): Promise<void> {
  const path = io.environment['GITHUB_STEP_SUMMARY'];
  if (path === undefined || path === '') return;
  try {
    await appendTextFile(path, `${markdown()}\n`);
  } catch (error) {
    io.progress(
      `warning: GITHUB_STEP_SUMMARY was not written: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
