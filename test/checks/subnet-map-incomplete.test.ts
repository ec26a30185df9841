import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { subnetMapIncomplete } from '../../src/checks/subnet-map-incomplete.ts';
import { plainRequest } from '../../src/domain/plan.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import { aSnapshot } from '../support/snapshot.ts';

/** What is said when AWS counts so many more addresses in the first subnet than its interfaces leave. */
function foundWith(surplus: number, ownerId = '111122223333') {
  const { subnets, ...rest } = aSnapshot();
  const [first, ...others] = subnets;
  assert.ok(first);
  const counted = { ...first, ownerId, availableIpAddressCount: first.availableIpAddressCount + surplus };
  const snapshot = { ...rest, subnets: [counted, ...others] };
  return subnetMapIncomplete.run(snapshot, scopeOf(snapshot, plainRequest('shop-eu')));
}

describe('what AWS counts and what the interfaces leave', () => {
  const rows: [surplus: number, severity: string | undefined, summary: RegExp][] = [
    [0, undefined, /^$/],
    [-3, undefined, /^$/],
    [3, undefined, /^$/],
    [-4, 'warning', /^subnet-0aa1: 4 addresses in use cannot be seen/],
    [
      4,
      'advice',
      /^subnet-0aa1: AWS counts 4 more free addresses than its network interfaces and reservations leave\.$/,
    ],
  ];
  for (const [surplus, severity, summary] of rows) {
    test(`${surplus}: ${severity ?? 'nothing to say'}`, () => {
      const [found, ...others] = foundWith(surplus);
      assert.equal(found?.severity, severity);
      assert.match(found?.summary ?? '', summary);
      assert.deepEqual(others, []);
    });
  }
  test('of a subnet that another account shares the owner is named', () => {
    assert.match(foundWith(-9, '999988887777')[0]?.why ?? '', /belongs to account 999988887777, which alone sees all/);
  });
});
