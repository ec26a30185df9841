/** The patches of the mutation check still apply, and change something. Whether each is found: `npm run mutations`. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { applyTo, patches } from './patches.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

for (const patch of patches) {
  test(`applies: ${patch.name}`, () => {
    const text = readFileSync(`${root}${patch.file}`, 'utf8');
    assert.notEqual(applyTo(text, patch), text);
  });
}

test('engine, drain and steps have at least ten of them, each with a name of its own', () => {
  assert.equal(new Set(patches.map(({ name }) => name)).size, patches.length);
  for (const room of ['engine', 'drain', 'steps']) {
    assert.ok(patches.filter(({ file }) => file.startsWith(`src/${room}/`)).length >= 2, room);
  }
  assert.ok(patches.length >= 10);
});

test('a patch that does not fit is refused', () => {
  const [patch] = patches;
  assert.ok(patch);
  assert.throws(() => applyTo('nothing of the kind', patch), /found 0 times in/);
  assert.throws(() => applyTo(patch.find + patch.find, patch), /found 2 times in/);
});
