import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import type { HealthIssue, Nodegroup } from '../domain/snapshot.ts';
import type { Observation } from './step-handler.ts';

interface Reason {
  code: string;
  message: string;
  why: string;
  nextActions: string[];
}

/** What every conflict ends with: the way on. */
export const applyAgain = 'then run the same apply command again: it goes on from here';

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
