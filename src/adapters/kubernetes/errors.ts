import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import { cleanText } from '../clean-text.ts';
import { clockActions } from '../clock-skew.ts';
import { isTlsFailure, networkFailure, networkReason, proxyActions, statusOfProxy } from '../network-failure.ts';
import { StatusError, UnreadableAnswer } from './status-error.ts';

/** One request, as RBAC and messages name it. */
export interface KubernetesOperation {
  verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete';
  /** plural, with the subresource: `pods/eviction` */
  resource: string;
  namespace?: string | undefined;
  name?: string | undefined;
}

/** What gives the caller the right, no further than it was asked for, where the API server says who that is: for somebody who may. */
function grant({ verb, resource, namespace }: KubernetesOperation, text: string): string[] {
  const [, user] = /User "([^"']+)"/.exec(text) ?? [];
  if (user === undefined) return [];
  const [kubectl, kind] = namespace === undefined ? ['kubectl', 'clusterrole'] : [`kubectl -n ${namespace}`, 'role'];
  const role = `prefix-migrate-${verb}-${resource.replace('/', '-')}`;
  return [
    `${kubectl} create ${kind} ${role} --verb=${verb} --resource=${resource}`,
    `${kubectl} create ${kind}binding ${role} --${kind}=${role} --user='${user}'`,
  ];
}

/** Every failure of the Kubernetes API in the user's words. */
export function translateKubernetesError(error: unknown, operation: KubernetesOperation, server: string): MigrateError {
  if (error instanceof MigrateError) return error;
  const { verb, resource, namespace, name } = operation;
  const what = `${verb} ${resource}${name === undefined ? '' : ` ${namespace === undefined ? '' : `${namespace}/`}${name}`}`;
  const text = cleanText(error instanceof Error ? error.message : String(error));
  const make = (code: string, message: string, why: string, nextActions: string[], retryable = false): MigrateError =>
    new MigrateError({
      code: `KUBERNETES.${code}`,
      message,
      why,
      nextActions,
      exitCode: ExitCode.invalidInput,
      retryable,
      cause: error,
    });
  if (error instanceof StatusError && error.isPage && error.status < 500) {
    return make(
      'OTHER_SERVER',
      `Something else than Kubernetes answers at ${server}.`,
      `${what}: ${text}`,
      [
        'log in to the network or the VPN, when it wants a login',
        'check HTTPS_PROXY and NO_PROXY',
        'kubectl get nodes',
      ],
      true,
    );
  }
  if (error instanceof StatusError) {
    if (error.status === 401) {
      return make('UNAUTHORIZED', `${server} does not know the caller.`, `${what}: ${text} ${error.skew}`.trim(), [
        ...(error.skew === '' ? [] : clockActions.slice(0, 1)),
        'aws eks list-access-entries --cluster-name <cluster>, or ConfigMap kube-system/aws-auth: one must name your role',
        'aws sso login, when the token comes from expired credentials',
        'kubectl get nodes',
      ]);
    }
    if (error.status === 403 && /exceeded quota|violates PodSecurity|denied the request/.test(text)) {
      // not RBAC: quota, Pod Security, a webhook
      return make('FORBIDDEN', `${server} forbids ${what}.`, text, ['allow what the message names']);
    }
    if (error.status === 403) {
      const scope = namespace === undefined ? '--all-namespaces' : `-n ${namespace}`;
      return make('FORBIDDEN', `Missing Kubernetes permission: ${verb} ${resource}.`, text, [
        `kubectl auth can-i ${verb} ${resource} ${scope}`,
        ...grant(operation, text),
      ]);
    }
    if (error.status === 429 || error.status >= 500) {
      return make(
        'OVERLOADED',
        `${server} cannot do ${what} at present.`,
        error.isPage ? text : `HTTP ${error.status}: ${text}`,
        ['run the same command again in a few minutes', "kubectl get --raw='/readyz?verbose'"],
        true,
      );
    }
    return make('REFUSED', `${server} refused ${what}.`, `HTTP ${error.status}: ${text}`, [
      'correct what the message names',
    ]);
  }
  const proxyStatus = statusOfProxy(error);
  if (proxyStatus !== undefined) {
    return make(
      'UNREACHABLE',
      `${server} cannot be reached: the proxy answers HTTP ${proxyStatus}.`,
      what,
      proxyActions(proxyStatus),
      proxyStatus >= 500,
    );
  }
  const reason = cleanText(networkReason(error));
  if (isTlsFailure(error)) {
    return make('UNREACHABLE', `No secure connection to ${server}.`, reason, [
      'aws eks update-kubeconfig --name <cluster>, to renew the certificate authority in the kubeconfig',
      'check HTTPS_PROXY',
    ]);
  }
  if (networkFailure(error) !== undefined || error instanceof UnreadableAnswer) {
    return make(
      'UNREACHABLE',
      `${server} does not answer.`,
      `${what}: ${reason}`,
      [
        'kubectl get nodes',
        'check the network, the VPN, HTTPS_PROXY and the public access list of the cluster endpoint',
      ],
      true,
    );
  }
  throw error;
}
