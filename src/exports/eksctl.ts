import { Document, isMap, isScalar, visit } from 'yaml';
import { kubeReservedMemoryMiB } from '../domain/max-pods.ts';
import type { AnyStep, MigrationPlan, NodegroupPlan, Step } from '../domain/plan.ts';
import type { TaintEffect } from '../domain/snapshot.ts';

const taintEffects: Record<TaintEffect, string> = {
  NO_SCHEDULE: 'NoSchedule',
  NO_EXECUTE: 'NoExecute',
  PREFER_NO_SCHEDULE: 'PreferNoSchedule',
};

/**
 * The replacement groups and the setting of the VPC CNI as an eksctl ClusterConfig (eksctl.io/v1alpha5), for review and for
 * people who create their node groups with eksctl. Comments give the reason of each change.
 */
export function eksctlYaml(plan: MigrationPlan): string {
  const change = plan.steps.find((step) => step.kind === 'configure-vpc-cni');
  const groups = plan.nodegroups.flatMap((nodegroup) => {
    const config = managedNodeGroup(plan.steps, nodegroup);
    return config === undefined ? [] : [{ nodegroup, config }];
  });
  const document = new Document(
    {
      apiVersion: 'eksctl.io/v1alpha5',
      kind: 'ClusterConfig',
      metadata: { name: plan.cluster.name, region: plan.cluster.region, version: plan.cluster.kubernetesVersion },
      ...(change === undefined ? {} : { addons: [addon(change)] }),
      ...(groups.length === 0 ? {} : { managedNodeGroups: groups.map(({ config }) => config) }),
    },
    // eksctl reads YAML 1.1, where a bare `on` is a boolean; a label `<<` is a label and merges nothing
    {
      version: '1.1',
      customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || !tag.tag.endsWith(':merge')),
    },
  );
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value === 'string' && needsQuotes.test(node.value)) node.type = 'QUOTE_DOUBLE';
    },
  });
  document.commentBefore = headline(plan);
  comment(document, ['addons'], ' One switch for the whole cluster: aws-node attaches /28 prefixes from then on.');
  for (const [index, { nodegroup }] of groups.entries()) {
    const path = ['managedNodeGroups', index] as const;
    comment(document, [...path, 'name'], ` Takes the place of ${nodegroup.source}.`);
    comment(
      document,
      [...path, 'maxPodsPerNode'],
      ` ${nodegroup.maxPodsBefore} before; ${nodegroup.maxPods.limitedBy}.`,
    );
    comment(document, [...path, 'overrideBootstrapCommand'], ' nodeadm sizes this reservation for secondary IP mode.');
  }
  return document.toString({ lineWidth: 0 });
}

/** Text that YAML 1.2 takes for a number, 1.1 for a merge, and that no reader may take for a byte order mark. */
const needsQuotes = /^(0o[0-7]+|<<)$|\ufeff/;

const headline = (plan: MigrationPlan): string =>
  [
    ` Plan ${plan.planId.slice(0, 8)}: ${plan.cluster.name} to prefix delegation.`,
    plan.steps.length === 0
      ? ' The plan has no steps: there is nothing to create.'
      : ' For review. prefix-migrate creates the same through the EKS API.',
  ].join('\n');

/** Puts a comment above the key at this path, if it is there. */
function comment(document: Document, path: readonly (string | number)[], text: string): void {
  const parent: unknown = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const key = path.at(-1);
  if (!isMap(parent)) return;
  for (const item of parent.items) if (isScalar(item.key) && item.key.value === key) item.key.commentBefore = text;
}

const addon = ({ params }: Step<'configure-vpc-cni'>) => ({
  name: params.addonName,
  version: params.addonVersion,
  // refuse rather than overwrite what somebody else set
  resolveConflicts: 'none',
  configurationValues: params.configurationValues,
});

function managedNodeGroup(steps: readonly AnyStep[], { source, maxPods }: NodegroupPlan) {
  const group = steps
    .filter((step) => step.kind === 'create-nodegroup')
    .find(({ params }) => params.source === source)?.params;
  const name = group?.nodegroupName;
  const scaling = steps
    .filter((step) => step.kind === 'scale-replacement')
    .find(({ params }) => params.nodegroupName === name)?.params.scaling;
  const template = steps
    .filter((step) => step.kind === 'create-launch-template')
    .find(({ params }) => params.launchTemplateName === name)?.params;
  if (group === undefined || scaling === undefined || template === undefined) return undefined;
  return {
    name: group.nodegroupName,
    amiFamily: 'AmazonLinux2023',
    instanceTypes: group.instanceTypes,
    ...(group.capacityType === 'SPOT' ? { spot: true } : {}),
    minSize: scaling.minSize,
    desiredCapacity: scaling.desiredSize,
    maxSize: scaling.maxSize,
    subnets: group.subnetIds,
    maxPodsPerNode: maxPods.value,
    overrideBootstrapCommand: nodeConfig(maxPods.value),
    ...machine(template.data),
    disableIMDSv1: true,
    ...nonEmpty('labels', group.labels),
    ...(group.taints.length > 0
      ? {
          taints: group.taints.map(({ key, value, effect }) => ({
            key,
            ...(value === null ? {} : { value }),
            effect: taintEffects[effect],
          })),
        }
      : {}),
    ...nonEmpty('tags', group.tags),
    ...updateConfig(group.updateConfig),
    ...(group.nodeRepairEnabled === null ? {} : { nodeRepairConfig: { enabled: group.nodeRepairEnabled } }),
    iam: { instanceRoleARN: group.nodeRole },
  };
}

const nodeConfig = (maxPods: number): string =>
  [
    'apiVersion: node.eks.aws/v1alpha1',
    'kind: NodeConfig',
    'spec:',
    '  kubelet:',
    '    config:',
    '      kubeReserved:',
    `        memory: ${kubeReservedMemoryMiB(maxPods)}Mi`,
    '',
  ].join('\n');

const nonEmpty = (name: string, values: Record<string, string>) =>
  Object.keys(values).length > 0 ? { [name]: values } : {};

/** What eksctl has words for: root disk, SSH key, security groups. */
function machine(data: Record<string, unknown>) {
  const { BlockDeviceMappings, KeyName, SecurityGroupIds } = data as {
    BlockDeviceMappings?: { Ebs?: { VolumeSize?: number; VolumeType?: string } }[];
    KeyName?: string;
    SecurityGroupIds?: string[];
  };
  const disk = BlockDeviceMappings?.[0]?.Ebs;
  return {
    ...(disk?.VolumeSize === undefined ? {} : { volumeSize: disk.VolumeSize }),
    ...(disk?.VolumeType === undefined ? {} : { volumeType: disk.VolumeType }),
    ...(KeyName === undefined ? {} : { ssh: { allow: true, publicKeyName: KeyName } }),
    ...(SecurityGroupIds === undefined ? {} : { securityGroups: { attachIDs: SecurityGroupIds } }),
  };
}

function updateConfig(config: { maxUnavailable?: number; maxUnavailablePercentage?: number } | null) {
  if (config?.maxUnavailable !== undefined) return { updateConfig: { maxUnavailable: config.maxUnavailable } };
  if (config?.maxUnavailablePercentage !== undefined) {
    return { updateConfig: { maxUnavailablePercentage: config.maxUnavailablePercentage } };
  }
  return {};
}
