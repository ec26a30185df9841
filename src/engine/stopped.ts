import type { PauseReason } from '../domain/journal-entry.ts';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';

/** A run ends before its goal, and that is to be written into the journal. Never leaves the engine. */
export class Stopped extends Error {
  readonly error: MigrateError;
  readonly forCredentials: boolean;

  constructor(error: MigrateError, forCredentials = false) {
    super(error.message);
    this.error = error;
    this.forCredentials = forCredentials;
  }

  get reason(): PauseReason {
    if (this.forCredentials) return 'credentials';
    if (this.error.exitCode === ExitCode.interrupted) return 'interrupted';
    const { terminated, hungUp } = ExitCode;
    return this.error.exitCode === terminated || this.error.exitCode === hungUp ? 'terminated' : 'failed';
  }
}

/** The same error with another exit code; `more`: what else can be done. */
export function withExitCode(error: MigrateError, exitCode: ExitCode, more: readonly string[] = []): MigrateError {
  const { code, message, why, nextActions, retryable, cause = error } = error;
  return new MigrateError({ code, message, why, nextActions: [...nextActions, ...more], exitCode, retryable, cause });
}

/**
 * @throws the reason of `lost` as it is: after a lost lock nothing may be written.
 * @throws Stopped when `signal` is aborted.
 */
export function stopWhenAsked(signal: AbortSignal, lost: AbortSignal): void {
  lost.throwIfAborted();
  if (!signal.aborted) return;
  const reason: unknown = signal.reason;
  const error =
    reason instanceof MigrateError
      ? reason
      : new MigrateError({
          code: 'RUN.INTERRUPTED',
          message: 'The run was interrupted.',
          why: 'It was asked to stop.',
          nextActions: ['the same command goes on from here'],
          exitCode: ExitCode.interrupted,
          cause: reason,
        });
  throw new Stopped(error);
}

/**
 * The answer of `reading`, which is left behind as soon as a signal aborts.
 *
 * @throws as `stopWhenAsked`; what `reading` throws.
 */
export async function unlessStopped<T>(reading: Promise<T>, signal: AbortSignal, lost: AbortSignal): Promise<T> {
  const { promise: stopped, reject } = Promise.withResolvers<never>();
  const stop = (): void => {
    try {
      stopWhenAsked(signal, lost);
    } catch (reason) {
      reject(reason);
    }
  };
  const signals = [signal, lost];
  for (const each of signals) each.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([reading, stopped]);
  } finally {
    for (const each of signals) each.removeEventListener('abort', stop);
  }
}
