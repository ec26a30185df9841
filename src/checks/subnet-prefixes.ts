import { newSubnetAdvice, usesCustomNetworking } from '../domain/eni-config.ts';
import type { Finding } from '../domain/finding.ts';
import { resizeCommand } from '../domain/nodegroup-commands.ts';
import type { SubnetPlan } from '../domain/plan.ts';
import { planCommand } from '../domain/plan-command.ts';
import { adviseForPlan, type ReservationAdvice } from '../domain/reservation.ts';
import type { EarlyNodes, Remedy, Scope } from '../domain/scope.ts';
import type { Cluster, ClusterSnapshot } from '../domain/snapshot.ts';
import { firstShort, stageMoments } from '../domain/stages.ts';
import { spoilersInWords } from '../domain/subnet-owners.ts';
import { type Check, count, listed } from './check.ts';

/** Subnets without enough free aligned /28 blocks at some stage of the plan. */
export const subnetPrefixes: Check = {
  codes: [
    {
      code: 'SUBNET.NO_FREE_PREFIX',
      meaning: 'A subnet has fewer free /28 blocks than the plan takes from it at its peak.',
      canBeAllowed: true,
    },
  ],
  run(snapshot, scope) {
    const names = scope.sources.map(({ nodegroupName }) => nodegroupName);
    return scope.subnets
      .filter(({ fits }) => !fits)
      .map((subnet): Finding => {
        const drawn = adviseForPlan(snapshot, subnet, names);
        return {
          code: 'SUBNET.NO_FREE_PREFIX',
          severity: 'blocking',
          subject: subnet.subnetId,
          summary: summaryOf(subnet),
          why: whyOf(subnet, spoilersInWords(drawn?.view.spoilers ?? []), scope, whatFails(snapshot)),
          nextActions: [
            ...scope.remedies
              .filter(({ fits }) => fits)
              .flatMap((remedy) => remedyActions(snapshot, remedy, subnet, scope)),
            ...releaseActions(subnet, scope),
            ...(drawn === null ? [] : newSubnetActions(snapshot, drawn.advice, subnet, scope)),
            ...(drawn === null || isReserved(scope, subnet) ? [] : reservationActions(snapshot, drawn.advice, subnet)),
            `${planCommand({ ...scope.request, allow: [...scope.request.allow, 'SUBNET.NO_FREE_PREFIX'] })}  # goes on all the same, if you free blocks in time`,
          ],
        };
      });
  },
};

function summaryOf(subnet: SubnetPlan): string {
  const { subnetId, availabilityZone, freePrefixes, peakDemand } = subnet;
  const where = `${subnetId} (${availabilityZone})`;
  const short = firstShort(subnet);
  if (short === undefined) return `${where} has ${freePrefixes} free /28 blocks, ${peakDemand} are needed at the peak.`;
  const peak = peakDemand > short.taken ? ` At the peak ${peakDemand} are needed.` : '';
  const certain = Math.max(0, short.left + short.taken);
  const free = certain < freePrefixes ? `${certain} of ${freePrefixes} free ones certain` : `${freePrefixes} free`;
  return `${where} runs short ${stageMoments[short.stage]}: ${count(short.taken, '/28 block')} needed, ${free}.${peak}`;
}

const whatFails = ({ vpcCni }: ClusterSnapshot): string =>
  usesCustomNetworking(vpcCni.env)
    ? 'With custom networking aws-node does not come up on a node that finds none: a new node does not become Ready, on an old one new pods get no address, and the rollout of aws-node stops.'
    : 'Nodes that find none stay Ready while new pods get no address.';

function whyOf(
  { subnetId, freeAddresses, freePrefixesAfter }: SubnetPlan,
  spoilers: string,
  scope: Scope,
  consequence: string,
): string {
  const inVain = scope.remedies.some(({ fits }) => fits)
    ? []
    : scope.remedies.filter(({ kind }) => kind !== 'together');
  const tried = inVain.map((remedy) => `${knobs[remedy.kind](remedy)} (${effect(remedy, subnetId)})`);
  return [
    `${freeAddresses} addresses are free, but a prefix needs 16 free ones in an aligned block.`,
    ...(spoilers === '' ? [] : [`Blocks spoiled by single addresses: ${spoilers}.`]),
    consequence,
    `When the plan is done, ${freePrefixesAfter} blocks would be free.`,
    ...(tried.length === 0 ? [] : [`Tried, and not enough: ${tried.join('; ')}.`]),
  ].join(' ');
}

/** What each change is, in a few words. */
const knobs: Record<Remedy['kind'], (remedy: Remedy) => string> = {
  order: () => 'old nodes cordoned before the switch',
  'warm-targets': ({ request }) => `no whole spare prefix per node, WARM_IP_TARGET ${request.warmIpTarget}`,
  reservation: () => 'a range reserved for prefixes, free of single addresses',
  subnets: ({ lostZones }) =>
    `replacements in other subnets${lostZones.length === 0 ? '' : `, none in ${listed(lostZones)}`}`,
  'one-nodegroup': ({ request }) => `${request.nodegroups.join(', ')} alone, the others later`,
  'fewer-nodes': ({ early }) => `then as many new nodes as old ones are left, ${early?.left ?? 0}`,
  together: () => 'together they suffice',
};

