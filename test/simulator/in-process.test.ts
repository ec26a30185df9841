import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EC2Client, paginateDescribeSubnets } from '@aws-sdk/client-ec2';
import { DescribeClusterCommand, EKSClient } from '@aws-sdk/client-eks';
import { CoreV1Api, KubeConfig, type RequestContext, Watch } from '@kubernetes/client-node';
import { createVirtualClock } from '../../src/simulator/clock.ts';
import { ConnectionReset } from '../../src/simulator/connection-reset.ts';
import type { SimHandler, SimRequest, SimStream } from '../../src/simulator/types.ts';
import { drive } from '../../src/simulator/virtual-time.ts';
import { createTraffic, InProcessDispatcher, InProcessHandler } from '../support/in-process.ts';

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };

function eks(handler: SimHandler, traffic = createTraffic()): EKSClient {
  const requestHandler = new InProcessHandler(handler, traffic);
  return new EKSClient({ region: 'us-west-2', credentials, maxAttempts: 1, requestHandler });
}

class InProcessKubeConfig extends KubeConfig {
  readonly #dispatcher: InProcessDispatcher;
  constructor(dispatcher: InProcessDispatcher) {
    super();
    this.#dispatcher = dispatcher;
    this.loadFromOptions({
      clusters: [{ name: 'demo', server: 'https://demo.invalid', skipTLSVerify: false }],
      users: [{ name: 'demo', token: 'admin-token' }],
      contexts: [{ name: 'demo', cluster: 'demo', user: 'demo' }],
      currentContext: 'demo',
    });
  }
  override async applySecurityAuthentication(context: RequestContext): Promise<void> {
    await super.applySecurityAuthentication(context);
    context.setDispatcher(this.#dispatcher);
  }
}

const json = { 'content-type': 'application/json' };

test('an EKS call: path, signature and answer', async () => {
  const seen: SimRequest[] = [];
  const client = eks((request) => {
    seen.push(request);
    return { status: 200, headers: json, body: '{"cluster":{"name":"a/b","createdAt":1755000000.5}}' };
  });
  const { cluster } = await client.send(new DescribeClusterCommand({ name: 'a/b' }));
  assert.equal(cluster?.name, 'a/b');
  assert.equal(cluster.createdAt?.toISOString(), '2025-08-12T12:00:00.500Z');
  assert.equal(seen[0]?.path, '/clusters/a%2Fb');
  assert.match(seen[0].headers['authorization'] ?? '', /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\//);
});

test('EC2 pages through the form body', async () => {
  const requestHandler = new InProcessHandler(({ body }) => {
    const token = new URLSearchParams(body).get('NextToken');
    const next = token === null ? '<nextToken>2</nextToken>' : '';
    const item = `<item><subnetId>subnet-${token ?? 1}</subnetId></item>`;
    return {
      status: 200,
      headers: { 'content-type': 'text/xml' },
      body: `<DescribeSubnetsResponse><subnetSet>${item}</subnetSet>${next}</DescribeSubnetsResponse>`,
    };
  });
  const client = new EC2Client({ region: 'us-west-2', credentials, maxAttempts: 1, requestHandler });
  const ids: (string | undefined)[] = [];
  for await (const page of paginateDescribeSubnets({ client, pageSize: 5 }, {})) {
    ids.push(...(page.Subnets ?? []).map(({ SubnetId }) => SubnetId));
  }
  assert.deepEqual(ids, ['subnet-1', 'subnet-2']);
});

test('a lost connection and an abort look as from a socket', async () => {
  const lost = eks(() => {
    throw new ConnectionReset('after');
  });
  const describe = new DescribeClusterCommand({ name: 'demo' });
  await assert.rejects(lost.send(describe), { name: 'TimeoutError', code: 'ECONNRESET' });
  const silent = eks(() => new Promise(() => undefined));
  const abort = new AbortController();
  const call = silent.send(describe, { abortSignal: abort.signal });
  setImmediate(() => abort.abort());
  await assert.rejects(call, { name: 'AbortError' });
});

test('Kubernetes: request, answer, refusal', async () => {
  const seen: SimRequest[] = [];
  const config = new InProcessKubeConfig(
    new InProcessDispatcher((request) => {
      seen.push(request);
      return request.method === 'GET'
        ? { status: 200, headers: json, body: '{"kind":"NodeList","apiVersion":"v1","metadata":{},"items":[]}' }
        : { status: 429, headers: { ...json, 'retry-after': '10' }, body: '{"kind":"Status","code":429}' };
    }),
  );
  const api = config.makeApiClient(CoreV1Api);
  assert.deepEqual((await api.listNode({ labelSelector: 'a=b', limit: 5 })).items, []);
  const metadata = { name: 'p', namespace: 'n' };
  await assert.rejects(
    api.createNamespacedPodEviction({ name: 'p', namespace: 'n', body: { metadata } }),
    (error: Error & { code?: number; headers?: Record<string, string> }) =>
      error.code === 429 && error.headers?.['retry-after'] === '10',
  );
  assert.equal(seen[0]?.path, '/api/v1/nodes?labelSelector=a%3Db&limit=5');
  assert.equal(seen[0].headers['authorization'], 'Bearer admin-token');
  assert.deepEqual(JSON.parse(seen[1]?.body ?? ''), { metadata });
});

/** A watch of which the test holds the server's end. */
function watching(t: { after(cleanUp: () => void): void }) {
  const clock = createVirtualClock(0);
  const traffic = createTraffic();
  const state: { sink?: Parameters<SimStream['start']>[0]; stopped: number } = { stopped: 0 };
  const dispatcher = new InProcessDispatcher(
    () => ({
      status: 200,
      headers: json,
      body: {
        start(sink) {
          state.sink = sink;
          return () => {
            state.stopped += 1;
          };
        },
      },
    }),
    traffic,
  );
  const events: string[] = [];
  const ended = Promise.withResolvers<unknown>();
  const started = new Watch(new InProcessKubeConfig(dispatcher)).watch(
    '/api/v1/pods',
    {},
    (type: string, object: { n: number }) => events.push(`${type} ${object.n} @${clock.now()}`),
    (error: unknown) => ended.resolve(error),
  );
  t.after(() => void started.then((controller) => controller.abort()));
  const write = (n: number): void => state.sink?.write(`{"type":"ADDED","object":{"n":${n}}}\n`);
  return { clock, traffic, state, events, ended: ended.promise, started, write, dispatcher };
}

test('a watch delivers each event before time goes on, and waiting for events is not in flight', async (t) => {
  const { clock, traffic, state, events, ended, started, write } = watching(t);
  await drive(clock, started, traffic);
  assert.deepEqual(traffic.inFlight(), []);
  for (const n of [1, 2, 3]) clock.after(n * 1_000, () => write(n));
  clock.after(4_000, () => state.sink?.end());
  await drive(clock, ended, traffic);
  assert.deepEqual(events, ['ADDED 1 @1000', 'ADDED 2 @2000', 'ADDED 3 @3000']);
  assert.equal(state.stopped, 1);
});

test('a burst larger than any buffer arrives whole and in order', async (t) => {
  const { clock, traffic, state, events, ended, started, write } = watching(t);
  await drive(clock, started, traffic);
  clock.after(1, () => {
    for (let n = 0; n < 5_000; n++) write(n);
    state.sink?.end();
  });
  await drive(clock, ended, traffic);
  assert.equal(events.length, 5_000);
  assert.equal(events.at(-1), 'ADDED 4999 @1');
});

test('a watch that is cut fails; one that the client leaves is stopped', async (t) => {
  const cut = watching(t);
  await drive(cut.clock, cut.started, cut.traffic);
  cut.state.sink?.reset();
  assert.ok((await cut.ended) instanceof Error);
  const left = watching(t);
  const controller = await left.started;
  controller.abort();
  await left.ended;
  assert.equal(left.state.stopped, 1);
  const destroyed = watching(t);
  await destroyed.started;
  await destroyed.dispatcher.destroy();
  assert.ok((await destroyed.ended) instanceof Error);
});
