import { type MigrationPlan, type Phase, phases } from './plan.ts';
import { planCommand } from './plan-command.ts';

/** What can be done without consent to `needed`: a part of this plan, or a plan that starts with what only adds. */
export const withoutConsent = ({ request }: MigrationPlan, needed: readonly Phase[]): string =>
  needed.some((phase) => phases.indexOf(phase) <= phases.indexOf('verify'))
    ? `or plan so that the old nodes are cordoned last: ${planCommand({ ...request, order: 'safe-flip' })}`
    : 'or add --until verify: everything before that only adds to the cluster';

/** Phases that move pods or delete. */
export const phasesThatTakeAway = ({ steps }: MigrationPlan): Phase[] => {
  const found = new Set(steps.filter(({ impact }) => impact !== 'additive').map(({ phase }) => phase));
  return phases.filter((phase) => found.has(phase));
};
