import assert from 'node:assert/strict';
import test from 'node:test';
import type { Pod, PodDisruptionBudget } from '../../src/domain/snapshot.ts';
import { createDrainCore, type DrainCore, stateOf } from '../../src/drain/core.ts';
import { explain, explainBudget, explainNode } from '../../src/drain/explain.ts';
import { type DrainSettings, nothingEarlier } from '../../src/drain/state.ts';
import { aBudget, aNode, aPod } from '../support/snapshot.ts';

const t0 = Date.UTC(2026, 0, 1);
const settings: DrainSettings = {
  nodegroupNames: ['apps'],
  unbudgetedPercent: 25,
  allowEmptyDir: false,
  allowBarePods: false,
  first: [],
  surge: [],
  waitForJobsSeconds: 0,
};
const iso = (milliseconds: number): string => new Date(milliseconds).toISOString();

const status = (change: Partial<PodDisruptionBudget['status']>): PodDisruptionBudget['status'] => ({
  observedGeneration: 1,
  disruptionsAllowed: 1,
  currentHealthy: 4,
  desiredHealthy: 3,
  expectedPods: 4,
  disruptedPods: {},
  syncFailure: null,
  ...change,
});

const webPods = (count: number, change: Partial<Pod> = {}): Pod[] =>
  Array.from({ length: count }, (_, index) => aPod({ name: `web-${index}`, nodeName: 'old-1', ...change }));

function started(pods: Pod[], budgets: PodDisruptionBudget[], change: Partial<typeof settings> = {}): DrainCore {
  const core = createDrainCore({ ...settings, ...change });
  const nodes = [aNode({ name: 'old-1', unschedulable: true }), aNode({ name: 'new-1', nodegroupName: 'apps-pd' })];
  core.apply({ type: 'pods', event: { type: 'replaced', items: pods } }, t0);
  core.apply({ type: 'budgets', event: { type: 'replaced', items: budgets } }, t0);
  assert.deepEqual(core.decide(t0), [], 'nothing is decided before all is listed');
  core.apply({ type: 'nodes', event: { type: 'replaced', items: nodes } }, t0);
  return core;
}

const names = (core: DrainCore, now: number): string[] => core.decide(now).map(({ name }) => name);
const accept = (core: DrainCore, uid: string, now: number): void =>
  core.apply({ type: 'answered', uid, outcome: { kind: 'accepted' } }, now);
const budgetSays = (core: DrainCore, change: Partial<PodDisruptionBudget['status']>, now: number): void =>
  core.apply({ type: 'budgets', event: { type: 'changed', item: aBudget({ status: status(change) }) } }, now);

test('an accepted eviction is deducted until a status names its pod, and not longer', () => {
  const core = started(webPods(4), [aBudget({ status: status({ disruptionsAllowed: 2 }) })]);
  assert.deepEqual(names(core, t0), ['web-0'], 'one request at a time per budget');
  accept(core, 'uid-shop-web-0', t0 + 10);
  assert.deepEqual(names(core, t0 + 10), ['web-1'], 'two were allowed, one is used');
  accept(core, 'uid-shop-web-1', t0 + 20);
  assert.deepEqual(names(core, t0 + 20), [], 'both are used, though the status still says two');
  budgetSays(core, { disruptionsAllowed: 1, disruptedPods: { 'web-0': iso(t0) } }, t0 + 30);
  assert.deepEqual(names(core, t0 + 30), [], 'the status contains the first only');
  budgetSays(core, { disruptionsAllowed: 0, disruptedPods: { 'web-0': iso(t0), 'web-1': iso(t0) } }, t0 + 40);
  budgetSays(core, { disruptionsAllowed: 1 }, t0 + 50);
  assert.deepEqual(names(core, t0 + 50), ['web-2'], 'what is allowed after that is allowed anew');
});

test('who wants longer to end than is allowed gets so long, everybody else their own time', () => {
  const pods = webPods(2, { controller: null, labels: {} });
  const core = started(
    pods.map((pod, index) => ({ ...pod, terminationGracePeriodSeconds: [600, 30][index] ?? 0 })),
    [],
    { podGracePeriodSeconds: 120, allowBarePods: true },
  );
  const asked = core.decide(t0).map(({ name, graceSeconds }) => [name, graceSeconds]);
  assert.deepEqual(asked, [
    ['web-0', 120],
    ['web-1', undefined],
  ]);
});

test('a status that overtakes the answer is counted all the same', () => {
  const core = started(webPods(4), [aBudget()]);
  assert.deepEqual(names(core, t0), ['web-0']);
  budgetSays(core, { disruptionsAllowed: 0, disruptedPods: { 'web-0': iso(t0) } }, t0 + 5);
  budgetSays(core, { disruptionsAllowed: 1 }, t0 + 8);
  assert.deepEqual(names(core, t0 + 8), [], 'the first request is still under way');
  accept(core, 'uid-shop-web-0', t0 + 10);
  assert.deepEqual(names(core, t0 + 10), ['web-1']);
});

