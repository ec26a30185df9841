/**
 * Managed node groups: checks, state machine, and what EKS does behind it (its own launch template, the Auto Scaling
 * group, draining). EKS user guide "Managed node groups", API reference 2017-11-01.
 */
import type { Node } from '../kubernetes/objects.ts';
import type { NodegroupSpec, Scenario } from '../scenario.ts';
import type { ClusterControl, SimClock } from '../types.ts';
import type { AutoScaling, AutoScalingGroup, AutoScalingHooks } from './auto-scaling.ts';
import { type Ec2, type Instance, instanceTypeOf, type LaunchTemplate } from './ec2.ts';
import { checkMembers, invalid, type JsonObject, object, objects, text, textMap, texts, whole } from './eks-body.ts';
import { AwsError } from './errors.ts';
import type { Ids } from './ids.ts';
import type { InstanceType } from './instance-types.ts';
import type { CniSettings } from './ipamd.ts';
import type { Blueprint, Machines } from './machines.ts';
import { type ApiTaint, eksMaxPods, isTaintEffect, kubernetesTaint } from './nodes.ts';
import type { XmlTree } from './query.ts';
import type { Update, Updates } from './updates.ts';
import { decode, encode, parseMultipart, renderMultipart } from './user-data.ts';

export interface Issue {
  code: string;
  message: string;
  resourceIds: string[];
}

type Status = 'CREATING' | 'ACTIVE' | 'UPDATING' | 'DELETING' | 'CREATE_FAILED' | 'DEGRADED';

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
  launchTemplate: { id: string; name: string; version: string } | null;
  tags: Record<string, string>;
  issues: Issue[];
  blueprint: Blueprint;
  /** Before there is a group: what was asked for. */
  scaling: { minSize: number; maxSize: number; desiredSize: number };
  group: AutoScalingGroup | undefined;
  ownTemplate: LaunchTemplate | undefined;
  /** Ends CREATING when its nodes are ready. */
  waitsForNodes: boolean;
}

export interface Nodegroups {
  all: ReadonlyMap<string, Nodegroup>;
  get(name: string): Nodegroup;
  create(body: JsonObject): JsonObject;
  updateConfig(name: string, body: JsonObject): Update;
  remove(name: string): JsonObject;
  describe(nodegroup: Nodegroup): JsonObject;
  /** A group that has been there for a month, with running nodes. */
  populate(spec: NodegroupSpec): void;
  /** A node became ready: perhaps the last one that its group waited for. */
  nodeReady(nodeName: string): void;
  hooks: AutoScalingHooks;
}

const lifetimeBeforeStart = 30 * 86_400_000;
const joinLimitSeconds = 900;
const drainOnDelete = 300;
const drainOnScaleDown = 900;
const afterBoot = 30;

export interface NodegroupDeps {
  scenario: Scenario;
  clock: SimClock;
  ids: Ids;
  ec2: Ec2;
  scaling: AutoScaling;
  machines: Machines;
  updates: Updates;
  cluster: () => ClusterControl;
  /** What aws-node is configured to, now. */
  cniSettings: () => CniSettings;
  apiServer: () => { endpoint: string; certificateAuthority: string };
}

