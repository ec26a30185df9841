import { isLoopback } from './connection.ts';

/**
 * Whether a kubeconfig's server is the endpoint that DescribeCluster shows: the same host and port. Names of this machine
 * count as one. What goes through a tunnel or a proxy of another name cannot be told apart from another cluster.
 */
export function sameCluster(serverUrl: string, endpoint: string): boolean {
  const server = addressOf(serverUrl);
  return server !== undefined && server === addressOf(endpoint);
}

function addressOf(url: string): string | undefined {
  const withScheme = url.includes('://') ? url : `https://${url}`;
  if (!URL.canParse(withScheme)) return undefined;
  // the parser lower-cases the host
  const { hostname, port, protocol } = new URL(withScheme);
  const host = isLoopback(hostname) ? 'loopback' : hostname.replace(/\.$/, '');
  return `${host}:${port || (protocol === 'http:' ? '80' : '443')}`;
}
