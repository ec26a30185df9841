/** One contender, one cluster, one seed: runs it on the virtual clock, and counts what it does to the cluster. */
import type { StepProgress } from '../../src/domain/journal-entry.ts';
import type { StepParams } from '../../src/domain/plan.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { operationName } from '../../src/simulator/operation-name.ts';
import type { Scenario } from '../../src/simulator/scenario.ts';
import type { KubeObject, SimHandler, SimResponse } from '../../src/simulator/types.ts';
import { drive } from '../../src/simulator/virtual-time.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { clockOver } from '../support/fake-cluster.ts';
import { controllerOf, type PodObject, type Process } from './client.ts';

/** A cluster to drain, as it is for one seed. */
export interface Case {
  scenario: Scenario;
  /** node groups to empty; the others have `closedTaint` until the world has settled */
  sources: string[];
  /** seconds from the first moment at which everything that can move can have left */
  boundSeconds: number;
  /** pods that can never leave */
  stays: number;
  /** the right end when some stay: what the message must say, and how long after the last pod left at the latest */
  refusal?: { says: RegExp; withinSeconds: number };
  params: StepParams['drain-source'];
  faults?: FaultRule[];
  /** round trip of a request; watch events take half of it */
  latencyMs?: number;
  /** the program is killed when this share of the pods has left, and started again at once */
  killedAt?: number;
  /** what other people do meanwhile */
  meanwhile?: (rig: { world: World; after: (seconds: number, act: () => void) => void }) => void;
}

export interface Contender {
  name: string;
  /** Resolves with null, or with what it says when it gives up. */
  run: (run: Run) => Promise<string | null>;
}

/** What a contender gets. */
export interface Run {
  process: Process;
  params: StepParams['drain-source'];
  /** ours only: outlives a kill */
  journal: StepProgress[];
  /** names of the source nodes */
  nodes: () => string[];
  /** pods of a node that have to leave it, as a watch cache has them */
  podsOn: (node: string) => PodObject[];
  /** cordons source nodes that came later */
  cordonLate: () => void;
  /** it was killed, or its time is over */
  stopped: () => boolean;
}

export interface Result {
  contender: string;
  seed: number;
  /** until everything that can move had left; Infinity when it did not */
  seconds: number;
  boundSeconds: number;
  /** until it ended by itself; Infinity when it did not */
  endedAfterSeconds: number;
  ending: string | null;
  /** some pods must stay, and it said which and why in time */
  refusedRightly: boolean;
  /** how often it was started */
  runs: number;
  nodes: number;
  pods: number;
  /** by verb, resource and status, such as `create pods/eviction 201`; one `patch nodes 200` per node for the cordon */
  calls: Record<string, number>;
  violations: number;
  /** pods evicted for each that had to move */
  movesPerPod: number;
  /** accepted evictions of pods that were on no source node */
  wrongPods: number;
  /** most pods of one workload without budget that were down at a time, as a share of it */
  mostDown: number;
}

export const closedTaint = { key: 'bench/closed', value: 'yes', effect: 'NO_SCHEDULE' } as const;
const nodegroupLabel = 'eks.amazonaws.com/nodegroup';
const defaultLatencyMs = 20;
/** Who is not done after so long will not be. */
const longestSeconds = 3600;
/** A program that gives up is started again, as a person would, until so many runs in a row moved nothing. */
const idleRuns = 5;
const never = new Promise<never>(() => undefined);

/** The world of a case, settled: every pod is on the source, the source is cordoned and the replacement open. */
export interface Seat {
  world: World;
  /** names of the source nodes, in the order of the API */
  nodes: () => string[];
  /** cordons those that are not; one PATCH each is counted */
  cordon: () => void;
  cordoned: () => number;
}

/** @param clock a virtual one unless told */
export function prepare(given: Case, seed: number, clock?: World['clock']): Seat {
  const world = createWorld(given.scenario, { seed, faults: given.faults ?? [], ...(clock && { clock }) });
  const resume = world.clock.stop();
  const { store } = world;
  let cordoned = 0;
  const nodes = (): string[] =>
    store
      .list('nodes')
      .filter((node) => isSource(given, node))
      .map(({ metadata }) => metadata.name)
      .toSorted();
  const cordon = (): void => {
    for (const name of nodes()) {
      if (store.get<NodeShape>('nodes', undefined, name)?.spec.unschedulable) continue;
      cordoned += 1;
      store.update<NodeShape>('nodes', undefined, name, ({ spec }) => {
        spec.unschedulable = true;
      });
    }
  };
  for (const { metadata } of store.list('nodes')) {
    store.update<NodeShape>('nodes', undefined, metadata.name, ({ spec }) => {
      spec.taints = (spec.taints ?? []).filter(({ key }) => key !== closedTaint.key);
    });
  }
  cordon();
  world.clock.advance(1_000);
  resume();
  return { world, nodes, cordon, cordoned: () => cordoned };
}

