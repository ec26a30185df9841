import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonPatch, mergePatch, strategicMerge } from '../../../src/simulator/kubernetes/patch.ts';
import { StatusError } from '../../../src/simulator/kubernetes/status.ts';

const strategic: [name: string, target: object, patch: object, result: object][] = [
  ['members merge, null removes', { a: 1, b: { c: 1, d: 2 } }, { b: { c: null, e: 3 } }, { a: 1, b: { d: 2, e: 3 } }],
  [
    'containers and their env merge by name',
    {
      containers: [
        {
          name: 'a',
          image: 'x',
          env: [
            { name: 'K', value: '1' },
            { name: 'L', value: '2' },
          ],
        },
        { name: 'b' },
      ],
    },
    {
      containers: [
        {
          name: 'a',
          env: [
            { name: 'L', value: '3' },
            { name: 'M', value: '4' },
          ],
        },
      ],
    },
    {
      containers: [
        {
          name: 'a',
          image: 'x',
          env: [
            { name: 'K', value: '1' },
            { name: 'L', value: '3' },
            { name: 'M', value: '4' },
          ],
        },
        { name: 'b' },
      ],
    },
  ],
  [
    '$patch: delete removes an item',
    {
      env: [
        { name: 'K', value: '1' },
        { name: 'L', value: '2' },
      ],
    },
    { env: [{ name: 'K', $patch: 'delete' }] },
    { env: [{ name: 'L', value: '2' }] },
  ],
  [
    '$patch: replace takes the list as it is',
    { env: [{ name: 'K' }] },
    { env: [{ $patch: 'replace' }, { name: 'L' }] },
    { env: [{ name: 'L' }] },
  ],
  [
    'taints are replaced as a whole',
    { taints: [{ key: 'a' }, { key: 'b' }] },
    { taints: [{ key: 'b' }] },
    { taints: [{ key: 'b' }] },
  ],
  ['finalizers are a set', { finalizers: ['a'] }, { finalizers: ['b', 'a'] }, { finalizers: ['a', 'b'] }],
  [
    '$deleteFromPrimitiveList',
    { finalizers: ['a', 'b'] },
    { '$deleteFromPrimitiveList/finalizers': ['a'] },
    { finalizers: ['b'] },
  ],
  [
    '$retainKeys drops the others',
    { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } },
    { strategy: { $retainKeys: ['type'], type: 'Recreate' } },
    { strategy: { type: 'Recreate' } },
  ],
  [
    '$setElementOrder sorts',
    { env: [{ name: 'K' }, { name: 'L' }] },
    { '$setElementOrder/env': [{ name: 'L' }, { name: 'K' }] },
    { env: [{ name: 'L' }, { name: 'K' }] },
  ],
  [
    'conditions merge by type',
    { conditions: [{ type: 'Ready', status: 'True' }] },
    {
      conditions: [
        { type: 'Ready', status: 'False' },
        { type: 'X', status: 'True' },
      ],
    },
    {
      conditions: [
        { type: 'Ready', status: 'False' },
        { type: 'X', status: 'True' },
      ],
    },
  ],
];

for (const [name, target, patch, result] of strategic) {
  test(`strategic merge: ${name}`, () => assert.deepEqual(strategicMerge(target, patch), result));
}

test('strategic merge refuses an item without its merge key, and an unknown directive', () => {
  assert.throws(() => strategicMerge({ env: [] }, { env: [{ value: '1' }] }), StatusError);
  assert.throws(() => strategicMerge({}, { '$unheardOf/x': 1 }), /unknown patch directive/);
});

test('merge patch replaces lists and removes with null', () => {
  const target = { a: [1, 2], b: { c: 1, d: 2 } };
  assert.deepEqual(mergePatch(target, { a: [3], b: { c: null } }), { a: [3], b: { d: 2 } });
  assert.deepEqual(target, { a: [1, 2], b: { c: 1, d: 2 } });
});

test('JSON patch: each operation', () => {
  const target = { a: { b: 1 }, list: [1, 2], 'x/y': 1 };
  const operations = [
    { op: 'test', path: '/a/b', value: 1 },
    { op: 'add', path: '/list/1', value: 9 },
    { op: 'add', path: '/list/-', value: 3 },
    { op: 'remove', path: '/a/b' },
    { op: 'replace', path: '/x~1y', value: 2 },
    { op: 'copy', from: '/list', path: '/again' },
    { op: 'move', from: '/list', path: '/a/moved' },
  ];
  assert.deepEqual(jsonPatch(target, operations), { a: { moved: [1, 9, 2, 3] }, 'x/y': 2, again: [1, 9, 2, 3] });
  assert.throws(() => jsonPatch(target, [{ op: 'test', path: '/a/b', value: 2 }]), /testing value/);
  assert.throws(() => jsonPatch(target, [{ op: 'remove', path: '/none' }]), /does not exist/);
});
