import type { SimClock } from '../types.ts';
import type { RecordEvent } from './events.ts';
import { equal } from './json.ts';
import type { Container, Node, Pod, Taint } from './objects.ts';
import { controllerOf, isFinished, requests, setCondition, tolerates } from './pods.ts';
import { quantity } from './quantity.ts';
import { matchesNode } from './selectors.ts';
import { claimsOf, claimTrouble, exceedsAttachLimit, fitsNode, provision, volumeOf } from './storage.ts';
import type { KubernetesStore } from './store.ts';
import { required, type Surroundings, type TopologyFilter, topologyFilter } from './topology.ts';
import { keyOf, splitKey } from './work-queue.ts';

const reactionMs = 10;
/** Pods that did not fit are looked at again when something changed, and no sooner than this after their last try. */
const retryMs = 1_000;
/** Enough feasible nodes to choose among; in a larger cluster the search begins where the last one ended. */
const feasibleNodes = 100;

interface NodeRoom {
  node: Node;
  pods: Map<string, Pod>;
  /** How many pods of each controller, by its uid. */
  mates: Map<string, number>;
  used: { cpu: number; memory: number };
  total: { cpu: number; memory: number; pods: number };
}

type Refusal = { reasons: string[]; resolvable: boolean };

/**
 * Binds pending pods to nodes: taints, `unschedulable`, node selector and required node affinity, host ports, CPU, memory,
 * number of pods and extended resources, attachments, node affinity of bound volumes, spread constraints, required affinity
 * and anti-affinity between pods; among the nodes that fit, the least allocated.
 */
