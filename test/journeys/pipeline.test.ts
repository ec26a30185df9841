/** The program in a pipeline: one JSON document per command, variables in place of flags, the summary of the job. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Environment, type Result, run, start, startWorld, temporaryFolder, type World } from './program.ts';

let world: World;
let cwd: string;
const cleanUps: (() => void)[] = [];
const poll = ['--poll-interval', '50ms'];

before(async () => {
  world = await startWorld('healthy');
  cwd = temporaryFolder({ after: (cleanUp) => cleanUps.push(cleanUp) });
});
after(async () => {
  await world.stop();
  for (const cleanUp of cleanUps) cleanUp();
});

const command = (args: readonly string[], env: Environment = {}): Promise<Result> =>
  run(args, { env: { ...world.env, ...env }, cwd });

/** stdout as one document; fails when it is anything else. */
async function json(args: readonly string[], expectedCode: number, env: Environment = {}) {
  const { code, stdout, stderr } = await command([...args, '--json'], env);
  assert.equal(code, expectedCode, stderr);
  return JSON.parse(stdout);
}

const linesOf = ({ stdout }: Result) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

test('flags come from variables, a repeatable one as a list', async () => {
  const { request } = await json(['plan', '--dry-run'], 0, {
    PREFIX_MIGRATE_NODEGROUP: 'general, memory',
    PREFIX_MIGRATE_ALLOW: 'POD.BARE',
    PREFIX_MIGRATE_SOAK: '7s',
    PREFIX_MIGRATE_MAX_PODS: '50',
  });
  assert.partialDeepStrictEqual(request, {
    nodegroups: ['general', 'memory'],
    allow: ['POD.BARE'],
    soakSeconds: 7,
    maxPods: 50,
  });
  const { error } = await json(['plan', '--dry-run'], 2, { PREFIX_MIGRATE_SOAK: 'long' });
  assert.match(error.message, /--soak: "long"/);
});

test('a value that is empty, a file in place of the folder, a word too many', async () => {
  writeFileSync(join(cwd, 'a-file'), '');
  for (const { args, message } of [
    { args: ['plan', '--out='], message: /^--out: the value is empty/ },
    { args: ['plan', '--cluster='], message: /^--cluster: the value is empty/ },
    { args: ['plan', '--out', 'a-file'], message: /a-file is a file/ },
    { args: ['plan', '--out', 'a-file/in/it'], message: /Cannot create the folder .*a-file\/in\/it/ },
    { args: ['plan', '--out', '/proc/prefix-migrate'], message: /Cannot create the folder \/proc\/prefix-migrate/ },
    { args: ['plan', 'extra'], message: /^Unexpected argument: extra/ },
    { args: ['plan', '--drain-timeout', '0s'], message: /^--drain-timeout: "0s" is not enough/ },
    { args: ['plan', '--no-colour'], message: /did you mean --no-color\?/ },
  ]) {
    const { error } = await json(args, 2);
    assert.match(error.message, message);
  }
});

test('from plan to the end: JSON of every command, the summary of the job, nothing to do at last', async () => {
  const summary = join(cwd, 'summary.md');
  const job = { GITHUB_STEP_SUMMARY: summary };
  const { planId } = await json(['plan', '--soak', '0s', '--out', 'deep/er'], 0, job);
  assert.match(readFileSync(summary, 'utf8'), /^# Move demo to prefix delegation\n/);
  assert.equal((await json(['status', 'deep/er'], 0)).status, 'not-started');
  assert.deepEqual(await json(['log', 'deep/er'], 0), { planId, cluster: 'demo', entries: [] });
  assert.equal((await json(['apply', 'deep/er', '--dry-run'], 0)).planId, planId);
  assert.ok((await json(['simulate'], 0)).length >= 4);

  for (const { args, code } of [
    { args: [], code: 'CONSENT.MISSING' },
    { args: ['--confirm', 'prod'], code: 'CONSENT.WRONG_NAME' },
    { args: ['--approve', planId.slice(0, 8)], code: 'CONSENT.OTHER_PLAN' },
  ]) {
    const refused = await json(['apply', 'deep/er', ...args], 3);
    assert.partialDeepStrictEqual(refused, {
      ok: false,
      error: { code },
      entry: { type: 'run-finished', exitCode: 3 },
    });
  }

  const prepared = await command(
    ['apply', 'deep/er/plan.json', '--until', 'prepare', '--approve', planId, ...poll],
    job,
  );
  assert.equal(prepared.code, 0, prepared.stderr);
  const again = await command(['apply', 'deep/er', '--until', 'prepare']);
  assert.match(again.stdout, /phase prepare was done before; nothing to do\. Next is create\./);

  const done = await command(['apply', 'deep/er', '--confirm', 'demo', '--json', ...poll], job);
  assert.equal(done.code, 0, done.stderr);
  assert.equal(linesOf(done).filter(({ entry }) => entry.type === 'run-finished').length, 1);
  assert.match(readFileSync(summary, 'utf8'), /# prefix-migrate apply: demo.*\| delete \| done \|/s);
  const { entries } = await json(['log', 'deep/er'], 0);
  assert.equal(entries.at(-1).entry.type, 'run-finished');
  const finished = await command(['apply', 'deep/er']);
  assert.equal(finished.code, 0, finished.stderr);
  assert.match(finished.stdout, /^demo: done before, nothing left to do\./);

  const planned = await command(['plan', '--out', 'nothing']);
  assert.equal(planned.code, 0, planned.stderr);
  assert.match(planned.stdout, /Nothing to move\./);
  assert.match((await command(['status', 'nothing'])).stdout, /nothing to do/);
  const applied = await command(['apply', 'nothing', '--json']);
  assert.equal(applied.code, 0, applied.stderr);
  assert.partialDeepStrictEqual(linesOf(applied).at(-1), { entry: { type: 'run-finished', exitCode: 0 } });
  assert.match((await command(['apply', 'nothing'])).stdout, /^demo: nothing to do/);
  const eksctl = await command(['plan', '--dry-run', '--format', 'eksctl']);
  assert.ok(eksctl.stdout.startsWith('# Plan ') && !eksctl.stdout.includes('Written'));
});

test('simulate writes its variables as JSON, and ends by the signal', async () => {
  const started = start(['simulate', 'healthy', '--json'], { cwd });
  await started.until(/Ctrl-C ends it/);
  started.kill('SIGTERM');
  const { code, stdout } = await started.ended;
  assert.equal(code, 143);
  const { PREFIX_MIGRATE_CLUSTER, AWS_ENDPOINT_URL } = JSON.parse(stdout);
  assert.equal(PREFIX_MIGRATE_CLUSTER, 'demo');
  assert.match(AWS_ENDPOINT_URL, /^http:\/\/127\.0\.0\.1:\d+$/);
});

test('a job summary that cannot be written is a warning', async () => {
  const { code, stderr } = await command(['plan', '--dry-run'], {
    GITHUB_STEP_SUMMARY: join(cwd, 'no', 'such', 'file'),
  });
  assert.equal(code, 0);
  assert.match(stderr, /warning: GITHUB_STEP_SUMMARY was not written/);
});
