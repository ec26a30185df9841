import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { PlanRequest } from '../../src/domain/plan.ts';
import type { ClusterSnapshot, Nodegroup } from '../../src/domain/snapshot.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import { aNode, aNodegroup, anInterface, aPod, aRequest, aSnapshot, aSubnet, aVpcCni } from '../support/snapshot.ts';

interface Group {
  name: string;
  nodes: number;
  pods: number;
}

/** Groups in one /22 of which `taken` blocks are gone, and an empty /22 of the cluster in the same zone, when there is `room`. */
function cluster(
  groups: Group[],
  taken: number,
  room = false,
  overrides: Partial<ClusterSnapshot> = {},
): ClusterSnapshot {
  const nodes = groups.flatMap(({ name, nodes: count }) =>
    Array.from({ length: count }, (_, index) => aNode({ name: `${name}${index}`, nodegroupName: name })),
  );
  const base = aSnapshot();
  return aSnapshot({
    cluster: { ...base.cluster, subnetIds: room ? ['subnet-0aa1', 'subnet-room'] : ['subnet-0aa1'] },
    nodegroups: groups.map(
      ({ name, nodes: desiredSize }): Nodegroup =>
        aNodegroup({
          nodegroupName: name,
          subnetIds: ['subnet-0aa1'],
          scaling: { minSize: 0, maxSize: 20, desiredSize },
        }),
    ),
    autoScalingGroups: [],
    subnets: [
      aSubnet({ cidr: '10.0.0.0/22', availableIpAddressCount: 1000 - taken * 16 }),
      aSubnet({ subnetId: 'subnet-other-zone', cidr: '10.0.12.0/22', availabilityZone: 'eu-west-1b' }),
      ...(room ? [aSubnet({ subnetId: 'subnet-room', cidr: '10.0.8.0/22', availableIpAddressCount: 1019 })] : []),
    ],
    nodes,
    networkInterfaces: [
      ...nodes.map(({ name }, index) => anInterface({ instanceId: `i-${name}`, addresses: [`10.0.0.${16 + index}`] })),
      anInterface({
        instanceId: null,
        addresses: [],
        prefixes: Array.from({ length: taken }, (_, index) => {
          const at = (index + 2) * 16;
          return `10.0.${Math.floor(at / 256)}.${at % 256}/28`;
        }),
      }),
    ],
    pods: groups.flatMap(({ name, nodes: count, pods }) =>
      Array.from({ length: pods }, (_, index) =>
        aPod({ name: `${name}-p${index}`, nodeName: `${name}${index % count}` }),
      ),
    ),
    workloads: [],
    podDisruptionBudgets: [],
    ...overrides,
  });
}

const apps = { name: 'apps', nodes: 3, pods: 30 };

function tried(snapshot: ClusterSnapshot, request: Partial<PlanRequest> = {}) {
  return scopeOf(snapshot, aRequest(request)).remedies.map(({ kind, order, fits, subnets }) => ({
    kind,
    order,
    fits,
    peak: subnets.find(({ subnetId }) => subnetId === 'subnet-0aa1')?.peakDemand ?? 0,
  }));
}

test('nothing is tried for a plan that fits', () => assert.deepEqual(tried(cluster([apps], 49)), []));

