import { interfaceSettings } from '../domain/cni-settings.ts';
import type { PlanRequest } from '../domain/plan.ts';
import type { Remedy } from '../domain/scope.ts';
import type { ClusterSnapshot, Nodegroup, Subnet } from '../domain/snapshot.ts';
import { mapSubnet } from '../domain/subnet-map.ts';
import { earlyNodes, nodesToGoFirst, withoutNodes } from './fewer-nodes.ts';
import { lostZonesOf } from './new-subnets.ts';
import { chooseOrder } from './order.ts';
import { createReplayer, type Replay, type Replayer } from './replay.ts';
import { replacementSubnets } from './select.ts';

/** What may be changed in a request. */
interface Knob {
  kind: Exclude<Remedy['kind'], 'together'>;
  change: Partial<PlanRequest>;
}

/** Targets that keep less spare than a whole prefix on each node, the more generous first. */
const warmTargets = [5, 1].map((warmIpTarget) => ({ warmIpTarget, minimumIpTarget: 16 }));

/** So many node groups are tried one by one. */
const mostAlone = 10;

/**
 * What would help where the plan is short: every change is tried by replaying the whole plan with it. When none suffices
 * alone, every two are tried together, and those that do not suffice are told too, with their numbers.
 */
export function remediesFor(
  snapshot: ClusterSnapshot,
  sources: readonly Nodegroup[],
  request: PlanRequest,
  replayed: Replay,
  replay: Replayer,
): Remedy[] {
  const short = replayed.subnets.filter(({ fits }) => !fits).map(({ subnetId }) => subnetId);
  if (short.length === 0) return [];
  const attempt = (kind: Remedy['kind'], change: Partial<PlanRequest>): Remedy => {
    const wanted = withChange(request, change);
    const moved =
      change.nodegroups === undefined
        ? sources
        : sources.filter(({ nodegroupName }) => change.nodegroups?.includes(nodegroupName));
    return remedy(snapshot, kind, moved, wanted, chooseOrder(snapshot, moved, wanted, replay).replayed);
  };
  const knobs = knobsFor(snapshot, sources, request, replayed, short);
  const alone = knobs.map(({ kind, change }) => attempt(kind, change));
  const oneByOne =
    sources.length === 1
      ? []
      : sources
          .slice(0, mostAlone)
          .map(({ nodegroupName }) => attempt('one-nodegroup', { nodegroups: [nodegroupName] }));
  const single = [...firstOfEachKind(alone), ...oneByOne.filter(({ fits }) => fits)];
  if (single.some(({ fits }) => fits)) return single;
  const pairs = knobs.flatMap((a, index) =>
    knobs
      .slice(index + 1)
      .filter((b) => b.kind !== a.kind)
      .map((b) => attempt('together', { ...a.change, ...b.change })),
  );
  const together = pairs.filter(({ fits }) => fits).slice(0, 1);
  return [...single, ...(together.length > 0 ? together : smallerWaves(snapshot, sources, request, knobs))];
}

const remedy = (
  snapshot: ClusterSnapshot,
  kind: Remedy['kind'],
  moved: readonly Nodegroup[],
  request: PlanRequest,
  { order, subnets }: Replay,
): Remedy => ({
  kind,
  request,
  order,
  fits: subnets.every(({ fits }) => fits),
  lostZones: [...new Set(lostZonesOf(snapshot, moved, request).map(({ availabilityZone }) => availabilityZone))],
  subnets: subnets.map(({ subnetId, peakDemand, ground }) => ({
    subnetId,
    peakDemand,
    freePrefixes: ground.certain,
  })),
});

const nodesNamed = ({ early }: Remedy): number => early?.nodes.length ?? 0;

