/** Scenarios as a person meets them: listed, planned, and out of trouble by the command that the plan prints. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scenarios } from '../../src/simulator/scenarios/index.ts';
import { type Environment, run, startWorld, temporaryFolder } from './program.ts';

test('simulate lists every scenario with a line of its own', async () => {
  const { code, stdout, stderr } = await run(['simulate', '--json']);
  assert.equal(code, 0, stderr);
  assert.deepEqual(
    JSON.parse(stdout),
    scenarios.map(({ name, title }) => ({ name, title })),
  );
});

/** The first command of prefix-migrate that a text offers, as its arguments. */
function firstOffer(text: string): string[] {
  const [, line] = /-> prefix-migrate (plan .*)/.exec(text) ?? [];
  assert.ok(line, text);
  return line.replace(/ {2}#.*/, '').split(' ');
}

const out = ['--soak', '0s', '--out', 'moved'];
const apply = ['apply', 'moved', '--confirm', 'demo', '--poll-interval', '50ms'];

async function world(
  t: { after(cleanUp: () => unknown): void },
  name: string,
): Promise<{ env: Environment; cwd: string }> {
  const started = await startWorld(name);
  t.after(started.stop);
  return { env: started.env, cwd: temporaryFolder(t) };
}

for (const [name, code] of [
  ['log-level-by-hand', 'CNI.CONFIG_CONFLICT'],
  ['minimum-ip-alone', 'CNI.MINIMUM_CAPS_NODE'],
  ['one-zone-short', 'SUBNET.NO_FREE_PREFIX'],
  ['fragmented-by-old-nodes', 'SUBNET.NO_FREE_PREFIX'],
] as const) {
  test(`${name}: blocked, and the command that the plan offers leads to the end`, async (t) => {
    const place = await world(t, name);
    const blocked = await run(['plan', ...out], place);
    assert.equal(blocked.code, 4, blocked.stderr);
    assert.match(blocked.stdout, new RegExp(`x ${code.replace('.', '\\.')}`));
    const offered = await run(firstOffer(blocked.stdout), place);
    assert.equal(offered.code, 0, `${offered.stdout}${offered.stderr}`);
    const applied = await run(apply, place);
    assert.equal(applied.code, 0, applied.stderr);
  });
}

test('old-max-pods: the nodes are replaced, and the add-on is left alone', async (t) => {
  const place = await world(t, 'old-max-pods');
  assert.equal((await run(['plan', ...out], place)).code, 0);
  const dry = await run(['apply', 'moved', '--dry-run'], place);
  assert.doesNotMatch(dry.stdout, /UpdateAddon/);
  const applied = await run(apply, place);
  assert.equal(applied.code, 0, applied.stderr);
  const { summary } = JSON.parse((await run(['status', 'moved', '--json'], place)).stdout);
  assert.partialDeepStrictEqual(summary, { maxPodsBefore: 29, maxPodsAfter: 110 });
});

for (const name of ['ipv6', 'no-gain']) {
  test(`${name}: nothing to do, said so, and apply agrees`, async (t) => {
    const place = await world(t, name);
    const planned = await run(['plan', ...out], place);
    assert.equal(planned.code, 0, planned.stderr);
    assert.match(planned.stdout, /Nothing to move/);
    const applied = await run(apply, place);
    assert.equal(applied.code, 0, applied.stderr);
  });
}
