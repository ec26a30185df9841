import { podsToMove } from '../domain/nodegroups.ts';
import type { PlanRequest } from '../domain/plan.ts';
import {
  amountText,
  type Obstacle,
  obstacleOn,
  type ReplacementNode,
  type Resources,
  replacementNodes,
  resourcesOf,
  type SchedulingNode,
  stayingNodes,
} from '../domain/scheduling.ts';
import type { SourceCapacity, TooBig } from '../domain/scope.ts';
import { indexSelectors, type SelectorIndex, selectingPod } from '../domain/selector-index.ts';
import type {
  ClusterSnapshot,
  Nodegroup,
  NodeSelectorTerm,
  Pod,
  PodAffinityTerm,
  VolumeClaim,
} from '../domain/snapshot.ts';
import { sum } from '../domain/sum.ts';
import { claimsByName, volumeFits, volumeNeeds } from '../domain/volumes.ts';
import { indexWorkloads, nameOf, ownerOf } from '../domain/workloads.ts';
import { type Packing, type PodClass, pack } from './packing.ts';

/** Capacity of the replacements by name of their source. */
export type Capacities = (sources: readonly Nodegroup[], request: PlanRequest) => ReadonlyMap<string, SourceCapacity>;

/** Packs once for what the packing depends on, however many plans are tried. */
export function createCapacities(snapshot: ClusterSnapshot): Capacities {
  const known = new Map<string, ReadonlyMap<string, SourceCapacity>>();
  return (sources, request) => {
    const { subnetIds, maxPods } = request;
    const key = JSON.stringify([sources.map(({ nodegroupName }) => nodegroupName), subnetIds, maxPods]);
    const found = known.get(key) ?? capacityOf(snapshot, sources, request);
    known.set(key, found);
    return found;
  };
}

/**
 * How many nodes of each replacement hold the pods that move: first fit decreasing, by zone, resources, ports of the host and
 * required anti-affinity on one node, with DaemonSets and what kubelet keeps taken off. Nodes that stay are not counted on.
 * Of several instance types the least of each resource counts, since nobody knows which ones will come.
 */
export function capacityOf(
  snapshot: ClusterSnapshot,
  sources: readonly Nodegroup[],
  request: PlanRequest,
  kinds: readonly ReplacementNode[] = replacementNodes(snapshot, sources, request),
): ReadonlyMap<string, SourceCapacity> {
  const moving = movingClasses(snapshot, sources, kinds);
  return new Map(
    sources.map(({ nodegroupName }) => [
      nodegroupName,
      capacityOfOne(
        moving.filter(({ target }) => target === nodegroupName),
        kinds.filter(({ source }) => source === nodegroupName),
      ),
    ]),
  );
}

/** Pods of one owner that are alike, and the replacement that takes them. */
interface MovingClass {
  owner: string;
  pods: Pod[];
  target: string;
  needs: Resources;
  /** kinds of nodes of the target that they may run on */
  kinds: readonly ReplacementNode[];
  /** nowhere else */
  isOnlyHere: boolean;
  repels: string[];
  repelledBy: string[];
}

function capacityOfOne(moving: readonly MovingClass[], kinds: readonly ReplacementNode[]): SourceCapacity {
  const nothing = {
    nodesNeeded: 0,
    limitedBy: 'nothing',
    unplaced: [],
    tooBig: [],
    whenSpread: 0,
    atLeast: 0,
    atLeastFor: 'pods',
  };
  if (kinds.length === 0 || moving.length === 0) return nothing;
  const room = leastOf(kinds.map((kind) => kind.room));
  const dimensions = Object.keys(room);
  const roomList = dimensions.map((name) => room[name] ?? 0);
  const tooBig = moving.flatMap(tooBigFor);
  const isTooBig = new Set(tooBig.map(({ pods }) => pods));
  const placeable = moving.filter(({ pods }) => !isTooBig.has(pods));
  const classes = placeable.map(
    (one): PodClass => ({
      name: one.owner,
      count: one.pods.length,
      // what only a larger type of the group can take counts as a node of its own
      needs: dimensions.map((name, at) => Math.min(one.needs[name] ?? 0, roomList[at] ?? 0)),
      zones: [...new Set(one.kinds.map(({ zone }) => zone ?? ''))],
      repels: one.repels,
      repelledBy: one.repelledBy,
    }),
  );
  const zones = [...new Set(kinds.map(({ zone }) => zone ?? ''))];
  const taken = [...new Set(kinds.flatMap(({ daemons }) => daemons.flatMap(({ placement }) => portsOf(placement))))];
  const packing = pack(classes, roomList, zones, taken);
  const onlyHere = placeable.filter(({ isOnlyHere }) => isOnlyHere);
  return {
    nodesNeeded: packing.nodes.length,
    limitedBy: limitOf(packing, classes, dimensions, roomList),
    unplaced: [
      ...tooBig.map(tooBigText),
      ...packing.unplaced.map(
        ({ name, count }) => `${name} (${pieces(count)}): a port of the host is taken by a DaemonSet`,
      ),
    ],
    unplacedPods: sum([...tooBig.map(({ pods }) => pods.length), ...packing.unplaced.map(({ count }) => count)]),
    tooBig,
    whenSpread: Math.max(0, ...roomList.map((has, at) => spreadOver(classes, has, at))),
    ...surely(onlyHere, kinds),
  };
}

