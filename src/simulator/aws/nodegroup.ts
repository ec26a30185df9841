/** One managed node group: what EKS keeps of it and what DescribeNodegroup shows. */
import type { Scenario } from '../scenario.ts';
import type { AutoScalingGroup } from './auto-scaling.ts';
import type { System } from './boot.ts';
import type { LaunchTemplate } from './ec2.ts';
import type { JsonObject } from './eks-body.ts';
import type { Blueprint } from './machines.ts';
import { imageFor } from './nodegroup-launch.ts';
import type { CreateRequest, Scaling } from './nodegroup-requests.ts';
import { type ApiTaint, kubernetesTaint } from './nodes.ts';

export interface Issue {
  code: string;
  message: string;
  resourceIds: string[];
}

export type Status = 'CREATING' | 'ACTIVE' | 'UPDATING' | 'DELETING' | 'CREATE_FAILED' | 'DEGRADED';

/** A launch template of a person. */
export interface TemplateRef {
  id: string;
  name: string;
  version: string;
}

export interface Nodegroup {
  name: string;
  arn: string;
  uuid: string;
  status: Status;
  createdAt: number;
  modifiedAt: number;
  version: string;
  releaseVersion: string;
  capacityType: string;
  /** Null when they come from the launch template. */
  instanceTypes: string[] | null;
  subnets: string[];
  remoteAccess: JsonObject | null;
  amiType: string;
  nodeRole: string;
  labels: Record<string, string>;
  taints: ApiTaint[];
  diskSize: number | null;
  updateConfig: JsonObject;
  nodeRepairConfig: JsonObject | null;
  launchTemplate: TemplateRef | null;
  tags: Record<string, string>;
  issues: Issue[];
  blueprint: Blueprint;
  /** Before there is a group: what was asked for. */
  scaling: Scaling;
  group: AutoScalingGroup | undefined;
  ownTemplate: LaunchTemplate | undefined;
  /** Ends CREATING when its nodes are ready. */
  waitsForNodes: boolean;
}

/** A checked request, with what EKS chose for what it left open. */
export interface NodegroupFields extends Omit<CreateRequest, 'amiType' | 'instanceTypes'> {
  amiType: string;
  instanceTypes: string[] | null;
  source: TemplateRef | undefined;
  /** Of the template. */
  imageId: string | undefined;
  /** What that image runs. */
  ownSystem: System | undefined;
}

export function newNodegroup(
  request: NodegroupFields,
  { region, accountId, name: clusterName, version: clusterVersion }: Scenario['cluster'],
  uuid: string,
  createdAt: number,
): Nodegroup {
  const { name, source, amiType } = request;
  const releaseVersion = request.imageId ?? request.releaseVersion ?? `${clusterVersion}.0-20260801`;
  const diskSize = source ? null : (request.diskSize ?? 20);
  return {
    name,
    uuid,
    arn: `arn:aws:eks:${region}:${accountId}:nodegroup/${clusterName}/${name}/${uuid}`,
    status: 'CREATING',
    createdAt,
    modifiedAt: createdAt,
    version: request.version ?? clusterVersion,
    releaseVersion,
    capacityType: request.capacityType,
    instanceTypes: request.instanceTypes,
    subnets: request.subnets,
    remoteAccess: request.remoteAccess ?? null,
    amiType,
    nodeRole: request.nodeRole,
    labels: request.labels,
    taints: request.taints,
    diskSize,
    updateConfig: request.updateConfig,
    nodeRepairConfig: request.nodeRepairConfig ?? null,
    launchTemplate: source ?? null,
    tags: request.tags,
    issues: [],
    scaling: request.scaling,
    group: undefined,
    ownTemplate: undefined,
    waitsForNodes: false,
    blueprint: {
      amiType,
      diskSize: diskSize ?? 20,
      enforcedMaxPods: undefined,
      ...(request.ownSystem && { ownSystem: request.ownSystem }),
      taints: request.taints.map(kubernetesTaint),
      labels: {
        'eks.amazonaws.com/nodegroup': name,
        'eks.amazonaws.com/nodegroup-image': request.imageId ?? imageFor(amiType, clusterVersion),
        'eks.amazonaws.com/capacityType': request.capacityType,
        ...(source && {
          'eks.amazonaws.com/sourceLaunchTemplateId': source.id,
          'eks.amazonaws.com/sourceLaunchTemplateVersion': source.version,
        }),
        ...request.labels,
      },
    },
  };
}

/** `sourceGone`: somebody deleted the launch template that the group was made with. */
export function describeNodegroup(nodegroup: Nodegroup, clusterName: string, sourceGone: boolean): JsonObject {
  const { group, launchTemplate } = nodegroup;
  const issues = [...nodegroup.issues];
  if (sourceGone && launchTemplate) {
    const message = `The source launch template ${launchTemplate.id} of the node group was not found.`;
    issues.push({ code: 'SourceEc2LaunchTemplateNotFound', message, resourceIds: [launchTemplate.id] });
  }
  return {
    nodegroupName: nodegroup.name,
    nodegroupArn: nodegroup.arn,
    clusterName,
    version: nodegroup.version,
    releaseVersion: nodegroup.releaseVersion,
    createdAt: nodegroup.createdAt / 1000,
    modifiedAt: nodegroup.modifiedAt / 1000,
    status: nodegroup.status,
    capacityType: nodegroup.capacityType,
    scalingConfig:
      group && nodegroup.status !== 'CREATING' && nodegroup.status !== 'CREATE_FAILED'
        ? { minSize: group.minSize, maxSize: group.maxSize, desiredSize: group.desired }
        : { ...nodegroup.scaling },
    instanceTypes: nodegroup.instanceTypes,
    subnets: nodegroup.subnets,
    remoteAccess: nodegroup.remoteAccess,
    amiType: nodegroup.amiType,
    nodeRole: nodegroup.nodeRole,
    labels: nodegroup.labels,
    taints: nodegroup.taints.map((taint) => ({ ...taint })),
    resources: { autoScalingGroups: group ? [{ name: group.name }] : [], remoteAccessSecurityGroup: null },
    diskSize: nodegroup.diskSize,
    health: { issues: issues.map((issue) => ({ ...issue })) },
    updateConfig: nodegroup.updateConfig,
    nodeRepairConfig: nodegroup.nodeRepairConfig,
    launchTemplate: launchTemplate && { ...launchTemplate },
    tags: nodegroup.tags,
  };
}
