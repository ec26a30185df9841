/** Every kind of source by every family of images, as small clusters. */
import type { ClusterSnapshot, LaunchTemplateVersion, Nodegroup } from '../../src/domain/snapshot.ts';
import type { UserDataFacts } from '../../src/domain/user-data.ts';
import { aNodegroup, aSnapshot, aVpcCni } from '../support/snapshot.ts';

interface Family {
  amiType: string;
  /** as nodes tell it */
  osImage: string;
  /** of its user data, where it has any */
  userData: UserDataFacts;
}

const facts = (form: UserDataFacts['form'], more: Partial<UserDataFacts> = {}): UserDataFacts => ({
  bytes: 400,
  form,
  hasBootstrap: false,
  hasNodeConfig: false,
  ...more,
});

export const families: Record<string, Family> = {
  al2023: { amiType: 'AL2023_x86_64_STANDARD', osImage: 'Amazon Linux 2023.9.20260801', userData: facts('multipart') },
  al2: { amiType: 'AL2_x86_64', osImage: 'Amazon Linux 2', userData: facts('text') },
  bottlerocket: { amiType: 'BOTTLEROCKET_x86_64', osImage: 'Bottlerocket OS 1.50.0', userData: facts('toml') },
  'custom-al2023': {
    amiType: 'CUSTOM',
    osImage: 'Amazon Linux 2023.9.20260801',
    userData: facts('multipart', { hasNodeConfig: true }),
  },
  'custom-al2': { amiType: 'CUSTOM', osImage: 'Amazon Linux 2', userData: facts('text', { hasBootstrap: true }) },
  'custom-bottlerocket': { amiType: 'CUSTOM', osImage: 'Bottlerocket OS 1.50.0', userData: facts('toml') },
  'custom-ubuntu': {
    amiType: 'CUSTOM',
    osImage: 'Ubuntu 22.04.5 LTS',
    userData: facts('text', { hasBootstrap: true }),
  },
  windows: { amiType: 'WINDOWS_CORE_2022_x86_64', osImage: 'Windows Server 2022', userData: facts('powershell') },
};

interface Source {
  nodegroup?: Partial<Nodegroup>;
  /** settings of its launch template; absent: it has none unless its image is its own */
  data?: Record<string, unknown>;
  /** null: none, also with an image of its own */
  userData?: null;
  hasOwnImage?: true;
  createWith?: 'external';
}

const template = {
  BlockDeviceMappings: [
    {
      DeviceName: '/dev/xvda',
      Ebs: { VolumeSize: 100, VolumeType: 'gp3', Encrypted: true, DeleteOnTermination: true },
    },
  ],
  MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 2, InstanceMetadataTags: 'enabled' },
  SecurityGroupIds: ['sg-0aa', 'sg-0bb'],
  Monitoring: { Enabled: true },
  TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'team', Value: 'shop' }] }],
};

export const sources: Record<string, Source> = {
  'managed-plain': {},
  'managed-template': {
    nodegroup: { diskSize: null, taints: [{ key: 'dedicated', value: 'shop', effect: 'NO_SCHEDULE' }] },
    data: template,
  },
  'managed-own-image': { nodegroup: { diskSize: null }, data: {}, userData: null, hasOwnImage: true },
  spot: { nodegroup: { capacityType: 'SPOT' } },
  'capacity-block': {
    nodegroup: { capacityType: 'CAPACITY_BLOCK', instanceTypes: [], diskSize: null },
    data: {
      InstanceType: 'm5.large',
      InstanceMarketOptions: { MarketType: 'capacity-block' },
      CapacityReservationSpecification: { CapacityReservationTarget: { CapacityReservationId: 'cr-0aa' } },
    },
    userData: null,
  },
  'eksctl-owned': {
    nodegroup: {
      diskSize: null,
      labels: { team: 'apps', 'alpha.eksctl.io/cluster-name': 'shop-eu', 'alpha.eksctl.io/nodegroup-name': 'apps' },
      tags: {
        'alpha.eksctl.io/nodegroup-name': 'apps',
        'aws:cloudformation:stack-name': 'eksctl-shop-eu-nodegroup-apps',
      },
    },
    data: { MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 2 } },
  },
  'terraform-owned': { nodegroup: { tags: { ManagedBy: 'terraform' } }, createWith: 'external' },
  'self-managed': {
    nodegroup: {
      nodegroupName: 'asg/apps',
      arn: '',
      kubernetesVersion: null,
      releaseVersion: null,
      diskSize: null,
      updateConfig: null,
      tags: {},
    },
    data: { KeyName: 'ops', IamInstanceProfile: { Name: 'nodes' } },
    hasOwnImage: true,
  },
};

/** A cluster with one node group of a kind, and its two nodes. */
export function clusterOf(source: Source, { amiType, osImage, userData }: Family): ClusterSnapshot {
  const isCustom = amiType === 'CUSTOM' || (source.hasOwnImage === true && !amiType.startsWith('WINDOWS_'));
  const hasTemplate = source.data !== undefined || isCustom;
  const imageId = isCustom ? 'ami-0123456789abcdef0' : null;
  const hasUserData = hasTemplate && source.userData !== null;
  const launchTemplate: LaunchTemplateVersion = {
    launchTemplateId: 'lt-0aa',
    version: '3',
    name: 'shop-nodes',
    imageId,
    instanceType: typeof source.data?.['InstanceType'] === 'string' ? source.data['InstanceType'] : null,
    userDataHash: hasUserData ? '5e'.repeat(32) : null,
    ...(hasUserData ? { userData } : {}),
    data: { ...source.data, ...(imageId === null ? {} : { ImageId: imageId }) },
  };
  const nodegroup = aNodegroup({
    scaling: { minSize: 1, maxSize: 4, desiredSize: 2 },
    amiType: isCustom ? 'CUSTOM' : amiType,
    launchTemplate: hasTemplate ? { id: 'lt-0aa', name: 'shop-nodes', version: '3' } : null,
    autoScalingGroupNames: ['eks-apps-0123'],
    kubernetesVersion: '1.32',
    ...source.nodegroup,
  });
  const base = aSnapshot();
  const nodes = base.nodes
    .filter(({ nodegroupName }) => nodegroupName === 'apps')
    .slice(0, 2)
    .map((node) => ({ ...node, nodegroupName: nodegroup.nodegroupName, osImage }));
  return {
    ...base,
    cluster: { ...base.cluster, kubernetesVersion: '1.32' },
    nodegroups: [nodegroup],
    autoScalingGroups: [
      {
        name: 'eks-apps-0123',
        desiredCapacity: 2,
        minSize: 1,
        maxSize: 4,
        instanceIds: nodes.flatMap(({ instanceId }) => instanceId ?? []),
        suspendedProcesses: [],
      },
    ],
    launchTemplates: hasTemplate ? [launchTemplate] : [],
    // it is no part of the matrix
    vpcCni: aVpcCni({ env: { ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '1' } }),
    nodes,
    pods: base.pods
      .filter(({ nodeName }) => nodes.some(({ name }) => name === nodeName))
      .map((pod) => ({ ...pod, tolerations: [{ key: 'dedicated', operator: 'Exists' }] })),
    networkInterfaces: base.networkInterfaces.filter(({ instanceId }) =>
      nodes.some((node) => node.instanceId === instanceId),
    ),
  };
}
