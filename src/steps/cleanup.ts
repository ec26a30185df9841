import type { StepParams } from '../domain/plan.ts';
import type { Ports } from '../ports/ports.ts';
import { canaryNamespace, findCanaries, removeCanaries } from './canary.ts';
import { optional, unlessRefused } from './optional.ts';
import type { StepContext, StepHandler } from './step-handler.ts';

/**
 * Removes what helped this plan. What it was made for stays: the replacements, the launch templates they need, reserved
 * ranges. Of a plan that is taken back nothing stays but what is named.
 */
export const cleanup: StepHandler<'cleanup'> = {
  title: () => 'clean up',

  async observe({ params }, ports, context) {
    const { reserved, stays: left } = params;
    const canaries = await findCanaries(ports);
    if (canaries.length > 0) return { kind: 'actionable', detail: `${canaries.length} canary pods are still there` };
    if (left !== undefined) {
      const found = await leftovers(params, ports);
      const all = ['no canary pod is left', ...left.map((one) => `stays: ${one}`), ...found];
      return { kind: 'satisfied', detail: all.join('; ') };
    }
    const stays = [
      'the replacement node groups',
      ...(params.launchTemplateNames?.length === 0 ? [] : ['their launch templates']),
      ...(reserved.length === 0 ? [] : [`the ranges reserved for prefixes (${reserved.join(', ')})`]),
    ];
    const found = [...(await leftovers(params, ports)), ...(await unusedTemplates(params, ports, context))];
    return { kind: 'satisfied', detail: [`nothing of this plan is left but ${inWords(stays)}`, ...found].join('; ') };
  },

  async act(_step, ports) {
    await removeCanaries(await findCanaries(ports), ports);
  },

  describeCall: () => `DELETE canary pods in ${canaryNamespace}`,
  undo: () => undefined,
  deadlineSeconds: () => 10 * 60,
};

type Params = StepParams['cleanup'];

const inWords = (list: readonly string[]): string =>
  list.length < 2 ? list.join('') : `${list.slice(0, -1).join(', ')} and ${list.at(-1)}`;

/** Found things that are named in one detail. */
const shown = 5;

/**
 * Interfaces that the VPC CNI attached to nodes that are gone, and that nobody deleted: they hold addresses, and keep their
 * security groups from being deleted. Named, not deleted: another cluster may live in the same subnets.
 */
async function leftovers({ subnetIds = [] }: Params, { ec2 }: Ports): Promise<string[]> {
  const all = subnetIds.length === 0 ? [] : ((await optional(ec2.networkInterfacesOfSubnets(subnetIds))) ?? []);
  const loose = all.filter(({ status, description }) => status === 'available' && description.startsWith('aws-K8S-i-'));
  const instanceIds = [...new Set(loose.flatMap(({ description }) => /i-[0-9a-z]+/.exec(description)?.[0] ?? []))];
  if (instanceIds.length === 0) return [];
  const owned = (await optional(ec2.networkInterfacesOfInstances(instanceIds))) ?? [];
  const living = new Set(owned.flatMap(({ instanceId }) => instanceId ?? []));
  const left = loose.filter(({ description }) => !living.has(/i-[0-9a-z]+/.exec(description)?.[0] ?? ''));
  if (left.length === 0) return [];
  const commands = left
    .slice(0, shown)
    .map(({ networkInterfaceId }) => `aws ec2 delete-network-interface --network-interface-id ${networkInterfaceId}`);
  const more = left.length > shown ? ` (and ${left.length - shown} more)` : '';
  return [`${left.length} interfaces of nodes that are gone are left in the subnets${more}: ${commands.join('; ')}`];
}

/** Launch templates of the plan whose node group somebody has deleted. */
async function unusedTemplates(
  { launchTemplateNames = [] }: Params,
  { eks, ec2 }: Ports,
  { clusterName }: StepContext,
): Promise<string[]> {
  const found = await Promise.all(
    launchTemplateNames.map(async (name) => {
      const template = await optional(ec2.findLaunchTemplate(name));
      if (template === undefined) return [];
      // a group of ours has the name of its template
      const group = await unlessRefused(eks.describeNodegroup(clusterName, name));
      if (!('answer' in group) || group.answer !== undefined) return [];
      const { launchTemplateId } = template;
      return [
        `no node group uses launch template ${name}: aws ec2 delete-launch-template --launch-template-id ${launchTemplateId}`,
      ];
    }),
  );
  return found.flat();
}
