/** A plan is taken back: after its first phases, after its drain, killed on the way, and when it is too late. */
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  type Environment,
  looksLikeAFailure,
  type Result,
  run,
  start,
  startWorld,
  temporaryFolder,
} from './program.ts';

const poll = ['--poll-interval', '50ms'];

interface Story {
  cwd: string;
  command: (args: readonly string[], env?: Environment) => Promise<Result>;
  /** stdout as one document; fails with another exit code than 0 */
  json: (args: readonly string[]) => Promise<Record<string, unknown>>;
  env: Environment;
}

async function inWorld(
  scenario: string,
  tell: (story: Story) => Promise<void>,
  t: Parameters<typeof temporaryFolder>[0],
) {
  const cwd = temporaryFolder(t);
  const world = await startWorld(scenario);
  const command: Story['command'] = (args, env = {}) => run(args, { env: { ...world.env, ...env }, cwd });
  try {
    await tell({
      cwd,
      env: world.env,
      command,
      async json(args) {
        const { code, stdout, stderr } = await command([...args, '--json']);
        assert.equal(code, 0, stderr);
        return JSON.parse(stdout);
      },
    });
  } finally {
    await world.stop();
  }
}

/** What the next plan would find: node groups, their nodes and pods, and what aws-node is set to. */
async function cluster({ json }: Story): Promise<unknown> {
  const { nodegroups, vpcCni } = await json(['plan', '--allow', 'PDB.NEVER_ALLOWS', '--dry-run']);
  assert.ok(Array.isArray(nodegroups) && typeof vpcCni === 'object' && vpcCni !== null && 'settings' in vpcCni);
  return {
    groups: nodegroups.map(({ source, nodes, pods, maxPodsBefore }) => ({ source, nodes, pods, maxPodsBefore })),
    settings: vpcCni.settings,
  };
}

const done = ({ code, stderr }: Result): void => assert.equal(code, 0, stderr);

