import type { StepParams } from '../domain/plan.ts';
import { undoPrefix } from '../domain/run-state.ts';
import type { Nodegroup } from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';
import { conflict, failedForGood, isRecovering, issueText, nameTaken, sameAgain, statusText } from './conflict.ts';
import { ownVersion } from './create-launch-template.ts';
import { isOurs } from './ownership.ts';
import type { Observation, StepHandler } from './step-handler.ts';
import { switchedBack } from './switched-back.ts';
import { explainNotReady } from './verify-problems.ts';

type Params = StepParams['create-nodegroup'];

/** Health issues that no waiting heals: configuration and permission. EKS itself would try on for 15 minutes and more. */
const hopeless = new Set([
  'AccessDenied',
  'AmiIdNotFound',
  'AutoScalingGroupInvalidConfiguration',
  'AutoScalingGroupNotFound',
  'AutoScalingGroupOptInRequired',
  'Ec2InstanceTypeDoesNotExist',
  'Ec2LaunchTemplateInvalidConfiguration',
  'Ec2LaunchTemplateMaxLimitExceeded',
  'Ec2LaunchTemplateNotFound',
  'Ec2LaunchTemplateVersionMaxLimitExceeded',
  'Ec2LaunchTemplateVersionMismatch',
  'Ec2SecurityGroupNotFound',
  'Ec2SubnetInvalidConfiguration',
  'Ec2SubnetListTooLong',
  'Ec2SubnetMissingIpv6Assignment',
  'Ec2SubnetNotFound',
  'IamInstanceProfileNotFound',
  'IamNodeRoleNotFound',
  'KubernetesLabelInvalid',
  'SourceEc2LaunchTemplateNotFound',
]);

/** EC2 may answer reads from before a write for some time. */
const visibleAfterMilliseconds = 60_000;

/** Creates a replacement, found again by its name; ours when it carries the tags of the plan. */
export const createNodegroup: StepHandler<'create-nodegroup'> = {
  title: ({ params }) => `create node group ${params.nodegroupName} with ${nodes(params.scaling.desiredSize)}`,

  async observe({ params, dependsOn }, ports, { state }) {
    const { clusterName, nodegroupName, tags, launchTemplateName } = params;
    const group = await ports.eks.describeNodegroup(clusterName, nodegroupName);
    if (group === undefined) {
      const template = await ports.ec2.findLaunchTemplate(launchTemplateName);
      if (template === undefined) {
        const ends = dependsOn.map((id) => Date.parse(state.steps[id]?.endedAt ?? ''));
        const isNew = ends.some((end) => ports.clock.now() - end < visibleAfterMilliseconds);
        if (isNew) return { kind: 'in-progress', detail: `launch template ${launchTemplateName} is not visible yet` };
        return templateGone(launchTemplateName);
      }
      const error = await switchedBack(clusterName, ports);
      if (error !== null) return { kind: 'conflict', error };
      return { kind: 'actionable', detail: `there is no node group ${nodegroupName} yet` };
    }
    if (!isOurs(tags, group.tags)) return nameTaken(clusterName, nodegroupName);
    if (group.status === 'ACTIVE') return { kind: 'satisfied', detail: `node group ${nodegroupName} is ACTIVE` };
    const isOnItsWay = ['CREATING', 'UPDATING'].includes(group.status) || isRecovering(group);
    if (!isOnItsWay || group.healthIssues.some(({ code }) => hopeless.has(code))) {
      return failed(params, group, ports);
    }
    return { kind: 'in-progress', detail: statusText(group) };
  },

  async act({ params }, ports, run) {
    const { source: _, launchTemplateName, ...request } = params;
    const template = await ports.ec2.findLaunchTemplate(launchTemplateName);
    // the next look tells
    if (template === undefined) return;
    const launchTemplate = { id: template.launchTemplateId, version: ownVersion };
    await ports.eks.createNodegroup({ ...request, launchTemplate }, run.token);
  },

  describeCall: ({ params }) =>
    `eks:CreateNodegroup ${params.nodegroupName} in cluster ${params.clusterName}: ${params.instanceTypes.join(', ')}, ${nodes(params.scaling.desiredSize)}, launch template ${params.launchTemplateName}`,

  undo: ({ id, params: { clusterName, nodegroupName, source, tags, scaling } }) => ({
    id: `${undoPrefix}${id}`,
    kind: 'delete-replacement',
    phase: 'delete',
    impact: 'destructive',
    dependsOn: [],
    summary: `delete node group ${nodegroupName}, made for ${source}`,
    params: { clusterName, nodegroupName, source, tags, timeoutSeconds: (40 + Math.ceil(scaling.maxSize / 10)) * 60 },
  }),

  /** EKS reports a node group whose nodes do not join after 15 to 25 minutes. */
  deadlineSeconds: () => 40 * 60,
};

const nodes = (count: number): string => (count === 1 ? '1 node' : `${count} nodes`);

async function failed(params: Params, group: Nodegroup, ports: Ports): Promise<Observation> {
  const { nodegroupName, status } = group;
  const { clusterName, source, scaling } = params;
  const activities = await Promise.all(
    group.autoScalingGroupNames.map((name) => ports.autoScaling.failedActivities(name)),
  );
  const issues = group.healthIssues.map(issueText);
  const joined = group.healthIssues.every(({ code }) => code !== 'NodeCreationFailure');
  const notReady = joined
    ? null
    : await explainNotReady({ clusterName, nodegroupName, source, nodes: scaling.desiredSize }, ports);
  const name = `--cluster-name ${clusterName} --nodegroup-name ${nodegroupName}`;
  // Whatever is left of it has to be deleted, and a new one asked for with a new token.
  return failedForGood({
    code: 'NODEGROUP.CREATE_FAILED',
    message: `Node group ${nodegroupName} cannot be made (${status}): ${issues.join('; ') || 'EKS gives no reason'}`,
    why: [
      'Nothing was moved or deleted; the source still runs everything.',
      ...activities.flat().slice(0, 3),
      ...(notReady === null ? [] : [notReady.why]),
    ].join(' '),
    nextActions: [
      `aws eks describe-nodegroup ${name}`,
      ...(notReady?.nextActions ?? []).filter((action) => action !== sameAgain),
      `remove the cause, then delete the failed group: aws eks delete-nodegroup ${name}`,
      `aws eks wait nodegroup-deleted ${name}`,
      sameAgain,
    ],
  });
}

const templateGone = (launchTemplateName: string): Observation =>
  conflict({
    code: 'TEMPLATE.GONE',
    message: `Launch template ${launchTemplateName}, made by this plan, is not there any more.`,
    why: 'The node group is created from it.',
    nextActions: ['make a new plan: prefix-migrate plan --cluster CLUSTER'],
  });
