import type { Io } from '../../cli/io.ts';
import { openPlanFolder, writeOutputFile } from '../../composition.ts';
import { ExitCode } from '../../domain/migrate-error.ts';
import { type ExportFormat, exportFormats } from '../../exports/index.ts';
import { withoutControlCharacters } from '../../reporting/text.ts';

export interface ExportOptions {
  /** plan folder, or the plan.json in it */
  target: string;
  format: ExportFormat;
  /** a file, or `-` for stdout */
  out: string;
}

/** `export`: the plan for another tool. Reads plan.json and nothing else. */
export async function exportPlan({ target, format, out }: ExportOptions, io: Io): Promise<ExitCode> {
  const { plan, dir } = await openPlanFolder(target);
  const text = exportFormats[format](plan);
  if (out === '-') {
    io.result(text);
  } else {
    await writeOutputFile(out, text, dir);
    io.progress(withoutControlCharacters(`Written to ${out}.`));
  }
  return ExitCode.done;
}
