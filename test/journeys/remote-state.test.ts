/** The journal in the cluster: runner A dies, runner B goes on with nothing but the plan; and who may take a lock away. */
import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Result, run, start, startWorld, temporaryFolder, type World } from './program.ts';

let world: World;
let cwd: string;
const cleanUps: (() => void)[] = [];

before(async () => {
  world = await startWorld('healthy');
  cwd = temporaryFolder({ after: (cleanUp) => cleanUps.push(cleanUp) });
  const { code, stderr } = await command('plan', '--out', 'a', '--soak', '1s');
  assert.equal(code, 0, stderr);
  // all that runner B gets
  mkdirSync(join(cwd, 'b'));
  copyFileSync(join(cwd, 'a/plan.json'), join(cwd, 'b/plan.json'));
});
after(async () => {
  await world.stop();
  for (const cleanUp of cleanUps) cleanUp();
});

const command = (...args: string[]): Promise<Result> => run(args, { env: world.env, cwd });
const started = (...args: string[]) => start(args, { env: world.env, cwd });
const poll = ['--poll-interval', '50ms'];
const inCluster = ['--state', 'kubernetes'];

test('runner A dies, runner B takes the plan to its end', async () => {
  const confirm = ['--confirm', world.env['PREFIX_MIGRATE_CLUSTER'] ?? ''];
  const a = started('apply', 'a', ...confirm, ...inCluster, ...poll, '--verbose');
  await a.until(/evict/i);
  a.kill('SIGKILL');
  assert.equal((await a.ended).code, null);
  // the journal of B's own folder is empty, and so is S3's, as far as B can know
  const elsewhere = await command('apply', 'b', ...confirm, ...poll);
  assert.equal(elsewhere.code, 2, elsewhere.stderr);
  assert.match(elsewhere.stderr, /STATE\.ELSEWHERE/);
  assert.match(elsewhere.stderr, /-> prefix-migrate apply b --confirm \S+ --poll-interval 50ms --state kubernetes\n/);
  const dry = await command('apply', 'b', '--dry-run');
  assert.equal(dry.code, 2, dry.stderr);

  const shown = await command('status', 'b', ...inCluster, '--json');
  assert.equal(shown.code, 0, shown.stderr);
  const b = await command('apply', 'b', ...confirm, ...inCluster, ...poll);
  assert.equal(b.code, 0, b.stderr);
  // nothing was written beside the plan
  assert.deepEqual(readdirSync(join(cwd, 'b')), ['plan.json']);
  assert.ok(!readdirSync(join(cwd, 'a')).includes('journal.ndjson'));

  const { runs, steps } = JSON.parse((await command('status', 'b', ...inCluster, '--json')).stdout);
  assert.deepEqual(
    runs.map(({ exitCode }: { exitCode: number | null }) => exitCode),
    [null, 0],
  );
  assert.ok(steps.every(({ status }: { status: string }) => status === 'succeeded'));
  const log = await command('log', 'b', ...inCluster);
  assert.match(log.stdout, /run started: prefix-migrate apply a [\s\S]*run started: prefix-migrate apply b /);
  const again = await command('apply', 'b', ...inCluster);
  assert.equal(again.code, 0, again.stderr);
});
