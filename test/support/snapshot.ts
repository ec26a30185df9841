/**
 * Snapshots for tests: `aSnapshot()` is a healthy cluster of two managed node groups that gain from prefix delegation;
 * every part can be replaced. Builders of single objects take overrides, too. Everything is deterministic.
 */

import { type PlanRequest, plainRequest } from '../../src/domain/plan.ts';
import type {
  ClusterNode,
  ClusterSnapshot,
  InstanceType,
  NetworkInterface,
  Nodegroup,
  Pod,
  PodDisruptionBudget,
  Subnet,
  VpcCni,
  Workload,
} from '../../src/domain/snapshot.ts';

const observedAt = '2026-03-01T10:00:00.000Z';

export const aRequest = (overrides: Partial<PlanRequest> = {}): PlanRequest => ({
  ...plainRequest('shop-eu'),
  soakSeconds: 0,
  ...overrides,
});

export const anInstanceType = (overrides: Partial<InstanceType> = {}): InstanceType => ({
  instanceType: 'm5.large',
  origin: 'ec2',
  hypervisor: 'nitro',
  bareMetal: false,
  vcpus: 2,
  memoryMiB: 8192,
  enis: 3,
  ipv4PerEni: 10,
  branchInterfaces: 9,
  architectures: ['x86_64'],
  ...overrides,
});

export const aVpcCni = (overrides: Partial<VpcCni> = {}): VpcCni => ({
  managedBy: 'eks-addon',
  owner:
    overrides.managedBy === 'self-managed'
      ? { tool: 'nobody', name: null, evidence: 'no add-on, release, application or stack claims it' }
      : { tool: 'eks', name: null, evidence: 'EKS add-on vpc-cni' },
  version: '1.19.2',
  addon: { version: 'v1.19.2-eksbuild.1', status: 'ACTIVE', configurationValues: null, healthIssues: [] },
  env: { ENABLE_PREFIX_DELEGATION: 'false', WARM_ENI_TARGET: '1', WARM_PREFIX_TARGET: '1' },
  envManagers: { ENABLE_PREFIX_DELEGATION: 'eks', WARM_ENI_TARGET: 'eks', WARM_PREFIX_TARGET: 'eks' },
  initEnv: {},
  rollout: { generation: 1, observedGeneration: 1, desired: 5, updated: 5, available: 5, unavailable: 0 },
  ...overrides,
});

export const aSubnet = (overrides: Partial<Subnet> = {}): Subnet => ({
  subnetId: 'subnet-0aa1',
  vpcId: 'vpc-0123',
  ownerId: '111122223333',
  availabilityZone: 'eu-west-1a',
  cidr: '10.0.1.0/24',
  availableIpAddressCount: 251,
  reservations: [],
  tags: {},
  ...overrides,
});

export const aNodegroup = (overrides: Partial<Nodegroup> = {}): Nodegroup => {
  const nodegroupName = overrides.nodegroupName ?? 'apps';
  return {
    nodegroupName,
    arn: `arn:aws:eks:eu-west-1:111122223333:nodegroup/shop-eu/${nodegroupName}/0123`,
    status: 'ACTIVE',
    kubernetesVersion: '1.33',
    releaseVersion: '1.33.0-20260201',
    capacityType: 'ON_DEMAND',
    scaling: { minSize: 1, maxSize: 6, desiredSize: 3 },
    instanceTypes: ['m5.large'],
    subnetIds: ['subnet-0aa1', 'subnet-0bb2'],
    amiType: 'AL2023_x86_64_STANDARD',
    nodeRole: 'arn:aws:iam::111122223333:role/eks-node',
    diskSize: 20,
    labels: { team: nodegroupName },
    taints: [],
    tags: { 'cost-center': '42' },
    autoScalingGroupNames: [`eks-${nodegroupName}-0123`],
    launchTemplate: null,
    updateConfig: { maxUnavailable: 1 },
    nodeRepairConfig: null,
    remoteAccess: null,
    healthIssues: [],
    unknownFields: [],
    ...overrides,
  };
};

