/** What a network does to calls of AWS and Kubernetes, over real sockets on the loopback address; names go no further. */
import assert from 'node:assert/strict';
import dns from 'node:dns';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect as connectSocket, createServer, type Server, type Socket } from 'node:net';
import { after, afterEach, before, test } from 'node:test';
import { createAwsPorts } from '../../src/adapters/aws/aws-ports.ts';
import { createRealClock } from '../../src/adapters/clock/real-clock.ts';
import { createKubernetesPort } from '../../src/adapters/kubernetes/kubernetes-port.ts';
import { goesPast, httpsProxy } from '../../src/adapters/proxy.ts';
import { MigrateError } from '../../src/domain/migrate-error.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { createCertificate } from '../../src/simulator/certificate.ts';

const certificate = createCertificate();
const password = 'hunter2';
const servers: Server[] = [];
const sockets = new Set<Socket>();
const { lookup } = dns;

/** `*.test` is this machine; `*.invalid` and `*.busy` are nowhere, and no resolver is asked for them. */
function testLookup(
  name: string,
  options: dns.LookupOptions,
  answer: (error: NodeJS.ErrnoException | null, address?: string | dns.LookupAddress[], family?: number) => void,
): void {
  const code = /\.(busy|invalid)$/.exec(name)?.[1] === 'busy' ? 'EAI_AGAIN' : 'ENOTFOUND';
  if (/\.(busy|invalid)$/.test(name)) {
    process.nextTick(answer, Object.assign(new Error(`getaddrinfo ${code} ${name}`), { code }));
  } else {
    lookup(name.endsWith('.test') ? '127.0.0.1' : name, options, answer);
  }
}

before(() => {
  Object.assign(dns, { lookup: testLookup });
});
after(() => {
  Object.assign(dns, { lookup });
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers.splice(0)) server.close();
  delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
});

function listen(server: Server): Promise<number> {
  servers.push(server);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

const https = (answer: RequestListener, pair = certificate) => listen(createHttpsServer(pair, answer));
const tcp = (greet: (socket: Socket) => void) => listen(createServer(greet));
const page =
  (status: number, title = ''): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'text/html' }).end(`<html><title>${title}</title></html>`);
  };
const json =
  (status: number, text: string, headers: Record<string, string> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
  };

/** Waits pass at once, and nothing real is waited for; each call gets `deadline` milliseconds by the real clock. */
function hurried(deadline = 30_000): { clock: Clock; slept: () => number } {
  const real = createRealClock();
  let slept = 0;
  const clock: Clock = {
    now: () => real.now(),
    monotonic: () => real.monotonic() + slept,
    async sleep(milliseconds, signal) {
      if (milliseconds >= 30_000) return real.sleep(deadline, signal);
      slept += milliseconds;
    },
  };
  return { clock, slept: () => slept };
}

const token = () => Promise.resolve({ token: 'x', expiresAt: 0 });
const pem = (text: string): string => Buffer.from(text).toString('base64');

interface Asked {
  error: MigrateError | undefined;
  slept: number;
}

async function outcome(work: Promise<unknown>, slept: () => number): Promise<Asked> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error === undefined || error instanceof MigrateError, String(error));
  if (error !== undefined) {
    assert.equal(error.exitCode, 2);
    assert.ok(error.nextActions.length > 0);
    const said = [error.message, error.why, ...error.nextActions].join('\n');
    assert.doesNotMatch(said, /hunter2|aHVudGVyMg|\[object|undefined| {2}|<html|\$response|openssl/i);
  }
  return { error, slept: slept() };
}

interface Asking {
  env?: Record<string, string>;
  /** milliseconds that a call may take */
  deadline?: number;
  authority?: string;
  verified?: boolean;
}

const cluster = (at: string, authority = certificate.cert) => ({
  name: 'x',
  endpoint: `https://${at}`,
  certificateAuthorityData: pem(authority),
  token,
});

