/** The product's clock port and its transports over handlers in this process, in virtual time. */
import type { Clock } from '../../src/ports/clock.ts';
import { createVirtualClock, type VirtualClock } from '../../src/simulator/clock.ts';
import type { SimHandler } from '../../src/simulator/types.ts';
import { drive } from '../../src/simulator/virtual-time.ts';
import { createTraffic, InProcessDispatcher, InProcessHandler } from '../support/in-process.ts';

/** For a port that needs no kubeconfig; its requests go to a dispatcher of the test. */
export const testCluster = {
  name: 'demo',
  endpoint: 'https://cluster.test',
  certificateAuthorityData: '',
  token: () => Promise.resolve({ token: 't', expiresAt: 0 }),
};

export const startOf2026 = Date.UTC(2026, 0, 1);

export function clockOn(clock: VirtualClock): Clock {
  return {
    now: () => clock.now(),
    monotonic: () => clock.now(),
    sleep: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted) {
          reject(signal.reason);
          return;
        }
        const onAbort = () => {
          timer.cancel();
          reject(signal?.reason);
        };
        const timer = clock.after(milliseconds, () => {
          signal?.removeEventListener('abort', onAbort);
          resolve();
        });
        signal?.addEventListener('abort', onAbort, { once: true });
      }),
  };
}

export interface Bench {
  clock: Clock;
  /** Runs work to its end, jumping from timer to timer. */
  run: <T>(work: Promise<T>) => Promise<T>;
  requestHandler: (handler: SimHandler) => InProcessHandler;
  dispatcher: (handler: SimHandler) => InProcessDispatcher;
}

export function createBench(virtual: VirtualClock = createVirtualClock(startOf2026)): Bench {
  const traffic = createTraffic();
  return {
    clock: clockOn(virtual),
    run: (work) => drive(virtual, work, { inFlight: () => traffic.inFlight() }),
    requestHandler: (handler) => new InProcessHandler(handler, traffic),
    dispatcher: (handler) => new InProcessDispatcher(handler, traffic),
  };
}