export function createNodegroups(deps: NodegroupDeps): Nodegroups {
  const { scenario, clock, ids, ec2, scaling, machines, updates, cluster, cniSettings, apiServer } = deps;
  const { cluster: clusterSpec, timings } = scenario;
  const all = new Map<string, Nodegroup>();
  const byNode = new Map<string, { nodegroup: Nodegroup; instance: Instance }>();
  const arnPrefix = `arn:aws:eks:${clusterSpec.region}:${clusterSpec.accountId}`;
  const nodeRole = `arn:aws:iam::${clusterSpec.accountId}:role/${clusterSpec.name}-node`;

  const after = (seconds: number, callback: () => void): void => void clock.after(seconds * 1000, callback);

  function get(name: string): Nodegroup {
    const found = all.get(name);
    if (found) return found;
    throw new AwsError('ResourceNotFoundException', `No node group found for name: ${name}.`, 404, {
      clusterName: clusterSpec.name,
      nodegroupName: name,
      fargateProfileName: null,
      addonName: null,
      subscriptionId: null,
    });
  }

  function conflict(message: string, name: string): AwsError {
    return new AwsError('ResourceInUseException', message, 409, {
      clusterName: clusterSpec.name,
      nodegroupName: name,
      addonName: null,
    });
  }

  /** The user's template, its version and the data of it. */
  function sourceTemplate(
    given: JsonObject | undefined,
  ): { ref: { id: string; name: string; version: string }; data: XmlTree } | undefined {
    if (!given) return undefined;
    checkMembers(given, ['id', 'name', 'version'], 'launchTemplate');
    const id = text(given, 'id');
    const name = text(given, 'name');
    if ((id === undefined) === (name === undefined))
      throw invalid('Launch template must have either id or name, but not both.');
    try {
      const template = ec2.findLaunchTemplate({ id, name });
      const version = ec2.findLaunchTemplateVersion(template, text(given, 'version') ?? '$Default');
      return { ref: { id: template.id, name: template.name, version: String(version.number) }, data: version.data };
    } catch (error) {
      if (error instanceof AwsError) throw new AwsError('InvalidRequestException', error.message);
      throw error;
    }
  }

  function create(body: JsonObject): JsonObject {
    const request = readCreate(body);
    const { name } = request;
    if (all.has(name)) {
      throw conflict(`NodeGroup already exists with name ${name} and cluster name ${clusterSpec.name}`, name);
    }
    if (all.size >= 30)
      throw new AwsError('ResourceLimitExceededException', 'Nodegroup limit exceeded for cluster: 30');
    const unknownSubnet = request.subnets.find((id) => !ec2.subnets.has(id));
    if (unknownSubnet !== undefined) throw invalid(`The subnet ID '${unknownSubnet}' does not exist`);
    const source = sourceTemplate(request.launchTemplate);
    if (source) checkTemplate(source.data);
    if (source && request.diskSize !== undefined)
      throw invalid('Disk size must be specified within the launch template.');
    if (source && request.remoteAccess)
      throw invalid('Remote access configuration cannot be specified with a launch template.');
    const imageId = scalar(source?.data['imageId']);
    const templateType = scalar(source?.data['instanceType']);
    if (templateType !== undefined && request.instanceTypes) {
      throw new AwsError('InvalidRequestException', 'Cannot specify instance types in launch template and API Request');
    }
    if (imageId !== undefined && request.amiType !== undefined && request.amiType !== 'CUSTOM') {
      throw invalid(
        'You cannot specify an AMI Type other than CUSTOM, when specifying an image id in your launch template.',
      );
    }
    if (imageId !== undefined && (request.version ?? request.releaseVersion) !== undefined) {
      throw invalid(
        'You cannot specify a version or release version when specifying an image id in your launch template.',
      );
    }
    const amiType = imageId === undefined ? (request.amiType ?? 'AL2023_x86_64_STANDARD') : 'CUSTOM';
    const instanceTypes = request.instanceTypes ?? (templateType === undefined ? ['t3.medium'] : null);
    const types = checkTypes(instanceTypes ?? [templateType ?? ''], amiType);
    const nodegroup = newNodegroup({ ...request, amiType, instanceTypes, source: source?.ref, imageId }, clock.now());
    all.set(name, nodegroup);
    startCreation(nodegroup, types, source?.data ?? {}, imageId);
    return describe(nodegroup);
  }

  function newNodegroup(
    request: Omit<CreateRequest, 'amiType' | 'instanceTypes'> & {
      amiType: string;
      instanceTypes: string[] | null;
      source: { id: string; name: string; version: string } | undefined;
      imageId: string | undefined;
    },
    createdAt: number,
  ): Nodegroup {
    const uuid = ids.uuid();
    const { name, source, amiType } = request;
    const releaseVersion = request.imageId ?? request.releaseVersion ?? `${clusterSpec.version}.0-20260801`;
    const diskSize = source ? null : (request.diskSize ?? 20);
    return {
      name,
      uuid,
      arn: `${arnPrefix}:nodegroup/${clusterSpec.name}/${name}/${uuid}`,
      status: 'CREATING',
      createdAt,
      modifiedAt: createdAt,
      version: request.version ?? clusterSpec.version,
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
        taints: request.taints.map(kubernetesTaint),
        labels: {
          'eks.amazonaws.com/nodegroup': name,
          'eks.amazonaws.com/nodegroup-image': request.imageId ?? imageFor(amiType, clusterSpec.version),
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

  /** EKS launches from a copy of the user's template, with its own user data in front and its own maxPods. */
  function makeGroup(
    nodegroup: Nodegroup,
    types: InstanceType[],
    data: XmlTree,
    imageId: string | undefined,
    maxPods = eksMaxPods(types, cniSettings()),
  ): AutoScalingGroup {
    const { name, uuid } = nodegroup;
    const given = decode(scalar(data['userData']) ?? '');
    const userData = imageId === undefined ? mergedUserData(nodegroup, given, maxPods) : given;
    if (imageId === undefined && scenario.eksMaxPodsWins) nodegroup.blueprint.enforcedMaxPods = maxPods;
    const tags = {
      'eks:cluster-name': clusterSpec.name,
      'eks:nodegroup-name': name,
    };
    nodegroup.ownTemplate = ec2.createLaunchTemplate({
      name: `eks-${uuid}`,
      data: {
        ...data,
        userData: encode(userData),
        iamInstanceProfile: { name: `eks-${uuid}` },
        imageId: imageId ?? imageFor(nodegroup.amiType, clusterSpec.version),
      },
      tags,
      createdBy: `arn:aws:sts::${clusterSpec.accountId}:assumed-role/AWSServiceRoleForAmazonEKSNodegroup/EKS`,
    });
    const asgName = `eks-${name}-${uuid}`;
    const asgTags = {
      ...tags,
      [`kubernetes.io/cluster/${clusterSpec.name}`]: 'owned',
      [`k8s.io/cluster-autoscaler/${clusterSpec.name}`]: 'owned',
      'k8s.io/cluster-autoscaler/enabled': 'true',
    };
    return scaling.create({
      name: asgName,
      arn: `arn:aws:autoscaling:${clusterSpec.region}:${clusterSpec.accountId}:autoScalingGroup:${ids.uuid()}:autoScalingGroupName/${asgName}`,
      minSize: nodegroup.scaling.minSize,
      maxSize: nodegroup.scaling.maxSize,
      subnetIds: nodegroup.subnets,
      zones: Object.fromEntries(nodegroup.subnets.map((id) => [id, ec2.subnets.get(id)?.availabilityZone ?? ''])),
      launchTemplate: { id: nodegroup.ownTemplate.id, name: nodegroup.ownTemplate.name, version: '1' },
      launch: {
        types,
        spot: nodegroup.capacityType === 'SPOT',
        imageId: imageId ?? imageFor(nodegroup.amiType, clusterSpec.version),
        userData,
        groups: securityGroupsOf(data) ?? [clusterSecurityGroup],
        tags: {
          ...asgTags,
          ...instanceTags(data),
          'aws:autoscaling:groupName': asgName,
          'aws:ec2launchtemplate:id': nodegroup.ownTemplate.id,
          'aws:ec2launchtemplate:version': '1',
        },
      },
      tags: asgTags,
    });
  }

  function mergedUserData(nodegroup: Nodegroup, given: string, maxPods: number): string {
    const labels = Object.entries(nodegroup.blueprint.labels).map(([key, value]) => `${key}=${value}`);
    const { endpoint, certificateAuthority } = apiServer();
    if (nodegroup.amiType.startsWith('BOTTLEROCKET')) {
      // The user's settings replace those of EKS.
      const own = /^\s*"?max-pods"?\s*=/m.test(given) ? '' : `max-pods = ${maxPods}\n`;
      const server = `[settings.kubernetes]\ncluster-name = "${clusterSpec.name}"\napi-server = "${endpoint}"\ncluster-certificate = "${certificateAuthority}"\n`;
      return given.includes('[settings.kubernetes]')
        ? given.replace('[settings.kubernetes]', server + own.trimEnd())
        : `${server}${own}${given}`;
    }
    const nodeConfig = [
      'apiVersion: node.eks.aws/v1alpha1',
      'kind: NodeConfig',
      'spec:',
      '  cluster:',
      `    name: ${clusterSpec.name}`,
      `    apiServerEndpoint: ${endpoint}`,
      `    certificateAuthority: ${certificateAuthority}`,
      '    cidr: 172.20.0.0/16',
      '  kubelet:',
      '    config:',
      `      maxPods: ${maxPods}`,
      '    flags:',
      `    - --node-labels=${labels.join(',')}`,
    ];
    const own = { contentType: 'application/node.eks.aws', body: nodeConfig.join('\n') };
    return renderMultipart([own, ...(parseMultipart(given) ?? [])]);
  }

  function startCreation(
    nodegroup: Nodegroup,
    types: InstanceType[],
    data: XmlTree,
    imageId: string | undefined,
  ): void {
    const userData = decode(scalar(data['userData']) ?? '');
    const needsMultipart = imageId === undefined && !nodegroup.amiType.startsWith('BOTTLEROCKET');
    if (needsMultipart && userData !== '' && !parseMultipart(userData)) {
      const message = 'User data was not in the MIME multipart format.';
      after(10, () =>
        failCreation(nodegroup, { code: 'Ec2LaunchTemplateInvalidConfiguration', message, resourceIds: [] }),
      );
      return;
    }
    const group = makeGroup(nodegroup, types, data, imageId);
    nodegroup.group = group;
    const { createFailure } = scenario;
    const joins = createFailure === undefined;
    if (joins || createFailure.code === 'NodeCreationFailure') {
      const wait = Math.max(0, timings.createNodegroup - timings.instanceBoot - afterBoot);
      after(wait, () => {
        if (nodegroup.status !== 'CREATING') return;
        const { minSize, maxSize, desiredSize } = nodegroup.scaling;
        scaling.resize(group, { minSize, maxSize, desired: desiredSize }, 'a user request created an AutoScalingGroup');
      });
    }
    if (createFailure) {
      after(createFailure.afterSeconds, () => {
        const { code, message } = createFailure;
        const instances = group.members.map(({ instance }) => instance.id);
        failCreation(nodegroup, { code, message, resourceIds: instances.length > 0 ? instances : [group.name] });
      });
      return;
    }
    after(timings.createNodegroup, () => {
      nodegroup.waitsForNodes = true;
      finishCreation(nodegroup);
    });
    after(Math.max(joinLimitSeconds, timings.createNodegroup + 60), () => {
      const missing = group.members
        .filter(({ instance }) => !machines.isReady(instance))
        .map(({ instance }) => instance.id);
      const message = 'Instances failed to join the kubernetes cluster';
      failCreation(nodegroup, nodegroup.issues[0] ?? { code: 'NodeCreationFailure', message, resourceIds: missing });
    });
  }

  function finishCreation(nodegroup: Nodegroup): void {
    const { group } = nodegroup;
    if (nodegroup.status !== 'CREATING' || !nodegroup.waitsForNodes || !group) return;
    const ready = group.members.filter(({ instance }) => machines.isReady(instance)).length;
    if (ready < group.desired || group.desired < nodegroup.scaling.desiredSize) return;
    nodegroup.issues = [];
    setStatus(nodegroup, 'ACTIVE');
  }

  /** A launch that failed no longer counts once all instances are there. */
  function recover(nodegroup: Nodegroup): void {
    const { group } = nodegroup;
    if (nodegroup.status !== 'DEGRADED' || !group) return;
    const ready = group.members.filter(({ instance }) => machines.isReady(instance)).length;
    if (ready < group.desired) return;
    nodegroup.issues = [];
    setStatus(nodegroup, 'ACTIVE');
  }

  function failCreation(nodegroup: Nodegroup, issue: Issue): void {
    if (nodegroup.status !== 'CREATING') return;
    nodegroup.issues = [issue];
    setStatus(nodegroup, 'CREATE_FAILED');
  }

  function setStatus(nodegroup: Nodegroup, status: Status): void {
    nodegroup.status = status;
    nodegroup.modifiedAt = clock.now();
  }

  function launched(group: AutoScalingGroup, instance: Instance): void {
    const nodegroup = ownerOf(group);
    if (!nodegroup) return;
    after(timings.instanceBoot * 0.2, () => {
      if (instance.state === 'pending') instance.state = 'running';
    });
    after(timings.instanceBoot, () => {
      const failing = nodegroup.status === 'CREATING' && scenario.createFailure !== undefined;
      if (failing || (instance.state !== 'running' && instance.state !== 'pending')) return;
      byNode.set(instance.privateDnsName, { nodegroup, instance });
      machines.join(instance, nodegroup.blueprint);
      scaling.inService(instance.id);
    });
  }

  function terminating(group: AutoScalingGroup, instance: Instance): void {
    const nodegroup = ownerOf(group);
    const limit = nodegroup?.status === 'DELETING' ? drainOnDelete : drainOnScaleDown;
    machines.drain(instance, limit, () =>
      machines.shutDown(instance, () => {
        byNode.delete(instance.privateDnsName);
        scaling.left(instance.id);
        if (nodegroup) finishDeletion(nodegroup);
      }),
    );
  }

  function launchFailed(group: AutoScalingGroup, error: AwsError): void {
    const nodegroup = ownerOf(group);
    if (!nodegroup) return;
    nodegroup.issues = [
      error.code === 'InsufficientFreeAddressesInSubnet'
        ? { code: 'InsufficientFreeAddresses', message: error.message, resourceIds: nodegroup.subnets }
        : {
            code: 'AsgInstanceLaunchFailures',
            message: `${error.message} Launching EC2 instance failed.`,
            resourceIds: [group.name],
          },
    ];
    if (nodegroup.status === 'ACTIVE') setStatus(nodegroup, 'DEGRADED');
  }

  function ownerOf(group: AutoScalingGroup): Nodegroup | undefined {
    return [...all.values()].find((nodegroup) => nodegroup.group === group);
  }

  function updateConfig(name: string, body: JsonObject): Update {
    const nodegroup = get(name);
    checkMembers(body, ['labels', 'taints', 'scalingConfig', 'updateConfig', 'nodeRepairConfig', 'clientRequestToken']);
    const { group } = nodegroup;
    if ((nodegroup.status !== 'ACTIVE' && nodegroup.status !== 'DEGRADED') || !group) {
      throw conflict('Nodegroup cannot be updated as it is currently not in Active State', name);
    }
    const labels = object(body, 'labels') ?? {};
    checkMembers(labels, ['addOrUpdateLabels', 'removeLabels'], 'labels');
    const addLabels = checkLabels(textMap(labels, 'addOrUpdateLabels') ?? {});
    const removeLabels = texts(labels, 'removeLabels') ?? [];
    const taints = object(body, 'taints') ?? {};
    checkMembers(taints, ['addOrUpdateTaints', 'removeTaints'], 'taints');
    const addTaints = readTaints(taints, 'addOrUpdateTaints');
    const removeTaints = readTaints(taints, 'removeTaints');
    const size = object(body, 'scalingConfig');
    const scalingNow = { minSize: group.minSize, maxSize: group.maxSize, desiredSize: group.desired };
    const wanted = size ? readUpdatedScaling(size, scalingNow) : scalingNow;
    const updateStrategy = object(body, 'updateConfig');
    const repair = object(body, 'nodeRepairConfig');

    nodegroup.scaling = wanted;
    if (updateStrategy) nodegroup.updateConfig = updateStrategy;
    if (repair) nodegroup.nodeRepairConfig = repair;
    if (Object.keys(labels).length + Object.keys(taints).length > 0) {
      changeNodes(nodegroup, { addLabels, removeLabels, addTaints, removeTaints });
    }
    setStatus(nodegroup, 'UPDATING');
    if (size) {
      const { minSize, maxSize, desiredSize } = wanted;
      scaling.resize(
        group,
        { minSize, maxSize, desired: desiredSize },
        'a user request update of AutoScalingGroup constraints',
      );
    }
    const update = updates.add(`nodegroup/${name}`, {
      id: ids.uuid(),
      type: 'ConfigUpdate',
      createdAt: clock.now() / 1000,
      params: [
        ...Object.entries(size ?? {}).map(([member, value]) => ({
          type: upperFirst(member),
          value: JSON.stringify(value),
        })),
        ...(addTaints.length > 0 ? [{ type: 'TaintsToAdd', value: JSON.stringify(addTaints) }] : []),
        ...(removeTaints.length > 0 ? [{ type: 'TaintsToRemove', value: JSON.stringify(removeTaints) }] : []),
        ...(Object.keys(addLabels).length > 0 ? [{ type: 'LabelsToAdd', value: JSON.stringify(addLabels) }] : []),
        ...(removeLabels.length > 0 ? [{ type: 'LabelsToRemove', value: JSON.stringify(removeLabels) }] : []),
      ],
    });
    const answer = { ...update };
    after(timings.updateNodegroupConfig, () => {
      update.status = 'Successful';
      if (nodegroup.status === 'UPDATING') setStatus(nodegroup, nodegroup.issues.length > 0 ? 'DEGRADED' : 'ACTIVE');
    });
    return answer;
  }

  function changeNodes(
    nodegroup: Nodegroup,
    change: {
      addLabels: Record<string, string>;
      removeLabels: string[];
      addTaints: ApiTaint[];
      removeTaints: ApiTaint[];
    },
  ): void {
    const { addLabels, removeLabels, addTaints, removeTaints } = change;
    const without = <T>(record: Record<string, T>): Record<string, T> =>
      Object.fromEntries(Object.entries(record).filter(([key]) => !removeLabels.includes(key)));
    const replaced = [...addTaints, ...removeTaints];
    nodegroup.labels = { ...without(nodegroup.labels), ...addLabels };
    nodegroup.taints = [
      ...nodegroup.taints.filter((taint) => !replaced.some((other) => same(taint, other))),
      ...addTaints,
    ];
    nodegroup.blueprint.labels = { ...without(nodegroup.blueprint.labels), ...addLabels };
    nodegroup.blueprint.taints = nodegroup.taints.map(kubernetesTaint);
    const replacedOnNode = replaced.map(kubernetesTaint);
    for (const [nodeName, owner] of byNode) {
      if (owner.nodegroup !== nodegroup) continue;
      cluster().store.update<Node>('nodes', undefined, nodeName, (draft) => {
        draft.metadata.labels = { ...without(draft.metadata.labels ?? {}), ...addLabels };
        const kept = (draft.spec.taints ?? []).filter((taint) => !replacedOnNode.some((other) => same(taint, other)));
        draft.spec.taints = [...kept, ...addTaints.map(kubernetesTaint)];
      });
    }
  }

  function remove(name: string): JsonObject {
    const nodegroup = get(name);
    if (['CREATING', 'UPDATING', 'DELETING'].includes(nodegroup.status)) {
      throw conflict(`Nodegroup cannot be deleted as it is currently in ${nodegroup.status} state`, name);
    }
    setStatus(nodegroup, 'DELETING');
    const answer = describe(nodegroup);
    const deletedAt = clock.now();
    nodegroup.modifiedAt = deletedAt;
    if (nodegroup.group) {
      scaling.resize(nodegroup.group, { minSize: 0, desired: 0 }, 'a user request deleted the node group');
    }
    after(timings.deleteNodegroup, () => finishDeletion(nodegroup));
    return answer;
  }

  /** Gone when its time is over and its instances are. */
  function finishDeletion(nodegroup: Nodegroup): void {
    if (nodegroup.status !== 'DELETING' || clock.now() < nodegroup.modifiedAt + timings.deleteNodegroup * 1000) return;
    if (nodegroup.group && nodegroup.group.members.length > 0) return;
    all.delete(nodegroup.name);
    if (nodegroup.group) scaling.groups.delete(nodegroup.group.name);
    if (nodegroup.ownTemplate) ec2.launchTemplates.delete(nodegroup.ownTemplate.id);
  }

  function describe(nodegroup: Nodegroup): JsonObject {
    const { group, launchTemplate } = nodegroup;
    const sourceGone = launchTemplate !== null && !ec2.launchTemplates.has(launchTemplate.id);
    const issues = sourceGone
      ? [
          ...nodegroup.issues,
          {
            code: 'SourceEc2LaunchTemplateNotFound',
            message: `The source launch template ${launchTemplate.id} of the node group was not found.`,
            resourceIds: [launchTemplate.id],
          },
        ]
      : nodegroup.issues;
    return {
      nodegroupName: nodegroup.name,
      nodegroupArn: nodegroup.arn,
      clusterName: clusterSpec.name,
      version: nodegroup.version,
      releaseVersion: nodegroup.releaseVersion,
      createdAt: nodegroup.createdAt / 1000,
      modifiedAt: nodegroup.modifiedAt / 1000,
      status: nodegroup.status,
      capacityType: nodegroup.capacityType,
      scalingConfig:
        group && nodegroup.status !== 'CREATING' && nodegroup.status !== 'CREATE_FAILED'
          ? { minSize: group.minSize, maxSize: group.maxSize, desiredSize: group.desired }
          : nodegroup.scaling,
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

  return {
    all,
    get,
    create,
    updateConfig,
    remove,
    describe,
    populate(spec) {
      const createdAt = clock.now() - lifetimeBeforeStart;
      const nodegroup = newNodegroup(
        {
          name: spec.name,
          subnets: spec.subnetIds,
          nodeRole,
          scaling: spec.scaling,
          amiType: spec.amiType,
          instanceTypes: spec.instanceTypes,
          capacityType: spec.capacityType,
          labels: spec.labels ?? {},
          taints: spec.taints ?? [],
          tags: spec.tags ?? {},
          diskSize: spec.diskSize,
          updateConfig: { maxUnavailable: 1 },
          nodeRepairConfig: undefined,
          remoteAccess: undefined,
          launchTemplate: undefined,
          version: undefined,
          releaseVersion: undefined,
          source: undefined,
          imageId: undefined,
        },
        createdAt,
      );
      all.set(spec.name, nodegroup);
      const group = makeGroup(nodegroup, checkTypes(spec.instanceTypes, spec.amiType), {}, undefined, spec.maxPods);
      group.createdAt = createdAt;
      group.desired = spec.scaling.desiredSize;
      nodegroup.group = group;
      for (let index = 0; index < group.desired; index++) {
        const instance = scaling.launch(group, createdAt);
        byNode.set(instance.privateDnsName, { nodegroup, instance });
        machines.join(instance, nodegroup.blueprint);
        scaling.inService(instance.id);
      }
      setStatus(nodegroup, 'ACTIVE');
      nodegroup.modifiedAt = createdAt;
    },
    nodeReady(nodeName) {
      const owner = byNode.get(nodeName);
      if (!owner) return;
      finishCreation(owner.nodegroup);
      recover(owner.nodegroup);
    },
    hooks: { launched, terminating, launchFailed },
  };
}

/** Of the cluster; nodes without a group of their own get it. */
export const clusterSecurityGroup = 'sg-0c1a57e45ec0417d5';

function checkTemplate(data: XmlTree): void {
  const interfaces = Array.isArray(data['networkInterfaceSet']) ? data['networkInterfaceSet'] : [];
  const forbidden: [string, boolean][] = [
    ['a subnet in a network interface', interfaces.some((one) => typeof one === 'object' && 'subnetId' in one)],
    ['an IAM instance profile', data['iamInstanceProfile'] !== undefined],
    ['shutdown behavior', data['instanceInitiatedShutdownBehavior'] !== undefined],
    ['hibernation options', data['hibernationOptions'] !== undefined],
  ];
  const found = forbidden.find(([, present]) => present);
  if (found)
    throw new AwsError(
      'InvalidRequestException',
      `Launch template must not specify ${found[0]} for a managed node group.`,
    );
}

function checkTypes(names: readonly string[], amiType: string): InstanceType[] {
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

interface CreateRequest {
  name: string;
  subnets: string[];
  nodeRole: string;
  scaling: { minSize: number; maxSize: number; desiredSize: number };
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

function readCreate(body: JsonObject): CreateRequest {
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
  const scalingConfig = object(body, 'scalingConfig');
  return {
    name,
    subnets,
    nodeRole,
    scaling: scalingConfig
      ? readScaling(scalingConfig, { minSize: 1, maxSize: 2, desiredSize: 2 })
      : { minSize: 1, maxSize: 2, desiredSize: 2 },
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

type Scaling = Nodegroup['scaling'];

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

function same(a: { key: string; effect: string }, b: { key: string; effect: string }): boolean {
  return a.key === b.key && a.effect === b.effect;
}

function scalar(value: XmlTree[string]): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function upperFirst(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

/** A name like an AMI id for each AMI type and version. */
function imageFor(amiType: string, version: string): string {
  const digits = Buffer.from(`${amiType}/${version}`).toString('hex').padEnd(17, '0').slice(-16);
  return `ami-0${digits}`;
}

function securityGroupsOf(data: XmlTree): string[] | undefined {
  const interfaces = Array.isArray(data['networkInterfaceSet']) ? data['networkInterfaceSet'] : [];
  const [first] = interfaces;
  const ofInterface = typeof first === 'object' && 'groupSet' in first ? first.groupSet : undefined;
  const groups = data['securityGroupIdSet'] ?? ofInterface;
  const names = Array.isArray(groups) ? groups.filter((group) => typeof group === 'string') : [];
  return names.length > 0 ? names : undefined;
}

function instanceTags(data: XmlTree): Record<string, string> {
  const specifications = Array.isArray(data['tagSpecificationSet']) ? data['tagSpecificationSet'] : [];
  const tags: Record<string, string> = {};
  for (const specification of specifications) {
    if (typeof specification !== 'object' || !('resourceType' in specification)) continue;
    if (specification.resourceType !== 'instance' || !Array.isArray(specification.tagSet)) continue;
    for (const tag of specification.tagSet) {
      if (typeof tag === 'object' && 'key' in tag && typeof tag.key === 'string')
        tags[tag.key] = scalar(tag.value) ?? '';
    }
  }
  return tags;
}
