import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { subnetReservation } from '../../src/checks/subnet-reservation.ts';
import type { Finding } from '../../src/domain/finding.ts';
import type { PlanRequest } from '../../src/domain/plan.ts';
import type { ClusterSnapshot, Subnet } from '../../src/domain/snapshot.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import { aRequest, aSnapshot, aSubnet, aVpcCni } from '../support/snapshot.ts';

const subnetIds = ['subnet-0aa1', 'subnet-0bb2', 'subnet-0cc3'];

/** What is said when the subnets of the healthy cluster are as told: none of their addresses is in use. */
function findings(found: Partial<Subnet>[], more: Partial<ClusterSnapshot> = {}, asked: Partial<PlanRequest> = {}) {
  const subnets = found.map((subnet, index) =>
    aSubnet({ subnetId: subnetIds[index] ?? '', cidr: `10.0.${index + 1}.0/24`, ...subnet }),
  );
  const snapshot = aSnapshot({ subnets, networkInterfaces: [], ...more });
  const request = aRequest({ nodegroups: ['apps'], reserveSubnetCidr: true, ...asked });
  return subnetReservation.run(snapshot, scopeOf(snapshot, request));
}
const codes = (all: Finding[]) => all.map(({ code, subject }) => `${code} ${subject}`);
const roomy = { cidr: '10.0.16.0/20', availableIpAddressCount: 4091 };

test('nothing is said where there is room, and where nothing was asked for', () => {
  assert.deepEqual(findings([{}, {}]), []);
  assert.deepEqual(findings([{ availableIpAddressCount: 20 }, {}], {}, { reserveSubnetCidr: false }), []);
});

test('a subnet without room for a reservation says why, and what keeps fewer prefixes', () => {
  const [finding, ...others] = findings([{ availableIpAddressCount: 20 }, {}]);
  assert.deepEqual([finding?.code, finding?.severity, others], ['RESERVATION.NO_ROOM', 'warning', []]);
  assert.match(
    finding?.summary ?? '',
    /^Nothing is reserved in subnet-0aa1: no ranges hold \d+ \/28 blocks and leave \d+ single/,
  );
  assert.deepEqual(finding?.nextActions, [
    'prefix-migrate plan --cluster shop-eu --nodegroup apps --warm-ip-target 5 --minimum-ip-target 16 --reserve-subnet-cidr --soak 0s  # keeps fewer spare prefixes',
    'aws ec2 get-subnet-cidr-reservations --region eu-west-1 --subnet-id subnet-0aa1',
  ]);
});

test('the owner of a shared subnet gets the command', () => {
  const [finding, ...others] = findings([{ ownerId: '999988887777' }, {}]);
  assert.deepEqual([finding?.code, finding?.severity, others], ['RESERVATION.OTHER_ACCOUNT', 'warning', []]);
  assert.match(finding?.summary ?? '', /belongs to account 999988887777/);
  assert.match(
    finding?.nextActions[0] ?? '',
    /^aws ec2 create-subnet-cidr-reservation --region eu-west-1 --subnet-id subnet-0aa1 --reservation-type prefix --cidr 10\.0\.1\.\d+\/\d+ {2}# with credentials of account 999988887777$/,
  );
  assert.match(finding?.nextActions.at(-1) ?? '', /^prefix-migrate plan .* --reserve-subnet-cidr .*# afterwards$/);
});

describe('subnet discovery of the VPC CNI', () => {
  const rival: Partial<Subnet> = { ...roomy, tags: { 'kubernetes.io/role/cni': '1' } };
  const rows: [string, Parameters<typeof findings>, string[]][] = [
    ['a tagged subnet of the zone with more addresses', [[{}, {}, rival]], ['subnet-0aa1', 'subnet-0bb2']],
    ['one that is not tagged', [[{}, {}, roomy]], []],
    ['one that is left out', [[{}, {}, { ...roomy, tags: { 'kubernetes.io/role/cni': '0' } }]], []],
    ['one of another zone', [[{}, {}, { ...rival, availabilityZone: 'eu-west-1b' }]], []],
    ['one of another VPC', [[{}, {}, { ...rival, vpcId: 'vpc-other' }]], []],
    ['a VPC CNI that does not look', [[{}, {}, rival], { vpcCni: aVpcCni({ version: '1.17.1' }) }], []],
    ['where it is off', [[{}, {}, rival], { vpcCni: aVpcCni({ env: { ENABLE_SUBNET_DISCOVERY: 'false' } }) }], []],
  ];
  for (const [what, input, expected] of rows) {
    test(what, () => {
      assert.deepEqual(
        codes(findings(...input)),
        expected.map((subnetId) => `RESERVATION.SUBNET_DISCOVERY ${subnetId}`),
      );
    });
  }

  test('names the subnet that further interfaces come to, and how to keep them out', () => {
    const [finding] = findings([{}, {}, rival]);
    assert.match(
      finding?.summary ?? '',
      /^Reserving 10\.0\.1\.\d+\/\d+ leaves \d+ free single addresses in subnet-0aa1\. subnet-0cc3 has more/,
    );
    assert.equal(
      finding?.nextActions[0],
      'aws ec2 delete-tags --region eu-west-1 --resources subnet-0cc3 --tags Key=kubernetes.io/role/cni  # no further interfaces there, of any node',
    );
  });

  test('a reservation that takes nearly all', () => {
    const left = 120;
    const [before] = findings([{ availableIpAddressCount: left }, {}]);
    assert.equal(before, undefined);
    const tight = Array.from({ length: left }, (_, index) => findings([{ availableIpAddressCount: index }, {}]));
    const discovered = tight.filter((all) => all[0]?.code === 'RESERVATION.SUBNET_DISCOVERY');
    assert.ok(discovered.length > 0);
    for (const [finding] of discovered) {
      assert.match(finding?.summary ?? '', /leaves (1\d|2\d) free single addresses in subnet-0aa1\.$/);
    }
  });
});
