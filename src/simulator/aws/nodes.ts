/** What a managed node looks like to Kubernetes: labels, capacity, and the largest number of pods. */
import type { Condition, Node, Taint } from '../kubernetes/objects.ts';
import type { ObjectMeta } from '../types.ts';
import { osImages, type System } from './boot.ts';
import type { Instance } from './ec2.ts';
import { type InstanceType, supportsPrefixes } from './instance-types.ts';
import type { CniSettings } from './ipamd.ts';

/** Without prefixes: one address of each interface is its own, two pods use the host network. */
export function standardMaxPods(type: InstanceType): number {
  return type.enis * (type.ipv4PerEni - 1) + 2;
}

/**
 * What EKS puts into the launch template of a group: max-pods-calculator.sh of amazon-eks-ami for each instance type
 * (cap 110 up to 30 vCPUs, else 250), the smallest of them.
 */
export function eksMaxPods(types: readonly InstanceType[], settings: CniSettings): number {
  return Math.min(
    ...types.map((type) => {
      const limit = settings.maxEni > 0 ? Math.min(settings.maxEni, type.enis) : type.enis;
      const enis = limit - Number(settings.customNetworking);
      const perEni = (type.ipv4PerEni - 1) * (settings.prefixDelegation && supportsPrefixes(type) ? 16 : 1);
      return Math.min(enis * perEni + 2, type.vcpus > 30 ? 250 : 110);
    }),
  );
}

export interface NodeSpec {
  instance: Instance;
  maxPods: number;
  /** MiB that the user data says, in place of what the image reckons */
  reservedMemoryMib: number | undefined;
  system: System;
  kubernetesVersion: string;
  region: string;
  availabilityZone: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  taints: Taint[];
  diskSize: number;
  now: number;
}

export function buildNode(spec: NodeSpec): Omit<Node, 'metadata'> & { metadata: Partial<ObjectMeta> } {
  const { instance } = spec;
  const { type } = instance;
  const time = new Date(spec.now).toISOString().replace(/\.\d+Z$/, 'Z');
  const arch = type.architecture === 'arm64' ? 'arm64' : 'amd64';
  const condition = (kind: string, status: string, reason: string, message: string): Condition => ({
    type: kind,
    status,
    reason,
    message,
    lastHeartbeatTime: time,
    lastTransitionTime: time,
  });
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: instance.privateDnsName,
      labels: {
        'beta.kubernetes.io/arch': arch,
        'beta.kubernetes.io/instance-type': type.name,
        'beta.kubernetes.io/os': 'linux',
        'failure-domain.beta.kubernetes.io/region': spec.region,
        'failure-domain.beta.kubernetes.io/zone': spec.availabilityZone,
        'kubernetes.io/arch': arch,
        'kubernetes.io/hostname': instance.privateDnsName,
        'kubernetes.io/os': 'linux',
        'node.kubernetes.io/instance-type': type.name,
        'topology.kubernetes.io/region': spec.region,
        'topology.kubernetes.io/zone': spec.availabilityZone,
        ...spec.labels,
      },
      ...(Object.keys(spec.annotations).length > 0 && { annotations: spec.annotations }),
    },
    spec: {
      providerID: `aws:///${spec.availabilityZone}/${instance.id}`,
      taints: [...spec.taints, notReadyTaint],
    },
    status: {
      ...resources(spec),
      conditions: [
        condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
        condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
        condition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
        condition('Ready', 'False', 'KubeletNotReady', networkNotReady),
      ],
      addresses: [
        { type: 'InternalIP', address: instance.privateIp },
        { type: 'InternalDNS', address: instance.privateDnsName },
        { type: 'Hostname', address: instance.privateDnsName },
      ],
      images: [{ names: [pauseImage(spec)], sizeBytes: 318_000 }],
      nodeInfo: {
        architecture: arch,
        operatingSystem: 'linux',
        osImage: osImages[spec.system],
        kubeletVersion: `v${spec.kubernetesVersion}.0-eks-sim`,
        containerRuntimeVersion: 'containerd://2.1.4',
        machineID: instance.id,
      },
    },
  };
}

/** What every pod sandbox starts from; part of the image of the node (amazon-eks-ami, cache-pause-container; Bottlerocket settings). */
const pauseImage = ({ system, region }: NodeSpec): string =>
  system === 'bottlerocket'
    ? `602401143452.dkr.ecr.${region}.amazonaws.com/eks/pause:3.10`
    : 'localhost/kubernetes/pause:latest';

const notReadyTaint: Taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };

const networkNotReady =
  'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized';

/** The kernel keeps about 5.5 % of the memory of an instance. */
const usableMemory = 0.945;

/**
 * Capacity and allocatable. nodeadm (internal/kubelet/config.go) reserves 255 + 11 MiB per pod for the pods of its own
 * formula, not for the kubelet's maxPods, unless the user data says an amount; Bottlerocket for the effective maxPods. CPU:
 * 6 % of the first core, 1 % of the second, 0.5 % of the next two, 0.25 % of the rest. Disk: 1 GiB. Eviction starts at
 * 100 MiB and at 10 % of the disk.
 */
function resources({
  instance: { type },
  maxPods,
  reservedMemoryMib,
  system,
  diskSize,
}: NodeSpec): Pick<Node['status'], 'capacity' | 'allocatable'> {
  const memoryKi = Math.floor(type.memoryMib * 1024 * usableMemory);
  const podsForReserve = system === 'bottlerocket' ? maxPods : standardMaxPods(type);
  const reservedMemoryKi = ((reservedMemoryMib ?? 255 + 11 * podsForReserve) + 100) * 1024;
  const cores = type.vcpus;
  const reservedCpu =
    60 + (cores > 1 ? 10 : 0) + 5 * Math.min(2, Math.max(0, cores - 2)) + 2.5 * Math.max(0, cores - 4);
  const diskKi = diskSize * 1024 * 1024;
  const pods = String(maxPods);
  return {
    capacity: { cpu: String(cores), memory: `${memoryKi}Ki`, pods, 'ephemeral-storage': `${diskKi}Ki` },
    allocatable: {
      cpu: `${Math.floor(cores * 1000 - reservedCpu)}m`,
      memory: `${Math.max(0, memoryKi - reservedMemoryKi)}Ki`,
      pods,
      'ephemeral-storage': String(Math.max(0, Math.floor(diskKi * 1024 * 0.9) - 1024 ** 3)),
    },
  };
}

const effects = { NO_SCHEDULE: 'NoSchedule', NO_EXECUTE: 'NoExecute', PREFER_NO_SCHEDULE: 'PreferNoSchedule' } as const;

export interface ApiTaint {
  key: string;
  value?: string;
  effect: keyof typeof effects;
}

export function isTaintEffect(text: unknown): text is ApiTaint['effect'] {
  return typeof text === 'string' && Object.hasOwn(effects, text);
}

/** The Kubernetes spelling of a taint of the EKS API. */
export function kubernetesTaint({ key, value, effect }: ApiTaint): Taint {
  return { key, ...(value === undefined || value === '' ? {} : { value }), effect: effects[effect] };
}
