/**
 * One process of the product on a machine that may betray it: its requests and writes take time, it can be killed, asked to
 * stop, held or put to sleep at any place, its disk can fail. The product runs over its real adapters; time is the world's.
 */
import { createAwsPorts } from '../../../src/adapters/aws/aws-ports.ts';
import { createKubernetesPort } from '../../../src/adapters/kubernetes/kubernetes-port.ts';
import { createLeaseLock } from '../../../src/adapters/kubernetes/lease-lock.ts';
import { MigrateError } from '../../../src/domain/migrate-error.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import type { Ports } from '../../../src/ports/ports.ts';
import type { RunLock } from '../../../src/ports/run-lock.ts';
import { operationName } from '../../../src/simulator/operation-name.ts';
import type { Random, SimHandler, SimRequest, SimResponse, SimStream, Timer } from '../../../src/simulator/types.ts';
import type { World } from '../../../src/simulator/world.ts';
import { createTraffic, InProcessDispatcher, InProcessHandler, type Traffic } from '../../support/in-process.ts';
import { noTools } from '../../support/no-tools.ts';

/** The nth place that a process passes (from 1), of all places or of those with this name. */
export interface Place {
  name?: string;
  nth: number;
}

/** What befalls a process at a place. */
export type Blow =
  | { kind: 'crash'; at: Place }
  /** SIGTERM: the process ends by itself */
  | { kind: 'terminate'; at: Place }
  /** stopped (SIGSTOP) or asleep with its machine, whose monotonic clock then stands; other processes go on */
  | { kind: 'stop' | 'sleep'; at: Place; seconds: number }
  /** the disk refuses the nth write to the journal, with half of the line written or none */
  | { kind: 'disk'; nth: number; half: boolean };

/** What all processes of a story share. */
export interface Stage {
  world: World;
  random: Random;
  /** what goes wrong between the processes and the world; `strike` is called when something has */
  network: (handler: SimHandler, part: string, strike: () => void) => SimHandler;
  /** called whenever a process may go on: the driver then lets it */
  touch: () => void;
  trace: (line: string) => void;
  count: (what: string) => void;
  watch: Witness;
  endpoint: { endpoint: string; certificateAuthorityData: string };
}

/** Who sees what a process does. */
export interface Witness {
  sending(runId: string, operation: string, request: SimRequest): void;
  /** a part of a watch */
  hears(runId: string, text: string): void;
}

export interface SimulatedProcess {
  id: string;
  ports: Ports;
  lock: RunLock;
  /** aborts with SIGTERM */
  signal: AbortSignal;
  traffic: Traffic;
  /** resolves when the process was killed */
  dead: Promise<'cut'>;
  isAlive(): boolean;
  /** something has befallen it, or its requests */
  isStruck(): boolean;
  /** true when the process is dead: whoever asked must never be answered. May stop or kill it */
  pass(place: string): boolean;
  /** resolves when the process may hear of something that has happened outside */
  heard(): Promise<void>;
  /** the disk's answer to the next write */
  disk(): 'fine' | 'refuses' | 'tears';
  kill(): void;
}

export interface Machine {
  /** processes on one host see whether another of them has ended */
  host: string;
  /** how far its wall clock is off */
  skewMs: number;
  alive: Set<string>;
}

// loaded beforehand: the world's time does not wait for modules
await Promise.all([
  import('../../../src/adapters/aws/client-auto-scaling.ts'),
  import('../../../src/adapters/aws/client-ec2.ts'),
  import('../../../src/adapters/aws/client-eks.ts'),
  import('../../../src/adapters/aws/client-sts.ts'),
]);

const never = new Promise<never>(() => undefined);
const deaf = { write: () => undefined, end: () => undefined, reset: () => undefined };

