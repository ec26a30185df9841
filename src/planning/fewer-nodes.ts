import { formatIpv4, parseCidr } from '../domain/addresses.ts';
import { prefixDelegationIsOn } from '../domain/cni-settings.ts';
import { podSubnetOfNode } from '../domain/eni-config.ts';
import { drainClass, mustMove, usesPoolAddress } from '../domain/evictable.ts';
import { nodeAddresses } from '../domain/node-addresses.ts';
import { desiredNodes, nodesOf } from '../domain/nodegroups.ts';
import type { EarlyNodes } from '../domain/scope.ts';
import type { ClusterNode, ClusterSnapshot, NetworkInterface, Pod, Scaling } from '../domain/snapshot.ts';
import { blockOf, mapSubnet } from '../domain/subnet-map.ts';
import { sum } from '../domain/sum.ts';
import { interfacesAfterSwitch } from './switch.ts';

/** More nodes than these are no wave that somebody drains by hand. */
const mostNodes = 20;

/**
 * Old nodes to drain and terminate before the migration, so few that none of them can be left out, chosen from subnets that
 * are short: those that spoil most blocks alone first. `shortIn` replays the plan on a snapshot and names the subnets that
 * are short then. Null when the nodes that are left cannot hold the pods before it fits; with prefixes on the nodes already
 * it is not tried, since moved pods would make others attach more.
 */
export function nodesToGoFirst(
  snapshot: ClusterSnapshot,
  sourceNames: readonly string[],
  shortIn: (snapshot: ClusterSnapshot) => string[],
): ClusterNode[] | null {
  if (prefixDelegationIsOn(snapshot.vpcCni.env)) return null;
  const fits = (gone: readonly ClusterNode[]): boolean => {
    const then = withoutNodes(snapshot, gone);
    return then !== null && shortIn(then).length === 0;
  };
  const gone: ClusterNode[] = [];
  let now: ClusterSnapshot | null = snapshot;
  let short = shortIn(snapshot);
  const first = spoilers(snapshot, sourceNames, short).slice(0, mostNodes);
  // of many nodes as many as would be named at all are taken away at once first, wherever their pods go
  if (first.length === mostNodes && shortIn(onlyOthers(snapshot, first)).length > 0) return null;
  while (gone.length < mostNodes && short.length > 0) {
    const [next] = spoilers(now, sourceNames, short);
    if (next === undefined) return null;
    gone.push(next);
    now = withoutNodes(snapshot, gone);
    if (now === null) return null;
    short = shortIn(now);
  }
  if (short.length > 0) return null;
  return gone.reduce((kept: ClusterNode[], node) => {
    const others = kept.filter((one) => one !== node);
    return others.length > 0 && fits(others) ? others : kept;
  }, gone);
}

/** Old nodes in these subnets, those that alone spoil most blocks there first; none that is the last one of its group. */
function spoilers(
  snapshot: ClusterSnapshot,
  sourceNames: readonly string[],
  subnetIds: readonly string[],
): ClusterNode[] {
  const owners = new Map<string, Set<string>>();
  for (const { instanceId, networkInterfaceId, addresses, subnetId } of snapshot.networkInterfaces) {
    if (!subnetIds.includes(subnetId)) continue;
    for (const block of addresses.map(blockOf))
      owners.set(block, (owners.get(block) ?? new Set()).add(instanceId ?? networkInterfaceId));
  }
  const all = new Map<string, number>();
  const alone = new Map<string, number>();
  for (const found of owners.values()) {
    for (const owner of found) all.set(owner, (all.get(owner) ?? 0) + 1);
    const [only, ...others] = found;
    if (only !== undefined && others.length === 0) alone.set(only, (alone.get(only) ?? 0) + 1);
  }
  const stuck = new Set(snapshot.pods.filter(refusesDrain).map(({ nodeName }) => nodeName));
  const left = Map.groupBy(snapshot.nodes, ({ nodegroupName }) => nodegroupName);
  return snapshot.nodes
    .filter(({ nodegroupName }) => nodegroupName !== null && sourceNames.includes(nodegroupName))
    .filter(({ name, nodegroupName }) => (left.get(nodegroupName)?.length ?? 0) > 1 && !stuck.has(name))
    .filter((node) => countOf(all, node) > 0)
    .toSorted(
      (a, b) =>
        countOf(alone, b) - countOf(alone, a) || countOf(all, b) - countOf(all, a) || (a.name < b.name ? -1 : 1),
    );
}

