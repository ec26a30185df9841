/**
 * Whether a pod may run on a node, as the scheduler of Kubernetes decides it by labels and taints (pkg/scheduler: plugins
 * NodeUnschedulable, TaintToleration, NodeAffinity), and what the nodes of a replacement will be like.
 */
import { envAfter, interfaceSettings } from './cni-settings.ts';
import { kubeReservedCpuMillis, recommendedMaxPods } from './max-pods.ts';
import { isGivenToEveryNode } from './node-labels.ts';
import { allocatableAfter, allocatableOfNew, hiddenMemory } from './node-memory.ts';
import { nodesOf, replacementSubnets, replacementTypesOf } from './nodegroups.ts';
import type { PlanRequest } from './plan.ts';
import type {
  ClusterNode,
  ClusterSnapshot,
  InstanceType,
  Nodegroup,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  NodeTaint,
  Placement,
  Pod,
  TaintEffect,
  Toleration,
} from './snapshot.ts';
import { sum } from './sum.ts';
import { nameOf } from './workloads.ts';

/** What the scheduler looks at of a node. */
export interface SchedulingNode {
  /** null: not known yet, so that no demand for a name holds */
  name: string | null;
  labels: Record<string, string>;
  taints: NodeTaint[];
  unschedulable: boolean;
}

/** Why a pod does not come to a node: a demand of the pod, as people write it, or a taint of the node. */
export type Obstacle =
  | { kind: 'cordoned' }
  | { kind: 'taint'; taint: string }
  | { kind: 'label'; demand: string; keys: string[] };

/** The first reason, in the order of the scheduler; null when nothing is in the way. */
export function obstacleOn(placement: Placement, node: SchedulingNode): Obstacle | null {
  const { nodeSelector, tolerations, nodeAffinity } = placement;
  if (node.unschedulable && !isTolerated(unschedulableTaint, tolerations)) return { kind: 'cordoned' };
  const taint = node.taints.find((one) => keepsOff.has(one.effect) && !isTolerated(one, tolerations));
  if (taint !== undefined) return { kind: 'taint', taint: taintText(taint) };
  const label = Object.entries(nodeSelector ?? {}).find(([key, value]) => labelOf(node.labels, key) !== value);
  if (label !== undefined) return { kind: 'label', demand: `nodeSelector ${label.join('=')}`, keys: [label[0]] };
  if (nodeAffinity === undefined || fitsTerms(nodeAffinity, node)) return null;
  const missed = nodeAffinity.map((term) => missedBy(term, node));
  return {
    kind: 'label',
    demand: `node affinity ${[...new Set(missed.map(requirementText))].join(' or ')}`,
    keys: [...new Set(missed.map(({ key }) => key))],
  };
}

/** Whether one of the terms holds; without terms nothing is demanded. */
export const fitsTerms = (terms: readonly NodeSelectorTerm[], node: Pick<SchedulingNode, 'name' | 'labels'>): boolean =>
  terms.length === 0 || terms.some((term) => holdsTerm(term, node));

/** `dedicated=search:NoSchedule` */
export const taintText = ({ key, value, effect }: NodeTaint): string => `${key}${value ? `=${value}` : ''}:${effect}`;

const keepsOff = new Set(['NoSchedule', 'NoExecute']);

const unschedulableTaint: NodeTaint = { key: 'node.kubernetes.io/unschedulable', value: null, effect: 'NoSchedule' };

/** Comparing operators (Lt, Gt), an alpha feature of Kubernetes 1.35, tolerate nothing, as where the feature is off. */
const isTolerated = (taint: NodeTaint, tolerations: readonly Toleration[] | undefined): boolean =>
  (tolerations ?? []).some(
    ({ key, operator, value, effect }) =>
      (!effect || effect === taint.effect) &&
      (!key || key === taint.key) &&
      (operator === 'Exists' || ((!operator || operator === 'Equal') && (value ?? '') === (taint.value ?? ''))),
  );

