/** Reasons not to begin. Each throws before anything was changed. */

import { type Ports, sameCluster } from '../../composition.ts';
import { blockers } from '../../domain/finding.ts';
import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import { type MissingRight, missingRightText } from '../../domain/missing-right.ts';
import type { MigrationPlan } from '../../domain/plan.ts';
import { planCommand } from '../../domain/plan-command.ts';
import { shellWord } from '../../domain/shell-word.ts';
import { shortId } from '../../reporting/formats/plan-text.ts';
import { jsonLine } from '../../reporting/text.ts';

const replan = ({ request }: MigrationPlan): string => `${planCommand(request)} --out NEW_DIR`;

/** `--cluster` of apply. */
export function refuseOtherName(plan: MigrationPlan, clusterName: string | undefined): void {
  if (clusterName === undefined || clusterName === plan.cluster.name) return;
  throw new MigrateError({
    code: 'PLAN.OTHER_CLUSTER',
    message: `The plan is for cluster "${plan.cluster.name}", and --cluster says "${clusterName}". Nothing was changed.`,
    why: 'A plan holds names, sizes and subnets of one cluster and fits no other.',
    nextActions: [`prefix-migrate plan --cluster ${shellWord(clusterName)}`],
    exitCode: ExitCode.stalePlan,
  });
}

/** `--approve PLAN_ID`: the consent was given to another plan. */
export function refuseOtherApproval(plan: MigrationPlan, approved: string | undefined, folder: string): void {
  if (approved === undefined || approved === plan.planId) return;
  throw new MigrateError({
    code: 'CONSENT.OTHER_PLAN',
    message: `--approve names another plan than the one in the folder (${plan.planId}). Nothing was changed.`,
    why: 'What was approved is not what would be run: the plan was made anew after the approval, or it is another folder.',
    nextActions: [`review ${folder}/plan.md; then: prefix-migrate apply ${shellWord(folder)} --approve ${plan.planId}`],
    exitCode: ExitCode.noConsent,
  });
}

export function refuseBlocked(plan: MigrationPlan): void {
  const [first, ...others] = blockers(plan.findings);
  if (first === undefined) return;
  throw new MigrateError({
    code: 'PLAN.BLOCKED',
    message: `${first.code}: ${first.summary}${others.length > 0 ? ` (and ${others.length} more)` : ''} Nothing was changed.`,
    why: first.why,
    nextActions: [...first.nextActions, `then plan again: ${planCommand(plan.request)}`],
    exitCode: ExitCode.blockingFindings,
  });
}

/** Only a plan that has not begun can expire: one that has begun must be able to end. */
export function refuseExpired(plan: MigrationPlan, now: number, folder: string): void {
  if (now < Date.parse(plan.expiresAt)) return;
  throw new MigrateError({
    code: 'PLAN.EXPIRED',
    message: `The plan in ${folder} expired at ${plan.expiresAt}. Nothing was changed.`,
    why: 'A plan rests on what the cluster looked like when it was made; after that time it must be looked at again.',
    nextActions: [replan(plan)],
    exitCode: ExitCode.stalePlan,
  });
}

/** Account, cluster and kubeconfig must be those of the plan. Returns the ARN of the caller. */
export async function refuseOtherCluster(plan: MigrationPlan, ports: Ports): Promise<string> {
  const { cluster } = plan;
  const { accountId, arn } = await ports.identity.caller();
  if (accountId !== cluster.accountId) {
    throw otherCluster(plan, `account ${cluster.accountId}`, `the AWS credentials belong to account ${accountId}`);
  }
  const found = await ports.eks.describeCluster(cluster.name);
  if (found.arn !== cluster.arn) throw otherCluster(plan, cluster.arn, `${cluster.name} is ${found.arn} here`);
  if (found.endpoint !== cluster.endpoint) {
    throw otherCluster(plan, `the API server ${cluster.endpoint}`, `${cluster.name} has ${found.endpoint} now`);
  }
  if (!sameCluster(ports.kubernetes, found)) {
    const server = ports.kubernetes.serverUrl();
    throw otherCluster(plan, `the API server ${cluster.endpoint}`, `the kubeconfig leads to ${server}`);
  }
  return arn;
}

