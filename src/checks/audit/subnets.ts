import { isJudged, type SubnetAudit } from '../../domain/audit.ts';
import { prefixDelegationIsOn } from '../../domain/cni-settings.ts';
import type { Finding } from '../../domain/finding.ts';
import { count } from '../check.ts';
import { type AuditCheck, auditCode } from './audit-check.ts';

/** Addresses that come and go between two reads of AWS are no contradiction. */
const tolerated = 3;

/** Subnets of nodes that are about to run out of /28 blocks, or whose blocks cannot all be seen. */
export const subnets: AuditCheck = {
  codes: [auditCode('AUDIT.FEW_PREFIXES', 'A subnet with nodes has few free /28 blocks left.')],
  run(facts) {
    if (!facts.nodes.some(isJudged)) return [];
    const on = prefixDelegationIsOn(facts.snapshot.vpcCni.env);
    const inUse = facts.subnets.filter(({ nodes }) => nodes > 0);
    const few = inUse
      .filter(({ freePrefixes }) => freePrefixes < facts.minFreePrefixes)
      .map((subnet): Finding => fewPrefixes(subnet, on, facts.minFreePrefixes));
    const hidden = inUse
      .filter(({ hiddenAddresses }) => hiddenAddresses > tolerated)
      .map(
        ({ subnetId, hiddenAddresses }): Finding => ({
          code: 'SUBNET.MAP_INCOMPLETE',
          severity: 'advice',
          subject: subnetId,
          summary: `${subnetId}: ${hiddenAddresses} addresses in use cannot be seen; its number of free /28 blocks is too high.`,
          why: 'The subnet is shared with other accounts, or the credentials may not see every network interface of it.',
          nextActions: [],
        }),
      );
    return [...few, ...hidden];
  },
};

/** With prefix delegation off nothing takes /28 blocks yet, so that few of them are no fault. */
const fewPrefixes = (
  { subnetId, availabilityZone, freePrefixes, freeAddresses, nodes }: SubnetAudit,
  on: boolean,
  minFreePrefixes: number,
): Finding => ({
  code: 'AUDIT.FEW_PREFIXES',
  severity: on ? 'warning' : 'advice',
  subject: subnetId,
  summary: `${subnetId} (${availabilityZone}) has ${count(freePrefixes, 'free /28 block')} left, fewer than ${minFreePrefixes}; ${count(nodes, 'node')} there.`,
  why:
    `${freeAddresses} addresses are free, but a prefix needs 16 free ones in an aligned block. ` +
    (on
      ? 'Nodes that find none stay Ready, while their new pods get no address.'
      : 'A move to prefixes would need them.'),
  nextActions: [
    `aws ec2 create-subnet-cidr-reservation --subnet-id ${subnetId} --reservation-type prefix --cidr CIDR  # keeps single addresses out of a range`,
    'Or give the node groups further subnets',
  ],
});
