import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { subnetPrefixes } from '../../src/checks/subnet-prefixes.ts';
import type { SubnetPlan } from '../../src/domain/plan.ts';
import type { SubnetReservation } from '../../src/domain/reservation.ts';
import type { EarlyNodes, Remedy, Scope } from '../../src/domain/scope.ts';
import type { ClusterSnapshot } from '../../src/domain/snapshot.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import { anInterface, aRequest, aSnapshot, aSubnet, aVpcCni } from '../support/snapshot.ts';

const shortSubnet = (overrides: Partial<SubnetPlan> = {}): SubnetPlan => ({
  subnetId: 'subnet-0aa1',
  availabilityZone: 'eu-west-1a',
  cidr: '10.0.1.0/24',
  freeAddresses: 236,
  freePrefixes: 0,
  freePrefixesAfter: 9,
  peakDemand: 4,
  fits: false,
  timeline: [],
  map: '',
  ...overrides,
});

/** What is said about subnet-0aa1. */
function finding(snapshot: ClusterSnapshot, subnet: Partial<SubnetPlan> = {}, more: Partial<Scope> = {}) {
  const request = aRequest();
  const scope = {
    ...scopeOf(aSnapshot(), request),
    sources: snapshot.nodegroups.slice(0, 1),
    subnets: [shortSubnet(subnet)],
    ...more,
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
  const { why, nextActions } = finding(spoiled('i-ip-10-0-1-10'));
  assert.match(why, /Blocks spoiled by single addresses: old nodes 14\./);
  assert.deepEqual(nextActions.slice(0, 2), [
    'Make a new /25 subnet in eu-west-1a and plan with --subnet and its id: all blocks of a new subnet are free',
    'aws ec2 create-subnet-cidr-reservation --region eu-west-1 --subnet-id subnet-0aa1 --reservation-type prefix --cidr 10.0.1.64/26  # not enough by itself: keeps whole what old nodes leave (0 free blocks now, 4 then)',
  ]);
});

const custom = (instanceId: string, names = ['eu-west-1a']) => ({
  ...spoiled(instanceId),
  vpcCni: aVpcCni({ env: { AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: 'true' } }),
  eniConfigs: names.map((name) => ({ name, subnetId: 'subnet-0aa1', securityGroups: [] })),
});
const patch = (name: string) => `kubectl patch eniconfig ${name} --type merge -p '{"spec":{"subnet":"subnet-..."}}'`;

describe('with custom networking a new subnet belongs into the ENIConfig, and no --subnet helps', () => {
  const rows: [string, ClusterSnapshot, string][] = [
    [
      'where old nodes will leave a range',
      custom('i-ip-10-0-1-10'),
      `Make a new /25 subnet in eu-west-1a and put its id into ENIConfig eu-west-1a: ${patch('eu-west-1a')} (nodes take it when they are new; the old ones stay on subnet-0aa1): all blocks of a new subnet are free`,
    ],
    [
      'where no range helps',
      custom('i-of-somebody-else', ['a', 'b']),
      `Make a new /25 subnet in eu-west-1a and put its id into ENIConfigs a, b: ${patch('a')} (nodes take it when they are new; the old ones stay on subnet-0aa1): no range of subnet-0aa1 can hold 4 blocks`,
    ],
  ];
  for (const [name, snapshot, action] of rows) {
    test(name, () => {
      const { nextActions } = finding(snapshot);
      assert.equal(nextActions[0], action);
      assert.doesNotMatch(nextActions.join('\n'), /--subnet and/);
    });
  }
});

const actionsWith = (reservations: SubnetReservation[]) =>
  finding(spoiled('i-ip-10-0-1-10'), {}, { reservations }).nextActions.join('\n');

