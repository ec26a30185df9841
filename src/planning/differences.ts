import { canonicalJson } from '../domain/canonical-json.ts';
import { templateOf } from '../domain/nodegroups.ts';
import type { Difference, NodegroupPlan, PlanRequest } from '../domain/plan.ts';
import { isSelfManaged } from '../domain/self-managed.ts';
import type { ClusterSnapshot, Nodegroup } from '../domain/snapshot.ts';
import { copiedSettings } from '../domain/template-settings.ts';
import { tagLeftOut, tagsByResource } from './launch-template.ts';
import { labelLeftOut, type Replacement } from './replacement.ts';

type Data = Record<string, unknown>;

type Planned = Omit<NodegroupPlan, 'differences'>;

/** Of what nobody has given a reason for: it is a gap of this program, and said so. */
const unknown = 'not copied: unknown to this version';

/**
 * Field by field, what the replacement does not have as its source has it, and why; what matters most comes first. Source and
 * replacement are compared whole, so that nothing is missing here because nobody thought of it.
 */
export function differencesOf(
  snapshot: ClusterSnapshot,
  source: Nodegroup,
  plan: Planned,
  request: PlanRequest,
  replacement: Replacement,
): Difference[] {
  return [
    ...unknownFields(snapshot, source),
    ...templateDifferences(snapshot, source, plan, replacement),
    ...nodegroupDifferences(snapshot, source, request, replacement),
    ...nodeDifferences(plan),
    ...tagDifferences(source, replacement),
  ].toSorted((a, b) => rankOf(a) - rankOf(b));
}

/** What is only written down elsewhere or goes without saying, and what every replacement has. */
const moved =
  /^(diskSize|releaseVersion|remoteAccess\.ec2SshKey|launchTemplate\.(InstanceType|KeyName|BlockDeviceMappings|UserData|MetadataOptions\.State))$/;
const always =
  /^(nodegroupName|maxPods|launchTemplate|(scaling|tags|resources|launchTemplate\.TagSpecifications)\..*)$/;

/** Gaps of this program first, then what was asked for, what is gone, what is other than it was, and what is new. */
function rankOf({ field, source, replacement, reason }: Difference): number {
  if (reason === unknown) return 0;
  if (always.test(field)) return 6;
  if (moved.test(field)) return 5;
  if (reason.startsWith('asked for')) return 1;
  if (replacement === null) return 2;
  return source === null ? 4 : 3;
}

const unknownFields = (snapshot: ClusterSnapshot, source: Nodegroup): Difference[] =>
  [
    ...source.unknownFields,
    ...(templateOf(snapshot, source)?.unknownMembers ?? []).map((member) => `launchTemplate.${member}`),
  ].map((field) => ({ field, source: '(not shown)', replacement: null, reason: unknown }));

/** Every member of the two, those that are as before left out. `reasonOf` gets the path of a member. */
function compare(field: string, before: unknown, after: unknown, reasonOf: (path: string) => string): Difference[] {
  if (canonicalJson(before ?? null) === canonicalJson(after ?? null)) return [];
  const isList =
    Array.isArray(before) && Array.isArray(after) && before.length === after.length && before.some(isRecord);
  if (isList || (isRecord(before) && isRecord(after))) {
    const [a, b]: [Data, Data] = [{ ...Object(before) }, { ...Object(after) }];
    return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((key) =>
      compare(`${field}.${key}`, a[key], b[key], reasonOf),
    );
  }
  return [{ field, source: shown(before), replacement: shown(after), reason: reasonOf(field) }];
}

const isRecord = (value: unknown): value is Data =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function shown(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string') return value;
  const isPlainList = Array.isArray(value) && value.every((item) => typeof item === 'string');
  return isPlainList && value.length > 0 ? value.join(', ') : canonicalJson(value);
}

function templateDifferences(
  snapshot: ClusterSnapshot,
  source: Nodegroup,
  plan: Planned,
  { template, nodegroup }: Replacement,
): Difference[] {
  const { TagSpecifications: tagsBefore, ...before } = templateOf(snapshot, source)?.data ?? {};
  const { TagSpecifications: tagsAfter, ...after } = template;
  const { leftOut } = copiedSettings(before, { keepsImage: nodegroup.amiType === 'CUSTOM' });
  const reasonOf = (field: string): string => {
    const path = field.replace(/^launchTemplate\./, '');
    const found = leftOut.find((one) => one.path === path || one.path.startsWith(`${path}.`));
    return found?.reason ?? reasonAdded(path) ?? unknown;
  };
  return [
    ...compare('launchTemplate', before, after, reasonOf),
    ...compare('launchTemplate.TagSpecifications', tagsByResource(tagsBefore), tagsByResource(tagsAfter), tagReason),
    ...userData(snapshot, source, plan),
  ];
}

/** Why the template has a member that the source's own one has not. */
function reasonAdded(path: string): string | undefined {
  if (path === 'MetadataOptions' || path.startsWith('MetadataOptions.'))
    return 'the source does not say: a session token is needed (IMDSv2), and two hops let pods ask as well';
  if (path === 'BlockDeviceMappings') return 'diskSize of the source, which EKS refuses beside a launch template';
  return path === 'KeyName'
    ? 'remoteAccess.ec2SshKey of the source, which EKS refuses beside a launch template'
    : undefined;
}

