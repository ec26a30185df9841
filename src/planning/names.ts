import { canonicalJson, sha256Hex } from '../domain/canonical-json.ts';
import type { PlanRequest } from '../domain/plan.ts';
import { autoScalingGroupName, isSelfManaged } from '../domain/self-managed.ts';
import type { ClusterSnapshot } from '../domain/snapshot.ts';

/** EKS allows 63 characters. */
const longestName = 63;

/** Eight hex digits of what the plan is made from: part of the names of all that it creates. */
export const nameHash = (snapshot: ClusterSnapshot, request: PlanRequest): string =>
  sha256Hex(canonicalJson({ snapshot, request })).slice(0, 8);

/**
 * Name of the replacement, and of its launch template: `apps-pd-7f3a9c21`. The mark of an earlier migration is replaced;
 * a name that is too long is cut and told apart by digits of its own hash. So is that of an Auto Scaling group, in the
 * letters of EKS: a managed node group may have the same name.
 */
export function replacementName(source: string, hash: string): string {
  const suffix = `-pd-${hash}`;
  const mark = `-${sha256Hex(source).slice(0, 8)}`;
  if (isSelfManaged(source)) {
    const letters =
      autoScalingGroupName(source)
        .replaceAll(/[^\w-]/g, '-')
        .replace(/^[^0-9A-Za-z]+/, '') || 'nodes';
    return letters.slice(0, longestName - mark.length - suffix.length) + mark + suffix;
  }
  const base = source.replace(/-pd-[0-9a-f]{8}$/, '');
  if (base.length + suffix.length <= longestName) return base + suffix;
  return base.slice(0, longestName - mark.length - suffix.length) + mark + suffix;
}
