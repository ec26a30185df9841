/** Clusters as `audit` meets them: one node group on prefixes, each part to be replaced. */
import { runAuditChecks } from '../../src/checks/audit/index.ts';
import { type AuditFacts, auditFacts, type NodeAudit } from '../../src/domain/audit.ts';
import type { Finding } from '../../src/domain/finding.ts';
import type { ClusterNode, ClusterSnapshot, NetworkInterface, Pod } from '../../src/domain/snapshot.ts';
import { mapSubnet } from '../../src/domain/subnet-map.ts';
import { aNode, anInterface, aPod, aSnapshot, aSubnet, aVpcCni } from './snapshot.ts';

export const prefixEnv = { ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '1', WARM_ENI_TARGET: '1' };
export const prefixCni = (env: Record<string, string> = {}) => aVpcCni({ env: { ...prefixEnv, ...env } });

/** A node of group apps on prefixes with one pod, `10.0.1.33` out of `10.0.1.32/28`. */
export interface OneNode {
  node?: Partial<ClusterNode>;
  interface?: Partial<NetworkInterface>;
  pods?: Partial<Pod>[];
  snapshot?: Partial<ClusterSnapshot>;
}

export function oneNode({
  node,
  interface: eni,
  pods = [{ podIp: '10.0.1.33' }],
  snapshot,
}: OneNode = {}): ClusterSnapshot {
  return withTrueCounts({
    vpcCni: prefixCni(),
    subnets: [aSubnet()],
    nodes: [aNode({ capacityPods: 110, allocatable: { pods: 110, cpuMillis: 1930, memoryBytes: 2 ** 32 }, ...node })],
    networkInterfaces: [anInterface({ prefixes: ['10.0.1.32/28'], ...eni })],
    pods: pods.map((pod, index) => aPod({ name: `web-${index}`, ...pod })),
    ...snapshot,
  });
}

const untold = aSubnet().availableIpAddressCount;

/** Subnets whose count of free addresses a test leaves open get the one that EC2 would give. */
function withTrueCounts(parts: Partial<ClusterSnapshot>): ClusterSnapshot {
  const snapshot = aSnapshot(parts);
  const subnets = snapshot.subnets.map((subnet) => {
    if (subnet.availableIpAddressCount !== untold) return subnet;
    return { ...subnet, availableIpAddressCount: mapSubnet(subnet, snapshot.networkInterfaces).expectedAvailableCount };
  });
  return { ...snapshot, subnets };
}

export const allocatable = (pods: number) => ({ pods, cpuMillis: 1930, memoryBytes: 2 ** 32 });

export interface Audited {
  facts: AuditFacts;
  findings: Finding[];
  /** of the first node */
  node: NodeAudit;
  /** `warning AUDIT.MAX_PODS_OLD` */
  said: string[];
}

export function audited(snapshot: ClusterSnapshot, minFreePrefixes = 3): Audited {
  const facts = auditFacts(snapshot, { minFreePrefixes });
  const findings = runAuditChecks(facts);
  const [node] = facts.nodes;
  if (node === undefined) throw new Error('no node');
  return { facts, findings, node, said: findings.map(({ severity, code }) => `${severity} ${code}`) };
}
