import { supportsPrefixes } from '../max-pods.ts';
import type { InstanceType } from '../snapshot.ts';
import { shippedData } from './data.ts';
import { shippedInstanceType } from './lookup.ts';

/** Successors on Nitro of each family before it, of the same purpose and architecture, the closest first. */
const successors: Record<string, string[]> = {
  t1: ['t3', 't3a'],
  t2: ['t3', 't3a'],
  m1: ['m5', 'm6i'],
  m2: ['r5', 'r6i'],
  m3: ['m5', 'm6i'],
  m4: ['m5', 'm6i'],
  c1: ['c5', 'c6i'],
  c3: ['c5', 'c6i'],
  c4: ['c5', 'c6i'],
  cc2: ['c5', 'c6i'],
  cr1: ['r5', 'r6i'],
  r3: ['r5', 'r6i'],
  r4: ['r5', 'r6i'],
  x1: ['x2idn'],
  x1e: ['x2iedn'],
  i2: ['i3en', 'i4i'],
  i3: ['i3en', 'i4i'],
  d2: ['d3', 'd3en'],
  h1: ['d3', 'd3en'],
  hs1: ['d3', 'd3en'],
  g2: ['g4dn', 'g5'],
  g3: ['g4dn', 'g5'],
  g3s: ['g4dn', 'g5'],
  p2: ['g4dn', 'g5'],
  p3: ['g5', 'p3dn'],
  f1: ['f2'],
};

/** Times the vCPUs that a successor may have: with more it is none. */
const mostTimes = 4;

/** Nitro types in place of one that is none: of each successor family one that is near enough. */
export function nearestNitroTypes(type: InstanceType): InstanceType[] {
  const [family = '', size = ''] = type.instanceType.split('.');
  return (successors[family] ?? []).flatMap((successor) => ofSize(successor, size, type) ?? []);
}

/** The same size where the family has it, else the smallest that is not smaller, else the largest. */
function ofSize(family: string, size: string, { vcpus, memoryMiB }: InstanceType): InstanceType | undefined {
  const candidates = Object.keys(shippedData.types)
    .filter((name) => name.startsWith(`${family}.`))
    .flatMap((name) => shippedInstanceType(name) ?? [])
    .filter((type) => supportsPrefixes(type) && !type.bareMetal && type.vcpus > 0)
    .filter((type) => vcpus === 0 || type.vcpus <= mostTimes * vcpus)
    .toSorted((a, b) => a.vcpus - b.vcpus || a.memoryMiB - b.memoryMiB);
  return (
    candidates.find((type) => type.instanceType === `${family}.${size}`) ??
    candidates.find((type) => type.vcpus >= vcpus && type.memoryMiB >= memoryMiB) ??
    candidates.at(-1)
  );
}
