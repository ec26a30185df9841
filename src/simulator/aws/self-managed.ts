/** Auto Scaling groups of somebody's own whose nodes join the cluster, and nodes that Karpenter has made. */
import type { AutoScalingGroupSpec, KarpenterSpec, Scenario } from '../scenario.ts';
import type { KubeObject, KubeStore, SimClock } from '../types.ts';
import type { AutoScaling, AutoScalingGroup, AutoScalingHooks } from './auto-scaling.ts';
import { type Ec2, instanceTypeOf } from './ec2.ts';
import type { Ids } from './ids.ts';
import type { Blueprint, Machines } from './machines.ts';
import { clusterSecurityGroup, imageFor } from './nodegroup-launch.ts';
import { kubernetesTaint } from './nodes.ts';
import { encode, renderMultipart } from './user-data.ts';

const amiType = 'AL2023_x86_64_STANDARD';
const lifetimeBeforeStart = 30 * 86_400_000;
const diskSize = 20;

export interface SelfManaged {
  owns(group: AutoScalingGroup): boolean;
  /** A group that has been there for a month, with running nodes. */
  populate(spec: AutoScalingGroupSpec): void;
  /** Its objects, and nodes that it has made. */
  populateKarpenter(spec: KarpenterSpec, store: KubeStore): void;
  /** Node names of instances with this role. */
  nodesWithRole(roleArn: string): string[];
  hooks: AutoScalingHooks;
}

export interface SelfManagedDeps {
  scenario: Scenario;
  clock: SimClock;
  ids: Ids;
  ec2: Ec2;
  scaling: AutoScaling;
  machines: Machines;
  apiServer: () => { endpoint: string; certificateAuthority: string };
}

/** ARN of a role of nodes; that of the managed node groups unless named. */
export const nodeRoleArn = ({ accountId, name }: Scenario['cluster'], role = `${name}-node`): string =>
  `arn:aws:iam::${accountId}:role/${role}`;

