import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import type { HealthIssue, Nodegroup } from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';
import { optional } from './optional.ts';
import type { Observation } from './step-handler.ts';

interface Reason {
  code: string;
  message: string;
  why: string;
  nextActions: string[];
}

/** What every conflict ends with: the way on, of a plan and of its rollback. */
export const sameAgain = 'then run the same command again: it goes on from here';

/** A step cannot go on without a person: the run stops part-way (exit 6). */
export const stoppedPartWay = (reason: Reason): MigrateError =>
  new MigrateError({ ...reason, exitCode: ExitCode.stoppedPartWay });

export const conflict = (reason: Reason): Observation => ({ kind: 'conflict', error: stoppedPartWay(reason) });

/** What the token asked for has failed for good: the next attempt needs a new token. */
export const failedForGood = (reason: Reason): Observation => ({
  kind: 'conflict',
  error: stoppedPartWay(reason),
  tokenSpent: true,
});

/** What an update of a node group's scaling is, when it is under way or has failed; null when it is done, or nobody says. */
export async function notUpdated(
  clusterName: string,
  nodegroupName: string,
  updateId: string,
  { eks }: Ports,
): Promise<Observation | null> {
  const update = await optional(eks.describeUpdate(clusterName, updateId, { nodegroupName }));
  if (update?.status === 'InProgress') {
    return { kind: 'in-progress', detail: `update ${updateId} of node group ${nodegroupName} is under way` };
  }
  if (update?.status !== 'Failed' && update?.status !== 'Cancelled') return null;
  const errors = update.errors.map(({ code, message }) => `${code}: ${message}`).join('; ');
  return failedForGood({
    code: 'NODEGROUP.SCALING_FAILED',
    message: `EKS could not change the scaling of ${nodegroupName}: ${errors || update.status}`,
    why: `Update ${updateId} ended as ${update.status}.`,
    nextActions: [
      `aws eks describe-update --name ${clusterName} --nodegroup-name ${nodegroupName} --update-id ${updateId}`,
      `remove the cause, ${sameAgain}`,
    ],
  });
}

/** Health issues that EKS itself tries to overcome. */
const transient = new Set([
  'AutoScalingGroupRateLimitExceeded',
  'ClusterUnreachable',
  'IamThrottling',
  'InternalFailure',
  'Unknown',
]);

/** A node group that is DEGRADED for nothing but such issues is given time to come back. */
export const isRecovering = ({ status, healthIssues }: Nodegroup): boolean =>
  status === 'DEGRADED' && healthIssues.length > 0 && healthIssues.every(({ code }) => transient.has(code));

/** `node group apps is DEGRADED: InternalFailure: ...` */
export const statusText = ({ nodegroupName, status, healthIssues }: Nodegroup): string =>
  [`node group ${nodegroupName} is ${status}`, healthIssues.map(issueText).join('; ')].filter(Boolean).join(': ');

/** `AccessDenied: no right to ... (i-0abc, i-0def)` */
export const issueText = ({ code, message, resourceIds }: HealthIssue): string =>
  `${code}: ${message}${resourceIds.length > 0 ? ` (${resourceIds.join(', ')})` : ''}`;

/** Somebody else's group has the name of a replacement. */
export function nameTaken(clusterName: string, nodegroupName: string): Observation {
  return conflict({
    code: 'NODEGROUP.NAME_TAKEN',
    message: `There is a node group ${nodegroupName} already that this plan did not make. It was left as it is.`,
    why: 'It does not carry the tags of this plan.',
    nextActions: [
      `aws eks describe-nodegroup --cluster-name ${clusterName} --nodegroup-name ${nodegroupName}`,
      `make a new plan: prefix-migrate plan --cluster ${clusterName}`,
    ],
  });
}
