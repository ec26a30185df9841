import { karpenterPoolOf, usesVpcCni } from './nodegroups.ts';
import {
  type AutoScalingGroup,
  type ClusterNode,
  type LaunchTemplateVersion,
  type Nodegroup,
  type NodegroupTaint,
  selfManagedPrefix,
} from './snapshot.ts';

/** Whether this is the name of an Auto Scaling group that EKS does not manage: `asg/workers`. */
export const isSelfManaged = (nodegroupName: string): boolean => nodegroupName.startsWith(selfManagedPrefix);

export const selfManagedName = (autoScalingGroupName: string): string => selfManagedPrefix + autoScalingGroupName;

/** `workers` of `asg/workers` */
export const autoScalingGroupName = (nodegroupName: string): string => nodegroupName.slice(selfManagedPrefix.length);

/** Where the snapshot says in `notSeen` that there may be more of them. */
export const autoScalingGroupsUnseen = 'Auto Scaling groups';

/** Names that can stand in a command line, in a path of the plan, and after a label of a message. */
export const canBeNamed = (name: string): boolean => /^[\w@%+=:,.-][\w@%+=:,./-]{0,254}$/.test(name);

/** EC2 nodes of aws-node that neither EKS nor Karpenter has made. */
export const mayBeSelfManaged = (node: ClusterNode): node is ClusterNode & { instanceId: string } =>
  node.nodegroupName === null && node.instanceId !== null && usesVpcCni(node) && karpenterPoolOf(node) === null;

export interface SelfManagedParts {
  group: AutoScalingGroup;
  /** the version of its launch template; undefined when it has none or it is gone */
  template: LaunchTemplateVersion | undefined;
  /** ARN; empty when it is not known */
  nodeRole: string;
  /** nodes of its instances */
  nodes: readonly ClusterNode[];
}

/**
 * An Auto Scaling group in the words of a managed node group, as which it is replaced. What its user data tells the kubelet
 * is nobody's to read: labels and taints are those that all of its nodes have, but for those that are set by others.
 */
export function selfManagedNodegroup({ group, template, nodeRole, nodes }: SelfManagedParts): Nodegroup {
  const ownTypes =
    template?.instanceType == null ? unique(nodes.flatMap(({ instanceType }) => instanceType ?? [])) : [];
  return {
    nodegroupName: selfManagedName(group.name),
    arn: '',
    status: /^delete/i.test(group.status ?? '') ? 'DELETING' : 'ACTIVE',
    kubernetesVersion: null,
    releaseVersion: null,
    capacityType: isSpot(group, template) ? 'SPOT' : 'ON_DEMAND',
    scaling: { minSize: group.minSize, maxSize: group.maxSize, desiredSize: group.desiredCapacity },
    instanceTypes: group.instanceTypes ?? ownTypes,
    subnetIds: group.subnetIds ?? [],
    amiType: 'CUSTOM',
    nodeRole,
    diskSize: null,
    labels: commonLabels(nodes),
    taints: commonTaints(nodes),
    tags: group.tags ?? {},
    autoScalingGroupNames: [group.name],
    launchTemplate: group.launchTemplate ?? null,
    updateConfig: null,
    nodeRepairConfig: null,
    remoteAccess: null,
    healthIssues: [],
    unknownFields: [],
  };
}

/** Name or ARN of the instance profile that a launch template names. */
export function instanceProfileOf(template: LaunchTemplateVersion | undefined): string | undefined {
  const { Name: name, Arn: arn } = record(template?.data['IamInstanceProfile']);
  return typeof name === 'string' ? name : typeof arn === 'string' ? arn : undefined;
}

const isSpot = ({ onDemandPercent }: AutoScalingGroup, template: LaunchTemplateVersion | undefined): boolean =>
  onDemandPercent === undefined
    ? record(template?.data['InstanceMarketOptions'])['MarketType'] === 'spot'
    : onDemandPercent === 0;

const record = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null ? { ...value } : {};

/** Keys of labels and taints that the kubelet, cloud providers, EKS, eksctl and drivers set, not the owner of the group. */
const isSetByOthers = (key: string): boolean =>
  /^([a-z0-9.-]+\.)?(kubernetes\.io|k8s\.io|k8s\.aws)\/|^topology\.|^(eks|vpc)\.amazonaws\.com\/|^alpha\.eksctl\.io\/|^karpenter\.sh\//.test(
    key,
  );

function commonLabels([first, ...others]: readonly ClusterNode[]): Record<string, string> {
  const common = Object.entries(first?.labels ?? {}).filter(
    ([key, value]) => !isSetByOthers(key) && others.every(({ labels }) => labels[key] === value),
  );
  return Object.fromEntries(common.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

const effects: Record<string, NodegroupTaint['effect']> = {
  NoSchedule: 'NO_SCHEDULE',
  NoExecute: 'NO_EXECUTE',
  PreferNoSchedule: 'PREFER_NO_SCHEDULE',
};

function commonTaints([first, ...others]: readonly ClusterNode[]): NodegroupTaint[] {
  return (first === undefined ? [] : taintsOf(first))
    .filter((taint) => others.every((node) => taintsOf(node).some((other) => isSame(taint, other))))
    .toSorted((a, b) => (`${a.key} ${a.effect}` < `${b.key} ${b.effect}` ? -1 : 1));
}

const taintsOf = ({ taints }: ClusterNode): NodegroupTaint[] =>
  taints.flatMap(({ key, value, effect: name }) => {
    const effect = effects[name];
    return effect === undefined || isSetByOthers(key) ? [] : [{ key, value, effect }];
  });

const isSame = (a: NodegroupTaint, b: NodegroupTaint): boolean =>
  a.key === b.key && a.effect === b.effect && (a.value ?? '') === (b.value ?? '');

const unique = (names: readonly string[]): string[] => [...new Set(names)].toSorted();