const isSource = ({ sources }: Case, { metadata }: KubeObject): boolean =>
  sources.includes(metadata.labels?.[nodegroupLabel] ?? '');

/** What happens to the cluster from now on. */
export interface Observed {
  /** the API of the world, with every request noted */
  handler: SimHandler;
  mustMove: (pod: PodObject) => boolean;
  left(): number;
  gone(): number;
  toMove(): number;
  /** until all that can move had left; Infinity when it has not */
  seconds(): number;
  result(): Pick<
    Result,
    'seconds' | 'nodes' | 'pods' | 'calls' | 'violations' | 'movesPerPod' | 'wrongPods' | 'mostDown'
  >;
}

/** @param onGone called for each pod that left the source */
export function observe({ world, nodes, cordoned }: Seat, given: Case, onGone: () => void = () => undefined): Observed {
  const { store, clock } = world;
  const onSource = new Set(nodes());
  const mustMove = (pod: PodObject): boolean =>
    onSource.has(pod.spec.nodeName ?? '') && controllerOf(pod)?.kind !== 'DaemonSet';
  const left = new Set(store.list<Stored>('pods').filter(mustMove).map(uidOf));
  const evicted = new Set<string>();
  const calls: Record<string, number> = {};
  const down = watchDown(world);
  const begin = clock.now();
  let toMove = left.size;
  let gone = 0;
  let lastLeft = begin;
  let wrongPods = 0;

  store.subscribe<NodeShape>('nodes', ({ object }) => {
    if (isSource(given, object)) onSource.add(object.metadata.name);
  });
  store.subscribe<Stored>('pods', ({ type, object }) => {
    const { uid } = object.metadata;
    if (type === 'DELETED') {
      if (!left.delete(uid)) return;
      gone += 1;
      lastLeft = clock.now();
      onGone();
    } else if (mustMove(object) && !left.has(uid)) {
      left.add(uid);
      toMove += 1;
    }
  });

  const note = (call: string): void => {
    calls[call] = (calls[call] ?? 0) + 1;
  };
  const handler: SimHandler = async (request) => {
    const [, namespace, name = ''] = /\/namespaces\/([^/]+)\/pods\/([^/]+)\/eviction/.exec(request.path) ?? [];
    const pod = namespace === undefined ? undefined : store.get<Stored>('pods', namespace, name);
    const hadMoved = pod !== undefined && !left.has(pod.metadata.uid);
    const operation = operationName(request).replace('k8s:', '');
    try {
      const response = await world.kubernetes(request);
      note(`${operation} ${response.status}`);
      if (pod && response.status === 201) {
        evicted.add(pod.metadata.uid);
        if (hadMoved) wrongPods += 1;
      }
      return response;
    } catch (error) {
      note(`${operation} reset`);
      throw error;
    }
  };
  const seconds = (): number => (left.size > given.stays ? Number.POSITIVE_INFINITY : (lastLeft - begin) / 1000);

  return {
    handler,
    mustMove,
    left: () => left.size,
    gone: () => gone,
    toMove: () => toMove,
    seconds,
    result: () => ({
      seconds: seconds(),
      nodes: onSource.size,
      pods: toMove,
      calls: { ...calls, [cordonCall]: (calls[cordonCall] ?? 0) + cordoned() },
      violations: world.stats().disruptions.violations.filter(({ cause }) => cause === 'eviction').length,
      movesPerPod: evicted.size / Math.max(1, gone),
      wrongPods,
      mostDown: down(),
    }),
  };
}

const cordonCall = 'patch nodes 200';

