/** What people and programs see of a rollback: before the plan is approved, before the act, during it, and after. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cannotUndo } from '../../src/domain/cannot-undo.ts';
import type { JournalEntry } from '../../src/domain/journal-entry.ts';
import type { AnyStep, MigrationPlan, Step } from '../../src/domain/plan.ts';
import { type RunState, replay } from '../../src/domain/run-state.ts';
import { summarize } from '../../src/domain/run-summary.ts';
import { sentence } from '../../src/reporting/formats/log-text.ts';
import { planHtml } from '../../src/reporting/formats/plan-html.ts';
import { planMarkdown } from '../../src/reporting/formats/plan-markdown.ts';
import { planText } from '../../src/reporting/formats/plan-text.ts';
import { nothingToUndo, rollbackAnnouncement, rollbackSummary } from '../../src/reporting/formats/rollback-text.ts';
import { runMarkdown } from '../../src/reporting/formats/run-markdown.ts';
import { statusText, verdictOf } from '../../src/reporting/formats/status-text.ts';
import { phaseRows } from '../../src/reporting/phase-rows.ts';
import { aSnapshot } from '../support/snapshot.ts';
import { created, draining, journalOf, rollbackStarted, runStarted, samplePlan } from './sample.ts';

const folder = 'prefix-migrate-prod';
const [group] = samplePlan.nodegroups;
assert.ok(group);

const deleteSource = (source: string): Step<'delete-source'> => ({
  id: `delete-source/${source}`,
  kind: 'delete-source',
  phase: 'delete',
  impact: 'destructive',
  dependsOn: ['soak'],
  summary: `delete ${source}`,
  params: { clusterName: 'prod', nodegroupName: source, replacementName: `${source}-pd`, timeoutSeconds: 60 },
});

/** The sample with a second node group. */
const plan: MigrationPlan = {
  ...samplePlan,
  nodegroups: [group, { ...group, source: 'web', replacement: 'web-pd-7f3a9c21', maxPodsBefore: 17 }],
  steps: [...samplePlan.steps, deleteSource('apps'), deleteSource('web')],
};

const undoSteps: AnyStep[] = [
  {
    id: 'undo/cordon-source',
    kind: 'uncordon-source',
    phase: 'prepare',
    impact: 'additive',
    dependsOn: [],
    summary: 'new pods may start on the nodes of apps again',
    params: { nodegroupNames: ['apps'] },
  },
  {
    id: 'undo/drain-replacement',
    kind: 'drain-source',
    phase: 'drain',
    impact: 'disruptive',
    dependsOn: ['undo/cordon-source'],
    summary: 'evict pods from apps-pd-7f3a9c21 back to apps',
    params: {
      nodegroupNames: ['apps-pd-7f3a9c21'],
      replacementNames: ['apps'],
      timeoutSeconds: 60,
      unbudgetedPercent: 25,
      allowEmptyDir: false,
      allowBarePods: false,
      first: [],
      surge: [],
      waitForJobsSeconds: 0,
    },
  },
];
const work: MigrationPlan = { ...plan, steps: undoSteps };

const runId = 'run-2';
const opened: JournalEntry[] = [
  { type: 'step-started', runId, stepId: 'undo/cordon-source', token: 't-3' },
  { type: 'step-succeeded', runId, stepId: 'undo/cordon-source', detail: '4 nodes are open again' },
  { type: 'step-started', runId, stepId: 'undo/drain-replacement', token: 't-4' },
];
const movedBack: JournalEntry[] = [
  {
    type: 'step-progress',
    runId,
    stepId: 'undo/drain-replacement',
    progress: { kind: 'eviction-intent', pod: 'shop/web-9', uid: 'u9', node: 'ip-10-0-3-7', budget: 'shop/web' },
  },
  {
    type: 'step-progress',
    runId,
    stepId: 'undo/drain-replacement',
    progress: { kind: 'eviction-outcome', pod: 'shop/web-9', uid: 'u9', outcome: 'accepted' },
  },
  { type: 'step-succeeded', runId, stepId: 'undo/drain-replacement', detail: 'no evictable pod is left' },
];
const state = (...entries: JournalEntry[]): RunState => replay(plan, journalOf(...entries));
const rollingBack = (kept: string[] = []): RunState =>
  state(runStarted, ...created, ...draining, rollbackStarted(kept), ...opened);
