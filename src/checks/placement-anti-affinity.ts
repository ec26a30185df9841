import { selects } from '../domain/label-selector.ts';
import type { Scope } from '../domain/scope.ts';
import type { Pod, PodAffinityTerm } from '../domain/snapshot.ts';
import { type Check, count, planAgain } from './check.ts';
import { byWorkload } from './moving.ts';
import { createNodesAfter, editCommand, hostname, type NodesAfter, placeWords } from './nodes-after.ts';

/** Pods that keep off each other, and are more than there will be nodes (or zones) to be apart on. */
export const placementAntiAffinity: Check = {
  codes: [
    {
      code: 'PLACEMENT.ANTI_AFFINITY',
      meaning: 'Required anti-affinity keeps pods apart, and there will be fewer nodes or zones than pods.',
      canBeAllowed: true,
    },
  ],
  run(snapshot, scope) {
    const after = createNodesAfter(snapshot, scope);
    const moving = new Set(scope.movingPods);
    const running = snapshot.pods.filter(
      ({ podAntiAffinity, nodeName, phase }) =>
        podAntiAffinity !== undefined && nodeName !== null && phase !== 'Succeeded' && phase !== 'Failed',
    );
    return byWorkload(running, snapshot).flatMap((owned) => {
      const { subject, pods } = owned;
      const pod = pods.find((one) => moving.has(one));
      if (pod === undefined) return [];
      const places = after(pod);
      const terms = (pod.podAntiAffinity ?? []).filter((term) => speaksOfItself(pod, term));
      const tight = terms
        .map(({ topologyKey }) => ({ topologyKey, apart: domainsOf(places, topologyKey) }))
        // without any place it is another finding
        .find(({ apart }) => apart > 0 && pods.length > apart);
      if (tight === undefined) return [];
      const { topologyKey, apart } = tight;
      const [where, many] = placeWords(topologyKey);
      return [
        {
          code: 'PLACEMENT.ANTI_AFFINITY',
          severity: 'blocking' as const,
          subject,
          summary: `${subject}: its ${count(pods.length, 'pod')} must not share a ${where}, and there will be ${count(apart, where, many)} for them.`,
          why: `Required anti-affinity over ${topologyKey}: ${count(pods.length - apart, 'pod')} would stay Pending, and the drain would wait for ${pods.length - apart === 1 ? 'it' : 'them'}.`,
          nextActions: [
            ...(topologyKey === hostname ? moreNodes(scope, places, pods.length) : []),
            editCommand(owned, 'prefer to be apart instead (preferredDuringScheduling...)'),
            `${planAgain(scope, { allow: ['PLACEMENT.ANTI_AFFINITY'] })}  # when an autoscaler will add the nodes`,
          ],
        },
      ];
    });
  },
};

const speaksOfItself = (pod: Pod, { selector, namespaces, anyNamespace }: PodAffinityTerm): boolean =>
  (anyNamespace === true || namespaces.length === 0 || namespaces.includes(pod.namespace)) &&
  selects(selector, pod.labels);

/** How many different values of the key the nodes have; every node has a hostname of its own. */
export function domainsOf({ kinds, staying, count: nodes }: NodesAfter, topologyKey: string): number {
  if (topologyKey === hostname) return nodes;
  const values = [...kinds.filter((kind) => kind.nodes > 0).map(({ kind }) => kind), ...staying].flatMap(
    ({ labels }) => labels[topologyKey] ?? [],
  );
  return new Set(values).size;
}

/** With one replacement: so many nodes that all have one. */
export function moreNodes(scope: Scope, { count: nodes, kinds }: NodesAfter, needed: number): string[] {
  const [source, ...others] = scope.sources;
  if (source === undefined || others.length > 0 || kinds.length === 0) return [];
  return [planAgain(scope, { nodes: (scope.nodes.get(source.nodegroupName) ?? 0) + needed - nodes })];
}
