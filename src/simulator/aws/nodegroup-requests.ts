/** What a request about node groups may say: EKS API reference, CreateNodegroup and UpdateNodegroupConfig. */
import { instanceTypeOf } from './ec2.ts';
import { checkMembers, invalid, type JsonObject, object, objects, text, textMap, texts, whole } from './eks-body.ts';
import type { InstanceType } from './instance-types.ts';
import { type ApiTaint, isTaintEffect } from './nodes.ts';

export interface Scaling {
  minSize: number;
  maxSize: number;
  desiredSize: number;
}

export interface CreateRequest {
  name: string;
  subnets: string[];
  nodeRole: string;
  scaling: Scaling;
  amiType: string | undefined;
  instanceTypes: string[] | undefined;
  capacityType: string;
  labels: Record<string, string>;
  taints: ApiTaint[];
  tags: Record<string, string>;
  diskSize: number | undefined;
  updateConfig: JsonObject;
  nodeRepairConfig: JsonObject | undefined;
  remoteAccess: JsonObject | undefined;
  launchTemplate: JsonObject | undefined;
  version: string | undefined;
  releaseVersion: string | undefined;
}

const createMembers = [
  'nodegroupName',
  'scalingConfig',
  'diskSize',
  'subnets',
  'instanceTypes',
  'amiType',
  'remoteAccess',
  'nodeRole',
  'labels',
  'taints',
  'tags',
  'clientRequestToken',
  'launchTemplate',
  'updateConfig',
  'nodeRepairConfig',
  'capacityType',
  'version',
  'releaseVersion',
];

/** @throws AwsError InvalidParameterException */
export function readCreate(body: JsonObject): CreateRequest {
  checkMembers(body, createMembers);
  const name = text(body, 'nodegroupName') ?? '';
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/.test(name)) {
    throw invalid(
      'The nodegroup name can have only alphanumeric characters, hyphens and underscores. It must start with an alphanumeric character and can be at most 63 characters.',
    );
  }
  const subnets = texts(body, 'subnets') ?? [];
  if (subnets.length === 0) throw invalid('Subnets are required');
  const nodeRole = text(body, 'nodeRole') ?? '';
  if (!/^arn:aws[\w-]*:iam::\d{12}:role\/.+/.test(nodeRole))
    throw invalid(
      `Following required service principals [ec2.amazonaws.com] were not found in the trust relationships of nodeRole ${nodeRole}`,
    );
  const instanceTypes = texts(body, 'instanceTypes');
  if (instanceTypes && instanceTypes.length > 20) throw invalid('At most 20 instance types can be specified');
  const capacityType = text(body, 'capacityType') ?? 'ON_DEMAND';
  if (!['ON_DEMAND', 'SPOT'].includes(capacityType))
    throw invalid(`Capacity type ${capacityType} is not supported here`);
  const amiType = text(body, 'amiType');
  if (amiType !== undefined && !amiTypes.includes(amiType)) throw invalid(`amiType ${amiType} is not valid`);
  return {
    name,
    subnets,
    nodeRole,
    scaling: readScaling(object(body, 'scalingConfig') ?? {}, { minSize: 1, maxSize: 2, desiredSize: 2 }),
    amiType,
    instanceTypes: instanceTypes && instanceTypes.length > 0 ? instanceTypes : undefined,
    capacityType,
    labels: checkLabels(textMap(body, 'labels') ?? {}),
    taints: readTaints(body, 'taints'),
    tags: checkTags(textMap(body, 'tags') ?? {}),
    diskSize: whole(body, 'diskSize'),
    updateConfig: object(body, 'updateConfig') ?? { maxUnavailable: 1 },
    nodeRepairConfig: object(body, 'nodeRepairConfig'),
    remoteAccess: object(body, 'remoteAccess'),
    launchTemplate: object(body, 'launchTemplate'),
    version: text(body, 'version'),
    releaseVersion: text(body, 'releaseVersion'),
  };
}

/** API model 2017-11-01, `AMITypes`; Windows has no prefixes on this path. */
const amiTypes = [
  'CUSTOM',
  'AL2_x86_64',
  'AL2_x86_64_GPU',
  'AL2_ARM_64',
  ...['x86_64_STANDARD', 'ARM_64_STANDARD', 'x86_64_NEURON', 'x86_64_NVIDIA', 'ARM_64_NVIDIA'].map(
    (rest) => `AL2023_${rest}`,
  ),
  ...['', '_FIPS', '_NVIDIA', '_NVIDIA_FIPS'].flatMap((rest) => [
    `BOTTLEROCKET_ARM_64${rest}`,
    `BOTTLEROCKET_x86_64${rest}`,
  ]),
];

export interface ConfigChange {
  addLabels: Record<string, string>;
  removeLabels: string[];
  addTaints: ApiTaint[];
  removeTaints: ApiTaint[];
  /** Undefined: stays. */
  scaling: Scaling | undefined;
  updateConfig: JsonObject | undefined;
  nodeRepairConfig: JsonObject | undefined;
  /** What the update object says of it. */
  params: { type: string; value: string }[];
}