const labelOf = (labels: Record<string, string>, key: string): string | undefined =>
  Object.hasOwn(labels, key) ? labels[key] : undefined;

type Named = Pick<SchedulingNode, 'name' | 'labels'>;

const isEmpty = ({ expressions, fields }: NodeSelectorTerm): boolean => expressions.length + fields.length === 0;

const holdsTerm = (term: NodeSelectorTerm, node: Named): boolean =>
  !isEmpty(term) &&
  term.expressions.every((one) => holdsLabel(one, node.labels)) &&
  term.fields.every((one) => holdsField(one, node));

const nothing: NodeSelectorRequirement = { key: 'an empty term', operator: 'In', values: [] };

const missedBy = (term: NodeSelectorTerm, node: Named): NodeSelectorRequirement =>
  term.expressions.find((one) => !holdsLabel(one, node.labels)) ??
  term.fields.find((one) => !holdsField(one, node)) ??
  nothing;

function holdsLabel({ key, operator, values }: NodeSelectorRequirement, labels: Record<string, string>): boolean {
  const value = labelOf(labels, key);
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
    case 'Lt': {
      const [has, bound] = [int64(value), values.length === 1 ? int64(values[0]) : null];
      return has !== null && bound !== null && (operator === 'Gt' ? has > bound : has < bound);
    }
    default:
      return false;
  }
}

/** Only `metadata.name` exists, with one value, and In or NotIn. */
function holdsField({ key, operator, values }: NodeSelectorRequirement, { name }: Named): boolean {
  const value = key === 'metadata.name' ? (name ?? '') : '';
  if (values.length !== 1) return false;
  if (operator === 'In') return value !== '' && values[0] === value;
  return operator === 'NotIn' && values[0] !== value;
}

const largestInt64 = 2n ** 63n - 1n;

/** A number as Go's ParseInt reads it; null for anything else. */
function int64(text: string | undefined): bigint | null {
  if (text === undefined || !/^[+-]?[0-9]+$/.test(text)) return null;
  const value = BigInt(text.replace(/^\+/, ''));
  return value > largestInt64 || value < -largestInt64 - 1n ? null : value;
}

const requirementText = ({ key, operator, values }: NodeSelectorRequirement): string => {
  if (operator === 'Exists' || operator === 'DoesNotExist') return `${key} ${operator}`;
  return operator === 'Gt' || operator === 'Lt'
    ? `${key} ${operator} ${values.join()}`
    : `${key} ${operator} (${values.join(', ')})`;
};

/** What a node has for pods or a pod takes: `pods` and other pieces, `cpu` in millis, `memory` in bytes, and so on. */
export type Resources = Record<string, number>;

export const resourcesOf = ({ cpuMillis, memoryBytes, others }: Pod['requests']): Resources => ({
  pods: 1,
  cpu: cpuMillis,
  memory: memoryBytes,
  ...others,
});

/** Nodes in service that no source has. */
export function stayingNodes(snapshot: ClusterSnapshot, sources: readonly Nodegroup[]): ClusterNode[] {
  const leaving = new Set(sources.map(({ nodegroupName }) => nodegroupName));
  return snapshot.nodes.filter(
    ({ nodegroupName, unschedulable }) => !unschedulable && !(nodegroupName !== null && leaving.has(nodegroupName)),
  );
}

/** One kind of node that a replacement will have: a type in a zone. */
export interface ReplacementNode extends SchedulingNode {
  /** the node group that it replaces */
  source: string;
  type: InstanceType;
  /** null: in a subnet that was not seen */
  zone: string | null;
  /** for pods that move: DaemonSets and what kubelet keeps are taken off; a resource that is not in it is not known */
  room: Resources;
  /** the same, as much as such a node can have at most */
  mostRoom: Resources;
  /** pods of DaemonSets that will run there */
  daemons: Daemon[];
}

/** A DaemonSet, by its pods. */
interface Daemon {
  /** `kube-system/aws-node` */
  name: string;
  placement: Placement;
  /** the most, and the least, that one of its pods requests */
  requests: Resources;
  leastRequests: Resources;
  /** node groups that it has pods in */
  nodegroups: ReadonlySet<string>;
}

