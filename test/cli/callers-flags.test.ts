import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandLineOf, withCallersFlags } from '../../src/cli/callers-flags.ts';

const caller = "prefix-migrate plan --cluster prod --region=eu-west-1 --context 'my prod' --out plans/a --format text";

test('commands that are offered keep where the caller looks, and the folder', () => {
  const where = "--region eu-west-1 --context 'my prod'";
  const rows: [string, string][] = [
    [
      '      -> prefix-migrate plan --cluster prod --max-pods 110  # fewer',
      `      -> prefix-migrate plan --cluster prod ${where} --out plans/a --max-pods 110  # fewer`,
    ],
    ['- `prefix-migrate plan --cluster prod`', `- \`prefix-migrate plan --cluster prod ${where} --out plans/a\``],
    ['  -> prefix-migrate audit --cluster prod', `  -> prefix-migrate audit --cluster prod ${where}`],
    ['  -> prefix-migrate rollback plans/a  # back', `  -> prefix-migrate rollback plans/a ${where}  # back`],
    ['  Next: prefix-migrate apply plans/a', `  Next: prefix-migrate apply plans/a ${where}`],
    ["  Next: prefix-migrate apply 'my plans'", `  Next: prefix-migrate apply 'my plans' ${where}`],
    ["  -> prefix-migrate apply 'it'\\''s x'  # again", `  -> prefix-migrate apply 'it'\\''s x' ${where}  # again`],
    [`        ${caller}`, `        ${caller}`],
    ['  -> prefix-migrate status plans/a', '  -> prefix-migrate status plans/a'],
    ['  Nothing is changed yet. apply asks first', '  Nothing is changed yet. apply asks first'],
  ];
  const text = (column: 0 | 1) => rows.map((row) => row[column]).join('\n');
  assert.equal(withCallersFlags(text(0), caller), text(1));
  assert.equal(withCallersFlags(text(0), 'prefix-migrate plan --cluster prod'), text(0));
});

test('commands on the plan of the caller name its folder', () => {
  const usual = [
    'prefix-migrate policy prefix-migrate-prod   # all',
    'prefix-migrate export prefix-migrate-prod --format nodeclass',
    'prefix-migrate apply prefix-migrate-prod --confirm prod',
    'prefix-migrate apply prefix-migrate-prod  # an earlier plan',
  ].join('\n');
  assert.equal(withCallersFlags(usual, 'prefix-migrate plan --cluster prod'), usual);
  assert.equal(
    withCallersFlags(usual, "prefix-migrate plan --cluster prod --out 'my plans'"),
    [
      "prefix-migrate policy 'my plans'   # all",
      "prefix-migrate export 'my plans' --format nodeclass",
      "prefix-migrate apply 'my plans' --confirm prod",
      'prefix-migrate apply prefix-migrate-prod  # an earlier plan',
    ].join('\n'),
  );
  const other = 'prefix-migrate export prefix-migrate-prod --format terraform';
  assert.equal(
    withCallersFlags(other, 'prefix-migrate export plans/a --format eksctl'),
    'prefix-migrate export plans/a --format terraform',
  );
});

test('a flag without a value takes none from the flag behind it', () => {
  const line = 'prefix-migrate status p --no-color --state kubernetes';
  assert.equal(
    withCallersFlags('To go on: prefix-migrate apply p', line),
    'To go on: prefix-migrate apply p --state kubernetes',
  );
});

test('words that a shell would take apart are quoted', () => {
  assert.equal(commandLineOf(['plan', '--out', 'a b', "it's", '$HOME', '']), `plan --out 'a b' 'it'\\''s' '$HOME' ''`);
});
