import { planCommand } from '../domain/plan-command.ts';
import type { LostZone } from '../domain/scope.ts';
import { type Check, count, listed } from './check.ts';
import { volumeLocation } from './volume-location.ts';

/** Availability zones of a source in which its replacement will have no subnet. */
export const subnetZones: Check = {
  codes: [
    {
      code: 'SUBNET.ZONE_LOST',
      meaning: 'The replacement has no subnet in an availability zone of its source.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, scope) {
    const { cluster, subnets } = snapshot;
    const { lostZones, request } = scope;
    // volumes that are stuck there are in the way, and the finding about them names the zone
    const told = volumeLocation.run(snapshot, scope).filter(({ code }) => code === 'VOLUME.ZONE');
    const isTold = (zone: string) => told.some(({ subject }) => subject.split(', ').includes(zone));
    const untold = lostZones.filter(({ availabilityZone }) => !isTold(availabilityZone));
    return untold.map(({ nodegroupName, availabilityZone, nodes, podsWithVolumes }: LostZone) => {
      const there = subnets.filter(
        (subnet) => subnet.availabilityZone === availabilityZone && subnet.vpcId === cluster.vpcId,
      );
      const bound =
        podsWithVolumes.length === 0
          ? 'None of its pods there has a volume claim.'
          : `${count(podsWithVolumes.length, 'pod')} there ${podsWithVolumes.length === 1 ? 'has' : 'have'} a persistent volume claim: ${listed(podsWithVolumes)}.`;
      return {
        code: 'SUBNET.ZONE_LOST',
        severity: 'warning' as const,
        subject: nodegroupName,
        summary: `${nodegroupName} has ${count(nodes, 'node')} in ${availabilityZone}, its replacement no subnet there. ${bound}`,
        why: 'A volume of Amazon EBS stays in its zone: pods that need it can start nowhere else, and wait. Spread over zones is lost, too.',
        nextActions: there.map(
          ({ subnetId }) =>
            `${planCommand({ ...request, subnetIds: [...request.subnetIds, subnetId] })}  # ${availabilityZone}`,
        ),
      };
    });
  },
};
