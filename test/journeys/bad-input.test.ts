/** Each mistake: a clear message, the right exit code, no stack, nothing changed. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  type Environment,
  looksLikeAFailure,
  type Result,
  run,
  startWorld,
  temporaryFolder,
  type World,
} from './program.ts';

let world: World;
let other: World;
let folder: string;
const cleanUps: (() => void)[] = [];

before(async () => {
  [world, other] = await Promise.all([startWorld('healthy'), startWorld('healthy')]);
  folder = temporaryFolder({ after: (cleanUp) => cleanUps.push(cleanUp) });
  const planned = await run(['plan', '--soak', '0s', '--out', 'good'], { env: world.env, cwd: folder });
  assert.equal(planned.code, 0, planned.stderr);
});
after(async () => {
  await Promise.all([world.stop(), other.stop()]);
  for (const cleanUp of cleanUps) cleanUp();
});

function refused(result: Result, code: number, message: RegExp): void {
  assert.equal(result.code, code, result.stderr);
  assert.match(result.stderr, message);
  assert.ok(looksLikeAFailure(result), `${result.stdout}\n${result.stderr}`);
}

const without = (env: Environment, ...names: string[]): Environment =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)));

/** A copy of the good plan folder, changed. */
function changedFolder(name: string, change: (dir: string) => void): string {
  cpSync(join(folder, 'good'), join(folder, name), { recursive: true });
  change(join(folder, name));
  return name;
}

test('an unreadable kubeconfig', async () => {
  writeFileSync(join(folder, 'broken.yaml'), '{ not: [ yaml');
  for (const kubeconfig of ['broken.yaml', 'missing.yaml']) {
    const result = await run(['plan', '--kubeconfig', kubeconfig, '--out', 'none'], { env: world.env, cwd: folder });
    refused(result, 2, new RegExp(kubeconfig));
  }
});

test('a cluster that does not exist', async () => {
  const result = await run(['plan', '--cluster', 'nowhere', '--out', 'none'], { env: world.env, cwd: folder });
  refused(result, 2, /nowhere/);
});

test('the kubeconfig of another cluster', async () => {
  const env = { ...world.env, KUBECONFIG: other.env['KUBECONFIG'] ?? '' };
  refused(await run(['plan', '--out', 'none'], { env, cwd: folder }), 2, /another cluster/);
  refused(await run(['apply', 'good', '--confirm', 'demo'], { env, cwd: folder }), 5, /kubeconfig leads to/);
});

test('a plan for another cluster', async () => {
  const result = await run(['apply', 'good', '--confirm', 'demo', '--cluster', 'prod'], {
    env: world.env,
    cwd: folder,
  });
  refused(result, 5, /for cluster "demo"/);
});

test('no credentials', async () => {
  const env = without(world.env, 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN');
  refused(await run(['plan', '--out', 'none'], { env, cwd: folder }), 2, /credentials/i);
});

test('no cluster, an unknown flag, an unknown command, a bad duration, a bad phase', async () => {
  for (const { args, message } of [
    { args: ['plan'], message: /cluster/ },
    { args: ['plan', '--cluster', 'demo', '--frobnicate'], message: /Unknown flag: --frobnicate/ },
    { args: ['plam'], message: /no command "plam"/ },
    { args: ['plan', '--cluster', 'demo', '--soak', '10 minutes'], message: /--soak: "10 minutes" is not a duration/ },
    { args: ['apply', 'good', '--until', 'lunch'], message: /lunch/ },
    { args: ['apply', 'good', '--max-unavailable', '0'], message: /--max-unavailable: "0" does not say how many/ },
    { args: ['apply', 'good', '--max-unavailable', '101%'], message: /a share from 1% to 100%/ },
    { args: ['apply', 'good', '--max-concurrent-evictions', '0'], message: /--max-concurrent-evictions|greater/ },
    { args: ['simulate', 'nowhere'], message: /no scenario "nowhere"/ },
    { args: ['status', 'nowhere'], message: /no plan in/ },
  ]) {
    refused(await run(args, { cwd: folder }), 2, message);
  }
});

test('a plan file with one byte changed', async () => {
  const name = changedFolder('tampered', (dir) => {
    const file = join(dir, 'plan.json');
    writeFileSync(file, readFileSync(file, 'utf8').replace('"soakSeconds": 0', '"soakSeconds": 1'));
  });
  refused(await run(['apply', name, '--confirm', 'demo'], { env: world.env, cwd: folder }), 2, /plan/i);
  refused(await run(['status', name], { cwd: folder }), 2, /plan/i);
});

test('the id of another plan, the name of another cluster, no consent', async () => {
  const cwd = folder;
  const { env } = world;
  refused(await run(['apply', 'good', '--approve', 'f00', '--confirm', 'demo'], { env, cwd }), 3, /another plan/);
  refused(await run(['apply', 'good', '--confirm', 'prod'], { env, cwd }), 3, /for cluster "demo"/);
  refused(await run(['apply', 'good'], { env, cwd }), 3, /./);
});

test('an expired plan', async () => {
  const planned = await run(['plan', '--expires-in', '1ms', '--out', 'expired'], { env: world.env, cwd: folder });
  assert.equal(planned.code, 0, planned.stderr);
  refused(await run(['apply', 'expired', '--confirm', 'demo'], { env: world.env, cwd: folder }), 5, /expired/);
});

test('a damaged journal line stops, a torn last one does not', async () => {
  const cwd = folder;
  const { env } = world;
  const begun = changedFolder('begun', () => {});
  const first = await run(['apply', begun, '--until', 'prepare', '--poll-interval', '50ms'], { env, cwd });
  assert.equal(first.code, 0, first.stderr);
  const file = join(folder, begun, 'journal.ndjson');
  const journal = readFileSync(file, 'utf8');

  writeFileSync(file, journal.replace('"type":"step-started"', '"type":"step-STARTED"'));
  refused(await run(['status', begun], { cwd }), 2, /line \d+/);
  refused(await run(['apply', begun, '--confirm', 'demo'], { env, cwd }), 2, /line \d+/);

  writeFileSync(file, `${journal}{"v":1,"seq":`);
  const status = await run(['status', begun], { cwd });
  assert.equal(status.code, 0);
  assert.match(status.stderr, /cut off/);
  const again = await run(['apply', begun, '--until', 'prepare', '--poll-interval', '50ms'], { env, cwd });
  assert.equal(again.code, 0, again.stderr);
});

test('a port in use', async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' && address ? String(address.port) : '';
  refused(await run(['simulate', 'healthy', '--port', port], { cwd: folder }), 2, new RegExp(`Port ${port} is in use`));
});

test('with --json a failure is one JSON document on stdout', async () => {
  const { code, stdout, stderr } = await run(['plan', '--cluster', 'nowhere', '--json'], {
    env: world.env,
    cwd: folder,
  });
  assert.equal(code, 2);
  assert.doesNotMatch(stderr, /nowhere.*not/);
  const { ok, error } = JSON.parse(stdout);
  assert.equal(ok, false);
  assert.deepEqual(Object.keys(error), ['code', 'message', 'why', 'nextActions']);
});

test('help and version need nothing', async () => {
  for (const args of [
    ['--help'],
    ['plan', '--help'],
    ['--version'],
    [],
    ['-h'],
    ['help'],
    ['help', 'plan'],
    ['plan', '-h'],
  ]) {
    const { code, stdout, stderr } = await run(args, { cwd: folder });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /prefix-migrate/);
    assert.equal(stderr, '');
  }
});
