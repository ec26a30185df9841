import { firstToMove } from '../domain/first-to-move.ts';
import { nothingToMove, podsToMove, replacementNodeCount } from '../domain/nodegroups.ts';
import type { PlanRequest } from '../domain/plan.ts';
import { replacementNodes } from '../domain/scheduling.ts';
import type { Scope } from '../domain/scope.ts';
import type { ClusterSnapshot } from '../domain/snapshot.ts';
import { forecast } from '../drain/forecast.ts';
import { createCapacities } from './capacity.ts';
import { lostZonesOf, refuseForeignSubnets } from './new-subnets.ts';
import { chooseOrder } from './order.ts';
import { remediesFor } from './remedies.ts';
import { createReplayer, subnetPlans } from './replay.ts';
import { selectSources } from './select.ts';
import { unbudgetedPercent } from './steps.ts';
import { vpcCniPlan } from './vpc-cni.ts';

/** What a plan of this request would be about. Throws as selectSources does, and INPUT.SUBNET (exit 2). */
export function scopeOf(seen: ClusterSnapshot, request: PlanRequest): Scope {
  const snapshot = withGracePeriods(seen, request);
  refuseForeignSubnets(snapshot, request);
  const { sources, skipped } = selectSources(snapshot, request);
  const names = sources.map(({ nodegroupName }) => nodegroupName);
  const movingPods = podsToMove(snapshot, names);
  const capacities = createCapacities(snapshot);
  const capacity = capacities(sources, request);
  const replay = createReplayer(snapshot, capacities);
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
    replacements: replacementNodes(snapshot, sources, request),
    capacity,
    nodes: new Map(
      sources.map((source) => {
        const { nodegroupName } = source;
        const found = capacity.get(nodegroupName) ?? nothingToMove;
        return [nodegroupName, replacementNodeCount(snapshot, source, request.nodes, found)];
      }),
    ),
    movingPods,
    forecast: forecast(snapshot, names, {
      unbudgetedPercent,
      surge: request.surge,
      waitForJobsSeconds: request.waitForJobsSeconds,
      first: firstToMove(snapshot, movingPods),
    }),
  };
}

/** No pod takes longer to end than the request lets it. */
function withGracePeriods(snapshot: ClusterSnapshot, { podGracePeriodSeconds }: PlanRequest): ClusterSnapshot {
  if (podGracePeriodSeconds === undefined) return snapshot;
  const pods = snapshot.pods.map((pod) => ({
    ...pod,
    terminationGracePeriodSeconds: Math.min(pod.terminationGracePeriodSeconds, podGracePeriodSeconds),
  }));
  return { ...snapshot, pods };
}
