/** What `explain` says, over a cluster and a journal of literals; the command itself is in journeys/explain. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { explainBudget, explainNode, explainWorkload } from '../../src/commands/actions/explain-cluster.ts';
import { drainView } from '../../src/commands/actions/explain-drain.ts';
import { withFindings } from '../../src/commands/actions/explain-findings.ts';
import { explainMigration } from '../../src/commands/actions/explain-migration.ts';
import { explainFinding, explainStep } from '../../src/commands/actions/explain-plan.ts';
import { explainPod } from '../../src/commands/actions/explain-pod.ts';
import type { Sight } from '../../src/commands/actions/explain-sight.ts';
import {
  type Subject,
  subjectsMeant,
  subjectsOfCluster,
  subjectsOfPlan,
  theOne,
} from '../../src/commands/actions/explain-subject.ts';
import type { Finding } from '../../src/domain/finding.ts';
import type { JournalEntry } from '../../src/domain/journal-entry.ts';
import { MigrateError } from '../../src/domain/migrate-error.ts';
import type { MigrationPlan } from '../../src/domain/plan.ts';
import { type RunState, replay } from '../../src/domain/run-state.ts';
import type { Pod } from '../../src/domain/snapshot.ts';
import { type Explained, explainText } from '../../src/reporting/formats/explain-text.ts';
import {
  aGroup,
  created,
  drainFailed,
  draining,
  journalOf,
  rollbackStarted,
  runStarted,
  samplePlan,
} from '../reporting/sample.ts';
import { aBudget, aDeployment, aNode, aPod, podsOf } from '../support/snapshot.ts';

const at = '2026-11-23T00:10:00.000Z';
const domain = 'eu-west-1.compute.internal';
const [oldNode, newNode] = [`ip-10-0-1-7.${domain}`, `ip-10-0-1-9.${domain}`];
const status = aBudget().status;

/** search: all but one of its pods are healthy, and all have to be; web: fine; a DaemonSet; a bare pod. */
function sightOf(change: (pod: Pod) => Pod = (pod) => pod): Sight {
  const [one, ...others] = podsOf('shop', 'search', 4, [oldNode]);
  assert.ok(one);
  const moved = { ...one, nodeName: newNode, ready: false, trouble: 'readiness probe: HTTP 503' };
  return {
    seen: { from: 'cluster', at, why: null },
    nodes: [
      aNode({ name: oldNode, uid: 'n1', unschedulable: true }),
      aNode({
        name: newNode,
        uid: 'n2',
        nodegroupName: 'apps-pd-7f3a9c21',
        allocatable: { pods: 110, cpuMillis: 1, memoryBytes: 1 },
      }),
    ],
    pods: [
      moved,
      ...others,
      ...podsOf('shop', 'web', 2, [oldNode]),
      aPod({ namespace: 'debug', name: 'shell', nodeName: oldNode, controller: null, labels: {} }),
      aPod({
        namespace: 'kube-system',
        name: 'aws-node-x',
        nodeName: oldNode,
        labels: { 'k8s-app': 'aws-node' },
        controller: { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'aws-node', uid: 'ds' },
      }),
    ].map(change),
    podDisruptionBudgets: [
      aBudget({
        name: 'search',
        selector: { matchLabels: { app: 'search' } },
        status: { ...status, disruptionsAllowed: 0, currentHealthy: 3, desiredHealthy: 3, expectedPods: 4 },
      }),
    ],
    workloads: [...aDeployment('shop', 'search', 4), ...aDeployment('shop', 'web', 2)],
    jobs: [],
    eventsOf: async () => [
      { lastAt: at, reason: 'Unhealthy', message: 'Readiness probe failed: HTTP probe failed with statuscode: 503' },
    ],
  };
}

