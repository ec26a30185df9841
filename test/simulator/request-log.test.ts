import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVirtualClock } from '../../src/simulator/clock.ts';
import { withFaults } from '../../src/simulator/faults.ts';
import { createRandom } from '../../src/simulator/random.ts';
import { createRequestLog, withRequestLog } from '../../src/simulator/request-log.ts';
import type { SimRequest } from '../../src/simulator/types.ts';

const request = (method: string, path: string, body = '', authorization = ''): SimRequest => ({
  method,
  path,
  headers: authorization === '' ? {} : { authorization },
  body,
});
const signed = 'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-west-2/eks/aws4_request, SignedHeaders=host';

function world() {
  const clock = createVirtualClock(1_000);
  const log = createRequestLog();
  const random = createRandom(1);
  const faulty = withFaults(
    () => ({ status: 201, headers: {}, body: '' }),
    [
      { operation: 'eks:CreateNodegroup', kind: 'reset-after', nth: 2 },
      { operation: 'k8s:list nodes', kind: 'throttle', nth: 2 },
    ],
    { clock, random },
  );
  return { clock, log, handler: withRequestLog(faulty, log, clock, (credential) => `user of ${credential}`) };
}

const names = (entries: { operation: string }[]): string[] => entries.map(({ operation }) => operation);

test('a request is noted with time, caller, operation, status and its names', async () => {
  const { clock, log, handler } = world();
  clock.advance(500);
  const body = JSON.stringify({ nodegroupName: 'new', clientRequestToken: 't-1', subnets: [] });
  await handler(request('POST', '/clusters/demo/node-groups', body, signed));
  assert.deepEqual(log.entries, [
    {
      at: 1_500,
      caller: 'user of AKIDEXAMPLE',
      operation: 'eks:CreateNodegroup',
      status: 201,
      details: { clusterName: 'demo', nodegroupName: 'new', clientRequestToken: 't-1' },
      method: 'POST',
      path: '/clusters/demo/node-groups',
    },
  ]);
});

const details: [SimRequest, Record<string, string>][] = [
  [
    request('POST', '/api/v1/namespaces/shop/pods/web-1/eviction', '{"deleteOptions":{"preconditions":{"uid":"u-1"}}}'),
    { namespace: 'shop', name: 'web-1', uid: 'u-1' },
  ],
  [request('POST', '/api/v1/namespaces/a/configmaps', '{"metadata":{"name":"c"}}'), { namespace: 'a', name: 'c' }],
  [request('PATCH', '/api/v1/nodes/n-1?dryRun=All', '{}'), { name: 'n-1', dryRun: 'All' }],
  [
    request(
      'POST',
      '/',
      'Action=CreateLaunchTemplate&Version=2016-11-15&LaunchTemplateName=lt&ClientToken=t&DryRun=true',
    ),
    { LaunchTemplateName: 'lt', ClientToken: 't', DryRun: 'true', dryRun: 'All' },
  ],
  [request('GET', '/clusters/demo/node-groups/a%2Fb'), { clusterName: 'demo', nodegroupName: 'a/b' }],
  [request('GET', '/clusters/%zz'), { clusterName: '%zz' }],
];

for (const [sent, expected] of details) {
  test(`details of ${sent.method} ${sent.path} ${sent.body}`, async () => {
    const { log, handler } = world();
    await handler(sent);
    assert.deepEqual(log.entries[0]?.details, expected);
  });
}

test('faults are visible: a lost answer, a refusal', async () => {
  const { log, handler } = world();
  const create = request('POST', '/clusters/demo/node-groups', '{}');
  await handler(create);
  await assert.rejects(async () => handler(create));
  await handler(request('GET', '/api/v1/nodes'));
  await handler(request('GET', '/api/v1/nodes'));
  assert.deepEqual(
    log.entries.map(({ status, fault }) => [status, fault]),
    [
      [201, undefined],
      ['reset', 'reset-after'],
      [201, undefined],
      [429, 'throttle'],
    ],
  );
});

test('tests can ask for an operation, for writes, and start over', async () => {
  const { log, handler } = world();
  await handler(request('GET', '/clusters/demo'));
  await handler(request('POST', '/clusters/demo/node-groups', '{}'));
  await handler(request('PATCH', '/api/v1/nodes/n?dryRun=All', '{}'));
  await handler(request('PATCH', '/api/v1/nodes/n', '{}'));
  assert.deepEqual(names(log.of('eks:*')), ['eks:DescribeCluster', 'eks:CreateNodegroup']);
  assert.deepEqual(names(log.of('k8s:patch nodes')), ['k8s:patch nodes', 'k8s:patch nodes']);
  assert.deepEqual(names(log.writes()), ['eks:CreateNodegroup', 'k8s:patch nodes']);
  log.clear();
  assert.equal(log.entries.length, 0);
});

test('the caller of an EKS token is the access key that signed it; of another token, the token', async () => {
  const { log, handler } = world();
  const url = 'https://sts.us-west-2.amazonaws.com/?Action=GetCallerIdentity&X-Amz-Credential=AKIDEXAMPLE%2F2026';
  const token = `k8s-aws-v1.${Buffer.from(url).toString('base64url')}`;
  await handler(request('GET', '/api/v1/nodes', '', `Bearer ${token}`));
  await handler(request('GET', '/api/v1/nodes', '', 'Bearer admin-token'));
  await handler(request('GET', '/api/v1/nodes'));
  assert.deepEqual(
    log.entries.map(({ caller }) => caller),
    ['user of AKIDEXAMPLE', 'user of admin-token', 'anonymous'],
  );
});
