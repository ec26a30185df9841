import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { selects } from '../../src/domain/label-selector.ts';
import type { LabelSelector } from '../../src/domain/snapshot.ts';

describe('label selectors', () => {
  const labels = { app: 'web', tier: 'front' };
  const rows: [string, LabelSelector | null, boolean][] = [
    ['null selects nothing', null, false],
    ['an empty one selects everything', {}, true],
    ['labels that are there', { matchLabels: { app: 'web' } }, true],
    ['labels that differ', { matchLabels: { app: 'web', tier: 'back' } }, false],
    ['In', { matchExpressions: [{ key: 'app', operator: 'In', values: ['web', 'api'] }] }, true],
    ['In of a missing label', { matchExpressions: [{ key: 'zone', operator: 'In', values: ['a'] }] }, false],
    ['NotIn', { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['web'] }] }, false],
    ['NotIn of a missing label', { matchExpressions: [{ key: 'zone', operator: 'NotIn', values: ['a'] }] }, true],
    ['Exists', { matchExpressions: [{ key: 'app', operator: 'Exists' }] }, true],
    ['DoesNotExist', { matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] }, false],
    [
      'all parts must hold',
      { matchLabels: { app: 'web' }, matchExpressions: [{ key: 'zone', operator: 'Exists' }] },
      false,
    ],
    ['no member of Object.prototype', { matchExpressions: [{ key: 'constructor', operator: 'Exists' }] }, false],
  ];
  for (const [name, selector, expected] of rows) test(name, () => assert.equal(selects(selector, labels), expected));
  test('labels may be missing', () => assert.equal(selects({ matchLabels: { app: 'web' } }, null), false));
});
