/** What stands in the way is named with its fix, and nothing is changed or deleted. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { run, startWorld, temporaryFolder } from './program.ts';

test('a budget that never allows an eviction blocks the plan, with budget, workload and fix', async (t) => {
  const world = await startWorld('permanent-pdb-block');
  t.after(world.stop);
  const cwd = temporaryFolder(t);
  const { code, stdout, stderr } = await run(['plan', '--out', 'blocked'], { env: world.env, cwd });
  assert.equal(code, 4, stderr);
  assert.match(stdout, /x PDB\.NEVER_ALLOWS/);
  const plan = JSON.parse(readFileSync(join(cwd, 'blocked/plan.json'), 'utf8'));
  const finding = plan.findings.find(({ code: found }: { code: string }) => found === 'PDB.NEVER_ALLOWS');
  assert.equal(finding.severity, 'blocking');
  assert.ok(finding.nextActions.length > 0);
  assert.ok(stdout.includes(finding.nextActions[0]));

  const refused = await run(['apply', 'blocked', '--confirm', 'demo'], { env: world.env, cwd });
  assert.equal(refused.code, 4);
  assert.equal(refused.stdout, '');
  assert.match(refused.stderr, /PDB\.NEVER_ALLOWS/);
  assert.ok(!existsSync(join(cwd, 'blocked/journal.ndjson')));
});

test('a subnet without free /28 blocks is named with its free addresses and free blocks', async (t) => {
  const world = await startWorld('fragmented-subnet');
  t.after(world.stop);
  const cwd = temporaryFolder(t);
  const { code, stdout, stderr } = await run(['plan', '--json'], { env: world.env, cwd });
  assert.equal(code, 4, stderr);
  const plan = JSON.parse(stdout);
  const finding = plan.findings.find(({ code: found }: { code: string }) => found === 'SUBNET.NO_FREE_PREFIX');
  const subnet = plan.subnets.find(({ subnetId }: { subnetId: string }) => subnetId === finding.subject);
  assert.equal(subnet.fits, false);
  const said = `${finding.summary} ${finding.why}`;
  assert.ok(said.includes(String(subnet.freeAddresses)), said);
  assert.ok(said.includes(String(subnet.freePrefixes)), said);
});

test('a node group that EKS cannot create stops the run with the words of EKS, and nothing is deleted', async (t) => {
  const world = await startWorld('create-fails');
  t.after(world.stop);
  const cwd = temporaryFolder(t);
  const { env } = world;
  const planned = await run(['plan', '--out', 'failing'], { env, cwd });
  assert.equal(planned.code, 0, planned.stderr);
  const applied = await run(['apply', 'failing', '--confirm', 'demo', '--poll-interval', '50ms'], { env, cwd });
  assert.equal(applied.code, 6, applied.stderr);
  const { steps } = JSON.parse((await run(['status', 'failing', '--json'], { cwd })).stdout);
  const failure = steps.find(({ status }: { status: string }) => status === 'failed').failure;
  assert.ok(applied.stderr.includes(failure.message.slice(0, 40)), applied.stderr);
  assert.match(`${failure.message} ${failure.why}`, /Ec2|Asg|Instance|Node|launch/i);
  const lines = (
    await run(['apply', 'failing', '--confirm', 'demo', '--poll-interval', '50ms', '--json'], { env, cwd })
  ).stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.partialDeepStrictEqual(lines.at(-1), { ok: false, entry: { type: 'run-finished', exitCode: 6 } });
  assert.equal(lines.filter(({ entry }) => entry.type === 'run-finished').length, 1);
  const journal = readFileSync(join(cwd, 'failing/journal.ndjson'), 'utf8');
  assert.doesNotMatch(journal, /"stepId":"(delete-source|drain-source|cordon-source)[^"]*","token"/);
});