function otherCluster(plan: MigrationPlan, planned: string, found: string): MigrateError {
  return new MigrateError({
    code: 'PLAN.OTHER_CLUSTER',
    message: `The plan ${shortId(plan.planId)} is for ${planned}, but ${found}. Nothing was changed.`,
    why: 'Steps of one cluster must never run against another.',
    nextActions: [
      'choose the right cluster: --profile, --region, --kubeconfig, --context',
      `or make its own kubeconfig: aws eks update-kubeconfig --name ${plan.cluster.name} --region ${plan.cluster.region}`,
    ],
    exitCode: ExitCode.stalePlan,
  });
}

/** Facts that the plan rests on and that are different now. */
export function refuseStale(
  plan: MigrationPlan,
  changes: readonly { path: string; planned: unknown; now: unknown }[],
): void {
  if (changes.length === 0) return;
  const list = changes.map(({ path, planned, now }) => `${path}: planned ${show(planned)}, now ${show(now)}`);
  throw new MigrateError({
    code: 'PLAN.STALE',
    message: `The cluster has changed since the plan was made. Nothing was changed by this run.\n${list.join('\n')}`,
    why: 'The plan rests on these facts; with others it might be wrong.',
    nextActions: [replan(plan)],
    exitCode: ExitCode.stalePlan,
  });
}

/** Rights of the steps that are left. */
export function refuseMissingRights(
  missing: readonly MissingRight[],
  { folder, caller, command }: { folder: string; caller: string; command: string },
): void {
  const [first, ...others] = missing;
  if (first === undefined) return;
  const policy = `prefix-migrate policy ${shellWord(folder)}`;
  const isGuess = missing.some(({ toldBy }) => toldBy === 'iam');
  throw new MigrateError({
    code: 'ACCESS.MISSING',
    message: `${others.length === 0 ? 'A right is' : `${missing.length} rights are`} missing. Nothing was changed by this run.\n${missing.map(missingRightText).join('\n')}`,
    why: `${caller} was asked about before the first act, so that the run does not stop half-way.${isGuess ? ' What IAM simulates may leave out what only a real request knows, such as its context or a policy of the organization.' : ''}`,
    nextActions: [
      ...(missing.some(({ toldBy }) => toldBy !== 'kubernetes')
        ? [`${policy} --format iam   # what IAM has to allow`]
        : []),
      ...(missing.some(({ toldBy }) => toldBy === 'kubernetes')
        ? [`${policy} --format rbac | kubectl apply -f -   # by somebody who may, for the group prefix-migrate`]
        : []),
      `${command} --no-preflight   # to go on all the same`,
    ],
    exitCode: ExitCode.invalidInput,
  });
}

/** AWS and Kubernetes must mean the same cluster, or the plan would mix two. */
export async function refuseOtherKubeconfig(clusterName: string, ports: Ports): Promise<void> {
  const cluster = await ports.eks.describeCluster(clusterName);
  if (sameCluster(ports.kubernetes, cluster)) return;
  const { endpoint, region } = cluster;
  const server = ports.kubernetes.serverUrl();
  throw new MigrateError({
    code: 'CLUSTER.KUBECONFIG_MISMATCH',
    message: `The kubeconfig leads to another cluster than ${clusterName}. Nothing was changed.`,
    why: `Its server is ${server}, and the API server of ${clusterName} in ${region} is ${endpoint}.`,
    nextActions: [
      'choose its context: --context NAME',
      `or make a kubeconfig of its own: aws eks update-kubeconfig --name ${clusterName} --region ${region}`,
      'or unset KUBECONFIG and give no --kubeconfig: a token is then made from the AWS credentials',
    ],
    exitCode: ExitCode.invalidInput,
  });
}

const show = (value: unknown): string => (value === null ? 'nothing' : jsonLine(value));
