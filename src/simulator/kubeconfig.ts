export interface KubeconfigInput {
  /** Name of cluster, user and context */
  name: string;
  server: string;
  /** PEM of the server's certificate */
  certificate: string;
  token: string;
}

/**
 * A kubeconfig with one context, named like the cluster. JSON is YAML, and every client reads it. It holds a token: write
 * it with mode 0600.
 */
export function renderKubeconfig({ name, server, certificate, token }: KubeconfigInput): string {
  const authority = Buffer.from(certificate).toString('base64');
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': authority } }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    'current-context': name,
  };
  return `${JSON.stringify(kubeconfig, undefined, 2)}\n`;
}
