/** The adapters over real sockets and TLS, on the loopback address. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createAwsPorts } from '../../src/adapters/aws/aws-ports.ts';
import { createRealClock } from '../../src/adapters/clock/real-clock.ts';
import { createKubernetesPort } from '../../src/adapters/kubernetes/kubernetes-port.ts';
import { sameCluster } from '../../src/adapters/kubernetes/same-cluster.ts';
import { MigrateError } from '../../src/domain/migrate-error.ts';
import { type HostedWorld, hostWorld } from '../../src/simulator/host.ts';
import { healthy } from '../../src/simulator/scenarios/healthy.ts';
import { createWorld } from '../../src/simulator/world.ts';

const clock = createRealClock();
/** A failure is told at once: nothing here waits for real time. */
const limits = { attempts: 2, baseMilliseconds: 1 };
const world = createWorld(healthy);
const dir = mkdtempSync(join(tmpdir(), 'prefix-migrate-sockets-'));
const kubeconfig = join(dir, 'kubeconfig');
const token = () => Promise.resolve({ token: 'x', expiresAt: 0 });
let host: HostedWorld;

before(async () => {
  host = await hostWorld(world);
  writeFileSync(kubeconfig, host.kubeconfig);
});
after(async () => {
  await host.close();
  rmSync(dir, { recursive: true });
});

const file = (name: string, text: string): string => {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
};

const aws = () =>
  createAwsPorts({
    clock,
    limits,
    region: world.cluster.region,
    endpoint: host.awsUrl,
    credentials: {
      accessKeyId: world.administrator.accessKeyId,
      secretAccessKey: world.administrator.secretAccessKey,
    },
  });

const failsWith = (code: string, pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof MigrateError, String(error));
  assert.equal(error.code, code);
  assert.match(`${error.message} ${error.why}`, pattern);
  assert.equal(error.exitCode, 2);
  return true;
};

test('with a kubeconfig', async () => {
  const kubernetes = await createKubernetesPort({ kubeconfig, clock, limits });
  const [nodes, pods] = await Promise.all([kubernetes.listNodes(), kubernetes.listPods()]);
  assert.deepEqual([nodes.length, pods.length], [world.stats().nodes, world.stats().pods]);
  assert.equal(sameCluster(kubernetes, await aws().eks.describeCluster(world.cluster.name)), true);
});

test('without a kubeconfig: address and authority from EKS, token from the AWS credentials', async () => {
  const { eks, kubernetesToken } = aws();
  const { name, endpoint, certificateAuthorityData } = await eks.describeCluster(world.cluster.name);
  const cluster = { name, endpoint, certificateAuthorityData, token: kubernetesToken };
  const kubernetes = await createKubernetesPort({ cluster, clock, limits });
  assert.equal((await kubernetes.listNodes()).length, world.stats().nodes);
});

test('a token that is not accepted is made anew once, and then told', async () => {
  const { eks } = aws();
  const { name, endpoint, certificateAuthorityData } = await eks.describeCluster(world.cluster.name);
  const asked: boolean[] = [];
  const portWith = (tokenOf: (fresh: boolean) => string) =>
    createKubernetesPort({
      clock,
      limits,
      cluster: {
        name,
        endpoint,
        certificateAuthorityData,
        token: (_name, { fresh = false } = {}) => {
          asked.push(fresh);
          return Promise.resolve({ token: tokenOf(fresh), expiresAt: 0 });
        },
      },
    });
  const renewed = await portWith((fresh) => (fresh ? world.administrator.token : 'expired'));
  assert.equal((await renewed.listNodes()).length, world.stats().nodes);
  assert.deepEqual(asked, [false, true]);
  const never = await portWith(() => 'expired');
  await assert.rejects(never.listNodes(), failsWith('KUBERNETES.UNAUTHORIZED', /does not know the caller/));
});

test('a server with another certificate is not trusted', async () => {
  const { name, endpoint } = await aws().eks.describeCluster(world.cluster.name);
  const kubernetes = await createKubernetesPort({
    cluster: { name, endpoint, certificateAuthorityData: '', token },
    clock,
  });
  await assert.rejects(kubernetes.listNodes(), failsWith('KUBERNETES.UNREACHABLE', /No secure connection/));
});

test('says which server is not there', async () => {
  const closed = 'https://127.0.0.1:1';
  const cluster = { name: 'x', endpoint: closed, certificateAuthorityData: '', token };
  const kubernetes = await createKubernetesPort({ cluster, clock, limits });
  await assert.rejects(
    kubernetes.listNodes(),
    failsWith('KUBERNETES.UNREACHABLE', /^https:\/\/127\.0\.0\.1:1 does not answer/),
  );
  const credentials = { accessKeyId: 'x', secretAccessKey: 'y' };
  const { identity } = createAwsPorts({
    clock,
    region: 'us-west-2',
    endpoint: 'http://127.0.0.1:1',
    credentials,
    limits,
  });
  await assert.rejects(identity.caller(), failsWith('AWS.UNREACHABLE', /127\.0\.0\.1:1 does not answer/));
});

const config = (server: string, user: object, more: object = {}) =>
  JSON.stringify({
    clusters: [{ name: 'c', cluster: { server, ...more } }],
    users: [{ name: 'u', user }],
    contexts: [
      { name: 'one', context: { cluster: 'c', user: 'u' } },
      { name: 'lame', context: { cluster: 'x', user: 'u' } },
    ],
    'current-context': 'one',
  });

const plugin = (command: string, args: string[]) => ({
  exec: { apiVersion: 'client.authentication.k8s.io/v1beta1', command, args },
});

