import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JournalEntry } from '../../src/domain/journal-entry.ts';
import { applyEntry, initialRunState, replay } from '../../src/domain/run-state.ts';
import { summarize } from '../../src/domain/run-summary.ts';
import type { DrainStatus } from '../../src/ports/reporter.ts';
import { createNdjsonReporter } from '../../src/reporting/ndjson-reporter.ts';
import { phaseRows } from '../../src/reporting/phase-rows.ts';
import { createPlainReporter } from '../../src/reporting/plain-reporter.ts';
import type { ClosableReporter } from '../../src/reporting/reporter.ts';
import { created, drainFailed, draining, journalOf, runStarted, samplePlan } from './sample.ts';

const drain: DrainStatus = {
  nodesEmpty: 1,
  nodesTotal: 4,
  podsGone: 20,
  podsTotal: 60,
  etaSeconds: 660,
  lines: [
    'waits shop/search-6 on ip-10-0-2-14: PDB shop/search needs 8 ready, has 8',
    'moving shop/api 2',
    'moving shop/web 3',
    'moving tools/jobs 1',
  ],
};

function play(reporter: ClosableReporter, entries: JournalEntry[]): void {
  const state = initialRunState(samplePlan);
  reporter.runStarted(samplePlan, state);
  for (const line of journalOf(...entries)) {
    applyEntry(state, line.at, line.entry);
    reporter.line(line, state);
  }
}

test('plain: one line per event, pods only when asked for', () => {
  const entries = [runStarted, ...created, ...draining];
  for (const { verbose, last } of [
    { verbose: false, last: '00:00:30  drain-source: started' },
    { verbose: true, last: '00:01:00  drain-source: evict shop/web-1 on ip-10-0-1-7 (budget shop/web)' },
  ]) {
    const lines: string[] = [];
    play(
      createPlainReporter((line) => lines.push(line), { verbose }),
      entries,
    );
    assert.equal(lines.length, verbose ? 5 : 4);
    assert.equal(lines.at(-1), last);
  }
});

test('plain: a wait is said once, a drain when a node is empty or other pods are blocked', () => {
  const lines: string[] = [];
  const reporter = createPlainReporter((line) => lines.push(line), { verbose: false });
  reporter.waiting({ stepId: 'soak', detail: '9m left' });
  reporter.waiting({ stepId: 'soak', detail: '9m left' });
  reporter.drain(drain);
  reporter.drain({ ...drain, podsGone: 21 });
  reporter.drain({ ...drain, podsGone: 30, nodesEmpty: 2, lines: [] });
  assert.deepEqual(lines, [
    '          soak: waiting, 9m left',
    '          drain: 1 of 4 nodes empty, 20 of 60 pods moved',
    '            waits shop/search-6 on ip-10-0-2-14: PDB shop/search needs 8 ready, has 8',
    '          drain: 2 of 4 nodes empty, 30 of 60 pods moved',
  ]);
});

test('ndjson: the journal lines as they are, warnings beside them', () => {
  const out: string[] = [];
  const err: string[] = [];
  const reporter = createNdjsonReporter(
    (text) => out.push(text),
    (line) => err.push(line),
  );
  play(reporter, [runStarted, ...created]);
  reporter.warning('torn');
  assert.deepEqual(
    out.map((text) => JSON.parse(text)),
    journalOf(runStarted, ...created),
  );
  assert.ok(out.every((text) => text.endsWith('}\n')));
  assert.deepEqual(err, ['warning: torn']);
});

test('ndjson: the last line is run-finished, with the error when the run failed', async () => {
  const finished: JournalEntry = {
    type: 'run-finished',
    runId: 'run-1',
    exitCode: 6,
    summary: summarize(samplePlan, initialRunState(samplePlan)),
  };
  const failure = { code: 'DRAIN.STUCK', message: 'stuck', why: 'a budget', nextActions: ['kubectl get pdb'] };
  for (const { given, expected } of [
    { given: undefined, expected: { v: 1 } },
    { given: failure, expected: { v: 1, ok: false, error: failure } },
  ]) {
    const out: string[] = [];
    const reporter = createNdjsonReporter(
      (text) => out.push(text),
      () => {},
    );
    play(reporter, [runStarted, finished]);
    assert.equal(out.length, 1, 'kept back until it is known how the run ended');
    await reporter.close(given);
    await reporter.close();
    assert.equal(out.length, 2);
    const last = JSON.parse(out[1] ?? '');
    assert.partialDeepStrictEqual(last, { ...expected, entry: finished });
    assert.equal('ok' in last, given !== undefined);
  }
});

const view = (entries: JournalEntry[]) => ({
  plan: samplePlan,
  state: replay(samplePlan, journalOf(...entries)),
  waiting: new Map<string, string>(),
  drain,
});

test('live: a row per phase, the blocked pods below the drain, never wider than the terminal', () => {
  const rows = phaseRows(view([runStarted, ...created, ...draining]), { colour: false, width: 80 });
  assert.deepEqual(
    rows.map(({ title }) => title),
    [
      '  done    create    apps-pd-7f3a9c21 is ACTIVE',
      '  now     drain     1 of 4 nodes empty, 20 of 60 pods moved, about 11 min left',
      '          soak      wait 10m',
    ],
  );
  assert.equal(rows[1]?.lines.length, 3);
  const narrow = phaseRows(view([runStarted, ...created, ...draining]), { colour: false, width: 40 });
  assert.ok(narrow.flatMap(({ title, lines }) => [title, ...lines]).every((line) => line.length <= 40));
});

test('live: what a step waits for, and why it failed', () => {
  const waiting = view([runStarted, ...created.slice(0, 1)]);
  waiting.waiting.set('create-nodegroup/apps', 'CREATING');
  assert.equal(phaseRows(waiting, { colour: false, width: 80 })[0]?.title, '  now     create    CREATING');
  const failed = phaseRows(view([runStarted, ...created, ...draining, ...drainFailed]), { colour: false, width: 80 });
  assert.equal(failed[1]?.title, '  FAILED  drain     1 pod cannot move.');
  assert.deepEqual(failed[1]?.lines, []);
});
