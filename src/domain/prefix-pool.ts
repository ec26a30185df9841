import { prefixSize } from './max-pods.ts';

/** What decides how many prefixes the VPC CNI keeps on a node. A target that is not set is 0. */
export interface PoolSettings {
  warmPrefixTarget: number;
  warmIpTarget: number;
  minimumIpTarget: number;
  maxPods: number;
  /** prefixes that the interfaces of the node can hold */
  slots: number;
  /** VPC CNI 1.17.1 and later attach nothing more once the node has maxPods addresses */
  stopsAtMaxPods: boolean;
}

/**
 * One round of the address pool manager of amazon-vpc-cni-k8s (pkg/ipamd/ipamd.go) on a node with `pods` pods that want an
 * address and fill prefixes one after the other: the number of attached prefixes after it.
 */
export function stepPool(prefixes: number, pods: number, settings: PoolSettings): number {
  const { warmPrefixTarget, warmIpTarget, minimumIpTarget } = settings;
  const total = prefixes * prefixSize;
  const assigned = Math.min(pods, total);
  const available = total - assigned;
  const unused = prefixes - Math.ceil(assigned / prefixSize);
  const mayGrow = !(settings.stopsAtMaxPods && total >= settings.maxPods);
  const grow = (count: number) => Math.min(prefixes + count, settings.slots);

  if (warmIpTarget > 0 || minimumIpTarget > 0) {
    const short = Math.max(warmIpTarget - available, minimumIpTarget - total, 0);
    if (mayGrow && short > 0) return grow(Math.ceil(short / prefixSize));
    const needed = Math.max(Math.ceil((assigned + warmIpTarget) / prefixSize), Math.ceil(minimumIpTarget / prefixSize));
    return prefixes - Math.max(0, Math.min(unused, prefixes - needed));
  }
  const short = available < prefixSize * warmPrefixTarget || (warmPrefixTarget === 0 && available === 0);
  if (mayGrow && short) return grow(Math.max(1, warmPrefixTarget - unused));
  return prefixes - Math.max(0, unused - warmPrefixTarget);
}

/**
 * The most prefixes that a node can come to hold with up to `pods` pods, whatever the order and the pace at which they came.
 * Pods get addresses from any prefix (data_store.go walks a map), so of several prefixes none need be empty, and then
 * WARM_PREFIX_TARGET new ones are attached where one would do. A target of 2 or more, or of more than 16 addresses, makes a
 * difference to the pool at rest.
 */
export function mostPrefixes(pods: number, settings: PoolSettings): number {
  const { warmPrefixTarget, warmIpTarget, minimumIpTarget, maxPods, slots } = settings;
  const growth = (prefixes: number): number => {
    const total = prefixes * prefixSize;
    const available = Math.max(0, total - pods);
    if (settings.stopsAtMaxPods && total >= maxPods) return 0;
    if (warmIpTarget > 0 || minimumIpTarget > 0)
      return Math.ceil(Math.max(warmIpTarget - available, minimumIpTarget - total, 0) / prefixSize);
    const isLow = available < prefixSize * warmPrefixTarget || (warmPrefixTarget === 0 && available === 0);
    const empty = Math.max(0, prefixes - pods);
    return isLow ? Math.max(1, warmPrefixTarget - empty) : 0;
  };
  let most = steadyPrefixes(pods, settings);
  for (let before = 0; growth(before) > 0; before += 1) most = Math.max(most, before + growth(before));
  return Math.min(most, slots);
}

/**
 * Prefixes on a node whose pods came one by one, once the pool is at rest; the higher number where it swings for ever.
 * With MINIMUM_IP_TARGET alone the pool never grows past it, so the answer can be too small for `pods`.
 */
export function steadyPrefixes(pods: number, settings: PoolSettings): number {
  let atRest = 0;
  for (let arrived = 0; arrived <= pods; arrived += 1) {
    const visited: number[] = [];
    let prefixes = atRest;
    while (!visited.includes(prefixes)) {
      visited.push(prefixes);
      prefixes = stepPool(prefixes, arrived, settings);
    }
    atRest = Math.max(...visited.slice(visited.indexOf(prefixes)));
  }
  return atRest;
}
