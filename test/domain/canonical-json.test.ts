import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalJson, sha256Hex } from '../../src/domain/canonical-json.ts';

test('canonical JSON does not depend on the order of members', () => {
  assert.equal(canonicalJson({ b: [{ d: 1, c: null }], a: undefined, A: 'x' }), '{"A":"x","b":[{"c":null,"d":1}]}');
  assert.equal(sha256Hex('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
