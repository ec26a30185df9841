/** What goes wrong in a drain: each ends as a named state with object, reason and next command. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { MigrateError } from '../../src/domain/migrate-error.ts';
import type { StepParams } from '../../src/domain/plan.ts';
import type { StepState } from '../../src/domain/run-state.ts';
import { stateOf } from '../../src/drain/core.ts';
import { stuckError } from '../../src/drain/report.ts';
import { nothingEarlier } from '../../src/drain/state.ts';
import { drainOf, emptyJournal, many, type Outcome, run, settings } from '../support/drain-run.ts';
import { createFakeCluster, type FakeCluster, type FakeWorkload } from '../support/fake-cluster.ts';
import { aNode, aPod } from '../support/snapshot.ts';

const one = (workload: Partial<FakeWorkload> = {}): FakeWorkload => ({
  name: 'web',
  replicas: 4,
  readySeconds: 20,
  terminationSeconds: 10,
  ...workload,
});

interface Trouble {
  name: string;
  workloads: FakeWorkload[];
  params?: Partial<StepParams['drain-source']>;
  meanwhile?: (cluster: FakeCluster) => void;
  code: 'DRAIN.DEADLINE' | 'DRAIN.STUCK';
  why: RegExp;
  next: RegExp;
  /** of a live status on the way */
  line?: RegExp;
  accepted: number;
}

