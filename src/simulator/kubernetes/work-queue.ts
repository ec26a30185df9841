import type { SimClock, Timer } from '../types.ts';

export interface WorkQueue {
  /** Looks at a key soon: once, however often it is added before. */
  add(key: string): void;
  /** Looks at a key no sooner than after so many milliseconds. */
  addAfter(key: string, delayMs: number): void;
}

/** What a look came to: `retry` looks again, each time after twice the pause. */
export type Outcome = 'retry' | undefined;

/** client-go, DefaultTypedControllerRateLimiter */
const firstRetryMs = 5;
const longestRetryMs = 1_000_000;

/**
 * The control loop of a controller: keys to look at, each once a round, a round `delayMs` after its first key. No key, no
 * timer.
 */
export function createWorkQueue(
  clock: SimClock,
  delayMs: number | (() => number),
  reconcile: (key: string) => Outcome,
): WorkQueue {
  let keys = new Set<string>();
  const failures = new Map<string, number>();
  const retries = new Map<string, { timer: Timer; due: number }>();
  const queue: WorkQueue = {
    add(key) {
      if (keys.size === 0) clock.after(typeof delayMs === 'number' ? delayMs : delayMs(), round);
      keys.add(key);
    },
    addAfter(key, wait) {
      clock.after(wait, () => queue.add(key));
    },
  };
  function round(): void {
    const due = keys;
    keys = new Set();
    for (const key of due) {
      if (reconcile(key) === 'retry') retry(key);
      else if (failures.delete(key)) forget(key);
    }
  }
  function forget(key: string): void {
    retries.get(key)?.timer.cancel();
    retries.delete(key);
  }
  /** A retry that is due sooner stays. */
  function retry(key: string): void {
    const before = failures.get(key) ?? 0;
    failures.set(key, before + 1);
    const due = clock.now() + Math.min(longestRetryMs, firstRetryMs * 2 ** before);
    const planned = retries.get(key);
    if (planned && planned.due > clock.now() && planned.due <= due) return;
    planned?.timer.cancel();
    retries.set(key, { due, timer: clock.after(due - clock.now(), () => queue.add(key)) });
  }
  return queue;
}

/** `namespace/name`, and back. */
export function keyOf({ metadata }: { metadata: { namespace?: string; name: string } }): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

export function splitKey(key: string): [namespace: string, name: string] {
  const slash = key.indexOf('/');
  return [key.slice(0, slash), key.slice(slash + 1)];
}