/** All kinds of nodes that the replacements of these sources will have. */
export function replacementNodes(
  snapshot: ClusterSnapshot,
  sources: readonly Nodegroup[],
  request: PlanRequest,
): ReplacementNode[] {
  const daemons = daemonsOf(snapshot);
  const settings = interfaceSettings(envAfter(snapshot.vpcCni, request));
  return sources.flatMap((source) => {
    const { known } = replacementTypesOf(snapshot, source, request);
    if (known.length === 0) return [];
    const maxPods = request.maxPods ?? recommendedMaxPods(known, settings).value;
    const zones = zonesOf(snapshot, source, request);
    return known.flatMap((type) =>
      zones.map((zone) => replacementNode(snapshot, source, type, zone, maxPods, daemons)),
    );
  });
}

/** A node of this type in this zone that the replacement of the group will have. */
function replacementNode(
  snapshot: ClusterSnapshot,
  source: Nodegroup,
  type: InstanceType,
  zone: string | null,
  maxPods: number,
  daemons: readonly Daemon[] = daemonsOf(snapshot),
): ReplacementNode {
  const node: SchedulingNode = {
    name: null,
    labels: replacementLabels(snapshot, source, type, zone),
    taints: source.taints.map(({ key, value, effect }) => ({ key, value, effect: effects[effect] })),
    unschedulable: false,
  };
  const here = daemons.filter(({ placement }) => obstacleOn(placement, node) === null);
  const less = (room: Resources, taken: (daemon: Daemon) => Resources): Resources =>
    Object.fromEntries(
      Object.entries(room).map(([name, has]) => [
        name,
        Math.max(0, has - sum(here.map((daemon) => taken(daemon)[name] ?? 0))),
      ]),
    );
  const { least, most } = allocatableOf(snapshot, source, type, maxPods);
  return {
    ...node,
    source: source.nodegroupName,
    type,
    zone,
    room: less(least, ({ requests }) => requests),
    mostRoom: less(most, ({ leastRequests }) => leastRequests),
    daemons: here,
  };
}

const effects: Record<TaintEffect, string> = {
  NO_SCHEDULE: 'NoSchedule',
  NO_EXECUTE: 'NoExecute',
  PREFER_NO_SCHEDULE: 'PreferNoSchedule',
};

const bytesPerMiB = 1024 * 1024;

/**
 * As nodes of the type in the group show it, less what kubelet will keep more; without such a node by the formulas of the EKS
 * images. The least and the most that such a node may have.
 */
function allocatableOf(
  snapshot: ClusterSnapshot,
  source: Nodegroup,
  { instanceType, vcpus, memoryMiB }: InstanceType,
  maxPods: number,
): { least: Resources; most: Resources } {
  const live = nodesOf(snapshot, source.nodegroupName).filter((node) => node.instanceType === instanceType);
  const cpus = live.map(({ allocatable }) => allocatable.cpuMillis).filter((millis) => millis > 0);
  const memories = live
    .filter(({ allocatable }) => allocatable.memoryBytes > 0)
    .map((node) => allocatableAfter(snapshot, source, node, maxPods));
  if (cpus.length === 0 && vcpus > 0) cpus.push(vcpus * 1000 - kubeReservedCpuMillis(vcpus));
  if (memories.length === 0 && memoryMiB > 0) {
    memories.push(...[hiddenMemory, 0].map((hidden) => allocatableOfNew(memoryMiB, maxPods, hidden)));
  }
  const others = { pods: maxPods, ...othersOf(live), ...volumesOf(snapshot, live) };
  const of = (pick: (...values: number[]) => number): Resources => ({
    ...others,
    ...(cpus.length === 0 ? {} : { cpu: pick(...cpus) }),
    ...(memories.length === 0 ? {} : { memory: pick(...memories) * bytesPerMiB }),
  });
  return { least: of(Math.min), most: of(Math.max) };
}

