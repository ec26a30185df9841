import assert from 'node:assert/strict';
import { test } from 'node:test';
import { envSchemaOf, refusalOf } from '../../src/domain/env-schema.ts';

const schema = (env: unknown, definitions = {}) =>
  JSON.stringify({
    $ref: '#/definitions/VpcCni',
    definitions: { VpcCni: { type: 'object', additionalProperties: false, properties: { env } }, ...definitions },
  });
const envIs = (properties: object, more: object = { additionalProperties: false }) =>
  envSchemaOf(schema({ $ref: '#/definitions/Env' }, { Env: { type: 'object', properties, ...more } }));

test('read over references, or where it stands', () => {
  const expected = {
    takesOthers: false,
    variables: { A: { type: ['string'], format: 'boolean' }, B: { enum: ['1', '2'], pattern: '^.$' } },
  };
  const properties = { A: { type: 'string', format: 'boolean' }, B: { enum: [1, '2'], pattern: '^.$' } };
  assert.deepEqual(envIs(properties), expected);
  const plain = { type: 'object', properties: { env: { additionalProperties: false, properties } } };
  assert.deepEqual(envSchemaOf(JSON.stringify(plain)), expected);
  assert.equal(envIs(properties, {})?.takesOthers, true);
});

test('what cannot be read is not known', () => {
  for (const text of [
    null,
    '',
    'no JSON',
    '[]',
    '"text"',
    '{}',
    '{"properties":{"env":true}}',
    '{"$ref":"#"}',
    '{"$ref":"#/definitions/A","definitions":{"A":{"$ref":"#/definitions/A"}}}',
    schema({ $ref: '#/definitions/Env' }),
  ])
    assert.equal(envSchemaOf(text), undefined, `${text}`);
  assert.equal(envIs({}, { additionalProperties: false, patternProperties: { '^WARM': {} } }), undefined);
  assert.equal(envIs({ A: {} }, { anyOf: [{ properties: { B: {} } }] }), undefined);
});

test('what a value breaks', () => {
  const known = envIs({
    on: { type: 'string', format: 'boolean' },
    number: { type: ['string', 'null'], format: 'integer' },
    really: { type: 'integer' },
    one: { type: 'string', enum: ['a', 'b'] },
    like: { pattern: '^[0-9]+$' },
    odd: { pattern: '(?P<x>y)', format: 'duration' },
    any: true,
  });
  assert.ok(known !== undefined);
  const rows: [string, string, string | undefined][] = [
    ['on', 'true', undefined],
    ['on', 'maybe', 'has to be true or false'],
    ['number', '16', undefined],
    ['number', '1.5', 'has to be a whole number'],
    ['really', '5', 'has to be of type integer, not text'],
    ['one', 'b', undefined],
    ['one', 'c', 'has to be one of a, b'],
    ['like', '12', undefined],
    ['like', 'x', 'has to match ^[0-9]+$'],
    ['odd', 'z', undefined],
    ['any', 'z', undefined],
    ['none', 'z', 'is no setting of it'],
    ['constructor', 'z', 'is no setting of it'],
  ];
  for (const [name, value, refusal] of rows) assert.equal(refusalOf(known, name, value), refusal, `${name}=${value}`);
});
