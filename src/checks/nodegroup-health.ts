import type { Finding } from '../domain/finding.ts';
import { sourceTag } from '../domain/nodegroups.ts';
import { planFolder } from '../domain/plan-command.ts';
import type { SkippedNodegroup } from '../domain/scope.ts';
import type { Nodegroup } from '../domain/snapshot.ts';
import type { Check } from './check.ts';

/** Sources that EKS is changing or finds fault with. */
export const nodegroupHealth: Check = {
  codes: [
    { code: 'NODEGROUP.NOT_ACTIVE', meaning: 'The node group is being changed or deleted.', canBeAllowed: false },
    { code: 'NODEGROUP.HEALTH', meaning: 'EKS reports health issues of the node group.', canBeAllowed: false },
    {
      code: 'NODEGROUP.HAS_REPLACEMENT',
      meaning: 'An earlier plan has created a replacement for the node group already.',
      canBeAllowed: false,
    },
  ],
  run: ({ cluster, nodegroups }, { sources, skipped }) => [
    ...going(cluster.name, skipped),
    ...earlierReplacements(cluster.name, nodegroups, sources),
    ...sources.flatMap(({ nodegroupName, status, healthIssues }): Finding[] => {
      const look = lookAt(cluster.name, nodegroupName);
      const inTheWay = !['ACTIVE', 'DEGRADED'].includes(status);
      const notActive: Finding = {
        code: 'NODEGROUP.NOT_ACTIVE',
        severity: inTheWay ? 'blocking' : 'warning',
        subject: nodegroupName,
        summary: `Node group ${nodegroupName} is ${status}, not ACTIVE.`,
        why: inTheWay
          ? 'Its nodes and settings may still change, and EKS would refuse to delete it.'
          : 'EKS has found a fault with it; a replacement with the same settings may have the same.',
        nextActions: [look],
      };
      const issues = healthIssues.map(
        ({ code, message }): Finding => ({
          code: 'NODEGROUP.HEALTH',
          severity: 'warning',
          subject: nodegroupName,
          summary: `Node group ${nodegroupName} has health issue ${code}.`,
          why: message,
          nextActions: [look],
        }),
      );
      return status === 'ACTIVE' ? issues : [notActive, ...issues];
    }),
  ],
};

const lookAt = (clusterName: string, nodegroupName: string): string =>
  `aws eks describe-nodegroup --cluster-name ${clusterName} --nodegroup-name ${nodegroupName}`;

const going = (clusterName: string, skipped: readonly SkippedNodegroup[]): Finding[] =>
  skipped
    .filter(({ reason }) => reason === 'going')
    .map(({ nodegroupName, detail }) => ({
      code: 'NODEGROUP.NOT_ACTIVE',
      severity: 'warning',
      subject: nodegroupName,
      summary: `Node group ${nodegroupName} is left out: ${detail}.`,
      why: 'There is nothing in it that could be moved for good.',
      nextActions: [lookAt(clusterName, nodegroupName)],
    }));

const earlierReplacements = (
  clusterName: string,
  nodegroups: readonly Nodegroup[],
  sources: readonly Nodegroup[],
): Finding[] =>
  nodegroups.flatMap(({ nodegroupName, tags }): Finding[] => {
    const source = tags[sourceTag];
    if (!sources.some((candidate) => candidate.nodegroupName === source)) return [];
    return [
      {
        code: 'NODEGROUP.HAS_REPLACEMENT',
        severity: 'warning',
        subject: String(source),
        summary: `Node group ${nodegroupName} was created to replace ${source}, which is still there.`,
        why: `Plan ${tags['prefix-migrate/plan'] ?? 'of old'} has not come to its end; this plan would create another replacement.`,
        nextActions: [
          `prefix-migrate apply ${planFolder(clusterName)}  # goes on with the earlier plan; give the folder that it was written to`,
          `kubectl get nodes -l eks.amazonaws.com/nodegroup=${nodegroupName}  # or delete it, when it runs no pods that you need, and plan again`,
        ],
      },
    ];
  });