const plan: MigrationPlan = {
  ...samplePlan,
  forecast: {
    ...samplePlan.forecast,
    groups: [aGroup({ name: 'shop/search', pods: 4, cycleSeconds: 45, expectedSeconds: 184 })],
  },
};
const gone: JournalEntry[] = [
  {
    type: 'step-progress',
    runId: 'run-1',
    stepId: 'drain-source',
    progress: { kind: 'eviction-outcome', pod: 'shop/web-1', uid: 'u1', outcome: 'accepted' },
  },
  {
    type: 'step-progress',
    runId: 'run-1',
    stepId: 'drain-source',
    progress: { kind: 'pod-gone', pod: 'shop/web-1', uid: 'u1', node: oldNode },
  },
];
const cordoned: JournalEntry = {
  type: 'step-progress',
  runId: 'run-1',
  stepId: 'drain-source',
  progress: { kind: 'cordoned', node: oldNode, uid: 'n1' },
};
const journal = journalOf(runStarted, ...created, cordoned, ...draining, ...gone);
const run = replay(plan, journal);
const planned = replay(plan, []);
const shown = (explained: Explained, sight = sightOf()): string[] =>
  explainText(explained, sight.seen, { colour: false }).trimEnd().split('\n').slice(3);
const pod = async (name: string, state: RunState = run, sight = sightOf()): Promise<string[]> =>
  shown(await explainPod(name, plan, state, state === run ? journal : [], sight, drainView(plan, state, sight)), sight);

test('where it stands: what is left, what holds it, what to do', () => {
  const sight = sightOf();
  const options = { folder: 'p', now: at, isGone: true };
  const explained = explainMigration(plan, run, drainView(plan, run, sight), options);
  assert.deepEqual(explainText(explained, sight.seen, { colour: false }).split('\n'), [
    'prod  plan 7f3a9c21',
    '  Seen in the cluster at 2026-11-23 00:10:00 UTC.',
    '',
    '  Stopped part-way; it can go on. Phase drain, step drain-source.',
    '',
    '  drain       0 of 1 old node empty, 1 pod moved, 6 left',
    '  waits       shop/search-1-1 on ip-10-0-1-7 and 2 more: PDB shop/search needs 3',
    '              healthy, has 3, expected 4; shop/search-1-0 is not Ready:',
    '              readiness probe: HTTP 503',
    '  waits       debug/shell on ip-10-0-1-7: no controller would create it again,',
    '              and the plan does not allow to lose it',
    '  moves       2 pods next in turn',
    '',
    '  -> kubectl -n shop describe pod search-1-0',
    '  -> kubectl -n debug delete pod shell',
    '  -> prefix-migrate apply p',
    '  -> prefix-migrate rollback p   # takes it back instead',
    '',
  ]);
  assert.deepEqual(
    explained.pods?.map(({ pod: name, state }) => [name, state]),
    [
      ['shop/search-1-1', 'replacement-not-ready'],
      ['shop/search-1-2', 'replacement-not-ready'],
      ['shop/search-1-3', 'replacement-not-ready'],
      ['shop/web-1-0', 'next'],
      ['shop/web-1-1', 'next'],
      ['debug/shell', 'bare-pod'],
    ],
  );
});

describe('where it stands, in a sentence', () => {
  const finding = {
    code: 'PDB.NEVER_ALLOWS',
    severity: 'blocking' as const,
    subject: 'shop/search',
    summary: 'PDB shop/search never allows an eviction.',
    why: 'why',
    nextActions: ['kubectl -n shop scale deployment/search --replicas=5'],
  };
  const options = { folder: 'p', now: '2026-11-22T12:00:00.000Z', isGone: false };
  const rows: [string, MigrationPlan, RunState, RegExp, next: string | undefined][] = [
    ['not begun', plan, planned, /^Not started\. Nothing stands in the way/, 'prefix-migrate apply p'],
    [
      'blocked',
      { ...plan, findings: [finding] },
      planned,
      /^Not started: 1 finding in the way/,
      finding.nextActions[0],
    ],
    [
      'expired',
      { ...plan, expiresAt: '2026-11-22T00:00:00.000Z' },
      planned,
      /^Not started, and expired/,
      'prefix-migrate plan --cluster prod',
    ],
    [
      'failed before the drain',
      plan,
      replay(
        plan,
        journalOf(runStarted, {
          type: 'step-failed',
          runId: 'run-1',
          stepId: 'create-nodegroup/apps',
          failure: { code: 'X.Y', message: 'no', why: 'because', nextActions: ['do this'] },
        }),
      ),
      /Phase create, step create-nodegroup\/apps\./,
      'do this',
    ],
    [
      'finished',
      plan,
      replay(
        plan,
        journalOf(
          runStarted,
          ...plan.steps.map(
            ({ id }): JournalEntry => ({ type: 'step-succeeded', runId: 'run-1', stepId: id, detail: '' }),
          ),
        ),
      ),
      /^Finished/,
      'prefix-migrate log p',
    ],
    ['nothing to do', { ...plan, steps: [] }, replay({ ...plan, steps: [] }, []), /nothing to do/, undefined],
  ];
  for (const [name, about, state, said, next] of rows) {
    test(name, () => {
      const { answer, nextActions } = explainMigration(about, state, null, options);
      assert.match(answer, said);
      assert.equal(nextActions[0], next);
    });
  }
});

