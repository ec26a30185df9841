import type { Dispatcher } from 'undici';

/** How TLS is spoken; names as in node:tls. */
export interface TlsSettings {
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
  servername?: string;
  rejectUnauthorized?: boolean;
}

/** Who asks: headers of a request and how TLS is spoken. */
export interface Identity {
  headers: Record<string, string>;
  tls: TlsSettings;
}

/** An API server and how to be let in. */
export interface Access {
  server: string;
  /** see KubernetesPort */
  certificateAuthority: string | null;
  /** `proxy-url` of the kubeconfig */
  proxyUrl: string | null;
  /** `fresh` after the server did not accept the last one */
  identity(fresh: boolean): Promise<Identity>;
  /** what goes through the proxy that the kubeconfig names */
  proxyDispatcher(): Promise<Dispatcher | undefined>;
}
