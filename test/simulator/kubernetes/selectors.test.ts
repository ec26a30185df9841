import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quantity, scaled } from '../../../src/simulator/kubernetes/quantity.ts';
import {
  BadSelector,
  matchesSelector,
  parseFieldSelector,
  parseLabelSelector,
} from '../../../src/simulator/kubernetes/selectors.ts';
import { age } from '../../../src/simulator/kubernetes/time.ts';

const labels = { app: 'web', 'eks.amazonaws.com/nodegroup': 'old' };

const labelCases: [selector: string, matches: boolean][] = [
  ['', true],
  ['app=web', true],
  ['app==web,eks.amazonaws.com/nodegroup=old', true],
  ['app!=web', false],
  ['tier!=front', true],
  ['app in (api, web)', true],
  ['app notin (api,web),app', false],
  ['tier notin (a,b)', true],
  ['app', true],
  ['!app', false],
  ['!tier', true],
];

for (const [selector, matches] of labelCases) {
  test(`label selector "${selector}"`, () => assert.equal(parseLabelSelector(selector)(labels), matches));
}

test('a label selector that does not parse says so', () => {
  assert.throws(() => parseLabelSelector('a b c'), BadSelector);
});

test('no selector of an object matches nothing, an empty one everything', () => {
  assert.equal(matchesSelector(undefined, labels), false);
  assert.equal(matchesSelector({}, undefined), true);
  assert.equal(matchesSelector({ matchExpressions: [{ key: 'app', operator: 'In', values: ['api'] }] }, labels), false);
});

test('field selectors: equal, not equal, several', () => {
  assert.deepEqual(parseFieldSelector('spec.nodeName=a,status.phase!=Failed'), [
    { field: 'spec.nodeName', value: 'a', equals: true },
    { field: 'status.phase', value: 'Failed', equals: false },
  ]);
});

test('quantities', () => {
  assert.deepEqual(['100m', '2', '1.5Gi', '7220Mi', '29', undefined, 'many'].map(quantity), [
    0.1,
    2,
    1.5 * 2 ** 30,
    7220 * 2 ** 20,
    29,
    0,
    0,
  ]);
});

test('a share of a total rounds up or down', () => {
  assert.deepEqual(
    [scaled(2, 10, 'up'), scaled('25%', 10, 'up'), scaled('25%', 10, 'down'), scaled('10%', 10, 'up')],
    [2, 3, 2, 1],
  );
});

test('ages as kubectl prints them', () => {
  const second = 1000;
  const minute = 60 * second;
  const hour = 60 * minute;
  const cases = [
    45 * second,
    119 * second,
    2 * minute,
    200 * second,
    30 * minute,
    5 * hour,
    5 * hour + 20 * minute,
    30 * hour,
    72 * hour,
    240 * hour,
  ];
  assert.deepEqual(cases.map(age), ['45s', '119s', '2m', '3m20s', '30m', '5h', '5h20m', '30h', '3d', '10d']);
});
