/**
 * What goes wrong while pods move, in whole migrations: where the run stops it names object, reason and the next command, and
 * when the cause is gone the same command goes on to the end. By the world's own count no budget is broken, and each pod
 * moves once.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { blockers } from '../../src/domain/finding.ts';
import type { MigrateError } from '../../src/domain/migrate-error.ts';
import type { MigrationPlan, PlanRequest } from '../../src/domain/plan.ts';
import type { RunResult } from '../../src/engine/run.ts';
import type {
  Deployment,
  Event,
  Job,
  Node,
  Pod,
  PodDisruptionBudget,
  ReplicaSet,
  ResourceQuota,
} from '../../src/simulator/kubernetes/objects.ts';
import { isReady } from '../../src/simulator/kubernetes/pods.ts';
import type { Scenario } from '../../src/simulator/scenario.ts';
import {
  budget,
  demoCluster,
  deployment,
  nodegroup,
  statefulSet,
  threeSubnets,
} from '../../src/simulator/scenarios/parts.ts';
import { drive } from '../../src/simulator/virtual-time.ts';
import { createWorld, type World, type WorldOptions } from '../../src/simulator/world.ts';
import { memoryJournal } from '../support/sample-plan.ts';
import { planFor, startProcess } from './migration.ts';

const subnets = threeSubnets();
const minute = 60_000;

type Others = Pick<Partial<Scenario>, 'workloads' | 'budgets' | 'quotas' | 'services' | 'webhooks'>;

/** Three nodes with a service under a budget of one at a time, and what else a story needs. */
const cluster = (more: Others = {}): Scenario =>
  demoCluster({
    ...more,
    name: 'troubles',
    title: '',
    subnets,
    nodegroups: [nodegroup('general', 3, subnets)],
    workloads: [deployment('shop', 'web', 9), ...(more.workloads ?? [])],
    budgets: [budget('shop', 'web', { maxUnavailable: 2 }), ...(more.budgets ?? [])],
  });

interface Story {
  world: World;
  plan: MigrationPlan;
  /** Runs the same command (again), to its end. */
  apply(): Promise<RunResult>;
  /** apply, which stops: what it says; nothing of it breaks a budget */
  stops(): Promise<MigrateError>;
  /** apply, which comes to the end: all is as it should be then */
  ends(): Promise<void>;
  nodesOf(nodegroupName: string | undefined): Node[];
  podsOf(name: string): Pod[];
  evictions(): number;
}

/**
 * A migration that is ready to drain: everything before is done. Blocking findings are accepted, as somebody does who
 * insists. `world` may be changed by the story, as by others in the cluster.
 */
async function readyToDrain(
  scenario: Scenario,
  {
    request = {},
    options = {},
    through = (world) => world,
    losesNode = false,
  }: {
    request?: Partial<PlanRequest>;
    options?: WorldOptions;
    through?: (world: World) => World;
    /** a node goes in the story that is not deleted: what that does to budgets is not the run's */
    losesNode?: boolean;
  } = {},
): Promise<Story> {
  const world = through(createWorld(scenario, { seed: 1, ...options }));
  const wanted = { drainTimeoutSeconds: 1200, ...request };
  const first = await planFor(world, wanted);
  const allow = [...new Set(blockers(first.findings).map(({ code }) => code))];
  const plan = allow.length === 0 ? first : await planFor(world, { ...wanted, allow });
  assert.deepEqual(blockers(plan.findings), []);
  const journal = memoryJournal();
  const before = await workloads(world);
  const prepared = await (await startProcess(world)).run(plan, journal, { until: 'cordon' });
  assert.ok(prepared !== 'cut' && prepared.exitCode === 0, prepared !== 'cut' ? prepared.stoppedBy?.message : '');

  const apply = async (): Promise<RunResult> => {
    const result = await (await startProcess(world)).run(plan, journal);
    if (result === 'cut') throw new Error('nobody cut it');
    const { violations } = world.stats().disruptions;
    assert.deepEqual(
      violations.filter(({ cause }) => !(losesNode && cause === 'node-gone')),
      [],
    );
    assert.deepEqual(movedTwice(world), []);
    return result;
  };
  const ends = async (): Promise<void> => {
    const { exitCode, stoppedBy } = await apply();
    assert.equal(exitCode, 0, stoppedBy && `${stoppedBy.code}: ${stoppedBy.message} ${stoppedBy.why}`);
    world.clock.advance(10 * minute);
    assert.deepEqual(Object.keys((await world.snapshotOfState()).outcome.nodegroups), replacements(plan));
    assert.deepEqual(await workloads(world), before);
  };
  const stops = async (): Promise<MigrateError> => {
    const { exitCode, stoppedBy } = await apply();
    assert.equal(exitCode, 6);
    assert.ok(stoppedBy);
    assert.match(stoppedBy.nextActions.at(-1) ?? '', /run the same (apply )?command again/);
    return stoppedBy;
  };
  return {
    world,
    plan,
    apply,
    stops,
    ends,
    nodesOf: (name) =>
      world.store
        .list<Node>('nodes')
        .filter(({ metadata }) => metadata.labels?.['eks.amazonaws.com/nodegroup'] === name),
    podsOf: (name) => world.store.list<Pod>('pods').filter(({ metadata }) => metadata.labels?.['app'] === name),
    evictions: () => world.log.of('k8s:create pods/eviction').filter(({ status }) => status === 201).length,
  };
}

