import type { StepParams } from '../domain/plan.ts';
import type { Ports } from '../ports/ports.ts';
import { isOurs } from './ownership.ts';
import { isSameRange } from './reserve-subnet-cidr.ts';
import type { StepHandler } from './step-handler.ts';
import { mayStillShow } from './undoing.ts';

/**
 * Deletes a reservation that this plan made, and no other. Nodes keep the prefixes that they have in the range; free
 * addresses in it are given out one by one again.
 */
export const releaseSubnetCidr: StepHandler<'release-subnet-cidr'> = {
  title: ({ params }) => `release ${params.cidr} of ${params.subnetId}`,

  async observe({ id, params }, ports, context) {
    const { subnetId, cidr } = params;
    const { isSubnetThere, own, others } = await look(params, ports);
    if (!isSubnetThere)
      return { kind: 'satisfied', detail: `subnet ${subnetId} is gone, and its reservations with it` };
    if (own !== undefined)
      return { kind: 'actionable', detail: `${cidr} of ${subnetId} is still reserved (${own.id})` };
    if (others === undefined && mayStillShow(id, ports, context)) {
      return { kind: 'in-progress', detail: `${cidr} of ${subnetId} was asked for, and may still come into sight` };
    }
    const detail =
      others === undefined
        ? `${cidr} of ${subnetId} is not reserved any more`
        : `${cidr} of ${subnetId} was not reserved by this plan: ${others.id} stays`;
    return { kind: 'satisfied', detail };
  },

  async act({ params }, ports) {
    const { own } = await look(params, ports);
    if (own !== undefined) await ports.ec2.deleteSubnetCidrReservation(own.id);
  },

  describeCall: ({ params }) => `ec2:DeleteSubnetCidrReservation ${params.cidr} of ${params.subnetId}`,

  /** A plan that wants the range again reserves it. */
  undo: () => undefined,

  deadlineSeconds: () => 5 * 60,
};

async function look({ subnetId, cidr, tags }: StepParams['release-subnet-cidr'], { ec2 }: Ports) {
  const found = await ec2.subnetCidrReservations(subnetId);
  const there = found?.find((one) => isSameRange(one, cidr));
  const isOwn = there !== undefined && isOurs(tags, there.tags);
  return {
    isSubnetThere: found !== undefined,
    own: isOwn ? there : undefined,
    others: isOwn ? undefined : there,
  };
}
