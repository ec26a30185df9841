import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AMITypes } from '@aws-sdk/client-eks';
import { type AmiFamily, amiFamilyOf, familyOfSystem } from '../../src/domain/ami.ts';

const families: Record<AmiFamily, string[]> = {
  al2023: [
    'AL2023_ARM_64_NVIDIA',
    'AL2023_ARM_64_STANDARD',
    'AL2023_x86_64_NEURON',
    'AL2023_x86_64_NVIDIA',
    'AL2023_x86_64_STANDARD',
  ],
  al2: ['AL2_ARM_64', 'AL2_x86_64', 'AL2_x86_64_GPU'],
  bottlerocket: [
    'BOTTLEROCKET_ARM_64',
    'BOTTLEROCKET_ARM_64_FIPS',
    'BOTTLEROCKET_ARM_64_NVIDIA',
    'BOTTLEROCKET_ARM_64_NVIDIA_FIPS',
    'BOTTLEROCKET_x86_64',
    'BOTTLEROCKET_x86_64_FIPS',
    'BOTTLEROCKET_x86_64_NVIDIA',
    'BOTTLEROCKET_x86_64_NVIDIA_FIPS',
  ],
  windows: [
    'WINDOWS_CORE_2019_x86_64',
    'WINDOWS_CORE_2022_x86_64',
    'WINDOWS_CORE_2025_x86_64',
    'WINDOWS_FULL_2019_x86_64',
    'WINDOWS_FULL_2022_x86_64',
    'WINDOWS_FULL_2025_x86_64',
  ],
  custom: ['CUSTOM'],
  unknown: [],
};

test('every AMI type of the EKS API is in the table, and has the family that stands there', () => {
  assert.deepEqual(Object.values(families).flat().toSorted(), Object.values(AMITypes).toSorted());
  for (const [family, types] of Object.entries(families)) {
    for (const type of types) assert.equal(amiFamilyOf(type), family, type);
  }
  assert.equal(amiFamilyOf('FLATCAR_x86_64'), 'unknown');
});

const systems: [string, ReturnType<typeof familyOfSystem>][] = [
  ['Amazon Linux 2023.9.20260801', 'al2023'],
  ['Amazon Linux 2023', 'al2023'],
  ['Amazon Linux 2', 'al2'],
  ['Amazon Linux 2.0.20250101', 'al2'],
  ['Amazon Linux 2027.1', null],
  ['Ubuntu 22.04.5 LTS', 'al2'],
  ['Bottlerocket OS 1.44.0 (aws-k8s-1.33)', 'bottlerocket'],
  ['Red Hat Enterprise Linux 9.4 (Plow)', null],
  ['Windows Server 2022 Datacenter', null],
  ['', null],
];
for (const [system, family] of systems) {
  test(`nodes with "${system}" are of ${family ?? 'no family'}`, () => assert.equal(familyOfSystem(system), family));
}
