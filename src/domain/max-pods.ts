import type { InstanceType } from './snapshot.ts';

/** Addresses in one prefix (a /28). */
export const prefixSize = 16;

/** Settings of the VPC CNI that take network interfaces away from pods. */
export interface InterfaceSettings {
  /** AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: the primary interface serves no pods */
  customNetworking: boolean;
  /** ENABLE_POD_ENI: the trunk interface holds no prefix */
  podEni: boolean;
  /** MAX_ENI; null when not set */
  maxEni: number | null;
}

export const plainInterfaces: InterfaceSettings = { customNetworking: false, podEni: false, maxEni: null };

/** The VPC CNI uses prefixes on Nitro and bare metal instances; on others it stays in secondary IP mode without an error. */
export const supportsPrefixes = (type: InstanceType): boolean => type.hypervisor === 'nitro' || type.bareMetal;

/** The limit that EKS recommends and applies to managed node groups: 110 up to 30 vCPUs, 250 above. */
export const podCap = (vcpus: number): number => (vcpus > 30 ? 250 : 110);

/** Addresses or prefixes that pods can get on a node: one slot of each interface is its own primary address. */
export function slots(type: InstanceType, settings: InterfaceSettings): number {
  const taken = (settings.customNetworking ? 1 : 0) + (settings.podEni ? 1 : 0);
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

/** maxPods that EKS computes in secondary IP mode. */
export function secondaryMaxPods(types: readonly InstanceType[], settings: InterfaceSettings): PodLimit {
  return smallest(
    types.map((type) =>
      withCap(type, secondaryCapacity(type, settings), `${type.instanceType}: ${slots(type, settings)} addresses`),
    ),
  );
}

/** Memory that EKS images set aside for kubelet and runtime, in MiB. */
export const kubeReservedMemoryMiB = (maxPods: number): number => 255 + 11 * maxPods;

function withCap(type: InstanceType, capacity: number, limitedBy: string): PodLimit {
  const cap = podCap(type.vcpus);
  return capacity < cap ? { value: capacity, limitedBy } : { value: cap, limitedBy: `vCPU cap ${cap}` };
}

function describe(type: InstanceType, settings: InterfaceSettings): string {
  const count = slots(type, settings);
  return supportsPrefixes(type)
    ? `${type.instanceType}: ${count} prefixes of ${prefixSize} addresses`
    : `${type.instanceType}: ${count} addresses, prefixes are not supported`;
}

function smallest(limits: readonly PodLimit[]): PodLimit {
  return limits.reduce((least, limit) => (limit.value < least.value ? limit : least));
}
