/** What happens to processes: kill -9, two at once, signals, outputs that nobody reads, errors that nobody caught. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { createRandom } from '../../src/simulator/random.ts';

import {
  type Environment,
  run,
  shellLine,
  start,
  startShell,
  startWorld,
  temporaryFolder,
  type World,
} from './program.ts';

const poll = ['--poll-interval', '50ms'];
const confirmed = ['--confirm', 'demo', ...poll];
const cleanUps: (() => unknown)[] = [];
let world: World;
let cwd: string;
let env: Environment;

before(async () => {
  cwd = temporaryFolder({ after: (cleanUp) => cleanUps.push(cleanUp) });
  ({ world, env } = await plannedWorld('p'));
});
after(async () => {
  for (const cleanUp of cleanUps.toReversed()) await cleanUp();
});

async function plannedWorld(folder: string): Promise<{ world: World; env: Environment }> {
  const started = await startWorld('healthy');
  cleanUps.push(started.stop);
  const planned = await run(['plan', '--out', folder, '--soak', '0s'], { env: started.env, cwd });
  assert.equal(planned.code, 0, planned.stderr);
  return { world: started, env: started.env };
}

const journalOf = (folder: string) =>
  readFileSync(join(cwd, folder, 'journal.ndjson'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

const lastOf = (folder: string) => journalOf(folder).at(-1).entry;
const lineCount = (folder: string): number =>
  existsSync(join(cwd, folder, 'journal.ndjson'))
    ? readFileSync(join(cwd, folder, 'journal.ndjson'), 'utf8').split('\n').length - 1
    : 0;

test('no stdin at all: consent is missing, and nothing is asked', async () => {
  const { code, stderr } = await startShell(`exec ${shellLine(['apply', 'p'])} <&-`, { env, cwd }).ended;
  assert.equal(code, 3, stderr);
  assert.ok(!existsSync(join(cwd, 'p/journal.ndjson')));
});

test('a prompt that gets Ctrl-D or SIGTERM ends without a change', async (t) => {
  try {
    execFileSync('script', ['--version'], { stdio: 'ignore' });
  } catch {
    t.skip('needs script(1) of util-linux');
    return;
  }
  writeFileSync(join(cwd, 'ask.sh'), `echo pid $$; exec ${shellLine(['apply', 'p'])}`);
  const inTerminal = `script -qefc 'sh ask.sh' typed`;
  // script(1) gives the terminal what it reads, here Ctrl-D when the question is there
  const ctrlD = String.raw`{ until grep -qs 'to go on' typed; do sleep 0.1; done; printf '\004'; }`;
  const typed = await startShell(`${ctrlD} | ${inTerminal}`, { env, cwd }).ended;
  assert.equal(typed.code, 3, typed.stdout);
  assert.match(typed.stdout, /Nothing was typed/);
  const asked = startShell(inTerminal, { env, cwd });
  const [, pid] = /pid (\d+)/.exec(await asked.until(/^pid \d+/)) ?? [];
  await asked.until(/Cluster demo/);
  process.kill(Number(pid), 'SIGTERM');
  const { code, stdout } = await asked.ended;
  assert.equal(code, 143, stdout);
  assert.ok(!existsSync(join(cwd, 'p/journal.ndjson')));
  assert.ok(!existsSync(join(cwd, 'p/lock')));
});

test('an error that nobody caught: exit 1, please report, and the journal knows', async () => {
  const hook = join(cwd, 'hook.mjs');
  writeFileSync(
    hook,
    `const { write } = process.stdout;
     process.stdout.write = function (...args) {
       if (/"type":"step-started"/.test(String(args[0]))) {
         process.stdout.write = write;
         void Promise.reject(new Error('boom'));
       }
       return write.apply(this, args);
     };`,
  );
  const hooked = { ...env, NODE_OPTIONS: `--import=${pathToFileURL(hook).href}` };
  const { code, stdout } = await run(['apply', 'p', ...confirmed, '--json'], { env: hooked, cwd });
  assert.equal(code, 1);
  const last = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
  assert.partialDeepStrictEqual(last, {
    ok: false,
    error: { code: 'BUG' },
    entry: { type: 'run-finished', exitCode: 1 },
  });
  assert.match(`${last.error.message} ${last.error.nextActions}`, /boom.*please report/);
  assert.deepEqual(lastOf('p'), { ...last.entry });
  assert.equal(journalOf('p').at(-2).entry.type, 'run-paused');

  // before there is a journal
  const early = join(cwd, 'early.mjs');
  writeFileSync(early, `setImmediate(() => Promise.reject(new Error('boom')));`);
  const failed = await run(['status', 'p'], {
    env: { ...env, NODE_OPTIONS: `--import=${pathToFileURL(early).href}` },
    cwd,
  });
  assert.equal(failed.code, 1);
  assert.match(failed.stderr, /boom.*please report/s);
});

test('two at the same moment, in one folder and in two copies of it: one acts, the other ends first with exit 7', async () => {
  for (const [folders, until] of [
    [['p', 'p'], 'create'],
    [['p', 'copy'], 'verify'],
  ] as const) {
    if (folders[1] !== 'p') cpSync(join(cwd, 'p'), join(cwd, folders[1]), { recursive: true });
    const lines = folders.map(lineCount);
    const both = folders.map((folder) => start(['apply', folder, ...confirmed, '--until', until], { env, cwd }));
    const first = await Promise.race(both.map(({ ended }) => ended));
    assert.equal(first.code, 7, first.stderr);
    assert.match(first.stderr, /Another run works (in this plan folder|on cluster demo)/);
    const codes = (await Promise.all(both.map(({ ended }) => ended))).map(({ code }) => code);
    assert.deepEqual(new Set(codes), new Set([0, 7]));
    if (folders[1] !== 'p') {
      const grown = folders.map((folder, i) => lineCount(folder) > (lines[i] ?? 0));
      assert.deepEqual(
        grown,
        codes.map((code) => code === 0),
      );
      if (codes[1] === 0) cpSync(join(cwd, 'copy'), join(cwd, 'p'), { recursive: true });
    }
  }
});

test('a closed terminal (SIGHUP, and nobody reads): stops cleanly, exit 129', async () => {
  const hungUp = start(['apply', 'p', ...confirmed, '--verbose'], { env, cwd });
  await hungUp.until(/cordon/);
  hungUp.closeOutputs();
  hungUp.kill('SIGHUP');
  assert.equal((await hungUp.ended).code, 129);
  assert.partialDeepStrictEqual(lastOf('p'), { type: 'run-finished', exitCode: 129 });
  assert.partialDeepStrictEqual(journalOf('p').at(-2).entry, { type: 'run-paused', reason: 'terminated' });
  assert.ok(!existsSync(join(cwd, 'p/lock')));
});

test('Ctrl-C while nothing answers, and again: ends at once, and nothing is lost', async () => {
  const stuck = start(['apply', 'p', ...confirmed], { env, cwd });
  await stuck.until(/drain|cordon|going on/);
  world.signal('SIGSTOP');
  // a second one within half a second counts as the echo of the first
  const pressing = setInterval(() => stuck.kill('SIGINT'), 100);
  const { code } = await stuck.ended;
  clearInterval(pressing);
  world.signal('SIGCONT');
  assert.equal(code, 130);
});

test('outputs that nobody reads, then a parent that is killed: the run goes on to its end', async () => {
  const unread = start(['apply', 'p', ...confirmed, '--until', 'cordon', '--json'], { env, cwd });
  await unread.until(/run-started/);
  unread.closeOutputs();
  assert.equal((await unread.ended).code, 0);
  assert.partialDeepStrictEqual(lastOf('p'), { type: 'run-finished', exitCode: 0 });

  const line = `${shellLine(['apply', 'p', ...confirmed, '--json'])} & wait`;
  const orphan = startShell(line, { env, cwd });
  await orphan.until(/run-started/);
  orphan.kill('SIGKILL');
  // resolves when the last who could write to its output has ended
  await orphan.ended;
  assert.partialDeepStrictEqual(lastOf('p'), { type: 'run-finished', exitCode: 0 });
});

test('kill -9 at twenty moments by seed: the same command comes to the same end as without', async (t) => {
  const seed = Number(process.env['PROPERTY_SEED'] ?? 20260301);
  t.diagnostic(`seed ${seed}`);
  const random = createRandom(seed);
  const { env: killedEnv } = await plannedWorld('killed');
  const command = ['apply', 'killed', ...confirmed, '--json'];
  let kills = 0;
  for (let attempt = 1; attempt <= 20; attempt += 1) {
    const target = lineCount('killed') + 2 + random.int(0, 10);
    const apply = start(command, { env: killedEnv, cwd });
    const reached = apply.until(new RegExp(`"seq":${target},`)).then(
      () => true,
      () => false,
    );
    if (!(await reached)) break;
    apply.kill('SIGKILL');
    await apply.ended;
    kills += 1;
  }
  const last = await run(command, { env: killedEnv, cwd });
  assert.equal(last.code, 0, last.stderr);
  t.diagnostic(`${kills} kills, ${lineCount('killed')} lines`);
  assert.ok(kills >= 10, `${kills} kills`);
  const [untouched, killed] = await Promise.all([observed(env), observed(killedEnv)]);
  assert.deepEqual(killed, untouched);
  assert.equal(killed.budgetViolations, 0);
  for (const each of [env, killedEnv]) {
    const again = await run(['plan', '--dry-run'], { env: each, cwd });
    assert.match(again.stdout, /Nothing to move\./);
  }
});

/** What the world itself counted, as far as it does not depend on time. */
async function observed({ AWS_ENDPOINT_URL = '' }: Environment) {
  const response = await fetch(`${AWS_ENDPOINT_URL}/_world`);
  const report: unknown = await response.json();
  assert.ok(typeof report === 'object' && report !== null && 'observed' in report);
  const { budgetViolations, readyPods, evictionsPerPod } = Object(report.observed);
  return { budgetViolations, readyPods, evictionsPerPod };
}
