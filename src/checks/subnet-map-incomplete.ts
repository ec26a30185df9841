import type { Finding } from '../domain/finding.ts';
import { planCommand } from '../domain/plan-command.ts';
import { adviseForPlan } from '../domain/reservation.ts';
import type { Subnet } from '../domain/snapshot.ts';
import { mapSubnet, toleratedDifference } from '../domain/subnet-map.ts';
import { type Check, count } from './check.ts';

/** Also told by the audit. */
const sharedCode = {
  code: 'SUBNET.SHARED',
  meaning: 'The subnet belongs to another account, so that its number of free /28 blocks is an upper bound.',
  canBeAllowed: false,
};

/** Subnets in which addresses are in use that we cannot see, or may be, or free that we see in use. */
export const subnetMapIncomplete: Check = {
  codes: [
    {
      code: 'SUBNET.MAP_INCOMPLETE',
      meaning: 'AWS counts another number of free addresses than the network interfaces that can be seen leave.',
      canBeAllowed: false,
    },
    sharedCode,
  ],
  run(snapshot, { subnets: planned, sources, request }) {
    const { subnets, networkInterfaces, cluster } = snapshot;
    const interfacesIn = Map.groupBy(networkInterfaces, ({ subnetId }) => subnetId);
    const again = planCommand(request);
    return subnets.flatMap((subnet): Finding[] => {
      const { subnetId, ownerId, availableIpAddressCount } = subnet;
      const inPlan = planned.find((one) => one.subnetId === subnetId);
      if (inPlan === undefined) return [];
      const { expectedAvailableCount, freePrefixes } = mapSubnet(subnet, interfacesIn.get(subnetId) ?? []);
      const hidden = expectedAvailableCount - availableIpAddressCount;
      if (ownerId !== cluster.accountId) {
        const names = sources.map(({ nodegroupName }) => nodegroupName);
        const reserving = adviseForPlan(snapshot, inPlan, names)?.advice.now?.commands ?? [];
        const told = sharedSubnet(subnet, { freePrefixes, hidden, region: cluster.region });
        return [{ ...told, nextActions: [...told.nextActions, ...reserving, `${again}  # afterwards`] }];
      }
      if (hidden < -toleratedDifference) return [mapContradicted(subnetId, -hidden, again)];
      if (hidden <= toleratedDifference) return [];
      return [
        {
          code: 'SUBNET.MAP_INCOMPLETE',
          severity: 'warning',
          subject: subnetId,
          summary: `${subnetId}: ${hidden} addresses in use cannot be seen; the number of free /28 blocks is too high.`,
          why: 'The credentials may not see every network interface of the subnet.',
          nextActions: [seeAll(subnet, cluster.region)],
        },
      ];
    });
  },
};

const seeAll = ({ subnetId }: Subnet, region: string): string =>
  `aws ec2 describe-network-interfaces --region ${region} --filters Name=subnet-id,Values=${subnetId} --query 'NetworkInterfaces[].[OwnerId,Description,PrivateIpAddresses[].PrivateIpAddress,Ipv4Prefixes[].Ipv4Prefix]'`;

/** A subnet of another account. `hidden`: addresses that AWS counts as in use and that cannot be seen; below 0 more are free. */
export function sharedSubnet(
  subnet: Subnet,
  { freePrefixes, hidden, region }: { freePrefixes: number; hidden: number; region: string },
): Finding {
  const { subnetId, ownerId } = subnet;
  const blocks = count(freePrefixes, 'free /28 block');
  const difference =
    hidden > 0
      ? `${count(hidden, 'address', 'addresses')} in use cannot be seen`
      : `AWS counts ${-hidden} more free addresses than can be seen here`;
  return {
    code: sharedCode.code,
    severity: hidden === 0 ? 'advice' : 'warning',
    subject: subnetId,
    summary: `${subnetId} belongs to account ${ownerId}: ${blocks} is the most that there can be${hidden === 0 ? '' : `; ${difference}`}.`,
    why:
      'Only its owner sees all network interfaces of a shared subnet. ' +
      (hidden === 0
        ? 'AWS counts as many free addresses as the visible ones leave, but does not count those inside reservations.'
        : hidden > 0
          ? `Each hidden address can spoil a block: as few as ${Math.max(0, freePrefixes - hidden)} may be free.`
          : 'It was changing while it was read, or its reservations look different to its owner.'),
    nextActions: [`${seeAll(subnet, region)}  # with credentials of account ${ownerId}`],
  };
}

/** AWS counts more free addresses than can be: `again` is the command that looks once more. */
export const mapContradicted = (subnetId: string, addresses: number, again: string): Finding => ({
  code: 'SUBNET.MAP_INCOMPLETE',
  severity: 'advice',
  subject: subnetId,
  summary: `${subnetId}: AWS counts ${addresses} more free addresses than its network interfaces and reservations leave.`,
  why: 'The subnet was changing while it was read, so that the number of free /28 blocks may be too low.',
  nextActions: [again],
});