export function startScheduler(store: KubernetesStore, clock: SimClock, record: RecordEvent): void {
  const rooms = new Map<string, NodeRoom>();
  const order: string[] = [];
  const active = new Set<string>();
  let waiting = new Set<string>();
  /** Pods with required anti-affinity, on their nodes. */
  const repelling = new Map<string, Pod>();
  let next = 0;
  let roundDue = false;
  let retryDue = false;
  let lastRetry = Number.NEGATIVE_INFINITY;
  let waitsForPods = false;
  const surroundings: Surroundings = {
    places: () => [...rooms.values()].map(({ node, pods }) => ({ node, pods: [...pods.values()] })),
    nodeOf: ({ spec }) => rooms.get(spec.nodeName ?? '')?.node,
    repelling,
  };

  store.watch<Pod>('pods', ({ type, object, previous }) => {
    const key = keyOf(object);
    const before = previous && holdsRoom(previous) ? previous : undefined;
    const after = type !== 'DELETED' && holdsRoom(object) ? object : undefined;
    if (before) release(before, key);
    if (after) occupy(after, key);
    // Where others are may be what a pod waits for.
    if (before ? !after : after && waitsForPods) retryWaiting();
    const wants = type !== 'DELETED' && !object.spec.nodeName && !object.metadata.deletionTimestamp;
    if (!wants) {
      active.delete(key);
      waiting.delete(key);
    } else if (type === 'ADDED') enqueue(key);
  });

  store.watch<Node>('nodes', ({ type, object, previous }) => {
    const { name } = object.metadata;
    if (type === 'DELETED') {
      rooms.delete(name);
      order.splice(order.indexOf(name), 1);
      return;
    }
    if (type === 'ADDED') order.push(name);
    const room = rooms.get(name) ?? {
      node: object,
      pods: new Map<string, Pod>(),
      mates: new Map<string, number>(),
      used: { cpu: 0, memory: 0 },
      total: totalOf(object),
    };
    room.node = object;
    room.total = totalOf(object);
    if (!rooms.has(name)) {
      rooms.set(name, room);
      for (const pod of store.podsOnNode<Pod>(name)) if (holdsRoom(pod)) occupy(pod, keyOf(pod));
    }
    if (!previous || matters(previous, object)) retryWaiting();
  });

  for (const resource of ['persistentvolumeclaims', 'persistentvolumes', 'csinodes', 'storageclasses']) {
    store.watch(resource, retryWaiting);
  }

  function occupy(pod: Pod, key: string): void {
    const room = rooms.get(pod.spec.nodeName ?? '');
    if (!room || room.pods.has(key)) return;
    const { cpu, memory } = requests(pod);
    room.pods.set(key, pod);
    room.used = { cpu: room.used.cpu + cpu, memory: room.used.memory + memory };
    countMate(room, pod, 1);
    if (required(pod, 'podAntiAffinity').length > 0) repelling.set(key, pod);
  }

  function release(pod: Pod, key: string): void {
    const room = rooms.get(pod.spec.nodeName ?? '');
    if (!room?.pods.delete(key)) return;
    const { cpu, memory } = requests(pod);
    room.used = { cpu: room.used.cpu - cpu, memory: room.used.memory - memory };
    countMate(room, pod, -1);
    repelling.delete(key);
  }

  function enqueue(key: string): void {
    active.add(key);
    if (roundDue) return;
    roundDue = true;
    clock.after(reactionMs, round);
  }

  function retryWaiting(): void {
    if (waiting.size === 0 || retryDue) return;
    retryDue = true;
    clock.after(Math.max(reactionMs, lastRetry + retryMs - clock.now()), () => {
      retryDue = false;
      lastRetry = clock.now();
      const again = waiting;
      waiting = new Set();
      waitsForPods = false;
      for (const key of again) enqueue(key);
    });
  }

  function round(): void {
    roundDue = false;
    const due = [...active].map(podOf).filter((pod): pod is Pod => pod !== undefined);
    active.clear();
    due.sort((a, b) => (b.spec.priority ?? 0) - (a.spec.priority ?? 0));
    // Pods of one controller are alike, and room only shrinks within a round: what one was refused, all are.
    const refused = new Map<string, string>();
    for (const pod of due) schedule(pod, refused);
  }

  function podOf(key: string): Pod | undefined {
    const [namespace, name] = splitKey(key);
    return store.get<Pod>('pods', namespace, name);
  }

  function schedule(pod: Pod, refused: Map<string, string>): void {
    const pinned = pinnedNode(pod);
    const alike = pinned === undefined && !isParticular(pod) ? controllerOf(pod)?.uid : undefined;
    const known = alike === undefined ? undefined : refused.get(alike);
    const { chosen, message } = known === undefined ? choose(pod, pinned) : { chosen: undefined, message: known };
    if (chosen) {
      bind(pod, chosen);
      return;
    }
    if (alike !== undefined) refused.set(alike, message);
    waiting.add(keyOf(pod));
    waitsForPods ||= dependsOnPods(pod);
    store.update<Pod>('pods', pod.metadata.namespace, pod.metadata.name, ({ status }) => {
      const condition = {
        type: 'PodScheduled',
        status: 'False',
        lastProbeTime: null,
        reason: 'Unschedulable',
        message,
      };
      status.conditions = setCondition(status.conditions, condition, store.timestamp());
    });
    record(pod, 'Warning', 'FailedScheduling', message, 'default-scheduler');
  }

  function choose(pod: Pod, pinned: string | undefined): { chosen?: NodeRoom | undefined; message: string } {
    const wanted = requests(pod);
    const claims = claimsOf(store, pod);
    const trouble = claimTrouble(store, claims);
    if (trouble !== undefined) return { message: explain(rooms.size, undefined, false, trouble) };
    const volumes = [...claims.values()].map((claim) => volumeOf(store, claim));
    const topology = topologyFilter(store, pod, surroundings);
    const demand: Demand = { ...wanted, more: moreOf(pod), ports: hostPorts(pod), volumes, topology };
    const refusals: Refusal[] = [];
    const feasible: NodeRoom[] = [];
    const candidates = pinned === undefined ? order.length : 1;
    let looked = 0;
    for (; looked < candidates && feasible.length < feasibleNodes; looked++) {
      const room = rooms.get(pinned ?? order[(next + looked) % order.length] ?? '');
      if (!room) continue;
      const refusal = refuse(store, pod, demand, room);
      if (refusal) refusals.push(refusal);
      else feasible.push(room);
    }
    if (pinned === undefined && order.length > 0) next = (next + looked) % order.length;
    if (feasible.length === 0) return { message: explain(rooms.size, refusals, pinned !== undefined) };
    return { chosen: best(feasible, wanted, controllerOf(pod)?.uid), message: '' };
  }

  function bind(pod: Pod, { node }: NodeRoom): void {
    const { name, namespace = '' } = pod.metadata;
    const nodeName = node.metadata.name;
    provision(store, pod, node);
    store.update<Pod>('pods', namespace, name, (draft) => {
      draft.spec.nodeName = nodeName;
      const condition = { type: 'PodScheduled', status: 'True', lastProbeTime: null };
      draft.status.conditions = setCondition(draft.status.conditions, condition, store.timestamp());
    });
    record(
      pod,
      'Normal',
      'Scheduled',
      `Successfully assigned ${namespace}/${name} to ${nodeName}`,
      'default-scheduler',
    );
  }
}