test('a pod that waits: verdict, owner, node, budget with its arithmetic, events', async () => {
  assert.deepEqual(await pod('shop/search-1-1'), [
    '  It cannot leave ip-10-0-1-7: PDB shop/search needs 3 healthy, has 3, expected',
    '  4; shop/search-1-0 is not Ready: readiness probe: HTTP 503.',
    '',
    '  pod         Running, Ready, created 2026-02-01 00:00:00 UTC, 30 s to end',
    '  owner       Deployment search: 4 pods, 3 Ready',
    `  node        ${oldNode}, old node of apps, cordoned`,
    '              by this plan',
    '  budget      shop/search (maxUnavailable: 1): needs 3 healthy, has 3, expected',
    '              4: 0 may go now',
    '  events      00:10:00 Unhealthy: Readiness probe failed: HTTP probe failed with',
    '              statuscode: 503',
    '',
    '  -> kubectl -n shop describe pod search-1-0',
  ]);
});

describe('other pods, in a sentence', () => {
  const rows: [string, string, RegExp, ((pod: Pod) => Pod)?][] = [
    ['of a DaemonSet', 'kube-system/aws-node-x', /belongs to DaemonSet aws-node: it stays until its node goes/],
    ['mirror', 'shop/web-1-0', /static pod/, (one) => ({ ...one, mirror: true })],
    ['ended', 'shop/web-1-0', /has ended \(Succeeded\)/, (one) => ({ ...one, phase: 'Succeeded' })],
    ['bare', 'debug/shell', /cannot leave ip-10-0-1-7: no controller would create it again/],
    ['with room to go', 'shop/web-1-0', /It has to leave ip-10-0-1-7: its turn has not come yet/],
    ['on a new node', 'shop/search-1-0', /on ip-10-0-1-9, a new node, and is not Ready: readiness probe: HTTP 503/],
    [
      'without a node',
      'shop/web-1-0',
      /runs on no node: Unschedulable: no room/,
      (one) => ({ ...one, nodeName: null, trouble: 'Unschedulable: no room' }),
    ],
    [
      'without a node, in a sentence of the scheduler',
      'shop/web-1-0',
      /not helpful for scheduling\.(?!\.)/,
      (one) => ({ ...one, nodeName: null, trouble: 'Unschedulable: Preemption is not helpful for scheduling.' }),
    ],
    ['elsewhere', 'shop/web-1-0', /which this plan does not touch/, (one) => ({ ...one, nodeName: 'other' })],
    ['gone', 'shop/web-1', /This plan evicted it from ip-10-0-1-7, and it has left\./],
  ];
  for (const [name, subject, said, change] of rows) {
    test(name, async () =>
      assert.match((await pod(subject, run, sightOf(change))).join(' ').replaceAll(/\s+/g, ' '), said),
    );
  }
});

test('before the drain: what would hold it, not that it is not cordoned', async () => {
  const sight = sightOf();
  sight.nodes = sight.nodes.map((node) => ({ ...node, unschedulable: false }));
  const [first = '', second = ''] = await pod('shop/web-1-0', planned, sight);
  assert.equal(
    `${first}${second}`,
    '  It has to leave ip-10-0-1-7, an old node of apps, and the drain is not on.  Nothing would hold its eviction.',
  );
});

const findingOf = (code: string, subject: string, told: Partial<Finding> = {}): Finding => ({
  code,
  severity: 'blocking',
  subject,
  summary: `${code} of ${subject}.`,
  why: 'why',
  nextActions: [`do ${code}`],
  ...told,
});