const countOf = (counts: ReadonlyMap<string, number>, { instanceId }: ClusterNode): number =>
  counts.get(instanceId ?? '') ?? 0;

/** kubectl drain stops at pods that lose something for ever. */
const refusesDrain = (pod: Pod): boolean => ['bare', 'empty-dir'].includes(drainClass(pod));

/** These nodes as a remedy names them. */
export function earlyNodes(
  snapshot: ClusterSnapshot,
  sourceNames: readonly string[],
  gone: readonly ClusterNode[],
): EarlyNodes {
  const suspended = snapshot.autoScalingGroups
    .filter(({ suspendedProcesses }) => suspendedProcesses.includes('AZRebalance'))
    .map(({ name }) => name);
  const isLeft = (node: ClusterNode): boolean => !gone.includes(node);
  const groups = snapshot.nodegroups
    .filter(({ nodegroupName }) => gone.some((node) => node.nodegroupName === nodegroupName))
    .map((group) => {
      const zones = new Map(snapshot.subnets.map(({ subnetId, availabilityZone }) => [subnetId, availabilityZone]));
      const left = nodesOf(snapshot, group.nodegroupName).filter(isLeft);
      const inZones = new Set(group.subnetIds.flatMap((subnetId) => zones.get(subnetId) ?? []));
      const perZone = [...inZones].map(
        (zone) => left.filter(({ availabilityZone }) => availabilityZone === zone).length,
      );
      const desired =
        desiredNodes(snapshot, group) - gone.filter((node) => node.nodegroupName === group.nodegroupName).length;
      return { group, desired, isUnequal: Math.max(...perZone) - Math.min(...perZone) > 1 };
    });
  return {
    nodes: gone.flatMap(({ name, instanceId, nodegroupName }) =>
      instanceId === null || nodegroupName === null ? [] : [{ name, instanceId, nodegroupName }],
    ),
    left: sourceNames.flatMap((name) => nodesOf(snapshot, name)).filter(isLeft).length,
    minSizes: groups
      .filter(({ group, desired }) => desired < group.scaling.minSize)
      .map(({ group: { nodegroupName }, desired }) => ({ nodegroupName, minSize: desired })),
    unequalGroups: groups
      .filter(({ isUnequal }) => isUnequal)
      .flatMap(({ group }) => group.autoScalingGroupNames)
      .filter((name) => !suspended.includes(name)),
  };
}

/**
 * The snapshot once these nodes are drained and terminated, and their groups are so much smaller; null when the other nodes
 * of their groups cannot hold the pods, by pods per node, requests and addresses that they hold already. Pods of a node with
 * volumes stay in its zone. Which address a moved pod gets nobody knows: one that keeps a block spoiled, where there is one.
 */
export function withoutNodes(snapshot: ClusterSnapshot, gone: readonly ClusterNode[]): ClusterSnapshot | null {
  const rest = onlyOthers(snapshot, gone);
  const from = new Map(gone.map((node) => [node.name, node]));
  const movers = snapshot.pods.filter((pod) => from.has(pod.nodeName ?? '') && mustMove(pod));
  const moved = moveTo(roomsOf(rest, gone), movers, from);
  if (moved === null) return null;
  const settled = addressed(rest, moved);
  const added = settled.networkInterfaces.slice(rest.networkInterfaces.length);
  const removed = snapshot.networkInterfaces.filter(({ instanceId }) =>
    gone.some((one) => one.instanceId === instanceId),
  );
  const touched = new Set([...added, ...removed].map(({ subnetId }) => subnetId));
  const subnets = snapshot.subnets.map((subnet) => {
    if (!touched.has(subnet.subnetId)) return subnet;
    const before = mapSubnet(subnet, snapshot.networkInterfaces).expectedAvailableCount;
    const after = mapSubnet(subnet, settled.networkInterfaces).expectedAvailableCount;
    return { ...subnet, availableIpAddressCount: subnet.availableIpAddressCount + after - before };
  });
  return { ...settled, subnets };
}

