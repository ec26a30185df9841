import type { Clock } from '../ports/clock.ts';

/** No answer in time: the call may or may not have had its effect. */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';
  constructor(milliseconds: number) {
    super(`no answer within ${milliseconds / 1000} s`);
  }
}

/**
 * Runs `call` for at most `milliseconds` of the clock. The signal it gets aborts with the caller's signal and with the
 * deadline; a call that ignores its signal is left behind.
 *
 * @throws DeadlineExceeded; the reason of `signal`; what `call` throws.
 */
export async function withDeadline<T>(
  clock: Clock,
  milliseconds: number,
  signal: AbortSignal | undefined,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const inner = new AbortController();
  const timer = new AbortController();
  const { promise: stopped, reject: stop } = Promise.withResolvers<never>();
  const onAbort = () => {
    inner.abort(signal?.reason);
    stop(signal?.reason);
  };
  signal?.addEventListener('abort', onAbort, { once: true });
  const expire = async () => {
    try {
      await clock.sleep(milliseconds, timer.signal);
    } catch {
      // the timer was stopped: the call is over
      return;
    }
    const expired = new DeadlineExceeded(milliseconds);
    inner.abort(expired);
    stop(expired);
  };
  void expire();
  try {
    return await Promise.race([call(inner.signal), stopped]);
  } finally {
    timer.abort();
    signal?.removeEventListener('abort', onAbort);
  }
}