test('taken back after verify: said before, asked for, done once, and never applied again', async (t) => {
  await inWorld(
    'healthy',
    async (story) => {
      const { command, json, cwd } = story;
      const before = await cluster(story);
      done(await command(['plan', '--soak', '0s', '--out', 'p']));
      const early = await command(['rollback', 'p', '--confirm', 'demo']);
      done(early);
      assert.equal(early.stdout, 'demo: nothing to undo, no step of this plan was begun.\n');
      done(await command(['apply', 'p', '--until', 'verify', ...poll]));

      const unasked = await command(['rollback', 'p']);
      assert.equal(unasked.code, 3);
      assert.match(unasked.stderr, /this takes back plan .*What cannot be undone:.*Consent is missing/s);
      assert.match(unasked.stderr, /-> add --confirm demo\n {2}-> prefix-migrate rollback p --dry-run/);
      const wrong = await command(['rollback', 'p', '--confirm', 'prod']);
      assert.ok(wrong.code === 3 && looksLikeAFailure(wrong));
      assert.match(wrong.stderr, /prefix-migrate rollback p --confirm demo/);
      const rehearsed = await command(['rollback', 'p', '--dry-run']);
      done(rehearsed);
      assert.match(rehearsed.stdout, /^Dry run: \d+ steps would follow; nothing was changed\.\n.*eks:DeleteNodegroup/s);
      assert.equal((await json(['status', 'p']))['status'], 'stopped', 'none of these has begun it');

      const summary = join(cwd, 'summary.md');
      appendFileSync(summary, '');
      const back = await command(['rollback', 'p', '--confirm', 'demo', ...poll], { GITHUB_STEP_SUMMARY: summary });
      done(back);
      assert.match(back.stderr, /^Cluster demo in .*: this takes back plan /);
      assert.match(back.stdout, /^demo: taken back\. 2 node groups as before the plan\.\n/);
      assert.match(readFileSync(summary, 'utf8'), /# prefix-migrate rollback: demo/);
      assert.deepEqual(await cluster(story), before);

      const applied = await command(['apply', 'p', '--confirm', 'demo']);
      assert.ok(applied.code === 5 && looksLikeAFailure(applied));
      assert.match(applied.stderr, /-> prefix-migrate rollback p .*\(ROLLBACK\.BEGUN, exit code 5\)/s);
      const again = await command(['rollback', 'p']);
      done(again);
      assert.match(again.stdout, /nothing left to undo/);
      assert.equal((await json(['status', 'p']))['status'], 'rolled-back');
      assert.match((await command(['status', 'p'])).stdout, /: taken back\n/);
      assert.match((await command(['log', 'p'])).stdout, /rollback approved by .* \(--confirm\): /);
      assert.match((await command(['explain', 'p'])).stdout, /Taken back: nothing is left to undo\./);

      done(await command(['plan', '--soak', '0s', '--out', 'q']));
      done(await command(['apply', 'q', '--confirm', 'demo', ...poll]));
      const late = await command(['rollback', 'q', '--confirm', 'demo']);
      assert.ok(late.code === 2 && looksLikeAFailure(late));
      assert.match(late.stderr, /general, memory are gone or being deleted.*ROLLBACK\.TOO_LATE, exit code 2/s);
    },
    t,
  );
});

test('killed in the middle of moving pods back, it goes on where it was; its events are the journal', async (t) => {
  await inWorld(
    'healthy',
    async (story) => {
      const { command, json, cwd, env } = story;
      const before = await cluster(story);
      done(await command(['plan', '--soak', '0s', '--out', 'p']));
      done(await command(['apply', 'p', '--until', 'soak', '--confirm', 'demo', ...poll]));
      const killed = start(['rollback', 'p', '--confirm', 'demo', '--verbose', ...poll], { env, cwd });
      await killed.until(/undo\/drain-replacement: .* is gone from /);
      killed.kill('SIGKILL');
      await killed.ended;
      assert.equal((await json(['status', 'p']))['status'], 'rolling-back');
      const status = await command(['status', 'p']);
      assert.match(status.stdout, /: being taken back: killed part-way; can go on\n/);
      assert.match(status.stdout, /To go on: prefix-migrate rollback p\n/);
      assert.match((await command(['explain', 'p'])).stdout, /-> prefix-migrate rollback p\n/);

      const on = await command(['rollback', 'p', '--json', ...poll]);
      done(on);
      const events = on.stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      assert.partialDeepStrictEqual(events.at(0), { entry: { type: 'run-started', rollback: { kept: [] } } });
      assert.partialDeepStrictEqual(events.at(-1), { entry: { type: 'run-finished', exitCode: 0 } });
      assert.deepEqual(await cluster(story), before);
      const { entries } = await json(['log', 'p']);
      assert.ok(Array.isArray(entries));
      const evicted = entries.flatMap(({ entry }) =>
        entry.stepId === 'undo/drain-replacement' &&
        entry.progress?.kind === 'eviction-outcome' &&
        entry.progress.outcome === 'accepted'
          ? [entry.progress.uid]
          : [],
      );
      assert.equal(new Set(evicted).size, evicted.length, 'no pod was evicted twice on its way back');
    },
    t,
  );
});

test('a migration that cannot go on offers the rollback, and it frees the cluster', async (t) => {
  await inWorld(
    'permanent-pdb-block',
    async (story) => {
      const { command, json } = story;
      const before = await cluster(story);
      done(
        await command(['plan', '--allow', 'PDB.NEVER_ALLOWS', '--drain-timeout', '4s', '--soak', '0s', '--out', 'p']),
      );
      const stuck = await command(['apply', 'p', '--confirm', 'demo', ...poll]);
      assert.equal(stuck.code, 6, stuck.stderr);
      assert.equal(stuck.stderr.match(/-> prefix-migrate rollback p /g)?.length, 1);
      const back = await command(['rollback', 'p', '--confirm', 'demo', ...poll]);
      done(back);
      assert.deepEqual(await cluster(story), before);
      const { rollback } = await json(['status', 'p']);
      assert.ok(
        typeof rollback === 'object' && rollback !== null && 'steps' in rollback && Array.isArray(rollback.steps),
      );
      assert.ok(rollback.steps.every(({ id, status }) => id.startsWith('undo/') && status === 'succeeded'));
    },
    t,
  );
});
