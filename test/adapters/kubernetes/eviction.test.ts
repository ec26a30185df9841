import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createKubernetesPort } from '../../../src/adapters/kubernetes/kubernetes-port.ts';
import type { EvictionOutcome } from '../../../src/ports/kubernetes.ts';
import { ConnectionReset } from '../../../src/simulator/connection-reset.ts';
import type { SimHandler, SimRequest } from '../../../src/simulator/types.ts';
import { createBench, testCluster } from '../virtual.ts';

interface Recorded {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** Answers of a Kubernetes 1.33 API server, recorded. */
const recorded = (name: string): Recorded =>
  JSON.parse(readFileSync(new URL(`recorded/${name}.json`, import.meta.url), 'utf8'));

const pod = { namespace: 'shop', name: 'web-1', uid: 'u-1' };

async function evictedBy(handler: SimHandler, options?: { dryRun?: boolean; graceSeconds?: number }) {
  const bench = createBench();
  const requests: SimRequest[] = [];
  const kubernetes = await createKubernetesPort({
    clock: bench.clock,
    cluster: testCluster,
    dispatcher: bench.dispatcher((request) => {
      requests.push(request);
      return handler(request);
    }),
  });
  return { outcome: await bench.run(kubernetes.evict(pod, options)), requests };
}

const status = (code: number, fields: object, headers: Record<string, string> = {}): Recorded => ({
  status: code,
  headers,
  body: JSON.stringify({ kind: 'Status', status: 'Failure', code, ...fields }),
});

const rows: [name: string, answer: Recorded, outcome: Partial<EvictionOutcome>][] = [
  ['accepted', recorded('evict-201'), { kind: 'accepted' }],
  ['no such pod', recorded('evict-404-no-such-pod'), { kind: 'gone', detail: 'pods "no-such-pod" not found' }],
  ['gone', recorded('evict-404-gone'), { kind: 'gone' }],
  ['another pod has the name', recorded('evict-409-uid-mismatch'), { kind: 'gone' }],
  [
    'changed meanwhile',
    recorded('evict-409-resource-version-mismatch'),
    { kind: 'throttled', retryAfterSeconds: null },
  ],
  [
    'budget exhausted',
    recorded('evict-429-budget-exhausted'),
    { kind: 'budget-exhausted', budget: 'The disruption budget exhausted needs 1 healthy pods and has 1 currently' },
  ],
  ['budget used up', recorded('evict-429-budget-used-up'), { kind: 'budget-exhausted' }],
  [
    'budget not processed',
    recorded('evict-429-budget-not-processed'),
    { kind: 'budget-unprocessed', retryAfterSeconds: 10 },
  ],
  ['priority and fairness', recorded('overloaded-429-evict'), { kind: 'throttled', retryAfterSeconds: 1 }],
  ['two budgets', recorded('evict-500-two-budgets'), { kind: 'multiple-budgets' }],
  ['RBAC', recorded('evict-403'), { kind: 'refused', status: 403 }],
  ['bad request', recorded('evict-400-not-json'), { kind: 'refused', status: 400 }],
  [
    'namespace terminating',
    status(403, { reason: 'Forbidden', details: { causes: [{ reason: 'NamespaceTerminating' }] } }),
    { kind: 'namespace-terminating' },
  ],
  [
    'admission webhook',
    status(403, { reason: 'Forbidden', message: 'denied by policy\u001b[31m' }),
    { kind: 'refused', detail: 'denied by policy [31m' },
  ],
  ['webhook down', status(500, { reason: 'InternalError', message: 'failed calling webhook' }), { kind: 'throttled' }],
  [
    'overload',
    status(503, { reason: 'ServiceUnavailable' }, { 'retry-after': '4' }),
    { kind: 'throttled', retryAfterSeconds: 4 },
  ],
  [
    'overload, says somebody who wants to be left alone for years',
    status(429, { reason: 'TooManyRequests', details: { retryAfterSeconds: 1_000_000_000 } }),
    { kind: 'throttled', retryAfterSeconds: 60 },
  ],
  [
    'contended budget',
    status(
      504,
      { reason: 'Timeout', message: 'couldn\'t update PodDisruptionBudget "x" due to conflicts' },
      { 'retry-after': '10' },
    ),
    { kind: 'throttled', retryAfterSeconds: 10 },
  ],
  ['server timeout', status(504, { reason: 'Timeout', message: 'request did not complete' }), { kind: 'unknown' }],
  [
    'load balancer',
    { status: 502, headers: {}, body: '<html>Bad Gateway</html>' },
    { kind: 'unknown', detail: 'HTTP 502, an HTML page' },
  ],
  ['not an API server', { status: 404, headers: {}, body: '404 page not found' }, { kind: 'unknown' }],
  ['redirect', { status: 302, headers: {}, body: '' }, { kind: 'unknown' }],
  ['senseless success', { status: 200, headers: {}, body: '<html>' }, { kind: 'unknown' }],
  ['401 twice', { status: 401, headers: {}, body: '' }, { kind: 'refused', status: 401 }],
];

for (const [name, answer, expected] of rows) {
  test(`eviction: ${name}`, async () => {
    const { outcome, requests } = await evictedBy(() => answer);
    assert.deepEqual({ ...outcome, ...expected }, outcome);
    assert.equal(requests.length, answer.status === 401 ? 2 : 1);
  });
}

test('names the uid that it means, and no grace period', async () => {
  const { requests } = await evictedBy(() => recorded('evict-201'));
  assert.equal(requests[0]?.path, '/api/v1/namespaces/shop/pods/web-1/eviction?fieldManager=prefix-migrate');
  assert.deepEqual(JSON.parse(requests[0]?.body ?? ''), {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name: 'web-1', namespace: 'shop' },
    deleteOptions: { preconditions: { uid: 'u-1' } },
  });
});

test('says twice that it is a dry run: webhooks are told by the query, and the pod is spared by either', async () => {
  const { requests } = await evictedBy(() => recorded('evict-201'), { dryRun: true });
  const { path, body } = requests[0] ?? assert.fail();
  assert.equal(path, '/api/v1/namespaces/shop/pods/web-1/eviction?fieldManager=prefix-migrate&dryRun=All');
  assert.deepEqual(JSON.parse(body), {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name: 'web-1', namespace: 'shop' },
    deleteOptions: { preconditions: { uid: 'u-1' }, dryRun: ['All'] },
  });
});

test('names the time that the pod gets, when it is to be less than its own', async () => {
  const { requests } = await evictedBy(() => recorded('evict-201'), { graceSeconds: 60 });
  assert.deepEqual(JSON.parse(requests[0]?.body ?? '').deleteOptions, {
    preconditions: { uid: 'u-1' },
    gracePeriodSeconds: 60,
  });
});

test('a lost answer and silence are unknown', async () => {
  const lost = await evictedBy(() => Promise.reject(new ConnectionReset('after')));
  assert.equal(lost.outcome.kind, 'unknown');
  const silent = await evictedBy(() => new Promise(() => undefined));
  assert.deepEqual(silent.outcome, { kind: 'unknown', detail: 'no answer within 45 s' });
});
