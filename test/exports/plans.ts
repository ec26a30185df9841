import type { AnyStep, MigrationPlan, PlanRequest, ReplacementParts } from '../../src/domain/plan.ts';
import type { ClusterSnapshot } from '../../src/domain/snapshot.ts';
import { makePlan } from '../../src/planning/plan.ts';
import { aRequest } from '../support/snapshot.ts';
import { templates } from '../support/templates.ts';

export const planOf = (snapshot: ClusterSnapshot, request: Partial<PlanRequest> = {}): MigrationPlan =>
  makePlan({ snapshot, request: aRequest(request), findings: [], toolVersion: '0.1.0', templates });

/** The plan with the parts of its replacements changed, in whatever step they stand. */
export function withParts(plan: MigrationPlan, change: (parts: ReplacementParts) => ReplacementParts): MigrationPlan {
  const changed = (step: AnyStep): AnyStep => {
    if (step.kind === 'await-nodegroup') return { ...step, params: { ...step.params, ...change(step.params) } };
    const template = plan.steps.find((one) => one.kind === 'create-launch-template');
    const group = plan.steps.find((one) => one.kind === 'create-nodegroup');
    if (template === undefined || group === undefined) return step;
    const parts = change({ group: group.params, template: template.params });
    if (step.kind === 'create-nodegroup') return { ...step, params: parts.group };
    return step.kind === 'create-launch-template' ? { ...step, params: parts.template } : step;
  };
  return { ...plan, steps: plan.steps.map(changed) };
}
