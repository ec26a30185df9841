import { adviseForPlan, type ReservationAdvice } from '../domain/reservation.ts';
import { spoilersInWords } from '../domain/subnet-owners.ts';
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
  run(snapshot, { subnets, sources, request }) {
    const [first, ...others] = sources;
    const oneAtATime =
      first === undefined || others.length === 0
        ? []
        : [
            `prefix-migrate plan --cluster ${request.clusterName} --nodegroup ${first.nodegroupName}  # one node group at a time`,
          ];
    const names = sources.map(({ nodegroupName }) => nodegroupName);
    return subnets
      .filter(({ fits }) => !fits)
      .map((subnet) => {
        const { subnetId, availabilityZone, freeAddresses, freePrefixes, peakDemand, freePrefixesAfter } = subnet;
        const drawn = adviseForPlan(snapshot, subnet, names);
        const spoilers = spoilersInWords(drawn?.view.spoilers ?? []);
        return {
          code: 'SUBNET.NO_FREE_PREFIX',
          severity: 'blocking' as const,
          subject: subnetId,
          summary: `${subnetId} (${availabilityZone}) has ${freePrefixes} free /28 blocks, ${peakDemand} are needed at the peak.`,
          why:
            `${freeAddresses} addresses are free, but a prefix needs 16 free ones in an aligned block. ` +
            `${spoilers === '' ? '' : `Blocks spoiled by single addresses: ${spoilers}. `}Nodes that find none stay ` +
            `Ready while new pods get no address. When the plan is done, ${freePrefixesAfter} blocks would be free.`,
          nextActions: [
            ...(drawn === null ? [] : reservationActions(drawn.advice)),
            ...oneAtATime,
            `prefix-migrate plan --cluster ${request.clusterName} --warm-ip-target 5 --minimum-ip-target 16  # keeps fewer spare prefixes`,
            `prefix-migrate plan --cluster ${request.clusterName} --allow SUBNET.NO_FREE_PREFIX  # when blocks will be freed in time`,
          ],
        };
      });
  },
};

/** Commands that reserve what helps. Single addresses stay out of the range, so that its blocks come free as old nodes go. */
function reservationActions({ now, after, newSubnet, demand }: ReservationAdvice): string[] {
  const reservation = now ?? after;
  if (reservation !== null) {
    const { commands, freePrefixes, freePrefixesAfter } = reservation;
    const [first, ...others] = commands;
    const held = `${freePrefixes} free blocks now, ${freePrefixesAfter} when the old nodes are gone`;
    return first === undefined ? [] : [`${first}  # ${held}`, ...others];
  }
  if (newSubnet === null) return [];
  return [`Give the node group a new ${newSubnet} subnet: no range of this one can hold ${demand.prefixes} blocks`];
}