async function askKubernetes(
  at: string,
  { authority = certificate.cert, env = {}, deadline = 30_000 }: Asking = {},
): Promise<Asked> {
  const { clock, slept } = hurried(deadline);
  const kubernetes = await createKubernetesPort({ cluster: cluster(at, authority), clock, env });
  return outcome(kubernetes.listNodes(), slept);
}

/** AWS is not to be asked who it is, unless `verified`: its authority would be the machine's. */
async function askAws(at: string, { verified = false, env = {}, deadline = 30_000 }: Asking = {}): Promise<Asked> {
  if (!verified) process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  const { clock, slept } = hurried(deadline);
  const credentials = { accessKeyId: 'x', secretAccessKey: 'y' };
  const { eks } = createAwsPorts({ clock, region: 'us-west-2', endpoint: `https://${at}`, credentials, env });
  return outcome(eks.describeCluster('demo'), slept);
}

interface Row {
  what: string;
  at: () => Promise<string>;
  kubernetes: [code: string, said: RegExp];
  aws: [code: string, said: RegExp];
  /** about how long the retries wait, milliseconds */
  patience: 'none' | 'short' | 'long';
  authority?: string;
  /** the certificate of the server is looked at by AWS clients as well */
  verified?: boolean;
  /** milliseconds; the call is cut off by its deadline */
  deadline?: number;
}

const unreachable: [string, string] = ['KUBERNETES.UNREACHABLE', 'AWS.UNREACHABLE'];
const both = (said: RegExp, [kubernetes, aws] = unreachable): Pick<Row, 'kubernetes' | 'aws'> => ({
  kubernetes: [kubernetes ?? '', said],
  aws: [aws ?? '', said],
});
const other: [string, string] = ['KUBERNETES.OTHER_SERVER', 'AWS.OTHER_SERVER'];
const loopback = async (port: Promise<number>): Promise<string> => `127.0.0.1:${await port}`;
const expired = createCertificate('210101000000Z');

