import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { formatLine } from '../../src/domain/journal-chain.ts';
import { planIdOf, renderPlan } from '../../src/domain/plan-id.ts';
import { samplePlan } from '../support/sample-plan.ts';

const bin = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

test('a result larger than the buffer of a pipe arrives whole', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'prefix-migrate-pipe-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const { planId: _, ...unnamed } = samplePlan();
  writeFileSync(join(folder, 'plan.json'), renderPlan({ ...unnamed, planId: planIdOf(unnamed) }));
  const lines: string[] = [];
  for (let seq = 1; seq <= 5000; seq += 1) {
    const progress = { kind: 'note' as const, message: 'x'.repeat(400) };
    const entry = { type: 'step-progress' as const, runId: 'r', stepId: 'soak', progress };
    lines.push(formatLine(lines.at(-1) ?? null, seq, '2026-11-22T08:00:00.000Z', entry));
  }
  writeFileSync(join(folder, 'journal.ndjson'), `${lines.join('\n')}\n`);
  const args = [bin, 'log', folder, '--json'];
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 26 });
  const { entries }: { entries: unknown[] } = JSON.parse(stdout);
  assert.equal(entries.length, 5000);
});
