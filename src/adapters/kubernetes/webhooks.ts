import type { LabelSelector, PodWebhook } from '../../domain/snapshot.ts';
import { toSelector } from './placement.ts';
import type { WireSelector, WireWebhookRule, WireWebhooks } from './wire.ts';

/** The webhooks of a configuration that are asked when a pod is created or evicted. */
export function toPodWebhooks(kind: PodWebhook['kind'], { metadata, webhooks }: WireWebhooks): PodWebhook[] {
  return (webhooks ?? []).flatMap((webhook) => {
    const { name, failurePolicy, clientConfig, namespaceSelector, objectSelector, matchConditions, rules } = webhook;
    const intercepts = interceptedBy(rules ?? []);
    if (intercepts.length === 0) return [];
    const service = clientConfig?.service;
    const isNarrowed = selectingSome(objectSelector) !== null || (matchConditions ?? []).length > 0;
    return [
      {
        kind,
        configuration: metadata?.name ?? '',
        name: name ?? '',
        failurePolicy: failurePolicy === 'Ignore' ? 'Ignore' : 'Fail',
        service: service == null ? null : { namespace: service.namespace ?? '', name: service.name ?? '' },
        intercepts,
        namespaceSelector: selectingSome(namespaceSelector),
        ...(isNarrowed ? { isNarrowed } : {}),
      } satisfies PodWebhook,
    ];
  });
}

const interceptable = ['pods', 'pods/eviction'] as const;

function interceptedBy(rules: readonly WireWebhookRule[]): PodWebhook['intercepts'] {
  return interceptable.filter((resource) => rules.some((rule) => isAbout(rule, resource)));
}

const matches = (word: string | undefined, wanted: string | undefined): boolean => word === '*' || word === wanted;
const has = (words: readonly string[] | null | undefined, wanted: string): boolean =>
  (words ?? []).some((word) => matches(word, wanted));

/** Both are asked as CREATE of version v1 in the core group. */
function isAbout(
  { apiGroups, apiVersions, operations, resources, scope }: WireWebhookRule,
  resource: (typeof interceptable)[number],
): boolean {
  return (
    has(apiGroups, '') &&
    has(apiVersions, 'v1') &&
    has(operations, 'CREATE') &&
    (resources ?? []).some((pattern) => covers(pattern, resource)) &&
    (scope ?? '*') !== 'Cluster'
  );
}

// `*` is every resource without its subresources, `pods/*` a pod with all of its own, `*/*` everything
function covers(pattern: string, resource: string): boolean {
  const [kind, subresource] = pattern.split('/');
  const [wantedKind, wantedSubresource] = resource.split('/');
  if (!matches(kind, wantedKind)) return false;
  return wantedSubresource === undefined
    ? subresource === undefined || subresource === '*'
    : matches(subresource, wantedSubresource);
}

/** An empty selector selects everything, as none does. */
function selectingSome(selector: WireSelector | null | undefined): LabelSelector | null {
  const found = toSelector(selector);
  const isEmpty = Object.keys(found?.matchLabels ?? {}).length === 0 && found?.matchExpressions === undefined;
  return isEmpty ? null : found;
}
