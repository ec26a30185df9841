import { nodeAddresses } from '../domain/node-addresses.ts';
import type { ClusterNode, NetworkInterface } from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';

export interface PrefixEvidence {
  /** all interfaces of the node */
  interfaces: NetworkInterface[];
  /** /28 blocks on them, as EC2 has them */
  prefixes: string[];
  /** addresses beside the primary ones: left from secondary IP mode */
  secondaryAddresses: string[];
}

/** What EC2 says about the network interfaces of `nodes`, by node name. */
export async function prefixEvidence(nodes: ClusterNode[], ports: Ports): Promise<Map<string, PrefixEvidence>> {
  const instanceIds = nodes.flatMap(({ instanceId }) => instanceId ?? []);
  const found = instanceIds.length === 0 ? [] : await ports.ec2.networkInterfacesOfInstances(instanceIds);
  const byInstance = Map.groupBy(found, ({ instanceId }) => instanceId);
  return new Map(nodes.map((node) => [node.name, evidenceOf(byInstance.get(node.instanceId) ?? [])]));
}

function evidenceOf(interfaces: NetworkInterface[]): PrefixEvidence {
  const { prefixes, secondaryAddresses } = nodeAddresses(interfaces, []);
  return { interfaces, prefixes, secondaryAddresses };
}