export const aNode = (overrides: Partial<ClusterNode> = {}): ClusterNode => {
  const name = overrides.name ?? 'ip-10-0-1-10';
  const nodegroupName = overrides.nodegroupName === undefined ? 'apps' : overrides.nodegroupName;
  return {
    name,
    uid: `uid-${name}`,
    instanceId: `i-${name}`,
    instanceType: 'm5.large',
    availabilityZone: 'eu-west-1a',
    nodegroupName,
    labels: nodegroupName === null ? {} : { 'eks.amazonaws.com/nodegroup': nodegroupName, team: nodegroupName },
    annotations: {},
    taints: [],
    unschedulable: false,
    ready: true,
    createdAt: '2026-01-01T00:00:00.000Z',
    capacityPods: 29,
    allocatable: { pods: 29, cpuMillis: 1930, memoryBytes: 7_100 * 1024 * 1024 },
    ...overrides,
  };
};

export const aPod = (overrides: Partial<Pod> = {}): Pod => {
  const name = overrides.name ?? 'web-0';
  return {
    namespace: 'shop',
    name,
    uid: `uid-${overrides.namespace ?? 'shop'}-${name}`,
    nodeName: 'ip-10-0-1-10',
    phase: 'Running',
    ready: true,
    createdAt: '2026-02-01T00:00:00.000Z',
    deletionTimestamp: null,
    controller: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-1', uid: 'uid-rs-shop-web' },
    labels: { app: 'web' },
    annotations: {},
    hostNetwork: false,
    podIp: null,
    mirror: false,
    emptyDirVolumes: [],
    persistentVolumeClaims: [],
    requests: { cpuMillis: 100, memoryBytes: 128 * 1024 * 1024 },
    nodeSelector: {},
    tolerations: [],
    terminationGracePeriodSeconds: 30,
    trouble: null,
    ...overrides,
  };
};

export const aBudget = (overrides: Partial<PodDisruptionBudget> = {}): PodDisruptionBudget => ({
  namespace: 'shop',
  name: 'web',
  uid: `uid-pdb-${overrides.namespace ?? 'shop'}-${overrides.name ?? 'web'}`,
  generation: 1,
  selector: { matchLabels: { app: 'web' } },
  minAvailable: null,
  maxUnavailable: 1,
  unhealthyPodEvictionPolicy: null,
  status: {
    observedGeneration: 1,
    disruptionsAllowed: 1,
    currentHealthy: 4,
    desiredHealthy: 3,
    expectedPods: 4,
    disruptedPods: {},
    syncFailure: null,
  },
  ...overrides,
});

/** A Deployment and its ReplicaSet, as the API lists them. */
export const aDeployment = (namespace: string, name: string, replicas: number): Workload[] => {
  const shared = { namespace, replicas, readyReplicas: replicas };
  const uid = `uid-deploy-${namespace}-${name}`;
  return [
    { ...shared, kind: 'Deployment', name, uid, controller: null },
    {
      ...shared,
      kind: 'ReplicaSet',
      name: `${name}-1`,
      uid: `uid-rs-${namespace}-${name}`,
      controller: { apiVersion: 'apps/v1', kind: 'Deployment', name, uid },
    },
  ];
};

/** Pods of a Deployment made by `aDeployment`, spread over the nodes in turn. */
export const podsOf = (namespace: string, name: string, count: number, nodes: readonly string[]): Pod[] =>
  Array.from({ length: count }, (_, index) =>
    aPod({
      namespace,
      name: `${name}-1-${index}`,
      nodeName: nodes[index % nodes.length] ?? null,
      labels: { app: name },
      controller: { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: `${name}-1`, uid: `uid-rs-${namespace}-${name}` },
    }),
  );

const systemPods = (node: string): Pod[] =>
  ['aws-node', 'kube-proxy'].map((name) =>
    aPod({
      namespace: 'kube-system',
      name: `${name}-${node}`,
      nodeName: node,
      hostNetwork: true,
      labels: { 'k8s-app': name },
      controller: { apiVersion: 'apps/v1', kind: 'DaemonSet', name, uid: `uid-ds-${name}` },
    }),
  );

export const anInterface = (overrides: Partial<NetworkInterface> = {}): NetworkInterface => ({
  networkInterfaceId: 'eni-1',
  subnetId: 'subnet-0aa1',
  interfaceType: 'interface',
  description: 'aws-K8S-i-1',
  requesterManaged: false,
  status: 'in-use',
  instanceId: 'i-ip-10-0-1-10',
  deviceIndex: 0,
  addresses: ['10.0.1.10'],
  prefixes: [],
  ...overrides,
});

const groups = [
  { nodegroupName: 'apps', nodes: ['ip-10-0-1-10', 'ip-10-0-2-10', 'ip-10-0-1-20'] },
  { nodegroupName: 'tools', nodes: ['ip-10-0-1-30', 'ip-10-0-2-30'] },
] as const;

