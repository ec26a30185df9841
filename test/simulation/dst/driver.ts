import type { World } from '../../../src/simulator/world.ts';
import type { SimulatedProcess } from './process.ts';

/** So long a story may take in its own time. */
const limitMs = 3 * 86_400_000;

/** The AWS SDK looks for its configuration. */
const readsFiles = (): boolean => process.getActiveResourcesInfo().some((name) => name.startsWith('FSReq'));

/**
 * Lets the world's time pass. Between two timers it lets the processes do all that they can, but only when something has
 * reached one of them: most timers are the world's own.
 */
export function createDriver(world: World) {
  const { clock } = world;
  const processes = new Set<SimulatedProcess>();
  const state = { touched: true };

  const isBusy = (): boolean =>
    [...processes].some((process) => process.isAlive() && process.traffic.inFlight().length > 0);

  async function settle(): Promise<void> {
    for (let quiet = 0; quiet < 2; quiet = state.touched || readsFiles() ? 0 : quiet + 1) {
      state.touched = false;
      await new Promise<void>((resolve) => {
        setImmediate(resolve);
      });
    }
  }

  return {
    processes,
    touch: (): void => {
      state.touched = true;
    },
    sleep: (ms: number): Promise<void> =>
      new Promise((resolve) => {
        clock.after(ms, () => {
          state.touched = true;
          resolve();
        });
      }),
    /** Undefined when it was told to stop. */
    async run<T>(work: Promise<T>, isEnough: () => boolean): Promise<T | undefined> {
      const begin = clock.now();
      let over = false;
      const watching = work.finally(() => {
        over = true;
      });
      watching.catch(() => undefined);
      for (;;) {
        await settle();
        if (over) return await watching;
        if (isEnough()) return undefined;
        do {
          if (!clock.runNext()) throw new Error('deadlock: everybody waits, and no timer is set');
        } while (!state.touched && !isBusy());
        state.touched = true;
        if (clock.now() - begin > limitMs) throw new Error('three days have passed, and it is not over');
      }
    },
  };
}
