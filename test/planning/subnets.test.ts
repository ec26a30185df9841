import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Order, PlanRequest } from '../../src/domain/plan.ts';
import type { ClusterSnapshot } from '../../src/domain/snapshot.ts';
import { mapSubnet } from '../../src/domain/subnet-map.ts';
import { createReplayer, subnetPlans } from '../../src/planning/replay.ts';
import { aNode, aNodegroup, anInterface, aPod, aRequest, aSnapshot, aSubnet, aVpcCni } from '../support/snapshot.ts';

function plans(
  snapshot: ClusterSnapshot,
  names: string[] = ['apps', 'tools'],
  request: Partial<PlanRequest> = {},
  order: Order = 'safe-flip',
) {
  const sources = snapshot.nodegroups.filter(({ nodegroupName }) => names.includes(nodegroupName));
  return subnetPlans(snapshot, sources, createReplayer(snapshot)(sources, aRequest(request), order).subnets);
}

const peaks = (snapshot: ClusterSnapshot) => plans(snapshot, ['apps']).map(({ peakDemand }) => peakDemand);

/** One group of `nodes` nodes with one address each in one subnet, and `pods` pods. */
const oneSubnet = (nodes: number, pods: number, overrides: Partial<ClusterSnapshot> = {}): ClusterSnapshot =>
  aSnapshot({
    nodegroups: [aNodegroup({ subnetIds: ['subnet-0aa1'], scaling: { minSize: 0, maxSize: 100, desiredSize: nodes } })],
    autoScalingGroups: [],
    subnets: [aSubnet({ cidr: '10.0.0.0/22' })],
    nodes: Array.from({ length: nodes }, (_, index) => aNode({ name: `n${index}` })),
    networkInterfaces: Array.from({ length: nodes }, (_, index) =>
      anInterface({ instanceId: `i-n${index}`, addresses: [`10.0.0.${16 + index}`] }),
    ),
    pods: Array.from({ length: pods }, (_, index) =>
      aPod({ name: `p${index}`, nodeName: `n${index % Math.max(1, nodes)}` }),
    ),
    workloads: [],
    podDisruptionBudgets: [],
    ...overrides,
  });

/** 12 free blocks, and fewer the more are taken from 10.0.2.0 on. */
const crowded = (taken: number) =>
  oneSubnet(3, 30, {
    networkInterfaces: [
      ...oneSubnet(3, 30).networkInterfaces,
      anInterface({
        instanceId: null,
        addresses: [],
        prefixes: Array.from({ length: taken }, (_, index) => `10.0.2.${index * 16}/28`),
      }),
      anInterface({
        instanceId: null,
        addresses: [],
        prefixes: Array.from({ length: 14 }, (_, index) => `10.0.1.${index * 16}/28`),
      }),
      anInterface({
        instanceId: null,
        addresses: [],
        prefixes: Array.from({ length: 15 }, (_, index) => `10.0.3.${index * 16}/28`),
      }),
      anInterface({
        instanceId: null,
        addresses: [],
        prefixes: Array.from({ length: 12 }, (_, index) => `10.0.0.${32 + index * 16}/28`),
      }),
    ],
  });