describe('what the plan found about it', () => {
  const found: MigrationPlan = {
    ...plan,
    findings: [
      findingOf('POD.EMPTY_DIR', 'shop/web', { allowed: true }),
      findingOf('PDB.MISSING', 'shop/web', { severity: 'warning' }),
      findingOf('POD.SELECTS_SOURCE', 'shop/web'),
      findingOf('VOLUME.ZONE', 'eu-west-1a', { summary: '2 pods have their volumes there: shop/web-1-0, shop/db-0.' }),
      findingOf('POD.BARE', 'debug/shell, debug/other'),
      findingOf('PDB.NOT_NOW', 'shop/search', { severity: 'warning' }),
    ],
  };
  const about = async (kind: 'pod' | 'workload' | 'pdb', name: string): Promise<Explained> => {
    const sight = sightOf();
    const drain = drainView(found, planned, sight);
    const explained =
      kind === 'pod'
        ? await explainPod(name, found, planned, [], sight, drain)
        : kind === 'pdb'
          ? explainBudget(name, found, sight, drain)
          : explainWorkload(name, found, sight, drain);
    return withFindings(explained, found, sight);
  };
  const rows: [Parameters<typeof about>, string[]][] = [
    [
      ['pod', 'shop/web-1-0'],
      ['POD.SELECTS_SOURCE', 'VOLUME.ZONE', 'POD.EMPTY_DIR', 'PDB.MISSING'],
    ],
    [
      ['pod', 'shop/web-1-1'],
      ['POD.SELECTS_SOURCE', 'POD.EMPTY_DIR', 'PDB.MISSING'],
    ],
    [
      ['workload', 'shop/web'],
      ['POD.SELECTS_SOURCE', 'VOLUME.ZONE', 'POD.EMPTY_DIR', 'PDB.MISSING'],
    ],
    [['pod', 'debug/shell'], ['POD.BARE']],
    [['pod', 'shop/search-1-1'], ['PDB.NOT_NOW']],
    [['pdb', 'shop/search'], ['PDB.NOT_NOW']],
    [['pod', 'shop/gone'], []],
  ];
  for (const [subject, codes] of rows) {
    test(subject.join(' '), async () =>
      assert.deepEqual(
        ((await about(...subject)).findings ?? []).map(({ code }) => code),
        codes,
      ),
    );
  }
  test('before the live state, with what to do', async () => {
    const explained = await about('pod', 'shop/web-1-1');
    assert.match(explained.answer, /^The plan has 3 findings about it, 1 blocking\. It has to leave/);
    assert.deepEqual(
      explained.facts.slice(0, 4).map(({ label, lines: [line] }) => [label, line?.split(':')[0]]),
      [
        ['blocking', 'POD.SELECTS_SOURCE'],
        ['allowed', 'POD.EMPTY_DIR'],
        ['warning', 'PDB.MISSING'],
        ['pod', 'Running, Ready, created 2026-02-01 00'],
      ],
    );
    assert.deepEqual(explained.nextActions, ['do POD.SELECTS_SOURCE', 'do POD.EMPTY_DIR', 'do PDB.MISSING']);
  });
  test('a pod that is gone, or on a new node: what was found, and nothing to do about it', async () => {
    const isGone = await about('pod', 'shop/db-0');
    assert.deepEqual([isGone.findings?.length, isGone.nextActions], [1, []]);
    const moved = await about('pod', 'shop/search-1-0');
    assert.equal(moved.findings?.length, 1);
    assert.ok(!moved.nextActions.includes('do PDB.NOT_NOW'));
  });
  const bare = (name: string): Explained => {
    const explained = { subject: { kind: 'pod' as const, name }, answer: '', facts: [], nextActions: ['do it'] };
    const told = { summary: 'debug/a and 9 more.', nextActions: ['do it  # as planned'] };
    const cut = { ...plan, findings: [findingOf('POD.BARE', 'debug/a and 9 more', told)] };
    return withFindings(explained, cut, sightOf());
  };
  test('a bare pod that the finding does not name; no command twice', () => {
    assert.deepEqual(bare('debug/shell').nextActions, ['do it  # as planned']);
    assert.equal(bare('shop/web-1-0').findings, undefined);
  });
  test('a pod of an unknown controller that the finding does not name', () => {
    const controller = { apiVersion: 'example.com/v1', kind: 'Game', name: 'g', uid: 'g' };
    const sight = sightOf((one) => (one.name === 'shell' ? { ...one, controller } : one));
    const explained = {
      subject: { kind: 'pod' as const, name: 'debug/shell' },
      answer: '',
      facts: [],
      nextActions: [],
    };
    for (const [kind, number] of [
      ['example.com/Game', 1],
      ['example.com/Gamer', undefined],
    ] as const) {
      const findings = [findingOf('POD.UNKNOWN_CONTROLLER', `${kind} debug/a and 9 more`)];
      assert.equal(withFindings(explained, { ...plan, findings }, sight).findings?.length, number);
    }
  });
});

