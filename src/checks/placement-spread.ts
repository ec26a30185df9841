import { nodesOf } from '../domain/nodegroups.ts';
import { fitsTerms } from '../domain/scheduling.ts';
import { podsBySelector } from '../domain/selector-index.ts';
import type { ClusterNode, LabelSelector, Pod, TopologySpread } from '../domain/snapshot.ts';
import { type Check, count, planAgain } from './check.ts';
import { byWorkload, type MovingWorkload } from './moving.ts';
import { createNodesAfter, editCommand, hostname, type NodesAfter, placeWords } from './nodes-after.ts';
import { domainsOf, moreNodes } from './placement-anti-affinity.ts';

interface Constraint {
  owned: MovingWorkload;
  pod: Pod;
  spread: TopologySpread;
  namespace: string;
  selector: LabelSelector | null;
}

/**
 * Spread constraints that do not hold once the old nodes are empty. Nodes that are cordoned go on counting as domains, unless
 * the constraint says otherwise (nodeTaintsPolicy; kube-scheduler, plugin PodTopologySpread): the fewest pods are then none.
 */
export const placementSpread: Check = {
  codes: [
    {
      code: 'PLACEMENT.SPREAD',
      meaning: 'A spread constraint (DoNotSchedule) keeps pods from the new nodes.',
      canBeAllowed: true,
    },
  ],
  run(snapshot, scope) {
    const after = createNodesAfter(snapshot, scope);
    const oldNodes = scope.sources.flatMap(({ nodegroupName }) => nodesOf(snapshot, nodegroupName));
    const spreading = scope.movingPods.filter(({ topologySpread }) => topologySpread !== undefined);
    const constraints = byWorkload(spreading, snapshot).flatMap((owned): Constraint[] => {
      const [pod] = owned.pods;
      const { namespace } = pod;
      return (pod.topologySpread ?? []).map((spread) => ({ owned, pod, spread, namespace, selector: spread.selector }));
    });
    const running = snapshot.pods.filter(
      ({ nodeName, phase, deletionTimestamp }) =>
        nodeName !== null && phase !== 'Succeeded' && phase !== 'Failed' && deletionTimestamp === null,
    );
    const selected = constraints.length === 0 ? new Map<Constraint, Pod[]>() : podsBySelector(constraints, running);
    const told = new Set<MovingWorkload>();
    return constraints.flatMap((constraint) => {
      const { owned, pod, spread } = constraint;
      const places = after(pod);
      if (told.has(owned) || places.count === 0) return [];
      const pods = selected.get(constraint) ?? [];
      const problem = problemOf(spread, places, oldNodes, pod, pods);
      if (problem === null) return [];
      told.add(owned);
      const nodes = spread.topologyKey === hostname ? Math.ceil(pods.length / spread.maxSkew) : 0;
      return [
        {
          code: 'PLACEMENT.SPREAD',
          severity: 'blocking' as const,
          subject: owned.subject,
          ...problem,
          nextActions: [
            ...(nodes > places.count ? moreNodes(scope, places, nodes) : []),
            editCommand(
              owned,
              'in topologySpreadConstraints set nodeTaintsPolicy: Honor, or whenUnsatisfiable: ScheduleAnyway',
            ),
            `${planAgain(scope, { allow: ['PLACEMENT.SPREAD'] })}  # when you will change it during the drain`,
          ],
        },
      ];
    });
  },
};

function problemOf(
  { topologyKey, maxSkew, minDomains, honorsTaints }: TopologySpread,
  places: NodesAfter,
  oldNodes: readonly ClusterNode[],
  pod: Pod,
  pods: readonly Pod[],
): { summary: string; why: string } | null {
  const domains = domainsOf(places, topologyKey);
  const who = `${pods.length === 1 ? '1 pod' : `${pods.length} pods`} in ${pod.namespace} that spread over ${topologyKey}`;
  if (domains === 0) {
    return {
      summary: `${who}: no node will have this label.`,
      why: 'A pod with this constraint starts on nodes with the label only. It would stay Pending.',
    };
  }
  const isEmptied =
    honorsTaints !== true &&
    oldNodes.some((node) => isDomain(node, pod, topologyKey) && !isKept(node, places, topologyKey));
  const isTooFew = (minDomains ?? 1) > domains;
  // pods that the selector leaves out do not count, and are not held up
  if (!pods.includes(pod) || !(isEmptied || isTooFew) || pods.length <= domains * maxSkew) return null;
  const [where, many] = placeWords(topologyKey);
  return {
    summary: `${who}: maxSkew ${maxSkew} lets ${domains * maxSkew} of them start on ${count(domains, where, many)}, the others wait.`,
    why: isTooFew
      ? `With fewer than minDomains ${minDomains}, at most maxSkew pods may be in each.`
      : `The old nodes count on while they are cordoned and empty: as long as one has no such pod, at most maxSkew pods may be ${topologyKey === hostname ? 'on each other node' : 'in each other place'}. The drain would wait for ever.`,
  };
}

/** Whether the node counts for the constraint: it has the label and suits the pod, taints aside. */
const isDomain = ({ name, labels }: ClusterNode, { nodeSelector, nodeAffinity }: Pod, topologyKey: string): boolean =>
  topologyKey in labels &&
  Object.entries(nodeSelector ?? {}).every(([key, value]) => labels[key] === value) &&
  fitsTerms(nodeAffinity ?? [], { name, labels });

/** Whether pods can still come to where the node is. */
const isKept = ({ labels }: ClusterNode, { kinds, staying }: NodesAfter, topologyKey: string): boolean =>
  topologyKey !== hostname &&
  [...kinds.filter(({ nodes }) => nodes > 0).map(({ kind }) => kind), ...staying].some(
    (other) => other.labels[topologyKey] === labels[topologyKey],
  );
