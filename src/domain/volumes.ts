import { fitsTerms, type Resources, type SchedulingNode, volumesOfDriver } from './scheduling.ts';
import type { ClusterSnapshot, VolumeClaim } from './snapshot.ts';
import { nameOf } from './workloads.ts';

/** Claims by `namespace/name`. */
export const claimsByName = ({ volumeClaims }: ClusterSnapshot): ReadonlyMap<string, VolumeClaim> =>
  new Map(volumeClaims.map((claim) => [nameOf(claim), claim]));

/** Whether the volume of the claim can be used on the node; one that is not bound yet can. */
export const volumeFits = ({ nodeAffinity }: VolumeClaim, node: Pick<SchedulingNode, 'name' | 'labels'>): boolean =>
  fitsTerms(nodeAffinity, node);

/** What volumes take of the attachments of a node, by driver. */
export function volumeNeeds(claims: readonly VolumeClaim[]): Resources {
  const needs: Resources = {};
  for (const { driver } of claims) {
    if (driver === null) continue;
    const key = volumesOfDriver(driver);
    needs[key] = (needs[key] ?? 0) + 1;
  }
  return needs;
}