test('a pod that is lost takes its share of the allowance until a status counts it, and not longer', () => {
  const lost = { name: 'web-3', nodeName: 'new-1' };
  const losses: [string, (core: DrainCore) => void][] = [
    [
      'gone with its node',
      (core) => core.apply({ type: 'pods', event: { type: 'removed', item: aPod(lost) } }, t0 + 5),
    ],
    [
      'deleted by somebody',
      (core) =>
        core.apply(
          { type: 'pods', event: { type: 'changed', item: aPod({ ...lost, deletionTimestamp: iso(t0) }) } },
          t0,
        ),
    ],
    [
      'Ready no longer',
      (core) => core.apply({ type: 'pods', event: { type: 'changed', item: aPod({ ...lost, ready: false }) } }, t0 + 5),
    ],
    [
      'on a node that is gone',
      (core) => core.apply({ type: 'nodes', event: { type: 'removed', item: aNode({ name: 'new-1' }) } }, t0),
    ],
  ];
  for (const [what, lose] of losses) {
    const core = started([...webPods(3), aPod(lost)], [aBudget()]);
    lose(core);
    assert.deepEqual(names(core, t0 + 10), [], what);
    budgetSays(core, { disruptionsAllowed: 0, currentHealthy: 3 }, t0 + 600);
    budgetSays(core, { disruptionsAllowed: 1, currentHealthy: 4 }, t0 + 900);
    assert.deepEqual(names(core, t0 + 900), ['web-0'], what);
  }
});

test('an old entry of the same name does not count as ours', () => {
  const old = { 'web-0': iso(t0 - 60_000) };
  const core = started(webPods(4), [aBudget({ status: status({ disruptedPods: old }) })]);
  names(core, t0);
  accept(core, 'uid-shop-web-0', t0 + 10);
  budgetSays(core, { disruptionsAllowed: 1, disruptedPods: old }, t0 + 20);
  assert.deepEqual(names(core, t0 + 20), []);
  budgetSays(core, { disruptionsAllowed: 1, disruptedPods: { 'web-0': iso(t0) } }, t0 + 30);
  assert.deepEqual(names(core, t0 + 30), ['web-1']);
});

test('a list that skipped the naming status blocks for five seconds after the answer at most', () => {
  const core = started(webPods(4), [aBudget()]);
  names(core, t0);
  accept(core, 'uid-shop-web-0', t0 + 10);
  core.apply({ type: 'budgets', event: { type: 'replaced', items: [aBudget()] } }, t0 + 100);
  assert.deepEqual(names(core, t0 + 100), []);
  assert.equal(core.nextWakeAt(t0 + 100), t0 + 5010);
  assert.deepEqual(names(core, t0 + 5010), ['web-1']);
});

test('a refused call waits for the next change of the budget, or for a growing time', () => {
  const core = started(webPods(4), [aBudget()]);
  const refuse = (now: number): void =>
    core.apply({ type: 'answered', uid: 'uid-shop-web-0', outcome: { kind: 'budget-exhausted', budget: '' } }, now);
  assert.deepEqual(names(core, t0), ['web-0']);
  refuse(t0);
  assert.deepEqual(names(core, t0 + 4999), []);
  assert.deepEqual(names(core, t0 + 5000), ['web-0']);
  refuse(t0 + 5000);
  assert.deepEqual(names(core, t0 + 14_999), []);
  budgetSays(core, { disruptionsAllowed: 0 }, t0 + 14_999);
  assert.deepEqual(names(core, t0 + 20_000), [], 'a budget known to be used up is not asked');
  budgetSays(core, {}, t0 + 20_000);
  assert.deepEqual(names(core, t0 + 20_000), ['web-0']);
});

test('a budget whose change is not processed is not asked', () => {
  const changed = aBudget({ generation: 2 });
  const core = started(webPods(2), [changed]);
  assert.deepEqual(names(core, t0), []);
  core.apply(
    { type: 'budgets', event: { type: 'changed', item: { ...changed, status: status({ observedGeneration: 2 }) } } },
    t0,
  );
  assert.deepEqual(names(core, t0), ['web-0']);
});

test('what the server lets go free of charge goes first and is not deducted', () => {
  const pods = [...webPods(3), aPod({ name: 'web-broken', nodeName: 'old-1', ready: false })];
  const core = started(pods, [
    aBudget({ status: status({ disruptionsAllowed: 1, desiredHealthy: 2, currentHealthy: 3 }) }),
  ]);
  assert.deepEqual(names(core, t0), ['web-broken']);
  accept(core, 'uid-shop-web-broken', t0 + 10);
  assert.deepEqual(names(core, t0 + 10), ['web-0']);
});

test('pods that stay, that leave already and that need a person', () => {
  const cases: [what: string, pod: Partial<Pod>, state: string | null][] = [
    ['of a DaemonSet', { controller: { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'd', uid: 'd' } }, null],
    ['mirror', { mirror: true }, null],
    ['succeeded', { phase: 'Succeeded' }, null],
    ['failed', { phase: 'Failed' }, null],
    ['terminating', { deletionTimestamp: iso(t0 + 30_000) }, 'terminating'],
    ['terminating for too long', { deletionTimestamp: iso(t0 - 61_000) }, 'terminating-too-long'],
    ['emptyDir', { emptyDirVolumes: ['cache'] }, 'emptydir'],
    ['bare', { controller: null }, 'bare-pod'],
  ];
  for (const [what, change, expected] of cases) {
    const core = started(webPods(1, change), [aBudget()]);
    assert.deepEqual(core.decide(t0), [], what);
    assert.equal(core.finished(), expected === null, what);
    assert.equal(core.stuckForGood(t0), expected === 'emptydir' || expected === 'bare-pod', what);
    const [pod] = core.state.pods.values();
    if (expected !== null) assert.equal(pod && explain(pod, core.state, t0).state, expected, what);
  }
  assert.deepEqual(names(started(webPods(1, { controller: null }), [], { allowBarePods: true }), t0), ['web-0']);
});

