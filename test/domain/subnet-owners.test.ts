import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { NetworkInterface } from '../../src/domain/snapshot.ts';
import { mapSubnetWithout } from '../../src/domain/subnet-map.ts';
import { isFree, type Owner, ownerOf, spoilersInWords, viewSubnet } from '../../src/domain/subnet-owners.ts';
import { anInterface, aSubnet } from '../support/snapshot.ts';

const looker = { sourceInstances: new Set(['i-old']), accountId: '111122223333' };

describe('the owner of an interface', () => {
  const rows: [string, Partial<NetworkInterface>, Owner][] = [
    ['primary interface of an old node', { instanceId: 'i-old', description: '' }, 'source-node'],
    ['of an old node, made by the VPC CNI', { instanceId: 'i-old', description: 'aws-K8S-i-old' }, 'source-node'],
    ['of an old node, whatever its text says', { instanceId: 'i-old', description: 'ELB app/a/1' }, 'source-node'],
    ['trunk of an old node', { instanceId: 'i-old', interfaceType: 'trunk' }, 'source-node'],
    ['EFA of another node', { instanceId: 'i-new', interfaceType: 'efa' }, 'instance'],
    ['any other instance', { instanceId: 'i-bastion' }, 'instance'],
    [
      'of one pod with security groups of its own',
      { interfaceType: 'branch', description: 'aws-k8s-branch-eni' },
      'instance',
    ],
    ['Application Load Balancer', { description: 'ELB app/shop/0f1', requesterManaged: true }, 'load-balancer'],
    ['Classic Load Balancer', { description: 'ELB shop', requesterManaged: true }, 'load-balancer'],
    [
      'Network Load Balancer',
      { interfaceType: 'network_load_balancer', description: 'ELB net/shop/0f1' },
      'load-balancer',
    ],
    ['Gateway Load Balancer', { interfaceType: 'gateway_load_balancer' }, 'load-balancer'],
    ['NAT gateway', { interfaceType: 'nat_gateway' }, 'nat-gateway'],
    ['NAT gateway, as the API model spells it', { interfaceType: 'natGateway' }, 'nat-gateway'],
    ['NAT gateway by its text', { description: 'Interface for NAT Gateway nat-0f1' }, 'nat-gateway'],
    ['VPC endpoint', { interfaceType: 'vpc_endpoint' }, 'endpoint'],
    ['VPC endpoint by its text', { description: 'VPC Endpoint Interface vpce-0f1' }, 'endpoint'],
    ['Gateway Load Balancer endpoint', { interfaceType: 'gateway_load_balancer_endpoint' }, 'endpoint'],
    ['Lambda', { interfaceType: 'lambda', description: 'AWS Lambda VPC ENI-orders-0f1' }, 'lambda'],
    ['EFS', { description: 'EFS mount target for fs-0f1 (fsmt-0f1)', requesterManaged: true }, 'efs'],
    ['EKS control plane', { description: 'Amazon EKS shop-eu' }, 'eks'],
    ['left behind by the VPC CNI', { description: 'aws-K8S-i-gone', status: 'available' }, 'unattached'],
    ['free, but of a service', { status: 'available', requesterManaged: true }, 'other'],
    ['RDS database', { description: 'RDSNetworkInterface', requesterManaged: true }, 'database'],
    [
      'trunk of another node',
      { instanceId: 'i-new', interfaceType: 'trunk', description: 'aws-k8s-trunk-eni' },
      'instance',
    ],
    ['type of the future', { interfaceType: 'quantum_link' }, 'other'],
  ];
  for (const [name, overrides, owner] of rows) {
    test(`${name}: ${owner}`, () => {
      const networkInterface = anInterface({ instanceId: null, description: '', ...overrides });
      assert.equal(ownerOf(networkInterface, looker.sourceInstances), owner);
    });
  }
});

const mixed = [
  anInterface({ instanceId: 'i-old', addresses: ['10.0.1.20', '10.0.1.36', '10.0.1.37'] }),
  anInterface({ instanceId: 'i-new', addresses: ['10.0.1.5', '10.0.1.40'], prefixes: ['10.0.1.48/28'] }),
  anInterface({ instanceId: 'i-old', addresses: [], prefixes: ['10.0.1.64/28'] }),
  anInterface({ instanceId: null, description: 'ELB app/shop/0f1', addresses: ['10.0.1.100', '10.0.1.38'] }),
];
const reserved = aSubnet({
  cidr: '10.0.1.0/25',
  availableIpAddressCount: 123 - 39 - 16,
  reservations: [{ id: 'scr-1', cidr: '10.0.1.80/28', type: 'prefix' }],
});

