import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isAtLeast, parseVersion } from '../../src/domain/version.ts';

describe('versions', () => {
  const rows: [string | null, string, boolean][] = [
    ['1.9.0', '1.9.0', true],
    ['1.8.9', '1.9.0', false],
    ['v1.10.1-eksbuild.1', '1.9.0', true],
    ['2.0.0', '1.9.0', true],
    ['v1.17.0-eksbuild.9', '1.17.1', false],
    ['1.17', '1.17.0', true],
    ['latest', '1.9.0', false],
    [null, '1.9.0', false],
  ];
  for (const [version, wanted, expected] of rows) {
    test(`${version} is ${expected ? '' : 'not '}at least ${wanted}`, () =>
      assert.equal(isAtLeast(version, wanted), expected));
  }
  test('parts', () => assert.deepEqual(parseVersion('v1.19.2-eksbuild.1'), [1, 19, 2]));
});
