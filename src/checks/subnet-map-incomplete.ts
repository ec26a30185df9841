import type { Finding } from '../domain/finding.ts';
import { mapSubnet } from '../domain/subnet-map.ts';
import { type Check, count } from './check.ts';

/** Addresses that come and go between two reads of AWS are no contradiction. */
const tolerated = 3;

/** Subnets in which addresses are in use that we cannot see. */
export const subnetMapIncomplete: Check = {
  codes: [
    {
      code: 'SUBNET.MAP_INCOMPLETE',
      meaning: 'AWS counts fewer free addresses than the network interfaces that can be seen leave.',
      canBeAllowed: false,
    },
  ],
  run: ({ subnets, networkInterfaces, cluster }, scope) =>
    subnets.flatMap((subnet): Finding[] => {
      const { subnetId, ownerId, availableIpAddressCount } = subnet;
      if (!scope.subnets.some((planned) => planned.subnetId === subnetId)) return [];
      const hidden = mapSubnet(subnet, networkInterfaces).expectedAvailableCount - availableIpAddressCount;
      if (hidden <= tolerated) return [];
      const shared = ownerId !== cluster.accountId;
      return [
        {
          code: 'SUBNET.MAP_INCOMPLETE',
          severity: 'warning',
          subject: subnetId,
          summary: `${subnetId}: ${count(hidden, 'address')} in use cannot be seen; the number of free /28 blocks is too high.`,
          why: shared
            ? `The subnet belongs to account ${ownerId}, which alone sees all of its network interfaces.`
            : 'The credentials may not see every network interface of the subnet.',
          nextActions: ['Ask the owner of the subnet for a CIDR reservation for prefixes'],
        },
      ];
    }),
};
