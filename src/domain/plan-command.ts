import { formatDuration } from './duration.ts';
import { type PlanRequest, plainRequest } from './plan.ts';
import { shellWord } from './shell-word.ts';

/** The folder that a plan is written to when none is named. */
export const planFolder = (clusterName: string): string => `prefix-migrate-${clusterName}`;

/** The command line that asks for this request, to paste. What is as usual is left out. */
export function planCommand(request: PlanRequest): string {
  const usual = plainRequest(request.clusterName);
  return [
    `prefix-migrate plan --cluster ${shellWord(request.clusterName)}`,
    ...each('--nodegroup', request.nodegroups),
    ...one('--max-pods', request.maxPods),
    ...one('--warm-prefix-target', request.warmPrefixTarget),
    ...one('--warm-ip-target', request.warmIpTarget),
    ...one('--minimum-ip-target', request.minimumIpTarget),
    ...one('--order', request.order, usual.order),
    ...each('--subnet', request.subnetIds),
    ...one('--create-with', request.createWith, usual.createWith),
    ...each('--instance-type', request.instanceTypes),
    ...one('--ami-type', request.amiType),
    ...(request.reserveSubnetCidr ? ['--reserve-subnet-cidr'] : []),
    ...one('--canary-pods', request.canaryPods, usual.canaryPods),
    ...one('--canary-image', request.canaryImage),
    ...one('--nodes', request.nodes, usual.nodes),
    ...each('--surge', request.surge),
    ...duration('--wait-for-jobs', request.waitForJobsSeconds, usual.waitForJobsSeconds),
    ...duration('--pod-grace-period', request.podGracePeriodSeconds),
    ...(request.releaseNodes ? ['--release-nodes'] : []),
    ...(request.rehearseEvictions ? [] : ['--no-rehearse-evictions']),
    ...duration('--drain-timeout', request.drainTimeoutSeconds),
    ...duration('--soak', request.soakSeconds, usual.soakSeconds),
    ...duration('--expires-in', request.expiresInSeconds, usual.expiresInSeconds),
    ...each('--allow', request.allow),
  ].join(' ');
}

const each = (flag: string, values: readonly string[]): string[] =>
  values.map((value) => `${flag} ${shellWord(value)}`);

const one = (flag: string, value: number | string | undefined, usual?: number | string): string[] =>
  value === undefined || value === usual ? [] : [`${flag} ${shellWord(String(value))}`];

const duration = (flag: string, seconds: number | undefined, usual?: number): string[] =>
  seconds === undefined || seconds === usual ? [] : [`${flag} ${formatDuration(seconds)}`];