describe('demand', () => {
  // nodes, pods: flip of the old nodes + prefixes of the new ones + one block for each new node's own address
  const rows: [string, number, number, Partial<PlanRequest>, number][] = [
    ['3 nodes, 30 pods: 3 + 3 x 2 + 3', 3, 30, {}, 12],
    ['2 nodes, 100 pods: 2 + 2 x 5 + 2', 2, 100, {}, 14],
    // 16 pods per node fill a prefix; one node will get 17
    ['2 nodes, 32 pods: 2 + 2 x 3 + 2', 2, 32, {}, 10],
    ['10 nodes, 600 pods: 10 + 10 x 5 + 10', 10, 600, {}, 70],
    ['the same with one spare address: 10 + 10 x 4 + 10', 10, 600, { warmIpTarget: 1 }, 60],
    // every replacement starts with one node, and a pod on it proves that its address is from a prefix
    ['no nodes: the first node of the replacement, with one pod: 2 + 1', 0, 0, {}, 3],
    ['nodes without pods: each may get one: 3 + 3 x 2 + 3', 3, 0, {}, 12],
  ];
  for (const [name, nodes, pods, request, expected] of rows) {
    test(name, () => assert.equal(plans(oneSubnet(nodes, pods), ['apps'], request)[0]?.peakDemand, expected));
  }
  test('is compared with what is free, now and at the end', () => {
    // 64 blocks, two at the edges, one with the old nodes' addresses
    assert.deepEqual(plans(oneSubnet(3, 30), ['apps']), [
      {
        subnetId: 'subnet-0aa1',
        availabilityZone: 'eu-west-1a',
        cidr: '10.0.0.0/22',
        freeAddresses: 1016,
        freePrefixes: 61,
        freePrefixesAfter: 62 - 6 - 3,
        peakDemand: 12,
        fits: true,
        timeline: [
          { stage: 'switch', taken: 3, left: 58 },
          { stage: 'first-node', taken: 3 + 1 + 1, left: 56 },
          { stage: 'full-size', taken: 3 + 3 + 3, left: 52 },
          { stage: 'drain', taken: 3 + 6 + 3, left: 49 },
        ],
        map: `A3${'.'.repeat(61)}A`,
      },
    ]);
  });
  test('in a subnet of another account each address that cannot be seen may spoil a block', () => {
    const cluster = oneSubnet(3, 30);
    const [own] = cluster.subnets;
    assert.ok(own);
    const shared = (hidden: number) => {
      const subnet = { ...own, ownerId: '999988887777' };
      const counted = mapSubnet(subnet, cluster.networkInterfaces).expectedAvailableCount - hidden;
      return { ...cluster, subnets: [{ ...subnet, availableIpAddressCount: counted }] };
    };
    const fits = (hidden: number) => plans(shared(hidden), ['apps']).map((one) => [one.freePrefixes, one.fits]);
    // 61 blocks seem free, 12 are needed
    assert.deepEqual([fits(0), fits(49), fits(50)], [[[61, true]], [[61, true]], [[61, false]]]);
  });
  test('does not fit as soon as one block is missing', () => {
    assert.deepEqual(
      plans(crowded(8), ['apps']).map(({ freePrefixes, fits }) => [freePrefixes, fits]),
      [[12, true]],
    );
    assert.deepEqual(
      plans(crowded(9), ['apps']).map(({ freePrefixes, fits }) => [freePrefixes, fits]),
      [[11, false]],
    );
  });
});

/** Three nodes whose interfaces hold `addresses` besides their own. */
const holding = (addresses: string[][], overrides: Partial<ClusterSnapshot> = {}) => {
  const base = oneSubnet(3, 30);
  return {
    ...base,
    networkInterfaces: base.networkInterfaces.map((one, index) => ({
      ...one,
      addresses: [...one.addresses, ...(addresses[index] ?? [])],
    })),
    ...overrides,
  };
};

/** One address in each of six blocks. */
const shared = (last: number) => [16, 32, 48, 64, 80, 96].map((fourth) => `10.0.1.${fourth + last}`);

describe('what aws-node gives back when it starts again', () => {
  const spare = [['10.0.1.5', '10.0.1.21'], ['10.0.1.37'], ['10.0.1.53']];
  test('blocks that unused addresses of old nodes spoil count as free for the new nodes', () =>
    assert.deepEqual(peaks(holding(spare)), [12 - 4]));
  test('the switch itself comes first: nothing that is given back meanwhile is counted on', () =>
    assert.deepEqual(
      peaks(holding([1, 2, 3].map((third) => [0, 16, 32, 48, 64].map((fourth) => `10.0.${third}.${fourth}`)))),
      [3],
    ));
  test('nor what comes free when others start again, too', () => {
    assert.deepEqual(peaks(holding([shared(1), shared(2), shared(3)])), [Math.max(3, 12 - 6)]);
    const many = (last: number) =>
      [1, 2].flatMap((third) => shared(last).map((text) => text.replace('.1.', `.${third}.`)));
    assert.deepEqual(peaks(holding([many(1), many(2), many(3)])), [3]);
  });
  test('an address that a pod has stays', () => {
    const [pod, ...others] = oneSubnet(3, 30).pods;
    assert.ok(pod);
    assert.deepEqual(peaks(holding(spare, { pods: [{ ...pod, podIp: '10.0.1.5' }, ...others] })), [12 - 3]);
    assert.deepEqual(
      peaks(holding(spare, { pods: [{ ...pod, podIp: '10.0.1.5', phase: 'Succeeded' }, ...others] })),
      [8],
    );
  });
  test('nothing is given back when prefix delegation is on already', () => {
    const env = { ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '1' };
    assert.deepEqual(peaks(holding(spare, { vpcCni: aVpcCni({ env }) })), [12]);
  });
  test('an interface that somebody else attached is left alone', () => {
    const base = oneSubnet(3, 30);
    const foreign = anInterface({
      instanceId: 'i-n0',
      deviceIndex: 3,
      description: 'appliance',
      addresses: ['10.0.0.40', '10.0.1.5'],
    });
    assert.deepEqual(peaks({ ...base, networkInterfaces: [...base.networkInterfaces, foreign] }), [12]);
  });
});