const replacements = (plan: MigrationPlan): string[] =>
  plan.nodegroups.map(({ replacement }) => replacement).toSorted();

/** Pods that are Ready, by workload, DaemonSets left out. */
const workloads = async (world: World): Promise<Record<string, number>> =>
  Object.fromEntries(
    Object.entries((await world.snapshotOfState()).outcome.workloads)
      .filter(([name]) => !name.includes('/DaemonSet/'))
      .map(([name, { ready }]) => [name, ready]),
  );

/** Workloads with more moves than pods. A DaemonSet has its pods wherever a node is. */
const movedTwice = (world: World): unknown[] =>
  world.stats().disruptions.workloads.filter(({ kind, namespace, name, moves }) => {
    const pods = world.store.list<Pod>('pods', namespace).filter(({ metadata }) => metadata.labels?.['app'] === name);
    return kind !== 'DaemonSet' && kind !== 'Pod' && moves > Math.max(1, pods.length);
  });

/** All that a person is told, one line each. */
const told = ({ message, why, nextActions }: MigrateError): string => [message, why, ...nextActions].join('\n');

describe('blocked', () => {
  const payments = cluster({
    workloads: [deployment('shop', 'payments', 3)],
    budgets: [budget('shop', 'payments', { minAvailable: 3 })],
  });

  test('a budget that never allows: arithmetic and way out, which works', async () => {
    const story = await readyToDrain(payments);
    const error = await story.stops();
    assert.match(error.why, /shop\/payments-\S+ on \S+: PDB shop\/payments needs 3 healthy, has 3, expected 3/);
    assert.ok(error.nextActions.includes('kubectl -n shop scale deployment/payments --replicas=4'));
    assert.equal(story.podsOf('payments').length, 3);

    const scaled = (replicas: number): unknown =>
      story.world.store.update<Deployment>('deployments', 'shop', 'payments', ({ spec }) => {
        spec.replicas = replicas;
      });
    scaled(4);
    story.world.clock.advance(minute);
    const { exitCode } = await story.apply();
    assert.equal(exitCode, 0);
    assert.equal(story.podsOf('payments').filter(isReady).length, 4);
  });

  test('a budget that allows again later is waited for', async () => {
    const story = await readyToDrain(payments);
    story.world.clock.after(1.5 * minute, () => {
      story.world.store.update<PodDisruptionBudget>('poddisruptionbudgets', 'shop', 'payments', ({ spec }) => {
        spec.minAvailable = 2;
      });
    });
    await story.ends();
  });

  test('an app that never becomes Ready under a budget: the pod, and the line that lets it go', async () => {
    const story = await readyToDrain(
      cluster({
        workloads: [deployment('shop', 'broken', 3, { neverReady: true })],
        budgets: [budget('shop', 'broken', { minAvailable: 2 })],
      }),
    );
    const error = await story.stops();
    assert.match(told(error), /shop\/broken-\S+ on \S+: PDB shop\/broken needs 2 healthy, has 0/);
    assert.match(told(error), /AlwaysAllow/);
    story.world.store.update<PodDisruptionBudget>('poddisruptionbudgets', 'shop', 'broken', ({ spec }) => {
      spec.unhealthyPodEvictionPolicy = 'AlwaysAllow';
    });
    await story.ends();
  });
});

