import type { MigrationPlan } from '../../domain/plan.ts';
import { adviseForPlan, type ReservationAdvice } from '../../domain/reservation.ts';
import type { ClusterSnapshot } from '../../domain/snapshot.ts';
import { count, hanging, withoutControlCharacters } from '../text.ts';
import { subnetMapText } from './subnet-map-text.ts';

/** Maps are long; a plan that is short in more subnets than this shows the first ones. */
const shownMaps = 3;

/**
 * The subnets that the plan does not fit in, each as a map with what to reserve. Empty when every subnet fits. `snapshot`:
 * the one the plan was made from.
 */
export function subnetSection(snapshot: ClusterSnapshot, plan: MigrationPlan, colour: boolean): string[] {
  const sources = plan.nodegroups.map(({ source }) => source);
  const short = plan.subnets.filter(({ fits }) => !fits);
  const maps = withoutControlCharacters(
    short.slice(0, shownMaps).flatMap((subnet) => adviseForPlan(snapshot, subnet, sources) ?? []),
  );
  const others = short.length - maps.length;
  return [
    ...maps.flatMap(({ view, advice }) => [...subnetMapText(view, colour), ...adviceLines(advice), '']),
    ...(others > 0 ? [`  ${count(others, 'more subnet')} without enough free blocks: see the findings.`, ''] : []),
  ];
}

/** What to reserve in a subnet, or why that does not help and what does. The commands stand in the finding. */
export function adviceLines({ now, after, reason, newSubnet, demand }: ReservationAdvice): string[] {
  const reservation = now ?? after;
  const said = [reason];
  if (reservation !== null) {
    const { cidrs, freePrefixes, freePrefixesAfter, singlesLeft } = reservation;
    const healed = freePrefixesAfter > freePrefixes ? `, ${freePrefixesAfter} when the old nodes are gone` : '';
    said.push(
      `Reserve ${cidrs.join(', ')} for prefixes: ${count(freePrefixes, 'free block')} now${healed}.`,
      `${count(singlesLeft, 'single address', 'single addresses')} outside stay free.`,
    );
  } else if (newSubnet !== null) {
    said.push(
      `No reservation holds ${count(demand.prefixes, 'block')}, not even without the old nodes:`,
      `a new ${newSubnet} subnet for the node group would.`,
    );
  }
  return hanging('  ', said.filter((part) => part !== null).join(' '), 2);
}
