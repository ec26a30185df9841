/** Filters that look at more than one node: spread constraints and (anti-)affinity between pods. Scheduler plugins PodTopologySpread and InterPodAffinity. */
import type { KubeObject, Namespace, Node, Pod, PodAffinityTerm, TopologySpreadConstraint } from './objects.ts';
import { isTerminating, tolerates } from './pods.ts';
import { matchesNode, matchesSelector } from './selectors.ts';
import type { KubernetesStore } from './store.ts';

export interface Place {
  node: Node;
  pods: readonly Pod[];
}

export interface TopologyRefusal {
  reason: string;
  /** Whether it would help if a pod went. */
  resolvable: boolean;
}

/** Why a node cannot take a pod; undefined when it can. */
export type TopologyFilter = (node: Node) => TopologyRefusal | undefined;

const refusal = (reason: string, resolvable = true): TopologyRefusal => ({
  reason: `node(s) didn't ${reason}`,
  resolvable,
});

/** All nodes with their pods, and the pods among them that have required anti-affinity. */
export interface Surroundings {
  places: () => readonly Place[];
  nodeOf: (pod: Pod) => Node | undefined;
  repelling: ReadonlyMap<string, Pod>;
}

/** Undefined when nothing about a pod depends on other pods. */
export function topologyFilter(store: KubernetesStore, pod: Pod, around: Surroundings): TopologyFilter | undefined {
  const spread = (pod.spec.topologySpreadConstraints ?? []).filter(
    (each) => each.whenUnsatisfiable === 'DoNotSchedule',
  );
  const together = required(pod, 'podAffinity');
  const apart = required(pod, 'podAntiAffinity');
  const all = spread.length + together.length + apart.length > 0 ? around.places() : [];
  const filters = [
    ...spread.map((constraint) => spreadFilter(pod, constraint, all)),
    ...togetherFilter(store, pod, together, all),
    ...apart.map((term) => apartFilter(store, pod, term, all)),
    ...repelFilter(store, pod, around),
  ];
  if (filters.length === 0) return undefined;
  return (node) => {
    for (const filter of filters) {
      const found = filter(node);
      if (found) return found;
    }
    return undefined;
  };
}

export function required({ spec }: Pod, kind: 'podAffinity' | 'podAntiAffinity'): readonly PodAffinityTerm[] {
  return spec.affinity?.[kind]?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
}

const labelOf = (object: KubeObject, key: string): string | undefined => object.metadata.labels?.[key];
const untolerated = ({ spec }: Node, pod: Pod): boolean =>
  (spec.taints ?? []).some(
    ({ effect, ...rest }) => effect !== 'PreferNoSchedule' && !tolerates(pod.spec.tolerations, { effect, ...rest }),
  );

/** Domains are those of nodes that the pod may use; a node with a taint counts unless told otherwise. */
function spreadFilter(pod: Pod, constraint: TopologySpreadConstraint, all: readonly Place[]): TopologyFilter {
  const { topologyKey, maxSkew, minDomains, matchLabelKeys = [] } = constraint;
  const { nodeAffinityPolicy = 'Honor', nodeTaintsPolicy = 'Ignore' } = constraint;
  const counts = new Map<string, number>();
  const alike = (other: Pod): boolean =>
    other.metadata.namespace === pod.metadata.namespace &&
    !isTerminating(other) &&
    matchesSelector(constraint.labelSelector, other.metadata.labels) &&
    matchLabelKeys.every((key) => labelOf(other, key) === labelOf(pod, key));
  for (const { node, pods } of all) {
    const domain = labelOf(node, topologyKey);
    if (domain === undefined) continue;
    if (nodeAffinityPolicy === 'Honor' && !matchesNode(pod.spec, node)) continue;
    if (nodeTaintsPolicy === 'Honor' && untolerated(node, pod)) continue;
    let count = counts.get(domain) ?? 0;
    for (const other of pods) if (alike(other)) count += 1;
    counts.set(domain, count);
  }
  const fewest = counts.size < (minDomains ?? 1) ? 0 : Math.min(...counts.values());
  const own = matchesSelector(constraint.labelSelector, pod.metadata.labels) ? 1 : 0;
  return (node) => {
    const domain = labelOf(node, topologyKey);
    if (domain === undefined) return refusal('match pod topology spread constraints (missing required label)', false);
    const skew = (counts.get(domain) ?? 0) + own - fewest;
    return skew > maxSkew ? refusal('match pod topology spread constraints') : undefined;
  };
}

/** Every term needs a pod that fits all of them in the node's domain; the first of a group that wants itself may begin. */
function togetherFilter(
  store: KubernetesStore,
  pod: Pod,
  terms: readonly PodAffinityTerm[],
  all: readonly Place[],
): TopologyFilter[] {
  if (terms.length === 0) return [];
  const fitsAll = (from: Pod, other: Pod): boolean => terms.every((term) => selects(store, term, from, other));
  const mates = all.filter(({ pods }) => pods.some((other) => fitsAll(pod, other)));
  const begins = mates.length === 0 && fitsAll(pod, pod);
  return [
    (node) => {
      const met = terms.every(({ topologyKey }) => {
        const domain = labelOf(node, topologyKey);
        return domain !== undefined && (begins || mates.some((mate) => labelOf(mate.node, topologyKey) === domain));
      });
      return met ? undefined : refusal('match pod affinity rules', false);
    },
  ];
}

function apartFilter(store: KubernetesStore, pod: Pod, term: PodAffinityTerm, all: readonly Place[]): TopologyFilter {
  const taken = new Set<string | undefined>();
  for (const { node, pods } of all) {
    const domain = labelOf(node, term.topologyKey);
    if (domain === undefined || taken.has(domain)) continue;
    for (const other of pods) {
      if (!selects(store, term, pod, other)) continue;
      taken.add(domain);
      break;
    }
  }
  return (node) => (taken.has(labelOf(node, term.topologyKey)) ? refusal('match pod anti-affinity rules') : undefined);
}

/** Pods that are there and want this one elsewhere. */
function repelFilter(store: KubernetesStore, pod: Pod, { nodeOf, repelling }: Surroundings): TopologyFilter[] {
  const taken = new Set<string>();
  for (const other of repelling.values()) {
    const node = nodeOf(other);
    for (const term of required(other, 'podAntiAffinity')) {
      const domain = node && labelOf(node, term.topologyKey);
      if (domain !== undefined && selects(store, term, other, pod)) taken.add(`${term.topologyKey}=${domain}`);
    }
  }
  if (taken.size === 0) return [];
  const keys = new Set([...taken].map((each) => each.slice(0, each.indexOf('='))));
  return [
    (node) =>
      [...keys].some((key) => taken.has(`${key}=${labelOf(node, key)}`))
        ? refusal('satisfy existing pods anti-affinity rules')
        : undefined,
  ];
}

/** Whether a term of a pod means another one. */
function selects(store: KubernetesStore, term: PodAffinityTerm, { metadata }: Pod, other: Pod): boolean {
  const { namespace = '' } = other.metadata;
  return (
    inReach(store, term, metadata.namespace ?? '', namespace) &&
    matchesSelector(term.labelSelector, other.metadata.labels)
  );
}

function inReach(
  store: KubernetesStore,
  { namespaces, namespaceSelector }: PodAffinityTerm,
  own: string,
  namespace: string,
): boolean {
  if (!namespaces && !namespaceSelector) return namespace === own;
  if (namespaces?.includes(namespace)) return true;
  const found = namespaceSelector && store.get<Namespace>('namespaces', undefined, namespace);
  return found !== undefined && matchesSelector(namespaceSelector, found.metadata.labels);
}
