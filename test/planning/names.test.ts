import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nameHash, replacementName } from '../../src/planning/names.ts';
import { aRequest, aSnapshot } from '../support/snapshot.ts';

test('a replacement is named after its source', () =>
  assert.equal(replacementName('apps', '7f3a9c21'), 'apps-pd-7f3a9c21'));
test('the mark of an earlier migration is replaced, not piled up', () => {
  assert.equal(replacementName('apps-pd-00112233', '7f3a9c21'), 'apps-pd-7f3a9c21');
});
test('long names are cut and stay apart', () => {
  const [one, two] = [`${'x'.repeat(62)}a`, `${'x'.repeat(62)}b`].map((source) => replacementName(source, '7f3a9c21'));
  assert.equal(one?.length, 63);
  assert.notEqual(one, two);
});
test('every name is one that EKS takes', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[0-9A-Za-z][A-Za-z0-9_-]{0,62}$/), (source) => {
      assert.match(replacementName(source, '7f3a9c21'), /^[0-9A-Za-z][A-Za-z0-9_-]{0,62}$/);
    }),
  );
});
test('an Auto Scaling group may have any name, and that of a managed group', () => {
  const names = ['asg/apps', 'asg/apps-1.2', 'asg/apps-1-2', 'asg/@@', `asg/${'x'.repeat(250)}`].map((source) =>
    replacementName(source, '7f3a9c21'),
  );
  for (const name of names) assert.match(name, /^[0-9A-Za-z][A-Za-z0-9_-]{0,62}$/);
  assert.equal(new Set([...names, replacementName('apps', '7f3a9c21')]).size, 6);
});
test('the hash depends on request and snapshot', () => {
  const hashes = [
    nameHash(aSnapshot(), aRequest()),
    nameHash(aSnapshot(), aRequest({ soakSeconds: 1 })),
    nameHash(aSnapshot({ pods: [] }), aRequest()),
  ];
  assert.equal(new Set(hashes).size, 3);
  for (const hash of hashes) assert.match(hash, /^[0-9a-f]{8}$/);
});