const rolledBack = (kept: string[] = []): RunState =>
  state(runStarted, ...created, ...draining, rollbackStarted(kept), ...opened, ...movedBack);

const tooLong = (text: string): string[] => text.split('\n').filter((line) => line.length > 80);
const inOneLine = (text: string): string => text.replaceAll(/\s+/g, ' ');
const status = (of: RunState, isGone = false): string =>
  statusText(work, of, { folder, colour: false, isGone, now: '2026-11-22T12:00:00.000Z' });

test('a plan that can be applied says what cannot be undone, and how to take back the rest', () => {
  const text = planText(plan, { folder, colour: false });
  assert.deepEqual(tooLong(text), []);
  assert.match(text, /\n {2}What cannot be undone\n {2}- /);
  assert.match(text, /\n {2}Until the deletion .*:\n {4}prefix-migrate rollback prefix-migrate-prod\n/);
  const pages = [text, planMarkdown(plan), planHtml(plan, aSnapshot())].map(inOneLine);
  for (const page of pages) {
    assert.match(page, /What cannot be undone.*prefix-migrate rollback (DIR|prefix-migrate-prod)/);
    for (const said of cannotUndo(plan)) assert.ok(page.includes(said), said);
  }
});

test('of many things that cannot be undone the summary of a plan names a few', () => {
  const sources = Array.from({ length: 50 }, (_, i) => `apps-${i}`);
  const many = {
    ...plan,
    nodegroups: sources.map((source) => ({ ...group, source })),
    steps: sources.map(deleteSource),
  };
  const [, section = ''] = planText(many, { folder, colour: false }).split('What cannot be undone');
  assert.ok(section !== '' && section.split('\n').length < 40, section);
});

test('a plan that does nothing, or that is refused, has nothing to say about it', () => {
  assert.doesNotMatch(planText({ ...plan, nodegroups: [], steps: [] }, { folder, colour: false }), /undone/);
  const blocking = {
    code: 'X.Y',
    severity: 'blocking',
    subject: 's',
    summary: 's',
    why: 'w',
    nextActions: [],
  } as const;
  assert.doesNotMatch(
    planText({ ...plan, findings: [{ ...blocking, nextActions: [] }] }, { folder, colour: false }),
    /undone/,
  );
});

test('before the act: what will be undone, what stays, what cannot be undone of what was begun', () => {
  const before = state(runStarted, ...created, ...draining);
  const lines = rollbackAnnouncement({ plan, work, state: before, kept: ['web'], folder });
  assert.deepEqual(tooLong(lines.join('\n')), []);
  const text = lines.join('\n');
  assert.match(
    text,
    /^Cluster prod in eu-west-1, account 111122223333: this takes back plan 7f3a9c21,\s+in 2 steps:\n {2}- new pods may start/,
  );
  assert.match(inOneLine(text), /Not taken back, since the old node group is gone or being deleted: web\./);
  const ofBegun = cannotUndo({ ...plan, steps: samplePlan.steps.slice(0, 2) });
  for (const said of ofBegun) assert.ok(inOneLine(text).includes(said), said);
  for (const said of cannotUndo({ ...plan, steps: [deleteSource('apps')] }))
    assert.ok(!inOneLine(text).includes(said), said);
});

test('before the act: of a rollback that goes on, what is left; nothing when all is done; a few of many', () => {
  const [head, ...rest] = rollbackAnnouncement({ plan, work, state: rollingBack(), kept: [], folder });
  assert.match(`${head} ${rest[0]}`, /; 1 of 2 steps are done, left\s+are:/);
  assert.doesNotMatch(rest.join('\n'), /new pods may start/);
  assert.deepEqual(rollbackAnnouncement({ plan, work, state: rolledBack(), kept: [], folder }), []);
  const [, drain] = undoSteps;
  assert.ok(drain);
  const steps = Array.from({ length: 90 }, (_, i) => ({ ...drain, id: `undo/${i}` }));
  const many = rollbackAnnouncement({ plan, work: { ...work, steps }, state: state(), kept: [], folder });
  assert.ok(many.length < 40);
  assert.ok(many.includes('  and 78 more: prefix-migrate rollback prefix-migrate-prod --dry-run'));
});

