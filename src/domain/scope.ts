import type { Capacity, Forecast, Order, OrderPlan, PlanRequest, SubnetPlan, VpcCniPlan } from './plan.ts';
import type { SubnetReservation } from './reservation.ts';
import type { ReplacementNode } from './scheduling.ts';
import type { Nodegroup, Pod } from './snapshot.ts';

/** Why a node group is not a source. `no-gain` and `already-done` are good news, `going` is being deleted or never came up, the others name what is in the way. */
export type SkipReason =
  | 'no-gain'
  | 'would-lose'
  | 'already-done'
  | 'not-nitro'
  | 'unknown-type'
  | 'ipv6'
  | 'windows'
  | 'going';

export interface SkippedNodegroup {
  nodegroupName: string;
  reason: SkipReason;
  /** the reason in a sentence, with its numbers */
  detail: string;
  /** named by the person, so that leaving it out in silence would be wrong */
  requested: boolean;
}

/** A subnet with fewer free single addresses than the nodes of the replacements need there. */
export interface AddressShortage {
  subnetId: string;
  availabilityZone: string;
  needed: number;
  free: number;
}

/** An availability zone of a source in which its replacement has no subnet. */
export interface LostZone {
  nodegroupName: string;
  availabilityZone: string;
  nodes: number;
  /** pods with a persistent volume claim on those nodes, `shop/search-0` */
  podsWithVolumes: string[];
}

/** An old node that is drained and terminated before the plan is made again. */
export interface EarlyNode {
  name: string;
  instanceId: string;
  nodegroupName: string;
}

/** Old nodes that go before the migration, and what would be in the way of that. */
export interface EarlyNodes {
  nodes: EarlyNode[];
  /** nodes of the sources that are left */
  left: number;
  /** node groups whose minSize has to be lowered first, and to what */
  minSizes: { nodegroupName: string; minSize: number }[];
  /** Auto Scaling groups with so unequal zones then that they would start a node again and terminate another */
  unequalGroups: string[];
}

/** The same plan with something changed in the request, replayed: what becomes of the subnets then. */
export interface Remedy {
  kind: 'order' | 'warm-targets' | 'reservation' | 'subnets' | 'one-nodegroup' | 'fewer-nodes' | 'together';
  /** what is asked for then, whole */
  request: PlanRequest;
  order: Order;
  /** every subnet has room then */
  fits: boolean;
  subnets: Pick<SubnetPlan, 'subnetId' | 'peakDemand' | 'freePrefixes'>[];
  /** availability zones in which the replacements then have no subnet, while a source has */
  lostZones: string[];
  /** of `fewer-nodes` */
  early?: EarlyNodes;
}

/** How many nodes of a replacement are enough, and what no number of nodes helps. */
export interface SourceCapacity extends Capacity {
  tooBig: TooBig[];
  /** nodes that leave room for the largest pod when all others are spread evenly before it; Infinity: no number does */
  whenSpread: number;
  /** nodes that the sum of requests surely needs, on the roomiest type, and of what: `memory`, `cpu`, `pods` */
  atLeast: number;
  atLeastFor: string;
}

/** Pods of one owner that request more of something than a node of the replacement has. */
export interface TooBig {
  /** `shop/search` */
  owner: string;
  pods: Pod[];
  resource: string;
  needs: number;
  has: number;
}

/** What a plan is about: made once from snapshot and request, read by the checks and by planning. */
export interface Scope {
  request: PlanRequest;
  sources: Nodegroup[];
  skipped: SkippedNodegroup[];
  order: OrderPlan;
  vpcCni: VpcCniPlan;
  subnets: SubnetPlan[];
  addressShortages: AddressShortage[];
  lostZones: LostZone[];
  /** what was tried for the subnets that the plan does not fit in; empty when all fit */
  remedies: Remedy[];
  /** what is reserved before anything else; empty unless the request asks for it */
  reservations: SubnetReservation[];
  /** pods that have to leave the sources' nodes */
  movingPods: Pod[];
  /** how long they take to leave */
  forecast: Forecast;
  /** kinds of nodes that the replacements will have */
  replacements: ReplacementNode[];
  /** by name of the source */
  capacity: ReadonlyMap<string, SourceCapacity>;
  /** nodes of the replacement, by name of the source */
  nodes: ReadonlyMap<string, number>;
}
