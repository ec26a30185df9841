import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Flags } from '@oclif/core';
import { useConfigFile } from '../../src/cli/config-file.ts';
import { type KnownCommand, settingsIn } from '../../src/cli/config-settings.ts';
import { duration, name, refuseOddSwitches } from '../../src/cli/flags.ts';
import Apply from '../../src/commands/apply.ts';
import Plan from '../../src/commands/plan.ts';
import { MigrateError } from '../../src/domain/migrate-error.ts';

const flags = {
  soak: duration({}),
  'max-pods': Flags.integer({ min: 1 }),
  nodegroup: name({ multiple: true }),
  format: Flags.option({ options: ['text', 'json'] as const })(),
  json: Flags.boolean({}),
  verbose: Flags.boolean({}),
  config: name({}),
};
const plan = { id: 'plan', flags };
const option = { type: 'option' } as const;
const commands: KnownCommand[] = [plan, { id: 'apply', flags: { until: option, confirm: option, approve: option } }];

const read = async (text: string): Promise<Record<string, string>> => {
  const settings = await settingsIn(text, 'f.yaml', plan, commands);
  return Object.fromEntries([...settings].map(([flag, setting]) => [flag, setting.text]));
};

test('flags at the top are for every command that has them, below a command they count more', async () => {
  assert.deepEqual(
    await read(`
# a comment
soak: 20m
until: verify
json: true
apply: {until: drain}
plan:
  soak: 5m
  max-pods: 110
  nodegroup: [apps, batch]
`),
    { soak: '5m', json: 'true', 'max-pods': '110', nodegroup: 'apps,batch' },
  );
  assert.deepEqual(await read(''), {});
  assert.deepEqual(await read('# nothing\n---\n'), {});
  assert.deepEqual(await read('plan:\n'), {});
  assert.deepEqual(await read('nodegroup: apps\nverbose: false\r\n'), { nodegroup: 'apps', verbose: 'false' });
  assert.deepEqual(await read('nodegroup: []'), {});
});

test('what cannot be is refused with its line', async () => {
  const bomb = `a: &a [x,x]\n${'bcdef'.replace(/./g, (c, at) => `${c}: &${c} [*${'abcdef'[at]},*${'abcdef'[at]}]\n`)}`;
  for (const [text, code, message] of [
    ['soak: 1m\nmax-podz: 3', 'UNKNOWN_FLAG', /line 2: .*"max-podz"; did you mean "max-pods"/],
    ['aply: {}', 'UNKNOWN_FLAG', /did you mean "apply"/],
    ['apply:\n  soak: 1m', 'UNKNOWN_FLAG', /line 2: there is no flag "soak" of apply/],
    ['__proto__: {soak: 1m}', 'UNKNOWN_FLAG', /"__proto__"/],
    ['constructor: 1', 'UNKNOWN_FLAG', /"constructor"/],
    ['soak: 10 minutes', 'VALUE', /line 1: soak: "10 minutes" is not a duration/],
    ['soak: [1m]', 'VALUE', /soak should be a word/],
    ['soak:', 'VALUE', /soak should be a word/],
    ['soak: true', 'VALUE', /soak should be a word/],
    ['max-pods: 0', 'VALUE', /max-pods: .*1/],
    ['format: eksctl', 'VALUE', /format: there is no "eksctl"/],
    ['json: yes', 'VALUE', /json should be true or false/],
    ['nodegroup: ["a,b"]', 'VALUE', /nodegroup should be a list/],
    ['nodegroup: ["a\\u001b[2J"]', 'VALUE', /nodegroup should be a list/],
    ['nodegroup: [[a]]', 'VALUE', /nodegroup should be a list/],
    ['nodegroup: "a\\0"', 'VALUE', /nodegroup should be a list/],
    ['confirm: prod', 'CONSENT', /confirm cannot stand in a file/],
    ['apply:\n  approve: abc', 'CONSENT', /line 2: approve cannot/],
    ['config: other.yaml', 'VALUE', /cannot name another/],
    ['soak: 1m\nsoak: 2m', 'UNREADABLE', /line 2/],
    ['[soak]', 'UNREADABLE', /should be flags and values/],
    ['plan: soak', 'UNREADABLE', /plan should be flags and values/],
    ['{[a]: b}', 'UNREADABLE', /no name/],
    ['soak: "1m', 'UNREADABLE', /no YAML/],
    ['a: &a 1m\nsoak: *a', 'UNKNOWN_FLAG', /"a"/],
    ['format: &a text\nsoak: *a', 'VALUE', /line 2: soak/],
    [bomb, 'UNKNOWN_FLAG', /"a"/],
    ['['.repeat(50_000), 'UNREADABLE', /YAML/],
  ] as const) {
    await assert.rejects(read(text), (error: unknown) => {
      assert.ok(error instanceof MigrateError, `${text.slice(0, 40)}: ${String(error)}`);
      assert.equal(error.code, `CONFIG.${code}`, `${text.slice(0, 40)}: ${error.message}`);
      assert.equal(error.exitCode, 2);
      assert.match(error.message, message);
      return true;
    });
  }
});

