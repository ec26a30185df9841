import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Errors } from '@oclif/core';
import { confirmedByFlag } from '../../src/cli/consent.ts';
import { describeError, renderError, ShownError, withNearestFlag } from '../../src/cli/errors.ts';
import { replacementSize, withEnvironment } from '../../src/cli/flags.ts';
import { nearest } from '../../src/cli/nearest.ts';
import { MigrateError } from '../../src/domain/migrate-error.ts';

const failure = new MigrateError({
  code: 'AWS.NOT_FOUND',
  message: 'There is no cluster "prod" in eu-west-1.',
  why: 'DescribeCluster answered ResourceNotFoundException.',
  nextActions: ['aws eks list-clusters --region eu-west-1'],
  exitCode: 2,
});

test('a failure is shown as what happened, why, and the next command', () => {
  assert.equal(
    renderError(describeError(failure), { colour: false }),
    [
      'There is no cluster "prod" in eu-west-1.',
      '',
      '  DescribeCluster answered ResourceNotFoundException.',
      '',
      '  -> aws eks list-clusters --region eu-west-1',
      '  (AWS.NOT_FOUND, exit code 2)',
      '',
    ].join('\n'),
  );
});

test('commands to paste get the flags of the caller, the command of another run does not', () => {
  const held = new MigrateError({
    code: 'LOCK.HELD',
    message: 'Another run works on cluster prod: abc (prefix-migrate apply p --yes).',
    why: '',
    nextActions: ["last resort: prefix-migrate unlock p --reason 'WHY'"],
    exitCode: 7,
  });
  const shown = renderError(describeError(held), { colour: false, commandLine: 'prefix-migrate apply p --profile me' });
  assert.match(shown, /\(prefix-migrate apply p --yes\)\./);
  assert.match(shown, /-> last resort: prefix-migrate unlock p --profile me --reason 'WHY'/);
});

test('text from outside cannot steer the terminal, long text is wrapped, commands are not', () => {
  const error = new MigrateError({
    code: 'X.Y',
    message: `bad\u001b[2Jname ${'word '.repeat(30).trim()}`,
    why: '',
    nextActions: [`kubectl ${'x'.repeat(90)}`],
    exitCode: 6,
  });
  const text = renderError(describeError(error), { colour: false });
  assert.ok(text.startsWith('bad[2Jname word'));
  assert.ok(text.split('\n').every((line) => line.length <= 80 || line.startsWith('  -> kubectl')));
});

for (const { name, error, command, expected } of [
  { name: 'a failure', error: failure, command: 'plan', expected: { code: 'AWS.NOT_FOUND', exitCode: 2 } },
  {
    name: 'a flag that its parser refused',
    error: Object.assign(
      new MigrateError({ code: 'INPUT.DURATION', message: '', why: '', nextActions: [], exitCode: 2 }),
      { message: 'Parsing --soak \n\t"10" is not a duration.\nSee more help with --help' },
    ),
    command: 'plan',
    expected: { code: 'INPUT.DURATION', message: '--soak: "10" is not a duration.', exitCode: 2 },
  },
  {
    name: 'an unknown flag',
    error: new Errors.CLIError('Nonexistent flag: --frob\nSee more help with --help'),
    command: 'plan',
    expected: {
      code: 'INPUT.USAGE',
      message: 'Unknown flag: --frob',
      nextActions: ['prefix-migrate plan --help'],
      exitCode: 2,
    },
  },
  {
    name: 'an unknown command',
    error: new Errors.CLIError('command plam not found'),
    command: 'plam',
    expected: { message: 'There is no command "plam"', nextActions: ['prefix-migrate --help'], exitCode: 2 },
  },
  { name: 'a bug', error: new TypeError('x is undefined'), command: 'plan', expected: { code: 'BUG', exitCode: 1 } },
  {
    name: 'what the events have told already',
    error: new ShownError('', { cause: failure }),
    command: 'apply',
    expected: { code: 'AWS.NOT_FOUND', exitCode: 2, shown: true },
  },
]) {
  test(`described: ${name}`, () => {
    assert.partialDeepStrictEqual(describeError(error, command), expected);
  });
}

test('what was probably meant is named, an extra word is no command', () => {
  const commands = ['apply', 'demo', 'log', 'plan', 'simulate', 'status'];
  const notFound = (words: string) =>
    describeError(new Errors.CLIError(`command ${words} not found`), words.split(':')[0], commands);
  assert.partialDeepStrictEqual(notFound('aply:x'), {
    message: 'There is no command "aply"; did you mean "apply"?',
    nextActions: ['prefix-migrate apply --help'],
  });
  assert.equal(notFound('frobnicate').message, 'There is no command "frobnicate"');
  assert.partialDeepStrictEqual(notFound('plan:extra'), {
    code: 'INPUT.USAGE',
    message: 'Unexpected argument: extra',
    nextActions: ['prefix-migrate plan --help'],
  });
  const flag = withNearestFlag(new Errors.CLIError('Nonexistent flag: --unti\nSee more help with --help'), [
    'until',
    'json',
  ]);
  assert.equal(describeError(flag, 'apply').message, 'Unknown flag: --unti; did you mean --until?');
});

for (const { word, meant } of [
  { word: 'plam', meant: 'plan' },
  { word: 'statsu', meant: 'status' },
  { word: 'lo', meant: 'log' },
  { word: 'rollback', meant: undefined },
  { word: 'x', meant: undefined },
  { word: '', meant: undefined },
]) {
  test(`nearest to "${word}"`, () => assert.equal(nearest(word, ['plan', 'status', 'log', 'apply']), meant));
}

test('a bug asks for a report and shows no stack', () => {
  const text = renderError(describeError(new TypeError('x is undefined')), { colour: false });
  assert.match(text, /please report/);
  assert.doesNotMatch(text, /\n\s+at /);
});

test('--confirm must be the name of the cluster', () => {
  assert.equal(confirmedByFlag(undefined, 'prod'), false);
  assert.equal(confirmedByFlag('prod', 'prod'), true);
  assert.throws(() => confirmedByFlag('Prod', 'prod'), { code: 'CONSENT.WRONG_NAME', exitCode: 3 });
});

test('every flag has its variable', () => {
  const flags: Record<string, { env?: string }> = { 'warm-ip-target': {}, out: {} };
  assert.deepEqual(withEnvironment(flags), {
    'warm-ip-target': { env: 'PREFIX_MIGRATE_WARM_IP_TARGET' },
    out: { env: 'PREFIX_MIGRATE_OUT' },
  });
});

test('a size of the replacement: what is none, and up to what it goes', () => {
  assert.deepEqual(['same', 'fit', '9999'].map(replacementSize), ['same', 'fit', 9999]);
  for (const text of ['0', '10000', '99999', 'x']) {
    assert.throws(() => replacementSize(text), { code: 'INPUT.VALUE', why: /from 1 to 9999\.$/ });
  }
});
