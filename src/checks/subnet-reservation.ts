import { envAfter, interfaceSettings, vpcCniVersion } from '../domain/cni-settings.ts';
import type { Finding } from '../domain/finding.ts';
import { prefixSize } from '../domain/max-pods.ts';
import { planCommand } from '../domain/plan-command.ts';
import { type SubnetReservation, showReservationsCommand } from '../domain/reservation.ts';
import type { Scope } from '../domain/scope.ts';
import type { ClusterSnapshot, Subnet } from '../domain/snapshot.ts';
import { isAtLeast, vpcCniSince } from '../domain/version.ts';
import { type Check, count, listed } from './check.ts';

/** With --reserve-subnet-cidr: ranges that cannot be reserved, and what a reservation does to subnet discovery. */
export const subnetReservation: Check = {
  codes: [
    {
      code: 'RESERVATION.NO_ROOM',
      meaning: 'No range can be reserved for prefixes that leaves enough single addresses.',
      canBeAllowed: false,
    },
    {
      code: 'RESERVATION.OTHER_ACCOUNT',
      meaning: 'The subnet belongs to another account, which alone can reserve ranges in it.',
      canBeAllowed: false,
    },
    {
      code: 'RESERVATION.SUBNET_DISCOVERY',
      meaning: 'A reservation leaves so few single addresses that the VPC CNI may pass over the subnet.',
      canBeAllowed: false,
    },
  ],
  run: (snapshot, scope) =>
    scope.reservations.flatMap((reservation): Finding[] => {
      const { obstacle, ranges } = reservation;
      if (obstacle === 'no-room') return [noRoom(snapshot, scope, reservation)];
      if (obstacle === 'other-account') return [otherAccount(scope, reservation)];
      return ranges.length === 0 ? [] : passedOver(snapshot, scope, reservation);
    }),
};

function fewerPrefixes({ request: { warmPrefixTarget: _ignoredBesideIpTargets, ...request } }: Scope): string {
  return `${planCommand({ ...request, warmIpTarget: 5, minimumIpTarget: 16 })}  # keeps fewer spare prefixes`;
}

function noRoom({ cluster }: ClusterSnapshot, scope: Scope, reservation: SubnetReservation): Finding {
  const { subnetId, demand, reason } = reservation;
  const fits = scope.subnets.some((subnet) => subnet.subnetId === subnetId && subnet.fits);
  return {
    code: 'RESERVATION.NO_ROOM',
    severity: 'warning',
    subject: subnetId,
    summary: `Nothing is reserved in ${subnetId}: no ranges hold ${count(demand.prefixes, '/28 block')} and leave ${demand.singles} single addresses.`,
    why:
      `${reason ?? ''} The single addresses are for network interfaces of new nodes and for load balancers, which get none ` +
      'inside a reservation. The plan takes prefixes where EC2 finds them.',
    // what helps a subnet that is short anyway was tried, and stands in SUBNET.NO_FREE_PREFIX
    nextActions: [...(fits ? [fewerPrefixes(scope)] : []), showReservationsCommand(cluster.region, subnetId)],
  };
}

function otherAccount(scope: Scope, { subnetId, ownerId, commands }: SubnetReservation): Finding {
  return {
    code: 'RESERVATION.OTHER_ACCOUNT',
    severity: 'warning',
    subject: subnetId,
    summary: `Nothing is reserved in ${subnetId}: it belongs to account ${ownerId}, which alone can do it.`,
    why:
      'A VPC that is shared lets other accounts use its subnets, not change them. The range is an estimate: ' +
      'interfaces of other accounts in the subnet cannot be seen.',
    nextActions: [...commands, `${planCommand(scope.request)}  # afterwards`],
  };
}

/** aws-node looks for the subnet with most free single addresses; those that are reserved do not count. */
function passedOver(snapshot: ClusterSnapshot, scope: Scope, reservation: SubnetReservation): Finding[] {
  if (!discoversSubnets(snapshot, scope)) return [];
  const { subnetId, ranges, singlesLeft, interfaces } = reservation;
  const { region } = snapshot.cluster;
  const rivals = rivalsOf(snapshot, scope, reservation);
  const isShort = singlesLeft - interfaces < prefixSize;
  if (!isShort && rivals.length === 0) return [];
  const names = rivals.map((rival) => rival.subnetId);
  const elsewhere = rivals.length === 0 ? '' : ` ${listed(names)} has more, so that further interfaces come there.`;
  return [
    {
      code: 'RESERVATION.SUBNET_DISCOVERY',
      severity: 'warning',
      subject: subnetId,
      summary: `Reserving ${listed(ranges.map(({ cidr }) => cidr))} leaves ${singlesLeft} free single addresses in ${subnetId}.${elsewhere}`,
      why:
        `Since ${vpcCniSince.subnetDiscovery} the VPC CNI places further interfaces of a node in the subnet with most free single ` +
        'addresses, and passes over one that has none, even when blocks in a reservation are free there.',
      nextActions: [
        ...names.map(
          (name) =>
            `aws ec2 delete-tags --region ${region} --resources ${name} --tags Key=${discoveryTag}  # no further interfaces there, of any node`,
        ),
        fewerPrefixes(scope),
      ],
    },
  ];
}

const discoveryTag = 'kubernetes.io/role/cni';

function discoversSubnets({ vpcCni }: ClusterSnapshot, { request }: Scope): boolean {
  const env = envAfter(vpcCni, request);
  return (
    isAtLeast(vpcCniVersion(vpcCni), vpcCniSince.subnetDiscovery) &&
    env['ENABLE_SUBNET_DISCOVERY']?.toLowerCase() !== 'false' &&
    !interfaceSettings(env).customNetworking
  );
}

/** Subnets of the zone that are tagged for the VPC CNI and have more free single addresses then. */
function rivalsOf(
  { subnets }: ClusterSnapshot,
  { reservations }: Scope,
  { subnetId, singlesLeft }: SubnetReservation,
): Subnet[] {
  const left = new Map(reservations.map((reservation) => [reservation.subnetId, reservation.singlesLeft]));
  const here = subnets.find((subnet) => subnet.subnetId === subnetId);
  return subnets.filter(
    (subnet) =>
      subnet !== here &&
      subnet.vpcId === here?.vpcId &&
      subnet.availabilityZone === here.availabilityZone &&
      subnet.tags[discoveryTag] === '1' &&
      (left.get(subnet.subnetId) ?? subnet.availableIpAddressCount) > singlesLeft,
  );
}
