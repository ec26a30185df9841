import { type Check, listed } from './check.ts';

/** What EKS says about a source and this version does not know, hence does not copy. */
export const nodegroupUnknownField: Check = {
  codes: [
    {
      code: 'NODEGROUP.UNKNOWN_FIELD',
      meaning: 'EKS describes a property of the node group that is not copied.',
      canBeAllowed: false,
    },
  ],
  run: ({ cluster }, { sources }) =>
    sources
      .filter(({ unknownFields }) => unknownFields.length > 0)
      .map(({ nodegroupName, unknownFields }) => ({
        code: 'NODEGROUP.UNKNOWN_FIELD',
        severity: 'warning' as const,
        subject: nodegroupName,
        summary: `Node group ${nodegroupName} has properties that are not copied: ${listed(unknownFields)}.`,
        why: 'This version of prefix-migrate is older than they are.',
        nextActions: [`aws eks describe-nodegroup --cluster-name ${cluster.name} --nodegroup-name ${nodegroupName}`],
      })),
};
