import type { AnyStep, MigrationPlan, ReplacementParts } from './plan.ts';
import type { Scaling } from './snapshot.ts';

/**
 * What a plan wants of the replacement of a source at its full size, whoever makes it; undefined when the plan has no steps.
 */
export function replacementPartsOf(
  { steps }: Pick<MigrationPlan, 'steps'>,
  source: string,
): ReplacementParts | undefined {
  const found = steps.flatMap((step): ReplacementParts[] => {
    if (step.kind === 'create-with-eksctl' || step.kind === 'await-nodegroup') return [step.params];
    if (step.kind !== 'create-nodegroup') return [];
    const template = steps.find(({ id }) => id === `create-launch-template/${step.params.source}`);
    return template?.kind === 'create-launch-template' ? [{ group: step.params, template: template.params }] : [];
  });
  const parts = found.find(({ group }) => group.source === source);
  if (parts === undefined) return undefined;
  const { group, template } = parts;
  return { group: { ...group, scaling: lastScaling(steps, group.nodegroupName) ?? group.scaling }, template };
}

/** The last size that the plan gives a replacement; undefined when it gives it none. */
export const lastScaling = (steps: readonly AnyStep[], nodegroupName: string): Scaling | undefined =>
  steps
    .flatMap((step) =>
      step.kind === 'scale-replacement' && step.params.nodegroupName === nodegroupName ? [step.params.scaling] : [],
    )
    .at(-1);
