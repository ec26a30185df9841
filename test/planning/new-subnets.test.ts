import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scopeOf } from '../../src/planning/scope.ts';
import { aPod, aRequest, aSnapshot, aSubnet } from '../support/snapshot.ts';

const healthy = aSnapshot();
const wider = aSnapshot({
  subnets: [
    ...healthy.subnets,
    aSubnet({ subnetId: 'subnet-0cc3', availabilityZone: 'eu-west-1a', cidr: '10.0.3.0/24' }),
    aSubnet({ subnetId: 'subnet-far', vpcId: 'vpc-9999', cidr: '10.9.0.0/24' }),
  ],
});

test('a subnet that does not exist is refused by name, with the plan without it', () =>
  assert.throws(() => scopeOf(wider, aRequest({ subnetIds: ['subnet-0cc3', 'subnet-nope'] })), {
    code: 'INPUT.SUBNET',
    exitCode: 2,
    message: 'There is no subnet subnet-nope in eu-west-1, or it may not be seen.',
    nextActions: [
      'aws ec2 describe-subnets --region eu-west-1 --filters Name=vpc-id,Values=vpc-0123',
      'prefix-migrate plan --cluster shop-eu --subnet subnet-0cc3 --soak 0s',
    ],
  }));

test('a subnet of another VPC is refused by name', () =>
  assert.throws(() => scopeOf(wider, aRequest({ subnetIds: ['subnet-far'] })), {
    code: 'INPUT.SUBNET',
    exitCode: 2,
    message: 'Not in VPC vpc-0123 of cluster shop-eu: subnet-far.',
  }));

test('zones that the replacement leaves are named with the pods that cannot follow', () => {
  const [node] = healthy.nodes.filter((one) => one.nodegroupName === 'apps' && one.availabilityZone === 'eu-west-1b');
  assert.ok(node);
  const bound = aPod({ name: 'search-0', nodeName: node.name, persistentVolumeClaims: ['data-search-0'] });
  const elsewhere = aPod({ name: 'search-1', nodeName: 'ip-10-0-1-10', persistentVolumeClaims: ['data-search-1'] });
  const snapshot = { ...wider, pods: [...wider.pods, bound, elsewhere] };
  const { lostZones } = scopeOf(snapshot, aRequest({ subnetIds: ['subnet-0cc3'] }));
  assert.deepEqual(lostZones, [
    { nodegroupName: 'apps', availabilityZone: 'eu-west-1b', nodes: 1, podsWithVolumes: ['shop/search-0'] },
    { nodegroupName: 'tools', availabilityZone: 'eu-west-1b', nodes: 1, podsWithVolumes: [] },
  ]);
  assert.deepEqual(scopeOf(snapshot, aRequest()).lostZones, []);
  assert.deepEqual(scopeOf(snapshot, aRequest({ subnetIds: ['subnet-0cc3', 'subnet-0bb2'] })).lostZones, []);
});