const troubles: Trouble[] = [
  {
    name: 'a budget that blocks for ever',
    workloads: [one({ budget: { minAvailable: 4 } })],
    code: 'DRAIN.STUCK',
    why: /^shop\/web-\d on old-\d: PDB shop\/web needs 4 healthy, has 4, expected 4(?:, for \w+)?: it never allows an eviction$/m,
    next: /^kubectl -n shop scale replicaset\/web --replicas=5$/,
    accepted: 0,
  },
  {
    name: 'a replacement that is never healed',
    workloads: [one({ budget: { maxUnavailable: 1 }, readySeconds: null })],
    code: 'DRAIN.DEADLINE',
    why: /PDB shop\/web needs 3 healthy, has 3, expected 4(?:, for \w+)?; shop\/web-4 is not Ready: CrashLoopBackOff: app exits with 1/,
    next: /^kubectl -n shop logs web-4 --previous$/,
    accepted: 1,
  },
  {
    name: 'crash-looping at the floor of the budget',
    workloads: [one({ unready: 2, budget: { maxUnavailable: 1 } })],
    code: 'DRAIN.DEADLINE',
    why: /needs 3 healthy, has 2, expected 4(?:, for \w+)?; shop\/web-0 is not Ready: CrashLoopBackOff/,
    next: /^kubectl -n shop logs web-0 --previous$/,
    accepted: 0,
  },
  {
    name: 'stuck terminating with a finalizer',
    workloads: [one({ budget: { maxUnavailable: 4 }, finalizers: ['example.com/backup'] })],
    code: 'DRAIN.DEADLINE',
    why: /it should have ended \S+ ago, and is held by the finalizer example\.com\/backup/,
    next: /kubectl -n shop get pod web-\d -o jsonpath='\{\.metadata\.finalizers\}'/,
    line: /^waits shop\/web-\d on old-\d: it should have ended .* held by the finalizer example\.com\/backup/,
    accepted: 4,
  },
  {
    name: 'stuck terminating on a node that is not Ready',
    workloads: [one({ budget: { maxUnavailable: 4 }, neverEnds: true })],
    meanwhile: (cluster) => {
      for (const name of ['old-1', 'old-2'])
        cluster.virtual.after(5000, () => cluster.changeNode(name, { ready: false }));
    },
    code: 'DRAIN.DEADLINE',
    why: /it should have ended \S+ ago, and node old-\d is not Ready/,
    next: /^kubectl describe node old-\d$/,
    accepted: 4,
  },
  {
    name: 'new pods denied by a quota, under a budget',
    workloads: [one({ kind: 'Deployment', budget: { maxUnavailable: 1 }, quota: true })],
    code: 'DRAIN.DEADLINE',
    why: /needs 3 healthy, has 3, expected 4(?:, for \w+)?; Deployment shop\/web has 3 of 4 pods, and the missing one is not created: FailedCreate: Error creating: pods "web-h1-x" is forbidden: exceeded quota: tenant/,
    next: /^kubectl -n shop describe replicaset web-h1$/,
    accepted: 1,
  },
  {
    name: 'new pods denied by a quota, without a budget',
    workloads: [one({ quota: true, replicas: 8 })],
    code: 'DRAIN.DEADLINE',
    why: /ReplicaSet shop\/web has no PDB: 2 of 8 down, at most 2 may be(?:, for \w+)?; ReplicaSet shop\/web has 6 of 8 pods, and the 2 missing are not created: FailedCreate: .* exceeded quota: tenant/,
    next: /^kubectl -n shop describe replicaset web$/,
    line: /^waits shop\/web-\d on old-\d: .* not created: FailedCreate: /,
    accepted: 2,
  },
  {
    name: 'no room on the new nodes',
    workloads: [
      one({ noRoom: true, budget: { maxUnavailable: 1 } }),
      one({ name: 'api', replicas: 12, budget: { maxUnavailable: 1 } }),
    ],
    code: 'DRAIN.DEADLINE',
    why: /nothing more is evicted while shop\/web-4 finds no room: Unschedulable: 0\/8 nodes are available: 4 Insufficient cpu/,
    next: /^kubectl -n shop describe pod web-4$/,
    line: /^stops nothing more is evicted while shop\/web-4 finds no room: /,
    accepted: 2,
  },
  {
    name: 'no address on the new nodes',
    workloads: [
      one({
        budget: { maxUnavailable: 1 },
        sandboxFailure:
          'plugin type="aws-cni" name="aws-cni" failed (add): add cmd: failed to assign an IP address to container',
      }),
      one({ name: 'api', replicas: 12, budget: { maxUnavailable: 1 } }),
    ],
    code: 'DRAIN.DEADLINE',
    why: /while shop\/web-4 on new-\d gets no network: the VPC CNI has no address for it, most likely because its subnet is out of free \/28 blocks \(FailedCreatePodSandBox: /,
    next: /^kubectl -n shop describe pod web-4$/,
    line: /^stops nothing more is evicted while shop\/web-4 on new-\d gets no network/,
    accepted: 3,
  },
  {
    name: 'a rollout whose new pod is not Ready',
    workloads: [one({ name: 'cart', kind: 'Deployment', replicas: 1, readySeconds: null })],
    params: { surge: [{ namespace: 'shop', name: 'cart' }] },
    code: 'DRAIN.DEADLINE',
    why: /^shop\/cart-h1-0 on old-\d: Deployment shop\/cart is rolled over, and shop\/cart-h2-1 is not Ready: CrashLoopBackOff/m,
    next: /^kubectl -n shop logs cart-h2-1 --previous$/,
    line: /^waits shop\/cart-h1-0 on old-\d: Deployment shop\/cart is rolled over, and shop\/cart-h2-1 is not Ready/,
    accepted: 0,
  },
  {
    name: 'a Deployment that may not be rolled over',
    workloads: [one({ name: 'cart', kind: 'Deployment', replicas: 1 })],
    params: { surge: [{ namespace: 'shop', name: 'cart' }] },
    meanwhile: (cluster) => {
      cluster.kubernetes.restartDeployment = () =>
        Promise.reject(
          new MigrateError({
            code: 'KUBERNETES.FORBIDDEN',
            message: 'No.',
            why: 'RBAC',
            nextActions: ['kubectl resume it'],
            exitCode: 6,
          }),
        );
    },
    code: 'DRAIN.STUCK',
    why: /^shop\/cart-h1-0 on old-\d: Deployment shop\/cart shall be rolled over instead of evicted, and that was refused: No\. RBAC$/m,
    next: /^kubectl resume it$/,
    accepted: 0,
  },
];

for (const { name, workloads, params, meanwhile, code, why, next, line, accepted } of troubles) {
  test(`${name}: named with reason and next command`, async () => {
    const cluster = createFakeCluster({ seed: 1, sourceNodes: 2, workloads });
    meanwhile?.(cluster);
    const { error, statuses, seconds } = await run(cluster, { timeoutSeconds: 600, ...params });
    assert.ok(error instanceof MigrateError);
    assert.equal(error.code, code);
    assert.equal(error.exitCode, 6);
    assert.match(error.why, why);
    assert.ok(
      error.nextActions.some((action) => next.test(action)),
      error.nextActions.join('\n'),
    );
    if (line !== undefined) {
      assert.ok(
        statuses.some(({ lines }) => lines.some((text) => line.test(text))),
        JSON.stringify(statuses.at(-1)),
      );
    }
    assert.equal(cluster.counts.accepted, accepted);
    assert.equal(cluster.counts.violations, 0);
    assert.ok(code === 'DRAIN.STUCK' ? seconds < 130 : Math.round(seconds) === 600, `${seconds}`);
    if (code === 'DRAIN.DEADLINE') assert.equal(statuses.at(-1)?.etaSeconds, null);
  });
}

test('what can never move by itself stops the drain two minutes after all else has moved', async () => {
  const never = one({ name: 'never', budget: { minAvailable: 4 } });
  const web = one({ budget: { maxUnavailable: 1 } });
  const { error, seconds, cluster } = await drainOf({ seed: 1, sourceNodes: 2, workloads: [never, web] });
  assert.ok(error instanceof MigrateError && error.code === 'DRAIN.STUCK');
  const others = Math.max(...cluster.emptyAt.values());
  const stood = seconds - (others - Date.UTC(2025, 0, 1)) / 1000;
  assert.ok(stood >= 120 && stood < 126, `${stood}`);
});

test('two minutes count anew when somebody changes the budget, and the drain goes on when the workload grows', async () => {
  const cluster = createFakeCluster({
    seed: 1,
    sourceNodes: 2,
    workloads: [one({ kind: 'StatefulSet', budget: { minAvailable: 4 } })],
  });
  cluster.virtual.after(100_000, () => cluster.changeBudget('web', {}));
  cluster.virtual.after(200_000, () => cluster.addPod('web', 'new-1'));
  const { error } = await run(cluster);
  assert.equal(error, null);
  assert.equal(cluster.counts.accepted, 4);
  assert.equal(cluster.counts.violations, 0);
});

test('nothing is shown before all three lists are there', async () => {
  const cluster = createFakeCluster({ seed: 1, sourceNodes: 2, workloads: [one({ budget: { maxUnavailable: 1 } })] });
  const { follow } = cluster.kubernetes;
  cluster.kubernetes.follow = async (resource, listener, signal) => {
    if (resource === 'pods') await cluster.clock.sleep(4000);
    await follow(resource, listener, signal);
  };
  const { statuses, statusAt, error } = await run(cluster);
  assert.equal(error, null);
  assert.ok((statusAt[0] ?? 0) >= 4);
  assert.deepEqual(
    statuses.map(({ podsTotal }) => podsTotal),
    statuses.map(() => 4),
  );
});

test('the status: what blocks with its arithmetic, since when and what to do; all groups that move; how long they take', async () => {
  const workloads = [
    one({ budget: { minAvailable: 4 } }),
    ...['api', 'cart', 'jobs', 'mail', 'page', 'shop', 'user'].map((name) =>
      one({ name, replicas: 8, budget: { maxUnavailable: 1 } }),
    ),
  ];
  const { statuses, statusAt } = await drainOf({ seed: 1, sourceNodes: 2, workloads });
  const at = statuses[statusAt.findIndex((time) => time >= 90)];
  assert.match(
    at?.lines[0] ?? '',
    /^waits shop\/web-\d on old-\d: PDB shop\/web needs 4 healthy, has 4, expected 4, for 1m\d+s: it never allows an eviction$/,
  );
  assert.equal(at?.nextAction, 'kubectl -n shop scale replicaset/web --replicas=5');
  assert.equal(at?.etaSeconds, null);
  assert.ok(Math.abs((at?.restSeconds ?? 0) - 60) < 20, `${at?.restSeconds}`);
  assert.deepEqual(
    at?.moving.map(({ name }) => name).toSorted(),
    workloads.slice(1).map(({ name }) => `shop/${name}`),
  );
  assert.equal(statuses.at(-1)?.restSeconds, null);
});

const notesOf = ({ journal }: Outcome): string[] =>
  journal.flatMap((entry) => (entry.kind === 'note' ? [entry.message] : []));
const orderOf = ({ journal }: Outcome): string[] =>
  journal.flatMap((entry) => (entry.kind === 'eviction-intent' ? [entry.pod] : []));
const linesOf = ({ statuses }: Outcome): string[] => statuses.flatMap(({ lines }) => lines);

test('no address at first: the brake opens when the pod starts', async () => {
  const workloads = [
    one({ budget: { maxUnavailable: 1 }, sandboxFailure: 'InsufficientCidrBlocks' }),
    one({ name: 'api', replicas: 30, budget: { maxUnavailable: 1 } }),
  ];
  const cluster = createFakeCluster({ seed: 1, sourceNodes: 2, workloads });
  cluster.virtual.after(300_000, () => {
    assert.ok(cluster.counts.accepted < 6, 'the brake held');
    cluster.changeWorkload('web', { sandboxFailure: undefined });
  });
  const outcome = await run(cluster);
  assert.equal(outcome.error, null);
  assert.equal(cluster.counts.accepted, 34);
  const questions = cluster.asked.filter((question) => question.startsWith('events'));
  assert.ok(questions.length > 0 && questions.length <= 30, `${questions.length} questions`);
});

test('an image that cannot be pulled is no reason to brake', async () => {
  const workloads = [
    one({ readySeconds: null, budget: { maxUnavailable: 1 } }),
    one({ name: 'api', replicas: 12, budget: { maxUnavailable: 1 } }),
  ];
  const { cluster } = await drainOf({ seed: 1, sourceNodes: 2, workloads }, { timeoutSeconds: 600 });
  assert.equal(cluster.counts.accepted, 13);
  assert.deepEqual(cluster.asked, []);
});

test('a workload that is scaled down while its pod is on the way is not taken for one that a quota stops', async () => {
  const cluster = createFakeCluster({ seed: 1, sourceNodes: 2, workloads: [one({ replicas: 6 })] });
  cluster.virtual.after(5, () => cluster.changeWorkload('web', { replicas: 5 }));
  const outcome = await run(cluster);
  assert.equal(outcome.error, null);
  assert.deepEqual(cluster.asked, ['events shop/web', 'workloads']);
  assert.ok(outcome.seconds < 240, `${outcome.seconds}`);
});

test('a node that vanished: its pods count as gone, and a note says so', async () => {
  const cluster = createFakeCluster({ seed: 1, sourceNodes: 1, workloads: [one({ budget: { minAvailable: 4 } })] });
  cluster.virtual.after(30_000, () => cluster.removeNode('old-1'));
  const outcome = await run(cluster);
  assert.equal(outcome.error, null);
  assert.deepEqual(notesOf(outcome), [
    'node old-1 is gone, and with it 4 pods that had to leave it: they count as gone',
  ]);
  assert.deepEqual([outcome.statuses.at(-1)?.podsGone, outcome.statuses.at(-1)?.podsTotal], [4, 4]);
});

test('a pod that arrives late has a line of its own, and leaves', async () => {
  const cluster = createFakeCluster({ seed: 1, sourceNodes: 2, workloads: [one({ budget: { maxUnavailable: 1 } })] });
  cluster.virtual.after(10_000, () => cluster.addPod('web', 'old-1'));
  const outcome = await run(cluster);
  assert.equal(outcome.error, null);
  assert.equal(cluster.counts.accepted, 5);
  assert.ok(
    linesOf(outcome).some((line) =>
      /^waits shop\/web-\d on old-1: .*it came to this node after the drain had begun/.test(line),
    ),
  );
});

test('a node that joins a source meanwhile is cordoned, once', async () => {
  const cluster = createFakeCluster({ seed: 1, sourceNodes: 2, workloads: [one({ budget: { maxUnavailable: 1 } })] });
  cluster.virtual.after(10_000, () => {
    cluster.addNode('old-9');
    cluster.addPod('web', 'old-9');
  });
  const cordoned: string[] = [];
  const outcome = await run(cluster, {}, emptyJournal(), new AbortController().signal, {
    async cordon({ name, uid }) {
      cordoned.push(name);
      await cluster.kubernetes.cordon(name, uid, { key: 'test', value: 'yes' });
    },
  });
  assert.equal(outcome.error, null);
  assert.deepEqual(cordoned, ['old-9']);
  assert.equal(cluster.counts.accepted, 5);
});

test('the status tells whether the API server or our own limit slows the drain', async () => {
  const workloads = many(15, { replicas: 20, budget: { maxUnavailable: 20 } });
  const ours = await drainOf({ seed: 1, sourceNodes: 5, workloads });
  assert.ok(linesOf(ours).includes('slow 50 evictions a second: our own limit'));
  const theirs = await drainOf({
    seed: 1,
    sourceNodes: 5,
    workloads,
    fault: (request) => (request > 100 && request < 140 ? 'throttle' : undefined),
  });
  assert.equal(theirs.error, null);
  assert.ok(
    linesOf(theirs).some((line) => /^slow [\d.]+ evictions a second: the API server asked to slow down$/.test(line)),
  );
});

test('surge: rolled over once, not evicted; never without a Ready pod', async () => {
  const workloads = [
    one({ name: 'cart', kind: 'Deployment', replicas: 1 }),
    one({ name: 'web', budget: { maxUnavailable: 1 } }),
  ];
  const outcome = await drainOf(
    { seed: 1, sourceNodes: 2, workloads },
    { surge: [{ namespace: 'shop', name: 'cart' }] },
  );
  const { cluster, error, journal, state } = outcome;
  assert.equal(error, null);
  assert.equal(cluster.restarts.length, 1);
  assert.equal(cluster.counts.mostDown['shop/cart'] ?? 0, 0);
  assert.equal(cluster.counts.accepted, 4);
  assert.deepEqual(Object.keys(state.restarted), ['shop/cart']);
  assert.equal(new Set(state.podsGone).size, 5, 'the pod that was rolled over counts as moved');
  assert.ok(journal.findIndex(({ kind }) => kind === 'restarted') >= 0);
  assert.ok(outcome.seconds < 75, `${outcome.seconds}`);
});

test('surge: a run that was stopped asks again with the same time, and there is one rollout', async () => {
  const workloads = [one({ name: 'cart', kind: 'Deployment', replicas: 1 })];
  const cluster = createFakeCluster({ seed: 1, sourceNodes: 2, workloads });
  const params = { surge: [{ namespace: 'shop', name: 'cart' }] };
  const state = emptyJournal();
  const stop = new AbortController();
  cluster.virtual.after(8000, () => stop.abort(new Error('stop')));
  await run(cluster, params, state, stop.signal);
  const { error } = await run(cluster, params, state);
  assert.equal(error, null);
  assert.equal(new Set(cluster.restarts.map(({ at }) => at)).size, 1);
  assert.equal(cluster.counts.accepted, 0);
  assert.equal(cluster.podsOnSources().length, 0);
});

test('what goes first: nobody else is asked until a pod of it is Ready on a new node', async () => {
  const workloads = [
    one({ name: 'a', replicas: 6, budget: { maxUnavailable: 2 } }),
    one({ name: 'coredns', namespace: 'kube-system', replicas: 2, budget: { maxUnavailable: 1 } }),
  ];
  const first = [{ name: 'coredns', namespace: 'kube-system', selector: { app: 'coredns' } }];
  const cluster = createFakeCluster({ seed: 1, sourceNodes: 2, workloads });
  cluster.virtual.after(15_000, () => assert.equal(cluster.counts.accepted, 1, 'one of coredns'));
  const outcome = await run(cluster, { first });
  assert.equal(outcome.error, null);
  assert.equal(orderOf(outcome)[0], 'kube-system/coredns-0'.replace('0', orderOf(outcome)[0]?.at(-1) ?? ''));
  assert.ok(outcome.seconds < 20 + 60 + 5, `${outcome.seconds}`);
  assert.ok(
    linesOf(outcome).some((line) =>
      /^waits shop\/a-\d on old-\d: waits for kube-system\/coredns to be Ready elsewhere$/.test(line),
    ),
    JSON.stringify(linesOf(outcome)),
  );
  assert.deepEqual(notesOf(outcome), []);
});

test('what goes first and does not move: the others go on after five minutes, and a note says so', async () => {
  const workloads = [
    one({ name: 'a', replicas: 6, budget: { maxUnavailable: 2 } }),
    one({ name: 'coredns', namespace: 'kube-system', replicas: 2, budget: { minAvailable: 2 } }),
  ];
  const first = [{ name: 'coredns', namespace: 'kube-system', selector: { app: 'coredns' } }];
  const outcome = await drainOf({ seed: 1, sourceNodes: 2, workloads }, { first, timeoutSeconds: 600 });
  assert.ok(outcome.error instanceof MigrateError);
  assert.match(outcome.error.why, /kube-system\/coredns-\d on old-\d: PDB kube-system\/coredns needs 2 healthy, has 2/);
  assert.equal(outcome.cluster.counts.accepted, 6);
  assert.deepEqual(notesOf(outcome), [
    'kube-system/coredns does not move: the other pods do not wait for it any longer',
  ]);
  assert.ok(
    linesOf(outcome).includes('first kube-system/coredns: it does not move, and the others no longer wait for it'),
  );
});

test('pods of Jobs may finish until their time is up, and hold up nobody', async () => {
  const workloads = [
    one({ name: 'short', kind: 'Job', replicas: 2, jobSeconds: 100 }),
    one({ name: 'long', kind: 'Job', replicas: 1, jobSeconds: 4000 }),
    one({ name: 'web', budget: { maxUnavailable: 1 } }),
  ];
  const outcome = await drainOf({ seed: 1, sourceNodes: 2, workloads }, { waitForJobsSeconds: 300 });
  assert.equal(outcome.error, null);
  const evicted = orderOf(outcome);
  assert.deepEqual(
    evicted.filter((pod) => !pod.startsWith('shop/web')),
    ['shop/long-0'],
  );
  assert.ok(evicted.indexOf('shop/long-0') === 4);
  assert.ok(outcome.seconds > 300 && outcome.seconds < 320, `${outcome.seconds}`);
  assert.ok(
    linesOf(outcome).some((line) =>
      /^waits shop\/long-0 on old-\d: it works for Job long, and may do so for \S+ before it is evicted$/.test(line),
    ),
  );
});

test('the wait for Jobs counts from the first start of the step, not from this run', async () => {
  const cluster = createFakeCluster({
    seed: 1,
    sourceNodes: 2,
    workloads: [one({ name: 'long', kind: 'Job', replicas: 1, jobSeconds: 4000 })],
  });
  const startedAt = new Date(cluster.clock.now() - 250_000).toISOString();
  const { evictions, podsGone, restarted } = emptyJournal();
  const drainStep: StepState = {
    status: 'started',
    startedAt,
    endedAt: null,
    token: null,
    generation: 0,
    failure: null,
    detail: null,
    updates: {},
    recorded: {},
    notedIn: null,
  };
  const state = { evictions, podsGone, restarted, steps: { drain: drainStep } };
  const { seconds, error } = await run(cluster, { waitForJobsSeconds: 300 }, state, undefined, { stepId: 'drain' });
  assert.equal(error, null);
  assert.ok(seconds > 50 && seconds < 70, `${seconds}`);
});

test('the time left is learned: three times slower than assumed, it is right after the first wave', async () => {
  const workloads = many(5, { replicas: 10, readySeconds: 90, terminationSeconds: 10, budget: { maxUnavailable: 1 } });
  const { statuses, statusAt, seconds, error } = await drainOf({ seed: 1, sourceNodes: 5, workloads });
  assert.equal(error, null);
  const at = (second: number): number =>
    statuses[statusAt.findLastIndex((time) => time <= second)]?.etaSeconds ?? Number.NaN;
  assert.ok(at(1) < seconds * 0.45, 'at first what is assumed');
  for (const share of [0.2, 0.4, 0.6, 0.8]) {
    const second = Math.round(seconds * share);
    const off = Math.abs(second + at(second) - seconds) / seconds;
    assert.ok(off < 0.05, `at ${second} s it was off by ${(off * 100).toFixed(0)} %`);
  }
});

test('nodes get empty early: their mean life falls against the order of names, and the end is the same', async () => {
  const workloads = Array.from({ length: 10 }, (_, index) => ({
    name: `w${index}`,
    replicas: 3 + ((index * 7) % 12),
    readySeconds: 20,
    terminationSeconds: 5,
    budget: { maxUnavailable: 1 },
  }));
  for (const seed of [1, 2, 3, 4, 5]) {
    const cluster = createFakeCluster({ seed, sourceNodes: 30, workloads });
    const begin = cluster.clock.now();
    const pods = cluster.podsOnSources().map((pod) => ({ node: pod.nodeName ?? '', app: pod.labels['app'] ?? '' }));
    const byName = livesByName(pods, 20, 5);
    const outcome = await run(cluster);
    assert.equal(outcome.error, null);
    const lives = [...new Set(pods.map(({ node }) => node))].map(
      (node) => ((cluster.emptyAt.get(node) ?? 0) - begin) / 1000,
    );
    assert.ok(mean(lives) < 0.9 * mean(byName), `${mean(lives)} against ${mean(byName)}`);
    assert.ok(outcome.seconds < 1.03 * Math.max(...byName), `${outcome.seconds} against ${Math.max(...byName)}`);
  }
});

const mean = (numbers: number[]): number => numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

/** When each node is empty if every group, one pod at a time, works through its pods in the order of the nodes' names. */
function livesByName(
  pods: { node: string; app: string }[],
  cycleSeconds: number,
  terminationSeconds: number,
): number[] {
  const ends = new Map<string, number>();
  for (const group of Map.groupBy(pods, ({ app }) => app).values()) {
    const sorted = group.toSorted((a, b) => (a.node < b.node ? -1 : 1));
    for (const [index, { node }] of sorted.entries()) {
      ends.set(node, Math.max(ends.get(node) ?? 0, index * cycleSeconds + terminationSeconds));
    }
  }
  return [...ends.values()];
}

test('what denies new pods is told after a quarter of a minute, and asked for once a minute', async () => {
  const web = one({ kind: 'Deployment', quota: true, budget: { maxUnavailable: 1 } });
  const outcome = await drainOf({ seed: 1, sourceNodes: 2, workloads: [web] }, { timeoutSeconds: 600 });
  const told = outcome.statuses.findIndex(({ lines }) => lines.some((line) => line.includes('exceeded quota: tenant')));
  const at = outcome.statusAt[told] ?? Infinity;
  assert.ok(at > 15 && at < 40, `${at}`);
  const questions = outcome.cluster.asked.filter((question) => question === 'events shop/web-h1');
  assert.ok(questions.length >= 8 && questions.length <= 10, `${questions.length}`);
});

test('each cause is told once with its pods, and each command stands alone', async () => {
  const workloads = [
    one({ name: 'api', replicas: 9, unready: 3, budget: { maxUnavailable: 2 } }),
    one({ replicas: 3, budget: { minAvailable: 3 } }),
  ];
  const { error } = await drainOf({ seed: 1, sourceNodes: 2, workloads }, { timeoutSeconds: 600 });
  assert.ok(error instanceof MigrateError);
  const lines = error.why.split('\n');
  assert.equal(lines.length, 4, error.why);
  assert.equal(lines.filter((line) => line.includes('PDB shop/web needs 3 healthy')).length, 1);
  assert.match(error.why, /^ {2}the same: shop\/web-\d on old-\d, shop\/web-\d on old-\d$/m);
  assert.match(error.why, /^ {2}the same: (?:shop\/api-\d on old-\d, ){4}shop\/api-\d on old-\d and 3 more$/m);
  assert.ok(
    error.nextActions.includes(
      `kubectl -n shop patch pdb api --type=merge -p '{"spec":{"unhealthyPodEvictionPolicy":"AlwaysAllow"}}'`,
    ),
  );
});

test('full nodes: the command that adds one to the replacement', async () => {
  const cluster = createFakeCluster({ seed: 1, sourceNodes: 2, workloads: [one({ noRoom: true, replicas: 6 })] });
  const { error } = await run(cluster, { timeoutSeconds: 300 }, emptyJournal(), undefined, { clusterName: 'prod' });
  assert.ok(error instanceof MigrateError);
  assert.deepEqual(error.nextActions, [
    'kubectl -n shop describe pod web-6',
    'aws eks update-nodegroup-config --cluster-name prod --nodegroup-name new --scaling-config desiredSize=5',
    'then run the same command again: it goes on where it stopped',
  ]);
});

test('bare pods: one paragraph, and a command for each', () => {
  const pods = ['one', 'two'].map((name) => aPod({ name, nodeName: 'old-1', controller: null }));
  const nodes = [aNode({ name: 'old-1', nodegroupName: 'old', unschedulable: true })];
  const state = stateOf(settings, { nodes, pods, podDisruptionBudgets: [] }, nothingEarlier, 1);
  const { why, nextActions } = stuckError(state, 1, 'needs-a-person');
  assert.equal(why.split('\n').length, 2);
  assert.deepEqual(nextActions.slice(0, 2), ['kubectl -n shop delete pod one', 'kubectl -n shop delete pod two']);
});
