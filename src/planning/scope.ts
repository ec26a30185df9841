import { podsToMove } from '../domain/nodegroups.ts';
import type { PlanRequest } from '../domain/plan.ts';
import type { Scope } from '../domain/scope.ts';
import type { ClusterSnapshot } from '../domain/snapshot.ts';
import { lostZonesOf, refuseForeignSubnets } from './new-subnets.ts';
import { chooseOrder } from './order.ts';
import { remediesFor } from './remedies.ts';
import { createReplayer, subnetPlans } from './replay.ts';
import { selectSources } from './select.ts';
import { vpcCniPlan } from './vpc-cni.ts';

/** What a plan of this request would be about. Throws as selectSources does, and INPUT.SUBNET (exit 2). */
export function scopeOf(snapshot: ClusterSnapshot, request: PlanRequest): Scope {
  refuseForeignSubnets(snapshot, request);
  const { sources, skipped } = selectSources(snapshot, request);
  const replay = createReplayer(snapshot);
  const { order, replayed } = chooseOrder(snapshot, sources, request, replay);
  return {
    request,
    sources,
    skipped,
    order,
    vpcCni: vpcCniPlan(snapshot, request, sources.length > 0),
    subnets: subnetPlans(snapshot, sources, replayed.subnets),
    addressShortages: replayed.addressShortages,
    lostZones: lostZonesOf(snapshot, sources, request),
    remedies: remediesFor(snapshot, sources, request, replayed, replay),
    reservations: replayed.reservations,
    movingPods: podsToMove(
      snapshot,
      sources.map(({ nodegroupName }) => nodegroupName),
    ),
  };
}