/** The snapshot without these nodes, all that was on them, and their place in their groups. */
function onlyOthers(snapshot: ClusterSnapshot, gone: readonly ClusterNode[]): ClusterSnapshot {
  const names = new Set(gone.map(({ name }) => name));
  const instances = new Set(gone.flatMap(({ instanceId }) => instanceId ?? []));
  const lost = (nodegroupName: string): number => gone.filter((node) => node.nodegroupName === nodegroupName).length;
  return {
    ...snapshot,
    nodes: snapshot.nodes.filter(({ name }) => !names.has(name)),
    networkInterfaces: snapshot.networkInterfaces.filter(({ instanceId }) => !instances.has(instanceId ?? '')),
    pods: snapshot.pods.filter(({ nodeName }) => !names.has(nodeName ?? '')),
    nodegroups: snapshot.nodegroups.map((group) => ({
      ...group,
      scaling: smaller(group.scaling, lost(group.nodegroupName)),
    })),
    autoScalingGroups: snapshot.autoScalingGroups.map((group) => {
      const owner = snapshot.nodegroups.find(({ autoScalingGroupNames }) => autoScalingGroupNames.includes(group.name));
      const size = { ...group, desiredSize: group.desiredCapacity };
      const { minSize, desiredSize } = smaller(size, owner === undefined ? 0 : lost(owner.nodegroupName));
      const instanceIds = group.instanceIds.filter((id) => !instances.has(id));
      return { ...group, minSize, desiredCapacity: desiredSize, instanceIds };
    }),
  };
}

const smaller = (scaling: Scaling, by: number): Scaling => {
  const desiredSize = scaling.desiredSize - by;
  return { ...scaling, desiredSize, minSize: Math.min(scaling.minSize, desiredSize) };
};

interface Room {
  node: ClusterNode;
  pods: number;
  cpuMillis: number;
  memoryBytes: number;
  addresses: number;
}

/** What is left on the nodes that can take over. */
function roomsOf(rest: ClusterSnapshot, gone: readonly ClusterNode[]): Room[] {
  const groups = new Set(gone.map(({ nodegroupName }) => nodegroupName));
  const podsOn = Map.groupBy(rest.pods, ({ nodeName }) => nodeName);
  const interfacesOn = Map.groupBy(rest.networkInterfaces, ({ instanceId }) => instanceId);
  return rest.nodes
    .filter(({ nodegroupName, ready, unschedulable }) => groups.has(nodegroupName) && ready && !unschedulable)
    .map((node) => {
      const pods = (podsOn.get(node.name) ?? []).filter(({ phase }) => phase !== 'Succeeded' && phase !== 'Failed');
      const { secondaryAddresses } = nodeAddresses(interfacesOn.get(node.instanceId) ?? [], []);
      return {
        node,
        pods: node.allocatable.pods - pods.length,
        cpuMillis: node.allocatable.cpuMillis - sum(pods.map(({ requests }) => requests.cpuMillis)),
        memoryBytes: node.allocatable.memoryBytes - sum(pods.map(({ requests }) => requests.memoryBytes)),
        addresses: secondaryAddresses.length - pods.filter(usesPoolAddress).length,
      };
    });
}

/** Each pod on the node of the same group with most room, the large ones first; null when one finds none. */
function moveTo(rooms: Room[], pods: readonly Pod[], from: ReadonlyMap<string, ClusterNode>): Pod[] | null {
  const moved: Pod[] = [];
  for (const pod of pods.toSorted((a, b) => b.requests.cpuMillis - a.requests.cpuMillis)) {
    const before = from.get(pod.nodeName ?? '');
    const { cpuMillis, memoryBytes } = pod.requests;
    const address = usesPoolAddress(pod) ? 1 : 0;
    const [room] = rooms
      .filter(
        (one) =>
          one.node.nodegroupName === before?.nodegroupName &&
          (pod.persistentVolumeClaims.length === 0 || one.node.availabilityZone === before.availabilityZone) &&
          one.pods > 0 &&
          one.cpuMillis >= cpuMillis &&
          one.memoryBytes >= memoryBytes &&
          one.addresses >= address,
      )
      .toSorted((a, b) => b.pods - a.pods);
    if (room === undefined) return null;
    room.pods -= 1;
    room.cpuMillis -= cpuMillis;
    room.memoryBytes -= memoryBytes;
    room.addresses -= address;
    moved.push({ ...pod, nodeName: room.node.name, podIp: null });
  }
  return moved;
}

