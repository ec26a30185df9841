import { ownerText } from '../domain/cni-owner.ts';
import { prefixDelegationIsOn } from '../domain/cni-settings.ts';
import { usesCustomNetworking } from '../domain/eni-config.ts';
import { type OrderPlan, orders, type PlanRequest } from '../domain/plan.ts';
import type { ClusterSnapshot, Nodegroup } from '../domain/snapshot.ts';
import { firstShort, stageMoments } from '../domain/stages.ts';
import type { Replay, Replayer, SubnetReplay } from './replay.ts';
import { servesCordonedNodes } from './switch.ts';
import { vpcCniPlan } from './vpc-cni.ts';

/**
 * How the old nodes go out of service. They stay in service until the replacement is verified, unless it fits only, or in
 * more subnets, when they are cordoned before the switch and so attach no prefixes. Not unasked where the switch waits for
 * somebody else, with old nodes that start no pod for hours.
 */
export function chooseOrder(
  snapshot: ClusterSnapshot,
  sources: readonly Nodegroup[],
  request: PlanRequest,
  replay: Replayer,
): { order: OrderPlan; replayed: Replay } {
  const tried = orders.map((order) => replay(sources, request, order));
  const waits = waitsForOwner(snapshot, request);
  const possible = tried.filter(({ order }) => order === 'safe-flip' || !(waits || awsNodeStopsOnCordoned(snapshot)));
  const best = possible.reduce((found, next) => (shortIn(next).length < shortIn(found).length ? next : found));
  const chosen = tried.find(({ order }) => order === request.order) ?? best;
  const considered = tried.map((one) => ({ order: one.order, fits: shortIn(one).length === 0, short: shortIn(one) }));
  return {
    replayed: chosen,
    order: { order: chosen.order, reason: reasonFor(snapshot, request, chosen, tried), considered },
  };
}

const shortIn = ({ subnets }: Replay): OrderPlan['considered'][number]['short'] =>
  subnets.flatMap((subnet) => {
    const first = firstShort(subnet);
    return first === undefined ? [] : [{ subnetId: subnet.subnetId, stage: first.stage, blocks: -left(subnet) }];
  });

function reasonFor(snapshot: ClusterSnapshot, request: PlanRequest, chosen: Replay, tried: readonly Replay[]): string {
  const { vpcCni } = snapshot;
  const [safe, first] = tried;
  if (safe === undefined || first === undefined || chosen.subnets.length === 0) return 'There is nothing to move.';
  const asked = request.order === 'auto' ? '' : `Asked for with --order ${request.order}. `;
  if (prefixDelegationIsOn(vpcCni.env) && !attachesAtSwitch(snapshot, request, safe)) {
    return `${asked}Prefix delegation is on already: there is no switch at which old nodes would begin to attach prefixes.`;
  }
  if (request.order === 'auto' && shortIn(safe).length === 0) return `${outcome(safe).replace(/^e/, 'E')}.`;
  const inService = `With the old nodes in service ${outcome(safe)}.`;
  const unasked =
    request.order === 'auto' && waitsForOwner(snapshot, request)
      ? ` They would stay cordoned until ${ownerText(vpcCni.owner)} has changed aws-node, so that this is done only when asked for with --order cordon-first.`
      : '';
  const cordoned = awsNodeStopsOnCordoned({ vpcCni })
    ? 'They cannot be cordoned before it: with custom networking aws-node does not come up again on a node that may attach no prefix.'
    : servesCordonedNodes(vpcCni)
      ? 'To cordon them first saves nothing: AWS_MANAGE_ENIS_NON_SCHEDULABLE is on, so that cordoned nodes attach prefixes, too.'
      : `Cordoned before the switch they attach no prefixes, and ${outcome(first)}.${unasked}`;
  return `${asked}${inService} ${cordoned}`;
}

/** Where prefix delegation is on, targets of more spare prefixes make old nodes attach them, too. */
const attachesAtSwitch = (snapshot: ClusterSnapshot, request: PlanRequest, { subnets }: Replay): boolean =>
  vpcCniPlan(snapshot, request, true).how !== 'nothing' &&
  subnets.some(({ demand }) => demand.flip.some(({ blocks }) => blocks > 0));

const waitsForOwner = (snapshot: ClusterSnapshot, request: PlanRequest): boolean =>
  vpcCniPlan(snapshot, request, true).how === 'wait-for-owner';

/** With custom networking aws-node needs a prefix to come up, which it does not attach on a cordoned node. */
const awsNodeStopsOnCordoned = ({ vpcCni }: Pick<ClusterSnapshot, 'vpcCni'>): boolean =>
  usesCustomNetworking(vpcCni.env) && !prefixDelegationIsOn(vpcCni.env) && !servesCordonedNodes(vpcCni);

/** What becomes of the subnets, with the numbers of the one with the least room. */
function outcome(replay: Replay): string {
  const tightest = replay.subnets.reduce((a, b) => (left(b) < left(a) ? b : a));
  const short = firstShort(tightest);
  const { subnetId, peakDemand, ground } = tightest;
  const free = ground.certain;
  if (short === undefined)
    return `every subnet has room: ${subnetId}, the tightest, needs ${peakDemand} of its ${free} free /28 blocks`;
  const others = shortIn(replay).length - 1;
  const more = others === 0 ? '' : ` (and so ${others === 1 ? 'does one more' : `do ${others} more`})`;
  return `${subnetId} runs short ${stageMoments[short.stage]}${more}: it needs ${peakDemand} /28 blocks at the peak and has ${free}`;
}

const left = ({ ground, peakDemand }: SubnetReplay): number => ground.certain - peakDemand;
