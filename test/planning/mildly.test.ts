import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mildly } from '../../src/planning/drift.ts';

const weight = (path: string, now: unknown) =>
  mildly({ path, planned: 'ACTIVE', now, whenChanged: 'replan' }).whenChanged;

test('what EKS is at work on is waited for, before the first act as between phases; what is gone is not', () => {
  assert.deepEqual(
    ['UPDATING', 'DEGRADED', 'DELETING', null].map((now) => weight('nodegroups.apps.status', now)),
    ['warn', 'warn', 'replan', 'replan'],
  );
  assert.equal(weight('nodegroups.apps.amiType', 'UPDATING'), 'replan');
});
