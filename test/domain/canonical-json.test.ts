import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalJson, plainJson, sha256Hex } from '../../src/domain/canonical-json.ts';

test('JSON for people: what could steer a terminal or turn text around is escaped, and means the same', () => {
  const data = { name: 'a\u202eb\u007f\u009b', line: 'c\nd' };
  const text = plainJson(data, 2);
  assert.equal(text, '{\n  "name": "a\\u202eb\\u007f\\u009b",\n  "line": "c\\nd"\n}');
  assert.deepEqual(JSON.parse(text), data);
});

test('canonical JSON does not depend on the order of members', () => {
  assert.equal(canonicalJson({ b: [{ d: 1, c: null }], a: undefined, A: 'x' }), '{"A":"x","b":[{"c":null,"d":1}]}');
  assert.equal(sha256Hex('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
