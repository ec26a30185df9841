import type { StepParams } from './plan.ts';
import type { Nodegroup, NodegroupTaint } from './snapshot.ts';

export interface Mismatch {
  /** `label team`, `instance types` */
  field: string;
  wanted: string;
  found: string;
}

type Wanted = StepParams['create-nodegroup'];

/**
 * In what a node group that somebody else made is not what the plan wants. More labels than wanted, more nodes and other tags
 * are no matter; the node role is told apart by `otherRole`, since pods run with another one as well.
 */
export function mismatches(wanted: Wanted, found: Nodegroup): Mismatch[] {
  const { labels, scaling } = wanted;
  const pairs: [field: string, wanted: string, found: string][] = [
    ['AMI type', wanted.amiType, found.amiType],
    ['capacity type', wanted.capacityType, found.capacityType],
    ...(found.instanceTypes.length === 0
      ? []
      : [['instance types', set(wanted.instanceTypes), set(found.instanceTypes)] as [string, string, string]]),
    ['subnets', set(wanted.subnetIds), set(found.subnetIds)],
    ...Object.entries(labels).map(([key, value]): [string, string, string] => [
      `label ${key}`,
      value,
      found.labels[key] ?? 'not set',
    ]),
    ['taints', set(wanted.taints.map(taintText)), set(found.taints.map(taintText))],
    ['minimum size', String(scaling.minSize), String(found.scaling.minSize)],
    ['maximum size', String(scaling.maxSize), String(found.scaling.maxSize)],
    ['size', String(scaling.desiredSize), String(Math.min(found.scaling.desiredSize, scaling.desiredSize))],
  ];
  return pairs
    .filter(([, one, other]) => one !== other)
    .map(([field, one, other]) => ({ field, wanted: one, found: other }));
}

export const otherRole = ({ nodeRole }: Wanted, found: Nodegroup): boolean => nodeRole !== found.nodeRole;

const set = (values: readonly string[]): string =>
  values.length === 0 ? 'none' : [...new Set(values)].toSorted().join(', ');

/** `dedicated=batch:NO_SCHEDULE` */
const taintText = ({ key, value, effect }: NodegroupTaint): string => `${key}${value ? `=${value}` : ''}:${effect}`;
