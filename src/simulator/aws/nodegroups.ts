/**
 * Managed node groups: state machine, and what EKS does behind it (its own launch template, the Auto Scaling group,
 * draining). EKS user guide "Managed node groups", API reference 2017-11-01.
 */
import type { Node } from '../kubernetes/objects.ts';
import type { NodegroupSpec, Scenario } from '../scenario.ts';
import type { ClusterControl, SimClock } from '../types.ts';
import type { AutoScaling, AutoScalingGroup, AutoScalingHooks } from './auto-scaling.ts';
import { bootOf, type System } from './boot.ts';
import type { Ec2, Instance } from './ec2.ts';
import { checkMembers, invalid, type JsonObject, text } from './eks-body.ts';
import { AwsError } from './errors.ts';
import type { Ids } from './ids.ts';
import type { InstanceType } from './instance-types.ts';
import type { CniSettings } from './ipamd.ts';
import type { Machines } from './machines.ts';
import {
  describeNodegroup,
  type Issue,
  type Nodegroup,
  newNodegroup,
  type Status,
  type TemplateRef,
} from './nodegroup.ts';
import {
  checkTemplate,
  clusterSecurityGroup,
  imageFor,
  instanceTags,
  mergedUserData,
  securityGroupsOf,
  userDataOf,
} from './nodegroup-launch.ts';
import { type ConfigChange, checkTypes, readCreate, readUpdate } from './nodegroup-requests.ts';
import { eksMaxPods, kubernetesTaint } from './nodes.ts';
import { scalar, type XmlTree } from './query.ts';
import type { Update, Updates } from './updates.ts';
import { encode, parseMultipart } from './user-data.ts';

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

type CreateFailure = NonNullable<Scenario['createFailure']>;

const lifetimeBeforeStart = 30 * 86_400_000;
const joinLimitSeconds = 900;
const drainOnDelete = 300;
const drainOnScaleDown = 900;
const afterBoot = 30;
/** After a node with an image of somebody's own has joined. */
const lateBy = 5;

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
  /** No managed node group has this role any more. */
  roleUnused: (role: string) => void;
}

const failureOf = ({ code, message }: CreateFailure, { members, name }: AutoScalingGroup): Issue => {
  const instances = members.map(({ instance }) => instance.id);
  return { code, message, resourceIds: instances.length > 0 ? instances : [name] };
};

