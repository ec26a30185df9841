import type { Reporter } from '../ports/reporter.ts';

/** A reporter that has to be closed, so that the terminal is left as it was found. */
export interface ClosableReporter extends Reporter {
  close(): Promise<void>;
}
