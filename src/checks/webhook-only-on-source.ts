import type { Finding } from '../domain/finding.ts';
import { onlyMoving, type PodsByLabels, webhookPods } from '../domain/first-to-move.ts';
import { selects } from '../domain/label-selector.ts';
import type { Scope } from '../domain/scope.ts';
import type { ClusterSnapshot, Pod, PodWebhook } from '../domain/snapshot.ts';
import { onePodMoreRefusal, surgeFacts, surgeRefusal } from '../domain/surge.ts';
import { indexWorkloads, nameOf, ownerOf } from '../domain/workloads.ts';
import { type Check, count, listed, planAgain } from './check.ts';
import { selectorText } from './moving.ts';

/** Webhooks that all pods depend on, and that move themselves. */
export const webhookOnlyOnSource: Check = {
  codes: [
    {
      code: 'WEBHOOK.ONLY_ON_SOURCE',
      meaning: 'All pods of a webhook without which no pod can start are on the old nodes.',
      canBeAllowed: false,
    },
    {
      code: 'WEBHOOK.NO_BACKEND',
      meaning: 'A webhook without which no pod can start has no Ready pod now.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, scope) {
    const webhooks = Map.groupBy(
      snapshot.podWebhooks.filter(({ failurePolicy }) => failurePolicy === 'Fail'),
      ({ service }) => (service === null ? '' : nameOf(service)),
    );
    const moving = [...onlyMoving(webhookPods(snapshot), snapshot.pods, new Set(scope.movingPods))];
    return [
      ...silentWebhooks(snapshot, scope).map(noBackend),
      ...moving.map(([service, pods]) =>
        onlyOnSource(snapshot, scope, service, webhooks.get(nameOf(service)) ?? [], pods),
      ),
    ];
  },
};

interface SilentWebhook {
  webhook: PodWebhook;
  service: { namespace: string; name: string; labels: Record<string, string> | null };
  /** of pods that move, in which it is asked */
  namespaces: string[];
}

/** Webhooks whose service has no Ready pod, or is not there. */
function silentWebhooks({ podWebhooks, services, pods, notSeen }: ClusterSnapshot, scope: Scope): SilentWebhook[] {
  if (notSeen.some(({ resource }) => resource === 'services')) return [];
  const namespaces = [...new Set(scope.movingPods.map(({ namespace }) => namespace))];
  return podWebhooks.flatMap((webhook): SilentWebhook[] => {
    if (webhook.failurePolicy !== 'Fail' || webhook.service === null) return [];
    const found = services.find((service) => nameOf(service) === nameOf(webhook.service ?? service));
    if (found?.selector === null) return [];
    const labels = found?.selector ?? null;
    const isBacked = pods.some(
      (pod) =>
        pod.ready &&
        pod.deletionTimestamp === null &&
        pod.namespace === found?.namespace &&
        selects({ matchLabels: labels ?? {} }, pod.labels),
    );
    const asked = namespaces.filter((namespace) => isAskedIn(namespace, webhook));
    return isBacked || asked.length === 0
      ? []
      : [{ webhook, service: { ...webhook.service, labels }, namespaces: asked }];
  });
}

const nameLabel = 'kubernetes.io/metadata.name';

/** By the label that every namespace has; others are not known, and may be there. */
function isAskedIn(namespace: string, { namespaceSelector: selector }: PodWebhook): boolean {
  if (selector === null) return true;
  const keys = [...Object.keys(selector.matchLabels ?? {}), ...(selector.matchExpressions ?? []).map(({ key }) => key)];
  return keys.some((key) => key !== nameLabel) || selects(selector, { [nameLabel]: namespace });
}

function noBackend({ webhook, service, namespaces }: SilentWebhook): Finding {
  const { kind, configuration, name, intercepts, namespaceSelector } = webhook;
  const done = intercepts.includes('pods') ? 'created' : 'evicted';
  return {
    code: 'WEBHOOK.NO_BACKEND',
    severity: 'warning',
    subject: nameOf(service),
    summary: `Webhook ${name} cannot answer: service ${nameOf(service)} ${service.labels === null ? 'does not exist' : 'has no Ready pod'}. With failurePolicy Fail no pod that it is asked about is ${done}.`,
    why:
      `It may be asked about pods in ${listed(namespaces)}${namespaceSelector === null ? '' : ', as its namespaceSelector says'}. ` +
      (done === 'created'
        ? 'The drain would evict pods whose successors are refused, and then wait.'
        : 'The drain would wait for them.'),
    nextActions: [
      service.labels === null
        ? `kubectl -n ${service.namespace} get services`
        : `kubectl -n ${service.namespace} get pods -l ${selectorText(service.labels)}`,
      `kubectl get ${kind}webhookconfiguration ${configuration} -o yaml`,
    ],
  };
}

function onlyOnSource(
  snapshot: ClusterSnapshot,
  scope: Scope,
  service: PodsByLabels,
  webhooks: readonly PodWebhook[],
  pods: readonly Pod[],
): Finding {
  const names = [...new Set(webhooks.map(({ name }) => name))];
  const asked = webhooks.some(({ intercepts }) => intercepts.includes('pods')) ? 'created' : 'evicted';
  return {
    code: 'WEBHOOK.ONLY_ON_SOURCE',
    severity: 'warning',
    subject: nameOf(service),
    summary: `Webhook ${listed(names, 3)} (service ${nameOf(service)}) has its only ${count(pods.length, 'Ready pod')} on the nodes to be drained.`,
    why:
      `With failurePolicy Fail no pod is ${asked} while it does not answer. The drain moves it first, and goes on when one of its pods is Ready elsewhere.` +
      (pods.length === 1 ? ' With one pod it may even stand in the way of its own successor.' : ''),
    nextActions: [
      ...(pods.length === 1 ? secondPod(snapshot, scope, pods) : []),
      `kubectl -n ${service.namespace} get pods -l ${selectorText(service.selector.matchLabels)} -o wide`,
    ],
  };
}

function secondPod(snapshot: ClusterSnapshot, scope: Scope, pods: readonly Pod[]): string[] {
  const owner = pods[0] === undefined ? null : ownerOf(pods[0], indexWorkloads(snapshot.workloads));
  if (owner?.kind !== 'Deployment') return [];
  const surge = [...scope.request.surge, nameOf(owner)];
  const facts = surgeFacts(snapshot);
  return [
    ...(onePodMoreRefusal(pods, facts) === null
      ? [`kubectl -n ${owner.namespace} scale deployment/${owner.name} --replicas=2`]
      : []),
    ...(surgeRefusal(nameOf(owner), pods, facts) === null
      ? [`${planAgain(scope, { surge })}  # a new pod is Ready before the old one goes`]
      : []),
  ];
}
