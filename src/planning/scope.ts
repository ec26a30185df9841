import { podsToMove } from '../domain/nodegroups.ts';
import type { PlanRequest } from '../domain/plan.ts';
import type { Scope } from '../domain/scope.ts';
import type { ClusterSnapshot } from '../domain/snapshot.ts';
import { selectSources } from './select.ts';
import { subnetPlans } from './subnets.ts';

/** What a plan of this request would be about. Throws as selectSources does. */
export function scopeOf(snapshot: ClusterSnapshot, request: PlanRequest): Scope {
  const { sources, skipped } = selectSources(snapshot, request);
  return {
    request,
    sources,
    skipped,
    subnets: subnetPlans(snapshot, sources, request),
    movingPods: podsToMove(
      snapshot,
      sources.map(({ nodegroupName }) => nodegroupName),
    ),
  };
}
