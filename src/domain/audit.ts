import { interfaceSettings, prefixDelegationIsOn, vpcCniVersion } from './cni-settings.ts';
import { eniConfigOfNode, podSubnetOfNode } from './eni-config.ts';
import type { Finding } from './finding.ts';
import {
  type InterfaceSettings,
  plainInterfaces,
  prefixCapacity,
  recommendedMaxPods,
  secondaryCapacity,
  secondaryMaxPods,
  slots,
  supportsPrefixes,
} from './max-pods.ts';
import { type AddressMode, type NodeAddresses, type NodeKind, nodeAddresses, nodeKind } from './node-addresses.ts';
import { instanceTypesOf } from './nodegroups.ts';
import type { ClusterNode, ClusterSnapshot, InstanceType, NetworkInterface, Pod, Subnet, VpcCni } from './snapshot.ts';
import { viewSubnet } from './subnet-owners.ts';
import { drawingOf } from './subnet-symbols.ts';
import { isAtLeast, parseVersion, vpcCniSince } from './version.ts';

/** Why a node is not on prefixes, or takes fewer pods than it could, or cannot hold what it promises. */
export type ReasonCode =
  | 'not-judged'
  | 'no-interface-seen'
  | 'unknown-type'
  | 'cni-too-old'
  | 'not-nitro'
  | 'cordoned'
  | 'rolling'
  | 'starting'
  | 'no-free-prefix'
  | 'no-slot'
  | 'no-prefix'
  | 'older-than-switch'
  | 'secondary-left'
  | 'prefix-while-off'
  | 'old-max-pods'
  | 'lower-max-pods'
  | 'max-pods-above-addresses'
  | 'unknown-pod-address'
  | 'pods-without-address';

export interface Reason {
  code: ReasonCode;
  /** a few words for the column WHY, with numbers */
  text: string;
}

/** Reasons that explain, and are no fault: all others are. */
const harmless: readonly ReasonCode[] = [
  'not-judged',
  'no-interface-seen',
  'unknown-type',
  'cordoned',
  'starting',
  'lower-max-pods',
  // a volume that cannot be mounted looks the same
  'pods-without-address',
];

/** `fine`: as the settings promise; `noted`: not so, for a reason that is no fault; `problem`; `not-judged`: not aws-node's. */
export type Verdict = 'fine' | 'noted' | 'problem' | 'not-judged';

export interface NodeAudit {
  name: string;
  kind: NodeKind;
  nodegroupName: string | null;
  /** the managed node group, or else the node pool of Karpenter, or null */
  group: string | null;
  karpenter: boolean;
  instanceId: string | null;
  instanceType: string | null;
  subnetId: string | null;
  cordoned: boolean;
  ready: boolean;
  verdict: Verdict;
  mode: AddressMode;
  prefixes: number;
  secondaryAddresses: number;
  /** pods that want an address of their own, by where it comes from */
  pods: { total: number; prefix: number; secondary: number; branch: number; unknown: number; without: number };
  /** allocatable.pods */
  maxPods: number;
  /** what EKS would compute for its type and these settings; null when that cannot be said */
  expectedMaxPods: number | null;
  /** the same with prefix delegation on, as it is or as it would be */
  maxPodsWithPrefixes: number | null;
  why: Reason[];
}

export interface SubnetAudit {
  subnetId: string;
  availabilityZone: string;
  cidr: string;
  freeAddresses: number;
  /** free aligned /28 blocks */
  freePrefixes: number;
  /** nodes whose next prefix comes from here */
  nodes: number;
  /** addresses that AWS counts as used and that cannot be seen: the free blocks are then too many */
  hiddenAddresses: number;
  /** addresses that AWS counts as free although an interface or a reservation that can be seen holds them */
  contradictingAddresses: number;
  /** one character per /28 block in address order (domain/subnet-symbols.ts): `.` and `R` are free */
  map: string;
}

/** Everything that `audit` knows before it judges. */
export interface AuditFacts {
  snapshot: ClusterSnapshot;
  nodes: NodeAudit[];
  subnets: SubnetAudit[];
  /** fewer free /28 blocks than this in a subnet are a finding */
  minFreePrefixes: number;
  /** pods whose address belongs to no interface of their node */
  strayPods: Pod[];
}

