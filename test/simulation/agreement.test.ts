import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Scenario, SubnetSpec } from '../../src/simulator/scenario.ts';
import { demoCluster, deployment, nodegroup } from '../../src/simulator/scenarios/parts.ts';
import { type Agreement, agree } from './agreement.ts';
import type { RandomCluster } from './random-clusters.ts';

/** `npm run agreement -- --seeds 200` looks at more of them. */
const seeds = Array.from({ length: 10 }, (_, index) => index + 1);

const differencesIn = ({ seed, comparisons }: Agreement): string[] =>
  comparisons.filter(({ verdict }) => verdict === 'differs').map(({ kind, text }) => `seed ${seed}: ${kind}: ${text}`);

test(`what the plan says of ${seeds.length} drawn clusters is what happens`, async (t) => {
  const found: Agreement[] = [];
  for (const seed of seeds) {
    const agreement = await agree(seed);
    if (agreement !== null) found.push(agreement);
  }
  assert.deepEqual(found.flatMap(differencesIn), []);
  const count = (wanted: Agreement['outcome']) => found.filter(({ outcome }) => outcome === wanted).length;
  t.diagnostic(`${count('applied')} applied, ${count('stopped')} stopped, ${count('blocked')} blocked`);
  assert.ok(count('applied') >= found.length / 4, 'hardly a plan could be applied');
});

/** One subnet, whose free blocks are all reserved for prefixes: no single address can spoil one. */
const subnet: SubnetSpec = {
  subnetId: 'subnet-0f0f0f0f0f0f0f0f0',
  cidr: '10.0.0.0/22',
  availabilityZone: 'us-west-2a',
  reservations: [{ cidr: '10.0.2.0/23', type: 'prefix' }],
  foreignAddresses: Array.from({ length: 31 }, (_, block) => ({
    kind: 'interface',
    address: `10.0.${Math.floor((block + 1) / 16)}.${((block + 1) % 16) * 16 + 9}`,
  })),
};

/** Two nodes with five or six pods each, whichever way the scheduler deals them: enough for no further prefix. */
function forced(env: Record<string, string>, request: Partial<RandomCluster['request']> = {}): RandomCluster {
  const workloads = ['a', 'b', 'c', 'd'].map((name) => deployment('shop', name, 2, { onePerNode: true }));
  const scenario = demoCluster({
    name: 'forced',
    title: 'nothing is left to chance',
    subnets: [subnet],
    nodegroups: [nodegroup('general', 2, [subnet])],
    workloads,
    vpcCni: {
      managedBy: 'eks-addon',
      version: 'v1.19.2-eksbuild.1',
      configurationValues: JSON.stringify({ env }),
    },
  });
  return { scenario, cordoned: [], impossibleBudgets: [], request: { order: 'auto', allow: [], ...request } };
}

const safeFlip: Partial<RandomCluster['request']> = { order: 'safe-flip' };
const cordonFirst: Partial<RandomCluster['request']> = { order: 'cordon-first' };
/** settings, how the old nodes go, blocks at the peak: two old nodes that idle (in service), two new ones with their pods */
const cases: [Record<string, string>, Partial<RandomCluster['request']>, number][] = [
  [{}, safeFlip, 2 * 1 + 2 * 2],
  [{}, cordonFirst, 2 * 2],
  [{ WARM_IP_TARGET: '1' }, safeFlip, 2 * 1 + 2 * 1],
  [{ WARM_IP_TARGET: '5', MINIMUM_IP_TARGET: '16' }, safeFlip, 2 * 1 + 2 * 1],
  [{ WARM_IP_TARGET: '5', MINIMUM_IP_TARGET: '16' }, cordonFirst, 2 * 1],
  [{ WARM_IP_TARGET: '16' }, safeFlip, 2 * 1 + 2 * 2],
  [{ WARM_IP_TARGET: '7', MINIMUM_IP_TARGET: '33' }, safeFlip, 2 * 3 + 2 * 3],
  [{ WARM_IP_TARGET: '30', MINIMUM_IP_TARGET: '40' }, cordonFirst, 2 * 3],
];
for (const [env, request, blocks] of cases) {
  const title = `${JSON.stringify(env)}, ${request.order}: exactly ${blocks} blocks at the peak, in the plan and in the world`;
  test(title, async () => {
    const found = await agree(1, forced(env, request));
    assert.ok(found);
    assert.deepEqual(differencesIn(found), []);
    assert.equal(found.outcome, 'applied');
    assert.deepEqual(
      found.plan.subnets.map(({ freePrefixes, peakDemand }) => ({ freePrefixes, peakDemand })),
      [{ freePrefixes: 31, peakDemand: blocks }],
    );
    assert.deepEqual(found.slack, [{ subnetId: subnet.subnetId, peak: 0, after: 0 }]);
  });
}

