import { amiFamilyOf } from '../domain/ami.ts';
import type { Finding } from '../domain/finding.ts';
import { type ImageObstacle, imageOfReplacement, systemsOf } from '../domain/node-image.ts';
import { replacementAmiType, templateOf } from '../domain/nodegroups.ts';
import type { Scope } from '../domain/scope.ts';
import { type ClusterSnapshot, type Nodegroup, selfManagedPrefix } from '../domain/snapshot.ts';
import { userDataLimit } from '../domain/user-data.ts';
import { type Check, planAgain } from './check.ts';

/** Sources whose replacement could not be given its settings: by its image, or by what the source's user data is like. */
export const nodegroupAmi: Check = {
  codes: [
    {
      code: 'NODEGROUP.AMI_UNSUPPORTED',
      meaning: 'The replacement of a group with this image or user data cannot be given maxPods by this program.',
      canBeAllowed: false,
    },
    {
      code: 'NODEGROUP.AMI_ENDED',
      meaning: 'AWS makes no images of this AMI type any more.',
      canBeAllowed: false,
    },
  ],
  run: (snapshot, scope) =>
    scope.sources.flatMap((source) => [...unsupported(snapshot, scope, source), ...ended(scope, source)]),
};

function unsupported(snapshot: ClusterSnapshot, scope: Scope, source: Nodegroup): Finding[] {
  const image = imageOfReplacement(snapshot, source, scope.request);
  // the template's own finding says so
  if (!('obstacle' in image) || image.obstacle === 'template-not-seen') return [];
  const { summary, why, actions } = words[image.obstacle](snapshot, source, scope);
  const others = scope.sources.filter((one) => !('obstacle' in imageOfReplacement(snapshot, one, scope.request)));
  const { nodegroupName } = source;
  return [
    {
      code: 'NODEGROUP.AMI_UNSUPPORTED',
      severity: 'blocking',
      subject: nodegroupName,
      summary: `Node group ${nodegroupName}: ${summary}`,
      why,
      nextActions: [
        ...actions,
        ...(others.length === 0
          ? []
          : [
              `${planAgain(scope, { nodegroups: others.map((one) => one.nodegroupName) })}  # leaves ${nodegroupName} out`,
            ]),
      ],
    },
  ];
}

interface Words {
  summary: string;
  why: string;
  actions: string[];
}
type Speaker = (snapshot: ClusterSnapshot, source: Nodegroup, scope: Scope) => Words;

const words: Record<Exclude<ImageObstacle, 'template-not-seen'>, Speaker> = {
  windows: (_snapshot, source, scope) => ({
    summary: `AMI type ${replacementAmiType(source, scope.request)} is Windows.`,
    why: 'Windows nodes get their prefixes from the VPC resource controller, not from aws-node, and pods of Linux do not run there.',
    actions: [withoutAmiType(scope)],
  }),
  'type-unknown': (_snapshot, source, scope) => ({
    summary: `AMI type ${replacementAmiType(source, scope.request)} is not known to this version.`,
    why: 'It is not known how nodes of this type are told maxPods, and a guess would leave them with another number, or out of the cluster.',
    actions: toStandard(scope, source),
  }),
  'custom-without-image': (_snapshot, source, scope) => ({
    summary: 'AMI type CUSTOM needs an image in the launch template, and there is none.',
    why:
      scope.request.amiType === undefined
        ? 'EKS says that the group has an image of its own; its launch template, which would name it, does not.'
        : '--ami-type CUSTOM gives the replacement no image: it takes one from the launch template of its source.',
    actions: scope.request.amiType === undefined ? toStandard(scope, source) : [withoutAmiType(scope)],
  }),
  'system-unknown': (snapshot, source, scope) => ({
    summary: `its own image runs ${systemsOf(snapshot, source).join(' and ')}.`,
    why: 'maxPods is set in a different way on each system. Known are Amazon Linux 2023 and 2, Ubuntu for EKS and Bottlerocket, one of them on all nodes of a group.',
    actions: toStandard(scope, source),
  }),
  'system-not-seen': (snapshot, source, scope) => ({
    summary: 'it has an image of its own, and no node that tells what system that is.',
    why: 'maxPods is set in a different way on each system, and the name of an image does not tell it.',
    actions: [
      `${scaleToOne(snapshot, source)}  # then, when its node is Ready, the same command again`,
      ...toStandard(scope, source),
    ],
  }),
  'user-data-missing': (snapshot, source, scope) => ({
    summary: `its own image (${systemsOf(snapshot, source).join(', ')}) has no user data in the launch template.`,
    why: 'Something in the image itself starts kubelet, and it is not known what would make it take another maxPods.',
    actions: [
      `put the call of /etc/eks/bootstrap.sh into user data, in a new version of the launch template that ${source.nodegroupName} is updated to, then: ${planAgain(scope)}`,
      ...toStandard(scope, source),
    ],
  }),
  'user-data-compressed': (snapshot, source) => ({
    summary: 'the user data of its launch template is compressed (gzip).',
    why: 'What it says is not seen, so that nothing can be joined with it, and an old maxPods in it could win.',
    actions: [plainVersion(snapshot, source)],
  }),
  'user-data-unknown': (snapshot, source) => ({
    summary: 'the user data of its launch template is of a kind that is not known here.',
    why: 'It is neither MIME multi-part, nor a script, nor cloud-config, nor a NodeConfig, nor TOML for Bottlerocket.',
    actions: [plainVersion(snapshot, source)],
  }),
  'user-data-too-long': (snapshot, source) => ({
    summary: `the user data of its launch template has ${templateOf(snapshot, source)?.userData?.bytes} bytes.`,
    why: `EC2 takes ${userDataLimit}, and there is no room left for maxPods.`,
    actions: [
      `move a script of it to S3 or into the image: ${showTemplate(snapshot, source)}`,
      'then update the node group to the new version, and plan again',
    ],
  }),
  'user-data-of-another-family': (_snapshot, source, scope) => ({
    summary: `the user data of its launch template is of another form than ${image(scope, source)} reads.`,
    why: 'Bottlerocket reads TOML, Amazon Linux 2023 a NodeConfig, Amazon Linux 2 and Ubuntu scripts: the settings would be lost without a word.',
    actions: [withoutAmiType(scope)],
  }),
  'bootstrap-script': (_snapshot, source, scope) => ({
    summary: `the user data of its launch template calls /etc/eks/bootstrap.sh, which is not there in ${image(scope, source)}.`,
    why: 'On Amazon Linux 2023 nodeadm starts kubelet from a NodeConfig, and that script ends with an error. What its arguments say has to be put into a NodeConfig by somebody who knows it.',
    actions: [
      withoutAmiType(scope),
      'or give the source a version of its launch template without that call: its scripts and cloud-config are then taken over',
    ],
  }),
};