/** What `audit` says. Read by the formats; `--json` is this document. */
export interface AuditReport {
  formatVersion: 1;
  toolVersion: string;
  observedAt: string;
  cluster: {
    name: string;
    region: string;
    accountId: string;
    kubernetesVersion: string;
    ipFamily: string;
    prefixDelegation: boolean;
    vpcCni: { managedBy: VpcCni['managedBy']; version: string | null };
  };
  /** false exactly when the exit code is 4 */
  healthy: boolean;
  minFreePrefixes: number;
  nodes: NodeAudit[];
  subnets: SubnetAudit[];
  findings: Finding[];
}

/** Something is wrong: not as the settings promise, or about to fail. Advice is not. */
export const isHealthy = (findings: readonly Finding[]): boolean =>
  findings.every(({ severity }) => severity === 'advice');

/** aws-node runs nowhere: another CNI, or Auto Mode nodes only. */
export const runsVpcCni = ({ rollout, managedBy }: VpcCni): boolean =>
  managedBy !== 'absent' && rollout !== null && rollout.desired > 0;

/** A node gets its first prefix within minutes: EC2, the rounds of ipamd, and its pause of two minutes after an error. */
const patienceMilliseconds = 3 * 60_000;

export function auditFacts(snapshot: ClusterSnapshot, { minFreePrefixes }: { minFreePrefixes: number }): AuditFacts {
  const cluster = surroundings(snapshot);
  const seen = snapshot.nodes.map((node) => {
    const interfaces = node.instanceId === null ? [] : (cluster.interfaces.get(node.instanceId) ?? []);
    const subnetId = podSubnetOfNode(snapshot, node, interfaces);
    return { node, interfaces, subnetId, addresses: nodeAddresses(interfaces, cluster.pods.get(node.name) ?? []) };
  });
  const nodesIn = Map.groupBy(
    seen.filter(({ node }) => nodeKind(node) === 'vpc-cni'),
    ({ subnetId }) => subnetId,
  );
  const interfacesIn = Map.groupBy(snapshot.networkInterfaces, ({ subnetId }) => subnetId);
  const looker = { sourceInstances: withSingles(seen), accountId: snapshot.cluster.accountId };
  const subnets = snapshot.subnets.map((subnet) =>
    auditSubnet(subnet, interfacesIn.get(subnet.subnetId) ?? [], nodesIn.get(subnet.subnetId)?.length ?? 0, looker),
  );
  const nodes = seen.map((found) => auditNode({ ...found, subnets }, cluster));
  const judged = new Set(nodes.filter(isJudged).map(({ name }) => name));
  return {
    snapshot,
    nodes,
    subnets,
    minFreePrefixes,
    strayPods: seen.filter(({ node }) => judged.has(node.name)).flatMap(({ addresses }) => settledUnknown(addresses)),
  };
}

/** Nodes whose addresses aws-node gives out, and whose interfaces could be seen. */
export const isJudged = ({ why }: NodeAudit): boolean =>
  !why.some(({ code }) => code === 'not-judged' || code === 'no-interface-seen');

export const hasReason = ({ why }: NodeAudit, ...codes: ReasonCode[]): boolean =>
  why.some(({ code }) => codes.includes(code));

/** Nodes that a move to prefixes replaces: those with addresses of secondary IP mode. */
const withSingles = (nodes: readonly Omit<SeenNode, 'subnets'>[]): Set<string> =>
  new Set(
    nodes.flatMap(({ node, addresses }) =>
      addresses.mode === 'secondary' || addresses.mode === 'mixed' ? (node.instanceId ?? []) : [],
    ),
  );

function auditSubnet(
  subnet: Subnet,
  interfaces: readonly NetworkInterface[],
  nodes: number,
  looker: Parameters<typeof viewSubnet>[2],
): SubnetAudit {
  const view = viewSubnet(subnet, interfaces, looker);
  const hidden = view.expectedAvailableCount - view.availableCount;
  return {
    ...drawingOf(view),
    freeAddresses: view.freeAddresses,
    freePrefixes: view.freePrefixes,
    nodes,
    hiddenAddresses: Math.max(0, hidden),
    contradictingAddresses: Math.max(0, -hidden),
  };
}

