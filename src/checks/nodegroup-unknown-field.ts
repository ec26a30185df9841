import { templateOf } from '../domain/nodegroups.ts';
import { autoScalingGroupName, isSelfManaged } from '../domain/self-managed.ts';
import type { ClusterSnapshot, Nodegroup } from '../domain/snapshot.ts';
import { type Check, listed } from './check.ts';

/** What EKS and EC2 say about a source and this version does not know, hence does not copy. */
export const nodegroupUnknownField: Check = {
  codes: [
    {
      code: 'NODEGROUP.UNKNOWN_FIELD',
      meaning: 'EKS or EC2 describes a property of the node group that is not copied.',
      canBeAllowed: false,
    },
  ],
  run: (snapshot, { sources }) =>
    sources
      .map((source) => ({ source, fields: unknownFieldsOf(snapshot, source) }))
      .filter(({ fields }) => fields.length > 0)
      .map(({ source: { nodegroupName, launchTemplate }, fields }) => ({
        code: 'NODEGROUP.UNKNOWN_FIELD',
        severity: 'warning' as const,
        subject: nodegroupName,
        summary: `Node group ${nodegroupName} has properties that are not copied: ${listed(fields)}.`,
        why: 'This version of prefix-migrate is older than they are.',
        nextActions: [
          isSelfManaged(nodegroupName)
            ? `aws autoscaling describe-auto-scaling-groups --region ${snapshot.cluster.region} --auto-scaling-group-names ${autoScalingGroupName(nodegroupName)}`
            : `aws eks describe-nodegroup --region ${snapshot.cluster.region} --cluster-name ${snapshot.cluster.name} --nodegroup-name ${nodegroupName}`,
          ...(fields.some((field) => field.startsWith('launchTemplate.'))
            ? [
                `aws ec2 describe-launch-template-versions --region ${snapshot.cluster.region} --launch-template-id ${launchTemplate?.id} --versions ${launchTemplate?.version}`,
              ]
            : []),
        ],
      })),
};

const unknownFieldsOf = (snapshot: ClusterSnapshot, source: Nodegroup): string[] => [
  ...source.unknownFields,
  ...(templateOf(snapshot, source)?.unknownMembers ?? []).map((member) => `launchTemplate.${member}`),
];