const rows: Row[] = [
  {
    what: 'a name that the DNS does not know',
    at: async () => 'api.invalid:443',
    ...both(/api\.invalid.* does not answer.*the DNS does not know the name \(getaddrinfo ENOTFOUND api\.invalid\)/),
    patience: 'short',
  },
  {
    what: 'a DNS that does not answer',
    at: async () => 'api.busy:443',
    ...both(/the DNS does not answer \(getaddrinfo EAI_AGAIN api\.busy\)/),
    patience: 'short',
  },
  {
    what: 'a port where nothing listens',
    at: async () => '127.0.0.1:1',
    ...both(/127\.0\.0\.1:1 does not answer.*nothing listens there \(connect ECONNREFUSED 127\.0\.0\.1:1\)/),
    patience: 'short',
  },
  {
    what: 'a certificate of an authority that is not trusted',
    at: () => loopback(https(json(200, '{}'))),
    ...both(/No secure connection to .*127\.0\.0\.1.*self-signed certificate/),
    patience: 'none',
    authority: createCertificate().cert,
    verified: true,
  },
  {
    what: 'a certificate that has expired',
    at: () => loopback(https(json(200, '{}'), expired)),
    ...both(/No secure connection to .*127\.0\.0\.1.*(certificate has expired|self-signed)/),
    patience: 'none',
    authority: expired.cert,
    verified: true,
  },
  {
    what: 'a certificate of another name',
    at: async () => `api.test:${await https(json(200, '{}'))}`,
    ...both(/No secure connection to .*api\.test.*(not match certificate's altnames|self-signed)/),
    patience: 'none',
    verified: true,
  },
  {
    what: 'plain HTTP where TLS should be',
    at: () => loopback(listen(createHttpServer(json(200, '{}')))),
    ...both(/No secure connection to .*what answers there speaks no TLS/),
    patience: 'none',
  },
  {
    what: 'a server that closes every connection',
    at: () => loopback(tcp((socket) => socket.destroy())),
    ...both(/does not answer.*the connection was cut/),
    patience: 'long',
  },
  {
    what: 'a connection that is reset in the middle of the answer',
    at: () =>
      loopback(
        https((_request, response) => {
          response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
          response.write('{"items":[', () => setImmediate(() => response.socket?.destroy()));
        }),
      ),
    ...both(/does not answer.*the connection was cut/),
    patience: 'long',
  },
  {
    what: 'a half-open connection: nobody speaks',
    at: () => loopback(tcp(() => undefined)),
    ...both(/does not answer.*no answer within 30 s/),
    patience: 'long',
    deadline: 40,
  },
  {
    what: 'headers that never come',
    at: () => loopback(https(() => undefined)),
    ...both(/does not answer.*no answer within 30 s/),
    patience: 'long',
    deadline: 60,
  },
  {
    what: 'a body that never ends',
    at: () =>
      loopback(
        https((_request, response) => {
          response.writeHead(200, { 'content-type': 'application/json' }).write('{"items":[');
        }),
      ),
    ...both(/does not answer.*no answer within 30 s/),
    patience: 'long',
    deadline: 60,
  },
  {
    what: 'a body of one letter at a time',
    at: () =>
      loopback(
        https((_request, response) => {
          response.writeHead(200, { 'content-type': 'application/json' });
          const trickle = setInterval(() => response.write(' '), 5);
          response.on('close', () => clearInterval(trickle));
        }),
      ),
    ...both(/does not answer.*no answer within 30 s/),
    patience: 'long',
    deadline: 60,
  },
  {
    what: 'the login page of a network',
    at: () => loopback(https(page(200, 'Welcome to Hotel Wi-Fi'))),
    kubernetes: [
      'KUBERNETES.OTHER_SERVER',
      /Something else than Kubernetes answers at https:\/\/127.*HTTP 200, an HTML page, "Welcome to Hotel Wi-Fi"/,
    ],
    aws: ['AWS.OTHER_SERVER', /Something else than EKS answers at 127.*HTTP 200, an HTML page/],
    patience: 'none',
  },
  {
    what: 'a redirection to a login',
    at: () => loopback(https(page(302))),
    ...both(/HTTP 302, an HTML page/, other),
    patience: 'none',
  },
  {
    what: 'a proxy that wants a password',
    at: () => loopback(https(page(407))),
    ...both(/HTTP 407, an HTML page/, other),
    patience: 'none',
  },
  {
    what: 'a proxy that forbids',
    at: () => loopback(https(page(403))),
    ...both(/HTTP 403, an HTML page/, other),
    patience: 'none',
  },
  {
    what: 'a gateway without its server (502)',
    at: () => loopback(https(page(502, '502 Bad Gateway'))),
    ...both(/cannot do .* at present.*HTTP 502, an HTML page/, ['KUBERNETES.OVERLOADED', 'AWS.SERVICE_ERROR']),
    patience: 'long',
  },
  {
    what: 'a gateway whose server is late (504)',
    at: () => loopback(https(page(504))),
    ...both(/HTTP 504/, ['KUBERNETES.OVERLOADED', 'AWS.SERVICE_ERROR']),
    patience: 'long',
  },
];

for (const row of rows) {
  test(`network: ${row.what}`, async () => {
    const at = await row.at();
    const { authority = certificate.cert, verified = false, deadline = 30_000 } = row;
    for (const [asked, [code, said]] of [
      [await askKubernetes(at, { authority, deadline }), row.kubernetes],
      [await askAws(at, { verified, deadline }), row.aws],
    ] as const) {
      const { error, slept } = asked;
      assert.ok(error, 'it answers');
      assert.equal(error.code, code, `${error.message} ${error.why}`);
      assert.match(`${error.message} ${error.why}`, said);
      // certificates do not get better by waiting; everything else is looked at again by a run
      assert.equal(error.retryable, !/No secure connection/.test(error.message));
      if (row.patience === 'none') assert.equal(slept, 0);
      if (row.patience === 'short') assert.ok(slept <= 15_000, String(slept));
      assert.ok(slept <= 120_000, String(slept));
    }
  });
}

test('what is no list of Kubernetes is not taken for an empty one', async () => {
  for (const body of ['', '[]', '{}', '{"kind":"Status"}', '{"items":7}', 'null']) {
    const { error } = await askKubernetes(await loopback(https(json(200, body))));
    assert.equal(error?.code, 'KUBERNETES.UNREACHABLE', body);
  }
  for (const body of ['{"kind":"NodeList"}', '{"items":[]}', '{"kind":"NodeList","items":null}']) {
    assert.equal((await askKubernetes(await loopback(https(json(200, body))))).error, undefined, body);
  }
});

/** A proxy that connects `*.test` with `upstream`, or answers with a status. */
async function startProxy(upstream: number, status = 200): Promise<{ port: number; asked: string[] }> {
  const asked: string[] = [];
  const server = createHttpServer((request, response) => {
    asked.push(`plain ${request.url}`);
    page(502)(request, response);
  });
  server.on('connect', (request, socket: Socket) => {
    const [, login = ''] = (request.headers['proxy-authorization'] ?? '').split(' ');
    asked.push(`${request.url} ${Buffer.from(login, 'base64').toString()}`.trim());
    if (status !== 200) return socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`);
    const on = connectSocket(upstream, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n');
      on.pipe(socket).pipe(on);
    });
    return on.on('error', () => socket.destroy());
  });
  return { port: await listen(server), asked };
}

const emptyList = json(200, '{"kind":"NodeList","items":[]}');
const aCluster = json(200, '{"cluster":{"name":"demo"}}');
const login = `user:${password}`;

test('HTTPS_PROXY: both APIs go through it, with its password; NO_PROXY and this machine past it', async () => {
  // the certificate has no such name: it is the proxy that is tried here
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
  for (const [ask, answer] of [
    [askKubernetes, emptyList],
    [askAws, aCluster],
  ] as const) {
    const upstream = await https(answer);
    const { port, asked } = await startProxy(upstream);
    const through = `http://${login}@127.0.0.1:${port}`;
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    assert.equal((await ask('api.test', { env: { HTTPS_PROXY: through } })).error, undefined);
    assert.deepEqual(asked, [`api.test:443 ${login}`]);
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    assert.equal(
      (await ask('api.test', { env: { https_proxy: `${login}@127.0.0.1:${port}`, HTTPS_PROXY: 'http://x.invalid' } }))
        .error,
      undefined,
    );
    assert.equal(asked.length, 2);
    for (const [at, noProxy] of [
      [`api.test:${upstream}`, 'x.example, test'],
      [`api.test:${upstream}`, '.test'],
      [`127.0.0.1:${upstream}`, ''],
    ] as const) {
      process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
      assert.equal((await ask(at, { env: { HTTPS_PROXY: through, NO_PROXY: noProxy } })).error, undefined, noProxy);
      assert.equal(asked.length, 2, `${at} past the proxy by "${noProxy}"`);
    }
  }
});

test('a proxy that refuses, is not there, or has no name', async () => {
  for (const [status, patience, said] of [
    [
      407,
      'none',
      /api\.test \(through the proxy http:\/\/127\.0\.0\.1:\d+\) cannot be reached: the proxy answers HTTP 407/,
    ],
    [403, 'none', /the proxy answers HTTP 403/],
    [502, 'short', /the proxy answers HTTP 502/],
    [504, 'short', /the proxy answers HTTP 504/],
  ] as const) {
    const { port, asked } = await startProxy(0, status);
    for (const ask of [askKubernetes, askAws]) {
      const { error, slept } = await ask('api.test', { env: { HTTPS_PROXY: `http://${login}@127.0.0.1:${port}` } });
      assert.match(`${error?.code} ${error?.message} ${error?.why}`, /^(KUBERNETES|AWS)\.UNREACHABLE /);
      assert.match(String(error?.message), said);
      assert.equal(error?.retryable, status >= 500);
      assert.equal(slept === 0, patience === 'none');
      assert.ok(slept <= 15_000);
    }
    assert.ok(asked.length >= 2);
  }
  for (const [proxy, said] of [
    ['http://127.0.0.1:1', /through the proxy http:\/\/127\.0\.0\.1:1\) does not answer.*nothing listens there/],
    [
      'http://proxy.invalid:3128',
      /through the proxy http:\/\/proxy\.invalid:3128\) does not answer.*DNS does not know/,
    ],
  ] as const) {
    for (const ask of [askKubernetes, askAws]) {
      const { error } = await ask('api.test', { env: { HTTPS_PROXY: proxy } });
      assert.match(`${error?.message} ${error?.why}`, said);
    }
  }
});

