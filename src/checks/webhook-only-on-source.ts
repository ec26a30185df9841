import type { Finding } from '../domain/finding.ts';
import { onlyMoving, type PodsByLabels, webhookPods } from '../domain/first-to-move.ts';
import { selects } from '../domain/label-selector.ts';
import type { Scope } from '../domain/scope.ts';
import { shellWord } from '../domain/shell-word.ts';
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
      ...moving.flatMap(([service, pods]) => {
        const asked = (webhooks.get(nameOf(service)) ?? []).filter(
          (webhook) => askedNamespaces(webhook, scope).length > 0,
        );
        return asked.length === 0 ? [] : [onlyOnSource(snapshot, scope, service, asked, pods)];
      }),
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
    const asked = askedNamespaces(webhook, scope);
    return isBacked || asked.length === 0
      ? []
      : [{ webhook, service: { ...webhook.service, labels }, namespaces: asked }];
  });
}

const nameLabel = 'kubernetes.io/metadata.name';

/** Of pods that move, by the label that every namespace has; others are not known, and may be there. */
function askedNamespaces({ namespaceSelector }: PodWebhook, { movingPods }: Scope): string[] {
  const { matchLabels = {}, matchExpressions = [] } = namespaceSelector ?? {};
  const name = matchLabels[nameLabel];
  const known = {
    matchLabels: name === undefined ? {} : { [nameLabel]: name },
    matchExpressions: matchExpressions.filter(({ key }) => key === nameLabel),
  };
  const namespaces = [...new Set(movingPods.map(({ namespace }) => namespace))];
  return namespaces.filter((namespace) => selects(known, { [nameLabel]: namespace }));
}

/** Why it may not be asked about the pods that move, in a sentence; null when it surely is. */
function reservation({ namespaceSelector, isNarrowed }: PodWebhook): string | null {
  const { matchLabels = {}, matchExpressions = [] } = namespaceSelector ?? {};
  const wanted = [
    ...Object.keys(matchLabels),
    ...matchExpressions.filter(({ operator }) => operator === 'In' || operator === 'Exists').map(({ key }) => key),
  ].filter((key) => key !== nameLabel);
  if (wanted.length > 0) {
    return `This matters if namespaces of pods that move have the label ${listed(wanted)}, which its namespaceSelector wants.`;
  }
  return isNarrowed === true ? 'It applies to some pods only: it has an objectSelector or matchConditions.' : null;
}

function noBackend({ webhook, service, namespaces }: SilentWebhook): Finding {
  const { kind, configuration, name, intercepts } = webhook;
  const doubt = reservation(webhook);
  const done = intercepts.includes('pods') ? 'created' : 'evicted';
  return {
    code: 'WEBHOOK.NO_BACKEND',
    severity: doubt === null ? 'warning' : 'advice',
    subject: nameOf(service),
    summary: `Webhook ${name} cannot answer: service ${nameOf(service)} ${service.labels === null ? 'does not exist' : 'has no Ready pod'}. With failurePolicy Fail no pod that it is asked about is ${done}.`,
    why:
      `It may be asked about pods in ${listed(namespaces)}. ${doubt === null ? '' : `${doubt} `}` +
      (done === 'created'
        ? `The drain ${doubt === null ? 'would' : 'may'} evict pods whose successors are refused, and then wait.`
        : `The drain ${doubt === null ? 'would' : 'may'} wait for them.`),
    nextActions: [
      service.labels === null
        ? `kubectl -n ${service.namespace} get services`
        : `kubectl -n ${service.namespace} get pods -l ${shellWord(selectorText(service.labels))}`,
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
  const doubts = webhooks.map(reservation);
  const [doubt = null] = doubts.includes(null) ? [] : doubts;
  return {
    code: 'WEBHOOK.ONLY_ON_SOURCE',
    severity: doubt === null ? 'warning' : 'advice',
    subject: nameOf(service),
    summary: `Webhook ${listed(names, 3)} (service ${nameOf(service)}) has its only ${count(pods.length, 'Ready pod')} on the nodes to be drained.`,
    why:
      `With failurePolicy Fail ${doubt === null ? 'no pod is' : 'some pods may not be'} ${asked} while it does not answer. ${doubt === null ? '' : `${doubt} `}The drain moves it first, and goes on when one of its pods is Ready elsewhere.` +
      (pods.length === 1 ? ' With one pod it may even stand in the way of its own successor.' : ''),
    nextActions: [
      ...(pods.length === 1 ? secondPod(snapshot, scope, pods) : []),
      `kubectl -n ${service.namespace} get pods -l ${shellWord(selectorText(service.selector.matchLabels))} -o wide`,
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
