import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { parse } from 'yaml';
import { barePodFile, barePodYaml } from '../../src/exports/bare-pod.ts';

test('a file of its own for each pod, inside the folder', () => {
  assert.equal(barePodFile('shop', 'cart-1.a'), 'bare-pods/shop_cart-1.a.yaml');
  assert.equal(barePodFile('../..', 'etc/passwd'), 'bare-pods/..-.._etc-passwd.yaml');
  const long = ['x'.repeat(63), 'y'.repeat(252)] as const;
  const names = [barePodFile(long[0], `${long[1]}a`), barePodFile(long[0], `${long[1]}b`)];
  assert.equal(new Set(names).size, 2);
  for (const name of names) assert.ok(name.length <= 'bare-pods/'.length + 255 - `.${randomUUID()}.tmp`.length, name);
});

test('reads back as the manifest, and says what is missing', () => {
  const manifest = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'cart', annotations: { switch: 'on', number: '012', text: 'two\nlines: # and more' } },
    spec: { containers: [{ name: 'app', env: [{ name: 'A', value: 'REDACTED' }] }] },
  };
  const text = barePodYaml(manifest, ['spec.containers[app].env[A]']);
  assert.deepEqual(parse(text, { version: '1.1' }), manifest);
  assert.deepEqual(parse(text), manifest);
  assert.match(
    text,
    /^# Nothing creates this pod again .*\n# Put back by hand first.*\n# {3}spec\.containers\[app\]\.env\[A\]\n/,
  );
  assert.doesNotMatch(barePodYaml(manifest, []), /Put back/);
  // a name from outside cannot leave the comment
  assert.deepEqual(parse(barePodYaml(manifest, ['a\nevil: true'])), manifest);
});
