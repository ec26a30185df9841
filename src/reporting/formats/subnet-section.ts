import type { MigrationPlan } from '../../domain/plan.ts';
import { instancesOf } from '../../domain/reservation.ts';
import type { ClusterSnapshot } from '../../domain/snapshot.ts';
import { viewSubnet } from '../../domain/subnet-owners.ts';
import { count, withoutControlCharacters } from '../text.ts';
import { subnetMapText } from './subnet-map-text.ts';

/** Maps are long; a plan that is short in more subnets than this shows the first ones. */
const shownMaps = 3;

/**
 * The subnets that the plan does not fit in, each as a map; what to do stands in the findings. Empty when every subnet fits.
 * `snapshot`: the one the plan was made from.
 */
export function subnetSection(snapshot: ClusterSnapshot, plan: MigrationPlan, colour: boolean): string[] {
  const sourceInstances = instancesOf(
    snapshot,
    plan.nodegroups.map(({ source }) => source),
  );
  const { accountId } = snapshot.cluster;
  const short = plan.subnets.filter(({ fits }) => !fits);
  const views = short.slice(0, shownMaps).flatMap(({ subnetId }) => {
    const subnet = snapshot.subnets.find((candidate) => candidate.subnetId === subnetId);
    return subnet === undefined ? [] : [viewSubnet(subnet, snapshot.networkInterfaces, { sourceInstances, accountId })];
  });
  const others = short.length - views.length;
  return [
    ...withoutControlCharacters(views).flatMap((view) => [...subnetMapText(view, colour), '']),
    ...(others > 0 ? [`  ${count(others, 'more subnet')} without enough free blocks: see the findings.`, ''] : []),
  ];
}