test('the status of a rollback', () => {
  const rows: [RunState, boolean, RegExp, string][] = [
    [rollingBack(), false, /: being taken back: begun and not finished\n/, 'rolling-back'],
    [
      rollingBack(),
      true,
      /: being taken back: killed part-way; can go on\n.*has ended without a word.*To go on: prefix-migrate rollback prefix-migrate-prod\n/s,
      'rolling-back',
    ],
    [rollingBack(['web']), false, /\n {2}Not taken back, .*: web\.\n/s, 'rolling-back'],
    [rolledBack(), false, /: taken back\n.* {2}1 pod moved back\n.*Nothing left to undo\./s, 'rolled-back'],
  ];
  for (const [of, isGone, said, verdict] of rows) {
    assert.match(status(of, isGone), said);
    assert.deepEqual(tooLong(status(of, isGone)), []);
    assert.equal(verdictOf(work, of), verdict);
    assert.doesNotMatch(status(of, isGone), /prefix-migrate apply/);
  }
});

test('the phases of a rollback are those of its own steps', () => {
  const rows = phaseRows(
    { plan: work, state: rollingBack(), waiting: new Map(), drain: undefined },
    { colour: false, width: 80 },
  );
  assert.deepEqual(
    rows.map(({ title }) => title),
    ['  done    prepare   4 nodes are open again', '  now     drain     evict pods from apps-pd-7f3a9c21 back to apps'],
  );
});

test('the last screen says what is as before, what stays, and what moved', () => {
  const shown = (kept: string[], isDone: boolean): string =>
    rollbackSummary({ plan, work, state: rolledBack(kept), kept, folder, isDone, colour: false });
  assert.equal(
    shown(['web'], false),
    [
      'prod: taken back. 1 node group as before the plan.',
      '',
      '  Node groups      apps',
      '  Stay replaced    web',
      '  Pods per node    29',
      '  Pods moved back  1 in 1 eviction',
      '',
      '  prefix-migrate log prefix-migrate-prod shows every change with its time.',
      '  apply refuses this plan from now on. To move again:',
      '    prefix-migrate plan --cluster prod --out NEW_DIR',
      '',
    ].join('\n'),
  );
  assert.match(
    shown([], true),
    /^prod: taken back before, nothing left to undo\. 2 node groups as before the plan\.\n/,
  );
  assert.equal(nothingToUndo(plan), 'prod: nothing to undo, no step of this plan was begun.\n');
});

test('the summary of a rollback counts what moved back, and only to the node groups that are there', () => {
  assert.deepEqual(summarize(work, rolledBack(['apps'])), {
    nodesBefore: 4,
    nodesAfter: 4,
    podsMoved: 1,
    evictions: 1,
    evictionsRefused: 0,
    prefixesAttached: 0,
    maxPodsBefore: 110,
    maxPodsAfter: 17,
  });
});

test('the summary of a job names the rollback', () => {
  const markdown = runMarkdown(work, { exitCode: 0, state: rolledBack(['web']) });
  assert.match(markdown, /^# prefix-migrate rollback: prod, plan 7f3a9c21\n/);
  assert.match(markdown, /\| drain \| done \|/);
  assert.match(markdown, /Not taken back \(gone or being deleted\): `web`\.\n/);
  assert.match(markdown, /1 pods moved back in 1 evictions; pods per node 110 -> 29\./);
});

test('the log says that it is a rollback, who approved it, and why it paused', () => {
  const approval: JournalEntry = {
    type: 'approval',
    runId,
    planId: plan.planId,
    by: 'eve',
    how: 'prompt',
    phases: ['drain'],
    rollback: true,
  };
  assert.match(sentence(rollbackStarted()), /^rollback started: /);
  assert.equal(
    sentence(approval),
    `rollback approved by eve (typed name): drain of plan ${approval.planId.slice(0, 8)}`,
  );
  assert.equal(
    sentence({ type: 'run-paused', runId, reason: 'credentials', detail: 'The AWS credentials have expired.' }),
    'run paused (credentials): The AWS credentials have expired.',
  );
});