test('no more than a quarter of a workload without budget; the replacement must be Ready before the next', () => {
  const core = started(webPods(9), []);
  assert.deepEqual(names(core, t0), ['web-0', 'web-1']);
  for (const name of ['web-0', 'web-1']) accept(core, `uid-shop-${name}`, t0);
  const change = (pod: Pod): void => core.apply({ type: 'pods', event: { type: 'changed', item: pod } }, t0 + 1000);
  change(aPod({ name: 'web-0', nodeName: 'old-1', deletionTimestamp: iso(t0) }));
  core.apply({ type: 'pods', event: { type: 'removed', item: aPod({ name: 'web-0', nodeName: 'old-1' }) } }, t0 + 1000);
  change(aPod({ name: 'web-new', nodeName: 'new-1', ready: false }));
  assert.deepEqual(names(core, t0 + 1000), []);
  change(aPod({ name: 'web-new', nodeName: 'new-1', ready: true }));
  assert.deepEqual(names(core, t0 + 1000), ['web-2']);
});

test('a pod that has ended after it was asked holds nothing up, and is not taken for a smaller workload', () => {
  const core = started(webPods(4), []);
  names(core, t0);
  accept(core, 'uid-shop-web-0', t0);
  const leaving = aPod({ name: 'web-0', nodeName: 'old-1', ready: false, deletionTimestamp: iso(t0 + 30_000) });
  for (const pod of [leaving, { ...leaving, phase: 'Succeeded' }]) {
    core.apply({ type: 'pods', event: { type: 'changed', item: pod } }, t0 + 1000);
  }
  assert.deepEqual(names(core, t0 + 1000), []);
  assert.deepEqual(core.takeDeparted(), [{ pod: 'shop/web-0', uid: 'uid-shop-web-0', node: 'old-1' }]);
  assert.equal(core.state.podsLeft, 3);
  core.apply({ type: 'pods', event: { type: 'removed', item: leaving } }, t0 + 2000);
  assert.deepEqual(core.takeDeparted(), [], 'once');
  assert.deepEqual(names(core, t0 + 2000), []);
});

test('a workload that is scaled down on the way is believed after a minute', () => {
  const core = started(webPods(4), []);
  core.apply({ type: 'pods', event: { type: 'removed', item: aPod({ name: 'web-3', nodeName: 'old-1' }) } }, t0);
  assert.deepEqual(names(core, t0), []);
  assert.deepEqual(names(core, t0 + 60_000), ['web-0']);
});

test('while a disturbed workload finds no room, nothing else is evicted', () => {
  const other = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'api-1', uid: 'uid-rs-api' };
  const api = aPod({ name: 'api-0', nodeName: 'old-1', labels: { app: 'api' }, controller: other });
  const core = started([...webPods(2), { ...api, nodeName: 'new-1' }], []);
  assert.deepEqual(names(core, t0), ['web-0']);
  accept(core, 'uid-shop-web-0', t0);
  const trouble = 'Unschedulable: 0/2 nodes are available: 1 Too many pods, 1 node(s) were unschedulable.';
  const homeless = aPod({ name: 'web-new', nodeName: null, phase: 'Pending', ready: false, trouble });
  core.apply({ type: 'pods', event: { type: 'changed', item: homeless } }, t0);
  core.apply({ type: 'pods', event: { type: 'changed', item: { ...api, name: 'api-1', uid: 'late' } } }, t0);
  assert.deepEqual(names(core, t0 + 1000), []);
  const late = core.state.pods.get('late');
  assert.match(late ? explain(late, core.state, t0).reason : '', /while shop\/web-new finds no room: Unschedulable/);
  core.apply(
    { type: 'pods', event: { type: 'changed', item: { ...homeless, nodeName: 'new-1', trouble: null } } },
    t0 + 2000,
  );
  core.apply(
    { type: 'pods', event: { type: 'changed', item: { ...homeless, nodeName: 'new-1', trouble: null, ready: true } } },
    t0 + 2000,
  );
  assert.ok(names(core, t0 + 2000).length > 0);
});

test('a node of the replacement that somebody has cordoned is named, with the command that opens it', () => {
  const trouble = 'Unschedulable: 0/2 nodes are available: 2 node(s) were unschedulable.';
  const closed = aNode({ name: 'new-1', nodegroupName: 'apps-pd', unschedulable: true });
  const homeless = { name: 'web-new', nodeName: null, ready: false, trouble };
  const core = started([...webPods(3), aPod({ ...homeless, phase: 'Pending' })], [aBudget()], {
    replacementNames: ['apps-pd'],
  });
  core.apply({ type: 'nodes', event: { type: 'changed', item: closed } }, t0);
  budgetSays(core, { disruptionsAllowed: 0, currentHealthy: 3 }, t0);
  const [pod] = core.state.pods.values();
  const { reason = '', nextAction } = (pod && explain(pod, core.state, t0)) ?? {};
  assert.match(
    reason,
    /web-new is not Ready: Unschedulable.*; new-1 of apps-pd is cordoned, which this run has not done/,
  );
  assert.equal(nextAction, 'kubectl uncordon new-1');
});

