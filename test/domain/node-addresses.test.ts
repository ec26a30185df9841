import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeAddresses, nodeKind, poolSubnet } from '../../src/domain/node-addresses.ts';
import type { Pod } from '../../src/domain/snapshot.ts';
import { aNode, anInterface, aPod } from '../support/snapshot.ts';

test('the mode follows from what EC2 attached, the own address of an interface not counted', () => {
  const own = ['10.0.1.10'];
  const rows: [addresses: string[], prefixes: string[], mode: string][] = [
    [own, ['10.0.1.16/28'], 'prefix'],
    [[...own, '10.0.1.11'], [], 'secondary'],
    [[...own, '10.0.1.11'], ['10.0.1.16/28'], 'mixed'],
    [own, [], 'none'],
  ];
  for (const [addresses, prefixes, mode] of rows)
    assert.equal(nodeAddresses([anInterface({ addresses, prefixes })], []).mode, mode);
});

test('addresses of a trunk interface are not of the pool', () => {
  const trunk = anInterface({ interfaceType: 'trunk', addresses: ['10.0.1.20', '10.0.1.21'] });
  assert.equal(nodeAddresses([anInterface({ prefixes: ['10.0.1.32/28'] }), trunk], []).mode, 'prefix');
});

test('each pod is where its address comes from', () => {
  const interfaces = [anInterface({ addresses: ['10.0.1.10', '10.0.1.11'], prefixes: ['10.0.1.32/28'] })];
  const pods = [
    aPod({ name: 'in-prefix', podIp: '10.0.1.47' }),
    aPod({ name: 'behind-prefix', podIp: '10.0.1.48' }),
    aPod({ name: 'secondary', podIp: '10.0.1.11' }),
    aPod({ name: 'host', podIp: '10.0.1.10', hostNetwork: true }),
    aPod({ name: 'branch', podIp: '10.0.9.9', annotations: { 'vpc.amazonaws.com/pod-eni': '[{}]' } }),
    aPod({ name: 'waiting', phase: 'Pending' }),
    aPod({ name: 'finished', phase: 'Succeeded', podIp: '10.0.7.7' }),
  ];
  const found = nodeAddresses(interfaces, pods).pods;
  assert.deepEqual(
    Object.fromEntries(Object.entries<Pod[]>({ ...found }).map(([origin, of]) => [origin, of.map(({ name }) => name)])),
    {
      prefix: ['in-prefix'],
      secondary: ['secondary'],
      branch: ['branch'],
      unknown: ['behind-prefix'],
      without: ['waiting'],
    },
  );
});

const computeType = (value: string) => aNode({ labels: { 'eks.amazonaws.com/compute-type': value } });

test('nodes that aws-node does not serve are recognised', () => {
  assert.equal(nodeKind(aNode()), 'vpc-cni');
  assert.equal(nodeKind(computeType('auto')), 'auto');
  assert.equal(nodeKind(computeType('hybrid')), 'hybrid');
  assert.equal(nodeKind(computeType('fargate')), 'fargate');
  assert.equal(nodeKind(aNode({ name: 'fargate-ip-10-0-1-5', instanceId: null })), 'fargate');
  assert.equal(nodeKind(aNode({ labels: { 'kubernetes.io/os': 'windows' } })), 'windows');
  assert.equal(nodeKind(aNode({ instanceId: null })), 'other');
});

test('with custom networking the pool is in the subnet of the second interface', () => {
  const interfaces = [
    anInterface({ subnetId: 'subnet-pods', deviceIndex: 1 }),
    anInterface({ subnetId: 'subnet-nodes', deviceIndex: 0 }),
  ];
  assert.equal(poolSubnet(interfaces, false), 'subnet-nodes');
  assert.equal(poolSubnet(interfaces, true), 'subnet-pods');
  assert.equal(poolSubnet([], false), null);
});
