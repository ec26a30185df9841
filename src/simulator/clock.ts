/**
 * The one clock of a world: a queue of timers in virtual time. It stands still until somebody advances it, or runs by
 * itself at a multiple of real time. It can change from the first to the second: a world boots in no time, then runs live.
 */
import type { SimClock, Timer } from './types.ts';

export interface VirtualClock extends SimClock {
  /** Runs every timer due within the next `ms` milliseconds, in order, and stops at that time. */
  advance(ms: number): void;
  /** Jumps to the earliest timer and runs it alone. False when there is none. */
  runNext(): boolean;
  /** How many timers wait. */
  pending(): number;
}

export interface WorldClock extends VirtualClock {
  /** From now on time passes by itself: `speed` seconds of the world in one real second. */
  start(speed?: number): void;
  /** Time stands still again, until the returned function sets it going as it was. */
  stop(): () => void;
}

interface Entry {
  due: number;
  /** Order of creation: equal times run first in, first out. */
  seq: number;
  callback: (() => void) | undefined;
}

/** A clock that stands at `startMs` (epoch milliseconds) until it is advanced or started. */
export function createVirtualClock(startMs: number): WorldClock {
  let current = startMs;
  let seq = 0;
  let cancelled = 0;
  let heap: Entry[] = [];
  let live: { speed: number; realStart: number; virtualStart: number } | undefined;
  let alarm: NodeJS.Timeout | undefined;

  /** Never runs backwards: a timer that fires late must not be followed by an earlier time. */
  function now(): number {
    if (live) {
      const elapsed = (performance.now() - live.realStart) * live.speed;
      current = Math.max(current, Math.floor(live.virtualStart + elapsed));
    }
    return current;
  }

  function after(delayMs: number, callback: () => void): Timer {
    const entry: Entry = { due: now() + Math.max(0, Math.ceil(delayMs)), seq: seq++, callback };
    push(heap, entry);
    if (heap[0] === entry) arm();
    return {
      cancel() {
        if (!entry.callback) return;
        entry.callback = undefined;
        cancelled += 1;
        if (cancelled > 64 && cancelled > heap.length / 2) sweep();
      },
    };
  }

  function sweep(): void {
    const kept = heap.filter((entry) => entry.callback);
    heap = [];
    cancelled = 0;
    for (const entry of kept) push(heap, entry);
  }

  function earliest(): Entry | undefined {
    while (heap[0] && !heap[0].callback) {
      pop(heap);
      cancelled -= 1;
    }
    return heap[0];
  }

  function runNext(): boolean {
    const entry = earliest();
    if (!entry?.callback) return false;
    pop(heap);
    current = Math.max(current, entry.due);
    const { callback } = entry;
    entry.callback = undefined;
    callback();
    return true;
  }

  function runUntil(time: number): void {
    for (let next = earliest(); next && next.due <= time; next = earliest()) runNext();
  }

  function arm(): void {
    clearTimeout(alarm);
    alarm = undefined;
    if (!live) return;
    const next = earliest();
    if (!next) return;
    const wait = Math.min((next.due - now()) / live.speed, 0x3fffffff);
    alarm = setTimeout(
      () => {
        try {
          runUntil(now());
        } finally {
          arm();
        }
      },
      Math.max(0, wait),
    );
    // The world must not keep a process alive that has nothing else to do: the server's socket does that.
    alarm.unref();
  }

  function start(speed = 1): void {
    if (!(speed > 0)) throw new RangeError(`speed must be positive, got ${speed}`);
    live = { speed, realStart: performance.now(), virtualStart: now() };
    arm();
  }

  return {
    now,
    after,
    runNext,
    advance(ms) {
      const end = now() + ms;
      runUntil(end);
      current = Math.max(current, end);
    },
    pending: () => heap.length - cancelled,
    start,
    stop() {
      now();
      const speed = live?.speed;
      live = undefined;
      arm();
      return () => {
        if (speed !== undefined) start(speed);
      };
    },
  };
}

/** Scaled real time, beginning at the present: with `speed` 60 one real second is a minute of the world. */
export function createRealClock(speed = 1): WorldClock {
  const clock = createVirtualClock(Date.now());
  clock.start(speed);
  return clock;
}

function before(a: Entry, b: Entry): boolean {
  return a.due < b.due || (a.due === b.due && a.seq < b.seq);
}

function push(heap: Entry[], entry: Entry): void {
  let index = heap.length;
  heap.push(entry);
  while (index > 0) {
    const parentIndex = (index - 1) >> 1;
    const parent = heap[parentIndex];
    if (!parent || before(parent, entry)) break;
    heap[index] = parent;
    index = parentIndex;
  }
  heap[index] = entry;
}

function pop(heap: Entry[]): void {
  const last = heap.pop();
  if (!last || heap.length === 0) return;
  let index = 0;
  for (;;) {
    const left = heap[2 * index + 1];
    const right = heap[2 * index + 2];
    const [child, childIndex] = right && left && before(right, left) ? [right, 2 * index + 2] : [left, 2 * index + 1];
    if (!child || before(last, child)) break;
    heap[index] = child;
    index = childIndex;
  }
  heap[index] = last;
}
