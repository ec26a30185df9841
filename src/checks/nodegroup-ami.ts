import { type AmiFamily, amiFamilyOf, isSupportedFamily } from '../domain/ami.ts';
import { instanceTypesOf } from '../domain/nodegroups.ts';
import type { ClusterSnapshot, Nodegroup } from '../domain/snapshot.ts';
import { type Check, planAgain } from './check.ts';
import { createNodegroupCommand } from './create-nodegroup-command.ts';

/** Sources whose image this version cannot give settings to. */
export const nodegroupAmi: Check = {
  codes: [
    {
      code: 'NODEGROUP.AMI_UNSUPPORTED',
      meaning: 'The replacement of a group with this image cannot be created by this version.',
      canBeAllowed: false,
    },
  ],
  run: (snapshot, scope) =>
    scope.sources.flatMap((source) => {
      const { nodegroupName, amiType } = source;
      const family = amiFamilyOf(amiType);
      if (isSupportedFamily(family)) return [];
      const others = scope.sources.filter((one) => isSupportedFamily(amiFamilyOf(one.amiType)));
      return [
        {
          code: 'NODEGROUP.AMI_UNSUPPORTED',
          severity: 'blocking' as const,
          subject: nodegroupName,
          summary: `Node group ${nodegroupName} has AMI type ${amiType}; this version handles Amazon Linux 2023 only.`,
          why: reasons[family],
          nextActions:
            others.length > 0
              ? [planAgain(scope, { nodegroups: others.map((one) => one.nodegroupName) })]
              : onAl2023(snapshot, source),
        },
      ];
    }),
};

/** The same group with Amazon Linux 2023, to move the pods to by hand; nothing for images of another purpose. */
function onAl2023(snapshot: ClusterSnapshot, source: Nodegroup): string[] {
  const [, architecture] = /^(?:AL2|BOTTLEROCKET)_(x86_64|ARM_64)$/.exec(source.amiType) ?? [];
  const look = `aws eks describe-nodegroup --region ${snapshot.cluster.region} --cluster-name ${snapshot.cluster.name} --nodegroup-name ${source.nodegroupName}`;
  if (architecture === undefined) return [look];
  const group = { ...source, amiType: `AL2023_${architecture}_STANDARD` };
  return [
    `${createNodegroupCommand(snapshot, group, instanceTypesOf(snapshot, source).known)}  # with Amazon Linux 2023`,
  ];
}

const reasons: Record<AmiFamily, string> = {
  al2023: 'Supported.',
  al2: 'Amazon Linux 2 takes maxPods as an argument of its bootstrap script, and AWS has ended its images.',
  bottlerocket: 'Bottlerocket takes maxPods from TOML settings.',
  windows: 'Windows nodes get their prefixes from the VPC resource controller, not from aws-node.',
  custom: 'EKS adds nothing to the user data of an image of your own, so that all of it would have to be copied.',
};
