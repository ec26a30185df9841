import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MigrateError } from '../../src/domain/migrate-error.ts';
import { parseStateLocation, type StateLocation, stateText } from '../../src/domain/state-location.ts';

test('places of the journal', () => {
  const rows: [string, StateLocation, string?][] = [
    ['file', { kind: 'file' }],
    ['kubernetes', { kind: 'kubernetes' }],
    ['s3://my-bucket/a/b', { kind: 's3', bucket: 'my-bucket', prefix: 'a/b' }],
    ['s3://my.bucket/a//b/', { kind: 's3', bucket: 'my.bucket', prefix: 'a/b' }, 's3://my.bucket/a/b'],
    ['s3://abc', { kind: 's3', bucket: 'abc', prefix: '' }],
    ['s3://abc/', { kind: 's3', bucket: 'abc', prefix: '' }, 's3://abc'],
  ];
  for (const [text, state, normal = text] of rows) {
    assert.deepEqual(parseStateLocation(text), state);
    assert.equal(stateText(state), normal);
  }
});

test('anything else is refused, with an example', () => {
  const bad = [
    '',
    'File',
    's3',
    's3://',
    's3:///prefix',
    's3://Bucket/x',
    's3://ab/x',
    's3://-abc/x',
    's3://abc/\u001b[2J',
    'S3://abc',
  ];
  for (const text of [...bad, 'https://bucket.s3.amazonaws.com/', 'configmap', 'kubernetes://kube-system']) {
    assert.throws(
      () => parseStateLocation(text),
      (error) => {
        assert.ok(error instanceof MigrateError);
        assert.deepEqual([error.code, error.exitCode], ['INPUT.VALUE', 2]);
        return error.nextActions.some((action) => action.startsWith('--state s3://'));
      },
      text,
    );
  }
});
