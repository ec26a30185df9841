import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { Finding } from '../../src/domain/finding.ts';
import type { JournalEntry } from '../../src/domain/journal-entry.ts';
import { replay } from '../../src/domain/run-state.ts';
import { findingLines, findingsMarkdown, tally } from '../../src/reporting/formats/findings.ts';
import { logText, sentence } from '../../src/reporting/formats/log-text.ts';
import { planMarkdown } from '../../src/reporting/formats/plan-markdown.ts';
import { planText } from '../../src/reporting/formats/plan-text.ts';
import { statusText, verdictOf } from '../../src/reporting/formats/status-text.ts';
import { created, drainFailed, draining, journalOf, runStarted, samplePlan } from './sample.ts';

const folder = 'prefix-migrate-prod';
const blocking: Finding = {
  code: 'SUBNET.NO_FREE_PREFIX',
  severity: 'blocking',
  subject: 'subnet-0bb2',
  summary: 'subnet-0bb2 has 2 free /28 blocks, 6 are needed.',
  why: '98 addresses are free but scattered over blocks that hold single addresses of old nodes and load balancers.',
  nextActions: [
    'aws ec2 create-subnet-cidr-reservation --subnet-id subnet-0bb2 --cidr 10.0.2.128/25 --reservation-type prefix',
  ],
};
const warning: Finding = {
  code: 'PDB.MISSING',
  severity: 'warning',
  subject: 'shop/worker',
  summary: '8 of 8 pods sit on the old nodes, no budget.',
  why: 'At most 2 will be down at once (25 %).',
  nextActions: [],
};
const tooLong = (text: string): string[] =>
  text.split('\n').filter((line) => line.length > 80 && !line.trimStart().startsWith('->'));

test('the summary of a plan fits 80 columns and says what moves, what is short, what is next', () => {
  const text = planText({ ...samplePlan, findings: [warning, blocking] }, { folder, colour: false });
  assert.deepEqual(tooLong(text), []);
  assert.equal(
    text,
    [
      'prod  eu-west-1  EKS 1.33  account 111122223333                    plan 7f3a9c21',
      '',
      '  Move 1 node group, 4 nodes (4 after), 60 pods to prefix delegation.',
      '  Draining: about 31 min (estimate), not less than 24 min: shop/search decides.',
      '',
      '  NODE GROUP  REPLACEMENT       NODES   PODS PER NODE  PODS',
      '  apps        apps-pd-7f3a9c21  4 -> 4  29 -> 110        60',
      '',
      '  SUBNET       ZONE        FREE  /28 FREE  PEAK  AFTER',
      '  subnet-0aa1  1a    161 of 251   7 of 14     6      9  fits',
      '  subnet-0bb2  1b     98 of 251   2 of 14     6      4  4 short',
      '',
      '  1 blocking, 1 warning',
      '  x SUBNET.NO_FREE_PREFIX  subnet-0bb2 has 2 free /28 blocks, 6 are needed.',
      '      98 addresses are free but scattered over blocks that hold single addresses',
      '      of old nodes and load balancers.',
      `      -> ${blocking.nextActions[0]}`,
      '  ! PDB.MISSING  shop/worker: 8 of 8 pods sit on the old nodes, no budget.',
      '      At most 2 will be down at once (25 %).',
      '',
      '  Written to prefix-migrate-prod/ (plan.md, cluster.eksctl.yaml, snapshot.json,',
      '  user-data/)',
      '  Next: resolve the blocking finding; then',
      '        prefix-migrate plan --cluster prod',
      '',
    ].join('\n'),
  );
});

test('a plan without blockers leads to apply, a dry run writes nothing', () => {
  assert.match(planText(samplePlan, { folder, colour: false }), /Next: prefix-migrate apply prefix-migrate-prod\n$/);
  assert.match(planText(samplePlan, { folder: null, colour: false }), /Dry run: nothing was written/);
  const allowed = planText({ ...samplePlan, findings: [{ ...blocking, allowed: true }] }, { folder, colour: false });
  assert.match(allowed, /1 blocking but allowed\n {2}o SUBNET/);
  assert.match(allowed, /Next: prefix-migrate apply/);
});

test('a plan with nothing to move says so', () => {
  const text = planText({ ...samplePlan, nodegroups: [], steps: [], subnets: [] }, { folder, colour: false });
  assert.match(text, /Nothing to move/);
  assert.doesNotMatch(text, /apply/);
});

