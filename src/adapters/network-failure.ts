/** Codes of Node and undici that mean: no connection came about, so the server never saw the request. */
const notSent = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EADDRNOTAVAIL',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EHOSTDOWN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Codes that mean: the connection broke, or nothing came in time. */
const broken = new Set([
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_HTTP2_STREAM_ERROR',
  'UND_ERR_SOCKET',
  'UND_ERR_CLOSED',
  'UND_ERR_DESTROYED',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
]);

/** What a network error means for the request, undefined when it is none. Looks through causes and aggregates. */
export function networkFailure(error: unknown, depth = 0): 'not-sent' | 'uncertain' | undefined {
  if (!(error instanceof Error) || depth > 5) return undefined;
  const code = codeOf(error);
  const proxyStatus = statusOfProxy(error);
  // what the proxy refuses once it refuses again; what it cannot do now it may do later
  if (proxyStatus !== undefined) return proxyStatus >= 500 ? 'not-sent' : undefined;
  if (notSent.has(code)) return 'not-sent';
  if (broken.has(code) || /^(HPE_|UND_ERR_(HEADERS|RES|PRX))/.test(code)) return 'uncertain';
  if (error.name === 'DeadlineExceeded' || error.name === 'SocketError') return 'uncertain';
  if (error instanceof AggregateError) {
    const kinds = error.errors.map((each) => networkFailure(each, depth + 1));
    if (kinds.length > 0 && kinds.every((kind) => kind === 'not-sent')) return 'not-sent';
    return kinds.find((kind) => kind !== undefined);
  }
  if (/socket hang up|other side closed|terminated|premature close/i.test(error.message)) return 'uncertain';
  return networkFailure(error.cause, depth + 1);
}

/** A certificate that the machine does not trust, or that is another server's; or no TLS at all. */
export function isTlsFailure(error: unknown, depth = 0): boolean {
  if (!(error instanceof Error) || depth > 5) return false;
  return (
    /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT|UNABLE_TO_(GET|VERIFY)|EPROTO)/.test(
      codeOf(error),
    ) || isTlsFailure(error.cause, depth + 1)
  );
}

/** HTTP status by which a proxy refused to connect; undefined when that is not what happened. */
export function statusOfProxy(error: unknown, depth = 0): number | undefined {
  if (!(error instanceof Error) || depth > 5) return undefined;
  if (codeOf(error) === 'ERR_PROXY_TUNNEL' && 'statusCode' in error) return Number(error.statusCode);
  const [, status] = /^Proxy response \((\d+)\)/.exec(error.message) ?? [];
  return status === undefined ? statusOfProxy(error.cause, depth + 1) : Number(status);
}

/** What to do about it, for the status of a proxy that does not connect. */
export const proxyActions = (status: number): string[] =>
  status === 407
    ? [
        'export HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT',
        'add the host to NO_PROXY when it is reached without the proxy',
      ]
    : [
        'ask whoever runs the proxy to let the host through',
        'add the host to NO_PROXY when it is reached without the proxy',
      ];

const words: [code: RegExp, text: string][] = [
  [/^ENOTFOUND$/, 'the DNS does not know the name'],
  [/^EAI_/, 'the DNS does not answer'],
  [/^ECONNREFUSED$/, 'nothing listens there'],
  [/^(EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN|EADDRNOTAVAIL)$/, 'there is no way to it'],
  [/^(ECONNRESET|ECONNABORTED|EPIPE|UND_ERR_SOCKET|ERR_STREAM_PREMATURE_CLOSE)$/, 'the connection was cut'],
  [/^(ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)$/, 'no connection came about in time'],
];

/** The error of a network in words, with the system's own behind them. */
export function networkReason(error: unknown, depth = 0): string {
  if (!(error instanceof Error)) return String(error);
  const code = codeOf(error);
  // the rest of the text is of the inside of OpenSSL
  if (/^(EPROTO|ERR_SSL_)/.test(code) && /wrong version number|record header|packet length/.test(error.message)) {
    return 'what answers there speaks no TLS (a plain HTTP server, or another port)';
  }
  const [first] = error instanceof AggregateError ? error.errors : [];
  if (error.message === '' && first !== undefined && depth < 5) return networkReason(first, depth + 1);
  const [, text] = words.find(([pattern]) => pattern.test(code)) ?? [];
  const own = error.message.replace(/\s*Deserialization error: to see the raw response.*/s, '') || error.name;
  return text === undefined ? own : `${text} (${own})`;
}

const codeOf = (error: Error): string => ('code' in error ? String(error.code) : '');
