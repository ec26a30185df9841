import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { drainClass, mustMove } from '../../src/domain/evictable.ts';
import type { Pod } from '../../src/domain/snapshot.ts';
import { aPod } from '../support/snapshot.ts';

describe('pods in a drain', () => {
  const daemonSet = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'x', uid: 'x' };
  const rows: [string, Partial<Pod>, string, boolean][] = [
    ['with a controller', {}, 'evictable', true],
    ['of a DaemonSet', { controller: daemonSet, emptyDirVolumes: ['tmp'] }, 'daemonset', false],
    ['mirror', { mirror: true, controller: null }, 'mirror', false],
    ['finished', { phase: 'Succeeded', controller: null }, 'finished', false],
    ['failed', { phase: 'Failed' }, 'finished', false],
    ['bare', { controller: null }, 'bare', true],
    ['bare with data', { controller: null, emptyDirVolumes: ['data'] }, 'bare', true],
    ['with data', { emptyDirVolumes: ['data'] }, 'empty-dir', true],
    ['on the host network', { hostNetwork: true }, 'evictable', true],
  ];
  for (const [name, overrides, expected, moves] of rows) {
    test(name, () => assert.deepEqual([drainClass(aPod(overrides)), mustMove(aPod(overrides))], [expected, moves]));
  }
});