test('kubeconfigs that cannot be used', async () => {
  const good = file('good', config('https://x.test', { token: 't' }));
  const rows: [{ kubeconfig: string; context?: string }, RegExp][] = [
    [{ kubeconfig: join(dir, 'none') }, /Cannot read .*none.*ENOENT/],
    [{ kubeconfig: file('empty', '') }, /Cannot read .*empty/],
    [{ kubeconfig: file('broken', 'users: [token: hunter2\n  - "') }, /Cannot read .*broken/],
    [{ kubeconfig: good, context: 'two' }, /has no context two\. It has: one, lame\. --context asks/],
    [{ kubeconfig: good, context: 'lame' }, /names a cluster that is not in the file/],
    [
      { kubeconfig: file('unchecked', config('https://x.test', {}, { 'insecure-skip-tls-verify': true })) },
      /has insecure-skip-tls-verify for cluster c/,
    ],
    [
      { kubeconfig: file('unchecked-here', config('https://127.0.0.1:1', {}, { 'insecure-skip-tls-verify': true })) },
      /has insecure-skip-tls-verify/,
    ],
    [{ kubeconfig: file('address', config('x.test', {})) }, /no http or https address/],
  ];
  for (const [options, pattern] of rows) {
    await assert.rejects(createKubernetesPort({ ...options, clock }), (error: unknown) => {
      failsWith('KUBERNETES.BAD_KUBECONFIG', pattern)(error);
      assert.doesNotMatch(String(error) + (error instanceof MigrateError ? error.why : ''), /hunter2/);
      return true;
    });
  }
  const missing = await createKubernetesPort({
    kubeconfig: file('missing', config('https://x.test', plugin('no-such-program', []))),
    clock,
  });
  await assert.rejects(
    missing.listNodes(),
    failsWith('KUBERNETES.EXEC_PLUGIN', /no-such-program, which is not installed/),
  );
  const failing = await createKubernetesPort({
    kubeconfig: file(
      'failing',
      config('https://x.test', plugin(process.execPath, ['-e', 'console.error("no session"); process.exit(1)'])),
    ),
    clock,
  });
  await assert.rejects(failing.listNodes(), failsWith('KUBERNETES.EXEC_PLUGIN', /which failed.*no session/));
});

test('tells whether a kubeconfig is of the cluster', () => {
  const rows: [string, string, boolean][] = [
    ['https://ABC.gr7.us-west-2.eks.amazonaws.com', 'https://abc.gr7.us-west-2.eks.amazonaws.com', true],
    ['https://abc.gr7.us-west-2.eks.amazonaws.com:443/', 'https://abc.gr7.us-west-2.eks.amazonaws.com', true],
    ['https://abc.gr7.us-west-2.eks.amazonaws.com', 'https://xyz.gr7.us-west-2.eks.amazonaws.com', false],
    ['https://localhost:6443', 'https://127.0.0.1:6443', true],
    ['https://localhost:6443', 'https://127.0.0.1:7443', false],
    ['not an address', 'not an address', false],
  ];
  for (const [server, endpoint, same] of rows)
    assert.equal(sameCluster(kubeconfigOf(server), { endpoint, certificateAuthorityData: '' }), same, server);
});

const kubeconfigOf = (server: string, authority: string | null = null) => ({
  serverUrl: () => server,
  certificateAuthority: () => authority,
});

const pem = (text: string, lineLength = 64): string => {
  const lines =
    Buffer.from(text)
      .toString('base64')
      .match(new RegExp(`.{1,${lineLength}}`, 'g')) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
};

test('behind a tunnel or another name the certificate authority tells the cluster', () => {
  const own = 'the authority of the cluster, long enough for two lines of sixty-four characters';
  const rows: [string, string | null, string, boolean][] = [
    ['the same', pem(own), pem(own), true],
    ['the same, written otherwise', `# of prod\r\n${pem(own, 76).replaceAll('\n', '\r\n')}`, pem(own), true],
    ['one of two that the cluster has', pem(own), pem('old') + pem(own), true],
    ['another', pem('another'), pem(own), false],
    ['others beside it', pem(own) + pem('another'), pem(own), false],
    ['none', null, pem(own), false],
    ['nothing readable', 'PEM', 'PEM', false],
  ];
  for (const [name, trusted, found, same] of rows) {
    const cluster = {
      endpoint: 'https://abc.gr7.us-west-2.eks.amazonaws.com',
      certificateAuthorityData: Buffer.from(found).toString('base64'),
    };
    assert.equal(sameCluster(kubeconfigOf('https://tunnel.test:8443', trusted), cluster), same, name);
  }
});

test('a kubeconfig tells its certificate authority only when the server is checked against it', async () => {
  const authority = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
  const data = Buffer.from(authority).toString('base64');
  const path = file('authority.pem', authority);
  const rows: [string, object, string | null][] = [
    ['data', { server: 'https://x.test', 'certificate-authority-data': data }, authority],
    ['file', { server: 'https://x.test', 'certificate-authority': path }, authority],
    ['none', { server: 'https://x.test' }, null],
    ['plain', { server: 'http://127.0.0.1:8001', 'certificate-authority-data': data }, null],
  ];
  for (const [name, cluster, expected] of rows) {
    const text = JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'x',
      contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }],
      clusters: [{ name: 'x', cluster }],
      users: [{ name: 'x', user: { token: 'x' } }],
    });
    const kubernetes = await createKubernetesPort({ kubeconfig: file(`authority-${name}`, text), clock });
    assert.equal(kubernetes.certificateAuthority(), expected, name);
  }
});
