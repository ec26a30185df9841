import type { MigrationPlan } from './plan.ts';
import type { RunState } from './run-state.ts';

const isBegun = (state: Readonly<RunState>, stepId: string): boolean =>
  (state.steps[stepId]?.status ?? 'pending') !== 'pending';

/** Sources whose deletion has begun, by the journal: what they were cannot be had back. */
export const deletionsBegun = ({ steps }: MigrationPlan, state: Readonly<RunState>): string[] =>
  steps.flatMap((step) =>
    step.kind === 'delete-source' && isBegun(state, step.id) ? [step.params.nodegroupName] : [],
  );

/** Something was begun, and not every source is being deleted: by the journal, a rollback has something to do. */
export const canBeTakenBack = (plan: MigrationPlan, state: Readonly<RunState>): boolean =>
  plan.steps.some(({ id }) => isBegun(state, id)) && deletionsBegun(plan, state).length < plan.nodegroups.length;