function countMate({ mates }: NodeRoom, pod: Pod, by: number): void {
  const owner = controllerOf(pod)?.uid;
  if (owner === undefined) return;
  const count = (mates.get(owner) ?? 0) + by;
  if (count > 0) mates.set(owner, count);
  else mates.delete(owner);
}

function holdsRoom(pod: Pod): boolean {
  return Boolean(pod.spec.nodeName) && !isFinished(pod);
}

function totalOf({ status }: Node): NodeRoom['total'] {
  const { cpu, memory, pods } = status.allocatable ?? {};
  return { cpu: quantity(cpu), memory: quantity(memory), pods: quantity(pods) };
}

/** Whether a change of a node can make room for a pod that did not fit. */
function matters(before: Node, after: Node): boolean {
  return (
    before.spec !== after.spec ||
    before.metadata.labels !== after.metadata.labels ||
    !equal(before.status.allocatable, after.status.allocatable)
  );
}

/** The one node that a pod of a DaemonSet may go to. */
function pinnedNode({ spec }: Pod): string | undefined {
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const field = terms?.length === 1 ? terms[0]?.matchFields?.[0] : undefined;
  return field?.key === 'metadata.name' && field.operator === 'In' ? field.values?.[0] : undefined;
}

/** What a pod wants of a node. */
interface Demand {
  cpu: number;
  memory: number;
  /** Resources that only some nodes have: `nvidia.com/gpu` */
  more: ReadonlyMap<string, number>;
  ports: readonly string[];
  volumes: readonly ReturnType<typeof volumeOf>[];
  topology: TopologyFilter | undefined;
}

/** Why a node cannot take a pod, in the order of the scheduler's filters; undefined when it can. */
function refuse(store: KubernetesStore, pod: Pod, demand: Demand, room: NodeRoom): Refusal | undefined {
  const { node, pods } = room;
  const { tolerations } = pod.spec;
  if (node.spec.unschedulable && !tolerates(tolerations, unschedulable)) return never('node(s) were unschedulable');
  const taint = node.spec.taints?.find((each) => each.effect !== 'PreferNoSchedule' && !tolerates(tolerations, each));
  if (taint) return never(`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`);
  if (!matchesNode(pod.spec, node)) return never("node(s) didn't match Pod's node affinity/selector");
  if (demand.ports.length > 0 && portsTaken(demand.ports, pods.values())) {
    return maybe("node(s) didn't have free ports for the requested pod ports");
  }
  const short = shortages(demand, room);
  if (short.length > 0) return { reasons: short, resolvable: true };
  if (demand.volumes.length > 0) {
    if (exceedsAttachLimit(store, pod, node, pods.values())) return maybe('node(s) exceed max volume count');
    if (!demand.volumes.every((volume) => fitsNode(volume, node))) {
      return never('node(s) had volume node affinity conflict');
    }
  }
  const apart = demand.topology?.(node);
  return apart && { reasons: [apart.reason], resolvable: apart.resolvable };
}

function shortages({ cpu, memory, more }: Demand, { node, pods, used, total }: NodeRoom): string[] {
  return [
    ...(pods.size + 1 > total.pods ? ['Too many pods'] : []),
    ...(exceeds(used.cpu + cpu, total.cpu) ? ['Insufficient cpu'] : []),
    ...(exceeds(used.memory + memory, total.memory) ? ['Insufficient memory'] : []),
    ...[...more]
      .filter(([name, wanted]) => {
        const taken = [...pods.values()].reduce((sum, other) => sum + (moreOf(other).get(name) ?? 0), 0);
        return exceeds(taken + wanted, quantity(node.status.allocatable?.[name]));
      })
      .map(([name]) => `Insufficient ${name}`),
  ];
}