/** The moved pods with addresses in blocks that would be free after the switch, if there are such; and an interface more where a node may get one for them. */
function addressed(rest: ClusterSnapshot, moved: readonly Pod[]): ClusterSnapshot {
  const interfacesOn = Map.groupBy(rest.networkInterfaces, ({ instanceId }) => instanceId);
  const inUse = new Set(rest.pods.flatMap(({ podIp }) => podIp ?? []));
  const instances = new Set(
    rest.nodes.filter(({ name }) => moved.some((pod) => pod.nodeName === name)).map(({ instanceId }) => instanceId),
  );
  const subnetIds = new Set(
    rest.networkInterfaces.filter(({ instanceId }) => instances.has(instanceId)).map((one) => one.subnetId),
  );
  const switched = interfacesAfterSwitch(rest);
  const open = new Set(
    rest.subnets
      .filter(({ subnetId }) => subnetIds.has(subnetId))
      .flatMap((subnet) => mapSubnet(subnet, switched).blocks)
      .flatMap(({ cidr, state }) => (state === 'free' ? [cidr] : [])),
  );
  const networkInterfaces = [...rest.networkInterfaces];
  const pods = [...rest.pods];
  for (const [nodeName, arriving] of Map.groupBy(moved, (pod) => pod.nodeName)) {
    const node = rest.nodes.find(({ name }) => name === nodeName);
    if (node === undefined) continue;
    const own = interfacesOn.get(node.instanceId) ?? [];
    const spare = nodeAddresses(own, []).secondaryAddresses.filter((address) => !inUse.has(address));
    for (const pod of arriving) {
      const podIp = usesPoolAddress(pod) ? (spare.find((one) => open.has(blockOf(one))) ?? spare[0] ?? null) : null;
      if (podIp !== null) {
        spare.splice(spare.indexOf(podIp), 1);
        open.delete(blockOf(podIp));
      }
      pods.push({ ...pod, podIp });
    }
    const extra = nextInterface({ ...rest, networkInterfaces, pods }, node, own);
    if (extra !== undefined) networkInterfaces.push(extra);
  }
  return { ...rest, networkInterfaces, pods };
}

/** aws-node keeps a whole interface to spare: more pods can make it attach one, with an address in each free block at worst. */
function nextInterface(
  snapshot: ClusterSnapshot,
  node: ClusterNode,
  own: readonly NetworkInterface[],
): NetworkInterface | undefined {
  const type = snapshot.instanceTypes.find(({ instanceType }) => instanceType === node.instanceType);
  const subnetId = podSubnetOfNode(snapshot, node, own);
  const subnet = snapshot.subnets.find((one) => one.subnetId === subnetId);
  const [primary] = own;
  if (type === undefined || subnet === undefined || primary === undefined || own.length >= type.enis) return undefined;
  const taken = new Set(snapshot.networkInterfaces.flatMap(({ addresses }) => addresses));
  const freeIn = (interfaces: readonly NetworkInterface[]): string[] =>
    mapSubnet(subnet, interfaces).blocks.flatMap(({ cidr, state }) =>
      state === 'free'
        ? addressesOf(cidr)
            .filter((address) => !taken.has(address))
            .slice(0, 1)
        : [],
    );
  const now = freeIn(snapshot.networkInterfaces);
  const addresses = [...new Set([...now, ...freeIn(interfacesAfterSwitch(snapshot))])].slice(0, type.ipv4PerEni);
  if (addresses.length === 0) return undefined;
  return {
    ...primary,
    subnetId: subnet.subnetId,
    networkInterfaceId: `next of ${node.name}`,
    description: `aws-K8S-${node.instanceId}`,
    deviceIndex: own.length,
    addresses,
    prefixes: [],
  };
}

const addressesOf = (cidr: string): string[] => {
  const range = parseCidr(cidr);
  return range === null ? [] : Array.from({ length: range.size }, (_, index) => formatIpv4(range.first + index));
};
