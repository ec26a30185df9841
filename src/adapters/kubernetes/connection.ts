import type { Dispatcher } from 'undici';
import type { TokenSource } from '../aws/kubernetes-token.ts';
import { goesPast, httpsProxy, proxyName } from '../proxy.ts';
import { refusePlainHttp } from '../verified-tls.ts';
import type { Access, Identity, TlsSettings } from './access.ts';
import { kubeconfigAccess } from './kubeconfig.ts';

/** An EKS cluster reached without a kubeconfig. */
export interface ClusterAccess {
  name: string;
  /** from DescribeCluster */
  endpoint: string;
  /** base64 of PEM, from DescribeCluster */
  certificateAuthorityData: string;
  token: TokenSource;
}

export interface HttpRequest {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** with the query string, percent-encoded */
  path: string;
  body?: unknown;
  contentType?: string;
  signal: AbortSignal;
}

export interface Connection {
  serverUrl: string;
  /** the server as messages name it, with the proxy on the way */
  label: string;
  /** see KubernetesPort */
  certificateAuthority: string | null;
  /** Sends a request; asks for a fresh identity and sends it once more when the server answers 401. */
  send(request: HttpRequest): Promise<Dispatcher.ResponseData>;
}

export interface ConnectionOptionsOfPort {
  kubeconfig?: string | undefined;
  context?: string | undefined;
  cluster?: ClusterAccess | undefined;
  /** in place of sockets: what carries requests inside one process */
  dispatcher?: Dispatcher | undefined;
  /** where HTTPS_PROXY and NO_PROXY are read */
  env?: Readonly<Record<string, string | undefined>> | undefined;
}

const userAgent = 'prefix-migrate';

/** Opens nothing yet: the first request connects. @throws MigrateError KUBERNETES.BAD_KUBECONFIG */
export async function connect(options: ConnectionOptionsOfPort): Promise<Connection> {
  const access =
    options.cluster === undefined
      ? await kubeconfigAccess(options.kubeconfig, options.context)
      : clusterAccess(options.cluster);
  const server = new URL(access.server);
  refusePlainHttp(server.protocol, server.hostname, 'It is the address of the API server', [
    'aws eks update-kubeconfig --name CLUSTER',
  ]);
  const proxy = proxyFor(server, access, options);
  const prefix = server.pathname.replace(/\/$/, '');
  let pool: { key: string; dispatcher: Promise<Dispatcher> } | undefined;
  /** one after the other, so that many cold calls start one plugin */
  let turn: Promise<unknown> = Promise.resolve();

  function identity(fresh: boolean): Promise<Identity> {
    const mine = turn.then(() => access.identity(fresh));
    turn = mine.catch(() => undefined);
    return mine;
  }

  function dispatcherFor({ tls }: Identity): Promise<Dispatcher> {
    if (options.dispatcher !== undefined) return Promise.resolve(options.dispatcher);
    const key = JSON.stringify(tls);
    if (pool?.key !== key) pool = { key, dispatcher: makeDispatcher(access, tls, proxy) };
    return pool.dispatcher;
  }

  async function attempt(request: HttpRequest, fresh: boolean): Promise<Dispatcher.ResponseData> {
    const who = await identity(fresh);
    const dispatcher = await dispatcherFor(who);
    const { body, contentType = 'application/json' } = request;
    request.signal.throwIfAborted();
    return dispatcher.request({
      origin: server.origin,
      path: prefix + request.path,
      method: request.method,
      headers: {
        ...who.headers,
        accept: 'application/json',
        'user-agent': userAgent,
        ...(body === undefined ? {} : { 'content-type': contentType }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: request.signal,
      // deadlines are set on the clock port
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }

  return {
    serverUrl: access.server,
    label: proxy === null ? access.server : `${access.server} (through the proxy ${proxyName(proxy)})`,
    certificateAuthority: access.certificateAuthority,
    async send(request) {
      const response = await attempt(request, false);
      if (response.statusCode !== 401) return response;
      await response.body.dump();
      return attempt(request, true);
    },
  };
}

/** `proxy-url` of the kubeconfig, else the environment's. */
function proxyFor(
  server: URL,
  access: Access,
  { dispatcher, env = {} }: Pick<ConnectionOptionsOfPort, 'dispatcher' | 'env'>,
): URL | null {
  if (dispatcher !== undefined) return null;
  if (access.proxyUrl !== null) return URL.parse(access.proxyUrl);
  const proxy = server.protocol === 'https:' ? httpsProxy(env) : undefined;
  return proxy === undefined || goesPast(proxy, server) ? null : proxy.url;
}

async function makeDispatcher(access: Access, tls: TlsSettings, proxy: URL | null): Promise<Dispatcher> {
  if (access.proxyUrl !== null) {
    const dispatcher = await access.proxyDispatcher();
    if (dispatcher !== undefined) return dispatcher;
  }
  const { Agent, ProxyAgent } = await import('undici');
  const common = {
    connections: 16,
    // one dead HTTP/2 connection would stall every call at once
    allowH2: false,
    keepAliveTimeout: 30_000,
    connect: { ...tls, timeout: 10_000, keepAlive: true, keepAliveInitialDelay: 30_000 },
  };
  return proxy === null ? new Agent(common) : new ProxyAgent({ ...common, uri: proxy.href, requestTls: tls });
}

function clusterAccess(cluster: ClusterAccess): Access {
  const pem = Buffer.from(cluster.certificateAuthorityData, 'base64').toString();
  return {
    server: cluster.endpoint,
    certificateAuthority: pem === '' ? null : pem,
    proxyUrl: null,
    async identity(fresh) {
      const { token } = await cluster.token(cluster.name, { fresh });
      return { headers: { authorization: `Bearer ${token}` }, tls: pem === '' ? {} : { ca: pem } };
    },
    proxyDispatcher: () => Promise.resolve(undefined),
  };
}