/** The least of each further resource that the nodes tell. */
function othersOf(live: readonly ClusterNode[]): Resources {
  const told = live.map(({ allocatable }) => allocatable.others).filter((others) => others !== undefined);
  const names = new Set(told.flatMap((others) => Object.keys(others)));
  return Object.fromEntries([...names].map((name) => [name, Math.min(...told.map((others) => others[name] ?? 0))]));
}

/** Resource of a node: so many volumes of this CSI driver. */
export const volumesOfDriver = (driver: string): string => `volumes of ${driver}`;

/** The least that a driver tells about the nodes. */
function volumesOf({ csiNodes }: ClusterSnapshot, live: readonly ClusterNode[]): Resources {
  const names = new Set(live.map(({ name }) => name));
  const limits: Resources = {};
  for (const { nodeName, drivers } of csiNodes) {
    if (!names.has(nodeName)) continue;
    for (const { name, count } of drivers) {
      const key = volumesOfDriver(name);
      if (count !== null) limits[key] = Math.min(count, limits[key] ?? count);
    }
  }
  return limits;
}

/** Zones of the replacement's subnets. */
export function zonesOf(
  { subnets }: ClusterSnapshot,
  source: Nodegroup,
  request: { subnetIds: string[] },
): (string | null)[] {
  const zoneOf = new Map(subnets.map(({ subnetId, availabilityZone }) => [subnetId, availabilityZone]));
  return [...new Set(replacementSubnets(source, request).map((id) => zoneOf.get(id) ?? null))].toSorted((a, b) =>
    (a ?? '') < (b ?? '') ? -1 : 1,
  );
}

/** A value that nobody can demand: the node will have the label, with a value that is not known yet. */
const unknownValue = '';

/**
 * Labels of the group, those of EKS, kubelet and cloud provider, and what else every node of the group has from them or from
 * controllers that label nodes. What differs from node to node, or names group, image and template, is there with a value
 * that nobody knows.
 */
function replacementLabels(
  snapshot: ClusterSnapshot,
  source: Nodegroup,
  { instanceType, architectures }: InstanceType,
  zone: string | null,
): Record<string, string> {
  const nodes = nodesOf(snapshot, source.nodegroupName);
  const ofType = nodes.filter((node) => node.instanceType === instanceType);
  const near = ofType.length > 0 ? ofType : nodes;
  const inZone = near.filter(({ availabilityZone }) => availabilityZone === zone);
  const arch = architectures.includes('arm64') ? 'arm64' : 'amd64';
  const { region } = snapshot.cluster;
  return {
    ...alike(inZone.length > 0 ? inZone : near, zone),
    ...Object.fromEntries(Object.entries(source.labels).filter(([key]) => !key.startsWith('eks.amazonaws.com/'))),
    'eks.amazonaws.com/nodegroup': unknownValue,
    'eks.amazonaws.com/nodegroup-image': unknownValue,
    'eks.amazonaws.com/sourceLaunchTemplateId': unknownValue,
    'eks.amazonaws.com/sourceLaunchTemplateVersion': unknownValue,
    'kubernetes.io/hostname': unknownValue,
    'eks.amazonaws.com/capacityType': source.capacityType,
    'node.kubernetes.io/instance-type': instanceType,
    'beta.kubernetes.io/instance-type': instanceType,
    'kubernetes.io/arch': arch,
    'beta.kubernetes.io/arch': arch,
    'kubernetes.io/os': 'linux',
    'beta.kubernetes.io/os': 'linux',
    'topology.kubernetes.io/region': region,
    'failure-domain.beta.kubernetes.io/region': region,
    ...Object.fromEntries(zoneKeys.map((key) => [key, zone ?? unknownValue])),
  };
}

/** The last one is of the EBS CSI driver, whose volumes demand it. */
const zoneKeys = [
  'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/zone',
  'topology.ebs.csi.aws.com/zone',
];

