import { type Cidr, contains, parseCidr, parseIpv4 } from './addresses.ts';
import { usesPoolAddress } from './evictable.ts';
import type { ClusterNode, NetworkInterface, Pod } from './snapshot.ts';

/** Where the addresses of a node come from. `none`: it has its own address only. */
export type AddressMode = 'prefix' | 'secondary' | 'mixed' | 'none';

/** Pods of one node by the address they have. Pods on the host network and finished pods are in none of these. */
export interface PodAddresses {
  prefix: Pod[];
  secondary: Pod[];
  /** security groups for pods: the address belongs to a branch interface */
  branch: Pod[];
  /** in no prefix and no list of the node's interfaces */
  unknown: Pod[];
  /** none (yet) */
  without: Pod[];
}

export interface NodeAddresses {
  mode: AddressMode;
  /** /28 blocks on the interfaces of the node */
  prefixes: string[];
  /** addresses besides the primary one of each interface */
  secondaryAddresses: string[];
  pods: PodAddresses;
}

/** Interfaces of other types (trunk, branch, EFA) hold nothing of the pool that aws-node gives out. */
const isOfPool = ({ interfaceType }: NetworkInterface): boolean => interfaceType === 'interface';

/** What EC2 and Kubernetes together say about the addresses of one node. `interfaces` and `pods` are those of the node. */
export function nodeAddresses(interfaces: readonly NetworkInterface[], pods: readonly Pod[]): NodeAddresses {
  const prefixes = interfaces.flatMap((found) => found.prefixes);
  const secondaryAddresses = interfaces.filter(isOfPool).flatMap(({ addresses }) => addresses.slice(1));
  return { mode: modeOf(prefixes, secondaryAddresses), prefixes, secondaryAddresses, pods: sortPods(interfaces, pods) };
}

function modeOf(prefixes: readonly string[], secondaryAddresses: readonly string[]): AddressMode {
  if (prefixes.length > 0) return secondaryAddresses.length > 0 ? 'mixed' : 'prefix';
  return secondaryAddresses.length > 0 ? 'secondary' : 'none';
}

function sortPods(interfaces: readonly NetworkInterface[], pods: readonly Pod[]): PodAddresses {
  const blocks = interfaces.flatMap((found) => found.prefixes).flatMap((text) => parseCidr(text) ?? []);
  const singles = new Set(interfaces.flatMap(({ addresses }) => addresses));
  const sorted: PodAddresses = { prefix: [], secondary: [], branch: [], unknown: [], without: [] };
  for (const pod of pods.filter(usesPoolAddress)) sorted[originOf(pod, blocks, singles)].push(pod);
  return sorted;
}

function originOf(pod: Pod, blocks: readonly Cidr[], singles: ReadonlySet<string>): keyof PodAddresses {
  if ('vpc.amazonaws.com/pod-eni' in (pod.annotations ?? {})) return 'branch';
  if (pod.podIp === null) return 'without';
  const address = parseIpv4(pod.podIp);
  if (address !== null && blocks.some((block) => contains(block, address))) return 'prefix';
  return singles.has(pod.podIp) ? 'secondary' : 'unknown';
}

/** The subnet that the node's next prefix would come from; with custom networking not that of the primary interface. */
export function poolSubnet(interfaces: readonly NetworkInterface[], customNetworking: boolean): string | null {
  const inOrder = interfaces.filter(isOfPool).toSorted((a, b) => (a.deviceIndex ?? 0) - (b.deviceIndex ?? 0));
  const found = customNetworking ? inOrder.find(({ deviceIndex }) => (deviceIndex ?? 0) > 0) : inOrder[0];
  return found?.subnetId ?? null;
}

/** What gives the pods of a node their addresses: aws-node on `vpc-cni`, others elsewhere. */
export type NodeKind = 'vpc-cni' | 'fargate' | 'hybrid' | 'auto' | 'windows' | 'other';

export function nodeKind({ name, instanceId, labels }: ClusterNode): NodeKind {
  const computeType = labels['eks.amazonaws.com/compute-type'];
  if (computeType === 'auto' || computeType === 'fargate' || computeType === 'hybrid') return computeType;
  if (name.startsWith('fargate-')) return 'fargate';
  if (labels['kubernetes.io/os'] === 'windows') return 'windows';
  return instanceId === null ? 'other' : 'vpc-cni';
}