describe('what was tried', () => {
  // 61 - 53 = 8 blocks are free; 12 are needed, 9 with the old nodes cordoned first
  test('names warm targets that suffice, with the order that they need', () => {
    const remedies = tried(cluster([apps], 53));
    const warm = remedies.find(({ kind }) => kind === 'warm-targets');
    // 30 pods, 11 on the fuller node, and 5 addresses to spare fill one prefix
    assert.deepEqual(warm, { kind: 'warm-targets', order: 'cordon-first', fits: true, peak: 3 + 3 });
  });
  test('keeps to an order that was asked for, and tries the other', () => {
    const remedies = tried(cluster([apps], 51), { order: 'safe-flip' });
    assert.deepEqual(
      remedies.find(({ kind }) => kind === 'order'),
      { kind: 'order', order: 'cordon-first', fits: true, peak: 9 },
    );
    assert.deepEqual(
      remedies.find(({ kind }) => kind === 'warm-targets'),
      { kind: 'warm-targets', order: 'safe-flip', fits: true, peak: 3 + 3 + 3 },
    );
  });
  test('names other subnets of the cluster in the same zone, where there are some', () => {
    // four blocks, of which the flip takes three
    const { remedies } = scopeOf(cluster([apps], 57, true), aRequest());
    const subnets = remedies.find(({ kind }) => kind === 'subnets');
    assert.deepEqual([subnets?.request.subnetIds, subnets?.fits], [['subnet-room'], true]);
    assert.equal(
      tried(cluster([apps], 57)).some(({ kind }) => kind === 'subnets'),
      false,
    );
  });
  test('names the subnets that are left, and the zone that is lost, where there is no other in it', () => {
    const snapshot = cluster([apps], 59);
    const [source] = snapshot.nodegroups;
    assert.ok(source);
    const spread = { ...snapshot, nodegroups: [{ ...source, subnetIds: ['subnet-0aa1', 'subnet-other-zone'] }] };
    const subnets = scopeOf(spread, aRequest()).remedies.find(({ kind }) => kind === 'subnets');
    assert.deepEqual(
      [subnets?.request.subnetIds, subnets?.fits, subnets?.order, subnets?.lostZones],
      [['subnet-other-zone'], true, 'cordon-first', ['eu-west-1a']],
    );
  });
  test('names no subnets under custom networking, which takes them from elsewhere', () => {
    const env = { ...aVpcCni().env, AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: 'true' };
    const snapshot = cluster([apps], 57, true);
    const pods = snapshot.nodes.map(({ instanceId }, index) =>
      anInterface({ instanceId, deviceIndex: 1, addresses: [`10.0.0.${24 + index}`] }),
    );
    const custom = {
      ...snapshot,
      vpcCni: aVpcCni({ env }),
      networkInterfaces: [...snapshot.networkInterfaces, ...pods],
    };
    assert.equal(
      tried(custom).some(({ kind }) => kind === 'subnets'),
      false,
    );
  });
  test('names the node groups that fit alone', () => {
    const large = { name: 'large', nodes: 8, pods: 200 };
    const remedies = scopeOf(cluster([apps, large], 36), aRequest({ order: 'safe-flip', warmIpTarget: 1 })).remedies;
    const alone = remedies.filter(({ kind }) => kind === 'one-nodegroup').map(({ request }) => request.nodegroups);
    assert.deepEqual(alone, [['apps']]);
  });
  test('tries two together only when none suffices alone', () => {
    const remedies = tried(cluster([apps], 59, true), { order: 'safe-flip' });
    // two blocks: neither the flip nor the replacement fits there
    assert.ok(remedies.filter(({ kind }) => kind !== 'together').every(({ fits }) => !fits));
    assert.deepEqual(
      remedies.filter(({ fits }) => fits),
      [{ kind: 'together', order: 'cordon-first', fits: true, peak: 0 }],
    );
  });
  test('is asked for with all that was asked for before', () => {
    const request = aRequest({ nodegroups: ['apps'], maxPods: 60, warmPrefixTarget: 2, allow: ['POD.BARE'] });
    const warm = scopeOf(cluster([apps], 53), request).remedies.find(({ kind }) => kind === 'warm-targets');
    const { warmPrefixTarget, ...kept } = request;
    assert.equal(warmPrefixTarget, 2);
    assert.deepEqual({ ...warm?.request, warmIpTarget: 5 }, { ...kept, warmIpTarget: 5, minimumIpTarget: 16 });
  });
});

