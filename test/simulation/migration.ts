/**
 * A whole migration in one process: the product from survey to the last step, over its real adapters, against a world on
 * the virtual clock. A process can be cut at any place: from then on it hears, sends, writes and waits for nothing more.
 */
import { createAwsPorts } from '../../src/adapters/aws/aws-ports.ts';
import { createKubernetesPort } from '../../src/adapters/kubernetes/kubernetes-port.ts';
import { createLeaseLock } from '../../src/adapters/kubernetes/lease-lock.ts';
import { withSelfManagedGroups } from '../../src/adapters/self-managed.ts';
import { runChecks } from '../../src/checks/index.ts';
import { driftWatch } from '../../src/commands/actions/drift.ts';
import type { RollbackScope } from '../../src/domain/journal-entry.ts';
import type { MigrationPlan, Phase, PlanRequest } from '../../src/domain/plan.ts';
import type { ClusterSnapshot } from '../../src/domain/snapshot.ts';
import { type RunResult, runPlan } from '../../src/engine/run.ts';
import { makePlan } from '../../src/planning/plan.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { JournalStore } from '../../src/ports/journal-store.ts';
import type { Ports } from '../../src/ports/ports.ts';
import type { Reporter } from '../../src/ports/reporter.ts';
import { operationName } from '../../src/simulator/operation-name.ts';
import type { SimHandler, SimResponse } from '../../src/simulator/types.ts';
import { drive } from '../../src/simulator/virtual-time.ts';
import type { World } from '../../src/simulator/world.ts';
import { survey } from '../../src/survey/survey.ts';
import { clockOver } from '../support/fake-cluster.ts';
import { createTraffic, InProcessDispatcher, InProcessHandler } from '../support/in-process.ts';
import { noTools } from '../support/no-tools.ts';
import { aRequest } from '../support/snapshot.ts';
import { templates } from '../support/templates.ts';

/** A place at which a process can be cut, such as `before eks:CreateNodegroup`. */
export type Place = string;

/** One process of the product: everything it does to the outside passes through here. */
export interface SimulatedProcess {
  readonly ports: Ports;
  readonly id: string;
  /** places passed so far */
  readonly places: readonly Place[];
  /** resolves when the process was cut */
  readonly dead: Promise<void>;
  journal(store: CuttableJournal): JournalStore;
  run(
    plan: MigrationPlan,
    journal: CuttableJournal,
    /** `drift: false`: nothing compares the cluster with the plan between phases, so that the steps have to see it */
    options?: {
      until?: Phase;
      consent?: boolean;
      rollback?: RollbackScope;
      drift?: boolean;
      folder?: string;
      warn?: (message: string) => void;
    },
  ): Promise<RunResult | 'cut'>;
}

/** A journal in memory whose text can be cut short, as a crash in the middle of a write leaves it. */
export type CuttableJournal = JournalStore & { text: string };

/** no jitter: every run of one world is the same */
const random = (): number => 0.5;
const never = new Promise<never>(() => undefined);
const silent: Reporter = {
  runStarted: () => undefined,
  line: () => undefined,
  waiting: () => undefined,
  drain: () => undefined,
  warning: () => undefined,
};

let count = 0;
const alive = new Set<string>();

