import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { createCertificate } from '../../src/simulator/certificate.ts';
import { ConnectionReset } from '../../src/simulator/connection-reset.ts';
import { PortInUse, type ServeOptions, serve } from '../../src/simulator/http-server.ts';
import type { SimHandler, SimRequest, SimStream } from '../../src/simulator/types.ts';

async function running(t: TestContext, handler: SimHandler, options: ServeOptions = {}): Promise<string> {
  const server = await serve(handler, options);
  t.after(() => server.close());
  return server.url;
}

const plain = { 'content-type': 'text/plain' };

test('a request arrives raw, and its answer goes back with status, headers and body', async (t) => {
  let seen: SimRequest | undefined;
  const url = await running(t, (request) => {
    seen = request;
    return { status: 201, headers: { ...plain, 'x-amzn-requestid': 'r-1' }, body: 'grüße' };
  });
  const response = await fetch(`${url}/clusters/a%2Fb?x=%2F&y`, {
    method: 'POST',
    headers: { 'X-Mixed': 'A' },
    body: 'ö',
  });
  assert.equal(response.status, 201);
  assert.equal(response.headers.get('x-amzn-requestid'), 'r-1');
  assert.equal(await response.text(), 'grüße');
  assert.equal(seen?.method, 'POST');
  assert.equal(seen.path, '/clusters/a%2Fb?x=%2F&y');
  assert.equal(seen.headers['x-mixed'], 'A');
  assert.equal(seen.body, 'ö');
});

/** A stream whose sink the test holds; `stopped` resolves when the client is gone. */
function openStream() {
  const sink = Promise.withResolvers<Parameters<SimStream['start']>[0]>();
  const stopped = Promise.withResolvers<void>();
  const handler: SimHandler = () => ({
    status: 200,
    headers: plain,
    body: {
      start(client) {
        sink.resolve(client);
        return () => stopped.resolve();
      },
    },
  });
  return { handler, sink: sink.promise, stopped: stopped.promise };
}

function reader(response: Response): () => Promise<string | undefined> {
  assert.ok(response.body);
  const lines = response.body.pipeThrough(new TextDecoderStream()).getReader();
  return async () => (await lines.read()).value;
}

test('a watch gets its headers before any event, and each event at once', async (t) => {
  const { handler, sink } = openStream();
  const response = await fetch(await running(t, handler));
  assert.equal(response.status, 200);
  const next = reader(response);
  const client = await sink;
  client.write('{"n":1}\n');
  assert.equal(await next(), '{"n":1}\n');
  client.write('{"n":2}\n');
  assert.equal(await next(), '{"n":2}\n');
  client.end();
  assert.equal(await next(), undefined);
});

test('a client that goes away stops its stream', async (t) => {
  const { handler, sink, stopped } = openStream();
  const abort = new AbortController();
  const response = await fetch(await running(t, handler), { signal: abort.signal });
  await sink;
  abort.abort();
  await stopped;
  await assert.rejects(response.text(), { name: 'AbortError' });
});

test('a stream that is reset breaks off, it does not end', async (t) => {
  const { handler, sink } = openStream();
  const response = await fetch(await running(t, handler));
  (await sink).reset();
  await assert.rejects(response.text(), TypeError);
});

test('closing ends the streams that are open', async () => {
  const { handler, sink, stopped } = openStream();
  const server = await serve(handler);
  const response = await fetch(server.url);
  await sink;
  await server.close();
  await stopped;
  await assert.rejects(response.text(), TypeError);
  await assert.rejects(fetch(server.url), TypeError);
});

const refuse = (): never => {
  throw new ConnectionReset('before');
};

for (const scheme of ['http', 'https']) {
  test(`a connection reset reaches the client as one over ${scheme}`, async (t) => {
    const url = await running(t, refuse, scheme === 'https' ? { certificate: createCertificate() } : {});
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    const client = scheme === 'https' ? connectTls({ socket, rejectUnauthorized: false }) : socket;
    client.resume().write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    // An orderly end would be no error.
    await assert.rejects(once(client, 'close'), { code: 'ECONNRESET' });
  });
}

test('a defect of the world is loud', async (t) => {
  const url = await running(t, () => {
    throw new RangeError('oh no');
  });
  const response = await fetch(`${url}/version`);
  assert.equal(response.status, 500);
  assert.match(await response.text(), /the simulator failed on GET \/version: RangeError: oh no/);
});

test('a port that is taken is an error of its own', async (t) => {
  const url = await running(t, () => ({ status: 200, headers: plain, body: '' }));
  const port = Number(new URL(url).port);
  await assert.rejects(
    serve(() => ({ status: 200, headers: plain, body: '' }), { port }),
    (error: unknown) => error instanceof PortInUse && error.message === `port ${port} is in use`,
  );
});

test('HTTPS with the certificate as its own authority', async (t) => {
  const certificate = createCertificate();
  const url = await running(t, () => ({ status: 200, headers: plain, body: 'secure' }), { certificate });
  const get = (ca: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const request = httpsRequest(url, { ca, agent: false }, (response) => {
        response.setEncoding('utf8').once('data', resolve);
      });
      request.once('error', reject).end();
    });
  assert.equal(await get(certificate.cert), 'secure');
  await assert.rejects(get(createCertificate().cert), /self-signed|unable to verify|signature/);
});
