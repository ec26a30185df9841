import { runsVpcCni } from '../../domain/audit.ts';
import { otherCni } from '../../domain/other-cni.ts';
import type { ClusterSnapshot } from '../../domain/snapshot.ts';
import { count } from '../check.ts';
import { type AuditCheck, auditCode } from './audit-check.ts';

/** What gives the pods their addresses then, where that is known. */
function insteadOf(snapshot: ClusterSnapshot): string {
  const other = otherCni(snapshot);
  if (!other?.daemonSet) return '';
  const { namespace, name, replicas } = other.daemonSet;
  return ` ${other.product} gives pods their addresses (DaemonSet ${namespace}/${name}, ${count(replicas, 'node')}).`;
}

/** Clusters in which aws-node gives out no IPv4 addresses: there is nothing to judge. */
export const cluster: AuditCheck = {
  codes: [auditCode('AUDIT.NO_VPC_CNI', 'aws-node runs on no node: another CNI gives out the addresses.')],
  run({ snapshot }) {
    const { cluster: found, vpcCni, nodes } = snapshot;
    if (found.ipFamily === 'ipv6') {
      return [
        {
          code: 'CLUSTER.IPV6',
          severity: 'advice',
          subject: found.name,
          summary: `Cluster ${found.name} is an IPv6 cluster: its nodes use prefixes already.`,
          why: 'Each network interface gets one /80 prefix when it is attached; there is no secondary IP mode.',
          nextActions: [],
        },
      ];
    }
    if (runsVpcCni(vpcCni) || nodes.length === 0) return [];
    return [
      {
        code: 'AUDIT.NO_VPC_CNI',
        severity: 'advice',
        subject: 'vpc-cni',
        summary: `DaemonSet kube-system/aws-node is not there or runs on no node: none is judged.${insteadOf(snapshot)}`,
        why: found.autoMode
          ? 'Auto Mode nodes have a CNI that AWS manages.'
          : 'Prefix delegation is a feature of the VPC CNI; other CNIs have their own.',
        nextActions: ['kubectl -n kube-system get daemonsets'],
      },
    ];
  },
};
