import { isLoopback } from '../verified-tls.ts';

/**
 * Whether a kubeconfig leads to the cluster that DescribeCluster shows: to the same host and port (names of this machine
 * count as one), or, through a tunnel or by another name, to a server that is trusted for its certificate authority alone.
 * Every cluster has an authority of its own, and what is trusted for others beside it could be another cluster.
 */
export function sameCluster(
  kubernetes: { serverUrl(): string; certificateAuthority(): string | null },
  cluster: { endpoint: string; certificateAuthorityData: string },
): boolean {
  const server = addressOf(kubernetes.serverUrl());
  if (server !== undefined && server === addressOf(cluster.endpoint)) return true;
  const trusted = certificatesIn(kubernetes.certificateAuthority() ?? '');
  const own = new Set(certificatesIn(Buffer.from(cluster.certificateAuthorityData, 'base64').toString()));
  return trusted.length > 0 && trusted.every((certificate) => own.has(certificate));
}

function addressOf(url: string): string | undefined {
  // the parser lower-cases the host
  const parsed = URL.parse(url.includes('://') ? url : `https://${url}`);
  if (parsed === null) return undefined;
  const { hostname, port, protocol } = parsed;
  const host = isLoopback(hostname) ? 'loopback' : hostname.replace(/\.$/, '');
  return `${host}:${port || (protocol === 'http:' ? '80' : '443')}`;
}

/** The certificates of a PEM text, each as one line of base64 in one spelling. */
const certificatesIn = (pem: string): string[] =>
  [...pem.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g)].map((match) =>
    Buffer.from(match[1] ?? '', 'base64').toString('base64'),
  );
