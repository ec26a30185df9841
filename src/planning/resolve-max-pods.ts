import type { InterfaceSettings } from '../domain/max-pods.ts';
import { prefixCapacity, recommendedMaxPods } from '../domain/max-pods.ts';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import type { MaxPods, PlanRequest } from '../domain/plan.ts';
import { planCommand } from '../domain/plan-command.ts';
import type { InstanceType } from '../domain/snapshot.ts';

/**
 * The only place that decides maxPods of a replacement: what was asked for, else what EKS would compute in prefix mode.
 * `types` must not be empty.
 */
export function resolveMaxPods(
  types: readonly InstanceType[],
  settings: InterfaceSettings,
  requested: number | undefined,
): MaxPods {
  return requested === undefined
    ? { source: 'calculated', ...recommendedMaxPods(types, settings) }
    : { value: requested, source: 'requested', limitedBy: 'as asked for' };
}

/** Throws INPUT.MAX_PODS (exit 2) when the addresses of a type of the group do not suffice for what was asked. */
export function refuseTooMany(
  nodegroupName: string,
  types: readonly InstanceType[],
  settings: InterfaceSettings,
  request: PlanRequest,
): void {
  const { maxPods, ...rest } = request;
  const capacities = types.map((type) => ({ name: type.instanceType, pods: prefixCapacity(type, settings) }));
  const least = capacities.reduce((a, b) => (b.pods < a.pods ? b : a));
  if (maxPods === undefined || maxPods <= least.pods) return;
  const { value: recommended } = recommendedMaxPods(types, settings);
  throw new MigrateError({
    code: 'INPUT.MAX_PODS',
    message: `Node group ${nodegroupName} cannot have ${maxPods} pods per node: the maximum is ${least.pods}.`,
    why: `Even in prefix mode ${least.name} has addresses for ${least.pods} pods; EKS recommends ${recommended}.`,
    nextActions: [
      planCommand({ ...rest, maxPods: recommended }),
      `${planCommand(rest)}  # the value is calculated for each node group`,
    ],
    exitCode: ExitCode.invalidInput,
  });
}
