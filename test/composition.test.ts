import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { connect, type Ports } from '../src/composition.ts';

const dir = mkdtempSync(join(tmpdir(), 'prefix-migrate-composition-'));
after(() => rmSync(dir, { recursive: true }));

const kubeconfig = join(dir, 'kubeconfig');
writeFileSync(
  kubeconfig,
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'x',
    contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }],
    clusters: [{ name: 'x', cluster: { server: 'https://kubernetes.test' } }],
    users: [{ name: 'x', user: { token: 'x' } }],
  }),
);

test('AWS and Kubernetes are both asked through HTTPS_PROXY', async (t) => {
  const asked: string[] = [];
  const proxy = createServer((socket: Socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (data) => {
      asked.push(String(data).split('\r\n')[0] ?? '');
      socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n');
      proxy.emit('asked');
    });
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.after(() => proxy.close());
  const address = proxy.address();
  assert.ok(typeof address === 'object' && address !== null);
  const before = { ...process.env };
  t.after(() => {
    process.env = before;
  });
  for (const name of ['NO_PROXY', 'no_proxy', 'https_proxy']) delete process.env[name];
  process.env['HTTPS_PROXY'] = `http://127.0.0.1:${address.port}`;

  const calls: ((ports: Ports) => Promise<unknown>)[] = [
    (ports) => ports.identity.caller(),
    (ports) => ports.kubernetes.listNodes(),
  ];
  for (const call of calls) {
    const stop = new AbortController();
    const ports = await connect({
      clusterName: 'x',
      region: 'eu-west-1',
      kubeconfig,
      signal: stop.signal,
      aws: { endpoint: 'https://aws.test', credentials: { accessKeyId: 'a', secretAccessKey: 'b' } },
    });
    const answer = assert.rejects(call(ports), /enough/);
    await once(proxy, 'asked');
    // it would be tried again
    stop.abort(new Error('enough'));
    await answer;
  }
  assert.deepEqual([...new Set(asked)], ['CONNECT aws.test:443 HTTP/1.1', 'CONNECT kubernetes.test:443 HTTP/1.1']);
});