test('what the journal knows of a pod, with times; an earlier pod of its name is told apart', async () => {
  const lines = (await pod('shop/web-1')).join(' ').replaceAll(/\s+/g, ' ');
  assert.match(lines, /journal 2026-11-23 00:01:30 UTC drain-source: evict shop\/web-1 on/);
  assert.match(lines, /00:02:00 UTC drain-source: eviction of shop\/web-1: accepted/);
  const again = sightOf((one) => (one.name === 'web-1-0' ? { ...one, name: 'web-1' } : one));
  assert.match(
    (await pod('shop/web-1', run, again)).join(' ').replaceAll(/\s+/g, ' '),
    /accepted \(an earlier pod of this name\)/,
  );
});

test('a budget: verdict, rule, arithmetic, pods, who is not Ready, what it takes', () => {
  const sight = sightOf();
  assert.deepEqual(shown(explainBudget('shop/search', plan, sight, drainView(plan, run, sight))), [
    '  It lets none go now: 3 have to be healthy, and 3 of 4 are. It does again when',
    '  1 more is Ready.',
    '',
    '  rule        maxUnavailable: 1; pods that are not Ready may go while enough',
    '              others are (IfHealthyBudget)',
    '  now         needs 3 healthy, has 3, expected 4: 0 may go now',
    '  selects     4 pods, 3 of them on old nodes',
    '  not Ready   shop/search-1-0: readiness probe: HTTP 503',
    '  waits       shop/search-1-1 on ip-10-0-1-7 and 2 more: PDB shop/search needs 3',
    '              healthy, has 3, expected 4; shop/search-1-0 is not Ready:',
    '              readiness probe: HTTP 503',
    '  takes       when planned: 4 pods to move, 1 at once, 45s each: about 3m4s in',
    '              all (estimate)',
    '',
    '  -> kubectl -n shop describe pod search-1-0',
  ]);
});

describe('a budget, in a sentence', () => {
  const rows: [string, Parameters<typeof aBudget>[0], RegExp][] = [
    ['allows', {}, /^It lets 1 go now: 4 pods are healthy and 3 have to be\.$/],
    [
      'never',
      { status: { ...status, disruptionsAllowed: 0, desiredHealthy: 4 } },
      /never let a pod go: 4 have to be healthy, and there are only 4/,
    ],
    [
      'of bare pods',
      { status: { ...status, disruptionsAllowed: 0, expectedPods: 0, desiredHealthy: 0 }, selector: {} },
      /^It lets no pod go: Kubernetes expects none/,
    ],
    [
      'empty',
      { selector: null, status: { ...status, disruptionsAllowed: 0, expectedPods: 0, currentHealthy: 0 } },
      /^It selects no pods/,
    ],
    ['broken', { status: { ...status, syncFailure: 'no scale' } }, /cannot compute it.*: no scale/],
    ['changed just now', { generation: 2 }, /was changed/],
  ];
  for (const [name, change, said] of rows) {
    test(name, () => {
      const sight = { ...sightOf(), podDisruptionBudgets: [aBudget({ name: 'search', ...change })] };
      assert.match(explainBudget('shop/search', plan, sight, null).answer, said);
    });
  }
});

