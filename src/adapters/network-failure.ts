/** Codes of Node and undici that mean: no connection came about, so the server never saw the request. */
const notSent = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
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
  'HPE_INVALID_CONSTANT',
]);

/** What a network error means for the request, undefined when it is none. Looks through causes and aggregates. */
export function networkFailure(error: unknown, depth = 0): 'not-sent' | 'uncertain' | undefined {
  if (!(error instanceof Error) || depth > 5) return undefined;
  const code = 'code' in error ? String(error.code) : '';
  if (notSent.has(code)) return 'not-sent';
  if (broken.has(code)) return 'uncertain';
  if (error.name === 'DeadlineExceeded' || error.name === 'SocketError') return 'uncertain';
  if (error instanceof AggregateError) {
    const kinds = error.errors.map((each) => networkFailure(each, depth + 1));
    if (kinds.length > 0 && kinds.every((kind) => kind === 'not-sent')) return 'not-sent';
    return kinds.find((kind) => kind !== undefined);
  }
  if (/socket hang up|other side closed|terminated|premature close/i.test(error.message)) return 'uncertain';
  return networkFailure(error.cause, depth + 1);
}

/** A certificate that the machine does not trust, or that is another server's. */
export function isTlsFailure(error: unknown, depth = 0): boolean {
  if (!(error instanceof Error) || depth > 5) return false;
  const code = 'code' in error ? String(error.code) : '';
  return (
    /^(ERR_TLS_|ERR_SSL_|CERT_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT|UNABLE_TO_(GET|VERIFY)|EPROTO)/.test(
      code,
    ) || isTlsFailure(error.cause, depth + 1)
  );
}
