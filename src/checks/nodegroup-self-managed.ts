import { envAfter, interfaceSettings } from '../domain/cni-settings.ts';
import type { Finding } from '../domain/finding.ts';
import { recommendedMaxPods, supportsPrefixes } from '../domain/max-pods.ts';
import { maxPodsBefore } from '../domain/nodegroup-pods.ts';
import { instanceTypeNames, instanceTypesOf, nodesOf, templateOf } from '../domain/nodegroups.ts';
import type { Scope } from '../domain/scope.ts';
import { autoScalingGroupName, instanceProfileOf, isSelfManaged } from '../domain/self-managed.ts';
import { shellWord } from '../domain/shell-word.ts';
import type { AutoScalingGroup, ClusterSnapshot, Nodegroup } from '../domain/snapshot.ts';
import { type Check, listed, planAgain } from './check.ts';

/** EKS takes so many instance types for a managed node group (API reference, CreateNodegroup). */
const mostTypes = 20;

/** Auto Scaling groups whose nodes join the cluster without EKS: what becomes of them. */
export const nodegroupSelfManaged: Check = {
  codes: [
    {
      code: 'NODEGROUP.SELF_MANAGED',
      meaning: 'Nodes of an Auto Scaling group that EKS does not manage are moved only when it is named.',
      canBeAllowed: false,
    },
    {
      code: 'NODEGROUP.ROLE_UNKNOWN',
      meaning: 'A managed node group in place of an Auto Scaling group needs its node role, which is not known.',
      canBeAllowed: false,
    },
    {
      code: 'NODEGROUP.LAUNCH_CONFIGURATION',
      meaning: 'An Auto Scaling group starts its nodes from a launch configuration, which cannot be copied.',
      canBeAllowed: false,
    },
    {
      code: 'NODEGROUP.TOO_MANY_TYPES',
      meaning: 'An Auto Scaling group may start more instance types than a managed node group takes.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, scope) {
    const sources = new Set(scope.sources.map(({ nodegroupName }) => nodegroupName));
    return snapshot.nodegroups
      .filter(({ nodegroupName }) => isSelfManaged(nodegroupName))
      .flatMap((group): Finding[] => {
        const { nodegroupName } = group;
        if (sources.has(nodegroupName)) return moved(snapshot, scope, group);
        // named and yet no source: another check says why
        return scope.request.nodegroups.includes(nodegroupName) ? [] : [stays(snapshot, scope, group)];
      });
  },
};

const groupOf = ({ autoScalingGroups }: ClusterSnapshot, { nodegroupName }: Nodegroup): AutoScalingGroup | undefined =>
  autoScalingGroups.find(({ name }) => name === autoScalingGroupName(nodegroupName));

function stays(snapshot: ClusterSnapshot, scope: Scope, group: Nodegroup): Finding {
  const { nodegroupName } = group;
  const nodes = nodesOf(snapshot, nodegroupName).length;
  const { known, unknown } = instanceTypesOf(snapshot, group);
  const settings = interfaceSettings(envAfter(snapshot.vpcCni, scope.request));
  const canGain = unknown.length === 0 && known.length > 0 && known.every(supportsPrefixes);
  const before = maxPodsBefore(snapshot, group, settings);
  const after = canGain ? (scope.request.maxPods ?? recommendedMaxPods(known, settings).value) : before;
  return {
    code: 'NODEGROUP.SELF_MANAGED',
    severity: 'advice',
    subject: nodegroupName,
    summary: `EKS does not manage Auto Scaling group ${autoScalingGroupName(nodegroupName)}: ${nodes === 1 ? 'its node stays as it is' : `its ${nodes} nodes stay as they are`}.`,
    why: 'The switch of the VPC CNI reaches them too, and their /28 blocks are counted. They keep the maxPods that they were started with.',
    nextActions:
      after > before
        ? [
            `${planAgain(scope, { nodegroups: [nodegroupName] })}  # to a managed node group, of ${after} pods for each node instead of ${before}`,
          ]
        : [],
  };
}

function moved(snapshot: ClusterSnapshot, scope: Scope, source: Nodegroup): Finding[] {
  const group = groupOf(snapshot, source);
  const share = group?.onDemandPercent ?? 100;
  const mix =
    share > 0 && share < 100
      ? ` Of its mix of ${share} % On-Demand and ${100 - share} % Spot only On-Demand is left: a managed group is one or the other.`
      : '';
  const name = autoScalingGroupName(source.nodegroupName);
  return [
    ...notCopied(snapshot, scope, source, group),
    {
      code: 'NODEGROUP.SELF_MANAGED',
      severity: 'advice',
      subject: source.nodegroupName,
      summary: `Auto Scaling group ${name} is replaced by a managed node group: EKS looks after its nodes from then on.`,
      why: `EKS drains nodes that it ends, updates them when told, and has the Auto Scaling group and its launch template to itself. Labels and taints are those that all nodes of ${name} have now.${mix}`,
      nextActions: [
        `aws autoscaling describe-auto-scaling-groups --region ${snapshot.cluster.region} --auto-scaling-group-names ${shellWord(name)}`,
      ],
    },
  ];
}

/** What is in the way. */
function notCopied(
  snapshot: ClusterSnapshot,
  scope: Scope,
  source: Nodegroup,
  group: AutoScalingGroup | undefined,
): Finding[] {
  if (group?.launchConfiguration !== undefined) {
    return [launchConfiguration(snapshot, scope, source, group.launchConfiguration)];
  }
  const types = scope.request.instanceTypes.length > 0 ? [] : instanceTypeNames(snapshot, source);
  return [
    ...(source.nodeRole === '' ? [roleUnknown(snapshot, scope, source)] : []),
    ...(types.length > mostTypes ? [tooManyTypes(snapshot, scope, source, types)] : []),
  ];
}

function launchConfiguration(
  { cluster }: ClusterSnapshot,
  scope: Scope,
  { nodegroupName }: Nodegroup,
  configuration: string,
): Finding {
  const name = shellWord(autoScalingGroupName(nodegroupName));
  return {
    code: 'NODEGROUP.LAUNCH_CONFIGURATION',
    severity: 'blocking',
    subject: nodegroupName,
    summary: `Auto Scaling group ${name} starts its nodes from launch configuration ${configuration}.`,
    why: 'Managed node groups take launch templates only, and AWS makes no new launch configurations. A launch template with the same settings, given to the group, changes none of its nodes.',
    nextActions: [
      `aws autoscaling describe-launch-configurations --region ${cluster.region} --launch-configuration-names ${shellWord(configuration)}  # what the template has to say`,
      `aws autoscaling update-auto-scaling-group --region ${cluster.region} --auto-scaling-group-name ${name} --launch-template 'LaunchTemplateName=NAME,Version=$Latest'  # once it is made`,
      planAgain(scope),
    ],
  };
}

function roleUnknown(snapshot: ClusterSnapshot, scope: Scope, source: Nodegroup): Finding {
  const { cluster } = snapshot;
  const { nodegroupName, launchTemplate } = source;
  const template = templateOf(snapshot, source);
  const profile = instanceProfileOf(template);
  const name = profile?.split('/').at(-1) ?? '';
  const shown =
    launchTemplate === null ? '' : `${launchTemplate.name ?? launchTemplate.id} version ${launchTemplate.version}`;
  const look =
    launchTemplate === null
      ? `aws autoscaling describe-auto-scaling-groups --region ${cluster.region} --auto-scaling-group-names ${shellWord(autoScalingGroupName(nodegroupName))}`
      : `aws ec2 describe-launch-template-versions --region ${cluster.region} --launch-template-id ${launchTemplate.id} --versions ${launchTemplate.version}`;
  const why =
    profile !== undefined
      ? `Its launch template ${shown} names instance profile ${name}, and IAM does not say what role that has: it takes the right iam:GetInstanceProfile.`
      : template !== undefined
        ? `Its launch template ${shown} names no instance profile.`
        : launchTemplate === null
          ? 'Its launch template could not be read.'
          : `Its launch template ${shown} is gone, or could not be read.`;
  return {
    code: 'NODEGROUP.ROLE_UNKNOWN',
    severity: 'blocking',
    subject: nodegroupName,
    summary: `The node role of Auto Scaling group ${autoScalingGroupName(nodegroupName)} is not known, and a managed node group needs one.`,
    why,
    nextActions: [
      ...(profile === undefined ? [look] : [`aws iam get-instance-profile --instance-profile-name ${shellWord(name)}`]),
      planAgain(scope),
    ],
  };
}

function tooManyTypes(
  snapshot: ClusterSnapshot,
  scope: Scope,
  { nodegroupName }: Nodegroup,
  types: readonly string[],
): Finding {
  const running = new Set(nodesOf(snapshot, nodegroupName).flatMap(({ instanceType }) => instanceType ?? []));
  const chosen = (running.size > 0 ? [...running].toSorted() : types).slice(0, mostTypes);
  return {
    code: 'NODEGROUP.TOO_MANY_TYPES',
    severity: 'blocking',
    subject: nodegroupName,
    summary: `Auto Scaling group ${autoScalingGroupName(nodegroupName)} may start ${types.length} instance types (${listed(types, 3)}), and a managed node group takes ${mostTypes}.`,
    why: 'They come from what its mixed instances policy asks of a type. A managed node group has a list.',
    nextActions: [`${planAgain(scope, { instanceTypes: chosen })}  # with the types that run now, or others`],
  };
}