test('what the plan reserves itself is not told as a command', () => {
  const range = { cidr: '10.0.1.64/26', prefixes: 4, when: 'after' as const, freeAddresses: 60 };
  const reserved: SubnetReservation = {
    subnetId: 'subnet-0aa1',
    ranges: [range],
    obstacle: null,
    ownerId: '111122223333',
    demand: { prefixes: 4, singles: 9 },
    reserved: 0,
    singlesLeft: 100,
    interfaces: 1,
    commands: [],
    reason: null,
  };
  assert.doesNotMatch(actionsWith([reserved]), /create-subnet-cidr-reservation/);
  for (const others of [[{ ...reserved, subnetId: 'subnet-0bb2' }], [{ ...reserved, ranges: [] }]])
    assert.match(actionsWith(others), /create-subnet-cidr-reservation/);
});

test('where no range helps, none is named', () => {
  const { why, nextActions } = finding(spoiled('i-of-somebody-else'));
  assert.match(why, /other nodes and instances 14\./);
  assert.equal(
    nextActions[0],
    'Make a new /25 subnet in eu-west-1a and plan with --subnet and its id: no range of subnet-0aa1 can hold 4 blocks',
  );
  assert.doesNotMatch(nextActions.join('\n'), /create-subnet-cidr-reservation/);
});

test('the first stage that runs short is named with its numbers, and the peak beside it', () => {
  const timeline: SubnetPlan['timeline'] = [
    { stage: 'switch', taken: 3, left: 6 },
    { stage: 'first-node', taken: 5, left: 4 },
    { stage: 'full-size', taken: 12, left: -3 },
    { stage: 'drain', taken: 15, left: -6 },
  ];
  const { summary } = finding(aSnapshot(), { freePrefixes: 9, peakDemand: 15, timeline });
  assert.equal(
    summary,
    'subnet-0aa1 (eu-west-1a) runs short when the replacement grows to full size: 12 /28 blocks needed, 9 free. At the peak 15 are needed.',
  );
});

const remedy = (overrides: Partial<Remedy>): Remedy => ({
  kind: 'warm-targets',
  request: aRequest({ warmIpTarget: 5, minimumIpTarget: 16 }),
  order: 'safe-flip',
  fits: true,
  lostZones: [],
  subnets: [{ subnetId: 'subnet-0aa1', peakDemand: 7, freePrefixes: 9 }],
  ...overrides,
});

test('what makes it fit comes first, as a whole command with its numbers', () => {
  const others = remedy({
    kind: 'order',
    fits: false,
    subnets: [{ subnetId: 'subnet-0aa1', peakDemand: 11, freePrefixes: 9 }],
  });
  const { why, nextActions } = finding(aSnapshot(), { freePrefixes: 9 }, { remedies: [others, remedy({})] });
  assert.equal(
    nextActions[0],
    'prefix-migrate plan --cluster shop-eu --warm-ip-target 5 --minimum-ip-target 16 --soak 0s  # no whole spare prefix per node, WARM_IP_TARGET 5: 7 blocks needed',
  );
  assert.doesNotMatch(`${why} ${nextActions.join()}`, /11 blocks|cordon-first/);
});

test('what does not suffice is told as such, and not as a next action', () => {
  const remedies = [
    remedy({ fits: false, subnets: [{ subnetId: 'subnet-0aa1', peakDemand: 11, freePrefixes: 9 }] }),
    remedy({
      kind: 'order',
      fits: false,
      subnets: [
        { subnetId: 'subnet-0aa1', peakDemand: 8, freePrefixes: 9 },
        { subnetId: 'subnet-0bb2', peakDemand: 10, freePrefixes: 9 },
      ],
    }),
  ];
  const { why, nextActions } = finding(aSnapshot(), { freePrefixes: 9 }, { remedies });
  assert.match(
    why,
    /Tried, and not enough: no whole spare prefix per node, WARM_IP_TARGET 5 \(11 blocks needed\); old nodes cordoned before the switch \(8 blocks needed here, but subnet-0bb2 short\)\.$/,
  );
  assert.doesNotMatch(nextActions.join('\n'), /warm-ip-target|cordon-first/);
  assert.match(nextActions.at(-1) ?? '', /^prefix-migrate plan .*--allow SUBNET\.NO_FREE_PREFIX/);
});

