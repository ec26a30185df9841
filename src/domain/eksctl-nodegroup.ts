/** Node groups in the words of eksctl (ClusterConfig, eksctl.io/v1alpha5), and what it has no words for. */
import { type AmiFamily, amiFamilyOf } from './ami.ts';
import { kubeReservedMemoryMiB } from './max-pods.ts';
import { imageOfReplacement } from './node-image.ts';
import { replacementAmiType, templateOf } from './nodegroups.ts';
import type { PlanRequest, ReplacementParts } from './plan.ts';
import type { ClusterSnapshot, Nodegroup, TaintEffect } from './snapshot.ts';
import { copiedSettings } from './template-settings.ts';

type Data = Record<string, unknown>;

const families: Partial<Record<AmiFamily, string>> = {
  al2023: 'AmazonLinux2023',
  al2: 'AmazonLinux2',
  bottlerocket: 'Bottlerocket',
};

const taintEffects: Record<TaintEffect, string> = {
  NO_SCHEDULE: 'NoSchedule',
  NO_EXECUTE: 'NoExecute',
  PREFER_NO_SCHEDULE: 'PreferNoSchedule',
};

/** Name of the stack that eksctl makes for a node group. */
export const eksctlStack = (clusterName: string, nodegroupName: string): string =>
  `eksctl-${clusterName}-nodegroup-${nodegroupName}`;

/** An entry of `managedNodeGroups` for the replacement of a source of which `eksctlLacks` says nothing. */
export function eksctlNodegroup(parts: ReplacementParts, maxPods: number): Data {
  const { group, template } = parts;
  const { scaling, taints, updateConfig } = group;
  const family = familyOf(parts);
  return {
    name: group.nodegroupName,
    ...image(family, template.data['ImageId'], maxPods),
    instanceTypes: group.instanceTypes,
    ...(group.capacityType === 'SPOT' ? { spot: true } : {}),
    minSize: scaling.minSize,
    desiredCapacity: scaling.desiredSize,
    maxSize: scaling.maxSize,
    subnets: group.subnetIds,
    // nodeadm sizes the reservation for secondary IP mode
    ...(family === 'al2023' ? { overrideBootstrapCommand: nodeConfig(maxPods, template.data['ImageId']) } : {}),
    ...machine(template.data, family),
    ...filled('labels', withoutKeys(group.labels, isOfEksctl)),
    ...(taints.length === 0
      ? {}
      : {
          taints: taints.map(({ key, value, effect }) => ({
            key,
            ...(value === null ? {} : { value }),
            effect: taintEffects[effect],
          })),
        }),
    ...filled('tags', group.tags),
    ...filled('updateConfig', {
      ...(updateConfig?.maxUnavailable === undefined ? {} : { maxUnavailable: updateConfig.maxUnavailable }),
      ...(updateConfig?.maxUnavailablePercentage === undefined
        ? {}
        : { maxUnavailablePercentage: updateConfig.maxUnavailablePercentage }),
    }),
    ...(group.nodeRepairConfig === null ? {} : { nodeRepairConfig: group.nodeRepairConfig }),
    iam: { instanceRoleARN: group.nodeRole },
  };
}

/** With an image of its own eksctl takes no maxPodsPerNode: it stands where the system of the image reads it. */
function image(family: AmiFamily, imageId: unknown, maxPods: number): Data {
  const amiFamily = families[family];
  if (typeof imageId !== 'string') return { amiFamily, maxPodsPerNode: maxPods };
  return {
    ami: imageId,
    amiFamily,
    ...(family === 'bottlerocket' ? { bottlerocket: { settings: { kubernetes: { 'max-pods': maxPods } } } } : {}),
  };
}

/** Of an image of one's own it shows in how its user data is joined. */
function familyOf({ group, template: { merge } }: ReplacementParts): AmiFamily {
  const family = amiFamilyOf(group.amiType);
  if (family !== 'custom' || merge === undefined) return family;
  if (merge.format === 'toml') return 'bottlerocket';
  return merge.position === 'last' ? 'al2023' : 'al2';
}

/**
 * An entry for a replacement that only a launch template can tell all of. The template's id is known when it is there, and is
 * left to the reader: eksctl takes no name.
 */
export function eksctlNodegroupOfTemplate(parts: ReplacementParts): Data {
  const { group, template } = parts;
  const ofTemplate = new Set(['ami', 'maxPodsPerNode', 'overrideBootstrapCommand', 'bottlerocket']);
  const words = { ...eksctlNodegroup({ group, template: { ...template, data: {} } }, 0) };
  const hasImage = typeof template.data['ImageId'] === 'string';
  return Object.fromEntries(
    Object.entries(words).filter(([key]) => !ofTemplate.has(key) && !(hasImage && key === 'amiFamily')),
  );
}

