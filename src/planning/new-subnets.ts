import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import { nodesOf } from '../domain/nodegroups.ts';
import type { PlanRequest } from '../domain/plan.ts';
import { planCommand } from '../domain/plan-command.ts';
import type { LostZone } from '../domain/scope.ts';
import type { ClusterSnapshot, Nodegroup } from '../domain/snapshot.ts';
import { replacementSubnets } from './select.ts';

/** Throws INPUT.SUBNET (exit 2) for a subnet that is asked for and does not exist, or is in another VPC. */
export function refuseForeignSubnets({ cluster, subnets }: ClusterSnapshot, request: PlanRequest): void {
  const found = new Map(subnets.map((subnet) => [subnet.subnetId, subnet]));
  const missing = request.subnetIds.filter((id) => !found.has(id));
  const foreign = request.subnetIds.filter((id) => (found.get(id)?.vpcId ?? cluster.vpcId) !== cluster.vpcId);
  if (missing.length + foreign.length === 0) return;
  const isMissing = missing.length > 0;
  const usable = subnets.filter(({ vpcId }) => vpcId === cluster.vpcId);
  throw new MigrateError({
    code: 'INPUT.SUBNET',
    message: isMissing
      ? `There is no subnet ${missing.join(', ')} in ${cluster.region}, or it may not be seen.`
      : `Not in VPC ${cluster.vpcId} of cluster ${cluster.name}: ${foreign.join(', ')}.`,
    why: `Nodes of a cluster are in subnets of its VPC. Known there: ${usable
      .map(({ subnetId, availabilityZone }) => `${subnetId} (${availabilityZone})`)
      .join(', ')}.`,
    nextActions: [
      `aws ec2 describe-subnets --region ${cluster.region} --filters Name=vpc-id,Values=${cluster.vpcId}`,
      planCommand({
        ...request,
        subnetIds: request.subnetIds.filter((id) => !missing.includes(id) && !foreign.includes(id)),
      }),
    ],
    exitCode: ExitCode.invalidInput,
  });
}

/** Zones that a source has nodes or a subnet in and its replacement will have no subnet in. */
export function lostZonesOf(
  snapshot: ClusterSnapshot,
  sources: readonly Nodegroup[],
  request: PlanRequest,
): LostZone[] {
  const zoneOf = new Map(snapshot.subnets.map(({ subnetId, availabilityZone }) => [subnetId, availabilityZone]));
  const zonesOf = (subnetIds: readonly string[]) => new Set(subnetIds.flatMap((id) => zoneOf.get(id) ?? []));
  return sources.flatMap((source) => {
    const kept = zonesOf(replacementSubnets(source, request));
    return [...zonesOf(source.subnetIds)]
      .filter((zone) => !kept.has(zone))
      .toSorted()
      .map((availabilityZone): LostZone => {
        const nodes = nodesOf(snapshot, source.nodegroupName).filter(
          (node) => node.availabilityZone === availabilityZone,
        );
        const names = new Set(nodes.map(({ name }) => name));
        return {
          nodegroupName: source.nodegroupName,
          availabilityZone,
          nodes: nodes.length,
          podsWithVolumes: snapshot.pods
            .filter(
              ({ nodeName, persistentVolumeClaims }) => names.has(nodeName ?? '') && persistentVolumeClaims.length > 0,
            )
            .map(({ namespace, name }) => `${namespace}/${name}`),
        };
      });
  });
}
