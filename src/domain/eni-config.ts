import { isOn } from './cni-settings.ts';
import { poolSubnet } from './node-addresses.ts';
import { nodesOf } from './nodegroups.ts';
import type { ClusterNode, ClusterSnapshot, EniConfig, NetworkInterface, Nodegroup } from './snapshot.ts';

type Env = Readonly<Record<string, string | null>>;

/** Set by whoever manages nodes from outside; stands above everything else. */
const externalLabel = 'vpc.amazonaws.com/externalEniConfig';
const standardKey = 'k8s.amazonaws.com/eniConfig';
const standardName = 'default';

export const annotationKey = (env: Env): string => env['ENI_CONFIG_ANNOTATION_DEF'] || standardKey;
export const labelKey = (env: Env): string => env['ENI_CONFIG_LABEL_DEF'] || standardKey;

export const usesCustomNetworking = (env: Env): boolean => isOn(env, 'AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG');

/** What makes a node use the ENIConfig of this name; `key` is null for the name that counts where nothing else does. */
export interface EniConfigChoice {
  name: string;
  by: 'external label' | 'annotation' | 'label' | 'default';
  key: string | null;
}

/** Which ENIConfig aws-node takes on a node (amazon-vpc-cni-k8s, pkg/eniconfig/eniconfig.go). */
export function eniConfigOfNode(
  { labels, annotations }: Pick<ClusterNode, 'labels' | 'annotations'>,
  env: Env,
): EniConfigChoice {
  const found = [
    { by: 'external label' as const, key: externalLabel, name: labels[externalLabel] },
    { by: 'annotation' as const, key: annotationKey(env), name: annotations[annotationKey(env)] },
    { by: 'label' as const, key: labelKey(env), name: labels[labelKey(env)] },
  ].find(({ name }) => name !== undefined);
  return { by: 'default', key: null, ...found, name: found?.name ?? standardName };
}

/** The subnet that pods of a node get their addresses from: that of its interfaces, else the one its next will be in. */
export function podSubnetOfNode(
  { vpcCni: { env }, eniConfigs }: Pick<ClusterSnapshot, 'eniConfigs'> & { vpcCni: { env: Env } },
  node: Pick<ClusterNode, 'labels' | 'annotations'>,
  interfaces: readonly NetworkInterface[],
): string | null {
  if (!usesCustomNetworking(env)) return poolSubnet(interfaces, false);
  const { name } = eniConfigOfNode(node, env);
  return poolSubnet(interfaces, true) ?? eniConfigs.find((config) => config.name === name)?.subnetId ?? null;
}

/**
 * What to do where a subnet is short of blocks, with a new one of this size in its zone. Pods have their addresses from the
 * subnets of the nodes, and with custom networking from those of ENIConfigs.
 */
export function newSubnetAdvice(
  { vpcCni: { env }, eniConfigs }: Pick<ClusterSnapshot, 'eniConfigs'> & { vpcCni: { env: Env } },
  { subnetId, availabilityZone }: { subnetId: string; availabilityZone: string },
  size: string | null,
): string {
  const made = `Make a new ${size === null ? '' : `${size} `}subnet in ${availabilityZone}`;
  if (!usesCustomNetworking(env)) return `${made} and plan with --subnet and its id`;
  const names = eniConfigs.filter((config) => config.subnetId === subnetId).map(({ name }) => name);
  const [first] = names;
  const where =
    first === undefined
      ? 'the ENIConfig of its nodes'
      : `ENIConfig${names.length > 1 ? 's' : ''} ${names.join(', ')}: kubectl patch eniconfig ${first} --type merge -p '{"spec":{"subnet":"subnet-..."}}'`;
  return `${made} and put its id into ${where} (nodes take it when they are new; the old ones stay on ${subnetId})`;
}

/** What the nodes of a replacement in one of its subnets will find. */
export interface FutureEniConfig {
  nodeSubnetId: string;
  /** null when nothing is known about the subnet */
  availabilityZone: string | null;
  /** null when it depends on a label whose value nobody can tell before the node is there */
  name: string | null;
  /** null when there is none of this name */
  config: EniConfig | null;
  /** that of the ENIConfig; without one the subnet that pods of the old nodes in that zone are in */
  podSubnetId: string | null;
}

/**
 * The ENIConfig of new nodes of a node group in each subnet. They have the labels of the group, and those that kubelet, EC2
 * and EKS give to every node; labels and annotations that somebody put on the old nodes by hand do not carry over.
 */
export const eniConfigsOfNewNodes = (
  snapshot: ClusterSnapshot,
  source: Nodegroup,
  subnetIds: readonly string[],
): FutureEniConfig[] =>
  subnetIds.map((nodeSubnetId) => {
    const zone = snapshot.subnets.find(({ subnetId }) => subnetId === nodeSubnetId)?.availabilityZone ?? null;
    const name = nameForNewNodes(snapshot, source, zone);
    const config = snapshot.eniConfigs.find((candidate) => candidate.name === name) ?? null;
    const podSubnetId = config?.subnetId ?? podSubnetOfOldNodes(snapshot, source, zone);
    return { nodeSubnetId, availabilityZone: zone, name, config, podSubnetId };
  });

function podSubnetOfOldNodes(snapshot: ClusterSnapshot, source: Nodegroup, zone: string | null): string | null {
  const node = nodesOf(snapshot, source.nodegroupName).find(({ availabilityZone }) => availabilityZone === zone);
  const interfaces = snapshot.networkInterfaces.filter(
    ({ instanceId }) => instanceId !== null && instanceId === node?.instanceId,
  );
  return node === undefined ? null : podSubnetOfNode(snapshot, node, interfaces);
}

function nameForNewNodes(snapshot: ClusterSnapshot, source: Nodegroup, zone: string | null): string | null {
  const { env } = snapshot.vpcCni;
  const external = source.labels[externalLabel];
  if (external !== undefined) return external;
  const value = labelOfNewNodes(snapshot, source, zone, labelKey(env));
  return value === undefined ? standardName : value;
}

const zoneLabels = ['topology.kubernetes.io/zone', 'failure-domain.beta.kubernetes.io/zone'];
/** Others that nodes are born with: the same on all nodes of a zone, or of no use here. */
const givenAtBirth = /^(topology|failure-domain|node|beta|eks|kubernetes)\.[\w.-]*\//;

/** Value of a label on new nodes of the group in this zone: undefined when they lack it, null when it cannot be told. */
function labelOfNewNodes(
  snapshot: ClusterSnapshot,
  source: Nodegroup,
  zone: string | null,
  key: string,
): string | null | undefined {
  const own = source.labels[key];
  if (own !== undefined) return own;
  if (zoneLabels.includes(key)) return zone;
  if (key === standardKey || !givenAtBirth.test(key)) return undefined;
  const group = source.nodegroupName;
  const alike = snapshot.nodes.filter(
    (node) => node.availabilityZone === zone && (key.startsWith('topology.') || node.nodegroupName === group),
  );
  const values = new Set(alike.flatMap(({ labels }) => labels[key] ?? []));
  const [value = null] = values;
  return values.size === 1 && value !== group ? value : null;
}
