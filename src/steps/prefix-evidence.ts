import type { ClusterNode, NetworkInterface } from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';

export interface PrefixEvidence {
  /** /28 blocks on the network interfaces of the node, as EC2 has them */
  prefixes: string[];
  /** addresses beside the primary ones: left from secondary IP mode */
  secondaryAddresses: string[];
  subnetId: string | null;
}

/** What EC2 says about the network interfaces of `nodes`, by node name. */
export async function prefixEvidence(nodes: ClusterNode[], ports: Ports): Promise<Map<string, PrefixEvidence>> {
  const instanceIds = nodes.flatMap(({ instanceId }) => instanceId ?? []);
  const found = instanceIds.length === 0 ? [] : await ports.ec2.networkInterfacesOfInstances(instanceIds);
  const byInstance = Map.groupBy(found, ({ instanceId }) => instanceId);
  return new Map(nodes.map((node) => [node.name, evidenceOf(byInstance.get(node.instanceId) ?? [])]));
}

function evidenceOf(interfaces: NetworkInterface[]): PrefixEvidence {
  return {
    prefixes: interfaces.flatMap(({ prefixes }) => prefixes),
    // Interfaces of other types (trunk, branch, efa) are not in the pool of the CNI.
    secondaryAddresses: interfaces
      .filter(({ interfaceType }) => interfaceType === 'interface')
      .flatMap(({ addresses }) => addresses.slice(1)),
    subnetId: interfaces.find(({ deviceIndex }) => deviceIndex === 0)?.subnetId ?? null,
  };
}
