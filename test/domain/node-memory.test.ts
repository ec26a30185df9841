import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeMemory } from '../../src/domain/node-memory.ts';
import { instanceTypesOf } from '../../src/domain/nodegroups.ts';
import type { ClusterNode, InstanceType, Nodegroup } from '../../src/domain/snapshot.ts';
import { aNode, aNodegroup, anInstanceType, aSnapshot } from '../support/snapshot.ts';

const MiB = 1024 * 1024;
const aSource = (overrides: Partial<Nodegroup> = {}, nodes: ClusterNode[] = [], types: InstanceType[] = []) => {
  const nodegroup = aNodegroup(overrides);
  const snapshot = aSnapshot({ nodegroups: [nodegroup], nodes, instanceTypes: [anInstanceType(), ...types] });
  return { nodegroup, snapshot };
};
const node = (memoryMiB: number, pods: number, instanceType = 'm5.large') =>
  aNode({ instanceType, allocatable: { pods, cpuMillis: 1930, memoryBytes: memoryMiB * MiB + 5 } });

const rows: [string, ReturnType<typeof aSource>, number, (number | null)[]][] = [
  [
    'by the addresses of secondary IP mode',
    aSource({}, [node(7067, 29), node(7100, 29)]),
    110,
    [574, 1465, 7067, 6176],
  ],
  ['whatever maxPods is today', aSource({}, [node(7067, 58)]), 110, [574, 1465, 7067, 6176]],
  [
    'Bottlerocket: by maxPods',
    aSource({ amiType: 'BOTTLEROCKET_x86_64' }, [node(6800, 58)]),
    110,
    [893, 1465, 6800, 6228],
  ],
  [
    'a replacement of an earlier plan: by maxPods',
    aSource({ tags: { 'prefix-migrate/source': 'old' } }, [node(6176, 110)]),
    200,
    [1465, 2455, 6176, 5186],
  ],
  ['no nodes', aSource(), 110, [574, 1465, null, null]],
  [
    'the type with the least memory',
    aSource(
      { instanceTypes: ['m5.large', 't3.medium'] },
      [node(7067, 17), node(3400, 17, 't3.medium')],
      [anInstanceType({ instanceType: 't3.medium', ipv4PerEni: 6, memoryMiB: 4096 })],
    ),
    110,
    [442, 1465, 3400, 2377],
  ],
  [
    'more than there is',
    aSource(
      { instanceTypes: ['t3.nano'] },
      [node(100, 4, 't3.nano')],
      [anInstanceType({ instanceType: 't3.nano', enis: 2, ipv4PerEni: 2, memoryMiB: 512 })],
    ),
    34,
    [299, 629, 100, 0],
  ],
  [
    'a large type gets some back',
    aSource(
      { instanceTypes: ['m5.8xlarge'] },
      [node(120_000, 234, 'm5.8xlarge')],
      [anInstanceType({ instanceType: 'm5.8xlarge', enis: 15, ipv4PerEni: 50, memoryMiB: 131_072 })],
    ),
    250,
    [8362, 3005, 120_000, 125_357],
  ],
];

for (const [name, { snapshot, nodegroup }, maxPods, expected] of rows) {
  test(`reserved and allocatable memory: ${name}`, () => {
    const memory = nodeMemory(snapshot, nodegroup, instanceTypesOf(snapshot, nodegroup).known, maxPods);
    assert.deepEqual(
      [memory.reservedBeforeMiB, memory.reservedAfterMiB, memory.allocatableBeforeMiB, memory.allocatableAfterMiB],
      expected,
    );
  });
}
