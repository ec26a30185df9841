import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { formatDuration, parseDuration } from '../../src/domain/duration.ts';

describe('durations', () => {
  const good: [string, number][] = [
    ['90s', 90],
    ['15m', 900],
    ['1h30m', 5400],
    ['1.5h', 5400],
    ['500ms', 0.5],
    ['1m0s', 60],
    ['0', 0],
    ['0s', 0],
  ];
  for (const [text, seconds] of good) test(text, () => assert.equal(parseDuration(text), seconds));
  for (const text of ['', '5', '-5m', '5 m', '5d', 'm', '1h30', '1e3s', 'NaN', '５m']) {
    test(`"${text}" is refused`, () =>
      assert.throws(() => parseDuration(text), { name: 'MigrateError', code: 'INPUT.DURATION', exitCode: 2 }));
  }
  test('what is written can be read', () => {
    assert.deepEqual([0, 0.5, 90, 5400, 86_400].map(formatDuration), ['0s', '500ms', '1m30s', '1h30m', '24h']);
    fc.assert(
      fc.property(fc.nat(10_000_000), (milliseconds) => {
        assert.equal(parseDuration(formatDuration(milliseconds / 1000)), milliseconds / 1000);
      }),
    );
  });
});