describe('stuck', () => {
  test('a finalizer keeps a pod that has ended: it holds nothing up', async () => {
    const story = await readyToDrain(cluster());
    const [pod] = story.podsOf('web');
    assert.ok(pod);
    const { name } = pod.metadata;
    story.world.store.update<Pod>('pods', 'shop', name, ({ metadata }) => {
      metadata.finalizers = ['example.com/hold'];
    });
    await story.ends();
  });

  test('new pods find no address on the new nodes: no further evictions, and the sandbox error is told', async () => {
    const story = await readyToDrain(cluster());
    const withoutAddresses = (value: boolean): void => {
      for (const { metadata } of story.nodesOf(story.plan.nodegroups[0]?.replacement)) {
        story.world.store.update<Node>('nodes', undefined, metadata.name, (node) => {
          node.metadata.annotations = {
            ...node.metadata.annotations,
            'sim.prefix-migrate/no-addresses': String(value),
          };
        });
      }
    };
    withoutAddresses(true);
    const error = await story.stops();
    assert.match(told(error), /failed to assign an IP address|FailedCreatePodSandBox/);
    assert.ok(story.evictions() <= 4, `${story.evictions()} pods were evicted into nothing`);
    withoutAddresses(false);
    await story.ends();
  });
});

describe('nodes and pods that come and go', () => {
  test('an old node that is lost counts as drained', async () => {
    const story = await readyToDrain(cluster(), { losesNode: true });
    const [node] = story.nodesOf('general');
    assert.ok(node);
    const { name } = node.metadata;
    // its pods go some time after their node, as the pod collector finds them
    story.world.clock.after(8_000, () => story.world.store.remove('nodes', undefined, name));
    await story.ends();
  });

  test('pods that land on an old node late move as well', async () => {
    const story = await readyToDrain(cluster({ workloads: [deployment('shop', 'slow', 2, { readySeconds: 60 })] }));
    const [node] = story.nodesOf('general');
    assert.ok(node);
    story.world.clock.after(5_000, () => lateReplica(story.world, 'web', node.metadata.name));
    const { exitCode } = await story.apply();
    assert.equal(exitCode, 0);
    assert.equal(story.podsOf('web').filter(isReady).length, 10);
  });

  test('a node that comes to a source late is cordoned and emptied like the others', async () => {
    const slow = cluster({
      workloads: [deployment('shop', 'slow', 9, { readySeconds: 50 })],
      budgets: [budget('shop', 'slow', { maxUnavailable: 1 })],
    });
    const story = await readyToDrain(slow);
    const { ports } = await startProcess(story.world);
    const grown = { minSize: 1, maxSize: 4, desiredSize: 4 };
    await drive(story.world.clock, ports.eks.updateNodegroupScaling('demo', 'general', grown, 'somebody'));
    assert.equal(story.nodesOf('general').length, 3);
    let most = 0;
    story.world.store.subscribe<Node>('nodes', () => {
      most = Math.max(most, story.nodesOf('general').length);
    });
    await story.ends();
    assert.equal(most, 4, 'it never came');
  });

  test('pods that tolerate the cordon come back: told once, not evicted for ever', async () => {
    const story = await readyToDrain(cluster());
    const tolerate = (tolerations: { operator?: string }[]): unknown =>
      story.world.store.update<Deployment>('deployments', 'shop', 'web', ({ spec }) => {
        spec.template.spec.tolerations = tolerations;
      });
    tolerate([{ operator: 'Exists' }]);
    story.world.clock.advance(10 * minute);
    const error = await story.stops();
    assert.match(
      error.why,
      /shop\/web-\S+ on \S+: new pods of Deployment web land on the nodes that are drained again and again/,
    );
    assert.match(error.nextActions[0] ?? '', /^kubectl -n shop get pod web-\S+ -o yaml {2}# take the toleration/);
    assert.ok(story.evictions() < 30, 'evicted again and again');
    tolerate([]);
    story.world.clock.advance(10 * minute);
    await story.ends();
  });

  test('a pod that is made anew right before its eviction: the new one is not touched', async () => {
    const recreated: string[] = [];
    const story = await readyToDrain(cluster({ workloads: [statefulSet('shop', 'db', 3)] }), {
      through: (world) => ({
        ...world,
        kubernetes: (request) => {
          const name = /\/pods\/(db-\d)\/eviction/.exec(request.path)?.[1];
          if (name !== undefined && recreated.length === 0) {
            recreated.push(name);
            const pod = world.store.get<Pod>('pods', 'shop', name);
            world.store.remove('pods', 'shop', name);
            if (pod) recreate(world, pod);
          }
          return world.kubernetes(request);
        },
      }),
    });
    await story.ends();
    assert.equal(recreated.length, 1);
    const answers = story.world.log.of('k8s:create pods/eviction').map(({ status }) => status);
    assert.ok(answers.includes(409), answers.join());
  });
});

describe('an API that is not at its best', () => {
  const operation = 'k8s:create pods/eviction';
  const faults: Record<string, WorldOptions['faults']> = {
    'throttled evictions and reads': [
      { operation, kind: 'throttle', probability: 0.3, retryAfterSeconds: 2 },
      { operation: 'k8s:list *', kind: 'throttle', probability: 0.1 },
    ],
    'lost replies': [{ operation, kind: 'reset-after', probability: 0.3 }],
    'lost requests and errors of the server': [
      { operation, kind: 'reset-before', probability: 0.2 },
      { operation, kind: 'server-error', probability: 0.2 },
    ],
    'watches that are cut': [{ operation: 'k8s:watch *', kind: 'watch-cut', probability: 0.5, events: 3 }],
    'watches from a version that is gone': [{ operation: 'k8s:watch *', kind: 'gone', nth: [1, 2, 4] }],
  };
  for (const [name, given] of Object.entries(faults)) {
    test(`${name}: the drain comes to its end`, async () => {
      const story = await readyToDrain(cluster(), { options: { faults: given ?? [] } });
      await story.ends();
      assert.ok(
        story.world.log.entries.some(({ fault }) => fault !== undefined),
        'nothing went wrong',
      );
    });
  }

  test('a webhook that refuses evictions: its words, and the pod', async () => {
    const told403 = 'admission webhook "guard.example.com" denied the request: change freeze';
    const story = await readyToDrain(cluster(), {
      options: {
        faults: [{ operation, kind: 'webhook-denial', message: told403, nth: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] }],
      },
    });
    const error = await story.stops();
    assert.match(error.why, /shop\/web-\S+ on \S+: .*change freeze/);
    await story.ends();
  });
});