/** The fewest old nodes that can go before; alone, or else with the change that needs fewest of them. */
function smallerWaves(
  snapshot: ClusterSnapshot,
  sources: readonly Nodegroup[],
  request: PlanRequest,
  knobs: readonly Knob[],
): Remedy[] {
  const names = sources.map(({ nodegroupName }) => nodegroupName);
  const waves = (wanted: PlanRequest): Remedy[] => {
    const replayed = (then: ClusterSnapshot): Replay => {
      const moved = then.nodegroups.filter(({ nodegroupName }) => names.includes(nodegroupName));
      return chooseOrder(then, moved, wanted, createReplayer(then)).replayed;
    };
    const gone = nodesToGoFirst(snapshot, names, (then) =>
      replayed(then).subnets.flatMap(({ subnetId, fits }) => (fits ? [] : [subnetId])),
    );
    const then = gone === null ? null : withoutNodes(snapshot, gone);
    if (gone === null || then === null) return [];
    return [
      { ...remedy(snapshot, 'fewer-nodes', sources, wanted, replayed(then)), early: earlyNodes(snapshot, names, gone) },
    ];
  };
  const alone = waves(request);
  if (alone.length > 0) return alone;
  return (
    knobs
      // which ranges suit depends on the addresses that moved pods get, and nobody knows those
      .filter(({ kind }) => kind !== 'reservation')
      .flatMap(({ change }) => waves(withChange(request, change)))
      .toSorted((a, b) => nodesNamed(a) - nodesNamed(b))
      .slice(0, 1)
  );
}

/** Of several settings of one knob the first that suffices, or else the last. */
const firstOfEachKind = (tried: readonly Remedy[]): Remedy[] =>
  [...Map.groupBy(tried, ({ kind }) => kind).values()].flatMap(
    (same) => same.find(({ fits }) => fits) ?? same.slice(-1),
  );

/** A warm prefix target has no effect beside IP targets, and would say so in a warning. */
function withChange({ warmPrefixTarget, ...rest }: PlanRequest, change: Partial<PlanRequest>): PlanRequest {
  const kept = change.warmIpTarget === undefined && warmPrefixTarget !== undefined ? { warmPrefixTarget } : {};
  return { ...rest, ...kept, ...change };
}

function knobsFor(
  snapshot: ClusterSnapshot,
  sources: readonly Nodegroup[],
  request: PlanRequest,
  { order }: Replay,
  short: readonly string[],
): Knob[] {
  return [
    // where the order is free, the better one is chosen with every other change, too
    ...(order === 'safe-flip' ? [{ kind: 'order' as const, change: { order: 'cordon-first' as const } }] : []),
    ...(request.reserveSubnetCidr ? [] : [{ kind: 'reservation' as const, change: { reserveSubnetCidr: true } }]),
    ...warmTargets.map((change) => ({ kind: 'warm-targets' as const, change })),
    ...otherSubnets(snapshot, sources, request, short).map((subnetIds) => ({
      kind: 'subnets' as const,
      change: { subnetIds },
    })),
  ];
}

/**
 * Other subnets for the replacements, the better choice first: each short one replaced by the roomiest other of the cluster
 * in its zone; the short ones left out. None with custom networking, where prefixes come from subnets of their own.
 */
function otherSubnets(
  snapshot: ClusterSnapshot,
  sources: readonly Nodegroup[],
  request: PlanRequest,
  short: readonly string[],
): string[][] {
  const { cluster, nodegroups, subnets, vpcCni } = snapshot;
  if (interfaceSettings(vpcCni.env).customNetworking) return [];
  const now = [...new Set(sources.flatMap((source) => replacementSubnets(source, request)))];
  const known = new Set([...cluster.subnetIds, ...nodegroups.flatMap(({ subnetIds }) => subnetIds)]);
  const others = subnets.filter(
    ({ subnetId, vpcId }) => vpcId === cluster.vpcId && known.has(subnetId) && !now.includes(subnetId),
  );
  const zoneOf = new Map(subnets.map(({ subnetId, availabilityZone }) => [subnetId, availabilityZone]));
  const insteadOf = (subnetId: string): string => {
    const there = others.filter(({ availabilityZone }) => availabilityZone === zoneOf.get(subnetId));
    return roomiest(snapshot, there)?.subnetId ?? subnetId;
  };
  const isShort = (subnetId: string): boolean => short.includes(subnetId);
  const replaced = [...new Set(now.map((subnetId) => (isShort(subnetId) ? insteadOf(subnetId) : subnetId)))];
  const leftOut = now.filter((subnetId) => !isShort(subnetId));
  return [
    ...(replaced.some((subnetId) => !now.includes(subnetId)) ? [replaced] : []),
    ...(leftOut.length > 0 && leftOut.length < now.length ? [leftOut] : []),
  ];
}

function roomiest({ networkInterfaces }: ClusterSnapshot, subnets: readonly Subnet[]): Subnet | undefined {
  const sized = subnets.map((subnet) => ({ subnet, free: mapSubnet(subnet, networkInterfaces).freePrefixes }));
  return sized.toSorted((a, b) => b.free - a.free)[0]?.subnet;
}
