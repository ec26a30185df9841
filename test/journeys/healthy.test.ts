/** Two node groups move over HTTP, in separate processes: plan, apply until verified, apply with consent. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { run, startWorld, temporaryFolder } from './program.ts';

test('a healthy cluster moves from plan to the last deletion', async (t) => {
  const world = await startWorld('healthy');
  t.after(world.stop);
  const { env } = world;
  const cwd = temporaryFolder(t);
  const poll = ['--poll-interval', '50ms'];

  const planned = await run(['plan', '--soak', '0s', '--out', 'moved'], { env, cwd });
  assert.equal(planned.code, 0, planned.stderr);
  assert.match(planned.stdout, /Move 2 node groups, 6 nodes/);
  assert.match(planned.stdout, /Next: prefix-migrate apply moved\n/);
  const bytes = readFileSync(join(cwd, 'moved/plan.json'), 'utf8');

  const dry = await run(['apply', 'moved', '--dry-run'], { env, cwd });
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(dry.stdout, /UpdateAddon|update-addon/i);

  const verified = await run(['apply', 'moved', '--until', 'verify', ...poll], { env, cwd });
  assert.equal(verified.code, 0, verified.stderr);
  assert.match(verified.stdout, /stopped after phase verify/);

  const refused = await run(['apply', 'moved', ...poll], { env, cwd });
  assert.equal(refused.code, 3, refused.stderr);

  const done = await run(['apply', 'moved', '--confirm', 'demo', '--json', ...poll], { env, cwd });
  assert.equal(done.code, 0, done.stderr);
  const events = done.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(events.at(-1).entry.type, 'run-finished');
  assert.equal(events.at(-1).entry.exitCode, 0);
  assert.equal(events.filter(({ entry }) => entry.type === 'run-finished').length, 1);

  const again = await run(['apply', 'moved', '--confirm', 'demo', ...poll], { env, cwd });
  assert.equal(again.code, 0, again.stderr);

  const status = await run(['status', 'moved', '--json'], { cwd });
  assert.equal(status.code, 0, status.stderr);
  const { status: verdict, summary } = JSON.parse(status.stdout);
  assert.equal(verdict, 'finished');
  assert.equal(summary.nodesBefore, 6);
  assert.equal(summary.evictions, summary.podsMoved);
  assert.ok(summary.maxPodsAfter > summary.maxPodsBefore);

  const log = await run(['log', 'moved'], { cwd });
  assert.equal(log.code, 0);
  assert.match(log.stdout, /run finished with exit code 0/);
  assert.equal(readFileSync(join(cwd, 'moved/plan.json'), 'utf8'), bytes, 'the plan was not touched');
});

test('stopped by a signal in the drain, the same command goes on', async (t) => {
  const { start } = await import('./program.ts');
  const world = await startWorld('healthy', 60);
  t.after(world.stop);
  const { env } = world;
  const cwd = temporaryFolder(t);
  assert.equal((await run(['plan', '--soak', '0s', '--out', 'moved'], { env, cwd })).code, 0);
  const apply = ['apply', 'moved', '--confirm', 'demo', '--poll-interval', '50ms', '--verbose'];

  const first = start(apply, { env, cwd });
  await first.until(/eviction of .*: accepted/);
  first.kill('SIGINT');
  const stopped = await first.ended;
  assert.equal(stopped.code, 130, stopped.stderr);
  assert.equal(JSON.parse((await run(['status', 'moved', '--json'], { cwd })).stdout).status, 'stopped');

  const second = start(apply, { env, cwd });
  await second.until(/eviction of .*: accepted/);
  second.kill('SIGKILL');
  await second.ended;
  assert.equal(JSON.parse((await run(['status', 'moved', '--json'], { cwd })).stdout).status, 'under-way');

  const third = await run(apply, { env, cwd });
  assert.equal(third.code, 0, third.stderr);
  const { summary } = JSON.parse((await run(['status', 'moved', '--json'], { cwd })).stdout);
  assert.equal(summary.evictions, summary.podsMoved, 'every pod was moved once');
});
