import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refuseAwsItself, refuseBadEndpoints } from '../../../src/adapters/aws/endpoint-variables.ts';

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

test('AWS itself is not asked about a cluster that is elsewhere', () => {
  const eks = { AWS_ENDPOINT_URL_EKS: 'http://127.0.0.1:1' };
  const rows: [service: string, env: Record<string, string>, refused: boolean][] = [
    ['iam', eks, true],
    ['cloudformation', eks, true],
    ['ec2', eks, false],
    ['iam', {}, false],
    ['iam', { ...eks, AWS_ENDPOINT_URL: 'http://127.0.0.1:2' }, false],
    ['iam', { ...eks, AWS_ENDPOINT_URL_IAM: 'http://127.0.0.1:3' }, false],
    ['cloudformation', { ...eks, AWS_ENDPOINT_URL_IAM: 'http://127.0.0.1:3' }, true],
  ];
  for (const [service, env, refused] of rows) {
    if (refused) assert.throws(() => refuseAwsItself(service, env), { code: 'AWS.NO_ENDPOINT', exitCode: 2 });
    else refuseAwsItself(service, env);
  }
});
