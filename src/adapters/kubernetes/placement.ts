import type {
  LabelSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  Placement,
  PodAffinityTerm,
  Toleration,
  TopologySpread,
} from '../../domain/snapshot.ts';
import type { WireNodeSelectorTerm, WirePodAffinityTerm, WirePodSpec, WireSelector, WireTemplate } from './wire.ts';

type Maybe<T> = T | null | undefined;

/** What a pod with this spec and these labels demands of its node. What it does not demand is left out: pods are many. */
export function placementOf(spec: Maybe<WirePodSpec>, labels: Readonly<Record<string, string>>): Placement {
  const { nodeAffinity, podAffinity, podAntiAffinity } = spec?.affinity ?? {};
  const required = 'requiredDuringSchedulingIgnoredDuringExecution';
  return {
    nodeSelector: spec?.nodeSelector ?? {},
    tolerations: (spec?.tolerations ?? []).map(toToleration),
    ...unlessEmpty('nodeAffinity', toNodeSelectorTerms(nodeAffinity?.[required]?.nodeSelectorTerms)),
    ...unlessEmpty('podAffinity', (podAffinity?.[required] ?? []).map(toPodAffinityTerm)),
    ...unlessEmpty('podAntiAffinity', (podAntiAffinity?.[required] ?? []).map(toPodAffinityTerm)),
    ...unlessEmpty('topologySpread', topologySpreadOf(spec, labels)),
    ...unlessEmpty('hostPorts', hostPortsOf(spec)),
  };
}

export function templateOf(template: Maybe<WireTemplate>): Placement & { labels: Record<string, string> } {
  const labels = template?.metadata?.labels ?? {};
  return { ...placementOf(template?.spec, labels), labels };
}

/** A field that is absent when there is nothing in it. */
export function unlessEmpty<K extends string, T>(key: K, items: T[]): { [key in K]?: T[] } {
  const field: { [key in K]?: T[] } = {};
  if (items.length > 0) field[key] = items;
  return field;
}

type WireToleration = NonNullable<NonNullable<WirePodSpec['tolerations']>[number]>;

function toToleration({ key, operator, value, effect }: WireToleration): Toleration {
  return {
    ...(key == null ? {} : { key }),
    ...(operator == null ? {} : { operator }),
    ...(value == null ? {} : { value }),
    ...(effect == null ? {} : { effect }),
  };
}

const nodeOperators = ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'] as const;

export const toNodeSelectorTerms = (terms: Maybe<WireNodeSelectorTerm[]>): NodeSelectorTerm[] =>
  (terms ?? []).map(({ matchExpressions, matchFields }) => ({
    expressions: toRequirements(matchExpressions),
    fields: toRequirements(matchFields),
  }));

function toRequirements(requirements: WireNodeSelectorTerm['matchExpressions']): NodeSelectorRequirement[] {
  return (requirements ?? []).map(({ key, operator, values }) => {
    const known = nodeOperators.find((each) => each === operator);
    // one that this version does not know matches nothing
    return { key: key ?? '', operator: known ?? 'In', values: known === undefined ? [] : (values ?? []) };
  });
}

const toPodAffinityTerm = (term: WirePodAffinityTerm): PodAffinityTerm => ({
  topologyKey: term.topologyKey ?? '',
  selector: toSelector(term.labelSelector),
  namespaces: term.namespaces ?? [],
  ...(term.namespaceSelector == null ? {} : { anyNamespace: true }),
});

/** `matchLabelKeys` adds the pod's own values of those labels to the selector; a label that it does not have adds nothing. */
function topologySpreadOf(spec: Maybe<WirePodSpec>, labels: Readonly<Record<string, string>>): TopologySpread[] {
  return (spec?.topologySpreadConstraints ?? [])
    .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === 'DoNotSchedule')
    .map(({ topologyKey, maxSkew, minDomains, labelSelector, matchLabelKeys, nodeTaintsPolicy }) => {
      const own = (matchLabelKeys ?? []).flatMap((key) => {
        const value = labels[key];
        return value === undefined ? [] : [{ key, operator: 'In' as const, values: [value] }];
      });
      const selector = toSelector(labelSelector);
      const matchExpressions = [...(selector?.matchExpressions ?? []), ...own];
      return {
        topologyKey: topologyKey ?? '',
        maxSkew: maxSkew ?? 1,
        ...(minDomains == null ? {} : { minDomains }),
        selector: selector === null || own.length === 0 ? selector : { ...selector, matchExpressions },
        ...(nodeTaintsPolicy === 'Honor' ? { honorsTaints: true as const } : {}),
      };
    });
}

/** Of containers and sidecars. In the network of the host every port of a container is one of the host. */
function hostPortsOf(spec: Maybe<WirePodSpec>): NonNullable<Placement['hostPorts']> {
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...(spec?.containers ?? []), ...sidecars].flatMap(({ ports }) =>
    (ports ?? []).flatMap(({ containerPort, hostPort, protocol, hostIP }) => {
      const port = hostPort || (spec?.hostNetwork === true ? containerPort : 0);
      return port ? [{ port, protocol: protocol || 'TCP', hostIp: hostIP || '0.0.0.0' }] : [];
    }),
  );
}

const labelOperators = ['In', 'NotIn', 'Exists', 'DoesNotExist'] as const;

export function toSelector(selector: Maybe<WireSelector>): LabelSelector | null {
  if (selector == null) return null;
  const expressions = (selector.matchExpressions ?? []).map(({ key, operator, values }) => {
    const known = labelOperators.find((each) => each === operator);
    // one that this version does not know selects nothing
    if (known === undefined) return { key: key ?? '', operator: 'In' as const, values: [] };
    return { key: key ?? '', operator: known, ...(values == null ? {} : { values }) };
  });
  return {
    ...(selector.matchLabels == null ? {} : { matchLabels: selector.matchLabels }),
    ...unlessEmpty('matchExpressions', expressions),
  };
}
