/** Time, injected: real in production, virtual in simulation. The only source of time and of waiting. */
export interface Clock {
  /** epoch milliseconds */
  now(): number;
  /** Resolves after `milliseconds`; rejects with the signal's reason as soon as it aborts. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}