test('an answer by outcome: what happens to the pod', () => {
  const cases: [kind: string, outcome: Parameters<DrainCore['apply']>[0] & { type: 'answered' }, again: number][] = [
    [
      'throttled',
      { type: 'answered', uid: '', outcome: { kind: 'throttled', retryAfterSeconds: 3, detail: '' } },
      3000,
    ],
    ['unknown', { type: 'answered', uid: '', outcome: { kind: 'unknown', detail: 'reset' } }, 2000],
    ['namespace', { type: 'answered', uid: '', outcome: { kind: 'namespace-terminating' } }, 5000],
    [
      'unprocessed',
      { type: 'answered', uid: '', outcome: { kind: 'budget-unprocessed', retryAfterSeconds: 10 } },
      10_000,
    ],
    ['accepted but still there', { type: 'answered', uid: '', outcome: { kind: 'accepted' } }, 120_000],
  ];
  for (const [what, event, again] of cases) {
    const core = started(webPods(1), [aBudget({ status: status({ disruptionsAllowed: 2 }) })]);
    assert.deepEqual(names(core, t0), ['web-0']);
    core.apply({ ...event, uid: 'uid-shop-web-0' }, t0);
    assert.deepEqual(names(core, t0 + again - 1), [], what);
    assert.deepEqual(names(core, t0 + again), ['web-0'], what);
  }
  for (const kind of ['refused', 'multiple-budgets'] as const) {
    const core = started(webPods(1), [aBudget()]);
    names(core, t0);
    const outcome = kind === 'refused' ? { kind, status: 403, detail: 'webhook' } : { kind, detail: 'two' };
    core.apply({ type: 'answered', uid: 'uid-shop-web-0', outcome }, t0);
    assert.deepEqual(names(core, t0 + 3_600_000), []);
    assert.equal(core.stuckForGood(t0), true);
  }
});

test('throttling halves the speed of all, and it recovers', () => {
  const core = started(webPods(60, { controller: null }), [], { allowBarePods: true });
  assert.equal(core.decide(t0).length, 10, 'a burst of ten, then fifty a second');
  assert.equal(core.decide(t0 + 100).length, 5);
  core.apply(
    { type: 'answered', uid: 'uid-shop-web-0', outcome: { kind: 'throttled', retryAfterSeconds: 1, detail: '' } },
    t0 + 100,
  );
  assert.equal(core.state.bucket.ratePerSecond(), 25);
  assert.deepEqual(core.decide(t0 + 1000), []);
  assert.ok(core.decide(t0 + 1100).length > 0);
  assert.ok(core.state.bucket.ratePerSecond() > 25);
});

test('what was asked by an earlier run and is gone now is reported; what is there is asked again', () => {
  const asked = {
    'uid-shop-web-0': { pod: 'shop/web-0', node: 'old-1' },
    'uid-left': { pod: 'shop/left', node: 'old-1' },
  };
  const core = createDrainCore(settings, { ...nothingEarlier, asked, podsGone: 3 });
  core.apply(
    { type: 'nodes', event: { type: 'replaced', items: [aNode({ name: 'old-1', unschedulable: true })] } },
    t0,
  );
  core.apply({ type: 'budgets', event: { type: 'replaced', items: [] } }, t0);
  core.apply({ type: 'pods', event: { type: 'replaced', items: webPods(1) } }, t0);
  assert.deepEqual(core.takeDeparted(), [{ pod: 'shop/left', uid: 'uid-left', node: 'old-1' }]);
  assert.equal(core.state.podsGone, 4);
  assert.deepEqual(names(core, t0), ['web-0']);
});

test('counts of nodes and pods follow every change', () => {
  const core = started(webPods(2), []);
  const { state } = core;
  assert.deepEqual([state.nodesEmpty, state.nodesTotal, state.podsLeft], [0, 1, 2]);
  core.apply({ type: 'nodes', event: { type: 'changed', item: aNode({ name: 'old-2', unschedulable: true }) } }, t0);
  assert.deepEqual([state.nodesEmpty, state.nodesTotal], [1, 2]);
  core.apply({ type: 'pods', event: { type: 'changed', item: aPod({ name: 'late', nodeName: 'old-2' }) } }, t0);
  assert.deepEqual([state.nodesEmpty, state.podsLeft], [0, 3]);
  core.apply({ type: 'nodes', event: { type: 'removed', item: aNode({ name: 'old-1' }) } }, t0);
  assert.deepEqual([state.nodesEmpty, state.nodesTotal, state.podsLeft], [0, 1, 1]);
  assert.deepEqual(
    core.takeDeparted().map(({ pod, node }) => `${pod} ${node}`),
    ['shop/web-0 old-1', 'shop/web-1 old-1'],
  );
  core.apply({ type: 'pods', event: { type: 'replaced', items: [] } }, t0);
  assert.deepEqual([state.nodesEmpty, state.nodesTotal, state.podsLeft, core.finished()], [1, 1, 0, true]);
});

