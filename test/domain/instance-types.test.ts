import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { shippedData } from '../../src/domain/instance-types/data.ts';
import { shippedInstanceType } from '../../src/domain/instance-types/lookup.ts';
import { nearestNitroTypes } from '../../src/domain/instance-types/nearest-nitro.ts';

interface Limits {
  enis: number;
  ipv4PerEni: number;
  hypervisor: 'nitro' | 'xen' | 'unknown';
  isBareMetal: boolean;
  defaultNetworkCardIndex: number;
  networkCards: { index: number; maxEnis: number }[];
}
const limits: Record<string, Limits> = JSON.parse(
  readFileSync(new URL('../support/reference/instance-network-limits.json', import.meta.url), 'utf8'),
);

describe('the data shipped', () => {
  test('has the limits of the VPC CNI for all of its 1391 types', () => {
    assert.equal(Object.keys(limits).length, 1391);
    const wrong = Object.entries(limits).filter(([name, { enis, ipv4PerEni, hypervisor, isBareMetal }]) => {
      const type = shippedInstanceType(name);
      const platform = isBareMetal || hypervisor === 'unknown' ? null : hypervisor;
      return (
        type?.enis !== enis ||
        type.ipv4PerEni !== ipv4PerEni ||
        type.hypervisor !== platform ||
        type.bareMetal !== isBareMetal
      );
    });
    assert.deepEqual(wrong, []);
  });
  test('says where it comes from and of what day it is', () => {
    assert.match(shippedData.date, /^20\d\d-\d\d-\d\d$/);
    assert.ok(shippedData.origin.every((source) => /^\S.* \S+\/\S+, \S+|^EC2 /.test(source)));
  });
  test('knows the size of all but a handful', () => {
    const unknown = Object.entries(shippedData.types).filter(([, [vcpus, memoryMiB]]) => vcpus * memoryMiB === 0);
    assert.deepEqual(
      unknown.map(([name]) => name),
      ['bmn-sf1.metal', 'c5a.metal', 'c5ad.metal', 'c7i.32xlarge'],
    );
  });
  test('is looked up by the whole name', () => {
    assert.deepEqual(
      ['m99.large', 'constructor', 'm5'].map((name) => shippedInstanceType(name)),
      [undefined, undefined, undefined],
    );
    assert.deepEqual(shippedInstanceType('c3.large', 'not-allowed'), {
      instanceType: 'c3.large',
      origin: 'not-allowed',
      hypervisor: 'xen',
      bareMetal: false,
      vcpus: 2,
      memoryMiB: 3840,
      enis: 3,
      ipv4PerEni: 10,
      branchInterfaces: 0,
      architectures: ['i386', 'x86_64'],
    });
  });
});

describe('the nearest Nitro types', () => {
  const rows: [string, string][] = [
    ['t2.small', 't3.small t3a.small'],
    ['t2.2xlarge', 't3.2xlarge t3a.2xlarge'],
    ['m3.medium', 'm5.large m6i.large'],
    ['m4.large', 'm5.large m6i.large'],
    ['m4.10xlarge', 'm5.12xlarge m6i.12xlarge'],
    ['c4.8xlarge', 'c5.9xlarge c6i.8xlarge'],
    ['c3.4xlarge', 'c5.4xlarge c6i.4xlarge'],
    ['r4.16xlarge', 'r5.16xlarge r6i.16xlarge'],
    ['i3.large', 'i3en.large i4i.large'],
    ['i3.16xlarge', 'i3en.24xlarge i4i.16xlarge'],
    ['d2.8xlarge', 'd3.8xlarge d3en.8xlarge'],
    ['p3.2xlarge', 'g5.2xlarge'],
    ['p3.8xlarge', 'g5.8xlarge p3dn.24xlarge'],
    ['x1.32xlarge', 'x2idn.32xlarge'],
    ['x1e.xlarge', 'x2iedn.xlarge'],
  ];
  for (const [name, expected] of rows) {
    test(name, () => {
      const type = shippedInstanceType(name);
      assert.ok(type !== undefined);
      assert.equal(
        nearestNitroTypes(type)
          .map(({ instanceType }) => instanceType)
          .join(' '),
        expected,
      );
    });
  }
  test('are there for every type without Nitro', () => {
    const without = Object.keys(shippedData.types)
      .flatMap((name) => shippedInstanceType(name) ?? [])
      .filter(({ hypervisor, bareMetal }) => hypervisor !== 'nitro' && !bareMetal)
      .filter((type) => nearestNitroTypes(type).length === 0);
    assert.deepEqual(
      without.map(({ instanceType }) => instanceType),
      [],
    );
  });
});
