/** One run at a time per cluster. */
export interface RunLock {
  /** Throws MigrateError (exit 7) naming the holder when another run has it. */
  acquire(holder: { id: string; command: string }, signal: AbortSignal): Promise<HeldLock>;
}

export interface HeldLock {
  /** aborted with a MigrateError as soon as the lock is lost: stop all writes */
  lost: AbortSignal;
  /**
   * Resolves when the lock is surely held at this moment: at once when it was renewed of late, after another renewal when the
   * process stood still (a sleeping laptop, a stopped process). To be asked before every act.
   *
   * @throws the reason of `lost`
   */
  confirm(): Promise<void>;
  release(): Promise<void>;
}
