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
  etaSeconds: null,
  restSeconds: 180,
  lines: ['waits shop/search-6 on ip-10-0-2-14: PDB shop/search needs 8 healthy, has 8, expected 9, for 1m50s'],
  nextAction: 'kubectl -n shop get pdb search -o yaml',
  moreWait: 0,
  moving: [
    { name: 'shop/api', left: 2 },
    { name: 'shop/web', left: 3 },
    { name: 'tools/jobs', left: 1 },
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

test('plain: a wait is said once, a drain when a node is empty or others are blocked, not because time passes', () => {
  const lines: string[] = [];
  const reporter = createPlainReporter((line) => lines.push(line), { verbose: false });
  reporter.waiting({ stepId: 'soak', detail: '9m left' });
  reporter.waiting({ stepId: 'soak', detail: '9m left' });
  reporter.drain(drain);
  reporter.drain({ ...drain, podsGone: 21, lines: drain.lines.map((line) => line.replace('1m50s', '1m51s')) });
  reporter.drain({ ...drain, podsGone: 30, nodesEmpty: 2, lines: [], nextAction: null, etaSeconds: 60 });
  assert.deepEqual(lines, [
    '          soak: waiting, 9m left',
    '          drain: 1 of 4 nodes empty, 20 of 60 pods moved, the rest: about 3 min',
    '            waits shop/search-6 on ip-10-0-2-14: PDB shop/search needs 8 healthy, has 8, expected 9, for 1m50s',
    '            -> kubectl -n shop get pdb search -o yaml',
    '          drain: 2 of 4 nodes empty, 30 of 60 pods moved, about 60 s left',
  ]);
});

const warning = (message: string) => ({ v: 1, at: '2026-03-01T10:00:00.000Z', entry: { type: 'warning', message } });

test('ndjson: the journal lines as they are, warnings beside them', () => {
  const out: string[] = [];
  const err: string[] = [];
  const reporter = createNdjsonReporter(
    (text) => out.push(text),
    (line) => err.push(line),
    { now: () => Date.parse('2026-03-01T10:00:00Z') },
  );
  reporter.warning('early');
  assert.equal(out.length, 0, 'a run that does not begin has an error and nothing else');
  play(reporter, [runStarted, ...created]);
  reporter.warning('torn');
  const [first, ...others] = journalOf(runStarted, ...created);
  assert.deepEqual(
    out.map((text) => JSON.parse(text)),
    [first, warning('early'), ...others, warning('torn')],
  );
  assert.ok(out.every((text) => text.endsWith('}\n')));
  assert.deepEqual(err, ['warning: early', 'warning: torn']);
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
      { now: () => 0 },
    );
    play(reporter, [runStarted, finished]);
    assert.equal(out.length, 1, 'kept back until it is known how the run ended');
    await reporter.close(given);
    await reporter.close();
    reporter.warning('late');
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

const drainView = (change: Partial<DrainStatus> = {}) => ({
  ...view([runStarted, ...created, ...draining]),
  drain: { ...drain, ...change },
});
const textOf = (status: Partial<DrainStatus>, width: number): string[] =>
  phaseRows(drainView(status), { colour: false, width }).flatMap(({ title, lines }) => [title, ...lines]);

test('live: a row per phase, the blocked pods below the drain, what to do about them, and what moves', () => {
  assert.deepEqual(textOf({}, 80), [
    '  done    create    apps-pd-7f3a9c21 is ACTIVE',
    '  now     drain     1 of 4 nodes empty, 20 of 60 pods moved',
    '            waits   shop/search-6 on ip-10-0-2-14: PDB shop/search needs 8',
    '                    healthy, has 8, expected 9, for 1m50s',
    '                    -> kubectl -n shop get pdb search -o yaml',
    '            moves   the rest: about 3 min; shop/api 2, shop/web 3 and 1 more',
    '  next    soak      wait 10m',
  ]);
});

test('live: never wider than the terminal nor longer than twelve lines; what does not fit is counted', () => {
  const pod = 'a-rather-long-namespace-name/checkout-recommendation-engine-7c9d5f8b6d-x2x4p';
  const why =
    'PDB a-rather-long-namespace-name/checkout-recommendation-engine needs 3 healthy, has 3, expected 3, for 2m';
  const long = {
    lines: Array.from({ length: 4 }, () => `waits ${pod} on ip-10-0-2-14: ${why}: it never allows an eviction`),
    nextAction: 'kubectl -n a-rather-long-namespace-name scale deployment/checkout-recommendation-engine --replicas=4',
    moreWait: 9,
    moving: Array.from({ length: 30 }, (_, index) => ({ name: `shop/app-${index}`, left: index })),
  };
  for (const width of [40, 80, 100, 120]) {
    const lines = textOf(long, width);
    assert.ok(lines.length <= 11, `${lines.length} lines`);
    assert.ok(
      lines.every((line) => line.length <= width),
      lines.join('\n'),
    );
    const words = lines.join(' ').replaceAll(/\s+/g, ' ');
    if (width >= 80) assert.match(words, /moves the rest: about 3 min; shop\/app-0 0.* and \d+ more/);
    if (width >= 80) assert.match(words, /needs 3 healthy, has 3, expected 3, for 2m/);
    if (width >= 80) assert.match(words, /-> kubectl .* --replicas=4/);
    if (width >= 80) assert.match(words, /\(and 1[0-2] more wait\)/);
  }
});

test('live: while pods move, the phases after that are one row', () => {
  const { plan } = view([]);
  const [step] = plan.steps.filter(({ phase }) => phase === 'soak');
  assert.ok(step);
  const steps = [...plan.steps, { ...step, id: 'clean', phase: 'cleanup' as const }];
  const titles = (entries: JournalEntry[]): string[] =>
    phaseRows(
      { ...view([]), plan: { ...plan, steps }, state: replay({ ...plan, steps }, journalOf(...entries)) },
      { colour: false, width: 80 },
    ).map(({ title }) => title);
  assert.deepEqual(titles([runStarted, ...created, ...draining]).slice(2), [
    '  next    soak      wait 10m; then cleanup',
  ]);
  assert.equal(titles([runStarted]).length, 4);
});

test('live: what a step waits for, and why it failed', () => {
  const waiting = view([runStarted, ...created.slice(0, 1)]);
  waiting.waiting.set('create-nodegroup/apps', 'CREATING');
  assert.equal(phaseRows(waiting, { colour: false, width: 80 })[0]?.title, '  now     create    CREATING');
  const failed = phaseRows(view([runStarted, ...created, ...draining, ...drainFailed]), { colour: false, width: 80 });
  assert.equal(failed[1]?.title, '  FAILED  drain     1 pod cannot move.');
  assert.deepEqual(failed[1]?.lines, []);
});
