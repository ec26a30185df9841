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
});

describe('a subnet of another account', () => {
  const other = '999988887777';
  const rows: [surplus: number, severity: string, summary: RegExp, why: RegExp][] = [
    [0, 'advice', / belongs to account 999988887777: 12 free \/28 blocks is the most that there can be\.$/, /as many/],
    // three that are hidden can spoil three blocks
    [-3, 'warning', / the most that there can be; 3 addresses in use cannot be seen\.$/, /as few as 9 may be free/],
    [-1, 'warning', /; 1 address in use cannot be seen\.$/, /as few as 11 may be free/],
    [2, 'warning', /; AWS counts 2 more free addresses than can be seen here\.$/, /changing/],
  ];
  for (const [surplus, severity, summary, why] of rows) {
    test(`${surplus}: ${severity}`, () => {
      const [found, ...more] = foundWith(surplus, other);
      assert.deepEqual([found?.code, found?.severity, more], ['SUBNET.SHARED', severity, []]);
      assert.match(found?.summary ?? '', summary);
      assert.match(found?.why ?? '', why);
    });
  }
  test('its owner can run what tells, and what keeps the blocks free', () => {
    const actions = foundWith(0, other)[0]?.nextActions ?? [];
    assert.match(
      actions[0] ?? '',
      /^aws ec2 describe-network-interfaces --region eu-west-1 --filters Name=subnet-id,Values=subnet-0aa1 .*# with credentials of account 999988887777$/,
    );
    assert.match(
      actions[1] ?? '',
      /^aws ec2 create-subnet-cidr-reservation --region eu-west-1 --subnet-id subnet-0aa1 .*# with credentials of account 999988887777$/,
    );
    assert.match(actions.at(-1) ?? '', /^prefix-migrate plan --cluster shop-eu {2}# afterwards$/);
  });
});