/** What is the same for every node of the cluster. */
interface Surroundings {
  snapshot: ClusterSnapshot;
  on: boolean;
  version: string | null;
  settings: InterfaceSettings;
  /** some nodes may run aws-node with the settings from before */
  rolling: boolean;
  types: Map<string, InstanceType>;
  /** types of each managed node group: EKS takes the smallest value of all of them */
  groupTypes: Map<string, InstanceType[]>;
  interfaces: Map<string | null, NetworkInterface[]>;
  pods: Map<string | null, Pod[]>;
}

function surroundings(snapshot: ClusterSnapshot): Surroundings {
  const { vpcCni, nodegroups } = snapshot;
  const { rollout } = vpcCni;
  return {
    snapshot,
    on: prefixDelegationIsOn(vpcCni.env),
    version: vpcCniVersion(vpcCni),
    settings: interfaceSettings(vpcCni.env),
    rolling: rollout !== null && (rollout.observedGeneration < rollout.generation || rollout.updated < rollout.desired),
    types: new Map(snapshot.instanceTypes.map((type) => [type.instanceType, type])),
    groupTypes: new Map(nodegroups.map((group) => [group.nodegroupName, instanceTypesOf(snapshot, group).known])),
    interfaces: Map.groupBy(snapshot.networkInterfaces, ({ instanceId }) => instanceId),
    pods: Map.groupBy(snapshot.pods, ({ nodeName }) => nodeName),
  };
}

interface SeenNode {
  node: ClusterNode;
  interfaces: NetworkInterface[];
  subnetId: string | null;
  addresses: NodeAddresses;
  subnets: readonly SubnetAudit[];
}

function auditNode(seen: SeenNode, cluster: Surroundings): NodeAudit {
  const { node, addresses, subnetId } = seen;
  const kind = nodeKind(node);
  const nodePool = node.labels['karpenter.sh/nodepool'] ?? node.labels['karpenter.sh/provisioner-name'] ?? null;
  const limits = kind === 'vpc-cni' ? limitsOf(node, cluster) : null;
  const why = whyOf(seen, kind, limits, cluster);
  const { prefix, secondary, branch, unknown, without } = addresses.pods;
  const total = [prefix, secondary, branch, unknown, without].reduce((sum, pods) => sum + pods.length, 0);
  return {
    name: node.name,
    kind,
    nodegroupName: node.nodegroupName,
    group: node.nodegroupName ?? nodePool,
    karpenter: node.nodegroupName === null && nodePool !== null,
    instanceId: node.instanceId,
    instanceType: node.instanceType,
    subnetId,
    cordoned: node.unschedulable,
    ready: node.ready,
    verdict: verdictOf(why),
    mode: addresses.mode,
    prefixes: addresses.prefixes.length,
    secondaryAddresses: addresses.secondaryAddresses.length,
    pods: {
      total,
      prefix: prefix.length,
      secondary: secondary.length,
      branch: branch.length,
      unknown: unknown.length,
      without: without.length,
    },
    maxPods: node.allocatable.pods,
    expectedMaxPods: limits?.expected ?? null,
    maxPodsWithPrefixes: limits?.withPrefixes ?? null,
    why,
  };
}

function verdictOf(why: readonly Reason[]): Verdict {
  if (why.some(({ code }) => code === 'not-judged')) return 'not-judged';
  if (why.some(({ code }) => !harmless.includes(code))) return 'problem';
  return why.length > 0 ? 'noted' : 'fine';
}

interface Limits {
  type: InstanceType;
  /** prefix delegation is on, and this CNI and this type can do it */
  usesPrefixes: boolean;
  expected: number;
  withPrefixes: number;
  /** values that EKS and the images compute without prefixes */
  withoutPrefixes: number[];
  /** pods that there are addresses for, those on the host network included */
  addressesFor: number;
}