const subnetOf = (node: string) => (node.startsWith('ip-10-0-1-') ? 'subnet-0aa1' : 'subnet-0bb2');
const zoneOf = (node: string) => (node.startsWith('ip-10-0-1-') ? 'eu-west-1a' : 'eu-west-1b');

/** One interface with its own address and nine for pods, all in a row. */
const interfaceOf = (node: string): NetworkInterface => {
  const [, third, fourth] = /^ip-10-0-(\d+)-(\d+)$/.exec(node) ?? [];
  const addresses = Array.from({ length: 10 }, (_, index) => `10.0.${third}.${Number(fourth) + index}`);
  return anInterface({
    networkInterfaceId: `eni-${node}`,
    subnetId: subnetOf(node),
    description: `aws-K8S-i-${node}`,
    instanceId: `i-${node}`,
    addresses,
  });
};

/** A healthy cluster: groups apps (3 x m5.large) and tools (2 x m5.large) in two /24 subnets, 29 pods per node, CNI 1.19.2. */
export function aSnapshot(overrides: Partial<ClusterSnapshot> = {}): ClusterSnapshot {
  const nodeNames = groups.flatMap(({ nodes }) => nodes);
  return {
    formatVersion: 1,
    observedAt,
    jobs: [],
    volumeClaims: [],
    csiNodes: [],
    podWebhooks: [],
    services: [],
    resourceQuotas: [],
    apiGroups: ['apps', 'policy'],
    evictionRehearsal: null,
    notSeen: [],
    cluster: {
      name: 'shop-eu',
      arn: 'arn:aws:eks:eu-west-1:111122223333:cluster/shop-eu',
      region: 'eu-west-1',
      accountId: '111122223333',
      status: 'ACTIVE',
      kubernetesVersion: '1.33',
      platformVersion: 'eks.9',
      endpoint: 'https://0123456789.gr7.eu-west-1.eks.amazonaws.com',
      certificateAuthorityHash: 'c0ffee',
      ipFamily: 'ipv4',
      vpcId: 'vpc-0123',
      subnetIds: ['subnet-0aa1', 'subnet-0bb2'],
      clusterSecurityGroupId: 'sg-cluster',
      authenticationMode: 'API',
      autoMode: false,
      outpost: false,
      callerArn: 'arn:aws:iam::111122223333:user/operator',
    },
    nodegroups: [
      aNodegroup(),
      aNodegroup({ nodegroupName: 'tools', scaling: { minSize: 2, maxSize: 4, desiredSize: 2 } }),
    ],
    autoScalingGroups: groups.map(({ nodegroupName, nodes }) => ({
      name: `eks-${nodegroupName}-0123`,
      desiredCapacity: nodes.length,
      minSize: 1,
      maxSize: 6,
      instanceIds: nodes.map((node) => `i-${node}`),
      suspendedProcesses: [],
    })),
    launchTemplates: [],
    vpcCni: aVpcCni(),
    instanceTypes: [anInstanceType()],
    subnets: [
      aSubnet({ availableIpAddressCount: 221 }),
      aSubnet({
        subnetId: 'subnet-0bb2',
        availabilityZone: 'eu-west-1b',
        cidr: '10.0.2.0/24',
        availableIpAddressCount: 231,
      }),
    ],
    networkInterfaces: nodeNames.map(interfaceOf),
    nodes: groups.flatMap(({ nodegroupName, nodes }) =>
      nodes.map((name) => aNode({ name, nodegroupName, availabilityZone: zoneOf(name) })),
    ),
    pods: [
      ...nodeNames.flatMap(systemPods),
      ...podsOf('shop', 'web', 4, groups[0].nodes),
      ...podsOf('shop', 'api', 3, groups[0].nodes),
      ...podsOf('tools', 'jobs', 2, groups[1].nodes),
    ],
    workloads: [...aDeployment('shop', 'web', 4), ...aDeployment('shop', 'api', 3), ...aDeployment('tools', 'jobs', 2)],
    eniConfigs: [],
    podDisruptionBudgets: [
      aBudget(),
      aBudget({ name: 'api', selector: { matchLabels: { app: 'api' } }, maxUnavailable: '34%' }),
      aBudget({ namespace: 'tools', name: 'jobs', selector: { matchLabels: { app: 'jobs' } } }),
    ],
    ...overrides,
  };
}
