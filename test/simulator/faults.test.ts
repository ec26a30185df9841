import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createVirtualClock } from '../../src/simulator/clock.ts';
import { type FaultRule, withFaults } from '../../src/simulator/faults.ts';
import { createRandom } from '../../src/simulator/random.ts';
import type { SimHandler, SimRequest, SimResponse } from '../../src/simulator/types.ts';
import { drive } from '../../src/simulator/virtual-time.ts';

const describe: SimRequest = { method: 'GET', path: '/clusters/demo/node-groups/ng', headers: {}, body: '' };
const subnets: SimRequest = {
  method: 'POST',
  path: '/',
  headers: {},
  body: 'Action=DescribeSubnets&Version=2016-11-15',
};
const caller: SimRequest = {
  method: 'POST',
  path: '/',
  headers: {},
  body: 'Action=GetCallerIdentity&Version=2011-06-15',
};
const evict: SimRequest = { method: 'POST', path: '/api/v1/namespaces/a/pods/p/eviction', headers: {}, body: '{}' };
const nodes: SimRequest = { method: 'GET', path: '/api/v1/nodes?resourceVersion=1', headers: {}, body: '' };
const watch: SimRequest = { method: 'GET', path: '/api/v1/pods?watch=1&resourceVersion=7', headers: {}, body: '' };

function world(rules: FaultRule[], seed = 1) {
  const clock = createVirtualClock(0);
  let calls = 0;
  const inner: SimHandler = () => ({ status: 200, headers: {}, body: `answer ${++calls}` });
  return { clock, handler: withFaults(inner, rules, { clock, random: createRandom(seed) }), calls: () => calls };
}

const refusals: [FaultRule['kind'], SimRequest, number, RegExp][] = [
  ['throttle', describe, 429, /Rate exceeded/],
  ['throttle', subnets, 503, /<Code>RequestLimitExceeded</],
  ['throttle', caller, 400, /<Code>Throttling</],
  ['throttle', evict, 429, /^Too many requests, please try again later\.\n$/],
  ['server-error', describe, 500, /Internal/],
  ['server-error', subnets, 500, /<Code>InternalError</],
  ['server-error', nodes, 500, /"reason":"InternalError"/],
  ['not-found', describe, 404, /not found/],
  ['expired-token', describe, 403, /expired/],
  ['expired-token', subnets, 400, /<Code>RequestExpired</],
  ['expired-token', nodes, 401, /"message":"Unauthorized"/],
  ['gone', nodes, 410, /"reason":"Expired"/],
  ['gone', watch, 200, /^{"type":"ERROR","object":.*too old resource version: 7 \(8\).*"code":410}}\n$/],
  ['webhook-denial', evict, 403, /admission webhook/],
];

for (const [kind, request, status, body] of refusals) {
  test(`${kind} on ${request.path} ${request.body}: ${status}, and nothing happened`, async () => {
    const { handler, calls } = world([{ operation: '*', kind }]);
    const response = await handler(request);
    assert.equal(response.status, status);
    assert.ok(typeof response.body === 'string');
    assert.match(response.body, body);
    assert.equal(response.headers['x-simulator-fault'], kind);
    assert.equal(calls(), 0);
  });
}

test('an EKS refusal names its exception in the header, and how long to wait when told', async () => {
  const { handler } = world([{ operation: 'eks:*', kind: 'throttle', retryAfterSeconds: 3 }]);
  const { headers } = await handler(describe);
  assert.equal(headers['x-amzn-errortype'], 'ThrottlingException');
  assert.equal(headers['retry-after'], '3');
});

test('nth counts the calls of its own operation only', async () => {
  const { handler } = world([{ operation: 'eks:DescribeNodegroup', kind: 'server-error', nth: [2, 3] }]);
  const seen: number[] = [];
  for (const request of [describe, subnets, describe, nodes, describe, describe]) {
    seen.push((await handler(request)).status);
  }
  assert.deepEqual(seen, [200, 200, 500, 200, 500, 200]);
});

