import type { Check } from './check.ts';

/** EKS opens port 22 for a group with remote access; it does not for a group with a launch template. */
export const nodegroupRemoteAccess: Check = {
  codes: [
    {
      code: 'NODEGROUP.REMOTE_ACCESS',
      meaning: 'The SSH key is kept, the rule that opens port 22 is not.',
      canBeAllowed: false,
    },
  ],
  run: ({ cluster }, { sources }) =>
    sources
      .filter(({ remoteAccess }) => remoteAccess?.ec2SshKey)
      .map(({ nodegroupName, remoteAccess }) => ({
        code: 'NODEGROUP.REMOTE_ACCESS',
        severity: 'warning' as const,
        subject: nodegroupName,
        summary: `Node group ${nodegroupName}: the replacement keeps SSH key ${remoteAccess?.ec2SshKey}, but nothing opens port 22.`,
        why: 'The security group for SSH belongs to the old node group and goes with it. Session Manager needs no open port.',
        nextActions: [
          `aws ec2 authorize-security-group-ingress --group-id ${cluster.clusterSecurityGroupId ?? 'GROUP'} --protocol tcp --port 22 --source-group ${remoteAccess?.sourceSecurityGroups?.[0] ?? 'GROUP'}`,
        ],
      })),
};
