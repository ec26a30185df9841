import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kindOf, migrate } from './sweep.ts';
import { runSweeps, sweepJobs } from './sweeps.ts';

/** A sample of the places; `npm run sweep` cuts each, after each phase. */
const every = { apply: 113, 'take-back': 151, rollback: 127 };

test('a run cut at any place and started again comes to the same end, and so does its rollback', async (t) => {
  const failures: string[] = [];
  const cut: Record<string, number> = {};
  const kinds = new Set<string>();
  const jobs = sweepJobs(every, { after: ['drain'], twice: 4 });
  await runSweeps(jobs, ({ scenario, mode }, sweep) => {
    cut[mode] = (cut[mode] ?? 0) + sweep.cut;
    for (const place of Object.keys(sweep.kinds)) kinds.add(kindOf(place));
    for (const { at, place, error } of sweep.failures) failures.push(`${scenario}, ${mode}, ${at} ${place}: ${error}`);
  });
  t.diagnostic(`cut: ${JSON.stringify(cut)}`);
  assert.deepEqual(failures, []);
  assert.ok(
    Object.values(cut).every((count) => count >= 15),
    JSON.stringify(cut),
  );
  assert.deepEqual([...kinds].toSorted(), [
    'after a line of the journal',
    'after a request',
    'after a wait',
    'before a line of the journal',
    'before a request',
    'in the middle of a line of the journal',
  ]);
});

test('a run cut again and again comes to the same end', async () => {
  const options = { scenario: 'healthy', seed: 1 };
  const baseline = await migrate(options, []);
  for (const distance of [23, 61, 149]) {
    const cuts = Array.from({ length: 400 }, () => distance);
    const { end, cutAt } = await migrate(options, cuts, baseline.plan);
    assert.ok(cutAt.length > 5, `cut ${cutAt.length} times`);
    assert.deepEqual(end, baseline.end);
  }
});