test('colour adds escape sequences and nothing else', () => {
  const plan = { ...samplePlan, findings: [warning, blocking] };
  const coloured = planText(plan, { folder, colour: true });
  assert.ok(coloured.includes('\u001b[31mx SUBNET.NO_FREE_PREFIX\u001b[39m'));
  assert.equal(stripVTControlCharacters(coloured), planText(plan, { folder, colour: false }));
});

test('findings: most severe first, in words and in Markdown', () => {
  assert.equal(tally([warning, blocking, warning]), '1 blocking, 2 warnings');
  assert.deepEqual(findingLines([warning], false), [
    '  ! PDB.MISSING  shop/worker: 8 of 8 pods sit on the old nodes, no budget.',
    '      At most 2 will be down at once (25 %).',
  ]);
  assert.equal(findingsMarkdown([]), 'No findings.\n');
  assert.match(findingsMarkdown([warning, blocking]), /^- \*\*SUBNET\.NO_FREE_PREFIX\*\* \(blocking\) `subnet-0bb2`: /);
});

test('the plan as Markdown has every node group, subnet and step', () => {
  const text = planMarkdown({ ...samplePlan, findings: [warning] });
  for (const part of [
    '# Move prod to prefix delegation',
    `| Plan | \`${samplePlan.planId}\` |`,
    '| apps | apps-pd-7f3a9c21 | m5.large | 4 -> 4 | 29 -> 110 | vCPU cap 110 (calculated) | 1, 2, 7 | 60 |',
    '| subnet-0bb2 | eu-west-1b | 10.0.2.0/24 | 98 | 2 | 6 | 4 | no |',
    '| drain-source | drain | disruptive | move 60 pods off apps | create-nodegroup/apps |',
  ]) {
    assert.ok(text.includes(part), part);
  }
});

const state = (...entries: JournalEntry[]) => replay(samplePlan, journalOf(...entries));

test('where a migration stands', () => {
  const finish: JournalEntry[] = ['create-nodegroup/apps', 'drain-source', 'soak'].map((stepId) => ({
    type: 'step-succeeded',
    runId: 'run-1',
    stepId,
    detail: 'done',
  }));
  assert.equal(verdictOf(samplePlan, state()), 'not-started');
  assert.equal(verdictOf(samplePlan, state(runStarted, ...created)), 'under-way');
  assert.equal(verdictOf(samplePlan, state(runStarted, ...draining, ...drainFailed)), 'stopped');
  assert.equal(verdictOf(samplePlan, state(runStarted, ...finish)), 'finished');
});

test('the status of a stopped migration names the step, the reason and the way on', () => {
  const stopped = state(runStarted, ...created, ...draining, ...drainFailed);
  assert.equal(
    statusText(samplePlan, stopped, { folder, colour: false }),
    [
      'prod  plan 7f3a9c21: stopped part-way; can go on',
      '',
      '  done    create  create-nodegroup/apps  apps-pd-7f3a9c21 is ACTIVE',
      '  FAILED  drain   drain-source           move 60 pods off apps',
      '          soak    soak                   wait 10m',
      '',
      '  x drain-source: 1 pod cannot move.',
      '    PDB shop/search needs 8 ready pods and has 8.',
      '    -> kubectl -n shop logs search-5',
      '',
      '  To go on: prefix-migrate apply prefix-migrate-prod',
      '',
    ].join('\n'),
  );
});

test('the log is one line per entry, with the date where it changes', () => {
  assert.equal(
    logText(journalOf(runStarted, ...created)),
    [
      '2026-11-22 (UTC)',
      '23:59:00  run run-1 started by arn:aws:iam::111122223333:user/eve: prefix-migrate apply prefix-migrate-prod',
      '23:59:30  create-nodegroup/apps: started',
      '2026-11-23 (UTC)',
      '00:00:00  create-nodegroup/apps: done, apps-pd-7f3a9c21 is ACTIVE',
      '',
    ].join('\n'),
  );
  assert.equal(logText([]), '');
});

test('a name from outside cannot steer the terminal', () => {
  const entry: JournalEntry = {
    type: 'step-progress',
    runId: 'run-1',
    stepId: 'drain-source',
    progress: { kind: 'note', message: 'pod \u001b]0;owned\u0007\nx' },
  };
  assert.equal(sentence(entry), 'drain-source: pod ]0;owned x');
});
