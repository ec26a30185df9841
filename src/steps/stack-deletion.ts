/** Node groups that belong to a CloudFormation stack go with it, so that the stack does not stay behind without them. */
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import type { Nodegroup } from '../domain/snapshot.ts';
import type { Stack } from '../ports/cloudformation.ts';
import type { Ports } from '../ports/ports.ts';
import { conflict, sameAgain } from './conflict.ts';
import { optional } from './optional.ts';
import type { Observation, StepRun } from './step-handler.ts';
import { deletion } from './undoing.ts';

interface Target {
  clusterName: string;
  nodegroupName: string;
  stack?: string;
}

/** The stack of the group; undefined when it has none, or when it is gone. @throws MigrateError DELETE.STACK_DENIED */
export const stackOf = async (target: Target, { cloudFormation }: Ports): Promise<Stack | undefined> =>
  target.stack === undefined ? undefined : await told(target, cloudFormation.describeStack(target.stack));

/** What the stack says about a deletion that is under way, or forbids one; null when it may begin, or there is no stack. */
export async function stackUnderWay(
  target: Target,
  stack: Stack | undefined,
  ports: Ports,
): Promise<Observation | null> {
  if (stack === undefined) return null;
  const { name, status } = stack;
  if (status === 'DELETE_FAILED') return await deletionFailed(target, stack, ports);
  if (status.endsWith('_IN_PROGRESS')) return { kind: 'in-progress', detail: `stack ${name} is ${status}` };
  return null;
}

/** Conflict when the stack may not be deleted. */
export function stackProtected({ nodegroupName }: Target, stack: Stack | undefined): Observation | null {
  if (!stack?.terminationProtection) return null;
  return conflict({
    code: 'DELETE.STACK_PROTECTED',
    message: `Node group ${nodegroupName} was not deleted: its CloudFormation stack ${stack.name} has termination protection.`,
    why: 'Somebody has set that, so that nobody deletes the stack by mistake. The nodes are empty and cordoned.',
    nextActions: [
      `aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name ${stack.name}`,
      sameAgain,
    ],
  });
}

/**
 * Why the group is deleted without its stack: the stack has made the node role, and other groups have that role. To delete
 * the stack, CloudFormation takes the policies off the role before it fails to delete it, and the nodes of the others lose
 * their rights. Null: the stack may go. Where the resources may not be listed, the name of the role tells.
 */
export async function whyStackStays(
  { clusterName, nodegroupName }: Target,
  { name }: Stack,
  { nodeRole }: Nodegroup,
  { cloudFormation, eks }: Ports,
): Promise<string | null> {
  const role = nodeRole.split('/').at(-1) ?? '';
  const resources = await optional(cloudFormation.stackResources(name));
  const isOfStack =
    resources === undefined
      ? /-NodeInstanceRole-/.test(role)
      : resources.some(({ type, physicalId }) => type === 'AWS::IAM::Role' && physicalId === role);
  if (!isOfStack) return null;
  const names = ((await optional(eks.listNodegroups(clusterName))) ?? []).filter((one) => one !== nodegroupName);
  const others = await Promise.all(names.map((one) => optional(eks.describeNodegroup(clusterName, one))));
  const users = others.flatMap((group) => (group?.nodeRole === nodeRole ? [group.nodegroupName] : []));
  if (users.length === 0) return null;
  return `stack ${name} stays: it has made role ${role}, which ${users.join(', ')} needs`;
}

/** Asks for the deletion, through the stack where there is one that may go. @throws MigrateError DELETE.STACK_DENIED */
export async function deleteGroup(target: Target, group: Nodegroup, ports: Ports, run: StepRun): Promise<void> {
  const { clusterName, nodegroupName } = target;
  const stack = await stackOf(target, ports);
  const stays = stack === undefined ? null : await whyStackStays(target, stack, group, ports);
  if (stays !== null) await run.progress({ kind: 'note', message: `${nodegroupName} is deleted by itself: ${stays}` });
  if (run.signal.aborted) return;
  if (stack !== undefined && stays === null) {
    await told(target, ports.cloudFormation.deleteStack(stack.name, run.token));
    await run.progress({ kind: 'update-requested', what: deletion, id: stack.name });
    return;
  }
  await ports.eks.deleteNodegroup(clusterName, nodegroupName);
  await run.progress({ kind: 'update-requested', what: deletion, id: nodegroupName });
}

async function deletionFailed(target: Target, stack: Stack, { cloudFormation }: Ports): Promise<Observation> {
  const reasons = (await optional(cloudFormation.failedDeletions(stack.name))) ?? [];
  const said = reasons.length > 0 ? reasons.join('; ') : (stack.reason ?? 'no reason given');
  return conflict({
    code: 'DELETE.STACK_FAILED',
    message: `CloudFormation could not delete stack ${stack.name} of node group ${target.nodegroupName}: ${said}`,
    why: 'Its pods have moved already; what is left are its own resources.',
    nextActions: [
      `aws cloudformation describe-stack-events --stack-name ${stack.name}`,
      `remove the cause, then: aws cloudformation delete-stack --stack-name ${stack.name}`,
      sameAgain,
    ],
  });
}

/** The answer; a missing right is told with what it is for. */
async function told<T>({ nodegroupName, stack = '' }: Target, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof MigrateError) || error.code !== 'AWS.ACCESS_DENIED') throw error;
    throw new MigrateError({
      code: 'DELETE.STACK_DENIED',
      message: `Node group ${nodegroupName} is deleted through its CloudFormation stack ${stack}, and that is not allowed. ${error.message}`,
      why: `${error.why} The nodes are empty and cordoned; deleted without its stack, the group would leave a stack that no longer fits.`,
      nextActions: [
        'allow cloudformation:DescribeStacks, cloudformation:DescribeStackResources and cloudformation:DeleteStack on that stack, and what the stack itself deletes',
        `or let somebody who may do it: aws cloudformation delete-stack --stack-name ${stack}`,
        sameAgain,
      ],
      exitCode: ExitCode.stoppedPartWay,
      cause: error,
    });
  }
}
