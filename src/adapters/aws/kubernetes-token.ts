import { createHash, createHmac } from 'node:crypto';
import type { Session } from './session.ts';

/** A bearer token for the Kubernetes API of an EKS cluster, with the time (epoch milliseconds) until when it is good. */
export interface KubernetesToken {
  token: string;
  expiresAt: number;
}

/** Gives the token of a cluster; `fresh` makes a new one, after the API server refused the last. */
export type TokenSource = (clusterName: string, options?: { fresh?: boolean }) => Promise<KubernetesToken>;

/** STS honours a presigned request for 15 minutes after its date. */
const goodFor = 14 * 60_000;
const refreshAfter = 10 * 60_000;
/** Session credentials that end sooner take the token with them. */
const safetyMargin = 60_000;

/**
 * Tokens as aws-iam-authenticator reads them: a presigned GetCallerIdentity that names the cluster in a signed header.
 * Kept for ten minutes; calls at the same time share one.
 */
export function createTokenSource(session: Session): TokenSource {
  const made = new Map<string, Promise<KubernetesToken & { refreshAt: number }>>();

  async function make(clusterName: string): Promise<KubernetesToken & { refreshAt: number }> {
    const now = session.clock.now();
    const region = await session.region();
    const { url, sessionEndsAt } = await session.call(
      { service: 'sts', name: 'GetCallerIdentity', resource: `a token for cluster ${clusterName}` },
      { repeatable: true },
      async () => {
        const { client } = await session.sts();
        const credentials = await client.config.credentials();
        const { url: endpoint } = client.config.endpointProvider({
          Region: region,
          UseDualStack: false,
          UseFIPS: false,
          UseGlobalEndpoint: false,
        });
        const { SignatureV4 } = await import('@smithy/signature-v4');
        const signer = new SignatureV4({ service: 'sts', region, credentials, sha256: Sha256 });
        const signed = await signer.presign(
          {
            method: 'GET',
            protocol: endpoint.protocol,
            hostname: endpoint.hostname,
            path: '/',
            query: { Action: 'GetCallerIdentity', Version: '2011-06-15' },
            headers: { host: endpoint.host, 'x-k8s-aws-id': clusterName },
          },
          {
            expiresIn: 60,
            signingDate: new Date(now + (client.config.systemClockOffset ?? 0)),
            unhoistableHeaders: new Set(['x-k8s-aws-id']),
          },
        );
        return { url: toUrl(signed), sessionEndsAt: credentials.expiration?.getTime() ?? Number.POSITIVE_INFINITY };
      },
    );
    return {
      token: `k8s-aws-v1.${Buffer.from(url).toString('base64url')}`,
      expiresAt: Math.min(now + goodFor, sessionEndsAt),
      refreshAt: Math.min(now + refreshAfter, Math.max(now, sessionEndsAt - safetyMargin)),
    };
  }

  return async (clusterName, { fresh = false } = {}) => {
    // the API server did not take the last one: the credentials behind it may have ended
    if (fresh) await session.renew();
    const last = fresh ? undefined : await made.get(clusterName);
    if (last !== undefined && session.clock.now() < last.refreshAt) return last;
    const next = make(clusterName);
    made.set(clusterName, next);
    // a failure is told to whoever asked, and not kept
    next.catch(() => made.delete(clusterName));
    return next;
  };
}

interface SignedRequest {
  protocol: string;
  hostname: string;
  path: string;
  query?: Record<string, string | string[] | null> | undefined;
}

function toUrl({ protocol, hostname, path, query = {} }: SignedRequest): string {
  const pairs = Object.entries(query)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${escapeUri(key)}=${escapeUri(String(value ?? ''))}`);
  return `${protocol}//${hostname}${path}?${pairs.join('&')}`;
}

/** Percent-encoding of SigV4: everything but letters, digits and `-_.~`. */
const escapeUri = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

type Bytes = string | ArrayBuffer | ArrayBufferView;

/** SHA-256, or its HMAC when there is a key, in the form that the signer wants. */
class Sha256 {
  readonly #key: Buffer | undefined;
  #parts: Buffer[] = [];
  constructor(key?: Bytes) {
    this.#key = key === undefined ? undefined : toBuffer(key);
  }
  update(data: Bytes): void {
    this.#parts.push(toBuffer(data));
  }
  digest(): Promise<Uint8Array> {
    const hash = this.#key === undefined ? createHash('sha256') : createHmac('sha256', this.#key);
    for (const part of this.#parts) hash.update(part);
    return Promise.resolve(new Uint8Array(hash.digest()));
  }
  reset(): void {
    this.#parts = [];
  }
}

function toBuffer(data: Bytes): Buffer {
  if (typeof data === 'string') return Buffer.from(data);
  return ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data);
}
