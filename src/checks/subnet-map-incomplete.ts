import type { Finding } from '../domain/finding.ts';
import { planCommand } from '../domain/plan-command.ts';
import { mapSubnet, toleratedDifference } from '../domain/subnet-map.ts';
import type { Check } from './check.ts';

/** Subnets in which addresses are in use that we cannot see, or free that we see in use. */
export const subnetMapIncomplete: Check = {
  codes: [
    {
      code: 'SUBNET.MAP_INCOMPLETE',
      meaning: 'AWS counts another number of free addresses than the network interfaces that can be seen leave.',
      canBeAllowed: false,
    },
  ],
  run({ subnets, networkInterfaces, cluster }, { subnets: planned, request }) {
    const inPlan = new Set(planned.map(({ subnetId }) => subnetId));
    const interfacesIn = Map.groupBy(networkInterfaces, ({ subnetId }) => subnetId);
    return subnets.flatMap((subnet): Finding[] => {
      const { subnetId, ownerId, availableIpAddressCount } = subnet;
      if (!inPlan.has(subnetId)) return [];
      const { expectedAvailableCount } = mapSubnet(subnet, interfacesIn.get(subnetId) ?? []);
      const hidden = expectedAvailableCount - availableIpAddressCount;
      if (hidden < -toleratedDifference) return [mapContradicted(subnetId, -hidden, planCommand(request))];
      if (hidden <= toleratedDifference) return [];
      const shared = ownerId !== cluster.accountId;
      return [
        {
          code: 'SUBNET.MAP_INCOMPLETE',
          severity: 'warning',
          subject: subnetId,
          summary: `${subnetId}: ${hidden} addresses in use cannot be seen; the number of free /28 blocks is too high.`,
          why: shared
            ? `The subnet belongs to account ${ownerId}, which alone sees all of its network interfaces.`
            : 'The credentials may not see every network interface of the subnet.',
          nextActions: ['Ask the owner of the subnet for a CIDR reservation for prefixes'],
        },
      ];
    });
  },
};

/** AWS counts more free addresses than can be: `again` is the command that looks once more. */
export const mapContradicted = (subnetId: string, addresses: number, again: string): Finding => ({
  code: 'SUBNET.MAP_INCOMPLETE',
  severity: 'advice',
  subject: subnetId,
  summary: `${subnetId}: AWS counts ${addresses} more free addresses than its network interfaces and reservations leave.`,
  why: 'The subnet was changing while it was read, so that the number of free /28 blocks may be too low.',
  nextActions: [again],
});
