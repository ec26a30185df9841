import type { VirtualClock } from './clock.ts';

export interface DriveOptions {
  /** Requests that the program has sent and that are not answered yet; named in errors, waited for a little longer. */
  inFlight?: () => readonly string[];
  /** True while another process is at work for the program: time stands still until it has ended. */
  isWaitedFor?: () => boolean;
  /** How much time of the world the work may take, in milliseconds; a day unless told. */
  limitMs?: number;
}

const day = 86_400_000;
const quietTurns = 2;
/** A request may itself wait for the clock (a stalled answer), so one in flight cannot hold up time for ever. */
const quietTurnsInFlight = 12;

/**
 * Runs `work` under a clock that stands still: lets everything that can happen now happen, then jumps to the next timer,
 * until the work is done. The order of events depends on the program alone, never on real time.
 *
 * The work must take its time from this clock, and its requests from handlers in this process. File operations are waited
 * for; other work of Node's thread pool (zlib, crypto.subtle) cannot be seen and must not be part of it.
 *
 * @throws what `work` throws; an Error when it waits for something that no timer will bring, or beyond `limitMs`.
 */
export async function drive<T>(clock: VirtualClock, work: Promise<T>, options: DriveOptions = {}): Promise<T> {
  const { inFlight = () => [], isWaitedFor = () => false, limitMs = day } = options;
  const begin = clock.now();
  let settled = false;
  const watching = work.then(
    () => (settled = true),
    () => (settled = true),
  );
  for (;;) {
    do await settle(inFlight);
    while (isWaitedFor());
    if (settled) return watching.then(() => work);
    if (!clock.runNext()) throw new Error(`deadlock ${where()}: the work waits, and no timer is set`);
    if (clock.now() - begin > limitMs) throw new Error(`not finished ${where()}: the limit is ${limitMs / 1000} s`);
  }

  function where(): string {
    const open = inFlight();
    const requests = open.length === 0 ? 'no request in flight' : `in flight: ${open.join(', ')}`;
    return `after ${(clock.now() - begin) / 1000} s of virtual time (${requests})`;
  }
}

/**
 * Resolves when nothing more can happen without the clock: for some turns of the event loop no callback was scheduled
 * with setImmediate and no file operation is under way. Promises and process.nextTick run out within a turn.
 */
export async function settle(inFlight: () => readonly string[] = () => []): Promise<void> {
  for (let quiet = 0; quiet < (inFlight().length > 0 ? quietTurnsInFlight : quietTurns); ) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
    quiet = process.getActiveResourcesInfo().some((name) => busy.has(name)) ? 0 : quiet + 1;
  }
}

const busy = new Set(['Immediate', 'FSReqCallback', 'FSReqPromise', 'FileHandleCloseReq', 'CloseReq']);
