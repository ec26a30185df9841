import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amiFamilyOf } from '../../src/domain/ami.ts';

test('AMI families', () => {
  const types = [
    'AL2023_ARM_64_NVIDIA',
    'AL2_x86_64',
    'BOTTLEROCKET_ARM_64_FIPS',
    'WINDOWS_CORE_2022_x86_64',
    'CUSTOM',
    'NEW_ONE',
  ];
  assert.deepEqual(types.map(amiFamilyOf), ['al2023', 'al2', 'bottlerocket', 'windows', 'custom', 'custom']);
});
