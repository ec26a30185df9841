import { createHeap } from './heap.ts';

/**
 * The order in which nodes get empty early, on average: every group works through its pods node by node, all groups in the
 * same order, and a node is done when the last group is done with it. That is a concurrent open shop (groups are the
 * machines, nodes the jobs), whose mean completion time is hard to minimise; this order is at most twice the best. The
 * makespan is the same in any order.
 *
 * From the back: the group with the most work left finishes last, so the node that asks most of it for its weight comes
 * last; what the others would gain by its place is taken off their weights. O(nodes * nodes of the longest group).
 *
 * `loads`: of each group, the seconds of work by node.
 *
 * M. Mastrolilli, M. Queyranne, A. S. Schulz, O. Svensson, N. A. Uhan: Minimizing the sum of weighted completion times in a
 * concurrent open shop, Operations Research Letters 38 (2010), https://doi.org/10.1016/j.orl.2010.04.011
 */
export function nodeOrder(nodeNames: readonly string[], loads: readonly ReadonlyMap<string, number>[]): string[] {
  const rest = new Map(nodeNames.map((name) => [name, 1]));
  const machines = loads.map((secondsOn) => ({
    secondsOn: new Map(secondsOn),
    total: [...secondsOn.values()].reduce((sum, seconds) => sum + seconds, 0),
  }));
  const machinesOf = new Map<string, typeof machines>();
  for (const machine of machines) {
    for (const name of machine.secondsOn.keys()) {
      const those = machinesOf.get(name);
      if (those === undefined) machinesOf.set(name, [machine]);
      else those.push(machine);
    }
  }
  const longest = createHeap<{ machine: (typeof machines)[number]; total: number }>((a, b) => a.total > b.total);
  for (const machine of machines) longest.push({ machine, total: machine.total });

  const fromBack: string[] = [];
  for (let top = longest.pop(); top !== undefined; top = longest.pop()) {
    const { machine, total } = top;
    // its work has become less since; where it stands now is in the heap, too
    if (total !== machine.total || machine.secondsOn.size === 0) continue;
    const last = lightest(machine.secondsOn, rest);
    if (last === undefined) continue;
    const price = (rest.get(last) ?? 0) / (machine.secondsOn.get(last) ?? 1);
    for (const [name, seconds] of machine.secondsOn) rest.set(name, (rest.get(name) ?? 0) - price * seconds);
    rest.delete(last);
    fromBack.push(last);
    for (const other of machinesOf.get(last) ?? []) {
      other.total -= other.secondsOn.get(last) ?? 0;
      other.secondsOn.delete(last);
      longest.push({ machine: other, total: other.total });
    }
  }
  // what nobody works on is empty already, or as soon as it is asked
  return [...nodeNames.filter((name) => rest.has(name)), ...fromBack.toReversed()];
}

/** The node with the least weight for its share of the work; of equals the one whose name comes last. */
function lightest(secondsOn: ReadonlyMap<string, number>, weights: ReadonlyMap<string, number>): string | undefined {
  let best: { name: string; ratio: number } | undefined;
  for (const [name, seconds] of secondsOn) {
    const ratio = (weights.get(name) ?? 0) / seconds;
    if (best === undefined || ratio < best.ratio || (ratio === best.ratio && name > best.name)) best = { name, ratio };
  }
  return best?.name;
}
