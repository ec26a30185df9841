import { inParallel } from '../domain/parallel.ts';
import type { Nodegroup } from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';
import { conflict, sameAgain } from './conflict.ts';
import { optional } from './optional.ts';
import { isOurs } from './ownership.ts';
import type { StepContext, StepHandler } from './step-handler.ts';
import { deletion, mayStillShow } from './undoing.ts';

/** Calls about node groups, at a time. */
const parallelCalls = 8;

/**
 * Deletes a launch template that the plan made, when no node group uses it any more: EKS calls a group without it degraded.
 * The last step of a rollback: where it is refused, the rollback is not done, and the next one tries again.
 */
export const deleteLaunchTemplate: StepHandler<'delete-launch-template'> = {
  title: ({ params }) => `delete launch template ${params.launchTemplateName}`,

  async observe({ id, params: { launchTemplateName, tags } }, ports, context) {
    const template = await ports.ec2.findLaunchTemplate(launchTemplateName);
    if (template === undefined) {
      return mayStillShow(id, ports, context)
        ? { kind: 'in-progress', detail: `${launchTemplateName} was asked for, and may still come into sight` }
        : { kind: 'satisfied', detail: `launch template ${launchTemplateName} is not there` };
    }
    if (!isOurs(tags, template.tags)) {
      return { kind: 'satisfied', detail: `launch template ${launchTemplateName} was not made by this plan: it stays` };
    }
    const { launchTemplateId } = template;
    const users = (await nodegroups(launchTemplateName, ports, context)).filter(
      ({ launchTemplate }) => launchTemplate?.id === launchTemplateId,
    );
    if (users.length === 0) return { kind: 'actionable', detail: `no node group uses ${launchTemplateName}` };
    const names = users.map(({ nodegroupName }) => nodegroupName);
    if (users.every(({ status }) => status === 'DELETING')) {
      return { kind: 'in-progress', detail: `node group ${names.join(', ')}, which uses it, is DELETING` };
    }
    return conflict({
      code: 'TEMPLATE.IN_USE',
      message: `Launch template ${launchTemplateName} (${launchTemplateId}) was not deleted: node group ${names.join(', ')} uses it.`,
      why: 'EKS cannot replace or add nodes of a node group whose launch template is gone.',
      nextActions: [
        ...names.map(
          (name) => `aws eks describe-nodegroup --cluster-name ${context.clusterName} --nodegroup-name ${name}`,
        ),
        `give it another launch template, or delete it, ${sameAgain}`,
      ],
    });
  },

  async act({ params: { launchTemplateName, tags } }, { ec2 }, run) {
    const template = await ec2.findLaunchTemplate(launchTemplateName);
    if (template === undefined || !isOurs(tags, template.tags)) return;
    await ec2.deleteLaunchTemplate(template.launchTemplateId);
    await run.progress({ kind: 'update-requested', what: deletion, id: template.launchTemplateId });
  },

  describeCall: ({ params }) => `ec2:DeleteLaunchTemplate ${params.launchTemplateName}`,

  /** A plan that wants it again makes it. */
  undo: () => undefined,

  deadlineSeconds: () => 15 * 60,
};

/** All of the cluster; where they may not be listed, the one that the plan made from the template, which has its name. */
async function nodegroups(
  launchTemplateName: string,
  { eks }: Ports,
  { clusterName }: StepContext,
): Promise<Nodegroup[]> {
  const names = (await optional(eks.listNodegroups(clusterName))) ?? [launchTemplateName];
  const all = await inParallel(parallelCalls, names, (name) => eks.describeNodegroup(clusterName, name));
  return all.filter((group) => group !== undefined);
}
