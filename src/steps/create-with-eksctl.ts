import { formatDuration } from '../domain/duration.ts';
import { eksctlConfig, eksctlStack } from '../domain/eksctl-nodegroup.ts';
import type { MigrateError } from '../domain/migrate-error.ts';
import type { StepParams } from '../domain/plan.ts';
import { undoPrefix } from '../domain/run-state.ts';
import { shellWord } from '../domain/shell-word.ts';
import type { Ports } from '../ports/ports.ts';
import { isRecovering, issueText, nameTaken, sameAgain, statusText, stoppedPartWay } from './conflict.ts';
import { optional } from './optional.ts';
import { isOurs } from './ownership.ts';
import type { StepHandler, StepRun } from './step-handler.ts';
import { switchedBack } from './switched-back.ts';
import { isToldIn } from './told.ts';

type Params = StepParams['create-with-eksctl'];

/**
 * Lets eksctl make a replacement, from a file of its own kind; where it is not installed, somebody is asked to run it. The
 * group is found again by its name, ours when it carries the tags of the plan: eksctl goes on when this program does not.
 */
export const createWithEksctl: StepHandler<'create-with-eksctl'> = {
  title: ({ params }) => `create node group ${params.group.nodegroupName} with eksctl`,

  async observe(step, ports, context) {
    const { params } = step;
    const { clusterName, nodegroupName, tags } = params.group;
    const group = await ports.eks.describeNodegroup(clusterName, nodegroupName);
    if (group === undefined) {
      const stack = await optional(ports.cloudFormation.describeStack(eksctlStack(clusterName, nodegroupName)));
      if (stack?.status.endsWith('_IN_PROGRESS')) {
        return { kind: 'in-progress', detail: `stack ${stack.name} of eksctl is ${stack.status}` };
      }
      if (stack !== undefined) return { kind: 'conflict', error: stackInTheWay(params, stack.status, stack.reason) };
      const error = await switchedBack(clusterName, ports);
      if (error !== null) return { kind: 'conflict', error };
      const detail = `there is no node group ${nodegroupName} yet`;
      if (!isToldIn(context, step)) return { kind: 'actionable', detail };
      return { kind: 'in-progress', detail, tooLate: notMade(params) };
    }
    if (!isOurs(tags, group.tags)) return nameTaken(clusterName, nodegroupName);
    if (group.status === 'ACTIVE') return { kind: 'satisfied', detail: `node group ${nodegroupName} is ACTIVE` };
    if (['CREATING', 'UPDATING'].includes(group.status) || isRecovering(group)) {
      return { kind: 'in-progress', detail: statusText(group) };
    }
    const issues = group.healthIssues.map(issueText).join('; ') || 'EKS gives no reason';
    return { kind: 'conflict', error: stackInTheWay(params, group.status, issues) };
  },

  async act({ params }, ports, run) {
    const { region, maxPods, group } = params;
    const { nodegroupName, kubernetesVersion: version } = group;
    const path = await ports.tools.temporaryFile(
      `${nodegroupName}.yaml`,
      eksctlConfig(params, { maxPods, region, version }),
    );
    let isWaitedFor = false;
    try {
      isWaitedFor = (await runEksctl(params, path, ports, run)) === 'not-installed';
    } finally {
      // whoever runs eksctl by hand needs it
      if (!isWaitedFor) await ports.tools.removeFile(path);
    }
  },

  describeCall: ({ params }) =>
    `${command(params, `${params.group.nodegroupName}.yaml`)}   # a file with this group alone`,

  undo: ({ id, params: { group } }) => ({
    id: `${undoPrefix}${id}`,
    kind: 'delete-replacement',
    phase: 'delete',
    impact: 'destructive',
    dependsOn: [],
    summary: `delete node group ${group.nodegroupName}, made for ${group.source}, with its stack of eksctl`,
    params: {
      clusterName: group.clusterName,
      nodegroupName: group.nodegroupName,
      source: group.source,
      tags: group.tags,
      stack: eksctlStack(group.clusterName, group.nodegroupName),
      timeoutSeconds: (40 + Math.ceil(group.scaling.maxSize / 10)) * 60,
    },
  }),

  deadlineSeconds: ({ params }) => params.timeoutSeconds,
};

const argumentsOf = ({ group, timeoutSeconds }: Params, path: string): string[] => [
  'create',
  'nodegroup',
  '--config-file',
  path,
  '--include',
  group.nodegroupName,
  '--timeout',
  `${Math.ceil(timeoutSeconds / 60)}m`,
];

const command = (params: Params, path: string): string =>
  ['eksctl', ...argumentsOf(params, path)].map(shellWord).join(' ');

async function runEksctl(
  params: Params,
  path: string,
  { tools }: Ports,
  run: StepRun,
): Promise<'done' | 'not-installed'> {
  const result = await tools.run('eksctl', argumentsOf(params, path), run.signal);
  if (run.signal.aborted) return 'done';
  if (result === undefined) {
    const limit = formatDuration(params.timeoutSeconds);
    const first = `eksctl is not installed here: waiting up to ${limit} for somebody to run:`;
    // a line of its own, to paste
    for (const message of [first, command(params, path)]) await run.progress({ kind: 'note', message });
    return 'not-installed';
  }
  if (result.exitCode !== 0) throw failed(params, result.exitCode, result.lastLines);
  return 'done';
}

function failed(params: Params, exitCode: number | null, lastLines: readonly string[]): MigrateError {
  const { nodegroupName } = params.group;
  return stoppedPartWay({
    code: 'EKSCTL.FAILED',
    message: `eksctl could not make node group ${nodegroupName} (${exitCode === null ? 'it was ended' : `exit code ${exitCode}`}): ${lastLines.slice(-5).join(' | ') || 'it said nothing'}`,
    why: 'Nothing was moved or deleted; the source still runs everything.',
    nextActions: [cleaning(params), `remove the cause, ${sameAgain}`, otherModes(params)],
  });
}

const stackInTheWay = (params: Params, status: string, reason: string | null): MigrateError =>
  stoppedPartWay({
    code: 'EKSCTL.LEFTOVERS',
    message: `eksctl has begun node group ${params.group.nodegroupName}, and it is ${status}${reason === null ? '' : `: ${reason}`}`,
    why: 'eksctl makes nothing anew as long as its stack is there. Nothing was moved or deleted.',
    nextActions: [
      `aws cloudformation describe-stack-events --stack-name ${eksctlStack(params.group.clusterName, params.group.nodegroupName)}`,
      `remove the cause, then: ${cleaning(params)}`,
      sameAgain,
    ],
  });

const cleaning = ({ group, region }: Params): string =>
  `eksctl delete nodegroup --cluster ${group.clusterName} --region ${region} --name ${group.nodegroupName} --wait`;

const otherModes = ({ group }: Params): string =>
  `or make a new plan without eksctl: prefix-migrate plan --cluster ${group.clusterName} --create-with api`;

function notMade(params: Params): MigrateError {
  const { nodegroupName } = params.group;
  return stoppedPartWay({
    code: 'NODEGROUP.NOT_MADE',
    message: `Node group ${nodegroupName} was not made within ${formatDuration(params.timeoutSeconds)}: eksctl is not installed here, and nobody has run it.`,
    why: 'The plan leaves that to eksctl (--create-with eksctl). Nothing was changed by this step.',
    nextActions: ['install eksctl: https://eksctl.io/installation', sameAgain, otherModes(params)],
  });
}
