import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shellWord } from '../../src/domain/shell-word.ts';

test('words for a shell', () => {
  for (const [word, expected] of [
    ['plans/2026-11_a=b', 'plans/2026-11_a=b'],
    ['my plans', "'my plans'"],
    ['$(id)', "'$(id)'"],
    ['a;b', "'a;b'"],
    ["it's", `'it'\\''s'`],
    ['~/plan', "'~/plan'"],
    ['', "''"],
  ] as const) {
    assert.equal(shellWord(word), expected);
  }
});