test('when not all can be asked at once, the group with the most waves goes first', () => {
  const short = Array.from({ length: 30 }, (_, index) => {
    const controller = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `s-${index}`, uid: `uid-${index}` };
    return [0, 1].map((n) => aPod({ name: `s-${index}-${n}`, nodeName: 'old-1', labels: {}, controller }));
  }).flat();
  const core = started([...short, ...webPods(4)], [aBudget()]);
  const first = names(core, t0);
  assert.equal(first.length, 10);
  assert.equal(first[0], 'web-0');
});

test('a lost answer may have been a yes: the pod counts as down until it is known', () => {
  const core = started(webPods(9), []);
  for (const name of names(core, t0)) {
    core.apply({ type: 'answered', uid: `uid-shop-${name}`, outcome: { kind: 'unknown', detail: 'reset' } }, t0);
  }
  assert.deepEqual(names(core, t0 + 1000), []);
  assert.deepEqual(names(core, t0 + 2000), ['web-0', 'web-1']);
});

test('a new pod under the name of an evicted one means that the old one is gone', () => {
  const core = started(webPods(2), [aBudget()]);
  names(core, t0);
  accept(core, 'uid-shop-web-0', t0);
  const successor = aPod({ name: 'web-0', uid: 'successor', nodeName: 'new-1' });
  core.apply({ type: 'pods', event: { type: 'changed', item: successor } }, t0);
  assert.deepEqual(core.takeDeparted(), [{ pod: 'shop/web-0', uid: 'uid-shop-web-0', node: 'old-1' }]);
  assert.equal(core.state.podsLeft, 1);
});

test('a workload whose pods land on the old nodes again and again is not evicted for ever', () => {
  const core = started(webPods(1), []);
  let evictions = 0;
  for (let round = 0; round < 20; round += 1) {
    const now = t0 + round * 10_000;
    for (const { uid, name } of core.decide(now)) {
      evictions += 1;
      accept(core, uid, now);
      const back = aPod({ name: `web-${round}-again`, uid: `uid-again-${round}`, nodeName: 'old-1' });
      core.apply(
        { type: 'pods', event: { type: 'removed', item: aPod({ name, uid, nodeName: 'old-1' }) } },
        now + 1000,
      );
      core.apply({ type: 'pods', event: { type: 'changed', item: back } }, now + 2000);
      core.takeDeparted();
    }
  }
  assert.equal(evictions, 4);
  assert.deepEqual(core.takeErrands(t0), [
    { kind: 'journal', progress: { kind: 'comes-back', workload: 'ReplicaSet shop/web-1' } },
  ]);
  assert.ok(core.stuckForGood(t0));
  const [left] = core.state.held;
  assert.ok(left);
  assert.equal(explain(left, core.state, t0).state, 'comes-back');
});

test('a workload that came back in an earlier run is evicted once, to see whether it still does', () => {
  const earlier = {
    ...nothingEarlier,
    cameBack: new Set(['ReplicaSet shop/web-1']),
    disturbed: new Map([['shop/web-1', ['before']]]),
    sizesUnknown: true,
  };
  const core = createDrainCore({ ...settings, unbudgetedPercent: 100 }, earlier);
  const nodes = [aNode({ name: 'old-1', unschedulable: true }), aNode({ name: 'new-1', nodegroupName: 'apps-pd' })];
  const put = (pod: Pod): void => core.apply({ type: 'pods', event: { type: 'changed', item: pod } }, t0);
  core.apply({ type: 'nodes', event: { type: 'replaced', items: nodes } }, t0);
  core.apply({ type: 'budgets', event: { type: 'replaced', items: [] } }, t0);
  core.apply({ type: 'pods', event: { type: 'replaced', items: webPods(3) } }, t0);
  const [pod] = core.state.pods.values();
  assert.ok(pod);
  assert.equal(explain(pod, core.state, t0).state, 'comes-back');
  assert.match(
    explain(pod, core.state, t0).reason,
    /^in an earlier run new pods of ReplicaSet web-1 were seen to land/,
  );

  assert.deepEqual(names(core, t0), [], 'how large it shall be is not known yet');
  assert.deepEqual(core.takeErrands(t0), [{ kind: 'workloads' }]);
  core.apply({ type: 'workloads', workloads: [] }, t0);
  assert.deepEqual(names(core, t0), ['web-0']);
  accept(core, 'uid-shop-web-0', t0);
  put(aPod({ name: 'web-0', nodeName: 'old-1', deletionTimestamp: iso(t0) }));
  assert.deepEqual(names(core, t0 + 1000), []);
  put(aPod({ name: 'web-4', nodeName: 'new-1' }));
  assert.deepEqual(names(core, t0 + 2000), ['web-1'], 'it came up elsewhere');
  accept(core, 'uid-shop-web-1', t0 + 2000);
  put(aPod({ name: 'web-1', nodeName: 'old-1', deletionTimestamp: iso(t0) }));
  put(aPod({ name: 'web-5', nodeName: 'old-1' }));
  assert.deepEqual(names(core, t0 + 3000), []);
  core.apply({ type: 'pods', event: { type: 'removed', item: webPods(2)[0] ?? assert.fail() } }, t0);
  core.apply({ type: 'pods', event: { type: 'removed', item: webPods(2)[1] ?? assert.fail() } }, t0);
  core.takeDeparted();
  assert.deepEqual(names(core, t0 + 4000), []);
  assert.ok(core.stuckForGood(t0 + 4000));
});