const waiting = (more: Parameters<typeof aPod>[0]) =>
  Array.from({ length: 60 }, (_, index) =>
    aPod({ name: `w${index}`, nodeName: null, phase: 'Pending', podIp: null, ...more }),
  );

test('pods that wait for a node count where they would run', () => {
  const base = oneSubnet(3, 30);
  const peakWith = (more: Parameters<typeof aPod>[0]) => peaks({ ...base, pods: [...base.pods, ...waiting(more)] });
  // 10 pods and 20 that wait on each node: 3 prefixes
  assert.deepEqual(peakWith({}), [3 + 3 * 3 + 3]);
  assert.deepEqual(peakWith({ nodeSelector: { pool: 'gpu' } }), [12]);
});

test('a replacement of no nodes gets the pods that every node has', () => {
  const base = oneSubnet(0, 0);
  const others = Array.from({ length: 20 }, (_, index) =>
    aPod({
      name: `agent-${index}`,
      nodeName: 'other',
      controller: { apiVersion: 'apps/v1', kind: 'DaemonSet', name: `agent-${index}`, uid: `ds-${index}` },
    }),
  );
  const nodes = [aNode({ name: 'other', nodegroupName: null, instanceType: 'm99' })];
  assert.deepEqual(peaks({ ...base, nodes, pods: others }), [3 + 1]);
});

test('at the end, single addresses of new nodes may lie in blocks that only the old ones had spoiled', () => {
  const reserved = [
    aSubnet({ cidr: '10.0.0.0/24', reservations: [{ id: 'scr-1', cidr: '10.0.0.128/25', type: 'prefix' }] }),
  ];
  const networkInterfaces = [
    anInterface({ instanceId: 'i-n0', addresses: ['10.0.0.16', '10.0.0.32', '10.0.0.48'] }),
    anInterface({ instanceId: 'i-n1', addresses: ['10.0.0.64', '10.0.0.80'] }),
    anInterface({ instanceId: 'i-n2', addresses: ['10.0.0.96', '10.0.0.112'] }),
  ];
  const on = aVpcCni({ env: { ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '1' } });
  const [plan] = plans(oneSubnet(3, 30, { subnets: reserved, networkInterfaces, vpcCni: on }), ['apps']);
  // 14 free without the old nodes, 3 x 2 prefixes, 3 addresses of their own
  assert.equal(plan?.freePrefixesAfter, 14 - 6 - 3);
});

describe('the switch is cluster-wide', () => {
  const base = oneSubnet(3, 30);
  const other = (overrides: Parameters<typeof aNode>[0], more: Partial<ClusterSnapshot> = {}) => ({
    ...base,
    nodes: [...base.nodes, aNode({ name: 'other', nodegroupName: null, ...overrides })],
    networkInterfaces: [...base.networkInterfaces, anInterface({ instanceId: 'i-other', addresses: ['10.0.0.30'] })],
    ...more,
  });
  test('a node of no group takes as much as one that starts a pod', () => assert.deepEqual(peaks(other({})), [14]));
  test('a cordoned node takes nothing', () => assert.deepEqual(peaks(other({ unschedulable: true })), [12]));
  test('a node without VPC CNI takes nothing', () => {
    assert.deepEqual(peaks(other({ instanceId: null })), [12]);
    assert.deepEqual(peaks(other({ labels: { 'eks.amazonaws.com/compute-type': 'auto' } })), [12]);
    assert.deepEqual(peaks(other({ labels: { 'kubernetes.io/os': 'windows' } })), [12]);
  });
  test('a node of an unknown type takes nothing that we could know', () =>
    assert.deepEqual(peaks(other({ instanceType: 'm99' })), [12]));
  test('what a node holds already is not taken again', () => {
    const attached = base.networkInterfaces.map((one) => ({ ...one, prefixes: ['10.0.1.16/28'] }));
    assert.deepEqual(peaks({ ...base, networkInterfaces: attached }), [9]);
  });
  test('a node with pods in its prefixes attaches more when there are to be more spare addresses', () => {
    const env = { ENABLE_PREFIX_DELEGATION: 'true', WARM_IP_TARGET: '5' };
    const snapshot = oneSubnet(2, 10, {
      vpcCni: aVpcCni({ env }),
      networkInterfaces: oneSubnet(2, 10).networkInterfaces.map((one, node) => ({
        ...one,
        prefixes: [`10.0.1.${16 + node * 16}/28`],
      })),
      pods: oneSubnet(2, 10).pods.map((pod, index) => ({ ...pod, podIp: `10.0.1.${16 + (index % 2) * 16 + index}` })),
    });
    const atSwitch = (request: Partial<PlanRequest>) => plans(snapshot, ['apps'], request)[0]?.timeline[0]?.taken;
    const requests = [{}, { warmIpTarget: 12 }, { warmIpTarget: 28 }];
    assert.deepEqual(requests.map(atSwitch), [0, 2 * 1, 2 * 2]);
  });
});

