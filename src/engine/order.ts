import { type AnyStep, type MigrationPlan, type Phase, phases } from '../domain/plan.ts';
import type { RunState } from '../domain/run-state.ts';

/** Ids of the steps that the journal knows to be done. */
export function succeededSteps(state: Readonly<RunState>): Set<string> {
  return new Set(Object.keys(state.steps).filter((id) => state.steps[id]?.status === 'succeeded'));
}

/** Steps up to `until` that are not in `done`. */
export function openSteps(plan: MigrationPlan, done: ReadonlySet<string>, until: Phase = 'cleanup'): AnyStep[] {
  const last = phases.indexOf(until);
  return plan.steps.filter((step) => !done.has(step.id) && phases.indexOf(step.phase) <= last);
}

/** Those of them whose dependencies are done, in order of phase, then of the plan. */
export function readySteps(plan: MigrationPlan, done: ReadonlySet<string>, until?: Phase): AnyStep[] {
  return openSteps(plan, done, until)
    .filter((step) => step.dependsOn.every((id) => done.has(id)))
    .toSorted((a, b) => phases.indexOf(a.phase) - phases.indexOf(b.phase));
}