export function createNodegroups(deps: NodegroupDeps): Nodegroups {
  const { scenario, clock, ids, ec2, scaling, machines, updates, cluster, cniSettings, apiServer, roleUnused } = deps;
  const { cluster: clusterSpec, timings } = scenario;
  const all = new Map<string, Nodegroup>();
  /** Made after the start, so that `createFailure` is about them. */
  const madeSince = new Set<Nodegroup>();
  const byNode = new Map<string, { nodegroup: Nodegroup; instance: Instance }>();
  const endpoints = new Set([apiServer().endpoint]);
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
  function sourceTemplate(given: JsonObject | undefined): { ref: TemplateRef; data: XmlTree } | undefined {
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

  /** What somebody made before the group. */
  function templateOf({ name, data, userData }: NonNullable<NodegroupSpec['launchTemplate']>): {
    ref: TemplateRef;
    data: XmlTree;
  } {
    const { endpoint, certificateAuthority } = apiServer();
    const filled = userData
      ?.replaceAll('{endpoint}', endpoint)
      .replaceAll('{certificateAuthority}', certificateAuthority);
    const wanted = { ...data, ...(filled === undefined ? {} : { userData: encode(filled) }) };
    const createdBy = `arn:aws:iam::${clusterSpec.accountId}:user/operator`;
    const { id } = ec2.createLaunchTemplate({ name, data: wanted, tags: {}, createdBy });
    return { ref: { id, name, version: '1' }, data: wanted };
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
    const fields = {
      ...request,
      amiType,
      instanceTypes,
      source: source?.ref,
      imageId,
      ownSystem: systemOfImage(imageId),
    };
    const nodegroup = newNodegroup(fields, clusterSpec, ids.uuid(), clock.now());
    all.set(name, nodegroup);
    startCreation(nodegroup, types, source?.data ?? {}, imageId);
    return describe(nodegroup);
  }

  const systemOfImage = (imageId: string | undefined): System | undefined =>
    imageId === undefined ? undefined : (scenario.images?.[imageId] ?? 'al2023');

  /** Whether an image of somebody's own is told where to go. Nobody answers at an address that is not this cluster's. */
  function findsCluster(system: System, userData: string): boolean {
    const { clusterName, endpoint } = bootOf(system, userData);
    endpoints.add(apiServer().endpoint);
    if (clusterName !== clusterSpec.name) return false;
    return endpoint === undefined ? system === 'al2' || system === 'ubuntu' : endpoints.has(endpoint);
  }

  /** With an image of somebody's own, labels and taints of the API come when the node is there already. */
  function applyLate({ labels, taints, blueprint }: Nodegroup, instance: Instance): void {
    if (!blueprint.ownSystem) return;
    cluster().store.update<Node>('nodes', undefined, instance.privateDnsName, (draft) => {
      draft.metadata.labels = { ...draft.metadata.labels, ...labels };
      const missing = taints
        .map(kubernetesTaint)
        .filter((taint) => !draft.spec.taints?.some((one) => same(one, taint)));
      draft.spec.taints = [...(draft.spec.taints ?? []), ...missing];
    });
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
    const { labels } = nodegroup.blueprint;
    const bootstrap = { amiType: nodegroup.amiType, labels, clusterName: clusterSpec.name, ...apiServer(), maxPods };
    const userData = imageId === undefined ? mergedUserData(userDataOf(data), bootstrap) : userDataOf(data);
    if (imageId === undefined && scenario.eksMaxPodsWins) nodegroup.blueprint.enforcedMaxPods = maxPods;
    const launchedImage = imageId ?? imageFor(nodegroup.amiType, clusterSpec.version);
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
        imageId: launchedImage,
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
        imageId: launchedImage,
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

  function startCreation(
    nodegroup: Nodegroup,
    types: InstanceType[],
    data: XmlTree,
    imageId: string | undefined,
  ): void {
    const userData = userDataOf(data);
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
    madeSince.add(nodegroup);
    // without a node it does well, until it is to have one
    const createFailure = nodegroup.scaling.desiredSize > 0 ? scenario.createFailure : undefined;
    if (createFailure === undefined || createFailure.code === 'NodeCreationFailure') {
      const wait = Math.max(0, timings.createNodegroup - timings.instanceBoot - afterBoot);
      after(wait, () => {
        if (nodegroup.status !== 'CREATING') return;
        const { minSize, maxSize, desiredSize } = nodegroup.scaling;
        scaling.resize(group, { minSize, maxSize, desired: desiredSize }, 'a user request created an AutoScalingGroup');
      });
    }
    if (createFailure) {
      after(createFailure.afterSeconds, () => failCreation(nodegroup, failureOf(createFailure, group)));
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

  /** A group that was made empty fails when it is to have nodes: none is launched, or none joins. */
  function failGrowth(nodegroup: Nodegroup, group: AutoScalingGroup, failure: CreateFailure): void {
    after(failure.afterSeconds, () => {
      if (group.desired === 0 || !['ACTIVE', 'UPDATING'].includes(nodegroup.status)) return;
      nodegroup.issues = [failureOf(failure, group)];
      if (nodegroup.status === 'ACTIVE') setStatus(nodegroup, 'DEGRADED');
    });
  }

  function finishCreation(nodegroup: Nodegroup): void {
    const { group, scaling: wanted } = nodegroup;
    if (nodegroup.status !== 'CREATING' || !nodegroup.waitsForNodes || !group) return;
    if (group.desired >= wanted.desiredSize) activateWhenReady(nodegroup, group);
  }

  /** A launch that failed no longer counts once all instances are there. */
  function recover(nodegroup: Nodegroup): void {
    if (nodegroup.status === 'DEGRADED' && nodegroup.group) activateWhenReady(nodegroup, nodegroup.group);
  }

  function activateWhenReady(nodegroup: Nodegroup, group: AutoScalingGroup): void {
    if (group.members.filter(({ instance }) => machines.isReady(instance)).length < group.desired) return;
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
      const isLost = madeSince.has(nodegroup) && scenario.createFailure !== undefined;
      if (isLost || (instance.state !== 'running' && instance.state !== 'pending')) return;
      const { ownSystem } = nodegroup.blueprint;
      if (ownSystem && !findsCluster(ownSystem, instance.userData)) return;
      byNode.set(instance.privateDnsName, { nodegroup, instance });
      machines.join(instance, nodegroup.blueprint);
      after(lateBy, () => applyLate(nodegroup, instance));
      scaling.inService(instance.id);
    });
  }

  function terminating(group: AutoScalingGroup, instance: Instance): void {
    const nodegroup = ownerOf(group);
    const limit = nodegroup?.status === 'DELETING' ? drainOnDelete : drainOnScaleDown;
    machines.drain(instance, limit, () => lost(group, instance));
  }

  function lost(group: AutoScalingGroup, instance: Instance): void {
    const nodegroup = ownerOf(group);
    machines.shutDown(instance, () => {
      byNode.delete(instance.privateDnsName);
      scaling.left(instance.id);
      if (nodegroup) finishDeletion(nodegroup);
    });
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
    const { group } = nodegroup;
    if ((nodegroup.status !== 'ACTIVE' && nodegroup.status !== 'DEGRADED') || !group) {
      throw conflict('Nodegroup cannot be updated as it is currently not in Active State', name);
    }
    const size = { minSize: group.minSize, maxSize: group.maxSize, desiredSize: group.desired };
    const change = readUpdate(body, size);
    nodegroup.scaling = change.scaling ?? size;
    nodegroup.updateConfig = change.updateConfig ?? nodegroup.updateConfig;
    nodegroup.nodeRepairConfig = change.nodeRepairConfig ?? nodegroup.nodeRepairConfig;
    changeNodes(nodegroup, change);
    setStatus(nodegroup, 'UPDATING');
    if (change.scaling) {
      const { minSize, maxSize, desiredSize } = change.scaling;
      const why = 'a user request update of AutoScalingGroup constraints';
      const { createFailure } = scenario;
      const fails = createFailure !== undefined && madeSince.has(nodegroup) && desiredSize > group.members.length;
      if (fails) failGrowth(nodegroup, group, createFailure);
      if (fails && createFailure.code !== 'NodeCreationFailure') {
        Object.assign(group, { minSize, maxSize, desired: desiredSize });
      } else {
        scaling.resize(group, { minSize, maxSize, desired: desiredSize }, why);
      }
    }
    const createdAt = clock.now() / 1000;
    const { params } = change;
    const update = updates.add(`nodegroup/${name}`, { id: ids.uuid(), type: 'ConfigUpdate', createdAt, params });
    const answer = { ...update };
    after(timings.updateNodegroupConfig, () => {
      update.status = 'Successful';
      if (nodegroup.status === 'UPDATING') setStatus(nodegroup, nodegroup.issues.length > 0 ? 'DEGRADED' : 'ACTIVE');
    });
    return answer;
  }

  function changeNodes(nodegroup: Nodegroup, { addLabels, removeLabels, addTaints, removeTaints }: ConfigChange): void {
    const count = Object.keys(addLabels).length + removeLabels.length + addTaints.length + removeTaints.length;
    if (count === 0) return;
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
    if (![...all.values()].some(({ nodeRole: role }) => role === nodegroup.nodeRole)) roleUnused(nodegroup.nodeRole);
    if (nodegroup.group) scaling.groups.delete(nodegroup.group.name);
    if (nodegroup.ownTemplate) ec2.launchTemplates.delete(nodegroup.ownTemplate.id);
  }

  function describe(nodegroup: Nodegroup): JsonObject {
    const { launchTemplate } = nodegroup;
    const sourceGone = launchTemplate !== null && !ec2.launchTemplates.has(launchTemplate.id);
    return describeNodegroup(nodegroup, clusterSpec.name, sourceGone);
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
      const source = spec.launchTemplate && templateOf(spec.launchTemplate);
      const imageId = scalar(source?.data['imageId']);
      const nodegroup = newNodegroup(
        {
          name: spec.name,
          subnets: spec.subnetIds,
          nodeRole,
          scaling: spec.scaling,
          amiType: imageId === undefined ? spec.amiType : 'CUSTOM',
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
          source: source?.ref,
          imageId,
          ownSystem: systemOfImage(imageId),
        },
        clusterSpec,
        ids.uuid(),
        createdAt,
      );
      all.set(spec.name, nodegroup);
      const types = checkTypes(spec.instanceTypes, spec.amiType);
      const group = makeGroup(nodegroup, types, source?.data ?? {}, imageId, spec.maxPods);
      group.createdAt = createdAt;
      group.desired = spec.scaling.desiredSize;
      nodegroup.group = group;
      scaling.suspend(group, spec.suspendedProcesses ?? []);
      for (let index = 0; index < group.desired; index++) {
        const instance = scaling.launch(group, createdAt);
        byNode.set(instance.privateDnsName, { nodegroup, instance });
        machines.join(instance, nodegroup.blueprint, spec.nodeAnnotations);
        applyLate(nodegroup, instance);
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
    hooks: { launched, terminating, lost, launchFailed },
  };
}

function same(a: { key: string; effect: string }, b: { key: string; effect: string }): boolean {
  return a.key === b.key && a.effect === b.effect;
}
