import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { shippedData } from '../../src/domain/instance-types/data.ts';
import { shippedInstanceType } from '../../src/domain/instance-types/lookup.ts';
import {
  kubeReservedMemoryMiB,
  lowestTypes,
  plainInterfaces,
  podCap,
  prefixCapacity,
  recommendedMaxPods,
  secondaryCapacity,
  secondaryMaxPods,
  supportsPrefixes,
} from '../../src/domain/max-pods.ts';
import type { InstanceType } from '../../src/domain/snapshot.ts';
import { anInstanceType } from '../support/snapshot.ts';

const customNetworking = { ...plainInterfaces, customNetworking: true };
const reference = new URL('../support/reference/', import.meta.url);
const read = (name: string) => readFileSync(new URL(name, reference), 'utf8');

/** As shipped. */
function shipped(name: string): InstanceType {
  const type = shippedInstanceType(name);
  assert.ok(type !== undefined, name);
  return type;
}

const type = (
  instanceType: string,
  vcpus: number,
  hypervisor: 'nitro' | 'xen' | null,
  enis: number,
  ipv4PerEni: number,
): InstanceType =>
  anInstanceType({ instanceType, vcpus, hypervisor, bareMetal: hypervisor === null, enis, ipv4PerEni });

test('secondary capacity is the number that AWS publishes, for every type', () => {
  const rows = read('eni-max-pods.txt')
    .split('\n')
    .filter((line) => /^[a-z]/.test(line))
    .map((line) => line.split(' '));
  assert.equal(rows.length, 1391);
  const wrong = rows.filter(([name = '', pods]) => secondaryCapacity(shipped(name), plainInterfaces) !== Number(pods));
  assert.deepEqual(wrong, []);
});

