import type { Clock } from '../../ports/clock.ts';

/** A clock that shows `start` (epoch milliseconds) now and runs `speed` times as fast as `clock`: that of a scaled world. */
export function createScaledClock(clock: Clock, speed: number, start: number): Clock {
  const origin = clock.monotonic();
  const monotonic = (): number => (clock.monotonic() - origin) * speed;
  return {
    now: () => start + monotonic(),
    monotonic,
    sleep: (milliseconds, signal) => clock.sleep(milliseconds / speed, signal),
  };
}
