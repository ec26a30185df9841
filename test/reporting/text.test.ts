import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  columns,
  count,
  cut,
  hanging,
  jsonLine,
  roughly,
  withoutControlCharacters,
  wrap,
} from '../../src/reporting/text.ts';

test('control characters and marks of direction are taken out of every string', () => {
  assert.deepEqual(
    withoutControlCharacters({
      a: '\u001b[2Jgone\u0007',
      b: ['x\u202ey', 1, null],
      c: 'two\nlines\tand tab\r',
      '\u0000k': true,
    }),
    { a: '[2Jgone', b: ['xy', 1, null], c: 'two\nlines\tand tab', k: true },
  );
});

test('JSON escapes what JSON.stringify leaves', () => {
  const text = jsonLine({ a: '\u001b\u009b\u007f\u202e' });
  assert.equal(text, String.raw`{"a":"\u001b\u009b\u007f\u202e"}`);
  assert.deepEqual(JSON.parse(text), { a: '\u001b\u009b\u007f\u202e' });
});

test('lines are broken at spaces, words never', () => {
  assert.deepEqual(wrap('one two three', 7), ['one two', 'three']);
  assert.deepEqual(wrap('a-very-long-word b', 5), ['a-very-long-word', 'b']);
  assert.deepEqual(wrap('one\n\ntwo', 9), ['one', '', 'two']);
  assert.deepEqual(hanging('  x CODE  ', 'word '.repeat(20).trim(), 6), [
    `  x CODE  ${'word '.repeat(14).trim()}`,
    `      ${'word '.repeat(6).trim()}`,
  ]);
});

test('columns are padded, numbers to the right, nothing behind the last', () => {
  assert.deepEqual(
    columns(
      [
        ['NAME', 'PODS', ''],
        ['a', '7', 'x'],
        ['long-name', '110', ''],
      ],
      [1],
    ),
    ['NAME       PODS', 'a             7  x', 'long-name   110'],
  );
});

test('durations as a person says them', () => {
  assert.deepEqual([0, 45, 89, 90, 1860, 7200, 7500].map(roughly), [
    '0 s',
    '45 s',
    '89 s',
    '2 min',
    '31 min',
    '2 h',
    '2 h 5 min',
  ]);
});

test('small words', () => {
  assert.equal(count(1, 'pod'), '1 pod');
  assert.equal(count(2, 'pod'), '2 pods');
  assert.equal(cut('abcdef', 4), 'abc…');
  assert.equal(cut('abcd', 4), 'abcd');
});