test('reads HTTPS_PROXY and NO_PROXY as kubectl and curl do', () => {
  assert.equal(httpsProxy({}), undefined);
  assert.equal(httpsProxy({ HTTPS_PROXY: ' ' }), undefined);
  assert.equal(httpsProxy({ HTTPS_PROXY: 'proxy:3128' })?.url.href, 'http://proxy:3128/');
  for (const bad of ['socks5://proxy:1080', 'http://', 'ftp://x']) {
    assert.throws(() => httpsProxy({ HTTPS_PROXY: bad }), { code: 'INPUT.PROXY', exitCode: 2 }, bad);
  }
  for (const [exceptions, server, past] of [
    ['', 'https://a.example.com', false],
    ['', 'https://127.0.0.1:6443', true],
    ['', 'https://localhost', true],
    ['*', 'https://a.example.com', true],
    ['example.com', 'https://example.com', true],
    ['example.com', 'https://a.example.com', true],
    ['example.com', 'https://notexample.com', false],
    ['.example.com', 'https://A.Example.com', true],
    ['*.example.com', 'https://a.example.com', true],
    ['a.example.com:443', 'https://a.example.com', true],
    ['a.example.com:8443', 'https://a.example.com', false],
    ['10.0.0.0/8', 'https://10.1.2.3', true],
    ['10.0.0.0/8', 'https://11.1.2.3', false],
    ['10.1.2.3', 'https://10.1.2.3', true],
    ['fd00::/8', 'https://[fd00::1]', true],
    ['x, ,example.com', 'https://a.example.com', true],
  ] as const) {
    const proxy = httpsProxy({ HTTPS_PROXY: 'http://proxy:3128', NO_PROXY: exceptions });
    assert.ok(proxy);
    assert.equal(goesPast(proxy, new URL(server)), past, `${server} with NO_PROXY=${exceptions}`);
  }
});