describe('worked values', () => {
  // vCPU, hypervisor, ENIs, addresses per ENI: secondary and the same with custom networking; in prefix mode the capacity, what is
  // recommended, and the same with custom networking; branch interfaces, 0 where there is no trunk
  type Platform = 'nitro' | 'xen' | 'metal';
  type Row = [string, number, Platform, number, number, number, number, number, number, number, number | null];
  const rows: Row[] = [
    ['t2.medium', 2, 'xen', 3, 6, 17, 12, 17, 17, 12, 0],
    ['m4.large', 2, 'xen', 2, 10, 20, 11, 20, 20, 11, 0],
    ['i3.large', 2, 'xen', 3, 10, 29, 20, 29, 29, 20, 0],
    ['t3.nano', 2, 'nitro', 2, 2, 4, 3, 34, 34, 18, 0],
    ['t3.micro', 2, 'nitro', 2, 2, 4, 3, 34, 34, 18, 0],
    ['t3.small', 2, 'nitro', 3, 4, 11, 8, 146, 110, 98, 0],
    ['t3.medium', 2, 'nitro', 3, 6, 17, 12, 242, 110, 110, 0],
    ['t4g.medium', 2, 'nitro', 3, 6, 17, 12, 242, 110, 110, 0],
    ['t3.large', 2, 'nitro', 3, 12, 35, 24, 530, 110, 110, 0],
    ['t3.xlarge', 4, 'nitro', 4, 15, 58, 44, 898, 110, 110, 0],
    ['t3.2xlarge', 8, 'nitro', 4, 15, 58, 44, 898, 110, 110, 0],
    ['m5.large', 2, 'nitro', 3, 10, 29, 20, 434, 110, 110, 9],
    ['m5.xlarge', 4, 'nitro', 4, 15, 58, 44, 898, 110, 110, 18],
    ['m5.2xlarge', 8, 'nitro', 4, 15, 58, 44, 898, 110, 110, 38],
    ['m5.4xlarge', 16, 'nitro', 8, 30, 234, 205, 3714, 110, 110, 54],
    ['m5.8xlarge', 32, 'nitro', 8, 30, 234, 205, 3714, 250, 250, 54],
    ['m5.24xlarge', 96, 'nitro', 15, 50, 737, 688, 11762, 250, 250, 107],
    ['m5.metal', 96, 'metal', 15, 50, 737, 688, 11762, 250, 250, 120],
    ['c5.large', 2, 'nitro', 3, 10, 29, 20, 434, 110, 110, 9],
    ['c5.xlarge', 4, 'nitro', 4, 15, 58, 44, 898, 110, 110, 18],
    ['c5.2xlarge', 8, 'nitro', 4, 15, 58, 44, 898, 110, 110, 38],
    ['c5.4xlarge', 16, 'nitro', 8, 30, 234, 205, 3714, 110, 110, 54],
    ['c5.9xlarge', 36, 'nitro', 8, 30, 234, 205, 3714, 250, 250, 54],
    ['c5n.18xlarge', 72, 'nitro', 15, 50, 737, 688, 11762, 250, 250, 107],
    ['r5.large', 2, 'nitro', 3, 10, 29, 20, 434, 110, 110, 9],
    ['m6i.large', 2, 'nitro', 3, 10, 29, 20, 434, 110, 110, 9],
    ['m6i.4xlarge', 16, 'nitro', 8, 30, 234, 205, 3714, 110, 110, 54],
    ['m6i.8xlarge', 32, 'nitro', 8, 30, 234, 205, 3714, 250, 250, 84],
    ['m7g.medium', 1, 'nitro', 2, 4, 8, 5, 98, 98, 50, 4],
    ['m7g.large', 2, 'nitro', 3, 10, 29, 20, 434, 110, 110, 9],
    ['m7g.xlarge', 4, 'nitro', 4, 15, 58, 44, 898, 110, 110, 18],
    ['m7g.2xlarge', 8, 'nitro', 4, 15, 58, 44, 898, 110, 110, 38],
    ['m7g.4xlarge', 16, 'nitro', 8, 30, 234, 205, 3714, 110, 110, 54],
    ['m7g.8xlarge', 32, 'nitro', 8, 30, 234, 205, 3714, 250, 250, 54],
    ['m7g.metal', 64, 'metal', 15, 50, 737, 688, 11762, 250, 250, 107],
    ['c7i.48xlarge', 192, 'nitro', 15, 50, 737, 688, 11762, 250, 250, 107],
    ['a1.metal', 16, 'metal', 8, 30, 234, 205, 3714, 110, 110, 54],
    ['g5.xlarge', 4, 'nitro', 4, 15, 58, 44, 898, 110, 110, 4],
    ['inf2.xlarge', 4, 'nitro', 4, 15, 58, 44, 898, 110, 110, 18],
    ['p3dn.24xlarge', 96, 'nitro', 15, 50, 737, 688, 11762, 250, 250, 107],
    ['p4d.24xlarge', 96, 'nitro', 15, 50, 737, 688, 11762, 250, 250, 62],
    ['p5.48xlarge', 192, 'nitro', 2, 50, 100, 51, 1570, 250, 250, 120],
    ['mac1.metal', 12, 'metal', 8, 30, 234, 205, 3714, 110, 110, 6],
    ['u-6tb1.metal', 448, 'metal', 5, 30, 147, 118, 2322, 250, 250, null],
  ];
  for (const [name, vcpus, platform, enis, addresses, ...pods] of rows) {
    test(name, () => {
      const one = shipped(name);
      assert.deepEqual(
        [one.vcpus, one.bareMetal ? 'metal' : one.hypervisor, one.enis, one.ipv4PerEni],
        [vcpus, platform, enis, addresses],
      );
      assert.deepEqual(
        [
          secondaryCapacity(one, plainInterfaces),
          secondaryCapacity(one, customNetworking),
          prefixCapacity(one, plainInterfaces),
          recommendedMaxPods([one], plainInterfaces).value,
          recommendedMaxPods([one], customNetworking).value,
          one.branchInterfaces,
        ],
        pods,
      );
    });
  }
});

