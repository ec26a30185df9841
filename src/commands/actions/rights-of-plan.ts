import { leaseName, type StateLocation } from '../../composition.ts';
import type { AnyStep, MigrationPlan } from '../../domain/plan.ts';
import { replacementPartsOf } from '../../domain/replacement-parts.ts';
import type { RightsScene } from '../../domain/rights-of.ts';
import { initialRunState, pendingStep } from '../../domain/run-state.ts';
import { workOf } from '../../engine/work.ts';

const planTag = 'prefix-migrate/plan';

/** What rights are laid over, as a plan knows it. */
export function sceneOf(plan: MigrationPlan, state: StateLocation): RightsScene {
  const groups = plan.nodegroups.flatMap(({ source }) => replacementPartsOf(plan, source)?.group ?? []);
  return {
    cluster: plan.cluster,
    nodeRoles: [...new Set(groups.map(({ nodeRole }) => nodeRole))],
    planTag: groups[0]?.tags[planTag] ?? null,
    leaseName: leaseName(plan.cluster.name),
    state,
  };
}

/** What would take the whole plan back. */
export function stepsBack(plan: MigrationPlan): AnyStep[] {
  const steps = Object.fromEntries(
    plan.steps.map(({ id }) => [id, { ...pendingStep(), status: 'succeeded' as const }]),
  );
  return workOf(plan, { ...initialRunState(plan), steps }, { kept: [] }).steps;
}
