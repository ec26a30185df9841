/**
 * Admission webhooks, as far as they can be reached: this world runs no code of theirs. One with a Ready pod behind its
 * Service lets everything pass, one without fails as its failurePolicy says (apiserver pkg/admission/plugin/webhook, and
 * the Service resolver of kube-aggregator).
 */
import type { Namespace, Pod, Service, Webhook, WebhookConfiguration } from './objects.ts';
import { isHealthy } from './pods.ts';
import { matchesSelector } from './selectors.ts';
import { StatusError } from './status.ts';
import type { KubernetesStore } from './store.ts';

/** What somebody wants to do to an object, as admission sees it. */
export interface AdmissionRequest {
  operation: 'CREATE' | 'UPDATE' | 'DELETE';
  group: string;
  version: string;
  resource: string;
  subresource?: string | undefined;
  namespace?: string | undefined;
  labels?: Record<string, string> | undefined;
}

/** Those that may change the object are asked before those that only judge it. */
const configurations = ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'];

/** @throws StatusError 500 for the first webhook that cannot be reached and must be. */
export function callWebhooks(store: KubernetesStore, request: AdmissionRequest): void {
  // No webhook can lock its own configuration.
  if (request.group === 'admissionregistration.k8s.io') return;
  for (const resource of configurations) {
    for (const { webhooks = [] } of store.list<WebhookConfiguration>(resource)) {
      for (const webhook of webhooks) {
        if ((webhook.failurePolicy ?? 'Fail') !== 'Fail' || !concerns(store, webhook, request)) continue;
        const failure = unreachable(store, webhook);
        if (failure !== undefined) throw failed(webhook, failure);
      }
    }
  }
}

function among(names: readonly string[] | undefined, name: string): boolean {
  return names?.some((each) => each === '*' || each === name) ?? false;
}

function concerns(store: KubernetesStore, webhook: Webhook, request: AdmissionRequest): boolean {
  const { group, version, resource, subresource, operation, namespace, labels } = request;
  const named = (pattern: string): boolean => {
    const [plural = '', below] = pattern.split('/');
    if (pattern === '*/*') return true;
    return (
      among([plural], resource) && (below === undefined ? subresource === undefined : among([below], subresource ?? ''))
    );
  };
  const ruled = (webhook.rules ?? []).some(
    ({ operations, apiGroups, apiVersions, resources = [], scope = '*' }) =>
      among(operations, operation) &&
      among(apiGroups, group) &&
      among(apiVersions, version) &&
      resources.some(named) &&
      (scope === '*' || (scope === 'Namespaced') === (namespace !== undefined)),
  );
  if (!ruled) return false;
  const { namespaceSelector = {}, objectSelector = {} } = webhook;
  // Without a namespace there is nothing that could exclude it.
  const place = namespace === undefined ? undefined : store.get<Namespace>('namespaces', undefined, namespace);
  const inReach = namespace === undefined || matchesSelector(namespaceSelector, place?.metadata.labels);
  return inReach && matchesSelector(objectSelector, labels);
}

/** Undefined when the API server reaches it. One outside of the cluster is always reached. */
function unreachable(store: KubernetesStore, { clientConfig }: Webhook): string | undefined {
  if (!clientConfig.service) return undefined;
  const { namespace, name } = clientConfig.service;
  const service = store.get<Service>('services', namespace, name);
  if (!service) return `service "${name}" not found`;
  const { selector } = service.spec;
  if (!selector) return undefined;
  const behind = store
    .list<Pod>('pods', namespace)
    .some((pod) => isHealthy(pod) && matchesSelector({ matchLabels: selector }, pod.metadata.labels));
  return behind ? undefined : `no endpoints available for service "${name}"`;
}

function failed({ name, clientConfig, timeoutSeconds = 10 }: Webhook, failure: string): StatusError {
  const { name: service = '', namespace = '', path = '', port = 443 } = clientConfig.service ?? {};
  const url = `https://${service}.${namespace}.svc:${port}${path === '' || path.startsWith('/') ? path : `/${path}`}`;
  const why = `failed calling webhook "${name}": failed to call webhook: Post "${url}?timeout=${timeoutSeconds}s": ${failure}`;
  return new StatusError(500, 'InternalError', `Internal error occurred: ${why}`, { causes: [{ message: why }] });
}
