import type { InterfaceSettings } from '../domain/max-pods.ts';
import { prefixCapacity, recommendedMaxPods } from '../domain/max-pods.ts';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import type { MaxPods } from '../domain/plan.ts';
import type { InstanceType } from '../domain/snapshot.ts';

/**
 * The only place that decides maxPods of a replacement: what was asked for, else what EKS would compute in prefix mode.
 * `types` must not be empty. Throws INPUT.MAX_PODS (exit 2) when the addresses of a type do not suffice for what was asked.
 */
export function resolveMaxPods(
  nodegroupName: string,
  types: readonly InstanceType[],
  settings: InterfaceSettings,
  requested: number | undefined,
): MaxPods {
  const recommended = recommendedMaxPods(types, settings);
  if (requested === undefined) return { source: 'calculated', ...recommended };
  const capacities = types.map((type) => ({ name: type.instanceType, pods: prefixCapacity(type, settings) }));
  const least = capacities.reduce((a, b) => (b.pods < a.pods ? b : a));
  if (requested < 1 || requested > least.pods) {
    throw new MigrateError({
      code: 'INPUT.MAX_PODS',
      message: `Node group ${nodegroupName} cannot have ${requested} pods per node: the maximum is ${least.pods}.`,
      why: `Even in prefix mode ${least.name} has addresses for ${least.pods} pods; EKS recommends ${recommended.value}.`,
      nextActions: [
        `--max-pods ${recommended.value}`,
        'Leave --max-pods out: the value is calculated for each node group',
      ],
      exitCode: ExitCode.invalidInput,
    });
  }
  return { value: requested, source: 'requested', limitedBy: 'as asked for' };
}