test('a reservation keeps single addresses out of the blocks that count', () => {
  const reserved = oneSubnet(3, 30, {
    subnets: [aSubnet({ cidr: '10.0.0.0/25', reservations: [{ id: 'scr-1', cidr: '10.0.0.32/27', type: 'prefix' }] })],
  });
  const [without] = plans(oneSubnet(3, 30, { subnets: [aSubnet({ cidr: '10.0.0.0/25' })] }), ['apps']);
  const [with_] = plans(reserved, ['apps']);
  assert.deepEqual([without?.peakDemand, with_?.peakDemand], [12, 12]);
  const all = oneSubnet(3, 30, {
    subnets: [aSubnet({ cidr: '10.0.0.0/25', reservations: [{ id: 'scr-1', cidr: '10.0.0.0/25', type: 'prefix' }] })],
  });
  assert.equal(plans(all, ['apps'])[0]?.peakDemand, 9);
});

test('with custom networking the subnets of the pod interfaces count', () => {
  const base = oneSubnet(2, 10, {
    vpcCni: aVpcCni({ env: { AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: 'true' } }),
    subnets: [aSubnet(), aSubnet({ subnetId: 'subnet-pods', cidr: '100.64.0.0/20' })],
  });
  const pods = base.nodes.map(({ instanceId }, index) =>
    anInterface({ instanceId, deviceIndex: 1, subnetId: 'subnet-pods', addresses: [`100.64.1.${index}`] }),
  );
  assert.deepEqual(
    plans({ ...base, networkInterfaces: [...base.networkInterfaces, ...pods] }, ['apps']).map(
      ({ subnetId, peakDemand }) => [subnetId, peakDemand],
    ),
    [['subnet-pods', 2 + 4 + 2]],
  );
});

const peak = (nodes: number, pods: number) => plans(oneSubnet(nodes, pods), ['apps'])[0]?.peakDemand ?? 0;

test('more pods or more nodes never need fewer blocks', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 0, max: 200 }), (nodes, pods) => {
      assert.ok(peak(nodes, pods + 1) >= peak(nodes, pods));
      assert.ok(peak(nodes + 1, pods * ((nodes + 1) / nodes)) >= peak(nodes, pods));
    }),
    { numRuns: 50 },
  );
});
test('nothing to move, nothing to need', () => assert.deepEqual(plans(aSnapshot(), []), []));

const cordonedFirst = (snapshot: ClusterSnapshot) =>
  plans(snapshot, ['apps'], {}, 'cordon-first')[0]?.timeline.map(({ taken }) => taken);

describe('old nodes that are cordoned before the switch', () => {
  test('attach nothing', () => assert.deepEqual(cordonedFirst(oneSubnet(3, 30)), [0, 2, 6, 9]));
  test('give back what no pod has all the same', () =>
    assert.deepEqual(cordonedFirst(holding([['10.0.1.5', '10.0.1.21'], ['10.0.1.37'], []])), [0, -1, 3, 6]));
  test('unless aws-node serves cordoned nodes, and knows how to', () => {
    const env = { ...aVpcCni().env, AWS_MANAGE_ENIS_NON_SCHEDULABLE: 'true' };
    assert.deepEqual(cordonedFirst(oneSubnet(3, 30, { vpcCni: aVpcCni({ env }) })), [3, 5, 9, 12]);
    assert.deepEqual(cordonedFirst(oneSubnet(3, 30, { vpcCni: aVpcCni({ env, version: '1.12.5' }) })), [0, 2, 6, 9]);
    assert.deepEqual(
      cordonedFirst(oneSubnet(3, 30, { vpcCni: aVpcCni({ env, version: null, addon: null }) })),
      [3, 5, 9, 12],
    );
  });
  test('while nodes of other groups attach theirs', () => {
    const base = oneSubnet(3, 30);
    const other = {
      ...base,
      nodes: [...base.nodes, aNode({ name: 'other', nodegroupName: null })],
      networkInterfaces: [...base.networkInterfaces, anInterface({ instanceId: 'i-other', addresses: ['10.0.0.30'] })],
    };
    assert.deepEqual(cordonedFirst(other), [2, 4, 8, 11]);
  });
});

