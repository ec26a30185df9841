import { type MigrationPlan, type OrderPlan, type Phase, phases } from './plan.ts';
import { planCommand } from './plan-command.ts';
import { stageMoments } from './stages.ts';

/** What can be done without consent to `needed`: a part of this plan, or a plan that starts with what only adds. */
export function withoutConsent({ request, order }: MigrationPlan, needed: readonly Phase[]): string {
  if (!needed.some((phase) => phases.indexOf(phase) <= phases.indexOf('verify')))
    return 'or add --until verify: everything before that only adds to the cluster';
  const short = shortInService(order);
  return short === ''
    ? `or plan so that the old nodes are cordoned last: ${planCommand({ ...request, order: 'safe-flip' })}`
    : `there is no way without consent: with the old nodes in service ${short}`;
}

/** What the plan would be short of if the old nodes stayed in service; empty when it fits then, too. */
export function shortInService({ considered }: OrderPlan): string {
  const short = considered.find(({ order }) => order === 'safe-flip')?.short ?? [];
  const [first] = short.toSorted((a, b) => b.blocks - a.blocks);
  if (first === undefined) return '';
  const { subnetId, blocks, stage } = first;
  const others = short.length - 1;
  return (
    `${subnetId} would be short of ${blocks} /28 block${blocks === 1 ? '' : 's'}, first ${stageMoments[stage]}` +
    (others === 0 ? '' : `; so would ${others === 1 ? 'another subnet' : `${others} more subnets`}`)
  );
}

/** Phases that move pods or delete. */
export const phasesThatTakeAway = ({ steps }: MigrationPlan): Phase[] => {
  const found = new Set(steps.filter(({ impact }) => impact !== 'additive').map(({ phase }) => phase));
  return phases.filter((phase) => found.has(phase));
};
