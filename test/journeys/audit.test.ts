/** `audit` over HTTP: a cluster before its migration, half-way, and after it; three formats and the exit code. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { looksLikeAFailure, run, startWorld, temporaryFolder } from './program.ts';

test('audit tells before, half-way and after the migration, and exits 4 only half-way', async (t) => {
  const world = await startWorld('healthy');
  t.after(world.stop);
  const { env } = world;
  const cwd = temporaryFolder(t);
  const audit = (...flags: string[]) => run(['audit', '--cluster', 'demo', ...flags], { env, cwd });

  const before = await audit();
  assert.equal(before.code, 0, before.stderr);
  assert.match(before.stdout, /^demo {2}6 nodes, \d+ pods: 0 nodes on prefixes, 6 not/);
  assert.match(before.stdout, /6 of 6 nodes\s+could take 110 pods in place of 29/);
  assert.deepEqual(readdirSync(cwd), [], 'it writes no file');

  const few = await audit('--min-free-prefixes', '100000', '--format', 'markdown');
  assert.equal(few.code, 0, 'with prefix delegation off few blocks are no fault');
  assert.match(few.stdout, /^# Audit of demo\n[\s\S]*AUDIT\.FEW_PREFIXES/);

  const apply = ['apply', 'moved', '--confirm', 'demo', '--poll-interval', '50ms'];
  assert.equal((await run(['plan', '--cluster', 'demo', '--soak', '0s', '--out', 'moved'], { env, cwd })).code, 0);
  assert.equal((await run([...apply, '--until', 'verify'], { env, cwd })).code, 0);
  const halfWay = await audit('--json');
  assert.equal(halfWay.code, 4, halfWay.stderr);
  const report = JSON.parse(halfWay.stdout);
  assert.equal(report.healthy, false);
  assert.deepEqual([report.nodes.length, report.subnets.length, report.cluster.name], [12, 3, 'demo']);
  assert.deepEqual(
    [...new Set(report.findings.map((finding: { code: string }) => finding.code))],
    ['AUDIT.OLDER_THAN_SWITCH'],
  );

  assert.equal((await run(apply, { env, cwd })).code, 0);
  const after = await audit('--all-nodes');
  assert.equal(after.code, 0, after.stdout);
  assert.match(after.stdout, /^demo {2}6 nodes, \d+ pods: 6 nodes on prefixes\n/);
  assert.match(after.stdout, /Nothing is wrong\.\n$/);
  assert.equal(after.stdout.match(/\n {2}ip-/g)?.length, 6);
  assert.equal((await audit('--min-free-prefixes', '100000')).code, 4);

  const other = await audit('--cluster', 'other');
  assert.equal(other.code, 2);
  assert.ok(looksLikeAFailure(other));
});