test('new subnets take the replacements, old ones the flip', () => {
  const base = oneSubnet(3, 30, {
    subnets: [aSubnet({ cidr: '10.0.0.0/22' }), aSubnet({ subnetId: 'subnet-new', cidr: '10.0.8.0/24' })],
  });
  assert.deepEqual(
    plans(base, ['apps'], { subnetIds: ['subnet-new'] }).map(({ subnetId, peakDemand }) => [subnetId, peakDemand]),
    [
      ['subnet-0aa1', 3],
      ['subnet-new', 6 + 3],
    ],
  );
});

const anyCluster = fc.record({
  nodes: fc.integer({ min: 0, max: 8 }),
  pods: fc.integer({ min: 0, max: 120 }),
  others: fc.integer({ min: 0, max: 4 }),
  /** unused addresses on the old nodes */
  spare: fc.array(fc.integer({ min: 64, max: 1000 }), { maxLength: 12 }),
  reserved: fc.boolean(),
  warmIpTarget: fc.integer({ min: 0, max: 20 }),
});

type Drawn = typeof anyCluster extends fc.Arbitrary<infer T> ? T : never;

function drawn({ nodes, pods, others, spare, reserved, warmIpTarget }: Drawn, order: Order) {
  const reservations = reserved ? [{ id: 'scr-1', cidr: '10.0.2.0/23', type: 'prefix' as const }] : [];
  const base = oneSubnet(nodes, nodes === 0 ? 0 : pods, { subnets: [aSubnet({ cidr: '10.0.0.0/22', reservations })] });
  const names = Array.from({ length: others }, (_, index) => `other${index}`);
  const snapshot = {
    ...base,
    nodes: [...base.nodes, ...names.map((name) => aNode({ name, nodegroupName: null }))],
    networkInterfaces: [
      ...base.networkInterfaces.map((one, index) =>
        index > 0
          ? one
          : { ...one, addresses: [...one.addresses, ...spare.map((at) => `10.0.${Math.floor(at / 256)}.${at % 256}`)] },
      ),
      ...names.map((name, index) => anInterface({ instanceId: `i-${name}`, addresses: [`10.0.0.${48 + index}`] })),
    ],
  };
  const [plan] = plans(snapshot, ['apps'], warmIpTarget === 0 ? {} : { warmIpTarget, minimumIpTarget: 16 }, order);
  return plan ?? assert.fail('no plan');
}

const holds = (property: (cluster: Drawn) => void) => fc.assert(fc.property(anyCluster, property), { numRuns: 60 });

describe('of any cluster', () => {
  test('the peak is the most that any stage takes, and it fits when no stage runs short', () =>
    holds((cluster) => {
      const { timeline, peakDemand, freePrefixes, fits } = drawn(cluster, 'safe-flip');
      assert.deepEqual(
        timeline.map(({ stage }) => stage),
        ['switch', 'first-node', 'full-size', 'drain'],
      );
      assert.equal(peakDemand, Math.max(...timeline.map(({ taken }) => taken)));
      assert.equal(
        fits,
        timeline.every(({ left }) => left >= 0),
      );
      for (const { taken, left } of timeline) assert.equal(taken + left, freePrefixes);
    }));
  test('cordon-first never takes more, at no stage', () =>
    holds((cluster) => {
      const safe = drawn(cluster, 'safe-flip').timeline;
      const first = drawn(cluster, 'cordon-first').timeline;
      for (const [index, { taken }] of first.entries()) assert.ok(taken <= (safe[index]?.taken ?? 0));
    }));
  test('more pods, more nodes elsewhere and more warm addresses never take less', () =>
    holds((cluster) => {
      const peakOf = (more: Partial<Drawn>) => drawn({ ...cluster, ...more }, 'safe-flip').peakDemand;
      assert.ok(peakOf({ pods: cluster.pods + 7 }) >= peakOf({}));
      assert.ok(peakOf({ others: cluster.others + 1 }) >= peakOf({}));
      if (cluster.warmIpTarget > 0) assert.ok(peakOf({ warmIpTarget: cluster.warmIpTarget + 3 }) >= peakOf({}));
    }));
});