const early = (count: number, more: Partial<EarlyNodes> = {}): EarlyNodes => ({
  nodes: Array.from({ length: count }, (_, index) => ({
    name: `ip-10-0-1-${index}.internal`,
    instanceId: `i-0${index}`,
    nodegroupName: 'apps',
  })),
  left: 2,
  minSizes: [],
  unequalGroups: [],
  ...more,
});
const actionsFor = (nodes: EarlyNodes): string[] => {
  const remedies = [remedy({ kind: 'fewer-nodes', request: aRequest(), early: nodes })];
  return finding(spoiled('i-ip-10-0-1-10'), { freePrefixes: 9 }, { remedies }).nextActions;
};
const terminate = 'aws autoscaling terminate-instance-in-auto-scaling-group --region eu-west-1 --instance-id';

test('old nodes that go first are drained before they are terminated, one by one, and the plan is made again', () => {
  assert.deepEqual(actionsFor(early(2)).slice(0, 5), [
    'kubectl cordon ip-10-0-1-0.internal ip-10-0-1-1.internal  # 2 old nodes of 4 first: by requests and pods per node the others can hold their pods (estimate)',
    `kubectl drain ip-10-0-1-0.internal --ignore-daemonsets && ${terminate} i-00 --should-decrement-desired-capacity`,
    `kubectl drain ip-10-0-1-1.internal --ignore-daemonsets && ${terminate} i-01 --should-decrement-desired-capacity`,
    'prefix-migrate plan --cluster shop-eu --soak 0s  # then as many new nodes as old ones are left, 2: 7 of 9 free blocks needed',
    'aws ec2 create-subnet-cidr-reservation --region eu-west-1 --subnet-id subnet-0aa1 --reservation-type prefix --cidr 10.0.1.64/26  # not enough by itself: keeps whole what old nodes leave (0 free blocks now, 4 then)',
  ]);
});

test('of more than three the first is named with its commands, the others in a loop that stops at a failure', () => {
  const [, first, loop] = actionsFor(early(4));
  assert.match(first ?? '', /^kubectl drain ip-10-0-1-0\.internal .* i-00 /);
  assert.equal(
    loop,
    `for pair in ip-10-0-1-1.internal,i-01 ip-10-0-1-2.internal,i-02 ip-10-0-1-3.internal,i-03; do kubectl drain "\${pair%,*}" --ignore-daemonsets && ${terminate} "\${pair#*,}" --should-decrement-desired-capacity || break; done`,
  );
  // with stand-ins for the two programs, of which the second fails at the second node
  const stand = 'kubectl() { echo drain $2; }; aws() { echo terminate $6; [ $6 != i-02 ]; }';
  const { stdout } = spawnSync('sh', ['-c', `${stand}\n${loop}`], { encoding: 'utf8' });
  assert.deepEqual(stdout.trim().split('\n'), [
    'drain ip-10-0-1-1.internal',
    'terminate i-01',
    'drain ip-10-0-1-2.internal',
    'terminate i-02',
  ]);
});

test('a minSize and zones that would bring a node back are seen to first', () => {
  const actions = actionsFor(
    early(2, { minSizes: [{ nodegroupName: 'apps', minSize: 2 }], unequalGroups: ['eks-apps-0123'] }),
  );
  assert.deepEqual(actions.slice(0, 2), [
    'aws eks update-nodegroup-config --region eu-west-1 --cluster-name shop-eu --nodegroup-name apps --scaling-config minSize=2  # its minSize does not permit fewer nodes',
    'aws autoscaling suspend-processes --region eu-west-1 --auto-scaling-group-name eks-apps-0123 --scaling-processes AZRebalance  # or else it starts a node again to even out its zones',
  ]);
});
