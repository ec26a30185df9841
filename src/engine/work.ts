import type { RollbackScope } from '../domain/journal-entry.ts';
import type { MigrationPlan } from '../domain/plan.ts';
import type { RunState } from '../domain/run-state.ts';
import { handlers as allHandlers, type Handlers } from '../steps/index.ts';
import { withLateDrain } from './late-drain.ts';
import { rollbackOf } from './rollback.ts';

/**
 * What is worked on: the plan, or, once a rollback has begun (or with the scope of one), what takes the plan back. Each deletion
 * knows how the plan drains.
 */
export const workOf = (
  plan: MigrationPlan,
  state: Readonly<RunState>,
  scope: RollbackScope | null = state.rollback,
  handlers: Handlers = allHandlers,
): MigrationPlan => (scope === null ? withLateDrains(plan) : rollbackOf(plan, state, scope, handlers));

function withLateDrains(plan: MigrationPlan): MigrationPlan {
  const drain = plan.steps.find((step) => step.kind === 'drain-source');
  return { ...plan, steps: plan.steps.map((step) => withLateDrain(step, drain?.params)) };
}
