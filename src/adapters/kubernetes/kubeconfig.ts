import type { RequestOptions } from 'node:https';
import { delimiter } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import { cleanText } from '../clean-text.ts';
import type { Access, Identity } from './access.ts';

/**
 * Reads a kubeconfig: one path, or several as in KUBECONFIG; without a path KUBECONFIG, `~/.kube/config`, or the service
 * account of the pod that this runs in.
 *
 * @throws MigrateError KUBERNETES.BAD_KUBECONFIG
 */
export async function kubeconfigAccess(kubeconfig: string | undefined, context: string | undefined): Promise<Access> {
  const library = await import('./client-node.ts');
  const load = (): KubeConfig => loadConfig(() => new library.KubeConfig(), kubeconfig, context);
  let config = load();
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('a kubeconfig without cluster was let through');
  const isVerified = cluster.server.startsWith('https:');
  const plugin: { command?: string } | null | undefined = config.getCurrentUser()?.exec;

  return {
    server: cluster.server,
    certificateAuthority: isVerified ? authorityOf(library.bufferFromFileOrString, cluster, kubeconfig) : null,
    proxyUrl: cluster.proxyUrl || null,
    async identity(fresh) {
      // a new object has an empty cache of tokens, and reads files that were written anew
      if (fresh) config = load();
      const options: RequestOptions = {};
      try {
        await config.applyToHTTPSOptions(options);
      } catch (error) {
        throw plugin ? pluginFailure(plugin.command ?? 'the plugin', error) : badFile(kubeconfig, error);
      }
      return toIdentity(options);
    },
    async proxyDispatcher() {
      const request = new library.RequestContext(cluster.server, library.HttpMethod.GET);
      await config.applySecurityAuthentication(request);
      return request.getDispatcher();
    },
  };
}

function authorityOf(
  read: (file?: string, data?: string) => Buffer | null,
  { caFile, caData }: { caFile?: string; caData?: string },
  kubeconfig: string | undefined,
): string | null {
  try {
    return read(caFile, caData)?.toString() ?? null;
  } catch (error) {
    throw badFile(kubeconfig, error);
  }
}

function toIdentity(options: RequestOptions): Identity {
  const { ca, cert, key, servername, rejectUnauthorized, auth } = options;
  const tls = { ca, cert, key, servername, rejectUnauthorized };
  const headers: Record<string, string> = {};
  if (auth) headers['authorization'] = `Basic ${Buffer.from(auth).toString('base64')}`;
  for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = String(value);
  return { headers, tls: Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined)) };
}

function loadConfig(create: () => KubeConfig, kubeconfig: string | undefined, context: string | undefined): KubeConfig {
  const config = create();
  try {
    if (kubeconfig === undefined) {
      config.loadFromDefault();
    } else {
      const [first = '', ...others] = kubeconfig.split(delimiter).filter(Boolean);
      config.loadFromFile(first);
      for (const path of others) {
        const more = create();
        more.loadFromFile(path);
        config.mergeConfig(more, config.getCurrentContext() !== undefined);
      }
    }
  } catch (error) {
    throw badFile(kubeconfig, error);
  }
  if (context !== undefined) config.setCurrentContext(context);
  check(config, kubeconfig, context);
  return config;
}

function check(config: KubeConfig, kubeconfig: string | undefined, context: string | undefined): void {
  const file = kubeconfig ?? 'the kubeconfig';
  const contexts = config.getContexts().map((each) => cleanText(each.name));
  const current = config.getCurrentContext();
  const known = contexts.length === 0 ? 'It has no contexts.' : `It has: ${contexts.join(', ')}.`;
  if (current === 'loaded-context' && config.getCurrentCluster()?.server === 'http://localhost:8080') {
    throw bad('There is no kubeconfig.', 'Neither KUBECONFIG nor ~/.kube/config names a cluster.', [
      'aws eks update-kubeconfig --name <cluster>',
      'pass --kubeconfig FILE',
    ]);
  }
  if (!current) {
    throw bad(`${file} has no current context.`, known, ['pass --context NAME', 'kubectl config use-context NAME']);
  }
  if (!config.getContextObject(current)) {
    const origin = context === undefined ? 'its current-context' : '--context';
    throw bad(`${file} has no context ${cleanText(current)}.`, `${known} ${origin} asks for another.`, [
      'kubectl config get-contexts',
      'pass --context NAME',
    ]);
  }
  const cluster = config.getCurrentCluster();
  if (!cluster) {
    throw bad(`Context ${cleanText(current)} of ${file} names a cluster that is not in the file.`, known, [
      'aws eks update-kubeconfig --name <cluster>',
    ]);
  }
  const server = URL.parse(cluster.server);
  if (server === null || !/^https?:$/.test(server.protocol) || server.username !== '' || server.password !== '') {
    // what stands there instead may be a secret
    throw bad(
      `The server of context ${cleanText(current)} is no http or https address.`,
      'It has to be like https://HOST:PORT, with nothing before the host.',
      [`correct it in ${file}`],
    );
  }
  if (cluster.skipTLSVerify) {
    throw bad(
      `${file} has insecure-skip-tls-verify for cluster ${cleanText(cluster.name)}.`,
      'Then nobody can tell which server answers, and it would be given tokens and orders: it is not done.',
      [
        'aws eks update-kubeconfig --name <cluster>',
        `put certificate-authority-data in place of insecure-skip-tls-verify in ${file}`,
      ],
    );
  }
}

const bad = (message: string, why: string, nextActions: string[], cause?: unknown): MigrateError =>
  new MigrateError({
    code: 'KUBERNETES.BAD_KUBECONFIG',
    message,
    why,
    nextActions,
    exitCode: ExitCode.invalidInput,
    cause,
  });

/** Of the parser's message only the first line is told: the rest quotes the file, which may hold a token. */
function badFile(kubeconfig: string | undefined, error: unknown): MigrateError {
  if (error instanceof MigrateError) return error;
  const file = kubeconfig ?? 'the kubeconfig';
  const firstLine = error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error);
  const why = error instanceof TypeError ? 'It is empty, or not a kubeconfig.' : cleanText(firstLine);
  return bad(`Cannot read ${file}.`, why, ['kubectl config view', 'pass --kubeconfig FILE'], error);
}

function pluginFailure(command: string, error: unknown): MigrateError {
  const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
  const text = error instanceof Error ? cleanText(error.message).slice(0, 300) : '';
  return new MigrateError({
    code: 'KUBERNETES.EXEC_PLUGIN',
    message: missing
      ? `The kubeconfig gets its token from ${cleanText(command)}, which is not installed.`
      : `The kubeconfig gets its token from ${cleanText(command)}, which failed.`,
    why: missing ? `There is no such program on the PATH.` : text || 'It said nothing.',
    nextActions: missing
      ? [
          `install ${cleanText(command)}`,
          'or run without a kubeconfig: the token is then made from the AWS credentials',
        ]
      : ['kubectl get nodes', 'aws sso login'],
    exitCode: ExitCode.invalidInput,
    cause: error,
  });
}
