import { overlaps, parseCidr } from '../domain/addresses.ts';
import type { StepParams } from '../domain/plan.ts';
import { showReservationsCommand } from '../domain/reservation.ts';
import { undoPrefix } from '../domain/run-state.ts';
import type { SubnetCidrReservation } from '../ports/ec2.ts';
import { conflict, sameAgain } from './conflict.ts';
import { isOurs } from './ownership.ts';
import type { Observation, StepHandler } from './step-handler.ts';

type Params = StepParams['reserve-subnet-cidr'];

/**
 * Reserves a range of a subnet for prefixes: no single address is placed there any more, those in use stay until they are
 * released. EC2 takes no token for it, so the reservation is found again by subnet, range and our tags.
 */
export const reserveSubnetCidr: StepHandler<'reserve-subnet-cidr'> = {
  title: ({ params }) => `reserve ${params.cidr} of ${params.subnetId} for prefixes`,

  async observe({ params }, ports, { clusterName }) {
    const { subnetId, cidr } = params;
    const found = await ports.ec2.subnetCidrReservations(subnetId);
    if (found === undefined) return subnetGone(params, clusterName);
    const there = found.find((one) => isSameRange(one, cidr));
    if (there !== undefined) return satisfied(params, there);
    const other = found.find((one) => isOverlapping(one, cidr));
    if (other !== undefined) return overlapping(params, other, clusterName);
    return { kind: 'actionable', detail: `${cidr} of ${subnetId} is not reserved yet` };
  },

  async act({ params: { subnetId, cidr, description, tags } }, ports) {
    await ports.ec2.createSubnetCidrReservation({ subnetId, cidr, description, tags });
  },

  describeCall: ({ params }) =>
    `ec2:CreateSubnetCidrReservation ${params.cidr} of ${params.subnetId}, ReservationType prefix`,

  /** Releases the range when it was reserved by this plan; prefixes in it stay with their nodes. */
  undo: ({ id, phase, impact, params: { subnetId, cidr, region, tags } }) => ({
    id: `${undoPrefix}${id}`,
    kind: 'release-subnet-cidr',
    phase,
    impact,
    dependsOn: [],
    summary: `release ${cidr} of ${subnetId}`,
    params: { subnetId, cidr, region, tags },
  }),

  deadlineSeconds: () => 5 * 60,
};

/** Whether the reservation keeps exactly this range for prefixes. */
export const isSameRange = (one: SubnetCidrReservation, cidr: string): boolean =>
  one.type === 'prefix' && one.cidr === cidr;

function isOverlapping(one: SubnetCidrReservation, cidr: string): boolean {
  const [a, b] = [parseCidr(one.cidr), parseCidr(cidr)];
  return a !== null && b !== null && overlaps(a, b);
}

/** Whoever reserved the range, no single address is placed there. */
function satisfied({ subnetId, cidr, tags }: Params, there: SubnetCidrReservation): Observation {
  const reserved = `${cidr} of ${subnetId} is reserved for prefixes (${there.id})`;
  const detail = isOurs(tags, there.tags) ? reserved : `${reserved}, not by this plan: undoing the plan leaves it`;
  return { kind: 'satisfied', detail };
}

const subnetGone = ({ subnetId, region }: Params, clusterName: string): Observation =>
  conflict({
    code: 'RESERVATION.SUBNET_GONE',
    message: `There is no subnet ${subnetId} in ${region} any more.`,
    why: 'The plan takes prefixes from it.',
    nextActions: [
      `aws ec2 describe-subnets --region ${region} --subnet-ids ${subnetId}`,
      `make a new plan: prefix-migrate plan --cluster ${clusterName} --reserve-subnet-cidr`,
    ],
  });

function overlapping({ subnetId, cidr, region }: Params, other: SubnetCidrReservation, clusterName: string) {
  return conflict({
    code: 'RESERVATION.OVERLAP',
    message: `${cidr} of ${subnetId} overlaps reservation ${other.id}: ${other.cidr}, type ${other.type}. It was left as it is.`,
    why: 'EC2 allows no two reservations of the same addresses, and this one was not there when the plan was made.',
    nextActions: [
      showReservationsCommand(region, subnetId),
      `make a new plan, which counts it in: prefix-migrate plan --cluster ${clusterName} --reserve-subnet-cidr`,
      `or, when nobody needs it: aws ec2 delete-subnet-cidr-reservation --region ${region} --subnet-cidr-reservation-id ${other.id}`,
      sameAgain,
    ],
  });
}
