import { architectureOfAmi, architecturesOf, sameAmiFor } from '../domain/architecture.ts';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import { replacementAmiType, replacementTypesOf } from '../domain/nodegroups.ts';
import type { PlanRequest } from '../domain/plan.ts';
import { planCommand } from '../domain/plan-command.ts';
import type { ClusterSnapshot, Nodegroup } from '../domain/snapshot.ts';

/** Throws INPUT.AMI_TYPE (exit 2) when the image of a replacement would not start on the types that were asked for. */
export function refuseForeignImages(
  snapshot: ClusterSnapshot,
  sources: readonly Nodegroup[],
  request: PlanRequest,
): void {
  if (request.amiType === undefined && request.instanceTypes.length === 0) return;
  for (const source of sources) refuseArchitecture(snapshot, source, request);
}

function refuseArchitecture(snapshot: ClusterSnapshot, source: Nodegroup, request: PlanRequest): void {
  const amiType = replacementAmiType(source, request);
  const needed = architectureOfAmi(amiType);
  const { known } = replacementTypesOf(snapshot, source, request);
  const others = known.filter((type) => {
    const has = architecturesOf([type]);
    return needed !== null && has.length > 0 && !has.includes(needed);
  });
  const [first] = architecturesOf(others);
  if (needed === null || first === undefined) return;
  const fitting = sameAmiFor(amiType, first);
  const names = others.map(({ instanceType }) => instanceType).join(', ');
  const { amiType: _, ...rest } = request;
  throw new MigrateError({
    code: 'INPUT.AMI_TYPE',
    message: `AMI type ${amiType} does not start on ${names}.`,
    why: `Node group ${source.nodegroupName}: the image is for ${needed}, and ${names} ${others.length === 1 ? 'is' : 'are'} of ${first}.`,
    nextActions: [
      ...(fitting === null || others.length < known.length
        ? []
        : [planCommand({ ...rest, ...(fitting === source.amiType ? {} : { amiType: fitting }) })]),
      planCommand({ ...request, instanceTypes: [] }),
    ],
    exitCode: ExitCode.invalidInput,
  });
}