export async function runCase(contender: Contender, given: Case, seed: number): Promise<Result> {
  const seat = prepare(given, seed);
  const { world, nodes, cordon } = seat;
  const { clock } = world;
  const begin = clock.now();
  const journal: StepProgress[] = [];
  let kill: (() => void) | undefined;
  let killedAt = given.killedAt;
  let over = false;
  const seen = observe(seat, given, () => {
    if (killedAt === undefined || seen.gone() < killedAt * seen.toMove()) return;
    killedAt = undefined;
    kill?.();
  });

  function start(): { run: Run; killed: Promise<'killed'> } {
    const death = Promise.withResolvers<'killed'>();
    let dead = false;
    kill = () => {
      dead = true;
      death.resolve('killed');
    };
    const worldClock = clockOver(clock);
    const api = delayed(seen.handler, clock, given.latencyMs ?? defaultLatencyMs);
    return {
      killed: death.promise,
      run: {
        process: {
          token: world.administrator.token,
          clock: {
            now: () => worldClock.now(),
            monotonic: () => worldClock.monotonic(),
            async sleep(milliseconds, signal) {
              await worldClock.sleep(milliseconds, signal);
              return dead ? never : undefined;
            },
          },
          async handler(request) {
            if (dead) return never;
            const response = await api(request);
            return dead ? never : mutedBy(() => dead, response);
          },
        },
        params: given.params,
        journal,
        nodes,
        podsOn: (node) => world.store.podsOnNode<Stored>(node).filter(seen.mustMove),
        cordonLate: cordon,
        stopped: () => dead || over,
      },
    };
  }

  let runs = 0;
  let ending: string | null = null;
  let endedAfterSeconds = Number.POSITIVE_INFINITY;
  async function work(): Promise<void> {
    for (let idle = 0; idle < idleRuns; ) {
      runs += 1;
      const before = seen.gone();
      const { run, killed } = start();
      const end = await Promise.race([contender.run(run), killed]);
      if (end === 'killed') continue;
      ending = end;
      endedAfterSeconds = Math.min(endedAfterSeconds, (clock.now() - begin) / 1000);
      if (seen.left() <= given.stays) break;
      idle = seen.gone() === before ? idle + 1 : 0;
    }
  }
  const timeUp = clockOver(clock).sleep(longestSeconds * 1000);
  given.meanwhile?.({ world, after: (seconds, act) => void clock.after(seconds * 1000, act) });
  await drive(clock, Promise.race([work(), timeUp]));
  over = true;

  const result = seen.result();
  const { refusal } = given;
  return {
    ...result,
    contender: contender.name,
    seed,
    boundSeconds: given.boundSeconds,
    endedAfterSeconds,
    ending,
    refusedRightly:
      refusal?.says.test(ending ?? '') === true && endedAfterSeconds - result.seconds <= refusal.withinSeconds,
    runs,
  };
}

type Stored = PodObject & KubeObject & { metadata: { namespace: string } };
type NodeShape = KubeObject & { spec: { unschedulable?: boolean; taints?: { key: string }[] } };

const uidOf = ({ metadata }: PodObject): string => metadata.uid;

/** A request travels half of the time each way, and so does each event of a watch. */
function delayed(handler: SimHandler, clock: World['clock'], latencyMs: number): SimHandler {
  const later = (act: () => void): void => void clock.after(latencyMs / 2, act);
  const half = (): Promise<void> => new Promise((resolve) => later(resolve));
  return async (request) => {
    await half();
    let response: SimResponse;
    try {
      response = await handler(request);
    } finally {
      await half();
    }
    const { body } = response;
    if (typeof body === 'string') return response;
    return {
      ...response,
      body: {
        start: (sink) =>
          body.start({
            write: (chunk) => later(() => sink.write(chunk)),
            end: () => later(() => sink.end()),
            reset: () => later(() => sink.reset()),
          }),
      },
    };
  };
}

/** A killed process hears nothing more. */
function mutedBy(dead: () => boolean, response: SimResponse): SimResponse {
  const { body } = response;
  if (typeof body === 'string') return response;
  return {
    ...response,
    body: {
      start: (sink) =>
        body.start({
          write: (chunk) => dead() || sink.write(chunk),
          end: () => dead() || sink.end(),
          reset: () => dead() || sink.reset(),
        }),
    },
  };
}

/** Share of its pods that a workload without a budget missed at most: what nothing but a program's own care protects. */
function watchDown({ scenario, store }: World): () => number {
  const guarded = new Set(scenario.budgets.map(({ namespace, selector }) => `${namespace}/${selector['app']}`));
  const loose = new Map(
    scenario.workloads
      .filter(({ kind, name, namespace }) => kind === 'Deployment' && !guarded.has(`${namespace}/${name}`))
      .filter(({ namespace }) => namespace !== 'kube-system')
      .map(({ namespace, name, replicas }) => [
        `${namespace}/${name}`,
        { replicas, ready: new Set<string>(), least: replicas },
      ]),
  );
  const look = (pod: Stored, removed: boolean): void => {
    const workload = loose.get(`${pod.metadata.namespace}/${pod.metadata.labels?.['app']}`);
    if (!workload) return;
    const ready = pod.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
    if (ready && !removed && pod.metadata.deletionTimestamp === undefined) workload.ready.add(pod.metadata.uid);
    else workload.ready.delete(pod.metadata.uid);
  };
  for (const pod of store.list<Stored>('pods')) look(pod, false);
  store.subscribe<Stored>('pods', ({ type, object }) => {
    look(object, type === 'DELETED');
    for (const workload of loose.values()) workload.least = Math.min(workload.least, workload.ready.size);
  });
  return () => Math.max(0, ...[...loose.values()].map(({ replicas, least }) => (replicas - least) / replicas));
}
