import { type Clock, stopwatch } from '../ports/clock.ts';
import { type RandomSource, systemRandom } from './clock/real-clock.ts';
import { withDeadline } from './deadline.ts';

/** What an error says about the call. Decided by the adapter that knows the wire. */
export interface Failure {
  /**
   * final: the same call fails again. refused: turned away before any change, later it may do (throttling).
   * not-sent: never reached the server. uncertain: it may or may not have had its effect (5xx, reset, no answer).
   */
  kind: 'final' | 'refused' | 'not-sent' | 'uncertain';
  /** what the server asked for; the back-off is never shorter */
  retryAfterMilliseconds?: number | undefined;
}

export interface RetryOptions {
  clock: Clock;
  classify: (error: unknown) => Failure;
  /** the same call twice has the effect of one: a read, a write with a token, a fixpoint */
  repeatable: boolean;
  signal?: AbortSignal | undefined;
  random?: RandomSource | undefined;
  limits?: Partial<RetryLimits> | undefined;
}

export interface RetryLimits {
  attempts: number;
  /** from the first attempt to the beginning of the last */
  totalMilliseconds: number;
  /** the same while the server cannot be reached at all: a wrong address should be told soon */
  unreachableMilliseconds: number;
  /** each attempt */
  attemptMilliseconds: number;
  baseMilliseconds: number;
  longestWaitMilliseconds: number;
}

const defaults: RetryLimits = {
  attempts: 10,
  totalMilliseconds: 120_000,
  unreachableMilliseconds: 15_000,
  attemptMilliseconds: 30_000,
  baseMilliseconds: 250,
  longestWaitMilliseconds: 20_000,
};

/** Later than its own limits by this much: the process stood still (stopped, or on a sleeping laptop). */
const stoodStillMilliseconds = 15_000;

/**
 * The one retry policy for AWS and Kubernetes: exponential back-off with full jitter, stoppable at any time. A call that
 * is not repeatable is sent again only when it surely had no effect. Nothing is sent again after the process stood still: what
 * the call relied on, such as a lock, may not hold any more, and the caller has to look anew.
 *
 * @throws the last error of `call`; the reason of the signal.
 */
export async function retry<T>(call: (signal: AbortSignal) => Promise<T>, options: RetryOptions): Promise<T> {
  const { clock, classify, repeatable, signal, random = systemRandom } = options;
  const limits = { ...defaults, ...options.limits };
  const elapsed = stopwatch(clock);
  for (let attempt = 1; ; attempt += 1) {
    const begin = elapsed();
    try {
      return await withDeadline(clock, limits.attemptMilliseconds, signal, call);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      const failure = classify(error);
      if (failure.kind === 'final' || (failure.kind === 'uncertain' && !repeatable)) throw error;
      const ceiling = Math.min(limits.longestWaitMilliseconds, limits.baseMilliseconds * 2 ** attempt);
      const wait = (failure.retryAfterMilliseconds ?? 0) + random() * ceiling;
      const patience = failure.kind === 'not-sent' ? limits.unreachableMilliseconds : limits.totalMilliseconds;
      if (attempt >= limits.attempts || elapsed() + wait > patience) throw error;
      await clock.sleep(wait, signal);
      if (elapsed() - begin > limits.attemptMilliseconds + wait + stoodStillMilliseconds) throw error;
    }
  }
}

/** `Retry-After` in milliseconds: seconds, or an HTTP date. Undefined when absent or senseless. */
export function retryAfterMilliseconds(header: unknown, now: number): number | undefined {
  const text = Array.isArray(header) ? String(header[0]) : typeof header === 'string' ? header.trim() : '';
  if (text === '') return undefined;
  const seconds = /^\d+(\.\d+)?$/.test(text);
  if (!seconds && !text.endsWith('GMT')) return undefined;
  const wait = seconds ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isFinite(wait) && wait >= 0 ? wait : undefined;
}
