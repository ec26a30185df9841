import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { createAwsPorts } from '../../src/adapters/aws/aws-ports.ts';
import type { NetworkInterface, Subnet } from '../../src/domain/snapshot.ts';
import { mapSubnet } from '../../src/domain/subnet-map.ts';
import { reservationsFor, withReservations } from '../../src/planning/reservations.ts';
import type { SubnetSpec } from '../../src/simulator/scenario.ts';
import { demoCluster } from '../../src/simulator/scenarios/parts.ts';
import { createWorld } from '../../src/simulator/world.ts';
import { createBench } from '../adapters/virtual.ts';
import { anInterface, aSnapshot, aSubnet } from '../support/snapshot.ts';

const oldNode = (...addresses: string[]) => anInterface({ instanceId: 'i-ip-10-0-1-10', addresses });
const balancer = (...addresses: string[]) =>
  anInterface({ instanceId: null, description: 'ELB app/a/1', addresses, networkInterfaceId: 'eni-lb' });
/** An address in each of the 14 blocks that prefixes can have. */
const everywhere = Array.from({ length: 14 }, (_, block) => `10.0.1.${20 + block * 16}`);

function reserve(need: { prefixes: number; interfaces?: number }, found: Partial<Subnet>, ...eni: NetworkInterface[]) {
  const subnet = aSubnet(found);
  const { expectedAvailableCount } = mapSubnet(subnet, eni);
  const snapshot = aSnapshot({
    subnets: [{ ...subnet, availableIpAddressCount: found.availableIpAddressCount ?? expectedAvailableCount }],
    networkInterfaces: eni,
  });
  const reservations = reservationsFor(snapshot, [{ subnetId: 'subnet-0aa1', interfaces: 0, ...need }], ['apps']);
  return { snapshot, reservations, made: reservations[0] };
}

describe('what is reserved', () => {
  const rows: [string, Parameters<typeof reserve>, string[]][] = [
    ['a fifth more than is needed, where there is room', [{ prefixes: 5 }, {}], ['10.0.1.0/25 now 7']],
    [
      'what is needed, where there is not',
      [{ prefixes: 12 }, {}],
      ['10.0.1.0/25 now 7', '10.0.1.128/26 now 4', '10.0.1.192/28 now 1'],
    ],
    [
      'beside what others reserved',
      [{ prefixes: 2 }, { reservations: [{ id: 'scr-1', cidr: '10.0.1.0/25', type: 'explicit' }] }],
      ['10.0.1.128/26 now 4'],
    ],
    [
      'nothing when enough is',
      [{ prefixes: 4 }, { reservations: [{ id: 'scr-1', cidr: '10.0.1.64/26', type: 'prefix' }] }],
      [],
    ],
    [
      'what is missing to it',
      [{ prefixes: 5 }, { reservations: [{ id: 'scr-1', cidr: '10.0.1.64/26', type: 'prefix' }] }],
      ['10.0.1.32/27 now 2'],
    ],
    ['blocks that old nodes will leave', [{ prefixes: 3 }, {}, oldNode(...everywhere)], ['10.0.1.64/26 after 4']],
    [
      'nothing when the old nodes will leave enough that is',
      [
        { prefixes: 3 },
        { reservations: [{ id: 'scr-1', cidr: '10.0.1.64/26', type: 'prefix' }] },
        oldNode(...everywhere),
      ],
      [],
    ],
    ['nothing for nothing', [{ prefixes: 0 }, {}], []],
  ];
  for (const [what, input, expected] of rows) {
    test(what, () => {
      const { made } = reserve(...input);
      assert.deepEqual(made?.ranges.map(({ cidr, when, prefixes }) => `${cidr} ${when} ${prefixes}`) ?? [], expected);
      assert.equal(made?.obstacle ?? null, null);
    });
  }

  test('a block of the AWS edge holds no prefix', () => {
    assert.equal(reserve({ prefixes: 15 }, {}).made?.obstacle, 'no-room');
    assert.equal(reserve({ prefixes: 1 }, { cidr: '10.0.1.0/27' }).made?.obstacle, 'no-room');
  });

  test('a range that old nodes spoil, rather than one that never heals', () => {
    const pairs: [NetworkInterface, NetworkInterface, string][] = [
      [balancer('10.0.1.70'), oldNode('10.0.1.130'), '10.0.1.128/26'],
      [oldNode('10.0.1.70'), balancer('10.0.1.130'), '10.0.1.64/26'],
    ];
    for (const [one, other, expected] of pairs) {
      const { made } = reserve({ prefixes: 2 }, {}, one, other);
      assert.deepEqual(
        made?.ranges.map(({ cidr }) => cidr),
        [expected],
      );
    }
  });

  test('the single addresses of new interfaces and of a load balancer stay outside', () => {
    for (const interfaces of [0, 19, 60]) {
      const { made } = reserve({ prefixes: 10, interfaces }, {});
      assert.ok((made?.ranges.length ?? 0) > 0 && (made?.singlesLeft ?? 0) >= interfaces + 8);
    }
    const { made } = reserve({ prefixes: 10, interfaces: 200 }, {});
    assert.deepEqual([made?.obstacle, made?.ranges], ['no-room', []]);
    assert.match(made?.reason ?? '', /10 blocks cannot be reserved and 208 single addresses be left/);
  });

  test('addresses that only AWS sees in use count', () => {
    assert.equal(reserve({ prefixes: 4 }, { availableIpAddressCount: 70 }).made?.obstacle, 'no-room');
    assert.equal(reserve({ prefixes: 4 }, { availableIpAddressCount: 80 }).made?.obstacle, null);
  });

  test('in a subnet of another account nothing, with what its owner can do', () => {
    const { made, snapshot, reservations } = reserve({ prefixes: 3 }, { ownerId: '999988887777' });
    assert.deepEqual([made?.obstacle, made?.ranges, made?.ownerId], ['other-account', [], '999988887777']);
    assert.deepEqual(made?.commands, [
      'aws ec2 create-subnet-cidr-reservation --region eu-west-1 --subnet-id subnet-0aa1 --reservation-type prefix --cidr 10.0.1.64/26  # with credentials of account 999988887777',
    ]);
    assert.deepEqual(withReservations(snapshot, reservations), snapshot);
  });

  test('once reserved, nothing more is', () => {
    const { snapshot, reservations } = reserve({ prefixes: 5 }, {});
    const later = withReservations(snapshot, reservations);
    const [again] = reservationsFor(later, [{ subnetId: 'subnet-0aa1', prefixes: 5, interfaces: 0 }], ['apps']);
    assert.deepEqual([again?.ranges, again?.obstacle], [[], null]);
  });
});