/** @param cutAt number of the place (from 0) at which it dies; it lives on without one */
export async function startProcess(
  world: World,
  cutAt = Number.POSITIVE_INFINITY,
  reporter: Reporter = silent,
  tools: Ports['tools'] = noTools,
): Promise<SimulatedProcess> {
  const id = `host_${++count}`;
  const traffic = createTraffic();
  const places: Place[] = [];
  const cancellations = new Set<() => void>();
  const death = Promise.withResolvers<void>();
  let dead = false;
  let started = false;
  alive.add(id);

  /** True when the process is (now) dead: whoever asked must never be answered. */
  function pass(place: Place): boolean {
    if (dead) return true;
    if (!started || places.push(place) <= cutAt) return false;
    dead = true;
    alive.delete(id);
    for (const cancel of cancellations) cancel();
    death.resolve();
    return true;
  }

  const through =
    (handler: SimHandler): SimHandler =>
    async (request) => {
      const operation = operationName(request);
      if (pass(`before ${operation}`)) return never;
      const response = await handler(request);
      if (pass(`after ${operation}`)) {
        if (typeof response.body !== 'string') response.body.start(deaf)();
        return never;
      }
      return typeof response.body === 'string' ? response : { ...response, body: cuttable(response.body) };
    };

  /** A stream whose reader may die: the server then sees it go away. */
  function cuttable(stream: Exclude<SimResponse['body'], string>): Exclude<SimResponse['body'], string> {
    return {
      start(sink) {
        const stop = stream.start({
          write: (chunk) => dead || sink.write(chunk),
          end: () => dead || sink.end(),
          reset: () => dead || sink.reset(),
        });
        const cancel = (): void => {
          cancellations.delete(cancel);
          stop();
        };
        cancellations.add(cancel);
        return cancel;
      },
    };
  }

  const worldClock = clockOver(world.clock);
  const clock: Clock = {
    now: () => worldClock.now(),
    monotonic: () => worldClock.monotonic(),
    async sleep(milliseconds, signal) {
      if (dead) return never;
      const ended = new AbortController();
      const cancel = (): void => ended.abort(new Error('cut'));
      cancellations.add(cancel);
      try {
        await worldClock.sleep(milliseconds, AbortSignal.any([ended.signal, ...(signal ? [signal] : [])]));
      } catch (error) {
        return dead ? never : Promise.reject(error);
      } finally {
        cancellations.delete(cancel);
      }
      return pass(`after a wait of ${milliseconds} ms`) ? never : undefined;
    },
  };

  const { administrator, cluster } = world;
  const aws = createAwsPorts({
    clock,
    random,
    region: cluster.region,
    endpoint: 'http://aws.invalid',
    requestHandler: new InProcessHandler(through(world.aws), traffic),
    credentials: { accessKeyId: administrator.accessKeyId, secretAccessKey: administrator.secretAccessKey },
  });
  const { endpoint, certificateAuthorityData } = await drive(world.clock, aws.eks.describeCluster(cluster.name));
  const kubernetes = await createKubernetesPort({
    clock,
    random,
    cluster: {
      name: cluster.name,
      endpoint,
      certificateAuthorityData,
      token: () => Promise.resolve({ token: administrator.token, expiresAt: Number.POSITIVE_INFINITY }),
    },
    dispatcher: new InProcessDispatcher(through(world.kubernetes), traffic),
  });
  started = true;
  let toolsAtWork = 0;
  const countedTools: Ports['tools'] = {
    ...tools,
    async run(...call) {
      toolsAtWork += 1;
      return await tools.run(...call).finally(() => {
        toolsAtWork -= 1;
      });
    },
  };
  const ports: Ports = withSelfManagedGroups({ ...aws, kubernetes, tools: countedTools, clock });

  const journal = (store: CuttableJournal): JournalStore => ({
    read: () => (dead ? never : store.read()),
    async append(at, entry) {
      if (pass(`before ${entry.type}`)) return never;
      const before = store.text;
      const line = await store.append(at, entry);
      if (pass(`in the middle of ${entry.type}`)) {
        store.text = before + store.text.slice(before.length, (before.length + store.text.length) / 2);
        return never;
      }
      return pass(`after ${entry.type}`) ? never : line;
    },
  });

  return {
    ports,
    id,
    places,
    dead: death.promise,
    journal,
    async run(
      plan,
      store,
      { until, consent = true, rollback, drift = rollback === undefined, folder, warn = () => undefined } = {},
    ) {
      const { signal } = new AbortController();
      const pollIntervalMilliseconds = 15_000;
      const work = runPlan({
        plan,
        ports,
        journal: journal(store),
        lock: createLeaseLock({
          kubernetes,
          clock,
          clusterName: plan.cluster.name,
          isHolderGone: (holder) => !alive.has(holder),
        }),
        reporter,
        options: {
          ...(until && { until }),
          ...(rollback && { rollback }),
          ...(folder !== undefined && { folder }),
          consent: { given: consent, by: 'test', how: 'confirm-flag' },
          ...(drift && {
            beforePhase: driftWatch({
              plan,
              folder: 'DIR',
              ports,
              command: 'apply',
              signal,
              warn,
              pollIntervalMilliseconds,
            }),
          }),
          pollIntervalMilliseconds,
          command: rollback ? 'rollback' : 'apply',
          signal,
          runId: id,
        },
      });
      return drive(world.clock, Promise.race([work, death.promise.then(() => 'cut' as const)]), {
        inFlight: () => traffic.inFlight(),
        isWaitedFor: () => toolsAtWork > 0,
        limitMs: 7 * 86_400_000,
      });
    },
  };
}

const deaf = { write: () => undefined, end: () => undefined, reset: () => undefined };

/** Survey and plan, as the command makes them. */
export async function surveyAndPlan(
  world: World,
  request: Partial<PlanRequest> = {},
): Promise<{ snapshot: ClusterSnapshot; plan: MigrationPlan }> {
  const { ports } = await startProcess(world);
  const wanted = aRequest({ clusterName: world.cluster.name, ...request });
  const snapshot = await drive(
    world.clock,
    survey(ports, { clusterName: world.cluster.name, subnetIds: wanted.subnetIds }),
  );
  const plan = makePlan({
    snapshot,
    request: wanted,
    findings: runChecks(snapshot, wanted, scopeOf(snapshot, wanted)),
    toolVersion: '0.0.0-test',
    templates,
  });
  return { snapshot, plan };
}

export const planFor = async (world: World, request: Partial<PlanRequest> = {}): Promise<MigrationPlan> =>
  (await surveyAndPlan(world, request)).plan;
