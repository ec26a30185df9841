import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuseBadEndpoints } from '../../../src/adapters/aws/endpoint-variables.ts';

test('an endpoint that is no URL is refused by the name of its variable', () => {
  for (const fine of [{}, { AWS_ENDPOINT_URL: '' }, { AWS_ENDPOINT_URL: 'http://127.0.0.1:4566' }])
    refuseBadEndpoints(fine);
  for (const [name, value] of [
    ['AWS_ENDPOINT_URL', 'not a url'],
    ['AWS_ENDPOINT_URL', 'localhost:4566'],
    ['AWS_ENDPOINT_URL_EKS', '/eks'],
  ] as const) {
    assert.throws(() => refuseBadEndpoints({ [name]: value }), {
      code: 'AWS.BAD_ENDPOINT',
      exitCode: 2,
      message: `${name} is "${value}", which is no address of a server. Nothing was asked.`,
    });
  }
});
