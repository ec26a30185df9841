import { architectureOfAmi, architecturesOf } from '../domain/architecture.ts';
import type { Finding } from '../domain/finding.ts';
import { instanceTypesOf, nodesOf, replacementAmiType, replacementTypesOf, templateOf } from '../domain/nodegroups.ts';
import { planCommand } from '../domain/plan-command.ts';
import type { Scope } from '../domain/scope.ts';
import { autoScalingGroupName, isSelfManaged } from '../domain/self-managed.ts';
import type { ClusterSnapshot, Nodegroup } from '../domain/snapshot.ts';
import { addressesAtStart, boundCapacity, securityGroupsOf, templateConflicts } from '../domain/template-settings.ts';
import { type Check, count, listed, planAgain } from './check.ts';

/** Settings of a source that its replacement cannot have at the same time, or not as they are. */
export const nodegroupSettings: Check = {
  codes: [
    {
      code: 'NODEGROUP.TEMPLATE_CONFLICT',
      meaning:
        'The launch template has settings that two node groups cannot have at once, or that work against the VPC CNI.',
      canBeAllowed: true,
    },
    {
      code: 'NODEGROUP.SECURITY_GROUPS',
      meaning: 'The launch template names security groups, and that of the cluster is not among them.',
      canBeAllowed: false,
    },
    {
      code: 'NODEGROUP.BOUND_CAPACITY',
      meaning: 'The nodes need capacity that is set aside, while old and new ones run at the same time.',
      canBeAllowed: false,
    },
    {
      code: 'NODEGROUP.ARCHITECTURE',
      meaning: 'The instance types that were asked for are of another processor architecture.',
      canBeAllowed: true,
    },
  ],
  run: (snapshot, scope) =>
    scope.sources.flatMap((source) => [
      ...architecture(snapshot, scope, source),
      ...conflicts(snapshot, scope, source),
      ...startAddresses(snapshot, source),
      ...securityGroups(snapshot, source),
      ...bound(snapshot, scope, source),
    ]),
};

function architecture(snapshot: ClusterSnapshot, scope: Scope, source: Nodegroup): Finding[] {
  const { nodegroupName } = source;
  const before = architecturesOf(instanceTypesOf(snapshot, source).known);
  const after = architecturesOf(replacementTypesOf(snapshot, source, scope.request).known);
  const image = architectureOfAmi(replacementAmiType(source, scope.request));
  const next = image === null ? after : after.filter((one) => one === image);
  const [now] = architectureOfAmi(source.amiType) === null ? before : [architectureOfAmi(source.amiType)];
  if (now === undefined || now === null || next.length === 0 || next.includes(now)) return [];
  const isOwnImage = replacementAmiType(source, scope.request) === 'CUSTOM';
  const { instanceTypes: _, ...rest } = scope.request;
  return [
    {
      code: 'NODEGROUP.ARCHITECTURE',
      severity: 'blocking',
      subject: nodegroupName,
      summary: `Node group ${nodegroupName}: its nodes are ${now}, new ones would be ${next.join(', ')}.`,
      why: isOwnImage
        ? `The image of the launch template is made for ${now}, and does not start there.`
        : `A container image without a build for ${next.join(', ')} ends there with "exec format error", and nothing here can tell which images have one.`,
      nextActions: [
        planCommand({ ...rest, instanceTypes: [] }),
        ...(isOwnImage
          ? []
          : [
              `${planAgain(scope, { allow: ['NODEGROUP.ARCHITECTURE'] })}  # when every image of its pods has both builds`,
            ]),
      ],
      ...(isOwnImage ? { canBeAllowed: false as const } : {}),
    },
  ];
}

/** The command that shows what the template says. */
const showTemplate = ({ cluster }: ClusterSnapshot, { launchTemplate }: Nodegroup): string =>
  `aws ec2 describe-launch-template-versions --region ${cluster.region} --launch-template-id ${launchTemplate?.id} --versions ${launchTemplate?.version}`;