function userData(snapshot: ClusterSnapshot, source: Nodegroup, { maxPods, userDataFile }: Planned): Difference[] {
  const hash = templateOf(snapshot, source)?.userDataHash ?? null;
  const isOwn = hash !== null;
  return [
    {
      field: 'launchTemplate.UserData',
      source: isOwn ? `SHA-256 ${hash.slice(0, 12)}` : null,
      replacement: isOwn ? `the same with ${userDataFile}` : userDataFile,
      reason: isOwn
        ? `merged: what the source has stays, and maxPods is ${maxPods.value}`
        : `sets maxPods ${maxPods.value}`,
    },
  ];
}

/** Fields that a request to create a node group has, or could have. */
function nodegroupDifferences(
  snapshot: ClusterSnapshot,
  source: Nodegroup,
  request: PlanRequest,
  { nodegroup }: Replacement,
): Difference[] {
  const { launchTemplate, remoteAccess } = source;
  const template = templateOf(snapshot, source);
  const typesReason =
    request.instanceTypes.length > 0
      ? 'asked for with --instance-type'
      : template?.instanceType
        ? 'moved from the launch template: EKS takes them from one place'
        : 'what EKS takes for a group that names none';
  const rows: [field: string, before: unknown, after: unknown, reason: string][] = [
    [
      'nodegroupName',
      source.nodegroupName,
      nodegroup.nodegroupName,
      isSelfManaged(source.nodegroupName)
        ? 'a managed node group in place of the Auto Scaling group'
        : 'both exist until the pods have moved, and a name is given once',
    ],
    ['capacityType', source.capacityType, nodegroup.capacityType, unknown],
    ['instanceTypes', source.instanceTypes, nodegroup.instanceTypes, typesReason],
    ['amiType', source.amiType, nodegroup.amiType, 'asked for with --ami-type'],
    ['subnetIds', source.subnetIds, nodegroup.subnetIds, 'asked for with --subnet'],
    ['nodeRole', source.nodeRole, nodegroup.nodeRole, unknown],
    ['scaling', source.scaling, nodegroup.scaling, 'the size that is planned, and limits that hold it'],
    ['taints', source.taints, nodegroup.taints, unknown],
    [
      'version',
      source.kubernetesVersion,
      nodegroup.kubernetesVersion,
      'the image of the group decides it, and EKS refuses both together',
    ],
    [
      'releaseVersion',
      source.releaseVersion,
      null,
      nodegroup.amiType === 'CUSTOM'
        ? 'the image of the group decides it'
        : 'not asked for: EKS takes its newest image of that version',
    ],
    ['diskSize', source.diskSize, null, 'moved to the launch template: EKS refuses it beside one'],
    [
      'launchTemplate',
      launchTemplate === null ? null : `${launchTemplate.name ?? launchTemplate.id} version ${launchTemplate.version}`,
      nodegroup.launchTemplateName,
      launchTemplate === null
        ? 'only a launch template can set maxPods'
        : 'a template of its own, which later changes of the old one do not reach',
    ],
    [
      'remoteAccess.ec2SshKey',
      remoteAccess?.ec2SshKey,
      null,
      'moved to the launch template: EKS refuses it beside one',
    ],
    [
      'remoteAccess.sourceSecurityGroups',
      remoteAccess?.sourceSecurityGroups.length ? remoteAccess.sourceSecurityGroups : null,
      null,
      'EKS opens port 22 for them only in a group without launch template',
    ],
    ['updateConfig', source.updateConfig, nodegroup.updateConfig, unknown],
    ['nodeRepairConfig', source.nodeRepairConfig, nodegroup.nodeRepairConfig, unknown],
    ['warmPoolConfig', source.warmPoolConfig, nodegroup.warmPoolConfig, unknown],
    [
      'resources.autoScalingGroups',
      source.autoScalingGroupNames,
      null,
      'EKS makes one of its own: what was changed on the old one by hand (processes, hooks, target groups) does not come along',
    ],
  ];
  return [
    ...rows.flatMap(([field, before, after, reason]) =>
      compare(field, emptyAsNull(before), emptyAsNull(after), () => reason),
    ),
    ...compare(
      'labels',
      source.labels,
      nodegroup.labels,
      (field) => labelLeftOut(field.slice('labels.'.length)) ?? unknown,
    ),
  ];
}

const emptyAsNull = (value: unknown): unknown => (Array.isArray(value) && value.length === 0 ? null : value);

/** What is on the nodes in the end. */
function nodeDifferences({ maxPods, maxPodsBefore, memory }: Planned): Difference[] {
  return [
    ...compare('maxPods', maxPodsBefore, maxPods.value, () =>
      maxPods.source === 'requested' ? 'asked for with --max-pods' : `what this plan is for (${maxPods.limitedBy})`,
    ),
    ...compare(
      'kubeReserved.memory',
      `${memory.reservedBeforeMiB}Mi`,
      `${memory.reservedAfterMiB}Mi`,
      () => 'an estimate: kubelet keeps 255 MiB and 11 MiB for each pod that can run',
    ),
  ];
}

const tagDifferences = (source: Nodegroup, { nodegroup }: Replacement): Difference[] =>
  compare('tags', source.tags, nodegroup.tags, tagReason);

function tagReason(field: string): string {
  const key = field.replace(/^tags\.|^launchTemplate\.TagSpecifications\.[^.]+(\.|$)/, '');
  if (key === '' || key.startsWith('prefix-migrate/')) return 'by this tag the plan knows what it has made';
  return tagLeftOut(key) ?? unknown;
}
