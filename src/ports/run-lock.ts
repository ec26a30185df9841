/** One run at a time per cluster. */
export interface RunLock {
  /** Throws MigrateError (exit 7) naming the holder when another run has it. */
  acquire(holder: { id: string; command: string }, signal: AbortSignal): Promise<HeldLock>;
}

export interface HeldLock {
  /** aborted with a MigrateError as soon as the lock is lost: stop all writes */
  lost: AbortSignal;
  release(): Promise<void>;
}
