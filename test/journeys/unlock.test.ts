/** `unlock`: who holds the lock is shown, the old run stops, and the journal says so. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { run, start, startWorld, temporaryFolder, type World } from './program.ts';

let world: World;
before(async () => {
  world = await startWorld('healthy', 30);
});
after(() => world.stop());

const reason = ['--reason', 'runner 7 is gone'];
/** Long enough to be met alive on a slow machine. */
const long = ['--until', 'drain', '--confirm', 'demo', '--poll-interval', '50ms'];

test('a lock is taken from a run that lives, and from one that has died', async (t) => {
  const cwd = temporaryFolder(t);
  const { env } = world;
  const command = (...args: string[]) => run(args, { env, cwd });
  assert.equal((await command('plan', '--out', 'p')).code, 0);
  const free = await command('unlock', 'p', ...reason);
  assert.equal(free.code, 0, free.stderr);
  assert.match(free.stdout, /Nobody holds the lock of cluster/);
  assert.equal((await command('unlock', 'p')).code, 2);

  const living = start(['apply', 'p', ...long, '--verbose'], { env, cwd });
  await living.until(/create-\S*: waiting/);
  const held = await command('apply', 'p', '--until', 'create');
  assert.equal(held.code, 7, held.stderr);
  const unlocked = await command('unlock', 'p', ...reason, '--json');
  assert.equal(unlocked.code, 0, unlocked.stderr);
  assert.match(unlocked.stderr, /command {2}prefix-migrate apply p --until drain/);
  assert.match(unlocked.stderr, /looks {4}ALIVE/);
  assert.equal(JSON.parse(unlocked.stdout).unlocked, true);
  const stopped = await living.ended;
  assert.equal(stopped.code, 6, stopped.stderr);
  assert.match(stopped.stderr, /JOURNAL\.CHANGED|LOCK\.LOST/);
  const log = await command('log', 'p');
  assert.match(log.stdout, /lock taken from .* by .*: runner 7 is gone/);

  const dying = start(['apply', 'p', ...long, '--verbose'], { env, cwd });
  await dying.until(/: waiting,/);
  dying.kill('SIGKILL');
  await dying.ended;
  const broken = await command('unlock', join(cwd, 'p', 'plan.json'), ...reason);
  assert.equal(broken.code, 0, broken.stderr);
  assert.match(broken.stderr, /looks {4}dead/);
  assert.match(broken.stdout, /Next: prefix-migrate apply p/);
  const end = await command('apply', 'p', ...long);
  assert.equal(end.code, 0, end.stderr);
});