export async function startProcess(
  stage: Stage,
  id: string,
  machine: Machine,
  blows: readonly Blow[],
  clusterName: string,
): Promise<SimulatedProcess> {
  const { world, touch, trace, count } = stage;
  const random = stage.random.fork(id);
  const traffic = createTraffic();
  const death = Promise.withResolvers<'cut'>();
  const asked = new AbortController();
  const passed = new Map<string, number>();
  const streams = new Set<() => void>();
  const timers = new Set<ProcessTimer>();
  let state: 'running' | 'stopped' | 'asleep' | 'dead' = 'running';
  let isStruck = false;
  let places = 0;
  let writes = 0;
  let slept = 0;
  let fellAsleep = 0;
  /** what happened outside while it could not hear */
  let unheard: { isTimer: boolean; hear: () => void }[] = [];
  machine.alive.add(id);

  interface ProcessTimer {
    due: number;
    handle: Timer | undefined;
    fire: () => void;
  }

  const monotonic = (): number => world.clock.now() - slept - (state === 'asleep' ? world.clock.now() - fellAsleep : 0);

  function deliver(isTimer: boolean, hear: () => void): void {
    if (state === 'dead') return;
    if (state !== 'running') {
      unheard.push({ isTimer, hear });
      return;
    }
    touch();
    hear();
  }

  function arm(timer: ProcessTimer): void {
    timer.handle = world.clock.after(timer.due - monotonic(), () => {
      timers.delete(timer);
      deliver(true, timer.fire);
    });
  }

  function hold(kind: 'stop' | 'sleep', seconds: number): void {
    if (state !== 'running') return;
    trace(`${id} ${kind === 'stop' ? 'is stopped' : 'falls asleep'} for ${seconds} s`);
    count(kind === 'stop' ? 'process stopped' : 'process asleep');
    state = kind === 'stop' ? 'stopped' : 'asleep';
    if (kind === 'sleep') {
      fellAsleep = world.clock.now();
      for (const timer of timers) timer.handle?.cancel();
    }
    world.clock.after(seconds * 1000, () => wake());
  }

  function wake(): void {
    if (state === 'dead') return;
    trace(`${id} goes on`);
    if (state === 'asleep') {
      slept += world.clock.now() - fellAsleep;
      state = 'running';
      for (const timer of timers) arm(timer);
    }
    state = 'running';
    const timersFirst = random.next() < 0.5;
    const order = unheard.toSorted((a, b) => (timersFirst ? 1 : -1) * (Number(b.isTimer) - Number(a.isTimer)));
    unheard = [];
    for (const { isTimer, hear } of order) world.clock.after(0, () => deliver(isTimer, hear));
    touch();
  }

  function kill(): void {
    if (state === 'dead') return;
    state = 'dead';
    machine.alive.delete(id);
    for (const timer of timers) timer.handle?.cancel();
    timers.clear();
    for (const stop of streams) stop();
    touch();
    death.resolve('cut');
  }

  function pass(place: string): boolean {
    if (state === 'dead') return true;
    places += 1;
    const nth = (passed.get(place) ?? 0) + 1;
    passed.set(place, nth);
    for (const blow of blows) {
      if (blow.kind === 'disk') continue;
      const { at } = blow;
      if (at.name === undefined ? at.nth !== places : at.name !== place || at.nth !== nth) continue;
      isStruck = true;
      if (blow.kind === 'crash') {
        trace(`${id} is killed ${place}`);
        count('process killed');
        kill();
        return true;
      }
      if (blow.kind === 'terminate') {
        trace(`${id} gets SIGTERM ${place}`);
        count('SIGTERM');
        world.clock.after(0, () => deliver(false, () => asked.abort(terminated())));
      } else {
        hold(blow.kind, blow.seconds);
      }
    }
    return false;
  }

  /** Resolves in a turn of its own, as soon as the process can hear it, and `delayMs` later at the earliest. */
  function heard(delayMs = 0): Promise<void> {
    if (state === 'running' && delayMs === 0) return Promise.resolve();
    return new Promise((resolve) => {
      if (delayMs === 0) deliver(false, resolve);
      else world.clock.after(delayMs, () => deliver(false, resolve));
    });
  }

  /** Requests and answers overtake each other now and then. */
  const latency = (): number => (random.next() < 0.25 ? random.int(1, 120) : 0);

  const onTheWay = async (): Promise<void> => {
    const delay = latency();
    if (delay === 0) return;
    await new Promise<void>((resolve) => {
      world.clock.after(delay, () => {
        touch();
        resolve();
      });
    });
  };

  const through = (handler: SimHandler, part: string): SimHandler => {
    const outside = stage.network(handler, part, () => {
      isStruck = true;
    });
    return async (request) => {
      const operation = operationName(request);
      if (pass(`before ${operation}`)) return never;
      stage.watch.sending(id, operation, request);
      await onTheWay();
      let response: SimResponse;
      try {
        response = await outside(request);
      } catch (error) {
        if (pass(`after ${operation}`)) return never;
        await heard(latency());
        throw error;
      }
      return await arrive(operation, response);
    };
  };

  async function arrive(operation: string, response: SimResponse): Promise<SimResponse> {
    if (pass(`after ${operation}`)) {
      if (typeof response.body !== 'string') response.body.start(deaf)();
      return never;
    }
    await heard(latency());
    return typeof response.body === 'string' ? response : { ...response, body: hearing(response.body) };
  }

  function hearing(stream: SimStream): SimStream {
    return {
      start(sink) {
        const end = stream.start({
          write: (chunk) =>
            deliver(false, () => {
              stage.watch.hears(id, chunk);
              sink.write(chunk);
            }),
          end: () => deliver(false, () => sink.end()),
          reset: () => deliver(false, () => sink.reset()),
        });
        const stop = (): void => {
          streams.delete(stop);
          end();
        };
        streams.add(stop);
        return stop;
      },
    };
  }

  const clock: Clock = {
    now: () => world.clock.now() + machine.skewMs,
    monotonic,
    sleep: (milliseconds, signal) =>
      new Promise((resolve, reject) => {
        if (state === 'dead') return;
        if (signal?.aborted) {
          reject(signal.reason);
          return;
        }
        let isOver = false;
        const timer: ProcessTimer = {
          due: monotonic() + Math.max(0, milliseconds),
          handle: undefined,
          fire() {
            signal?.removeEventListener('abort', onAbort);
            if (isOver || pass('after a wait')) return;
            isOver = true;
            deliver(true, resolve);
          },
        };
        function onAbort(): void {
          isOver = true;
          timer.handle?.cancel();
          timers.delete(timer);
          reject(signal?.reason);
        }
        timers.add(timer);
        arm(timer);
        signal?.addEventListener('abort', onAbort, { once: true });
      }),
  };

  const { administrator, cluster } = world;
  const aws = createAwsPorts({
    clock,
    random: () => random.next(),
    region: cluster.region,
    endpoint: 'http://aws.invalid',
    requestHandler: new InProcessHandler(through(world.aws, 'aws'), traffic),
    credentials: { accessKeyId: administrator.accessKeyId, secretAccessKey: administrator.secretAccessKey },
  });
  const kubernetes = await createKubernetesPort({
    clock,
    random: () => random.next(),
    cluster: {
      name: cluster.name,
      ...stage.endpoint,
      token: () => Promise.resolve({ token: administrator.token, expiresAt: Number.POSITIVE_INFINITY }),
    },
    dispatcher: new InProcessDispatcher(through(world.kubernetes, 'kubernetes'), traffic),
  });
  return {
    id,
    ports: { ...aws, kubernetes, tools: noTools, clock },
    lock: createLeaseLock({
      kubernetes,
      clock,
      clusterName,
      isHolderGone: (holder) => holder.startsWith(`${machine.host}_`) && !machine.alive.has(holder),
    }),
    signal: asked.signal,
    traffic,
    dead: death.promise,
    isAlive: () => state !== 'dead',
    isStruck: () => isStruck,
    pass,
    heard: () => heard(random.next() < 0.1 ? random.int(1, 40) : 0),
    disk() {
      writes += 1;
      const blow = blows.find((candidate) => candidate.kind === 'disk' && candidate.nth === writes);
      if (blow?.kind !== 'disk') return 'fine';
      isStruck = true;
      trace(`${id}: the disk refuses to write the journal`);
      count('disk error');
      return blow.half ? 'tears' : 'refuses';
    },
    kill,
  };
}

const terminated = (): MigrateError =>
  new MigrateError({
    code: 'RUN.TERMINATED',
    message: 'Stopped by SIGTERM.',
    why: 'The story says so.',
    nextActions: ['run the same command again'],
    exitCode: 143,
  });
