/** Pods that are alike for a packing. */
export interface PodClass {
  /** whose pods they are, `shop/search` */
  name: string;
  count: number;
  /** what one of them takes, in the order of the room of a node */
  needs: readonly number[];
  /** zones that it may be in; null: any */
  zones: readonly string[] | null;
  /** what it keeps off its node, and by what it is kept off: rules of anti-affinity, ports of the host */
  repels: readonly string[];
  repelledBy: readonly string[];
}

export interface PackedNode {
  /** null: any zone */
  zone: string | null;
  pods: { podClass: PodClass; count: number }[];
  left: number[];
}

export interface Packing {
  /** as many as are enough, however the nodes of a group that is spread evenly over its zones come to lie */
  nodes: PackedNode[];
  /** those of them that are there because a zone needs so many */
  boundToZones: number;
  /** classes that not even an empty node can take */
  unplaced: PodClass[];
}

interface OpenNode extends PackedNode {
  repelling: Set<string>;
  present: Set<string>;
}

/**
 * First fit decreasing: the class that takes the largest share of a node first, each pod on the first node with room. Pods
 * that are bound to zones come before the others; since nodes are spread evenly, every zone then has as many nodes as the one
 * that needs most. `taken` is what is in the way on every node from the start.
 */
export function pack(
  classes: readonly PodClass[],
  room: readonly number[],
  zones: readonly string[],
  taken: readonly string[] = [],
): Packing {
  const onEmpty = openNode(null, room, taken);
  const placeable = classes.filter((one) => one.count > 0 && capacityFor(one, onEmpty) > 0 && hasZone(one, zones));
  const isPlaceable = new Set(placeable);
  const isBound = (one: PodClass): boolean => one.zones !== null && !zones.every((zone) => one.zones?.includes(zone));
  const nodes: OpenNode[] = [];
  const sizes = new Map(zones.map((zone) => [zone, 0]));
  const open = (zone: string | null): OpenNode => {
    const node = openNode(zone, room, taken);
    nodes.push(node);
    if (zone !== null) sizes.set(zone, (sizes.get(zone) ?? 0) + 1);
    return node;
  };

  const bound = largestFirst(placeable.filter(isBound), room);
  placeAll(bound, nodes, (one) => {
    const [smallest] = [...sizes].filter(([zone]) => one.zones?.includes(zone)).toSorted(([, a], [, b]) => a - b);
    return open(smallest?.[0] ?? null);
  });
  const most = Math.max(0, ...sizes.values());
  for (const zone of zones) while ((sizes.get(zone) ?? most) < most) open(zone);

  const free = largestFirst(
    placeable.filter((one) => !isBound(one)),
    room,
  );
  placeAll(free, nodes, () => open(null));
  return {
    nodes,
    boundToZones: most * zones.length,
    unplaced: classes.filter((one) => one.count > 0 && !isPlaceable.has(one)),
  };
}

const openNode = (zone: string | null, room: readonly number[], taken: readonly string[]): OpenNode => ({
  zone,
  pods: [],
  left: [...room],
  repelling: new Set(taken),
  present: new Set(taken),
});

const hasZone = ({ zones: allowed }: PodClass, zones: readonly string[]): boolean =>
  allowed === null || zones.some((zone) => allowed.includes(zone));

/** Share of a node that one pod takes of what it takes most of. */
export const largestShare = (needs: readonly number[], room: readonly number[]): number =>
  Math.max(0, ...needs.map((need, index) => (need > 0 ? need / (room[index] ?? 0) : 0)));

const largestFirst = (classes: readonly PodClass[], room: readonly number[]): PodClass[] =>
  classes
    .map((podClass) => ({ podClass, share: largestShare(podClass.needs, room) }))
    .toSorted((a, b) => b.share - a.share || (a.podClass.name < b.podClass.name ? -1 : 1))
    .map(({ podClass }) => podClass);

function placeAll(classes: readonly PodClass[], nodes: readonly OpenNode[], open: (one: PodClass) => OpenNode): void {
  const rooms = createRooms(nodes);
  for (const podClass of classes) {
    let { count } = podClass;
    for (let at = rooms.next(0, podClass.needs); at >= 0 && count > 0; at = rooms.next(at + 1, podClass.needs)) {
      const node = nodes[at];
      if (node === undefined || !isIn(podClass, node)) continue;
      count -= place(podClass, count, node);
      rooms.set(at, node.left);
    }
    while (count > 0) {
      const node = open(podClass);
      count -= place(podClass, count, node);
      rooms.set(nodes.length - 1, node.left);
    }
  }
}

const isIn = ({ zones }: PodClass, { zone }: OpenNode): boolean => zone === null || (zones?.includes(zone) ?? true);

interface Rooms {
  /** the first node from `from` on with so much left; -1: none */
  next(from: number, needs: readonly number[]): number;
  set(at: number, left: readonly number[]): void;
}

/** What is left on many nodes, as a tree of which each branch knows the most of each resource below: nodes are found in O(log n). */
function createRooms(nodes: readonly OpenNode[]): Rooms {
  let size = 1;
  let most: (readonly number[])[] = [[], []];
  const grow = (): void => {
    while (size < nodes.length) size *= 2;
    most = Array.from({ length: 2 * size }, () => []);
    for (const [at, { left }] of nodes.entries()) most[size + at] = left;
    for (let branch = size - 1; branch > 0; branch -= 1) most[branch] = larger(most[2 * branch], most[2 * branch + 1]);
  };
  grow();
  const find = (branch: number, first: number, width: number, from: number, needs: readonly number[]): number => {
    const has = most[branch] ?? [];
    if (first + width <= from || has.length === 0 || needs.some((need, at) => need > (has[at] ?? 0))) return -1;
    if (width === 1) return first;
    const left = find(2 * branch, first, width / 2, from, needs);
    return left >= 0 ? left : find(2 * branch + 1, first + width / 2, width / 2, from, needs);
  };
  return {
    next: (from, needs) => find(1, 0, size, from, needs),
    set(at, left) {
      if (at >= size) return grow();
      most[size + at] = left;
      for (let branch = (size + at) >> 1; branch > 0; branch >>= 1)
        most[branch] = larger(most[2 * branch], most[2 * branch + 1]);
    },
  };
}

function larger(a: readonly number[] = [], b: readonly number[] = []): number[] {
  if (a.length === 0 || b.length === 0) return [...a, ...b];
  return a.map((value, at) => Math.max(value, b[at] ?? 0));
}

/** Places up to so many on the node; says how many. */
function place(podClass: PodClass, atMost: number, node: OpenNode): number {
  const count = Math.min(atMost, capacityFor(podClass, node));
  if (count === 0) return 0;
  node.pods.push({ podClass, count });
  for (const [at, need] of podClass.needs.entries()) node.left[at] = (node.left[at] ?? 0) - count * need;
  for (const token of podClass.repels) node.repelling.add(token);
  for (const token of podClass.repelledBy) node.present.add(token);
  return count;
}

/** How many more of the class the node can take. */
function capacityFor({ needs, repels, repelledBy }: PodClass, { left, repelling, present }: OpenNode): number {
  let count = repels.some((token) => repelledBy.includes(token)) ? 1 : Infinity;
  for (const [at, need] of needs.entries()) if (need > 0) count = Math.min(count, Math.floor((left[at] ?? 0) / need));
  if (count < 1) return 0;
  const isKeptOff = repels.some((token) => present.has(token)) || repelledBy.some((token) => repelling.has(token));
  return isKeptOff ? 0 : count;
}