/** Nodes over which all pods but one of the largest leave that one enough of a resource, each having `room` of it. */
function spreadOver(classes: readonly PodClass[], room: number, at: number): number {
  const largest = Math.max(0, ...classes.map(({ needs }) => needs[at] ?? 0));
  const others = sum(classes.map(({ count, needs }) => count * (needs[at] ?? 0))) - largest;
  return others <= 0 ? 1 : Math.ceil(others / (room - largest));
}

/** Nodes that the sum of requests needs on the roomiest type, and of what. */
function surely(
  moving: readonly MovingClass[],
  kinds: readonly ReplacementNode[],
): Pick<SourceCapacity, 'atLeast' | 'atLeastFor'> {
  const most = (name: string): number => Math.max(...kinds.map(({ mostRoom }) => mostRoom[name] ?? Infinity));
  const bounds = ['pods', 'memory', 'cpu'].map((name) => {
    const needed = sum(moving.map(({ needs, pods }) => (needs[name] ?? 0) * pods.length));
    return { atLeastFor: name, atLeast: needed === 0 ? 0 : Math.ceil(needed / most(name)) };
  });
  return bounds.reduce((a, b) => (b.atLeast > a.atLeast ? b : a));
}

/** Each resource that all of them tell, the least of it. */
function leastOf(rooms: readonly Resources[]): Resources {
  const [first = {}, ...rest] = rooms;
  return Object.fromEntries(
    Object.entries(first)
      .filter(([name]) => rest.every((room) => name in room))
      .map(([name, has]) => [name, Math.min(has, ...rest.map((room) => room[name] ?? has))]),
  );
}

function tooBigFor({ owner, pods, needs, kinds }: MovingClass): TooBig[] {
  const lacks = kinds.map(({ mostRoom }) => Object.entries(mostRoom).find(([name, has]) => (needs[name] ?? 0) > has));
  const [first] = lacks;
  if (first === undefined || lacks.includes(undefined)) return [];
  const [resource] = first;
  const has = Math.max(...kinds.map(({ mostRoom }) => mostRoom[resource] ?? 0));
  return [{ owner, pods, resource, needs: needs[resource] ?? 0, has }];
}

const tooBigText = ({ owner, pods, resource, needs, has }: TooBig): string => {
  const [pod] = pods;
  const who = pods.length === 1 && pod !== undefined ? nameOf(pod) : `${owner} (${pieces(pods.length)})`;
  return `${who}: needs ${amountText(resource, needs)}, a node has ${amountText(resource, has)}`;
};

const pieces = (count: number): string => `${count} pod${count === 1 ? '' : 's'}`;

/** What fills the nodes first: the largest lower bound of nodes that one reason alone gives. */
function limitOf(
  { boundToZones }: Packing,
  classes: readonly PodClass[],
  dimensions: readonly string[],
  room: readonly number[],
): string {
  const resources = dimensions.map((name, at) => ({
    name,
    nodes: sum(classes.map(({ needs, count }) => (needs[at] ?? 0) * count)) / Math.max(1, room[at] ?? 1),
  }));
  const alone = new Map<string, { name: string; nodes: number }>();
  for (const { name, count, repels, repelledBy } of classes) {
    for (const token of repels.filter((one) => repelledBy.includes(one))) {
      const found = alone.get(token) ?? {
        name: token.startsWith('host port') ? token : `anti-affinity of ${name}`,
        nodes: 0,
      };
      alone.set(token, { ...found, nodes: found.nodes + count });
    }
  }
  const bounds = [...resources, ...alone.values(), { name: 'volumes in zones', nodes: boundToZones }];
  return bounds.reduce((a, b) => (b.nodes > a.nodes ? b : a)).name;
}