test('a probability is drawn from the seed', async () => {
  const first = await statuses(5);
  assert.deepEqual(await statuses(5), first);
  assert.notDeepEqual(await statuses(6), first);
  assert.ok(first.includes(200) && first.includes(429));
});

async function statuses(seed: number): Promise<number[]> {
  const { handler } = world([{ operation: '*', kind: 'throttle', probability: 0.5 }], seed);
  return Promise.all(Array.from({ length: 40 }, async () => (await handler(describe)).status));
}

test('a reset before keeps the change from happening, a reset after loses only the answer', async () => {
  const before = world([{ operation: '*', kind: 'reset-before' }]);
  await assert.rejects(async () => before.handler(evict), { code: 'ECONNRESET', when: 'before' });
  assert.equal(before.calls(), 0);
  const after = world([{ operation: '*', kind: 'reset-after' }]);
  await assert.rejects(async () => after.handler(evict), { code: 'ECONNRESET', when: 'after' });
  assert.equal(after.calls(), 1);
});

test('a stalled answer comes after its seconds', async () => {
  const { handler, clock } = world([{ operation: '*', kind: 'stall', seconds: 12 }]);
  const response = await drive(clock, Promise.resolve(handler(nodes)));
  assert.equal(response.body, 'answer 1');
  assert.equal(clock.now(), 12_000);
});

test('a stale read repeats the answer before', async () => {
  const { handler } = world([{ operation: 'k8s:list nodes', kind: 'stale-read', nth: 2 }]);
  const bodies: unknown[] = [];
  for (let call = 0; call < 3; call++) bodies.push((await handler(nodes)).body);
  assert.deepEqual(bodies, ['answer 1', 'answer 1', 'answer 2']);
});

test('a stale read is never older than told', async () => {
  const rule: FaultRule = { operation: 'k8s:list nodes', kind: 'stale-read', nth: [2, 3], seconds: 20 };
  const { handler, clock } = world([rule]);
  const bodies: unknown[] = [];
  for (let call = 0; call < 3; call++) {
    bodies.push((await handler(nodes)).body);
    clock.advance(call === 0 ? 20_000 : 1_000);
  }
  assert.deepEqual(bodies, ['answer 1', 'answer 1', 'answer 2']);
});

test('a rule counts in its stretch of time only, the end not included', async () => {
  const { handler, clock } = world([{ operation: '*', kind: 'server-error', during: [10_000, 20_000] }]);
  const seen: [number, number][] = [];
  for (const step of [0, 9_999, 1, 9_999, 1]) {
    clock.advance(step);
    seen.push([clock.now(), (await handler(describe)).status]);
  }
  assert.deepEqual(seen, [
    [0, 200],
    [9_999, 200],
    [10_000, 500],
    [19_999, 500],
    [20_000, 200],
  ]);
});

test('a cut watch delivers its events, then the connection is gone', async () => {
  const handler = withFaults(threeEvents, [{ operation: 'k8s:watch pods', kind: 'watch-cut', events: 2 }], {
    clock: createVirtualClock(0),
    random: createRandom(1),
  });
  assert.deepEqual(deliveries(await handler(watch)), ['a', 'b', 'reset']);
});

const threeEvents: SimHandler = () => ({
  status: 200,
  headers: {},
  body: {
    start(sink) {
      for (const event of ['a', 'b', 'c']) sink.write(event);
      sink.end();
      return () => undefined;
    },
  },
});

test('a fault that an API does not have is a mistake in the rule', async () => {
  const { handler } = world([{ operation: '*', kind: 'webhook-denial' }]);
  await assert.rejects(async () => handler(describe), /webhook-denial has no meaning for eks:DescribeNodegroup/);
});

function deliveries(response: SimResponse): string[] {
  const seen: string[] = [];
  assert.ok(typeof response.body !== 'string');
  response.body.start({
    write: (chunk) => seen.push(chunk),
    end: () => seen.push('end'),
    reset: () => seen.push('reset'),
  });
  return seen;
}