/** Fails the story when a pod is evicted before one with this label is Ready on a new node. */
const notBefore =
  (label: string, value: string) =>
  (world: World): World => ({
    ...world,
    kubernetes: (request) => {
      const [, namespace = '', name = ''] = /namespaces\/([^/]+)\/pods\/([^/]+)\/eviction$/.exec(request.path) ?? [];
      const pod = world.store.get<Pod>('pods', namespace, name);
      if (pod && pod.metadata.labels?.[label] !== value) {
        const there = world.store
          .list<Pod>('pods')
          .some(
            (each) =>
              each.metadata.labels?.[label] === value &&
              isReady(each) &&
              world.store.get<Node>('nodes', undefined, each.spec.nodeName ?? '')?.spec.unschedulable !== true,
          );
        assert.ok(there, `${name} was evicted before ${value} was Ready on a new node`);
      }
      return world.kubernetes(request);
    },
  });

describe('what other pods need comes first', () => {
  test('CoreDNS that runs on old nodes only', async () => {
    const story = await readyToDrain(cluster(), { through: notBefore('k8s-app', 'kube-dns') });
    await story.ends();
  });

  test('a webhook that must answer, with its only pods on old nodes: no pod is refused', async () => {
    const guarded = cluster({
      workloads: [deployment('guard', 'guard', 2, { readySeconds: 20 })],
      budgets: [budget('guard', 'guard', { maxUnavailable: 1 })],
      services: [{ namespace: 'guard', name: 'guard', selector: { app: 'guard' } }],
      webhooks: [
        {
          kind: 'Validating',
          name: 'guard',
          service: { namespace: 'guard', name: 'guard' },
          exceptNamespaces: ['guard', 'kube-system'],
        },
      ],
    });
    const story = await readyToDrain(guarded, { through: notBefore('app', 'guard') });
    await story.ends();
    const refused = story.world.store
      .list<Event>('events')
      .filter(({ reason, message }) => reason === 'FailedCreate' && message?.includes('failed calling webhook'));
    assert.deepEqual(refused, []);
  });
});

