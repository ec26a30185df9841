/** No way leads to a server that nobody has checked. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createAwsPorts } from '../../src/adapters/aws/aws-ports.ts';
import { createRealClock } from '../../src/adapters/clock/real-clock.ts';
import { createKubernetesPort } from '../../src/adapters/kubernetes/kubernetes-port.ts';
import { isLoopback, refuseUnverifiedTls } from '../../src/adapters/verified-tls.ts';
import { connect } from '../../src/composition.ts';
import { MigrateError } from '../../src/domain/migrate-error.ts';

const clock = createRealClock();
const credentials = { accessKeyId: 'AKIACANARY', secretAccessKey: 'canary-secret' };
const token = () => Promise.resolve({ token: 'canary-token', expiresAt: Number.POSITIVE_INFINITY });

const refused = (code: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof MigrateError, String(error));
  assert.equal(error.code, code);
  assert.equal(error.exitCode, 2);
  assert.match(error.message, message);
  assert.ok(error.nextActions.length > 0);
  return true;
};

test('an AWS endpoint without TLS is asked only on this machine', async () => {
  for (const endpoint of [
    'http://10.0.0.5:4566',
    'http://proxy.test',
    'http://127.0.0.1.evil.test',
    'http://169.254.1.1',
  ]) {
    const { identity } = createAwsPorts({ clock, region: 'eu-west-1', endpoint, credentials });
    await assert.rejects(identity.caller(), refused('TLS.PLAIN_HTTP', /plain HTTP/), endpoint);
  }
});

test('an API server without TLS is asked only on this machine', async () => {
  const cluster = { name: 'x', certificateAuthorityData: '', token };
  for (const endpoint of ['http://10.0.0.5', 'http://x.test:8080', 'http://localhost.evil.test']) {
    await assert.rejects(
      createKubernetesPort({ clock, cluster: { ...cluster, endpoint } }),
      refused('TLS.PLAIN_HTTP', /plain HTTP/),
    );
  }
  for (const endpoint of ['http://127.0.0.1:8001', 'http://localhost:8001', 'http://[::1]:8001', 'https://x.test']) {
    await createKubernetesPort({ clock, cluster: { ...cluster, endpoint } });
  }
});

test('a kubeconfig cannot turn the check off', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'prefix-migrate-tls-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const kubeconfig = join(dir, 'config');
  const cases: [cluster: object, code: string][] = [
    [{ server: 'https://x.test', 'insecure-skip-tls-verify': true }, 'KUBERNETES.BAD_KUBECONFIG'],
    [{ server: 'http://x.test', 'insecure-skip-tls-verify': true }, 'KUBERNETES.BAD_KUBECONFIG'],
    [{ server: 'http://x.test' }, 'TLS.PLAIN_HTTP'],
  ];
  for (const [cluster, code] of cases) {
    const text = {
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'u', user: { token: 'canary-token' } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    };
    writeFileSync(kubeconfig, JSON.stringify(text));
    await assert.rejects(createKubernetesPort({ clock, kubeconfig }), refused(code, /./), JSON.stringify(cluster));
  }
});

test('nor can the environment of Node', async (t) => {
  for (const value of [undefined, '', '1']) refuseUnverifiedTls({ NODE_TLS_REJECT_UNAUTHORIZED: value });
  t.after(() => delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']);
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  await assert.rejects(connect({ clusterName: 'x' }), refused('TLS.NOT_VERIFIED', /NODE_TLS_REJECT_UNAUTHORIZED=0/));
});

test('names of this machine', () => {
  const names: [string, boolean][] = [
    ['localhost', true],
    ['aws.localhost', true],
    ['127.0.0.1', true],
    ['127.9.9.9', true],
    ['[::1]', true],
    ['127.0.0.1.evil.test', false],
    ['localhost.evil.test', false],
    ['notlocalhost', false],
    ['0.0.0.0', false],
    ['10.0.0.1', false],
  ];
  for (const [name, expected] of names) assert.equal(isLoopback(name), expected, name);
});
