import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMaxUnavailable } from '../../src/domain/drain-limits.ts';

for (const [text, expected] of [
  ['1', { pods: 1 }],
  ['25', { pods: 25 }],
  ['1%', { percent: 1 }],
  ['100%', { percent: 100 }],
] as const) {
  test(`--max-unavailable ${text}`, () => assert.deepEqual(parseMaxUnavailable(text), expected));
}

for (const text of ['', '0', '0%', '101%', '-1', '1.5', '25 %', 'half', '01']) {
  test(`"${text}" is no share`, () =>
    assert.throws(() => parseMaxUnavailable(text), { code: 'INPUT.MAX_UNAVAILABLE', exitCode: 2 }));
}