test('an old node: who cordoned it, what it waits for, what stays; a new node: its prefixes', () => {
  const sight = sightOf();
  const drain = drainView(plan, run, sight);
  assert.deepEqual(shown(explainNode(oldNode, plan, run, sight, drain)), [
    '  An old node of apps, cordoned by this plan: 6 pods to leave it.',
    '',
    `  node        m5.large, i-${oldNode}, eu-west-1a`,
    '  room        7 of 29 pods',
    '  waits       shop/search-1-1 and 2 more: PDB shop/search needs 3 healthy, has',
    '              3, expected 4; shop/search-1-0 is not Ready: readiness probe: HTTP',
    '              503',
    '  waits       debug/shell: no controller would create it again, and the plan',
    '              does not allow to lose it',
    '  moves       2 pods next in turn',
    '  stays       kube-system/aws-node-x: of DaemonSets, static or ended; they end',
    '              with the node',
    '',
    '  -> kubectl -n shop describe pod search-1-0',
    '  -> kubectl -n debug delete pod shell',
  ]);
  assert.match(explainNode(newNode, plan, run, sight, drain).answer, /^A new node, in place of apps, not cordoned/);
  assert.match(explainNode(oldNode, plan, planned, sight, drain).answer, /cordoned by somebody else/);
  assert.equal(explainNode('ip-10-0-9-9', plan, run, sight, drain).answer, 'It is gone.');
});

test('a workload, a step, a code that the plan has and one that it has not', () => {
  const sight = sightOf();
  assert.equal(
    explainWorkload('shop/search', plan, sight, drainView(plan, run, sight)).answer,
    '4 pods, 3 Ready; 3 on old nodes.',
  );
  const failed = replay(plan, journalOf(runStarted, ...created, ...draining, ...drainFailed));
  const step = explainStep('drain-source', plan, failed, journalOf(...draining), 'p');
  assert.equal(step.answer, 'Failed: 1 pod cannot move.');
  assert.equal(step.nextActions[0], 'kubectl -n shop logs search-5');
  assert.equal(explainStep('soak', plan, failed, [], 'p').answer, 'Not begun: it waits for drain-source.');
  const none = explainFinding('PDB.NEVER_ALLOWS', plan);
  assert.match(
    none.answer,
    /A PodDisruptionBudget allows no eviction.*--allow PDB\.NEVER_ALLOWS accepts it\. The plan has none\./,
  );
});

test('blocked by more than are shown: how many more', () => {
  const findings = Array.from({ length: 124 }, (_, index) => findingOf('POD.BARE', `shop/p${index}`));
  const options = { folder: 'p', now: '2026-11-22T12:00:00.000Z', isGone: false };
  const told = explainMigration({ ...plan, findings }, planned, null, options);
  assert.equal(told.facts.length, 6);
  assert.deepEqual(told.facts.at(-1)?.lines, ['and 119 more: p/plan.md has them all']);
});

test('a workload that was made after the plan is found by the name of its pods', () => {
  const sight = sightOf();
  const controller = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'late-7d9f', uid: 'uid-late' };
  const labels = { app: 'late', 'pod-template-hash': '7d9f' };
  const late = {
    ...sight,
    pods: [...sight.pods, aPod({ name: 'late-7d9f-x', nodeName: oldNode, controller, labels })],
  };
  const [meant] = subjectsMeant('shop/late', subjectsOfCluster(late, run));
  assert.deepEqual(meant, { kind: 'workload', name: 'shop/late' });
  assert.match(
    explainWorkload('shop/late', plan, late, drainView(plan, run, late)).answer,
    /^1 pod, 1 Ready; 1 on old/,
  );
});

