import type { Check } from './check.ts';

/** Subnets without enough free aligned /28 blocks for the worst moment of the plan. */
export const subnetPrefixes: Check = {
  codes: [
    {
      code: 'SUBNET.NO_FREE_PREFIX',
      meaning: 'A subnet has fewer free /28 blocks than the plan takes from it at its peak.',
      canBeAllowed: true,
    },
  ],
  run(_snapshot, { subnets, sources, request }) {
    const [first, ...others] = sources;
    const oneAtATime =
      first === undefined || others.length === 0
        ? []
        : [
            `prefix-migrate plan --cluster ${request.clusterName} --nodegroup ${first.nodegroupName}  # one node group at a time`,
          ];
    return subnets
      .filter(({ fits }) => !fits)
      .map(({ subnetId, availabilityZone, freeAddresses, freePrefixes, peakDemand, freePrefixesAfter }) => ({
        code: 'SUBNET.NO_FREE_PREFIX',
        severity: 'blocking' as const,
        subject: subnetId,
        summary: `${subnetId} (${availabilityZone}) has ${freePrefixes} free /28 blocks, ${peakDemand} are needed at the peak.`,
        why:
          `${freeAddresses} addresses are free, but a prefix needs 16 free ones in an aligned block. Nodes that find none stay ` +
          `Ready while new pods get no address. When the plan is done, ${freePrefixesAfter} blocks would be free.`,
        nextActions: [
          `aws ec2 create-subnet-cidr-reservation --subnet-id ${subnetId} --reservation-type prefix --cidr CIDR  # keeps single addresses out of a range as they are released`,
          ...oneAtATime,
          `prefix-migrate plan --cluster ${request.clusterName} --warm-ip-target 5 --minimum-ip-target 16  # keeps fewer spare prefixes`,
          `prefix-migrate plan --cluster ${request.clusterName} --allow SUBNET.NO_FREE_PREFIX  # when blocks will be freed in time`,
        ],
      }));
  },
};
