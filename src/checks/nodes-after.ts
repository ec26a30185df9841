import { obstacleOn, type ReplacementNode, stayingNodes } from '../domain/scheduling.ts';
import type { Scope } from '../domain/scope.ts';
import type { ClusterNode, ClusterSnapshot, Placement } from '../domain/snapshot.ts';
import type { MovingWorkload } from './moving.ts';

/** Nodes that may take a pod once the old ones are gone, by labels and taints. */
export interface NodesAfter {
  /** kinds of nodes of the replacements, and how many of each there are at most */
  kinds: { kind: ReplacementNode; nodes: number }[];
  staying: ClusterNode[];
  /** all together, at most */
  count: number;
}

export const hostname = 'kubernetes.io/hostname';

/** Answers for each placement; equal ones are looked at once. */
export function createNodesAfter(snapshot: ClusterSnapshot, scope: Scope): (placement: Placement) => NodesAfter {
  const { replacements, sources, nodes: sizes } = scope;
  const staying = stayingNodes(snapshot, sources);
  const known = new Map<string, NodesAfter>();
  return (placement) => {
    const { nodeSelector, tolerations, nodeAffinity } = placement;
    const key = JSON.stringify([nodeSelector, tolerations, nodeAffinity]);
    const found = known.get(key);
    if (found !== undefined) return found;
    const takes = replacements.filter((kind) => obstacleOn(placement, kind) === null);
    const kinds = takes.map((kind) => ({ kind, nodes: inZone(replacements, kind, sizes.get(kind.source) ?? 0) }));
    const stay = staying.filter((node) => obstacleOn(placement, node) === null);
    const count = sources
      .map(({ nodegroupName }) => {
        const zones = new Map(
          kinds.filter(({ kind }) => kind.source === nodegroupName).map(({ kind, nodes }) => [kind.zone, nodes]),
        );
        const inZones = [...zones.values()].reduce((total, nodes) => total + nodes, 0);
        return Math.min(sizes.get(nodegroupName) ?? 0, inZones);
      })
      .reduce((total, nodes) => total + nodes, stay.length);
    const after = { kinds, staying: stay, count };
    known.set(key, after);
    return after;
  };
}

/** Of so many nodes that are spread evenly, those in one zone at most. */
function inZone(replacements: readonly ReplacementNode[], { source }: ReplacementNode, size: number): number {
  const zones = new Set(replacements.filter((kind) => kind.source === source).map(({ zone }) => zone));
  return Math.ceil(size / Math.max(1, zones.size));
}

/** What a topology key tells apart, one of it and several. */
export function placeWords(topologyKey: string): [one: string, many: string] {
  if (topologyKey === hostname) return ['node', 'nodes'];
  if (topologyKey === 'topology.kubernetes.io/zone') return ['zone', 'zones'];
  return [`value of ${topologyKey}`, `values of ${topologyKey}`];
}

/** Opens what decides about such pods in an editor; a bare pod cannot be changed. */
export const editCommand = ({ subject, namespace, owner, pods: [pod] }: MovingWorkload, todo: string): string =>
  owner === null
    ? `kubectl -n ${namespace} get pod ${pod.name} -o yaml  # create ${subject} anew: ${todo}`
    : `kubectl -n ${namespace} edit ${owner.kind.toLowerCase()}/${owner.name}  # ${todo}`;