test('an eviction that a budget was charged for, and that did not happen, is named with the time when that ends', () => {
  const disruptedPods = { 'web-1': iso(t0 - 60_000) };
  const charged = status({ disruptionsAllowed: 0, currentHealthy: 3, disruptedPods });
  const core = started(webPods(4), [aBudget({ status: charged })]);
  const [pod] = core.state.pods.values();
  assert.ok(pod);
  const arithmetic = 'PDB shop/web needs 3 healthy, has 3, expected 4';
  assert.deepEqual(explain(pod, core.state, t0), {
    state: 'budget',
    reason: `${arithmetic}; it counts an eviction of shop/web-1 that did not happen, or was of an earlier pod of this name, and takes it back by itself at 00:01:00 UTC`,
    nextAction: 'kubectl -n shop get pdb web -o yaml',
  });
  assert.equal(explain(pod, core.state, t0 + 60_000).reason, `${arithmetic}, for 1m`);
  const leaves = { ...(webPods(2)[1] ?? assert.fail()), deletionTimestamp: iso(t0) };
  core.apply({ type: 'pods', event: { type: 'changed', item: leaves } }, t0);
  assert.equal(explain(pod, core.state, t0).reason, arithmetic, 'one that does happen is no news');
});

for (const { maxUnavailable, expected } of [
  { maxUnavailable: undefined, expected: 2 },
  { maxUnavailable: { pods: 3 }, expected: 3 },
  { maxUnavailable: { percent: 50 }, expected: 4 },
  { maxUnavailable: { percent: 1 }, expected: 1 },
]) {
  test(`of 9 pods without budget ${expected} at a time with ${JSON.stringify(maxUnavailable)}`, () => {
    assert.equal(names(started(webPods(9), [], maxUnavailable && { maxUnavailable }), t0).length, expected);
  });
}

test('no more requests under way than the run allows', () => {
  const budgets = Array.from({ length: 6 }, (_, index) => {
    const app = `app-${index}`;
    return aBudget({ name: app, uid: app, selector: { matchLabels: { app } } });
  });
  const pods = budgets.map(({ name }) => aPod({ name, nodeName: 'old-1', labels: { app: name } }));
  const core = started(pods, budgets, { maxConcurrentEvictions: 4 });
  assert.equal(names(core, t0).length, 4);
  accept(core, 'uid-shop-app-0', t0);
  assert.equal(names(core, t0).length, 1);
});

test('what takes more than one wave goes before what all goes at once', () => {
  const all = Array.from({ length: 3 }, (_, index) =>
    aPod({ name: `all-${index}`, nodeName: 'old-1', labels: { app: 'all' }, startupSeconds: 60 }),
  );
  const waves = webPods(2).map((pod) => ({ ...pod, startupSeconds: 8 }));
  const allAtOnce = aBudget({ name: 'all', uid: 'all', selector: { matchLabels: { app: 'all' } } });
  const budgets = [
    { ...allAtOnce, status: status({ disruptionsAllowed: 3, currentHealthy: 3, expectedPods: 3, desiredHealthy: 0 }) },
    aBudget({ status: status({ currentHealthy: 2, desiredHealthy: 1, expectedPods: 2 }) }),
  ];
  assert.equal(names(started([...all, ...waves], budgets), t0)[0], 'web-0');
});

test('who looks at it from outside sees that what goes first is Ready elsewhere', () => {
  const first = [{ name: 'dns', namespace: 'kube-system', selector: { app: 'dns' } }];
  const dns = { namespace: 'kube-system', labels: { app: 'dns' } };
  const pods = [aPod({ ...dns, name: 'dns-1', nodeName: 'old-1' }), aPod({ name: 'web-0', nodeName: 'old-1' })];
  const nodes = [aNode({ name: 'old-1', unschedulable: true }), aNode({ name: 'new-1', nodegroupName: 'apps-pd' })];
  for (const { elsewhere, expected } of [
    { elsewhere: false, expected: 'waits-for-first' },
    { elsewhere: true, expected: 'next' },
  ]) {
    const up = elsewhere ? [aPod({ ...dns, name: 'dns-2', nodeName: 'new-1' })] : [];
    const lists = { nodes, pods: [...pods, ...up], podDisruptionBudgets: [] };
    const state = stateOf({ ...settings, first }, lists, nothingEarlier, t0);
    const web = state.pods.get('uid-shop-web-0');
    assert.equal(web && explain(web, state, t0).state, expected);
  }
});

const ofDeployment = (hash: string, change: Partial<Pod>): Pod =>
  aPod({
    labels: { app: 'cart', 'pod-template-hash': hash },
    controller: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `cart-${hash}`, uid: `uid-rs-${hash}` },
    ...change,
  });