test('what is said to make it fit does so', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ nodes: fc.integer({ min: 1, max: 5 }), pods: fc.integer({ min: 0, max: 90 }) }), {
        minLength: 1,
        maxLength: 2,
      }),
      fc.integer({ min: 30, max: 58 }),
      fc.boolean(),
      fc.constantFrom('auto' as const, 'safe-flip' as const),
      (sizes, taken, room, order) => {
        const snapshot = cluster(
          sizes.map((size, index) => ({ name: `group${index}`, ...size })),
          taken,
          room,
        );
        for (const { request, fits, order: chosen, early } of scopeOf(snapshot, aRequest({ order })).remedies) {
          if (early !== undefined) continue;
          const then = scopeOf(snapshot, request);
          assert.equal(
            then.subnets.every((subnet) => subnet.fits),
            fits,
          );
          assert.equal(then.order.order, chosen);
        }
      },
    ),
    { numRuns: 40 },
  );
});

/** m5.large nodes in one /24 with so many interfaces each and their addresses all over it, and pods on some of those. */
function scattered(
  sizes: readonly { interfaces: number; pods: number }[],
  places: readonly number[],
  overrides: Partial<ClusterSnapshot> = {},
): ClusterSnapshot {
  const nodes = sizes.map((_, index) => aNode({ name: `node${index}` }));
  const free = [...places];
  const take = (count: number): string[] => free.splice(0, count).map((place) => `10.0.1.${place}`);
  const networkInterfaces = sizes.flatMap(({ interfaces }, index) =>
    Array.from({ length: interfaces }, (_, device) =>
      anInterface({
        networkInterfaceId: `eni-${index}-${device}`,
        instanceId: `i-node${index}`,
        deviceIndex: device,
        addresses: take(10),
      }),
    ),
  );
  const addressesOf = (node: string): string[] =>
    networkInterfaces.filter(({ instanceId }) => instanceId === `i-${node}`).flatMap((one) => one.addresses.slice(1));
  return aSnapshot({
    nodegroups: [
      aNodegroup({
        subnetIds: ['subnet-0aa1'],
        scaling: { minSize: 1, maxSize: 20, desiredSize: sizes.length },
        autoScalingGroupNames: [],
      }),
    ],
    autoScalingGroups: [],
    subnets: [aSubnet({ availableIpAddressCount: 251 - networkInterfaces.length * 10 })],
    nodes,
    networkInterfaces,
    pods: sizes.flatMap(({ pods, interfaces }, index) =>
      Array.from({ length: Math.min(pods, interfaces * 9) }, (_, pod) =>
        aPod({
          name: `pod${index}-${pod}`,
          nodeName: `node${index}`,
          podIp: addressesOf(`node${index}`)[pod] ?? null,
          requests: { cpuMillis: 50, memoryBytes: 2 ** 26 },
        }),
      ),
    ),
    workloads: [],
    podDisruptionBudgets: [],
    ...overrides,
  });
}

/** The nodes gone, each of their pods on the node with most room there, with one of the addresses that it holds. */
function afterDrain(
  snapshot: ClusterSnapshot,
  gone: readonly string[],
  pick: (below: number) => number,
): ClusterSnapshot {
  const nodes = snapshot.nodes.filter(({ name }) => !gone.includes(name));
  const instances = new Set(nodes.map(({ instanceId }) => instanceId));
  const networkInterfaces = snapshot.networkInterfaces.filter(({ instanceId }) => instances.has(instanceId));
  const pods = snapshot.pods.filter(({ nodeName }) => !gone.includes(nodeName ?? ''));
  for (const pod of snapshot.pods.filter(({ nodeName }) => gone.includes(nodeName ?? ''))) {
    const room = ({ name, allocatable }: ClusterSnapshot['nodes'][number]): number =>
      allocatable.pods - pods.filter(({ nodeName }) => nodeName === name).length;
    const [node] = nodes.toSorted((a, b) => room(b) - room(a));
    assert.ok(node !== undefined && room(node) > 0, 'the pods fit on the nodes that are left');
    const taken = pods.map(({ podIp }) => podIp);
    const spare = networkInterfaces
      .filter(({ instanceId }) => instanceId === node.instanceId)
      .flatMap(({ addresses }) => addresses.slice(1))
      .filter((address) => !taken.includes(address));
    assert.ok(spare.length > 0, 'with addresses that those have');
    pods.push({ ...pod, nodeName: node.name, podIp: spare[pick(spare.length)] ?? null });
  }
  const nodegroups = snapshot.nodegroups.map((group) => ({
    ...group,
    scaling: { ...group.scaling, minSize: 0, desiredSize: group.scaling.desiredSize - gone.length },
  }));
  return { ...snapshot, nodes, networkInterfaces, pods, nodegroups };
}

