import { ExitCode, MigrateError } from '../domain/migrate-error.ts';

/** A run ends before its goal, and that is to be written into the journal. Never leaves the engine. */
export class Stopped extends Error {
  readonly error: MigrateError;

  constructor(error: MigrateError) {
    super(error.message);
    this.error = error;
  }

  get reason(): 'interrupted' | 'terminated' | 'failed' {
    if (this.error.exitCode === ExitCode.interrupted) return 'interrupted';
    return this.error.exitCode === ExitCode.terminated ? 'terminated' : 'failed';
  }
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