/** What the subnet has to give then, and what else is short. */
function effect({ subnets, early }: Remedy, subnetId: string): string {
  const here = subnets.find((subnet) => subnet.subnetId === subnetId);
  if (here === undefined) return 'nothing is taken here';
  const others = subnets.filter((one) => one !== here && one.peakDemand > one.freePrefixes).map((one) => one.subnetId);
  const numbers =
    early === undefined
      ? `${count(here.peakDemand, 'block')} needed`
      : `${here.peakDemand} of ${here.freePrefixes} free blocks needed`;
  return here.peakDemand > here.freePrefixes || others.length === 0
    ? numbers
    : `${numbers} here, but ${listed(others)} short`;
}

function remedyActions(
  { cluster }: ClusterSnapshot,
  remedy: Remedy,
  { subnetId }: SubnetPlan,
  { order }: Scope,
): string[] {
  const cordoned =
    remedy.order === 'cordon-first' && order.order !== 'cordon-first' && remedy.kind !== 'order'
      ? ', with the old nodes cordoned before the switch'
      : '';
  return [
    ...(remedy.early === undefined ? [] : earlyActions(cluster, remedy.early)),
    `${planCommand(remedy.request)}  # ${knobs[remedy.kind](remedy)}${cordoned}: ${effect(remedy, subnetId)}`,
  ];
}

/**
 * Old nodes that are ended while others are drained give addresses back before the last pods need theirs. How many by then
 * depends on which node is empty first, so that no plan counts on it.
 */
function releaseActions(subnet: SubnetPlan, { request }: Scope): string[] {
  if (firstShort(subnet)?.stage !== 'drain' || request.releaseNodes) return [];
  const asked = { ...request, releaseNodes: true as const, allow: [...request.allow, 'SUBNET.NO_FREE_PREFIX'] };
  return [
    `${planCommand(asked)}  # each old node is ended as soon as it is empty, and gives its addresses back to those that come last; not counted on`,
  ];
}

/** So many nodes are named with a command each. */
const namedAlone = 3;

/**
 * Commands that take old nodes out of service before the migration. All are cordoned first, lest pods move from one to the
 * next; a node is terminated only when its drain has come to its end.
 */
function earlyActions(
  { name: cluster, region }: Cluster,
  { nodes, left, minSizes, unequalGroups }: EarlyNodes,
): string[] {
  const go = (node: string, instance: string): string =>
    `kubectl drain ${node} --ignore-daemonsets && aws autoscaling terminate-instance-in-auto-scaling-group --region ${region} --instance-id ${instance} --should-decrement-desired-capacity`;
  const [alone, others] = nodes.length > namedAlone ? [nodes.slice(0, 1), nodes.slice(1)] : [nodes, []];
  const pairs = others.map(({ name, instanceId }) => `${name},${instanceId}`).join(' ');
  const why = `${count(nodes.length, 'old node')} of ${nodes.length + left} first: by requests and pods per node the others can hold their pods (estimate)`;
  return [
    ...minSizes.map(
      ({ nodegroupName, minSize }) =>
        `${resizeCommand({ clusterName: cluster, region }, nodegroupName, { minSize })}  # its minSize does not permit fewer nodes`,
    ),
    ...unequalGroups.map(
      (group) =>
        `aws autoscaling suspend-processes --region ${region} --auto-scaling-group-name ${group} --scaling-processes AZRebalance  # or else it starts a node again to even out its zones`,
    ),
    `kubectl cordon ${nodes.map(({ name }) => name).join(' ')}  # ${why}`,
    ...alone.map(({ name, instanceId }) => go(name, instanceId)),
    ...(others.length === 0 ? [] : [`for pair in ${pairs}; do ${go(`"\${pair%,*}"`, `"\${pair#*,}"`)} || break; done`]),
  ];
}

/** The plan reserves ranges of it already. */
const isReserved = ({ reservations }: Scope, { subnetId }: SubnetPlan): boolean =>
  reservations.some((one) => one.subnetId === subnetId && one.ranges.length > 0);

/**
 * Commands that reserve what comes free as old nodes go. Single addresses stay out of the range, so that its blocks stay
 * whole. A subnet that is short has no range that holds the demand at once.
 */
function reservationActions(
  snapshot: ClusterSnapshot,
  { now, after, newSubnet, demand }: ReservationAdvice,
  subnet: SubnetPlan,
): string[] {
  const reservation = now ?? after;
  if (reservation !== null) {
    const { commands, freePrefixes, freePrefixesAfter } = reservation;
    const [first, ...others] = commands;
    const held = `not enough by itself: keeps whole what old nodes leave (${count(freePrefixes, 'free block')} now, ${freePrefixesAfter} then)`;
    return first === undefined ? [] : [`${first}  # ${held}`, ...others];
  }
  if (newSubnet === null) return [];
  return [
    `${newSubnetAdvice(snapshot, subnet, newSubnet)}: no range of ${subnet.subnetId} can hold ${demand.prefixes} blocks`,
  ];
}

/** The last resort, where nothing that was tried suffices. */
function newSubnetActions(
  snapshot: ClusterSnapshot,
  { after, newSubnet }: ReservationAdvice,
  subnet: SubnetPlan,
  { remedies }: Scope,
): string[] {
  if (after === null || newSubnet === null || remedies.some(({ fits }) => fits)) return [];
  return [`${newSubnetAdvice(snapshot, subnet, newSubnet)}: all blocks of a new subnet are free`];
}
