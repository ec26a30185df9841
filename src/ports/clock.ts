/** Time, injected: real in production, virtual in simulation. The only source of time and of waiting. */
export interface Clock {
  /** epoch milliseconds: for stamps, and times of others. It jumps when somebody sets the clock */
  now(): number;
  /** milliseconds since some moment, for durations: never set by anybody. May stand still while the machine sleeps */
  monotonic(): number;
  /** Resolves after `milliseconds`; rejects with the signal's reason as soon as it aborts. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/**
 * Milliseconds since this call, by whichever of the two times says more: after a sleep of the machine only `now` tells of it.
 * For what must not be taken for younger than it is.
 */
export function stopwatch(clock: Clock): () => number {
  const begin = { now: clock.now(), monotonic: clock.monotonic() };
  return () => Math.max(clock.now() - begin.now, clock.monotonic() - begin.monotonic);
}

/** The same clock with a `now` that does not jump after this moment: what counts both its own time and times of others. */
export function steadied(clock: Clock): Clock {
  const origin = clock.now() - clock.monotonic();
  return { ...clock, now: () => origin + clock.monotonic() };
}
