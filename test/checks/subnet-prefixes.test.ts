import assert from 'node:assert/strict';
import { test } from 'node:test';
import { subnetPrefixes } from '../../src/checks/subnet-prefixes.ts';
import type { Scope } from '../../src/domain/scope.ts';
import type { ClusterSnapshot } from '../../src/domain/snapshot.ts';
import { anInterface, aRequest, aSnapshot, aSubnet } from '../support/snapshot.ts';

/** What is said about subnet-0aa1 when a plan takes so many blocks from it. */
function finding(snapshot: ClusterSnapshot, peakDemand: number) {
  const scope: Scope = {
    request: aRequest(),
    sources: snapshot.nodegroups.slice(0, 1),
    skipped: [],
    subnets: [
      {
        subnetId: 'subnet-0aa1',
        availabilityZone: 'eu-west-1a',
        cidr: '10.0.1.0/24',
        freeAddresses: 236,
        freePrefixes: 0,
        freePrefixesAfter: 9,
        peakDemand,
        fits: false,
      },
    ],
    movingPods: [],
  };
  return subnetPrefixes.run(snapshot, scope)[0] ?? assert.fail('no finding');
}

const spoiled = (instanceId: string | null) =>
  aSnapshot({
    subnets: [aSubnet({ availableIpAddressCount: 237 })],
    networkInterfaces: [
      anInterface({ instanceId, addresses: Array.from({ length: 14 }, (_, block) => `10.0.1.${20 + block * 16}`) }),
    ],
  });

test('the range that old nodes will leave is named with its command', () => {
  const { why, nextActions } = finding(spoiled('i-ip-10-0-1-10'), 4);
  assert.match(why, /Blocks spoiled by single addresses: old nodes 14\./);
  assert.equal(
    nextActions[0],
    'aws ec2 create-subnet-cidr-reservation --region eu-west-1 --subnet-id subnet-0aa1 --reservation-type prefix --cidr 10.0.1.64/26  # 0 free blocks now, 4 when the old nodes are gone',
  );
});

test('where no range helps, none is named', () => {
  const { why, nextActions } = finding(spoiled('i-of-somebody-else'), 4);
  assert.match(why, /other nodes and instances 14\./);
  assert.equal(nextActions[0], 'Give the node group a new /25 subnet: no range of this one can hold 4 blocks');
  assert.doesNotMatch(nextActions.join('\n'), /create-subnet-cidr-reservation/);
});