/** @throws AwsError InvalidParameterException */
export function readUpdate(body: JsonObject, now: Scaling): ConfigChange {
  checkMembers(body, ['labels', 'taints', 'scalingConfig', 'updateConfig', 'nodeRepairConfig', 'clientRequestToken']);
  const labels = object(body, 'labels') ?? {};
  checkMembers(labels, ['addOrUpdateLabels', 'removeLabels'], 'labels');
  const addLabels = checkLabels(textMap(labels, 'addOrUpdateLabels') ?? {});
  const removeLabels = texts(labels, 'removeLabels') ?? [];
  const taints = object(body, 'taints') ?? {};
  checkMembers(taints, ['addOrUpdateTaints', 'removeTaints'], 'taints');
  const addTaints = readTaints(taints, 'addOrUpdateTaints');
  const removeTaints = readTaints(taints, 'removeTaints');
  const size = object(body, 'scalingConfig');
  const others = {
    TaintsToAdd: addTaints,
    TaintsToRemove: removeTaints,
    LabelsToAdd: addLabels,
    LabelsToRemove: removeLabels,
  };
  return {
    addLabels,
    removeLabels,
    addTaints,
    removeTaints,
    scaling: size && readUpdatedScaling(size, now),
    updateConfig: object(body, 'updateConfig'),
    nodeRepairConfig: object(body, 'nodeRepairConfig'),
    params: [
      ...Object.entries(size ?? {}).map(([member, value]) => param([upperFirst(member), value])),
      ...Object.entries(others)
        .filter(([, value]) => Object.keys(value).length > 0)
        .map(param),
    ],
  };
}

function readScaling(given: JsonObject, standard: Scaling): Scaling {
  checkMembers(given, ['minSize', 'maxSize', 'desiredSize'], 'scalingConfig');
  const size = {
    minSize: whole(given, 'minSize') ?? standard.minSize,
    maxSize: whole(given, 'maxSize') ?? standard.maxSize,
    desiredSize: whole(given, 'desiredSize') ?? standard.desiredSize,
  };
  if (size.minSize < 0 || size.desiredSize < 0) throw invalid('Sizes of scalingConfig must not be negative');
  if (size.maxSize < 1) throw invalid('maxSize must be at least 1');
  if (size.minSize > size.desiredSize) throw invalid("minSize can't be greater than desiredSize");
  if (size.desiredSize > size.maxSize) throw invalid("desiredSize can't be greater than maxSize");
  return size;
}

function readUpdatedScaling(given: JsonObject, now: Scaling): Scaling {
  const minSize = whole(given, 'minSize') ?? now.minSize;
  const desiredSize = whole(given, 'desiredSize') ?? now.desiredSize;
  if (minSize > desiredSize)
    throw invalid(`Minimum capacity ${minSize} can't be greater than desired size ${desiredSize}`);
  return readScaling(given, now);
}

function readTaints(body: JsonObject, member: string): ApiTaint[] {
  return objects(body, member).map((taint) => {
    checkMembers(taint, ['key', 'value', 'effect'], 'taints');
    const key = text(taint, 'key');
    const effect = text(taint, 'effect');
    const value = text(taint, 'value');
    if (key === undefined || !isTaintEffect(effect))
      throw invalid(`Taint ${key ?? ''} with effect ${effect ?? ''} is not valid`);
    return { key, effect, ...(value === undefined ? {} : { value }) };
  });
}

function checkLabels(labels: Record<string, string>): Record<string, string> {
  const reserved = Object.keys(labels).find(
    (key) =>
      /(^|\.)(eks\.amazonaws\.com|kubernetes\.io|k8s\.io)\//.test(key) &&
      !/^node-role\.|^node\.kubernetes\.io\//.test(key),
  );
  if (reserved?.includes('eks.amazonaws.com/'))
    throw invalid(`Label cannot contain reserved prefixes [kubernetes.io/, k8s.io/, eks.amazonaws.com/]: ${reserved}`);
  return labels;
}

function checkTags(tags: Record<string, string>): Record<string, string> {
  if (Object.keys(tags).some((key) => key.toLowerCase().startsWith('aws:')))
    throw invalid("Tag keys must not start with 'aws:'");
  if (Object.keys(tags).length > 50) throw invalid('At most 50 tags are allowed');
  return tags;
}

/** @throws AwsError InvalidParameterException for a type that is unknown or of another architecture */
export function checkTypes(names: readonly string[], amiType: string): InstanceType[] {
  return names.map((name) => {
    let type: InstanceType;
    try {
      type = instanceTypeOf(name);
    } catch (error) {
      throw invalid(error instanceof Error ? error.message : name, { nodegroupName: name });
    }
    const wanted = amiType.includes('ARM_64') ? 'arm64' : 'x86_64';
    if (amiType !== 'CUSTOM' && type.architecture !== wanted) {
      throw invalid(`[${name}] is not a valid instance type for requested amiType ${amiType}`);
    }
    return type;
  });
}

function param([type, value]: [string, unknown]): { type: string; value: string } {
  return { type, value: JSON.stringify(value) };
}

function upperFirst(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