/**
 * The file with which eksctl makes one node group. JSON, which is YAML, and as such the same to readers of YAML 1.1 and 1.2.
 * Of a cluster that eksctl did not make it asks for more (VPC and security group), and says so.
 */
export const eksctlConfig = (
  parts: ReplacementParts,
  { maxPods, region, version }: { maxPods: number; region: string; version: string | null },
): string =>
  `${JSON.stringify(
    {
      apiVersion: 'eksctl.io/v1alpha5',
      kind: 'ClusterConfig',
      metadata: { name: parts.group.clusterName, region, ...(version === null ? {} : { version }) },
      managedNodeGroups: [eksctlNodegroup(parts, maxPods)],
    },
    null,
    2,
  )}\n`;

/** What a source has that eksctl has no words for, so that it cannot make the replacement: `user data of its own`, `CpuOptions`. */
export function eksctlLacks(
  snapshot: ClusterSnapshot,
  source: Nodegroup,
  request: Pick<PlanRequest, 'amiType'>,
): string[] {
  const template = templateOf(snapshot, source);
  const amiType = replacementAmiType(source, request);
  const found = imageOfReplacement(snapshot, source, request);
  const { data } = copiedSettings(template?.data ?? {}, { keepsImage: amiType === 'CUSTOM' });
  const wanted: Wanted = {
    ...source,
    amiType,
    family: 'obstacle' in found ? amiFamilyOf(amiType) : found.family,
    data,
    hasUserData: (template?.userDataHash ?? null) !== null,
  };
  return [...lacksOfTemplate(wanted), ...lacksOfGroup(wanted)];
}

/** The same of a replacement: what a launch template could tell eksctl, and what it cannot be told at all. */
export function eksctlLacksOf(parts: ReplacementParts): { template: string[]; group: string[] } {
  const { group, template } = parts;
  const wanted: Wanted = {
    ...group,
    family: familyOf(parts),
    data: template.data,
    hasUserData: (template.sourceTemplate?.userDataHash ?? null) !== null,
  };
  return { template: lacksOfTemplate(wanted), group: lacksOfGroup(wanted) };
}

interface Wanted extends Pick<Nodegroup, 'amiType' | 'capacityType' | 'updateConfig' | 'warmPoolConfig' | 'tags'> {
  family: AmiFamily;
  data: Data;
  hasUserData: boolean;
}

function lacksOfTemplate({ data, family, hasUserData, tags }: Wanted): string[] {
  const imageId = data['ImageId'];
  return [
    ...(imageId === undefined || family === 'al2023' || family === 'bottlerocket' ? [] : [`image ${shown(imageId)}`]),
    ...(hasUserData ? ['user data of its own'] : []),
    ...Object.entries(data).flatMap(([key, value]) => {
      if (key === 'ImageId' || key === 'TagSpecifications') return [];
      return Object.hasOwn(settings, key) ? (settings[key]?.lacks(value, key) ?? []) : [key];
    }),
    ...new Set(
      tagsOfInstances(data['TagSpecifications']).flatMap(([key, value]) =>
        isSetByTools.test(key) || tags[key] === value ? [] : [`tag ${key} of its instances or volumes`],
      ),
    ),
  ];
}

function lacksOfGroup({ amiType, family, capacityType, warmPoolConfig, updateConfig }: Wanted): string[] {
  const { updateStrategy } = updateConfig ?? {};
  return [
    ...(families[family] === undefined || amiType.endsWith('_FIPS') ? [`AMI type ${amiType}`] : []),
    ...(['ON_DEMAND', 'SPOT'].includes(capacityType) ? [] : [`capacity type ${capacityType}`]),
    ...(warmPoolConfig == null ? [] : ['a warm pool']),
    ...(updateStrategy === undefined || updateStrategy === 'DEFAULT' ? [] : [`update strategy ${updateStrategy}`]),
  ];
}

/** Tags that AWS, EKS and eksctl set by themselves, and ours. */
const isSetByTools = /^(Name$|aws:|eks:|alpha\.eksctl\.io\/|prefix-migrate\/)/;

/** How each setting of a launch template is said to eksctl, and what of it cannot be. */
interface Setting {
  words: (value: unknown, family: AmiFamily) => Data;
  lacks: (value: unknown, key: string) => string[];
}