function conflicts(snapshot: ClusterSnapshot, scope: Scope, source: Nodegroup): Finding[] {
  const { nodegroupName } = source;
  return templateConflicts(templateOf(snapshot, source)?.data ?? {}).map(({ paths, why }) => ({
    code: 'NODEGROUP.TEMPLATE_CONFLICT',
    severity: 'blocking' as const,
    subject: nodegroupName,
    summary: `Node group ${nodegroupName}: its launch template sets ${listed(paths)}, which the replacement cannot have.`,
    why,
    nextActions: [
      `${planAgain(scope, { allow: ['NODEGROUP.TEMPLATE_CONFLICT'] })}  # the template of the replacement goes without`,
      showTemplate(snapshot, source),
    ],
  }));
}

/** Copied, because the nodes of today have them, too; but they take places from prefixes. */
function startAddresses(snapshot: ClusterSnapshot, source: Nodegroup): Finding[] {
  const { nodegroupName } = source;
  const paths = addressesAtStart(templateOf(snapshot, source)?.data ?? {});
  if (paths.length === 0) return [];
  return [
    {
      code: 'NODEGROUP.TEMPLATE_CONFLICT',
      severity: 'warning',
      subject: nodegroupName,
      summary: `Node group ${nodegroupName}: its launch template gives each node addresses at its start (${listed(paths)}), and the replacement has the same.`,
      why: 'The VPC CNI attaches addresses and prefixes itself. Each of these takes the place of a prefix, and maxPods is calculated without them.',
      nextActions: [showTemplate(snapshot, source)],
    },
  ];
}

function securityGroups(snapshot: ClusterSnapshot, source: Nodegroup): Finding[] {
  const { cluster } = snapshot;
  const { nodegroupName } = source;
  const groups = securityGroupsOf(templateOf(snapshot, source)?.data ?? {});
  const ofCluster = cluster.clusterSecurityGroupId;
  if (groups.length === 0 || ofCluster === null || groups.includes(ofCluster)) return [];
  return [
    {
      code: 'NODEGROUP.SECURITY_GROUPS',
      severity: 'warning',
      subject: nodegroupName,
      summary: `Node group ${nodegroupName}: its launch template names ${listed(groups)}, not ${ofCluster} of the cluster; the replacement has the same.`,
      why: 'EKS adds no security group to a template that names some. New nodes join if the named ones let them reach the control plane and each other, as the old ones do.',
      nextActions: [
        `aws ec2 describe-security-groups --region ${cluster.region} --group-ids ${[ofCluster, ...groups].join(' ')}`,
      ],
    },
  ];
}

function bound(snapshot: ClusterSnapshot, scope: Scope, source: Nodegroup): Finding[] {
  const { nodegroupName, capacityType } = source;
  const found = [
    ...(capacityType === 'CAPACITY_BLOCK' ? ['capacity block'] : []),
    ...boundCapacity(templateOf(snapshot, source)?.data ?? {}),
  ];
  if (found.length === 0) return [];
  const nodes = scope.nodes.get(nodegroupName) ?? source.scaling.desiredSize;
  const { cluster } = snapshot;
  const reservation = found.some((what) => /capacity (block|reservation)/.test(what));
  return [
    {
      code: 'NODEGROUP.BOUND_CAPACITY',
      severity: 'warning',
      subject: nodegroupName,
      summary: `Node group ${nodegroupName} is bound to capacity that is set aside (${[...new Set(found)].join(', ')}): ${count(nodes, 'new node')} must fit there beside ${count(nodesOf(snapshot, nodegroupName).length, 'old one')}.`,
      why: 'The settings are copied. Old and new nodes run at the same time until the pods have moved; without free capacity the first new node does not come, the run stops before any pod is moved, and nothing is lost.',
      nextActions: reservation
        ? [`aws ec2 describe-capacity-reservations --region ${cluster.region}`]
        : isSelfManaged(nodegroupName)
          ? [
              `aws autoscaling describe-auto-scaling-groups --region ${cluster.region} --auto-scaling-group-names ${autoScalingGroupName(nodegroupName)}`,
            ]
          : [
              `aws eks describe-nodegroup --region ${cluster.region} --cluster-name ${cluster.name} --nodegroup-name ${nodegroupName}`,
            ],
    },
  ];
}
