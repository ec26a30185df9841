import { type AmiFamily, amiFamilyOf } from '../domain/ami.ts';
import { replacementAmiType, templateOf } from '../domain/nodegroups.ts';
import type { PlanRequest } from '../domain/plan.ts';
import type { ClusterSnapshot, Nodegroup } from '../domain/snapshot.ts';
import { copiedSettings } from '../domain/template-settings.ts';

type Data = Record<string, unknown>;

/** Device of the disk that `diskSize` of a node group speaks of. Bottlerocket keeps its system and the data of pods on two. */
const disks: Record<AmiFamily, string> = {
  al2023: '/dev/xvda',
  al2: '/dev/xvda',
  bottlerocket: '/dev/xvdb',
  windows: '/dev/sda1',
  custom: '/dev/xvda',
  unknown: '/dev/xvda',
};

/**
 * EC2 LaunchTemplateData of the replacement without user data: every setting of the source's own template that a node group
 * can have, else what EKS builds from the source's disk size and key. Where the source does not say otherwise, instance
 * metadata needs a session token, over at most two hops.
 */
export function launchTemplateData(
  snapshot: ClusterSnapshot,
  source: Nodegroup,
  request: Pick<PlanRequest, 'amiType'>,
  tags: Record<string, string>,
): Data {
  const own = templateOf(snapshot, source)?.data;
  const amiType = replacementAmiType(source, request);
  const settings =
    own === undefined ? fromNodegroup(source, amiType) : copiedSettings(own, { keepsImage: amiType === 'CUSTOM' }).data;
  return {
    ...settings,
    MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 2, ...record(settings['MetadataOptions']) },
    TagSpecifications: tagSpecifications(own?.['TagSpecifications'], tags),
  };
}

function fromNodegroup({ diskSize, remoteAccess }: Nodegroup, amiType: string): Data {
  const disk = { VolumeSize: diskSize, VolumeType: 'gp3', DeleteOnTermination: true };
  return {
    ...(diskSize === null ? {} : { BlockDeviceMappings: [{ DeviceName: disks[amiFamilyOf(amiType)], Ebs: disk }] }),
    ...(remoteAccess?.ec2SshKey ? { KeyName: remoteAccess.ec2SshKey } : {}),
  };
}

/** The source's tags of instances, volumes and so on with ours over them; instances and volumes always get ours. */
function tagSpecifications(own: unknown, tags: Record<string, string>): Data[] {
  const before = tagsByResource(own);
  const resourceTypes = [...new Set(['instance', 'volume', ...Object.keys(before)])];
  return resourceTypes.map((resourceType) => ({
    ResourceType: resourceType,
    Tags: Object.entries({ ...withoutTagsOfOwners(before[resourceType]), ...tags }).map(([Key, Value]) => ({
      Key,
      Value,
    })),
  }));
}

/** TagSpecifications as a map: of each type of resource the tags. */
export const tagsByResource = (specifications: unknown): Record<string, Record<string, string>> =>
  Object.fromEntries(
    (Array.isArray(specifications) ? specifications : []).map((one: unknown) => [
      text(record(one)['ResourceType']),
      tagsOf(record(one)['Tags']),
    ]),
  );

const tagsOf = (tags: unknown): Record<string, string> =>
  Object.fromEntries(
    (Array.isArray(tags) ? tags : []).map((tag: unknown) => [text(record(tag)['Key']), text(record(tag)['Value'])]),
  );

const ownersOfTags: [prefix: string, why: string][] = [
  ['aws:', 'AWS sets tags of its own, and refuses them from others'],
  ['eks:', 'EKS sets it on what it makes'],
  ['alpha.eksctl.io/', 'eksctl knows its own node groups by it, and the replacement is not one of them'],
  ['prefix-migrate/', 'of the plan that made the source'],
];

/** Why a tag of the source is not copied: on something else it would be wrong or is refused; null: it is. */
export const tagLeftOut = (key: string): string | null =>
  ownersOfTags.find(([prefix]) => key.startsWith(prefix))?.[1] ?? null;

export const withoutTagsOfOwners = (tags: Record<string, string> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(tags).filter(([key]) => tagLeftOut(key) === null));

const isData = (value: unknown): value is Data => typeof value === 'object' && value !== null;
const record = (value: unknown): Data => (isData(value) ? value : {});
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