/** The pods that move by what matters for a packing; those that no replacement may take are left out. */
function movingClasses(
  snapshot: ClusterSnapshot,
  sources: readonly Nodegroup[],
  kinds: readonly ReplacementNode[],
): MovingClass[] {
  const names = sources.map(({ nodegroupName }) => nodegroupName);
  const pods = podsToMove(snapshot, names);
  const sourceOf = new Map(snapshot.nodes.map(({ name, nodegroupName }) => [name, nodegroupName ?? '']));
  const claims = claimsByName(snapshot);
  const workloads = indexWorkloads(snapshot.workloads);
  const targetFor = createTargets(snapshot, sources, kinds);
  const rules = antiAffinityOf(pods);
  const classes = new Map<string, MovingClass>();
  for (const pod of pods) {
    const volumes = pod.persistentVolumeClaims.flatMap((name) => claims.get(nameOf({ ...pod, name })) ?? []);
    const target = targetFor(pod, sourceOf.get(pod.nodeName ?? '') ?? '', volumes);
    if (target === null) continue;
    const owner = ownerOf(pod, workloads);
    const needs = { ...resourcesOf(pod.requests), ...volumeNeeds(volumes) };
    const ports = portsOf(pod);
    const repels = [...(pod.podAntiAffinity ?? []).filter(isOnNode).map((term) => ruleOf(pod, term)), ...ports];
    const repelledBy = [...(rules.size === 0 ? [] : selectingPod(pod, rules).map(({ rule }) => rule)), ...ports];
    const name = nameOf(owner ?? pod);
    const key = JSON.stringify([name, target.key, needs, repels, repelledBy]);
    const found = classes.get(key);
    if (found !== undefined) found.pods.push(pod);
    else {
      const { source, nodes, isOnlyHere } = target;
      classes.set(key, {
        owner: name,
        pods: [pod],
        target: source,
        needs,
        kinds: nodes,
        isOnlyHere,
        repels,
        repelledBy,
      });
    }
  }
  return [...classes.values()];
}

interface Target {
  key: string;
  source: string;
  nodes: readonly ReplacementNode[];
  isOnlyHere: boolean;
}

type Targets = (pod: Pod, source: string, volumes: readonly VolumeClaim[]) => Target | null;

/** The replacement of the pod's own group, or else the first that takes it. */
function createTargets(
  snapshot: ClusterSnapshot,
  sources: readonly Nodegroup[],
  kinds: readonly ReplacementNode[],
): Targets {
  const staying = stayingNodes(snapshot, sources);
  const known = new Map<string, Target | null>();
  return (pod, source, volumes) => {
    const demands: NodeSelectorTerm[][] = volumes.map(({ nodeAffinity }) => nodeAffinity);
    const key = JSON.stringify([source, pod.nodeSelector, pod.tolerations, pod.nodeAffinity, demands]);
    const found = known.get(key);
    if (found !== undefined) return found;
    const takes = (node: SchedulingNode): boolean => blocks(pod, volumes, node) === null;
    const nodes = kinds.filter(takes);
    const own = nodes.some((node) => node.source === source) ? source : nodes[0]?.source;
    const target =
      own === undefined
        ? null
        : {
            key,
            source: own,
            nodes: nodes.filter((node) => node.source === own),
            isOnlyHere: nodes.every((node) => node.source === own) && !staying.some(takes),
          };
    known.set(key, target);
    return target;
  };
}

const blocks = (pod: Pod, volumes: readonly VolumeClaim[], node: SchedulingNode): Obstacle | null | 'volume' =>
  obstacleOn(pod, node) ?? (volumes.every((volume) => volumeFits(volume, node)) ? null : 'volume');

interface Rule {
  namespace: string;
  selector: PodAffinityTerm['selector'];
  rule: string;
}

const isOnNode = ({ topologyKey }: PodAffinityTerm): boolean => topologyKey === 'kubernetes.io/hostname';

const ruleOf = ({ namespace }: Pod, { selector, namespaces, anyNamespace }: PodAffinityTerm): string =>
  JSON.stringify([anyNamespace ? '*' : namespaces.length > 0 ? namespaces.toSorted() : [namespace], selector]);

/** Rules of anti-affinity on one node, to find those that speak of a pod. A namespaceSelector counts as every namespace. */
function antiAffinityOf(pods: readonly Pod[]): SelectorIndex<Rule> {
  const all = [...new Set(pods.map(({ namespace }) => namespace))];
  const rules = new Map<string, Rule[]>();
  for (const pod of pods) {
    for (const term of (pod.podAntiAffinity ?? []).filter(isOnNode)) {
      const rule = ruleOf(pod, term);
      if (rules.has(rule)) continue;
      const named = term.namespaces.length > 0 ? term.namespaces : [pod.namespace];
      const namespaces = term.anyNamespace ? all : named;
      rules.set(
        rule,
        namespaces.map((namespace) => ({ namespace, selector: term.selector, rule })),
      );
    }
  }
  return indexSelectors([...rules.values()].flat());
}

/** `host port 8080/TCP`: pods with the same one never share a node, whatever address they bind it to. */
const portsOf = ({ hostPorts }: Pick<Pod, 'hostPorts'>): string[] => [
  ...new Set((hostPorts ?? []).map(({ port, protocol }) => `host port ${port}/${protocol}`)),
];
