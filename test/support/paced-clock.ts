import type { Clock } from '../../src/ports/clock.ts';

/** Short waits, which pace requests, pass at once; longer ones are deadlines, and never come. */
export function pacedClock(begin: number): Clock {
  let time = begin;
  return {
    now: () => time,
    monotonic: () => time,
    sleep(milliseconds) {
      if (milliseconds > 1000) return new Promise(() => undefined);
      time += milliseconds;
      return Promise.resolve();
    },
  };
}
