import { templateOf } from '../domain/nodegroups.ts';
import type { ClusterSnapshot, Nodegroup } from '../domain/snapshot.ts';

type Data = Record<string, unknown>;

/** Members of a template that EKS refuses in a node group, or that the node group itself carries. */
const leftOut = [
  'UserData',
  'ImageId',
  'InstanceType',
  'InstanceRequirements',
  'IamInstanceProfile',
  'InstanceMarketOptions',
  'InstanceInitiatedShutdownBehavior',
  'HibernationOptions',
  'MetadataOptions',
  'TagSpecifications',
  'Operator',
];

/** Root volume of Amazon Linux images. */
const rootDevice = '/dev/xvda';

/**
 * EC2 LaunchTemplateData of the replacement without user data: what the source's own template says, else what EKS builds
 * from the source's disk size and key. Where the source does not say otherwise, instance metadata needs a session token,
 * over at most two hops.
 */
export function launchTemplateData(snapshot: ClusterSnapshot, source: Nodegroup, tags: Record<string, string>): Data {
  const own = templateOf(snapshot, source)?.data;
  const copied = own === undefined ? fromNodegroup(source) : withoutForbidden(own);
  return {
    ...copied,
    MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 2, ...record(own?.['MetadataOptions']) },
    TagSpecifications: tagSpecifications(own?.['TagSpecifications'], tags),
  };
}

function fromNodegroup({ diskSize, remoteAccess }: Nodegroup): Data {
  const disk = { VolumeSize: diskSize, VolumeType: 'gp3', DeleteOnTermination: true };
  return {
    ...(diskSize === null ? {} : { BlockDeviceMappings: [{ DeviceName: rootDevice, Ebs: disk }] }),
    ...(remoteAccess?.ec2SshKey ? { KeyName: remoteAccess.ec2SshKey } : {}),
  };
}

function withoutForbidden(own: Data): Data {
  const kept = Object.fromEntries(Object.entries(own).filter(([key]) => !leftOut.includes(key)));
  const interfaces = own['NetworkInterfaces'];
  if (!Array.isArray(interfaces)) return kept;
  return {
    ...kept,
    NetworkInterfaces: interfaces.map((one: unknown) => {
      const { SubnetId: _, ...rest } = record(one);
      return rest;
    }),
  };
}

/** The source's tags of instances, volumes and so on with ours over them; instances and volumes always get ours. */
function tagSpecifications(own: unknown, tags: Record<string, string>): Data[] {
  const before = new Map(
    (Array.isArray(own) ? own : []).map((one: unknown) => [text(record(one)['ResourceType']), tagsOf(one)]),
  );
  const resourceTypes = [...new Set(['instance', 'volume', ...before.keys()])];
  return resourceTypes.map((resourceType) => ({
    ResourceType: resourceType,
    Tags: Object.entries({ ...before.get(resourceType), ...tags }).map(([Key, Value]) => ({ Key, Value })),
  }));
}

function tagsOf(specification: unknown): Record<string, string> {
  const tags = record(specification)['Tags'];
  const pairs = (Array.isArray(tags) ? tags : []).map((tag: unknown) => record(tag));
  return Object.fromEntries(
    pairs.map((tag) => [text(tag['Key']), text(tag['Value'])] as const).filter(([key]) => isOurs(key)),
  );
}

/** Tags that AWS, EKS or eksctl put on what they own; on something else they would be wrong or are refused. */
export const isOurs = (tagKey: string): boolean => !/^(aws:|eks:|alpha\.eksctl\.io\/|prefix-migrate\/)/.test(tagKey);

const isData = (value: unknown): value is Data => typeof value === 'object' && value !== null;
const record = (value: unknown): Data => (isData(value) ? value : {});
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