describe('workloads of their own kind', () => {
  test('a quota without room for the new pods: who lacks how many, and where the refusal stands', async () => {
    // the budget counts a pod that is not made again as down
    const full = cluster({ quotas: [{ namespace: 'shop', name: 'team', hard: { pods: '9' } }] });
    const story = await readyToDrain(full);
    const limit = (pods: string): unknown =>
      story.world.store.update<ResourceQuota>('resourcequotas', 'shop', 'team', ({ spec }) => {
        spec.hard = { pods };
      });
    limit('7');
    story.world.clock.advance(minute);
    const error = await story.stops();
    assert.match(
      error.why,
      /Deployment shop\/web has 7 of 9 pods, and the 2 missing are not created: FailedCreate: .* exceeded quota: team, requested: pods=1/,
    );
    assert.match(error.nextActions[0] ?? '', /^kubectl -n shop describe replicaset web-/);
    limit('20');
    story.world.clock.advance(10 * minute);
    await story.ends();
  });

  const job = { kind: 'Job' as const, runSeconds: 15 * 60 };
  const withJob = cluster({ workloads: [deployment('shop', 'report', 1, job)] });

  test('a running Job may end with --wait-for-jobs: it is not evicted', async () => {
    const story = await readyToDrain(withJob, { request: { waitForJobsSeconds: 3600, drainTimeoutSeconds: 5400 } });
    assert.equal(story.podsOf('report').filter(({ status }) => status.phase === 'Running').length, 1);
    const { exitCode, stoppedBy } = await story.apply();
    assert.equal(exitCode, 0, stoppedBy?.message);
    const evicted = story.world.log
      .of('k8s:create pods/eviction')
      .filter(({ details }) => details['name']?.startsWith('report'));
    assert.deepEqual(evicted, []);
    const status = story.world.store.get<Job>('jobs', 'shop', 'report')?.status;
    assert.equal(status?.succeeded, 1);
  });

  test('a Job that runs on too long is evicted then, and no sooner', async () => {
    const story = await readyToDrain(withJob, { request: { waitForJobsSeconds: 300, drainTimeoutSeconds: 3600 } });
    const begin = story.world.clock.now();
    const { exitCode } = await story.apply();
    assert.equal(exitCode, 0);
    const [eviction] = story.world.log
      .of('k8s:create pods/eviction')
      .filter(({ details }) => details['name']?.startsWith('report'));
    assert.ok(eviction, 'it was waited for all the same');
    assert.ok(eviction.at - begin >= 300_000, `evicted after ${(eviction.at - begin) / 1000} s`);
  });

  test('a Deployment of one pod with --surge: the new pod is Ready before the old one goes', async () => {
    const lonely = cluster({ workloads: [deployment('shop', 'cart', 1, { readySeconds: 30 })] });
    const story = await readyToDrain(lonely, { request: { surge: ['shop/cart'] } });
    let down = 0;
    story.world.store.subscribe<Pod>('pods', () => {
      if (story.podsOf('cart').filter(isReady).length === 0) down += 1;
    });
    await story.ends();
    assert.equal(down, 0, 'there was a moment without a Ready pod');
    const evicted = story.world.log
      .of('k8s:create pods/eviction')
      .filter(({ details }) => details['name']?.startsWith('cart'));
    assert.deepEqual(evicted, []);
  });
});

/** A pod of the same ReplicaSet that is bound to `nodeName` by somebody, with one replica more. */
function lateReplica(world: World, name: string, nodeName: string): void {
  const [template] = world.store.list<Pod>('pods', 'shop').filter(({ metadata }) => metadata.labels?.['app'] === name);
  assert.ok(template);
  const owner = template.metadata.ownerReferences?.[0]?.name ?? '';
  recreate(world, { ...template, metadata: { ...template.metadata, name: `${name}-late` } }, nodeName);
  world.store.update<ReplicaSet>('replicasets', 'shop', owner, ({ spec }) => {
    spec.replicas = (spec.replicas ?? 0) + 1;
  });
  world.store.update<Deployment>('deployments', 'shop', name, ({ spec }) => {
    spec.replicas = (spec.replicas ?? 0) + 1;
  });
}

/** The same pod with another uid, not scheduled yet unless told. */
function recreate(world: World, { apiVersion, kind, metadata, spec }: Pod, nodeName?: string): void {
  const { name, namespace, labels, annotations, ownerReferences } = metadata;
  const { nodeName: _, ...rest } = spec;
  world.store.create<Pod>('pods', {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ...(ownerReferences && { ownerReferences }),
    },
    spec: { ...rest, ...(nodeName !== undefined && { nodeName }) },
    status: { phase: 'Pending' },
  });
}
