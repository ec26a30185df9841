import { type AuditFacts, isJudged, type SubnetAudit } from '../../domain/audit.ts';
import { prefixDelegationIsOn } from '../../domain/cni-settings.ts';
import { newSubnetAdvice, usesCustomNetworking } from '../../domain/eni-config.ts';
import type { Finding } from '../../domain/finding.ts';
import { adviseReservation, singlesNeeded } from '../../domain/reservation.ts';
import type { ClusterSnapshot } from '../../domain/snapshot.ts';
import { toleratedDifference } from '../../domain/subnet-map.ts';
import { viewSubnet } from '../../domain/subnet-owners.ts';
import { count } from '../check.ts';
import { mapContradicted, sharedSubnet } from '../subnet-map-incomplete.ts';
import { type AuditCheck, auditCode } from './audit-check.ts';

/** Subnets of nodes that are about to run out of /28 blocks, or whose blocks cannot all be seen. */
export const subnets: AuditCheck = {
  codes: [auditCode('AUDIT.FEW_PREFIXES', 'A subnet with nodes has few free /28 blocks left.')],
  run(facts) {
    if (!facts.nodes.some(isJudged)) return [];
    const on = prefixDelegationIsOn(facts.snapshot.vpcCni.env);
    const inUse = facts.subnets.filter(({ nodes }) => nodes > 0);
    const few = inUse
      .filter(({ freePrefixes }) => freePrefixes < facts.minFreePrefixes)
      .map((subnet): Finding => fewPrefixes(subnet, on, facts));
    const { subnets: all, cluster } = facts.snapshot;
    const ofOthers = new Map(
      all.filter(({ ownerId }) => ownerId !== cluster.accountId).map((subnet) => [subnet.subnetId, subnet]),
    );
    // what cannot be seen is no fault of the cluster
    const shared = inUse.flatMap(({ subnetId, freePrefixes, hiddenAddresses, contradictingAddresses }): Finding[] => {
      const subnet = ofOthers.get(subnetId);
      if (subnet === undefined) return [];
      const hidden = hiddenAddresses - contradictingAddresses;
      return [{ ...sharedSubnet(subnet, { freePrefixes, hidden, region: cluster.region }), severity: 'advice' }];
    });
    const own = inUse.filter(({ subnetId }) => !ofOthers.has(subnetId));
    const hidden = own
      .filter(({ hiddenAddresses }) => hiddenAddresses > toleratedDifference)
      .map(
        ({ subnetId, hiddenAddresses }): Finding => ({
          code: 'SUBNET.MAP_INCOMPLETE',
          severity: 'advice',
          subject: subnetId,
          summary: `${subnetId}: ${hiddenAddresses} addresses in use cannot be seen; its number of free /28 blocks is too high.`,
          why: 'The credentials may not see every network interface of the subnet.',
          nextActions: [],
        }),
      );
    const contradicting = own
      .filter(({ contradictingAddresses }) => contradictingAddresses > toleratedDifference)
      .map(({ subnetId, contradictingAddresses }) =>
        mapContradicted(
          subnetId,
          contradictingAddresses,
          `prefix-migrate audit --cluster ${facts.snapshot.cluster.name}`,
        ),
      );
    return [...few, ...shared, ...hidden, ...contradicting];
  },
};

/** With prefix delegation off nothing takes /28 blocks yet, so that few of them are no fault. */
function fewPrefixes(subnet: SubnetAudit, on: boolean, { snapshot, minFreePrefixes }: AuditFacts): Finding {
  const { subnetId, availabilityZone, freePrefixes, freeAddresses, nodes } = subnet;
  const reserving = reservations(snapshot, subnet);
  return {
    code: 'AUDIT.FEW_PREFIXES',
    severity: on ? 'warning' : 'advice',
    subject: subnetId,
    summary: `${subnetId} (${availabilityZone}) has ${count(freePrefixes, 'free /28 block')} left, fewer than ${minFreePrefixes}; ${count(nodes, 'node')} there.`,
    why:
      `${freeAddresses} addresses are free, but a prefix needs 16 free ones in an aligned block. ` +
      (on
        ? 'Nodes that find none stay Ready, while their new pods get no address.'
        : 'A move to prefixes would need them.'),
    nextActions: [...reserving, newSubnetAction(snapshot, subnet, reserving.length > 0 ? 'Or give' : 'Give')],
  };
}

const newSubnetAction = (snapshot: ClusterSnapshot, subnet: SubnetAudit, give: string): string =>
  usesCustomNetworking(snapshot.vpcCni.env)
    ? newSubnetAdvice(snapshot, subnet, null)
    : `${give} the node groups further subnets`;

/** The largest ones: few ranges are easy to live with. */
const mostRanges = 3;

/** How to keep single addresses out of the blocks that are still free. */
function reservations({ cluster, subnets: all, networkInterfaces }: ClusterSnapshot, audited: SubnetAudit): string[] {
  const subnet = all.find(({ subnetId }) => subnetId === audited.subnetId);
  if (subnet === undefined || audited.freePrefixes === 0) return [];
  const { accountId, region } = cluster;
  const view = viewSubnet(subnet, networkInterfaces, { sourceInstances: new Set(), accountId });
  const demand = { prefixes: view.freePrefixes, singles: singlesNeeded([], new Set(), audited.nodes) };
  const { now } = adviseReservation(subnet, view, demand, region);
  if (now === null) return [];
  if (view.shared)
    return [
      `Ask account ${subnet.ownerId}, which owns the subnet, to reserve ${now.cidrs.slice(0, mostRanges).join(', ')} for prefixes`,
    ];
  return now.commands.slice(0, mostRanges).map((command) => `${command}  # keeps single addresses out`);
}