/** What the node should and could hold; null when EC2 does not describe its type. */
function limitsOf(node: ClusterNode, cluster: Surroundings): Limits | null {
  const type = cluster.types.get(node.instanceType ?? '');
  if (type === undefined) return null;
  const { settings } = cluster;
  const usesPrefixes = cluster.on && supportsPrefixes(type) && !isTooOld(cluster.version, type);
  const all = [type, ...(cluster.groupTypes.get(node.nodegroupName ?? '') ?? [])];
  const withPrefixes = recommendedMaxPods(all, settings).value;
  // EKS knows nothing of the trunk interface, and the images nothing of custom networking and the cap.
  const variants = [settings, { ...settings, podEni: false }, plainInterfaces];
  const withoutPrefixes = variants.flatMap((variant) => [
    secondaryMaxPods(all, variant).value,
    secondaryMaxPods([type], variant).value,
    secondaryCapacity(type, variant),
  ]);
  // The trunk interface serves pods as well, with branch interfaces.
  const pool = { ...settings, podEni: false };
  const onHostNetwork = (cluster.pods.get(node.name) ?? []).filter(({ hostNetwork }) => hostNetwork).length;
  const capacity = usesPrefixes ? prefixCapacity(type, pool) : secondaryCapacity(type, pool);
  return {
    type,
    usesPrefixes,
    withPrefixes,
    withoutPrefixes,
    expected: usesPrefixes ? withPrefixes : secondaryMaxPods(all, settings).value,
    addressesFor: capacity - 2 + Math.max(2, onHostNetwork),
  };
}

/** A version that cannot be read is not called too old. */
export function isTooOld(version: string | null, { bareMetal }: Pick<InstanceType, 'bareMetal'>): boolean {
  const needed = bareMetal ? vpcCniSince.prefixDelegationOnBareMetal : vpcCniSince.prefixDelegation;
  return parseVersion(version) !== null && !isAtLeast(version, needed);
}

const notJudged: Record<Exclude<NodeKind, 'vpc-cni'>, string> = {
  fargate: 'Fargate: one pod with an interface of its own',
  hybrid: 'hybrid node: not on the VPC CNI',
  auto: 'Auto Mode: AWS manages prefixes and limits',
  windows: 'Windows: prefixes come from another controller',
  other: 'no EC2 instance',
};

function whyOf(seen: SeenNode, kind: NodeKind, limits: Limits | null, cluster: Surroundings): Reason[] {
  const { snapshot } = cluster;
  if (kind !== 'vpc-cni') return [{ code: 'not-judged', text: notJudged[kind] }];
  if (snapshot.cluster.ipFamily === 'ipv6') return [{ code: 'not-judged', text: 'IPv6: one /80 per interface' }];
  if (!runsVpcCni(snapshot.vpcCni)) return [{ code: 'not-judged', text: 'no aws-node in the cluster' }];
  if (seen.interfaces.length === 0) return [{ code: 'no-interface-seen', text: 'EC2 shows no interface of it' }];
  const mode = modeReasons(seen, limits, cluster);
  const limit = limitReasons(seen.node, limits).flatMap((reason): Reason[] => {
    if (reason.code !== 'old-max-pods') return [reason];
    // An old node has its old maxPods, and a cordoned one is left: said once is enough.
    if (mode.some(({ code }) => code === 'older-than-switch' || code === 'no-slot' || code === 'cordoned')) return [];
    return seen.node.unschedulable ? [{ code: 'cordoned', text: `cordoned, ${reason.text}` }] : [reason];
  });
  return [...mode, ...limit, ...podReasons(seen, cluster)];
}

/** Why the node is not on prefixes alone, with prefix delegation on; why it has some, with it off. */
function modeReasons(seen: SeenNode, limits: Limits | null, cluster: Surroundings): Reason[] {
  const { node, addresses } = seen;
  const { prefixes, secondaryAddresses } = addresses;
  if (!cluster.on) {
    if (prefixes.length === 0) return [];
    return [{ code: 'prefix-while-off', text: `${prefixes.length} prefixes while delegation is off` }];
  }
  if (limits === null) return [{ code: 'unknown-type', text: `unknown type ${node.instanceType ?? ''}`.trimEnd() }];
  const { type, usesPrefixes } = limits;
  if (!supportsPrefixes(type)) return [{ code: 'not-nitro', text: `${type.instanceType} is not Nitro` }];
  if (!usesPrefixes) return [{ code: 'cni-too-old', text: `VPC CNI ${cluster.version ?? ''} is too old` }];
  if (prefixes.length === 0) return [withoutPrefix(seen, limits, cluster)];
  if (secondaryAddresses.length === 0) return [];
  const onSecondary = addresses.pods.secondary.length;
  const left = onSecondary > 0 ? `${pods(onSecondary)} on secondary` : `${secondaryAddresses.length} secondary left`;
  if (node.unschedulable) return [{ code: 'cordoned', text: `cordoned, ${left}` }];
  // A node of a new group that started before its aws-node had the settings.
  const isNew = !limits.withoutPrefixes.includes(node.allocatable.pods);
  return [
    { code: isNew ? 'secondary-left' : 'older-than-switch', text: isNew ? left : `older than the switch, ${left}` },
  ];
}