test('surge: asked again after a while when the server is busy; evicted when there is no such Deployment', () => {
  const surge = [{ namespace: 'shop', name: 'cart' }];
  const core = started([ofDeployment('a', { name: 'cart-a-1', nodeName: 'old-1' })], [], { surge });
  assert.deepEqual(names(core, t0), []);
  const restart = { namespace: 'shop', name: 'cart', at: iso(t0) };
  assert.deepEqual(core.takeErrands(t0), [{ kind: 'restart', restart }]);
  core.apply({ type: 'restarted', restart, outcome: { kind: 'later' } }, t0 + 1000);
  core.decide(t0 + 10_999);
  assert.deepEqual(core.takeErrands(t0 + 10_999), []);
  core.decide(t0 + 11_000);
  assert.deepEqual(core.takeErrands(t0 + 11_000), [{ kind: 'restart', restart }]);
  core.apply({ type: 'restarted', restart, outcome: { kind: 'gone' } }, t0 + 12_000);
  assert.deepEqual(names(core, t0 + 12_000), ['cart-a-1']);
});

test('surge: a pod that is on a source node ten minutes after its rollout is complete comes back', () => {
  const surge = [{ namespace: 'shop', name: 'cart' }];
  const old = ofDeployment('a', { name: 'cart-a-1', nodeName: 'old-1' });
  const core = started([old], [], { surge });
  core.decide(t0);
  const [errand] = core.takeErrands(t0);
  assert.ok(errand?.kind === 'restart');
  core.apply({ type: 'restarted', restart: errand.restart, outcome: { kind: 'done' } }, t0);
  const successor = ofDeployment('b', { name: 'cart-b-1', nodeName: 'old-1', createdAt: iso(t0 + 1000) });
  core.apply({ type: 'pods', event: { type: 'changed', item: successor } }, t0 + 1000);
  core.apply({ type: 'pods', event: { type: 'removed', item: old } }, t0 + 20_000);
  const stateAt = (now: number): string | undefined => {
    assert.deepEqual(core.decide(now), []);
    const pod = core.state.pods.get(successor.uid);
    return pod && explain(pod, core.state, now).state;
  };
  assert.equal(stateAt(t0 + 619_999), 'surging');
  assert.equal(core.stuckForGood(t0), false);
  assert.equal(stateAt(t0 + 620_000), 'comes-back');
  core.takeDeparted();
  assert.equal(core.stuckForGood(t0), true);
});

test('a rollout of somebody else during the drain does not look like another workload', () => {
  const before = Array.from({ length: 8 }, (_, index) => ofDeployment('a', { name: `a-${index}`, nodeName: 'old-1' }));
  const core = started(before, []);
  for (const name of names(core, t0)) accept(core, `uid-shop-${name}`, t0);
  for (const name of ['a-0', 'a-1']) {
    const item = ofDeployment('a', { name, nodeName: 'old-1', deletionTimestamp: iso(t0 + 30_000) });
    core.apply({ type: 'pods', event: { type: 'changed', item } }, t0 + 500);
  }
  const fresh = Array.from({ length: 2 }, (_, index) =>
    ofDeployment('b', { name: `b-${index}`, nodeName: 'new-1', ready: false }),
  );
  for (const item of fresh) core.apply({ type: 'pods', event: { type: 'changed', item } }, t0 + 1000);
  assert.deepEqual(names(core, t0 + 1000), [], 'two of eight are down');
  for (const item of fresh)
    core.apply({ type: 'pods', event: { type: 'changed', item: { ...item, ready: true } } }, t0 + 2000);
  for (const name of ['a-0', 'a-1']) {
    core.apply({ type: 'pods', event: { type: 'removed', item: ofDeployment('a', { name }) } }, t0 + 3000);
  }
  assert.deepEqual(names(core, t0 + 3000), ['a-2', 'a-3']);
});

test('what took longer to start goes first when not all can be asked at once', () => {
  const pods = Array.from({ length: 30 }, (_, index) => {
    const controller = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `s-${index}`, uid: `uid-${index}` };
    const startupSeconds = index === 17 ? 300 : 10;
    return [0, 1].map((n) =>
      aPod({ name: `s-${index}-${n}`, nodeName: 'old-1', labels: {}, controller, startupSeconds }),
    );
  }).flat();
  assert.equal(names(started(pods, []), t0)[0], 's-17-0');
});

const alone = (name: string): Pod =>
  aPod({
    name: `${name}-0`,
    nodeName: 'old-1',
    controller: { apiVersion: 'apps/v1', kind: 'StatefulSet', name, uid: name },
  });

test('one after the other: who waits is told for whom', () => {
  const core = started([alone('a'), alone('b')], []);
  assert.deepEqual(names(core, t0), ['a-0']);
  accept(core, 'uid-shop-a-0', t0);
  assert.deepEqual(names(core, t0), []);
  const pod = core.state.pods.get('uid-shop-b-0');
  assert.ok(pod);
  const { state, reason } = explain(pod, core.state, t0);
  assert.equal(state, 'waits-for-singleton');
  assert.match(reason, /leave namespace shop one after the other, and StatefulSet shop\/a is on its way/);
});