describe('what a subject can mean', () => {
  const known = [...subjectsOfPlan(plan), ...subjectsOfCluster(sightOf(), run)];
  const rows: [string, ...string[]][] = [
    ['shop/search-1-1', 'pod/shop/search-1-1'],
    ['pod/shop/search-1-1', 'pod/shop/search-1-1'],
    ['pod/search-1-1', 'pod/shop/search-1-1'],
    ['po/search-1-1', 'pod/shop/search-1-1'],
    ['shop/web-1', 'pod/shop/web-1'],
    ['pdb/shop/search', 'pdb/shop/search'],
    ['shop/search', 'workload/shop/search'],
    ['search', 'workload/shop/search'],
    ['deployment/shop/search', 'workload/shop/search'],
    ['shop/web', 'workload/shop/web'],
    ['ip-10-0-1-7', `node/${oldNode}`],
    [`node/${oldNode}`, `node/${oldNode}`],
    ['apps', 'nodegroup/apps'],
    ['apps-pd-7f3a9c21', 'nodegroup/apps-pd-7f3a9c21'],
    ['subnet-0aa1', 'subnet/subnet-0aa1'],
    ['create-nodegroup/apps', 'step/create-nodegroup/apps'],
    ['step/soak', 'step/soak'],
    ['pdb.never_allows', 'finding/PDB.NEVER_ALLOWS'],
    ['pod/ip-10-0-1-7'],
    ['ip-10-0-1'],
    ['constructor/x'],
  ];
  for (const [text, ...meant] of rows) {
    test(text, () =>
      assert.deepEqual(
        subjectsMeant(text, known).map(({ kind, name }) => `${kind}/${name}`),
        meant,
      ),
    );
  }

  const refused = (text: string, among: Subject[] = known): string[] => {
    try {
      theOne(text, among, 'p');
    } catch (error) {
      assert.ok(error instanceof MigrateError);
      assert.deepEqual([error.code, error.exitCode], ['INPUT.SUBJECT', 2]);
      return error.nextActions;
    }
    return [];
  };
  test('a misspelt name offers the nearest', () => {
    assert.deepEqual(refused('shop/serch-1-1'), ['prefix-migrate explain p pod/shop/search-1-1']);
    assert.deepEqual(refused('PDB.NEVER_ALLOW').slice(0, 1), ['prefix-migrate explain p finding/PDB.NEVER_ALLOWS']);
    assert.deepEqual(refused('nothing-like-it-at-all'), ['prefix-migrate explain p']);
  });
  test('a name in two namespaces offers both', () => {
    const two = ['shop/a-0', 'tools/a-0'].map((name) => ({ kind: 'pod' as const, name }));
    assert.deepEqual(refused('pod/a-0', two), [
      'prefix-migrate explain p pod/shop/a-0',
      'prefix-migrate explain p pod/tools/a-0',
    ]);
  });
});

describe('while a plan is taken back', () => {
  const back = rollbackStarted();
  const step = plan.steps.find(({ kind }) => kind === 'drain-source');
  assert.ok(step?.kind === 'drain-source');
  const drainBack = {
    ...step,
    id: 'undo/drain-replacement',
    params: { ...step.params, nodegroupNames: ['apps-pd-7f3a9c21'], replacementNames: ['apps'] },
  };
  const work: MigrationPlan = { ...plan, steps: [drainBack] };
  const started: JournalEntry = { type: 'step-started', runId: 'run-2', stepId: drainBack.id, token: 't' };
  const done: JournalEntry = { type: 'step-succeeded', runId: 'run-2', stepId: drainBack.id, detail: '' };
  const draining2 = replay(plan, [...journal, ...journalOf(back, started)]);
  const sight = {
    ...sightOf(),
    nodes: sightOf().nodes.map((node) => ({ ...node, unschedulable: node.name === newNode })),
  };
  const drain = drainView(work, draining2, sight);

  test('pods leave the new nodes, and stay on the old ones', async () => {
    const [leaves, stays] = await Promise.all(
      ['shop/search-1-0', 'shop/web-1-0'].map((name) => explainPod(name, work, draining2, [], sight, drain)),
    );
    assert.match(leaves?.answer ?? '', /leave ip-10-0-1-9/);
    assert.match(
      stays?.answer ?? '',
      /^It runs on ip-10-0-1-7, an old node of apps, and is Ready\. It does not have to/,
    );
    assert.match(explainNode(newNode, work, draining2, sight, drain).answer, /^A new node, .*: 1 pod to leave it\.$/);
    assert.match(
      explainNode(oldNode, work, draining2, sight, drain).answer,
      /^An old node .*: no pod has to leave it\.$/,
    );
  });

  test('the way on is the rollback', () => {
    const options = { folder: 'p', now: at, isGone: true };
    const { answer, nextActions } = explainMigration(work, draining2, null, options);
    assert.match(answer, /^It is being taken back\. Stopped part-way; it can go on\. Phase drain/);
    assert.deepEqual(nextActions, ['prefix-migrate rollback p']);
    const ended = replay(plan, [...journal, ...journalOf(back, started, done)]);
    const { answer: last } = explainMigration(work, ended, null, options);
    assert.equal(last, 'Taken back: nothing is left to undo.');
  });

  test('a step of it that was not begun can be asked about', () => {
    const before = replay(plan, [...journal, ...journalOf(back)]);
    assert.equal(
      explainStep(drainBack.id, { ...plan, steps: [...plan.steps, drainBack] }, before, [], 'p').answer.slice(0, 9),
      'Not begun',
    );
  });
});