function withoutPrefix(
  { node, addresses, subnetId, subnets }: SeenNode,
  limits: Limits,
  cluster: Surroundings,
): Reason {
  const { secondaryAddresses } = addresses;
  const subnet = subnets.find((candidate) => candidate.subnetId === subnetId);
  const age = ageOf(node.createdAt, cluster);
  const { snapshot, settings } = cluster;
  if (settings.customNetworking && subnetId === null)
    return { code: 'no-prefix', text: `no ENIConfig ${eniConfigOfNode(node, snapshot.vpcCni.env).name}` };
  if (node.unschedulable)
    return startsWithPoolOnly(cluster)
      ? { code: 'no-prefix', text: 'cordoned: aws-node attaches no prefix, and does not come up without one' }
      : { code: 'cordoned', text: 'cordoned: it attaches no prefix' };
  if (age < patienceMilliseconds) return { code: 'starting', text: `started ${Math.round(age / 1000)} s ago` };
  if (cluster.rolling) return { code: 'rolling', text: 'aws-node is still being rolled' };
  if (subnet?.freePrefixes === 0) return { code: 'no-free-prefix', text: `no free /28 in ${subnet.subnetId}` };
  // With all slots taken by addresses in use there is no place for a prefix.
  if (secondaryAddresses.length >= slots(limits.type, { ...settings, podEni: false }))
    return { code: 'no-slot', text: 'older than the switch, no slot for a prefix' };
  if (secondaryAddresses.length > 0) return { code: 'older-than-switch', text: 'older than the switch' };
  return { code: 'no-prefix', text: `no prefix, ${subnet?.freePrefixes ?? 'unknown'} /28 free` };
}

/** With custom networking aws-node comes up on a node only once its pool has something (nodeInit, pkg/ipamd/ipamd.go). */
const startsWithPoolOnly = ({ settings, version }: Pick<Surroundings, 'settings' | 'version'>): boolean =>
  settings.customNetworking && (parseVersion(version) === null || isAtLeast(version, vpcCniSince.needsPoolToStart));

/** What is wrong with allocatable.pods. A value above the recommended one is fine while there are addresses for it. */
function limitReasons({ allocatable }: ClusterNode, limits: Limits | null): Reason[] {
  if (limits === null) return [];
  const { expected, addressesFor, withoutPrefixes, usesPrefixes } = limits;
  const maxPods = allocatable.pods;
  if (maxPods > addressesFor)
    return [{ code: 'max-pods-above-addresses', text: `addresses for ${addressesFor} pods only` }];
  if (maxPods >= expected) return [];
  if (usesPrefixes && withoutPrefixes.includes(maxPods))
    return [{ code: 'old-max-pods', text: `maxPods from before the switch, not ${expected}` }];
  return [{ code: 'lower-max-pods', text: `maxPods set elsewhere, not ${expected}` }];
}

function podReasons({ addresses }: SeenNode, cluster: Surroundings): Reason[] {
  const reasons: Reason[] = [];
  const stray = settledUnknown(addresses).length;
  if (stray > 0) reasons.push({ code: 'unknown-pod-address', text: `${pods(stray)} with a stray address` });
  const waiting = addresses.pods.without.filter(
    (pod) => pod.deletionTimestamp === null && ageOf(pod.createdAt, cluster) >= patienceMilliseconds,
  ).length;
  if (waiting > 0) reasons.push({ code: 'pods-without-address', text: `${pods(waiting)} without address` });
  return reasons;
}

/** A pod that is going may have given its address back between two reads. */
const settledUnknown = ({ pods: { unknown } }: NodeAddresses): Pod[] =>
  unknown.filter(({ deletionTimestamp }) => deletionTimestamp === null);

const ageOf = (createdAt: string, { snapshot }: Surroundings): number =>
  Date.parse(snapshot.observedAt) - Date.parse(createdAt);

const pods = (count: number): string => `${count} ${count === 1 ? 'pod' : 'pods'}`;