test('blocks name who holds addresses in them', () => {
  const view = viewSubnet(reserved, mixed, looker);
  assert.deepEqual(
    view.blocks.map(({ cidr, kind, addresses, freeAfter }) => [cidr, kind, addresses, freeAfter]),
    [
      ['10.0.1.0/28', 'aws', { instance: 1 }, false],
      ['10.0.1.16/28', 'used', { 'source-node': 1 }, true],
      ['10.0.1.32/28', 'used', { 'source-node': 2, instance: 1, 'load-balancer': 1 }, false],
      ['10.0.1.48/28', 'prefix', { instance: 16 }, false],
      ['10.0.1.64/28', 'prefix', { 'source-node': 16 }, true],
      ['10.0.1.80/28', 'reserved', {}, true],
      ['10.0.1.96/28', 'used', { 'load-balancer': 1 }, false],
      ['10.0.1.112/28', 'aws', {}, false],
    ],
  );
  assert.deepEqual(view.spoilers, [
    { owner: 'source-node', addresses: 3, blocks: 2, alone: 1, hardest: 1 },
    { owner: 'load-balancer', addresses: 2, blocks: 2, alone: 1, hardest: 2 },
    { owner: 'instance', addresses: 1, blocks: 1, alone: 0, hardest: 0 },
  ]);
  assert.equal(spoilersInWords(view.spoilers), 'old nodes 1, load balancers 2');
  const { freeAddresses, freePrefixes, reservedFreePrefixes, freePrefixesAfter, longestRun } = view;
  assert.deepEqual(
    { freeAddresses, freePrefixes, reservedFreePrefixes, freePrefixesAfter, longestRun },
    { freeAddresses: 84, freePrefixes: 1, reservedFreePrefixes: 1, freePrefixesAfter: 3, longestRun: 1 },
  );
  assert.equal(view.fragmentation, 1 - 16 / 84);
  assert.ok(view.complete);
  assert.ok(!view.shared);
});

test('a block that touches a reservation for named addresses is free at no time', () => {
  const subnet = aSubnet({ reservations: [{ id: 'scr-1', cidr: '10.0.1.48/30', type: 'explicit' }] });
  const old = anInterface({ instanceId: 'i-old', addresses: ['10.0.1.60'] });
  const [empty, used] = [viewSubnet(subnet, [], looker), viewSubnet(subnet, [old], looker)];
  assert.deepEqual([empty.blocks[3]?.kind, empty.blocks[3]?.freeAfter], ['explicit', false]);
  assert.deepEqual([used.blocks[3]?.kind, used.blocks[3]?.freeAfter], ['used', false]);
  assert.equal(used.freePrefixesAfter, 13);
});

test('interfaces that cannot be seen are noticed from what AWS counts', () => {
  const shared = viewSubnet(aSubnet({ ownerId: '999988887777', availableIpAddressCount: 200 }), [], looker);
  assert.deepEqual([shared.shared, shared.complete], [true, false]);
  const exact = viewSubnet(aSubnet({ ownerId: '999988887777' }), [], looker);
  const oneHidden = viewSubnet(aSubnet({ ownerId: '999988887777', availableIpAddressCount: 250 }), [], looker);
  assert.deepEqual([exact.complete, oneHidden.complete], [true, false]);
  // a few addresses that came or went between two reads are no contradiction
  for (const [count, complete] of [
    [254, true],
    [248, true],
    [247, false],
  ] as const) {
    const own = viewSubnet(aSubnet({ availableIpAddressCount: count }), [], looker);
    assert.deepEqual([own.shared, own.complete], [false, complete], `${count}`);
  }
});

test('an empty subnet loses only the edges, and one without IPv4 has nothing', () => {
  const empty = viewSubnet(aSubnet(), [], looker);
  assert.deepEqual([empty.longestRun, empty.fragmentation], [14, 1 - 224 / 251]);
  const none = viewSubnet(aSubnet({ cidr: '' }), mixed, looker);
  assert.deepEqual([none.blocks, none.fragmentation, none.longestRun], [[], 0, 0]);
});

/** Interfaces of a /24 with addresses and prefixes anywhere. */
const anyInterfaces = fc.array(
  fc
    .record({
      instanceId: fc.constantFrom('i-old', 'i-new', null),
      description: fc.constantFrom('', 'ELB app/a/1', 'Amazon EKS shop-eu'),
      singles: fc.array(fc.integer({ min: 4, max: 254 }), { maxLength: 6 }),
      blocks: fc.array(fc.integer({ min: 1, max: 14 }), { maxLength: 2 }),
    })
    .map(({ instanceId, description, singles, blocks }) =>
      anInterface({
        instanceId,
        description,
        addresses: singles.map((last) => `10.0.1.${last}`),
        prefixes: blocks.map((block) => `10.0.1.${block * 16}/28`),
      }),
    ),
  { maxLength: 8 },
);

/** Blocks of the /24 in which one of the interfaces holds anything, counted without the code under test. */
const touchedBlocks = (interfaces: readonly NetworkInterface[]): Set<number> =>
  new Set(
    interfaces
      .flatMap(({ addresses, prefixes }) => [...addresses, ...prefixes])
      .map((text) => Math.floor(Number(text.split('/')[0]?.split('.')[3]) / 16)),
  );

test('a block with an address in use is never counted as free, and after the old nodes only theirs are', () => {
  fc.assert(
    fc.property(anyInterfaces, (interfaces) => {
      const view = viewSubnet(aSubnet(), interfaces, looker);
      const now = touchedBlocks(interfaces);
      const after = touchedBlocks(interfaces.filter(({ instanceId }) => instanceId !== 'i-old'));
      for (const [index, block] of view.blocks.entries()) {
        const edge = index === 0 || index === 15;
        assert.equal(isFree(block), !edge && !now.has(index), `${block.cidr} now`);
        assert.equal(block.freeAfter, !edge && !after.has(index), `${block.cidr} after`);
      }
      assert.equal(
        view.freePrefixesAfter,
        mapSubnetWithout(aSubnet(), interfaces, looker.sourceInstances).freePrefixes,
      );
      assert.ok(view.fragmentation >= 0 && view.fragmentation <= 1);
      assert.ok(view.longestRun <= view.freePrefixes);
    }),
  );
});

test('the view is plain data', () => {
  const view = viewSubnet(reserved, mixed, looker);
  assert.deepEqual(JSON.parse(JSON.stringify(view)), view);
});