test('the command line wins over the variable, the variable over the file', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'prefix-migrate-config-'));
  const before = { ...process.env };
  t.after(() => {
    process.env = before;
    rmSync(folder, { recursive: true });
  });
  const file = join(folder, 'team.yaml');
  writeFileSync(file, '\ufeffsoak: 20m\nmax-pods: 50\nformat: json\nuntil: verify\n');
  process.env = { PREFIX_MIGRATE_MAX_PODS: '60', PREFIX_MIGRATE_SOAK: '' };
  const used = await useConfigFile(plan, ['--cluster', 'x', '--config', file, '--', '--config=no.yaml'], commands);
  assert.deepEqual(used, { path: file, flags: ['soak', 'max-pods', 'format'] });
  assert.deepEqual(
    { ...process.env },
    {
      PREFIX_MIGRATE_MAX_PODS: '60',
      PREFIX_MIGRATE_SOAK: '20m',
      PREFIX_MIGRATE_FORMAT: 'json',
    },
  );

  process.env = { PREFIX_MIGRATE_CONFIG: file };
  assert.equal((await useConfigFile(plan, [], commands))?.path, file);
  process.env = {};
  assert.equal((await useConfigFile(plan, [`--config=${file}`], commands))?.path, file);
  assert.equal(await useConfigFile(plan, [], commands), null);
  for (const [path, code] of [
    [join(folder, 'none.yaml'), 'CONFIG.NOT_FOUND'],
    [folder, 'FILES.NOT_A_FILE'],
  ] as const) {
    await assert.rejects(useConfigFile(plan, ['--config', path], commands), { code, exitCode: 2 });
  }
  writeFileSync(file, `# ${'x'.repeat(70_000)}`);
  await assert.rejects(useConfigFile(plan, ['--config', file], commands), { code: 'FILES.TOO_LARGE' });
  writeFileSync(file, Buffer.from([0x73, 0xff, 0xfe]));
  await assert.rejects(useConfigFile(plan, ['--config', file], commands), { code: 'FILES.NOT_TEXT' });
});

test('a switch that is neither on nor off is refused', (t) => {
  t.after(() => delete process.env['PREFIX_MIGRATE_JSON']);
  for (const value of ['', '0', 'false', 'No', '1', 'TRUE', 'y']) {
    process.env['PREFIX_MIGRATE_JSON'] = value;
    refuseOddSwitches(flags);
  }
  for (const value of ['on', 'off', '2', ' true']) {
    process.env['PREFIX_MIGRATE_JSON'] = value;
    assert.throws(() => refuseOddSwitches(flags), { code: 'INPUT.VALUE', exitCode: 2 });
  }
});

test('the flags of the commands can stand in a file', async () => {
  const real = [Plan, Apply].map((command) => ({ id: command.name.toLowerCase(), flags: command.flags }));
  const [first] = real;
  assert.ok(first);
  const text =
    'region: eu-west-1\nplan: {cluster: prod, nodes: 3, soak: 0, order: cordon-first}\napply: {until: verify}';
  const settings = await settingsIn(text, 'f.yaml', first, real);
  assert.deepEqual([...settings.keys()], ['region', 'cluster', 'nodes', 'soak', 'order']);
  await assert.rejects(settingsIn('order: any', 'f.yaml', first, real), { code: 'CONFIG.VALUE' });
  // a key is either
  assert.equal(
    real.flatMap(({ flags: own }) => Object.keys(own)).some((key) => ['plan', 'apply'].includes(key)),
    false,
  );
});