export function createSelfManaged(deps: SelfManagedDeps): SelfManaged {
  const { scenario, clock, ids, ec2, scaling, machines, apiServer } = deps;
  const { cluster, timings } = scenario;
  const blueprints = new Map<AutoScalingGroup, { blueprint: Blueprint; role: string }>();

  /** All that nodeadm needs, since EKS adds nothing. */
  function userDataOf({ labels = {}, taints = [], maxPods }: AutoScalingGroupSpec): string {
    const { endpoint, certificateAuthority } = apiServer();
    const labelFlag = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
    const taintFlag = taints.map(kubernetesTaint).map(({ key, value = '', effect }) => `${key}=${value}:${effect}`);
    const body = [
      'apiVersion: node.eks.aws/v1alpha1',
      'kind: NodeConfig',
      'spec:',
      '  cluster:',
      `    name: ${cluster.name}`,
      `    apiServerEndpoint: ${endpoint}`,
      `    certificateAuthority: ${certificateAuthority}`,
      '    cidr: 172.20.0.0/16',
      '  kubelet:',
      ...(maxPods === undefined ? [] : ['    config:', `      maxPods: ${maxPods}`]),
      '    flags:',
      `    - --node-labels=${labelFlag.join(',')}`,
      ...(taintFlag.length === 0 ? [] : [`    - --register-with-taints=${taintFlag.join(',')}`]),
    ];
    return renderMultipart([{ contentType: 'application/node.eks.aws', body: body.join('\n') }]);
  }

  function makeGroup(spec: AutoScalingGroupSpec): AutoScalingGroup {
    const { name, subnetIds, scaling: size, overrides, requirements, onDemandPercent = 100 } = spec;
    const imageId = imageFor(amiType, cluster.version);
    const userData = userDataOf(spec);
    const template = ec2.createLaunchTemplate({
      name: `${name}-template`,
      data: {
        imageId,
        instanceType: spec.instanceType,
        iamInstanceProfile: { name: spec.role ?? `${cluster.name}-node` },
        securityGroupIdSet: [clusterSecurityGroup],
        userData: encode(userData),
      },
      tags: {},
      createdBy: `arn:aws:iam::${cluster.accountId}:user/operator`,
    });
    const [types, asked] = requirements
      ? [[spec.instanceType], [{ InstanceRequirements: requirementsItem(requirements) }]]
      : [overrides ?? [spec.instanceType], overrides?.map((InstanceType) => ({ InstanceType }))];
    const group = scaling.create({
      name,
      arn: `arn:aws:autoscaling:${cluster.region}:${cluster.accountId}:autoScalingGroup:${ids.uuid()}:autoScalingGroupName/${name}`,
      minSize: size.minSize,
      maxSize: size.maxSize,
      subnetIds,
      zones: Object.fromEntries(subnetIds.map((id) => [id, ec2.subnets.get(id)?.availabilityZone ?? ''])),
      launchTemplate: { id: template.id, name: template.name, version: '1' },
      launch: {
        types: types.map(instanceTypeOf),
        spot: asked !== undefined && onDemandPercent === 0,
        imageId,
        userData,
        groups: [clusterSecurityGroup],
        tags: { [`kubernetes.io/cluster/${cluster.name}`]: 'owned', ...spec.tags, 'aws:autoscaling:groupName': name },
      },
      tags: { [`kubernetes.io/cluster/${cluster.name}`]: 'owned', ...spec.tags },
      own: {
        ...(spec.launchConfiguration === undefined ? {} : { launchConfiguration: spec.launchConfiguration }),
        ...(asked && { mixed: { overrides: asked, onDemandPercent } }),
      },
    });
    const blueprint: Blueprint = {
      amiType,
      diskSize,
      labels: spec.labels ?? {},
      taints: (spec.taints ?? []).map(kubernetesTaint),
      enforcedMaxPods: undefined,
    };
    blueprints.set(group, { blueprint, role: nodeRoleArn(cluster, spec.role) });
    return group;
  }

  const hooks: AutoScalingHooks = {
    launched(group, instance) {
      clock.after(timings.instanceBoot * 200, () => {
        if (instance.state === 'pending') instance.state = 'running';
      });
      clock.after(timings.instanceBoot * 1000, () => {
        const found = blueprints.get(group);
        if (!found || (instance.state !== 'running' && instance.state !== 'pending')) return;
        machines.join(instance, found.blueprint);
        scaling.inService(instance.id);
      });
    },
    // nobody drains the node
    terminating: (group, instance) => hooks.lost(group, instance),
    lost: (_group, instance) => machines.shutDown(instance, () => scaling.left(instance.id)),
    launchFailed: () => undefined,
  };

  return {
    owns: (group) => blueprints.has(group),
    hooks,
    populate(spec) {
      const createdAt = clock.now() - lifetimeBeforeStart;
      const group = makeGroup(spec);
      const found = blueprints.get(group);
      group.createdAt = createdAt;
      group.desired = spec.scaling.desiredSize;
      if (!found) return;
      for (let index = 0; index < group.desired; index++) {
        const instance = scaling.launch(group, createdAt);
        machines.join(instance, found.blueprint);
        scaling.inService(instance.id);
      }
    },
    nodesWithRole: (roleArn) =>
      [...blueprints]
        .filter(([, { role }]) => role === roleArn)
        .flatMap(([group]) => group.members.map(({ instance }) => instance.privateDnsName)),
    populateKarpenter({ nodeClasses, nodePools }, store) {
      for (const { name, amiFamily, maxPods } of nodeClasses) {
        store.create<KarpenterObject>('ec2nodeclasses', {
          apiVersion: 'karpenter.k8s.aws/v1',
          kind: 'EC2NodeClass',
          metadata: { name },
          spec: {
            amiSelectorTerms: [{ alias: `${amiFamily ?? 'al2023'}@latest` }],
            role: `${cluster.name}-karpenter-node`,
            ...(maxPods === undefined ? {} : { kubelet: { maxPods } }),
          },
        });
      }
      for (const { name, nodeClass, nodes, instanceType, subnetIds } of nodePools) {
        const nodeClassRef = { group: 'karpenter.k8s.aws', kind: 'EC2NodeClass', name: nodeClass };
        store.create<KarpenterObject>('nodepools', {
          apiVersion: 'karpenter.sh/v1',
          kind: 'NodePool',
          metadata: { name },
          spec: { template: { spec: { nodeClassRef, requirements: [] } } },
        });
        const labels = {
          'karpenter.sh/nodepool': name,
          'karpenter.k8s.aws/ec2nodeclass': nodeClass,
          'karpenter.sh/registered': 'true',
        };
        for (let index = 0; index < nodes; index++) {
          const instance = ec2.runInstance({
            type: instanceTypeOf(instanceType),
            subnetId: subnetIds[index % subnetIds.length] ?? '',
            spot: false,
            imageId: imageFor(amiType, cluster.version),
            userData: '',
            groups: [clusterSecurityGroup],
            tags: { 'karpenter.sh/nodepool': name },
            launchedAt: clock.now() - lifetimeBeforeStart,
          });
          machines.join(instance, { amiType, diskSize, labels, taints: [], enforcedMaxPods: undefined });
        }
      }
    },
  };
}

interface KarpenterObject extends KubeObject {
  spec: object;
}

const requirementsItem = ({ vcpus, memoryMib }: NonNullable<AutoScalingGroupSpec['requirements']>) => ({
  VCpuCount: { Min: vcpus[0], Max: vcpus[1] },
  MemoryMiB: { Min: memoryMib[0], Max: memoryMib[1] },
});