const all = (): string[] => [];

const settings: Record<string, Setting> = {
  BlockDeviceMappings: {
    words: (value, family) => {
      const device = record(list(value)[0])['DeviceName'];
      const { VolumeSize, VolumeType, Encrypted, KmsKeyId, Iops, Throughput } = record(record(list(value)[0])['Ebs']);
      return {
        ...(device === (family === 'bottlerocket' ? '/dev/xvdb' : '/dev/xvda') ? {} : given('volumeName', device)),
        ...given('volumeSize', VolumeSize),
        ...given('volumeType', VolumeType),
        ...given('volumeEncrypted', Encrypted),
        ...given('volumeKmsKeyID', KmsKeyId),
        ...given('volumeIOPS', Iops),
        ...given('volumeThroughput', Throughput),
      };
    },
    lacks: (value, key) => [
      ...(list(value).length > 1 ? [`${key}: a second disk`] : []),
      ...Object.entries(record(record(list(value)[0])['Ebs']))
        .filter(([name, one]) => !isDiskSetting.test(name) && !(name === 'DeleteOnTermination' && one === true))
        .map(([name]) => `${key}.Ebs.${name}`),
    ],
  },
  // pkg/cfn/builder/managed_launch_template.go of eksctl
  KeyName: { words: () => ({}), lacks: (_value, key) => [`${key} (with a key eksctl opens port 22 to everybody)`] },
  SecurityGroupIds: { words: (value) => ({ securityGroups: { attachIDs: value } }), lacks: all },
  EbsOptimized: { words: (value) => given('ebsOptimized', value), lacks: all },
  Monitoring: {
    words: (value) => given('enableDetailedMonitoring', record(value)['Enabled']),
    lacks: (value, key) => others(value, key, ['Enabled']),
  },
  Placement: {
    words: (value) => ({ placement: given('groupName', record(value)['GroupName']) }),
    lacks: (value, key) => others(value, key, ['GroupName']),
  },
  MetadataOptions: {
    words: (value) => ({ disableIMDSv1: record(value)['HttpTokens'] !== 'optional' }),
    lacks: (value, key) => [
      ...others(value, key, ['HttpTokens', 'HttpPutResponseHopLimit', 'HttpEndpoint']),
      ...((record(value)['HttpPutResponseHopLimit'] ?? 2) === 2 ? [] : [`${key}.HttpPutResponseHopLimit`]),
      ...(record(value)['HttpEndpoint'] === 'disabled' ? [`${key}.HttpEndpoint`] : []),
    ],
  },
};

const isDiskSetting = /^(VolumeSize|VolumeType|Encrypted|KmsKeyId|Iops|Throughput)$/;

const machine = (data: Data, family: AmiFamily): Data =>
  Object.assign(
    {},
    ...Object.entries(settings).map(([key, { words }]) => (data[key] === undefined ? {} : words(data[key], family))),
  );

const nodeConfig = (maxPods: number, imageId: unknown): string =>
  [
    'apiVersion: node.eks.aws/v1alpha1',
    'kind: NodeConfig',
    'spec:',
    '  kubelet:',
    '    config:',
    ...(typeof imageId === 'string' ? [`      maxPods: ${maxPods}`] : []),
    '      kubeReserved:',
    `        memory: ${kubeReservedMemoryMiB(maxPods)}Mi`,
    '',
  ].join('\n');

/** eksctl sets them itself. */
const isOfEksctl = (key: string): boolean => key.startsWith('alpha.eksctl.io/');

const others = (value: unknown, path: string, known: readonly string[]): string[] =>
  Object.keys(record(value))
    .filter((key) => !known.includes(key))
    .map((key) => `${path}.${key}`);

const tagsOfInstances = (specifications: unknown): [string, unknown][] =>
  list(specifications).flatMap((one) =>
    list(record(one)['Tags']).map((tag): [string, unknown] => [String(record(tag)['Key']), record(tag)['Value']]),
  );

const given = (name: string, value: unknown): Data => (value === undefined ? {} : { [name]: value });
const filled = (name: string, values: Data): Data => (Object.keys(values).length > 0 ? { [name]: values } : {});
const withoutKeys = (values: Record<string, string>, isLeftOut: (key: string) => boolean): Record<string, string> =>
  Object.fromEntries(Object.entries(values).filter(([key]) => !isLeftOut(key)));
const shown = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
const isData = (value: unknown): value is Data => typeof value === 'object' && value !== null && !Array.isArray(value);
const record = (value: unknown): Data => (isData(value) ? value : {});
