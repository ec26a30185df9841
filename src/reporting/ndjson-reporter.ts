import type { FailureFields, JournalLine } from '../domain/journal-entry.ts';
import type { ClosableReporter } from './reporter.ts';
import { jsonLine } from './text.ts';

/**
 * For programs: each journal line of this run on stdout, in the envelope of the journal; the last one is `run-finished`.
 * When the run failed, that line has `ok: false` and the error besides. Warnings have no place in the journal: they go to
 * stderr.
 */
export function createNdjsonReporter(stdout: (text: string) => void, stderr: (line: string) => void): ClosableReporter {
  let last: JournalLine | undefined;
  return {
    runStarted: () => {},
    line(line) {
      // kept back until it is known how the run ended
      if (line.entry.type === 'run-finished') last = line;
      else stdout(`${jsonLine(line)}\n`);
    },
    waiting: () => {},
    drain: () => {},
    warning: (message) => stderr(`warning: ${message}`),
    notice: stderr,
    async close(failure?: FailureFields) {
      if (last === undefined) return;
      const { code, message, why, nextActions } = failure ?? {};
      const failed = failure === undefined ? {} : { ok: false, error: { code, message, why, nextActions } };
      stdout(`${jsonLine({ ...failed, ...last })}\n`);
      last = undefined;
    },
  };
}