/** Labels that new nodes get without the group, as far as all of these nodes have them. */
function alike(nodes: readonly ClusterNode[], zone: string | null): Record<string, string> {
  const [first, ...rest] = nodes;
  if (first === undefined) return {};
  const labels: Record<string, string> = {};
  for (const [key, value] of Object.entries(first.labels)) {
    if (!comesAgain(key) || !rest.every((node) => Object.hasOwn(node.labels, key))) continue;
    if (value === first.availabilityZone) labels[key] = zone ?? unknownValue;
    else labels[key] = rest.every((node) => node.labels[key] === value) ? value : unknownValue;
  }
  return labels;
}

/** Labels that people put on nodes, although the names look as if Kubernetes did. */
const putByPeople = /^node-role\.kubernetes\.io\/|(^|\.)node-restriction\.kubernetes\.io\//;

/** Device plugins and the like: they label every node that suits them. */
const putByControllers = /^(nvidia\.com|amd\.com|gpu\.intel\.com|habana\.ai|aws\.amazon\.com|node\.longhorn\.io)\//;

/** Drivers of volumes: where a node is. */
const putByDrivers = /^(topology\.[^/]+|[^/]*csi[^/]*)\//;

export const isPutByController = (key: string): boolean => putByControllers.test(key);

/** Whether somebody other than the node group gives the label to every node that it suits, as far as its name tells. */
export const comesAgain = (key: string): boolean =>
  putByControllers.test(key) || putByDrivers.test(key) || (isGivenToEveryNode(key) && !putByPeople.test(key));

/** Every DaemonSet that has a pod. Its controller pins each pod to its node by name, which is left out. */
export function daemonsOf(snapshot: ClusterSnapshot): Daemon[] {
  const nodegroupOf = new Map(snapshot.nodes.map(({ name, nodegroupName }) => [name, nodegroupName]));
  const found = new Map<string, Daemon & { nodegroups: Set<string> }>();
  for (const pod of snapshot.pods) {
    if (pod.controller?.kind !== 'DaemonSet' || pod.phase === 'Succeeded' || pod.phase === 'Failed') continue;
    const { name, uid } = pod.controller;
    const daemon = found.get(uid) ?? {
      name: nameOf({ namespace: pod.namespace, name }),
      placement: unpinned(pod),
      requests: {},
      leastRequests: {},
      nodegroups: new Set<string>(),
    };
    for (const [resource, amount] of Object.entries(resourcesOf(pod.requests))) {
      daemon.requests[resource] = Math.max(amount, daemon.requests[resource] ?? amount);
      daemon.leastRequests[resource] = Math.min(amount, daemon.leastRequests[resource] ?? amount);
    }
    const nodegroup = nodegroupOf.get(pod.nodeName ?? '');
    if (nodegroup) daemon.nodegroups.add(nodegroup);
    found.set(uid, daemon);
  }
  return [...found.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function unpinned({ nodeSelector, tolerations, nodeAffinity, hostPorts }: Pod): Placement {
  const terms = (nodeAffinity ?? []).map(({ expressions }) => ({ expressions, fields: [] }));
  const isFree = terms.every(({ expressions }) => expressions.length === 0);
  return {
    nodeSelector,
    tolerations,
    ...(isFree ? {} : { nodeAffinity: terms }),
    ...(hostPorts === undefined ? {} : { hostPorts }),
  };
}

const bytesPerGiB = 1024 * bytesPerMiB;

/** `6.9 GiB of memory`, `1.5 CPUs`, `2 nvidia.com/gpu` */
export function amountText(resource: string, amount: number): string {
  if (resource === 'cpu') return `${Math.round(amount / 10) / 100} CPUs`;
  if (resource !== 'memory' && resource !== 'ephemeral-storage') return `${amount} ${resource}`;
  const size =
    amount >= bytesPerGiB
      ? `${Math.floor((amount / bytesPerGiB) * 10) / 10} GiB`
      : `${Math.floor(amount / bytesPerMiB)} MiB`;
  return `${size} of ${resource}`;
}
