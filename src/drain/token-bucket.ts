/**
 * The speed limit of all evictions together: additive increase, multiplicative decrease. Times are epoch milliseconds
 * and come in with each call.
 */
export interface TokenBucket {
  /** Takes one token; false when there is none yet. */
  take(now: number): boolean;
  /** When the next token can be taken: `now` or later. */
  availableAt(now: number): number;
  /** The server is overloaded: half the rate (at most once a second), and nothing before `retryAfterSeconds` have passed. */
  throttled(now: number, retryAfterSeconds: number | null): void;
  ratePerSecond(): number;
  /** The server's word still holds us back. */
  isSlowed(now: number): boolean;
}

export const evictionsPerSecond = 50;
export const burst = 10;
const slowest = 0.5;
const recoveryPerSecond = 1;

export function createTokenBucket(): TokenBucket {
  let rate = evictionsPerSecond;
  let tokens = burst;
  let filledAt: number | undefined;
  let pausedUntil = 0;
  let halvedAt = Number.NEGATIVE_INFINITY;

  function fill(now: number): void {
    const seconds = Math.max(0, now - (filledAt ?? now)) / 1000;
    filledAt = now;
    tokens = Math.min(burst, tokens + seconds * rate);
    rate = Math.min(evictionsPerSecond, rate + seconds * recoveryPerSecond);
  }

  // A timer set for the millisecond in which a token becomes whole must find it whole.
  const almostOne = 1 - 1e-6;

  return {
    take(now) {
      fill(now);
      if (now < pausedUntil || tokens < almostOne) return false;
      tokens -= 1;
      return true;
    },
    availableAt(now) {
      fill(now);
      const wait = tokens >= almostOne ? 0 : Math.ceil(((1 - tokens) / rate) * 1000);
      return Math.max(pausedUntil, now + wait);
    },
    throttled(now, retryAfterSeconds) {
      fill(now);
      pausedUntil = Math.max(pausedUntil, now + (retryAfterSeconds ?? 1) * 1000);
      if (now - halvedAt < 1000) return;
      halvedAt = now;
      rate = Math.max(slowest, rate / 2);
      tokens = Math.min(tokens, 1);
    },
    ratePerSecond: () => rate,
    isSlowed(now) {
      fill(now);
      return now < pausedUntil || rate < evictionsPerSecond;
    },
  };
}
