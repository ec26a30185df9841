import type { RollbackScope } from '../domain/journal-entry.ts';
import type { MigrationPlan } from '../domain/plan.ts';
import type { RunState } from '../domain/run-state.ts';
import { handlers } from '../steps/index.ts';
import { rollbackOf } from './rollback.ts';

/** What is worked on: the plan, or, once a rollback has begun (or with the scope of one), what takes the plan back. */
export const workOf = (
  plan: MigrationPlan,
  state: Readonly<RunState>,
  scope: RollbackScope | null = state.rollback,
): MigrationPlan => (scope === null ? plan : rollbackOf(plan, state, scope, handlers));
