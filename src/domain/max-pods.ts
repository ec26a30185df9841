import type { InstanceType } from './snapshot.ts';

/** Addresses in one prefix (a /28). */
export const prefixSize = 16;

/** Settings of the VPC CNI that take network interfaces away from pods. */
export interface InterfaceSettings {
  /** AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: the primary interface serves no pods */
  customNetworking: boolean;
  /** ENABLE_POD_ENI: on types that can have one, the trunk interface takes the place of another and holds no prefix */
  podEni: boolean;
  /** MAX_ENI; null when not set */
  maxEni: number | null;
}

export const plainInterfaces: InterfaceSettings = { customNetworking: false, podEni: false, maxEni: null };

/**
 * The VPC CNI uses prefixes on Nitro and bare metal instances; on others it stays in secondary IP mode without an error
 * (amazon-vpc-cni-k8s, pkg/awsutils/awsutils.go, IsPrefixDelegationSupported). max-pods-calculator.sh of amazon-eks-ami asks
 * for `nitro` alone, which after the cap matters for u-6tb1.metal, u-9tb1.metal and u-12tb1.metal: 147 there, 250 here.
 */
export const supportsPrefixes = (type: InstanceType): boolean => type.hypervisor === 'nitro' || type.bareMetal;

/**
 * The limit that EKS recommends and applies to managed node groups: 110 up to 30 vCPUs, 250 above
 * (https://docs.aws.amazon.com/eks/latest/userguide/choosing-instance-type.html).
 */
export const podCap = (vcpus: number): number => (vcpus > 30 ? 250 : 110);

/**
 * Addresses or prefixes that pods can get on a node: one slot of each interface of the default card is its own primary
 * address. Of a type that is new to this program it is not known whether it has a trunk interface: it is then counted.
 * An EFA-only interface of a launch template on that card takes a place, too, and is not counted: every type with EFA keeps
 * addresses for more pods than the cap.
 */
export function slots(type: InstanceType, settings: InterfaceSettings): number {
  const trunk = settings.podEni && type.branchInterfaces !== 0;
  const taken = (settings.customNetworking ? 1 : 0) + (trunk ? 1 : 0);
  const interfaces = Math.min(type.enis, settings.maxEni ?? Infinity) - taken;
  return Math.max(0, interfaces) * Math.max(0, type.ipv4PerEni - 1);
}

/** Pods that addresses suffice for in secondary IP mode, without the cap. The 2 are aws-node and kube-proxy, which use none. */
export const secondaryCapacity = (type: InstanceType, settings: InterfaceSettings): number => slots(type, settings) + 2;

/** Pods that addresses suffice for in prefix mode, without the cap; secondary IP mode where prefixes are not supported. */
export const prefixCapacity = (type: InstanceType, settings: InterfaceSettings): number =>
  supportsPrefixes(type) ? slots(type, settings) * prefixSize + 2 : secondaryCapacity(type, settings);

export interface PodLimit {
  value: number;
  /** what decided: `vCPU cap 110`, `m7g.medium: 6 prefixes of 16 addresses` */
  limitedBy: string;
}

/** maxPods that EKS computes in prefix mode: the smallest over all types of the group. `types` must not be empty. */
export function recommendedMaxPods(types: readonly InstanceType[], settings: InterfaceSettings): PodLimit {
  return smallest(types.map((type) => withCap(type, prefixCapacity(type, settings), describe(type, settings))));
}

/** maxPods that EKS computes in secondary IP mode: the same cap, the smallest over all types. */
export function secondaryMaxPods(types: readonly InstanceType[], settings: InterfaceSettings): PodLimit {
  return smallest(
    types.map((type) =>
      withCap(type, secondaryCapacity(type, settings), `${type.instanceType}: ${slots(type, settings)} addresses`),
    ),
  );
}

/** The types that hold a mixed group down, and what it would get without them; undefined when none does. */
export function lowestTypes(
  types: readonly InstanceType[],
  settings: InterfaceSettings,
): { names: string[]; value: number; without: PodLimit } | undefined {
  const { value } = recommendedMaxPods(types, settings);
  const isLowest = (type: InstanceType) => recommendedMaxPods([type], settings).value === value;
  const others = types.filter((type) => !isLowest(type));
  if (others.length === 0) return undefined;
  const names = types.filter(isLowest).map(({ instanceType }) => instanceType);
  return { names, value, without: recommendedMaxPods(others, settings) };
}

/** Memory that EKS images set aside for kubelet and runtime, in MiB (amazon-eks-ami, nodeadm/internal/kubelet/config.go). */
export const kubeReservedMemoryMiB = (maxPods: number): number => 255 + 11 * maxPods;

/**
 * CPU that EKS images set aside, in millis: 6 % of the first core, 1 % of the second, 0.5 % of the next two and 0.25 % of the
 * rest (amazon-eks-ami, nodeadm/internal/kubelet/config.go, getCPUMillicoresToReserve).
 */
export const kubeReservedCpuMillis = (vcpus: number): number =>
  Math.ceil(
    60 * Math.min(vcpus, 1) +
      10 * Math.min(Math.max(0, vcpus - 1), 1) +
      5 * Math.min(Math.max(0, vcpus - 2), 2) +
      2.5 * Math.max(0, vcpus - 4),
  );

/** Memory that kubelet keeps free before it evicts pods on EKS images, in MiB (same source). */
export const evictionThresholdMiB = 100;

function withCap(type: InstanceType, capacity: number, limitedBy: string): PodLimit {
  const cap = podCap(type.vcpus);
  return capacity < cap ? { value: capacity, limitedBy } : { value: cap, limitedBy: `vCPU cap ${cap}` };
}

function describe(type: InstanceType, settings: InterfaceSettings): string {
  const count = slots(type, settings);
  if (count === 0) return `${type.instanceType}: no interface is left for pods`;
  return supportsPrefixes(type)
    ? `${type.instanceType}: ${count} prefixes of ${prefixSize} addresses`
    : `${type.instanceType}: ${count} addresses, prefixes are not supported`;
}

function smallest(limits: readonly PodLimit[]): PodLimit {
  return limits.reduce((least, limit) => (limit.value < least.value ? limit : least));
}
