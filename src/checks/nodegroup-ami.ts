import { type AmiFamily, amiFamilyOf, isSupportedFamily } from '../domain/ami.ts';
import { type Check, planAgain } from './check.ts';

/** Sources whose image this version cannot give settings to. */
export const nodegroupAmi: Check = {
  codes: [
    {
      code: 'NODEGROUP.AMI_UNSUPPORTED',
      meaning: 'The replacement of a group with this image cannot be created by this version.',
      canBeAllowed: false,
    },
  ],
  run: (_snapshot, scope) =>
    scope.sources.flatMap(({ nodegroupName, amiType }) => {
      const family = amiFamilyOf(amiType);
      if (isSupportedFamily(family)) return [];
      const others = scope.sources.filter((source) => isSupportedFamily(amiFamilyOf(source.amiType)));
      return [
        {
          code: 'NODEGROUP.AMI_UNSUPPORTED',
          severity: 'blocking' as const,
          subject: nodegroupName,
          summary: `Node group ${nodegroupName} has AMI type ${amiType}; this version handles Amazon Linux 2023 only.`,
          why: reasons[family],
          nextActions:
            others.length > 0
              ? [planAgain(scope, { nodegroups: others.map((source) => source.nodegroupName) })]
              : ['Move the node group to Amazon Linux 2023 first, or by hand'],
        },
      ];
    }),
};

const reasons: Record<AmiFamily, string> = {
  al2023: 'Supported.',
  al2: 'Amazon Linux 2 takes maxPods as an argument of its bootstrap script, and AWS has ended its images.',
  bottlerocket: 'Bottlerocket takes maxPods from TOML settings.',
  windows: 'Windows nodes get their prefixes from the VPC resource controller, not from aws-node.',
  custom: 'EKS adds nothing to the user data of an image of your own, so that all of it would have to be copied.',
};