test('a clock that is wrong is named with how wrong it is', async () => {
  const threeHoursOn = new Date(Date.now() + 3 * 3_600_000 + 5000).toUTCString();
  const refused = (type: string, message: string) =>
    https(json(403, JSON.stringify({ message }), { 'x-amzn-errortype': type, date: threeHoursOn }));
  for (const [type, message] of [
    ['InvalidSignatureException', 'Signature expired: 20260101T000000Z is now earlier than 20260101T025500Z'],
    ['SignatureDoesNotMatch', 'Signature not yet current'],
    ['RequestExpired', 'Request has expired.'],
    ['RequestTimeTooSkewed', 'The difference between the request time and the current time is too large.'],
  ] as const) {
    const { error } = await askAws(await loopback(refused(type, message)));
    assert.equal(error?.code, 'AWS.CLOCK_SKEW', type);
    assert.match(error.message, /^The clock of this machine is 3h0?m?\S* behind the server's\.$/);
    assert.ok(error.why.includes(message) && error.nextActions.some((action) => /NTP/.test(action)));
  }
  const unknown = await loopback(
    https(json(401, '{"kind":"Status","message":"Unauthorized"}', { date: threeHoursOn })),
  );
  const { error } = await askKubernetes(unknown);
  assert.match(
    `${error?.message} ${error?.why}`,
    /does not know the caller.*The clock of this machine is 3h\S* behind/,
  );
  const right = await loopback(
    https(json(403, '{"message":"bad key"}', { 'x-amzn-errortype': 'InvalidSignatureException' })),
  );
  assert.equal((await askAws(right)).error?.code, 'AWS.INVALID_CREDENTIALS');
});
