import type { SimClock } from '../types.ts';

export interface WorkQueue {
  /** Looks at a key soon: once, however often it is added before. */
  add(key: string): void;
  /** Looks at a key no sooner than after so many milliseconds. */
  addAfter(key: string, delayMs: number): void;
}

/**
 * The control loop of a controller: keys to look at, each once a round, a round `delayMs` after its first key. No key, no
 * timer.
 */
export function createWorkQueue(
  clock: SimClock,
  delayMs: number | (() => number),
  reconcile: (key: string) => void,
): WorkQueue {
  let keys = new Set<string>();
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
    for (const key of due) reconcile(key);
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
