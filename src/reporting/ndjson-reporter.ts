import type { FailureFields, JournalLine } from '../domain/journal-entry.ts';
import type { Clock } from '../ports/clock.ts';
import type { ClosableReporter } from './reporter.ts';
import { jsonLine, withoutControlCharacters } from './text.ts';

/**
 * For programs: each journal line of this run on stdout, in the envelope of the journal; the last one is `run-finished`.
 * When the run failed, that line has `ok: false` and the error besides. Warnings have no place in the journal: they go to
 * stderr, and once a run has begun they are events without number, `{v, at, entry: {type: 'warning', message}}`.
 */
export function createNdjsonReporter(
  stdout: (text: string) => void,
  stderr: (line: string) => void,
  clock: Pick<Clock, 'now'>,
): ClosableReporter {
  let last: JournalLine | undefined;
  let isBegun = false;
  let isClosed = false;
  /** those from before the run begins: one that does not begin has an error and nothing else */
  let early: string[] = [];
  return {
    runStarted: () => {},
    line(line) {
      isBegun = true;
      // kept back until it is known how the run ended
      if (line.entry.type === 'run-finished') last = line;
      else stdout(`${jsonLine(line)}\n`);
      for (const event of early) stdout(event);
      early = [];
    },
    waiting: () => {},
    drain: () => {},
    warning(message) {
      stderr(`warning: ${withoutControlCharacters(message)}`);
      const at = new Date(clock.now()).toISOString();
      const event = `${jsonLine({ v: 1, at, entry: { type: 'warning', message } })}\n`;
      if (isBegun && !isClosed) stdout(event);
      else if (!isBegun) early.push(event);
    },
    notice: stderr,
    async close(failure?: FailureFields) {
      isClosed = true;
      if (last === undefined) return;
      const { code, message, why, nextActions } = failure ?? {};
      const failed = failure === undefined ? {} : { ok: false, error: { code, message, why, nextActions } };
      stdout(`${jsonLine({ ...failed, ...last })}\n`);
      last = undefined;
    },
  };
}