function withoutAmiType(scope: Scope): string {
  const { amiType: _, ...request } = scope.request;
  return planAgain({ ...scope, request });
}

const image = ({ request }: Scope, source: Nodegroup): string => replacementAmiType(source, request);

const showTemplate = ({ cluster }: ClusterSnapshot, { launchTemplate }: Nodegroup): string =>
  `aws ec2 describe-launch-template-versions --region ${cluster.region} --launch-template-id ${launchTemplate?.id} --versions ${launchTemplate?.version}`;

const plainVersion = (snapshot: ClusterSnapshot, source: Nodegroup): string =>
  `make a version of the launch template with plain user data, update ${source.nodegroupName} to it, and plan again: ${showTemplate(snapshot, source)}`;

/** The name of the Auto Scaling group stands behind the prefix. */
const scaleToOne = (snapshot: ClusterSnapshot, source: Nodegroup): string =>
  source.nodegroupName.startsWith(selfManagedPrefix)
    ? `aws autoscaling set-desired-capacity --region ${snapshot.cluster.region} --auto-scaling-group-name ${source.nodegroupName.slice(selfManagedPrefix.length)} --desired-capacity 1`
    : scaleManaged(snapshot, source);

const scaleManaged = ({ cluster }: ClusterSnapshot, { nodegroupName, scaling }: Nodegroup): string =>
  `aws eks update-nodegroup-config --region ${cluster.region} --cluster-name ${cluster.name} --nodegroup-name ${nodegroupName} --scaling-config minSize=${Math.min(1, scaling.minSize)},maxSize=${Math.max(1, scaling.maxSize)},desiredSize=1`;

/** The way out that always is: an image of EKS. */
const toStandard = (scope: Scope, source: Nodegroup): string[] => [
  `${planAgain(scope, { nodegroups: [source.nodegroupName], amiType: 'AL2023_x86_64_STANDARD' })}  # with Amazon Linux 2023 of EKS in its place (AL2023_ARM_64_STANDARD for ARM)`,
];

function ended(scope: Scope, source: Nodegroup): Finding[] {
  const amiType = replacementAmiType(source, scope.request);
  if (amiFamilyOf(amiType) !== 'al2') return [];
  const [architecture = 'x86_64'] = /x86_64|ARM_64/.exec(amiType) ?? [];
  const next = `AL2023_${architecture}_${amiType.endsWith('_GPU') ? 'NVIDIA' : 'STANDARD'}`;
  const { nodegroupName } = source;
  return [
    {
      code: 'NODEGROUP.AMI_ENDED',
      severity: 'advice',
      subject: nodegroupName,
      summary: `Node group ${nodegroupName}: the replacement starts from Amazon Linux 2 again (${amiType}).`,
      why: 'AWS has made no such image for EKS since 26 November 2025, and none at all for Kubernetes 1.33 and later. A new node group is the occasion to leave it.',
      nextActions: [planAgain(scope, { nodegroups: [nodegroupName], amiType: next })],
    },
  ];
}