/** Requests of resources with a domain in their name. */
function moreOf({ spec }: Pod): Map<string, number> {
  const found = new Map<string, number>();
  for (const { resources } of spec.containers) {
    for (const [name, value] of Object.entries(resources?.requests ?? {})) {
      if (name.includes('/')) found.set(name, (found.get(name) ?? 0) + quantity(value));
    }
  }
  return found;
}

/** `TCP/8080`. Every address of the node is meant. */
function hostPorts({ spec }: Pod): string[] {
  const portsOf = ({ ports = [] }: Container): string[] =>
    ports.flatMap(({ hostPort, containerPort, protocol = 'TCP' }) => {
      const port = hostPort ?? (spec.hostNetwork ? containerPort : undefined);
      return port === undefined || port === 0 ? [] : [`${protocol}/${port}`];
    });
  return spec.containers.flatMap(portsOf);
}

function portsTaken(wanted: readonly string[], pods: Iterable<Pod>): boolean {
  for (const pod of pods) if (hostPorts(pod).some((port) => wanted.includes(port))) return true;
  return false;
}

/** Whether where other pods are decides where this one may be. */
function dependsOnPods(pod: Pod): boolean {
  return (pod.spec.topologySpreadConstraints?.length ?? 0) + required(pod, 'podAffinity').length > 0;
}

/** Whether a pod may differ from its siblings in where it fits, or fit where they did not a moment ago. */
function isParticular(pod: Pod): boolean {
  return dependsOnPods(pod) || pod.spec.volumes?.some((volume) => volume.persistentVolumeClaim) === true;
}

function maybe(reason: string): Refusal {
  return { reasons: [reason], resolvable: true };
}

function never(reason: string): Refusal {
  return { reasons: [reason], resolvable: false };
}

const unschedulable: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/** Sums of decimal fractions are never quite exact. */
function exceeds(sum: number, limit: number): boolean {
  return sum > limit * (1 + 1e-9);
}

/** The least allocated node; where pods of the same controller are, one that has fewer of them. */
function best(
  feasible: readonly NodeRoom[],
  wanted: { cpu: number; memory: number },
  owner: string | undefined,
): NodeRoom | undefined {
  let chosen: NodeRoom | undefined;
  let highest = Number.NEGATIVE_INFINITY;
  for (const room of feasible) {
    const { used, total, pods, mates } = room;
    const share =
      (used.cpu + wanted.cpu) / total.cpu + (used.memory + wanted.memory) / total.memory + pods.size / total.pods;
    const score = -(mates.get(owner ?? '') ?? 0) * 10 - share;
    if (score > highest) [chosen, highest] = [room, score];
  }
  return chosen ?? feasible[0];
}

/** The sentence of the condition and the event. */
function explain(nodes: number, refusals: readonly Refusal[] = [], pinned = false, trouble?: string): string {
  if (nodes === 0) return 'no nodes available to schedule pods';
  if (trouble !== undefined) {
    const none = `0/${nodes} nodes are available`;
    return `${none}: ${trouble}. preemption: ${none}: ${nodes} Preemption is not helpful for scheduling.`;
  }
  const others = pinned ? Array.from({ length: nodes - refusals.length }, () => elsewhere) : [];
  const all = [...refusals, ...others];
  const head = `0/${nodes} nodes are available`;
  const helpless = all.filter(({ resolvable }) => !resolvable).length;
  const victims = [
    ...(helpless > 0 ? [`${helpless} Preemption is not helpful for scheduling`] : []),
    ...(all.length > helpless ? [`${all.length - helpless} No preemption victims found for incoming pod`] : []),
  ];
  return `${head}: ${tally(all.flatMap(({ reasons }) => reasons))}. preemption: ${head}: ${victims.join(', ')}.`;
}

const elsewhere: Refusal = { reasons: ["node(s) didn't match Pod's node affinity/selector"], resolvable: false };

function tally(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .toSorted()
    .join(', ');
}