describe('the snapshot afterwards', () => {
  test('has the reservations, and their free addresses are not available', () => {
    const { snapshot, reservations } = reserve({ prefixes: 3 }, {}, oldNode('10.0.1.66', '10.0.1.200'));
    const [before, after] = [snapshot.subnets[0], withReservations(snapshot, reservations).subnets[0]];
    assert.deepEqual(after?.reservations, [{ id: 'planned', cidr: '10.0.1.128/26', type: 'prefix' }]);
    assert.equal(before?.availableIpAddressCount, 249);
    assert.equal(after?.availableIpAddressCount, 185);
    assert.equal(after?.availableIpAddressCount, reservations[0]?.singlesLeft);
  });

  test('other subnets and everything else stay', () => {
    const snapshot = aSnapshot();
    assert.deepEqual(withReservations(snapshot, []), snapshot);
  });
});

const addressOf = (offset: number): string => `10.0.${8 + Math.floor(offset / 256)}.${offset % 256}`;
const anySubnet = fc
  .record({
    bits: fc.integer({ min: 22, max: 27 }),
    used: fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { maxLength: 40 }),
    reserved: fc.option(fc.record({ bits: fc.integer({ min: 25, max: 28 }), at: fc.nat(63) }), { nil: undefined }),
    explicit: fc.boolean(),
  })
  .map(({ bits, used, reserved, explicit }): SubnetSpec => {
    const size = 2 ** (32 - bits);
    const addresses = new Set(used.map((at) => addressOf(4 + Math.floor(at * (size - 5)))));
    const length = 2 ** (32 - (reserved?.bits ?? 28));
    const offset = (((reserved?.at ?? 0) * length) % size) - ((((reserved?.at ?? 0) * length) % size) % length);
    return {
      subnetId: 'subnet-0f4a6d3e7c2b1a098',
      cidr: `10.0.8.0/${bits}`,
      availabilityZone: 'us-west-2a',
      foreignAddresses: [...addresses].map((address, index) => ({
        kind: index % 2 === 0 ? 'network_load_balancer' : 'interface',
        address,
      })),
      ...(reserved === undefined || length > size
        ? {}
        : {
            reservations: [
              { cidr: `${addressOf(offset)}/${32 - Math.log2(length)}`, type: explicit ? 'explicit' : 'prefix' },
            ],
          }),
    };
  });

const rangesOf = (subnet: Subnet | undefined) =>
  subnet?.reservations.map(({ cidr, type }) => `${cidr} ${type}`).toSorted();

test('EC2 takes every reservation, and then counts as the snapshot does', async () => {
  let made = 0;
  await fc.assert(
    fc.asyncProperty(anySubnet, fc.integer({ min: 1, max: 20 }), fc.nat(30), async (spec, prefixes, interfaces) => {
      const scenario = demoCluster({
        name: 'one',
        title: '',
        subnets: [spec],
        nodegroups: [],
        workloads: [],
        budgets: [],
      });
      const world = createWorld(scenario);
      const bench = createBench(world.clock);
      const { accessKeyId, secretAccessKey } = world.administrator;
      const { ec2 } = createAwsPorts({
        clock: bench.clock,
        region: world.cluster.region,
        credentials: { accessKeyId, secretAccessKey },
        requestHandler: bench.requestHandler(world.aws),
        random: () => 0.5,
      });
      const { subnetId } = spec;
      const look = () =>
        bench.run(Promise.all([ec2.describeSubnets([subnetId]), ec2.networkInterfacesOfSubnets([subnetId])]));
      const [subnets, networkInterfaces] = await look();
      const snapshot = { ...aSnapshot(), subnets, networkInterfaces };
      const reservations = reservationsFor(snapshot, [{ subnetId, prefixes, interfaces }], []);
      const [planned] = withReservations(snapshot, reservations).subnets;
      for (const { ranges, singlesLeft } of reservations) {
        if (ranges.length === 0) continue;
        made += 1;
        for (const { cidr } of ranges) {
          await bench.run(ec2.createSubnetCidrReservation({ subnetId, cidr, description: 'x', tags: {} }));
        }
        assert.ok(singlesLeft >= interfaces + 8);
      }
      const [[real]] = await look();
      assert.equal(planned?.availableIpAddressCount, real?.availableIpAddressCount);
      assert.deepEqual(rangesOf(planned), rangesOf(real));
    }),
    { numRuns: 60 },
  );
  assert.ok(made > 10, `${made} reservations were made`);
});
