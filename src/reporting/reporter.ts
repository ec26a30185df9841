import type { FailureFields } from '../domain/journal-entry.ts';
import type { Reporter } from '../ports/reporter.ts';

/** A reporter that has to be closed, so that the terminal is left as it was found. */
export interface ClosableReporter extends Reporter {
  /** Something to say at once that is no event, such as that a signal was heard. */
  notice(line: string): void;
  /** `failure`: why the run ended before its goal. Closing twice is fine. */
  close(failure?: FailureFields): Promise<void>;
}
