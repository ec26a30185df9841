import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import { bugOf } from './errors.ts';

/** SIGHUP: the terminal was closed */
const signals = { SIGINT: ExitCode.interrupted, SIGTERM: ExitCode.terminated, SIGHUP: ExitCode.hungUp } as const;
const graceMilliseconds = 15_000;
/** One Ctrl-C can arrive twice, from the terminal and from the process that started this one. */
const echoMilliseconds = 500;

export interface Stop {
  /** aborts with the first signal: begin nothing new. The reason is a MigrateError with exit code 130, 143 or 129, or 1 */
  asked: AbortSignal;
  /** aborts some seconds later: end calls under way as well */
  overdue: AbortSignal;
  dispose(): void;
}

/**
 * The first SIGINT, SIGTERM or SIGHUP asks for a stop at a clean place; the second ends the process at once. The order of
 * writes makes both safe. An error that nobody caught asks for a stop as well, so that the journal gets to know.
 */
export function stopOnSignals(options: {
  notice: (line: string) => void;
  sleep: (milliseconds: number) => Promise<void>;
  /** the command line that goes on afterwards */
  command: string;
}): Stop {
  const asked = new AbortController();
  const overdue = new AbortController();
  let echoIsOver = false;
  const ask = (reason: MigrateError): void => {
    asked.abort(reason);
    void options.sleep(graceMilliseconds).then(() => overdue.abort(reason));
  };
  const onBug = (thrown: unknown): void => {
    if (asked.signal.aborted) return;
    const bug = bugOf(thrown);
    ask(bug);
    void options.sleep(2 * graceMilliseconds).then(() => process.exit(bug.exitCode));
  };
  process.on('uncaughtException', onBug);
  const handlers = Object.entries(signals).map(([name, exitCode]) => {
    const handler = (): void => {
      if (echoIsOver) process.exit(exitCode);
      if (asked.signal.aborted) return;
      options.notice(`${name}: stopping cleanly; once more ends at once.`);
      ask(stopped(name, exitCode, options.command));
      void options.sleep(echoMilliseconds).then(() => (echoIsOver = true));
    };
    process.on(name, handler);
    return { name, handler };
  });
  return {
    asked: asked.signal,
    overdue: overdue.signal,
    dispose() {
      process.off('uncaughtException', onBug);
      for (const { name, handler } of handlers) process.off(name, handler);
    },
  };
}

function stopped(name: string, exitCode: ExitCode, command: string): MigrateError {
  return new MigrateError({
    code: name === 'SIGINT' ? 'RUN.INTERRUPTED' : 'RUN.TERMINATED',
    message: `Stopped by ${name}${name === 'SIGHUP' ? ' (the terminal was closed)' : ''}.`,
    why: 'What was done and what was begun is in the journal; nothing was lost.',
    nextActions: [`${command}   # goes on from here`],
    exitCode,
  });
}

/** The work, or the signal's reason as soon as it aborts: for reads, which may be left alone. */
export function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
  return Promise.race([work, aborted]);
}