const places = fc.shuffledSubarray(
  Array.from({ length: 251 }, (_, index) => index + 4),
  { minLength: 251, maxLength: 251 },
);

describe('old nodes that go first', () => {
  let found = 0;
  test('are so many that the plan fits then, whichever addresses the moved pods get', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ interfaces: fc.integer({ min: 1, max: 3 }), pods: fc.integer({ min: 0, max: 4 }) }), {
          minLength: 3,
          maxLength: 7,
        }),
        places,
        fc.infiniteStream(fc.nat()),
        (sizes, shuffled, numbers) => {
          const snapshot = scattered(sizes, shuffled);
          const remedy = scopeOf(snapshot, aRequest()).remedies.find(({ early }) => early !== undefined);
          if (remedy?.early === undefined) return;
          found += 1;
          assert.equal(remedy.fits, true);
          const gone = remedy.early.nodes.map(({ name }) => name);
          assert.equal(gone.length + remedy.early.left, sizes.length);
          const then = afterDrain(snapshot, gone, (below) => numbers.next().value % below);
          const { subnets } = scopeOf(then, remedy.request);
          assert.deepEqual(
            subnets.filter(({ fits }) => !fits),
            [],
          );
        },
      ),
      { numRuns: 100 },
    );
    assert.ok(found > 20, `${found} of 100 had such nodes`);
  });

  /** Every address of a /24 in turn, a block each: 16 apart. */
  const inTurn = Array.from({ length: 240 }, (_, index) => 4 + ((index % 15) * 16 + Math.floor(index / 15)));
  const named = (overrides: Partial<ClusterSnapshot> = {}, pods = 1) =>
    scopeOf(
      scattered(
        Array.from({ length: 5 }, () => ({ interfaces: 2, pods })),
        inTurn,
        overrides,
      ),
      aRequest(),
    ).remedies.find(({ early }) => early !== undefined)?.early;

  test('leave the others, and are told with the minSize that does not permit it', () => {
    const early = named();
    assert.ok(early !== undefined && early.nodes.length > 0 && early.left > 0);
    assert.deepEqual(early.minSizes, []);
    const nodegroups = [
      aNodegroup({ subnetIds: ['subnet-0aa1'], scaling: { minSize: 5, maxSize: 9, desiredSize: 5 } }),
    ];
    assert.deepEqual(named({ nodegroups }), { ...early, minSizes: [{ nodegroupName: 'apps', minSize: early.left }] });
  });
  test('are none when the others cannot hold their pods, or kubectl drain would refuse', () => {
    const { nodes, pods } = scattered(
      Array.from({ length: 5 }, () => ({ interfaces: 2, pods: 2 })),
      inTurn,
    );
    const cramped = nodes.map((node) => ({ ...node, allocatable: { ...node.allocatable, pods: 1 } }));
    const slow = nodes.map((node) => ({ ...node, allocatable: { ...node.allocatable, cpuMillis: 80 } }));
    const small = nodes.map((node) => ({ ...node, allocatable: { ...node.allocatable, memoryBytes: 2 ** 26 } }));
    for (const changed of [cramped, slow, small]) assert.equal(named({ nodes: changed }), undefined);
    assert.equal(named({ pods: pods.map((pod) => ({ ...pod, controller: null })) }), undefined);
    assert.equal(named({ pods: pods.map((pod) => ({ ...pod, emptyDirVolumes: ['tmp'] })) }), undefined);
  });
  test('are none when prefixes are on the nodes already', () => {
    const env = { ...aVpcCni().env, ENABLE_PREFIX_DELEGATION: 'true' };
    assert.equal(named({ vpcCni: aVpcCni({ env }) }), undefined);
  });
});