const zones = ['a', 'b'].map((zone, index) => ({
  subnetId: `subnet-0${zone.repeat(16)}`,
  cidr: `10.0.${index * 4}.0/22`,
  availabilityZone: `us-west-2${zone}`,
  reservations: [{ cidr: `10.0.${index * 4 + 2}.0/23`, type: 'prefix' as const }],
}));
const withSettings = (more: Partial<Scenario>, env: Record<string, string>): RandomCluster => ({
  ...forced(env, safeFlip),
  scenario: { ...forced(env).scenario, ...more },
});
const withoutReservation: SubnetSpec = { ...subnet, cidr: '10.0.0.0/23', reservations: [], foreignAddresses: [] };
/** Two free blocks: enough for the two nodes that are there. */
const podSubnet: SubnetSpec = {
  ...subnet,
  subnetId: 'subnet-0c640c640c640c640',
  cidr: '100.64.0.0/22',
  reservations: [{ cidr: '100.64.2.0/23', type: 'prefix' }],
  foreignAddresses: Array.from({ length: 60 }, (_, block) => ({
    kind: 'interface',
    address: `100.64.${Math.floor((block + 1) / 16)}.${((block + 1) % 16) * 16 + 9}`,
  })),
};

/** Where the world takes less than a plan that counts on the worst, what was seen there says how much less. */
const lesser: [string, RandomCluster, boolean, Agreement['outcome']][] = [
  ['pods that come slowly attach no burst of spare prefixes', forced({ WARM_PREFIX_TARGET: '4' }), true, 'applied'],
  [
    'the one node to be verified is in one of two subnets',
    withSettings(
      {
        subnets: zones,
        nodegroups: [nodegroup('general', 0, zones, { scaling: { minSize: 0, maxSize: 2, desiredSize: 0 } })],
        workloads: [deployment('shop', 'waits', 2)],
      },
      { WARM_PREFIX_TARGET: '3' },
    ),
    true,
    'applied',
  ],
  [
    'no pod starts on the nodes of another group while the VPC CNI is switched',
    {
      ...withSettings({ nodegroups: [nodegroup('general', 1, [subnet]), nodegroup('other', 4, [subnet])] }, {}),
      request: { ...safeFlip, order: 'cordon-first', allow: [], nodegroups: ['general'] },
    },
    true,
    'applied',
  ],
  [
    'one node gives back addresses before the next attaches prefixes',
    withSettings(
      {
        subnets: [withoutReservation],
        nodegroups: [nodegroup('general', 2, [withoutReservation])],
      },
      { WARM_IP_TARGET: '62' },
    ),
    false,
    'applied',
  ],
  [
    'a shortage in the words of CreateNetworkInterface is one, too',
    withSettings(
      { subnets: [subnet, podSubnet], eniConfigs: [{ name: 'us-west-2a', subnetId: podSubnet.subnetId }] },
      { AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: 'true', ENI_CONFIG_LABEL_DEF: 'topology.kubernetes.io/zone' },
    ),
    false,
    'stopped',
  ],
];
for (const [title, drawn, fits, outcome] of lesser) {
  test(title, async () => {
    const found = await agree(1, drawn);
    assert.ok(found);
    assert.deepEqual(differencesIn(found), []);
    assert.equal(found.outcome, outcome);
    assert.equal(
      found.plan.subnets.every((planned) => planned.fits),
      fits,
    );
  });
}