test('a budget of bare pods: a number of them, since Kubernetes expects none for a share', () => {
  const nodes = [aNode({ name: 'old-1', unschedulable: true })];
  for (const [expectedPods, rule] of [
    [0, '{"maxUnavailable":null,"minAvailable":3}'],
    [4, '{"minAvailable":null,"maxUnavailable":1}'],
  ] as const) {
    const never = aBudget({
      maxUnavailable: '50%',
      status: status({ desiredHealthy: expectedPods, expectedPods, disruptionsAllowed: 0 }),
    });
    const state = stateOf(settings, { nodes, pods: webPods(4), podDisruptionBudgets: [never] }, nothingEarlier, t0);
    assert.equal(
      explainBudget(never.uid, state, t0)?.nextAction,
      `kubectl -n ${never.namespace} patch pdb ${never.name} --type=merge -p '{"spec":${rule}}'`,
    );
  }
});

test('budgets and nodes are explained from plain lists, when nothing runs', () => {
  const nodes = [aNode({ name: 'old-1', unschedulable: true }), aNode({ name: 'new-1', nodegroupName: 'apps-pd' })];
  const never = aBudget({ status: status({ desiredHealthy: 4, disruptionsAllowed: 0 }) });
  const state = stateOf(settings, { nodes, pods: webPods(4), podDisruptionBudgets: [never] }, nothingEarlier, t0);
  const budget = explainBudget(`${never.namespace}/${never.name}`, state, t0);
  assert.equal(budget?.state, 'budget-never');
  assert.match(budget.reason, /needs 4 healthy, has 4, expected 4: it never allows an eviction; 4 pods have to leave$/);
  assert.deepEqual(explainBudget(never.uid, state, t0), budget);
  assert.equal(explainBudget('shop/nothing', state, t0), undefined);
  const node = explainNode('old-1', state, t0);
  assert.equal(node?.state, 'budget-never');
  assert.match(node.reason, /^4 pods have to leave it \(4 budget-never\); shop\/web-0: PDB/);
  assert.equal(explainNode('new-1', state, t0)?.state, 'done');
  assert.equal(explainNode('nowhere', state, t0), undefined);
});

test('what is on its way out when the drain begins counts as down, and no question is asked', () => {
  const leaving = aPod({ name: 'web-0', nodeName: 'old-1', deletionTimestamp: iso(t0 + 30_000) });
  const core = started([leaving, ...webPods(4).slice(1)], []);
  assert.deepEqual(names(core, t0), []);
  assert.deepEqual(core.takeErrands(t0), []);
  core.apply({ type: 'pods', event: { type: 'removed', item: leaving } }, t0 + 1000);
  assert.deepEqual(names(core, t0 + 1000), [], 'its successor is not there yet');
  core.apply({ type: 'pods', event: { type: 'changed', item: aPod({ name: 'web-9', nodeName: 'new-1' }) } }, t0 + 2000);
  assert.deepEqual(names(core, t0 + 2000), ['web-1']);
});

test('what the server says is gone counts as gone while the watch is silent, until the watch shows it again', () => {
  const core = started(webPods(1), [aBudget()]);
  assert.deepEqual(names(core, t0), ['web-0']);
  const gone: Parameters<DrainCore['apply']>[0] = {
    type: 'answered',
    uid: 'uid-shop-web-0',
    outcome: { kind: 'gone', detail: '' },
  };
  core.apply(gone, t0 + 10);
  assert.deepEqual(core.takeDeparted(), [{ pod: 'shop/web-0', uid: 'uid-shop-web-0', node: 'old-1' }]);
  assert.ok(core.finished());
  const [pod] = webPods(1);
  assert.ok(pod);
  core.apply({ type: 'pods', event: { type: 'changed', item: pod } }, t0 + 20);
  assert.equal(core.finished(), false);
  assert.deepEqual(core.state.late.size, 0, 'it did not come meanwhile');
  assert.deepEqual(names(core, t0 + 6000), ['web-0']);
  core.apply({ type: 'pods', event: { type: 'removed', item: pod } }, t0 + 7000);
  core.apply(gone, t0 + 7000);
  core.takeDeparted();
  assert.ok(core.finished());
});

test('gone while the watch is silent: the successor counts as missing, also after a minute', () => {
  const core = started(webPods(4), []);
  assert.deepEqual(names(core, t0), ['web-0']);
  core.apply({ type: 'answered', uid: 'uid-shop-web-0', outcome: { kind: 'gone', detail: '' } }, t0);
  assert.deepEqual(names(core, t0 + 1000), []);
  assert.deepEqual(names(core, t0 + 61_000), []);
});

test('a pod that has ended and is held by a finalizer holds nothing up, in whatever order that is seen', () => {
  const ended: Partial<Pod> = {
    phase: 'Failed',
    ready: false,
    deletionTimestamp: iso(t0 + 1000),
    finalizers: ['example.com/backup'],
  };
  assert.ok(started(webPods(1, ended), [aBudget()]).finished(), 'as a second run sees it');
  const core = started(webPods(1), [aBudget()]);
  names(core, t0);
  accept(core, 'uid-shop-web-0', t0);
  assert.equal(core.finished(), false);
  core.apply({ type: 'pods', event: { type: 'changed', item: webPods(1, ended)[0] ?? assert.fail() } }, t0 + 1000);
  assert.equal(core.takeDeparted().length, 1);
  assert.ok(core.finished());
});