test('types on which addresses decide in prefix mode: 98 or 34 pods, nothing else below the cap', () => {
  const nitro = Object.keys(shippedData.types).map(shipped).filter(supportsPrefixes);
  const below = nitro.filter((one) => recommendedMaxPods([one], plainInterfaces).value < podCap(one.vcpus));
  const names = (pods: number) =>
    below
      .filter((one) => recommendedMaxPods([one], plainInterfaces).value === pods)
      .map(({ instanceType }) => instanceType)
      .join(' ');
  assert.equal(below.length, 45);
  assert.equal(names(34), 't3.micro t3.nano t3a.micro t3a.nano t4g.micro t4g.nano');
  assert.equal(
    names(98),
    'a1.medium c6g.medium c6gd.medium c6gn.medium c7a.medium c7g.medium c7gd.medium c7gn.medium c8a.medium c8g.medium ' +
      'c8gb.medium c8gd.medium c8gn.medium g4ad.2xlarge g4ad.xlarge is4gen.medium m6g.medium m6gd.medium m7a.medium ' +
      'm7g.medium m7gd.medium m8a.medium m8g.medium m8gb.medium m8gd.medium m8gn.medium r6g.medium r6gd.medium ' +
      'r7a.medium r7g.medium r7gd.medium r8a.medium r8g.medium r8gb.medium r8gd.medium r8gn.medium t3a.small ' +
      'x2gd.medium x8g.medium',
  );
});

describe('what decides', () => {
  const medium = type('m7g.medium', 1, 'nitro', 2, 4);
  const cases: [string, InstanceType[], { value: number; limitedBy: string }][] = [
    ['the cap', [anInstanceType()], { value: 110, limitedBy: 'vCPU cap 110' }],
    ['the addresses', [medium], { value: 98, limitedBy: 'm7g.medium: 6 prefixes of 16 addresses' }],
    [
      'the smallest type of a mix',
      [anInstanceType(), medium],
      { value: 98, limitedBy: 'm7g.medium: 6 prefixes of 16 addresses' },
    ],
    [
      'a type without prefixes',
      [type('m4.large', 2, 'xen', 2, 10)],
      { value: 20, limitedBy: 'm4.large: 18 addresses, prefixes are not supported' },
    ],
  ];
  for (const [name, types, expected] of cases) {
    test(name, () => assert.deepEqual(recommendedMaxPods(types, plainInterfaces), expected));
  }
  test('settings that leave pods no interface', () => {
    assert.deepEqual(recommendedMaxPods([anInstanceType()], { ...customNetworking, maxEni: 1 }), {
      value: 2,
      limitedBy: 'm5.large: no interface is left for pods',
    });
  });
  test('the cap in secondary IP mode, too', () => {
    assert.equal(secondaryMaxPods([type('c5.4xlarge', 16, 'nitro', 8, 30)], plainInterfaces).value, 110);
  });
});

const lowest = (...names: string[]) => lowestTypes(names.map(shipped), plainInterfaces);
test('the types that hold a mixed group down', () => {
  assert.equal(lowest('t3.small', 'm5.large'), undefined);
  assert.deepEqual(lowest('t3a.small', 'm5.large', 't3a.micro', 't4g.nano'), {
    names: ['t3a.micro', 't4g.nano'],
    value: 34,
    without: { value: 98, limitedBy: 't3a.small: 6 prefixes of 16 addresses' },
  });
});

test('the cap changes above 30 vCPUs, and is the low one when they are not known', () => {
  assert.deepEqual([0, 2, 30, 31, 32].map(podCap), [110, 110, 110, 250, 250]);
});
test('MAX_ENI and a trunk interface take interfaces away', () => {
  assert.equal(prefixCapacity(anInstanceType(), { ...plainInterfaces, maxEni: 1 }), 146);
  assert.equal(prefixCapacity(anInstanceType(), { ...plainInterfaces, podEni: true }), 290);
  assert.equal(prefixCapacity(anInstanceType({ enis: 1 }), { ...customNetworking, podEni: true }), 2);
});
test('a type that cannot have a trunk interface loses none to it; one that is not known may', () => {
  const podEni = { ...plainInterfaces, podEni: true };
  assert.equal(prefixCapacity(shipped('t3.medium'), podEni), 242);
  assert.equal(prefixCapacity(shipped('m5.large'), podEni), 290);
  assert.equal(prefixCapacity(anInstanceType({ branchInterfaces: null }), podEni), 290);
});
test('prefixes need Nitro or bare metal', () => {
  assert.deepEqual(
    [type('a', 2, 'nitro', 1, 1), type('b', 2, null, 1, 1), type('c', 2, 'xen', 1, 1)].map(supportsPrefixes),
    [true, true, false],
  );
});
test('reserved memory grows by 11 MiB per pod', () => {
  assert.deepEqual([17, 29, 58, 98, 110, 234, 250].map(kubeReservedMemoryMiB), [442, 574, 893, 1333, 1465, 2829, 3005]);
});
