import type { ClusterNode, Pod } from '../domain/snapshot.ts';
import type { Ports } from '../ports/ports.ts';

/** An API server may search all its pods for each question about one node: from here on one list of all costs less. */
const fewNodes = 4;

/** The pods on each of `nodes`, by node name: one list for each of a few nodes, one list of all for more. */
export async function podsOfNodes(nodes: readonly ClusterNode[], { kubernetes }: Ports): Promise<Map<string, Pod[]>> {
  const names = nodes.map(({ name }) => name);
  if (names.length <= fewNodes) {
    const lists = await Promise.all(names.map((nodeName) => kubernetes.listPods({ nodeName })));
    return new Map(names.map((name, index) => [name, lists[index] ?? []]));
  }
  const byNode = Map.groupBy(await kubernetes.listPods(), ({ nodeName }) => nodeName);
  return new Map(names.map((name) => [name, byNode.get(name) ?? []]));
}
