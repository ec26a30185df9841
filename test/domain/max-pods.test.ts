import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import {
  kubeReservedMemoryMiB,
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

const type = (
  instanceType: string,
  vcpus: number,
  hypervisor: 'nitro' | 'xen' | null,
  enis: number,
  ipv4PerEni: number,
): InstanceType =>
  anInstanceType({ instanceType, vcpus, hypervisor, bareMetal: hypervisor === null, enis, ipv4PerEni });

describe('secondary capacity', () => {
  test('is the number that AWS publishes, for every type', () => {
    const limits: Record<string, { enis: number; ipv4PerEni: number }> = JSON.parse(
      read('instance-network-limits.json'),
    );
    const rows = read('eni-max-pods.txt')
      .split('\n')
      .filter((line) => /^[a-z]/.test(line))
      .map((line) => line.split(' '));
    assert.equal(rows.length, 1391);
    const wrong = rows.filter(([name = '', pods]) => {
      const { enis = 0, ipv4PerEni = 0 } = limits[name] ?? {};
      return secondaryCapacity(type(name, 2, 'nitro', enis, ipv4PerEni), plainInterfaces) !== Number(pods);
    });
    assert.deepEqual(wrong, []);
  });
});

describe('worked values', () => {
  // name, vCPU, hypervisor, ENIs, addresses per ENI: secondary, the same with custom networking, prefix, recommended, the same with custom networking
  const rows: [string, number, 'nitro' | 'xen' | null, number, number, number, number, number, number, number][] = [
    ['t2.medium', 2, 'xen', 3, 6, 17, 12, 17, 17, 12],
    ['m4.large', 2, 'xen', 2, 10, 20, 11, 20, 20, 11],
    ['i3.large', 2, 'xen', 3, 10, 29, 20, 29, 29, 20],
    ['t3.nano', 2, 'nitro', 2, 2, 4, 3, 34, 34, 18],
    ['t3.small', 2, 'nitro', 3, 4, 11, 8, 146, 110, 98],
    ['t3.medium', 2, 'nitro', 3, 6, 17, 12, 242, 110, 110],
    ['t3.large', 2, 'nitro', 3, 12, 35, 24, 530, 110, 110],
    ['t3.2xlarge', 8, 'nitro', 4, 15, 58, 44, 898, 110, 110],
    ['m5.large', 2, 'nitro', 3, 10, 29, 20, 434, 110, 110],
    ['m5.4xlarge', 16, 'nitro', 8, 30, 234, 205, 3714, 110, 110],
    ['m5.8xlarge', 32, 'nitro', 8, 30, 234, 205, 3714, 250, 250],
    ['m5.24xlarge', 96, 'nitro', 15, 50, 737, 688, 11762, 250, 250],
    ['m5.metal', 96, null, 15, 50, 737, 688, 11762, 250, 250],
    ['c5.9xlarge', 36, 'nitro', 8, 30, 234, 205, 3714, 250, 250],
    ['m7g.medium', 1, 'nitro', 2, 4, 8, 5, 98, 98, 50],
    ['a1.metal', 16, null, 8, 30, 234, 205, 3714, 110, 110],
    ['p5.48xlarge', 192, 'nitro', 2, 50, 100, 51, 1570, 250, 250],
    ['u-6tb1.metal', 448, null, 5, 30, 147, 118, 2322, 250, 250],
  ];
  for (const [
    name,
    vcpus,
    hypervisor,
    enis,
    addresses,
    std,
    stdCustom,
    prefix,
    recommended,
    recommendedCustom,
  ] of rows) {
    test(name, () => {
      const one = type(name, vcpus, hypervisor, enis, addresses);
      assert.deepEqual(
        [
          secondaryCapacity(one, plainInterfaces),
          secondaryCapacity(one, customNetworking),
          prefixCapacity(one, plainInterfaces),
          recommendedMaxPods([one], plainInterfaces).value,
          recommendedMaxPods([one], customNetworking).value,
        ],
        [std, stdCustom, prefix, recommended, recommendedCustom],
      );
    });
  }
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
  test('the cap in secondary IP mode, too', () => {
    assert.equal(secondaryMaxPods([type('c5.4xlarge', 16, 'nitro', 8, 30)], plainInterfaces).value, 110);
  });
});

test('the cap changes above 30 vCPUs', () => assert.deepEqual([2, 30, 31, 32].map(podCap), [110, 110, 250, 250]));
test('MAX_ENI and a trunk interface take interfaces away', () => {
  assert.equal(prefixCapacity(anInstanceType(), { ...plainInterfaces, maxEni: 1 }), 146);
  assert.equal(prefixCapacity(anInstanceType(), { ...plainInterfaces, podEni: true }), 290);
  assert.equal(prefixCapacity(anInstanceType({ enis: 1 }), { ...customNetworking, podEni: true }), 2);
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
