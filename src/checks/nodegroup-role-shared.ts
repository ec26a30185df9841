import type { Finding } from '../domain/finding.ts';
import type { Scope } from '../domain/scope.ts';
import { autoScalingGroupName, isSelfManaged } from '../domain/self-managed.ts';
import type { ClusterSnapshot, Nodegroup } from '../domain/snapshot.ts';
import { type Check, listed, planAgain } from './check.ts';

/**
 * Self-managed nodes that join by the role of a managed group through ConfigMap aws-auth. EKS takes the role out of it with
 * the last managed group that uses it, and those nodes go NotReady.
 * https://docs.aws.amazon.com/eks/latest/userguide/delete-managed-node-group.html
 */
export const nodegroupRoleShared: Check = {
  codes: [
    {
      code: 'NODEGROUP.ROLE_SHARED',
      meaning:
        'Self-managed nodes join by the role of a managed group, which EKS takes out of aws-auth with the group.',
      canBeAllowed: true,
    },
  ],
  run(snapshot, scope) {
    const groups = snapshot.nodegroups.filter(({ nodegroupName }) => isSelfManaged(nodegroupName));
    const roles = new Set(scope.sources.map(({ nodeRole }) => nodeRole).filter((role) => role !== ''));
    return [...roles]
      .filter((role) => joinsByAwsAuth(snapshot, role))
      .flatMap((role) => {
        const joining = groups.filter(({ nodeRole }) => nodeRole === role);
        return joining.length > 0 ? shared(snapshot, scope, role, joining) : [];
      });
  },
};

/** An access entry for the role outlives every group. What may not be read counts as it is where nodes join at all. */
function joinsByAwsAuth({ joinRoles }: ClusterSnapshot, role: string): boolean {
  if (joinRoles === undefined || joinRoles.accessEntries?.includes(role)) return false;
  return joinRoles.awsAuth === null || joinRoles.awsAuth.includes(role);
}

function shared(snapshot: ClusterSnapshot, scope: Scope, role: string, joining: readonly Nodegroup[]): Finding[] {
  const sources = scope.sources.filter(({ nodeRole }) => nodeRole === role);
  const ofEks = snapshot.nodegroups.filter(
    ({ nodegroupName, nodeRole }) => nodeRole === role && !isSelfManaged(nodegroupName),
  );
  const names = listed(joining.map(({ nodegroupName }) => autoScalingGroupName(nodegroupName)));
  const said = {
    code: 'NODEGROUP.ROLE_SHARED',
    subject: role.split('/').at(-1) ?? role,
  };
  const rule =
    'EKS takes a role out of aws-auth with the last managed group that uses it, and nodes that join by it go NotReady.';
  // replacements have the roles of their sources, so that only a rollback can leave none
  if (ofEks.length === 0) {
    return [
      {
        ...said,
        severity: 'blocking',
        summary: `A rollback would cut off nodes of ${names}: they join by role ${role} through aws-auth, and no managed group but the replacement would have it.`,
        why: `${rule} A rollback deletes the replacement. With an access entry for the role the nodes stay; with --allow there may be no way back.`,
        nextActions: [...accessEntry(snapshot, role), planAgain(scope)],
      },
    ];
  }
  if (joining.every((group) => sources.includes(group))) return [];
  return [
    {
      ...said,
      severity: 'advice',
      summary: `Nodes of ${names}, which EKS does not manage, join by the role of ${listed(sources.map(({ nodegroupName }) => nodegroupName))} through aws-auth.`,
      why: `${rule} The replacement keeps the role, so this plan does them no harm. An access entry would make them independent of it.`,
      nextActions: accessEntry(snapshot, role),
    },
  ];
}

function accessEntry({ cluster }: ClusterSnapshot, role: string): string[] {
  const { name, region, authenticationMode } = cluster;
  const mode = `aws eks update-cluster-config --region ${region} --name ${name} --access-config authenticationMode=API_AND_CONFIG_MAP  # access entries beside aws-auth; there is no way back`;
  return [
    ...(authenticationMode === 'CONFIG_MAP' ? [mode] : []),
    `aws eks create-access-entry --region ${region} --cluster-name ${name} --principal-arn ${role} --type EC2_LINUX`,
  ];
}
