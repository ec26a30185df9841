import type { InstanceType } from '../snapshot.ts';
import { type Row, shippedData } from './data.ts';

/** Day of the newest source of the facts shipped with this program. */
export const shippedDataDate = shippedData.date;

/** What this program ships about a type, for when EC2 does not say it; undefined for types that came later. */
export function shippedInstanceType(
  instanceType: string,
  origin: InstanceType['origin'] = 'not-described',
): InstanceType | undefined {
  const row = rowOf(instanceType);
  if (row === undefined) return undefined;
  const [vcpus, memoryMiB, enis, ipv4PerEni, platform, branchInterfaces, architectures] = row;
  return {
    instanceType,
    origin,
    hypervisor: platform === 'nitro' || platform === 'xen' ? platform : null,
    bareMetal: platform === 'metal',
    vcpus,
    memoryMiB,
    enis,
    ipv4PerEni,
    branchInterfaces,
    architectures: architectures === '' ? [] : architectures.split(' '),
  };
}

function rowOf(instanceType: string): Row | undefined {
  return Object.hasOwn(shippedData.types, instanceType) ? shippedData.types[instanceType] : undefined;
}
