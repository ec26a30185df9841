import type { ClosableReporter } from './reporter.ts';
import { jsonLine } from './text.ts';

/**
 * For programs: each journal line of this run on stdout, in the envelope of the journal; the last one is `run-finished`.
 * Warnings have no place in the journal: they go to stderr.
 */
export function createNdjsonReporter(stdout: (text: string) => void, stderr: (line: string) => void): ClosableReporter {
  return {
    runStarted: () => {},
    line: (line) => stdout(`${jsonLine(line)}\n`),
    waiting: () => {},
    drain: () => {},
    warning: (message) => stderr(`warning: ${message}`),
    close: async () => {},
  };
}
