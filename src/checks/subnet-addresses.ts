import { planCommand } from '../domain/plan-command.ts';
import type { Check } from './check.ts';

/** Subnets without enough single addresses for the instances of the replacements. */
export const subnetAddresses: Check = {
  codes: [
    {
      code: 'SUBNET.NO_FREE_ADDRESS',
      meaning: 'A subnet has too few single addresses outside of reservations for the nodes of the replacements.',
      canBeAllowed: true,
    },
  ],
  run: ({ cluster: { region } }, { addressShortages, request }) =>
    addressShortages.map(({ subnetId, availabilityZone, needed, free }) => ({
      code: 'SUBNET.NO_FREE_ADDRESS',
      severity: 'blocking' as const,
      subject: subnetId,
      summary: `${subnetId} (${availabilityZone}): new nodes need ${needed} single addresses, ${free} are left for them.`,
      why:
        'Each network interface takes a single address, which EC2 places outside of CIDR reservations; an instance that ' +
        'finds none cannot start. What is left is an estimate: free addresses outside of reservations, less 16 for each ' +
        'prefix that no reservation holds.',
      nextActions: [
        `aws ec2 get-subnet-cidr-reservations --region ${region} --subnet-id ${subnetId}  # a smaller reservation leaves more`,
        `${planCommand({ ...request, allow: [...request.allow, 'SUBNET.NO_FREE_ADDRESS'] })}  # when addresses will be freed in time`,
      ],
    })),
};
