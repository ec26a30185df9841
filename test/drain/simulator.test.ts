/** The loop over the real Kubernetes adapter against the embedded world, in one process and in virtual time. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { createKubernetesPort } from '../../src/adapters/kubernetes/kubernetes-port.ts';
import type { StepProgress } from '../../src/domain/journal-entry.ts';
import { drain } from '../../src/drain/drain.ts';
import type { Scenario, WorkloadSpec } from '../../src/simulator/scenario.ts';
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
import { settings } from '../support/drain-run.ts';
import { clockOver } from '../support/fake-cluster.ts';
import { createTraffic, InProcessDispatcher } from '../support/in-process.ts';

const subnets = threeSubnets();
const onOld = { nodeSelector: { fleet: 'x' } };

/** Two groups with the same labels: pods of the first can move to the second. */
function scenario(workloads: WorkloadSpec[], budgets: Scenario['budgets']): Scenario {
  const labels = { fleet: 'x' };
  return demoCluster({
    name: 'drain',
    title: 'two equal groups',
    subnets,
    nodegroups: [nodegroup('old', 4, subnets, { labels }), nodegroup('new', 5, subnets, { labels })],
    workloads,
    budgets,
  });
}

interface Result {
  world: World;
  seconds: number;
  moved: number;
  journal: StepProgress[];
  answers: (number | string)[];
}

async function drainWorld(given: Scenario, options: WorldOptions): Promise<Result> {
  const world = createWorld(given, options);
  const clock = clockOver(world.clock);
  const traffic = createTraffic();
  const kubernetes = await createKubernetesPort({
    clock,
    random: () => 0.5,
    cluster: {
      name: world.cluster.name,
      endpoint: 'https://kubernetes.invalid',
      certificateAuthorityData: '',
      token: () => Promise.resolve({ token: world.administrator.token, expiresAt: Number.POSITIVE_INFINITY }),
    },
    dispatcher: new InProcessDispatcher(world.kubernetes, traffic),
  });
  const journal: StepProgress[] = [];
  let begin = 0;
  let moved = 0;
  const work = async (): Promise<void> => {
    const nodes = await kubernetes.listNodes('old');
    for (const node of nodes) await kubernetes.cordon(node.name, node.uid, { key: 'test/cordoned', value: 'yes' });
    const names = new Set(nodes.map(({ name }) => name));
    const pods = await kubernetes.listPods();
    moved = pods.filter((pod) => names.has(pod.nodeName ?? '') && pod.controller?.kind !== 'DaemonSet').length;
    begin = clock.now();
    await drain(
      settings,
      { kubernetes, clock },
      {
        signal: new AbortController().signal,
        state: { evictions: {}, podsGone: [] },
        drainStatus: () => undefined,
        progress: async (progress) => void journal.push(progress),
      },
    );
    const left = (await kubernetes.listPods()).filter(
      (pod) => names.has(pod.nodeName ?? '') && pod.controller?.kind !== 'DaemonSet',
    );
    assert.deepEqual(left, []);
  };
  await drive(world.clock, work(), { inFlight: () => traffic.inFlight() });
  const answers = world.log.of('k8s:create pods/eviction').map(({ status }) => status);
  return { world, seconds: (clock.now() - begin) / 1000, moved, journal, answers };
}

const mixed = scenario(
  [
    deployment('shop', 'web', 12, { ...onOld, readySeconds: 20 }),
    deployment('shop', 'api', 6, { ...onOld, readySeconds: 20 }),
    deployment('shop', 'plain', 8, { ...onOld, readySeconds: 20 }),
    statefulSet('shop', 'db', 3, { ...onOld, readySeconds: 20, terminationSeconds: 10 }),
  ],
  [
    budget('shop', 'web', { maxUnavailable: 2 }),
    budget('shop', 'api', { minAvailable: 5 }),
    budget('shop', 'db', { maxUnavailable: 1 }),
  ],
);

test('a mixed cluster: one accepted request per pod, no budget broken', async () => {
  for (const seed of [1, 2, 3]) {
    const { world, moved, answers, journal, seconds } = await drainWorld(mixed, { seed });
    const moves = (workload: string): number =>
      journal.filter((entry) => entry.kind === 'eviction-intent' && entry.pod.startsWith(`shop/${workload}-`)).length;
    const bounds = [Math.ceil(moves('web') / 2), moves('api'), Math.ceil(moves('plain') / 2)];
    const bound = (Math.max(...bounds) - 1) * 20 + 3;
    assert.ok(moved > 10);
    assert.ok(seconds / bound <= 1.05, `${seconds} s, at least ${bound} s`);
    assert.deepEqual(answers, Array(moved).fill(201));
    const { budgetViolations, evictionsPerPod } = world.stats();
    assert.deepEqual([budgetViolations, evictionsPerPod <= 1], [0, true]);
    assert.equal(journal.filter(({ kind }) => kind === 'pod-gone').length, moved);
  }
});

test('under faults: every pod leaves, no budget broken', async () => {
  const operation = 'k8s:create pods/eviction';
  const faults: NonNullable<WorldOptions['faults']> = [
    { operation, kind: 'throttle', probability: 0.1, retryAfterSeconds: 1 },
    { operation, kind: 'reset-after', probability: 0.1 },
    { operation, kind: 'reset-before', probability: 0.1 },
    { operation, kind: 'server-error', probability: 0.05 },
    { operation: 'k8s:watch *', kind: 'watch-cut', probability: 0.3, events: 7 },
    { operation: 'k8s:watch *', kind: 'gone', probability: 0.2 },
  ];
  for (const seed of [1, 2, 3]) {
    const { world, moved, answers } = await drainWorld(mixed, { seed, faults });
    assert.equal(world.stats().budgetViolations, 0);
    assert.ok(answers.length > moved);
    assert.ok(answers.filter((status) => status === 429).length < moved);
  }
});
