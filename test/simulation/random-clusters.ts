/** Clusters drawn by a seed: every kind of thing that a plan has to deal with, in sizes that a test has time for. */
import { findInstanceType } from '../../src/simulator/aws/instance-types.ts';
import { createRandom } from '../../src/simulator/random.ts';
import type { BudgetSpec, NodegroupSpec, Scenario, SubnetSpec, WorkloadSpec } from '../../src/simulator/scenario.ts';
import { budget, demoCluster, deployment, nodegroup, statefulSet } from '../../src/simulator/scenarios/parts.ts';
import type { Random } from '../../src/simulator/types.ts';

export interface RandomCluster {
  scenario: Scenario;
  /** nodes of a group that somebody has cordoned by hand */
  cordoned: { nodegroup: string; nodes: number }[];
  /** names of budgets that can never allow an eviction, `namespace/name` */
  impossibleBudgets: string[];
  request: {
    nodegroups?: string[];
    maxPods?: number;
    order: 'auto' | 'safe-flip' | 'cordon-first';
    subnetIds?: string[];
    reserveSubnetCidr?: boolean;
    warmPrefixTarget?: number;
    warmIpTarget?: number;
    minimumIpTarget?: number;
    allow: string[];
  };
}

const types = [
  ['m5.large'],
  ['m5.large'],
  ['m5.large', 'm6i.large'],
  ['t3.medium'],
  ['t3.large'],
  ['t3.medium', 'm5.large'],
  ['m5.xlarge'],
  ['m5.large', 'm5.xlarge'],
  ['m6i.large'],
  ['r5.large'],
  ['c5.2xlarge'],
  ['m7g.medium'],
  ['c6g.large'],
];
const seldomTypes = [['c5.4xlarge'], ['m4.large'], ['t3.small', 'm5.large']];

interface Room {
  /** pods with an address of their own on a node in secondary IP mode, some addresses spared */
  pods: number;
  milliCores: number;
  maxPods: number;
}

/** What a node of the smallest of these types has room for without prefixes. */
function roomOn(names: readonly string[], interfacesLost: number): Room {
  const each = names.map((name) => {
    const type = findInstanceType(name);
    if (type === undefined) throw new Error(`no type ${name}`);
    const addresses = (type.enis - interfacesLost) * (type.ipv4PerEni - 1);
    return {
      pods: Math.floor(addresses * 0.88) - 1,
      milliCores: type.vcpus * 900,
      maxPods: Math.min(110, addresses + 2),
    };
  });
  const least = (of: keyof Room) => Math.min(...each.map((room) => room[of]));
  return { pods: Math.max(1, least('pods')), milliCores: least('milliCores'), maxPods: least('maxPods') };
}

const targets: Record<string, string>[] = [
  {},
  {},
  {},
  { WARM_IP_TARGET: '5', MINIMUM_IP_TARGET: '10' },
  { WARM_PREFIX_TARGET: '2', AWS_VPC_K8S_CNI_LOGLEVEL: 'INFO' },
  { WARM_PREFIX_TARGET: '3' },
  { WARM_PREFIX_TARGET: '0' },
  { WARM_IP_TARGET: '2', AWS_VPC_K8S_CNI_LOGLEVEL: 'DEBUG' },
  { WARM_ENI_TARGET: '0', WARM_IP_TARGET: '3' },
  { WARM_IP_TARGET: '1', MINIMUM_IP_TARGET: '4' },
  { WARM_IP_TARGET: '16' },
  { WARM_IP_TARGET: '30', MINIMUM_IP_TARGET: '40' },
  { WARM_IP_TARGET: '7', MINIMUM_IP_TARGET: '33' },
  { WARM_IP_TARGET: '-1', WARM_PREFIX_TARGET: 'many' },
  { MINIMUM_IP_TARGET: '27' },
  { MAX_ENI: '2' },
];
const versions = [
  'v1.16.4-eksbuild.2',
  'v1.17.1-eksbuild.1',
  'v1.19.2-eksbuild.1',
  'v1.19.2-eksbuild.1',
  'v1.20.4-eksbuild.2',
];

/** Texts that a reader of YAML 1.1 may take for something else. */
const labelValues = [
  'yes',
  'no',
  'y',
  'N',
  'on',
  'null',
  '012',
  '0x1F',
  '1e3',
  '1_000',
  '2026-01-01',
  '1.0',
  '',
  'true',
];
const tagValues = [
  ...labelValues,
  '1:30',
  '~',
  'a: b # c',
  '- x',
  '!x',
  '*a',
  '&a',
  '= b',
  '"q"',
  "it's",
  'a\tb',
  '<<',
  '%',
  '@',
  'grün',
];

export function randomCluster(seed: number): RandomCluster {
  const random = createRandom(seed).fork('cluster');
  const chance = (share: number): boolean => random.next() < share;
  const network = drawNetwork(random);
  const { subnets } = network;
  const groups = drawGroups(random, network);
  const workloads: WorkloadSpec[] = [];
  const budgets: BudgetSpec[] = [];
  const impossibleBudgets: string[] = [];
  for (const group of groups) {
    const selected = chance(0.6) || (group.taints ?? []).length > 0;
    let left = podsThatFit(group, network) - 4;
    for (let index = 0; index < 4 && left > 0; index += 1) {
      const replicas = Math.min(left, random.pick([1, 2, 3, 4, 6, 8, 12]));
      left -= replicas;
      const spec = drawWorkload(random, `${group.name}-${index}`, replicas, selected ? group : undefined);
      workloads.push(spec);
      const rule = drawBudget(random, spec);
      if (rule === undefined) continue;
      budgets.push(rule);
      if (neverAllows(rule, replicas)) impossibleBudgets.push(`${rule.namespace}/${rule.name}`);
    }
  }
  const nodes = groups.reduce((sum, { scaling }) => sum + scaling.desiredSize, 0);
  if (chance(0.3) && nodes > 0) workloads.push(daemonSet('agent', {}));
  if (chance(0.3) && nodes > 0) workloads.push(daemonSet('exporter', { hostNetwork: true }));
  const bare = chance(0.2) && nodes > 0;
  if (bare) workloads.push(deployment('tools', 'debug', 1, { kind: 'Pod', tolerations: [{ operator: 'Exists' }] }));
  const budgetless = workloads.filter(
    ({ kind, name }) => kind !== 'DaemonSet' && kind !== 'Pod' && !budgets.some((one) => one.name === name),
  );
  if (chance(0.15) && budgetless[0]) budgetless[0].neverReady = true;
  // a budget of pods that are not there
  if (chance(0.3)) budgets.push(budget('shop', 'nobody', { minAvailable: 1 }));
  const named = chance(0.25) ? groups.filter(() => chance(0.5)).map(({ name }) => name) : [];
  const settings = { ...random.pick(targets), ...network.settings };
  const written = chance(0.7) ? JSON.stringify({ env: settings }) : yamlOf(settings);
  return {
    scenario: demoCluster({
      name: `random-${seed}`,
      title: `drawn by seed ${seed}`,
      subnets: [...subnets, ...network.podSubnets, ...network.newSubnets],
      eniConfigs: network.podSubnets.map(({ subnetId, availabilityZone: name }) => ({ name, subnetId })),
      nodegroups: groups,
      workloads,
      budgets,
      vpcCni: {
        managedBy: 'eks-addon',
        version: random.pick(versions),
        ...(Object.keys(settings).length === 0 ? {} : { configurationValues: written }),
      },
    }),
    cordoned: groups
      .filter(({ scaling }) => scaling.desiredSize > 1 && chance(0.15))
      .map(({ name }) => ({ nodegroup: name, nodes: 1 })),
    impossibleBudgets,
    request: {
      ...(named.length > 0 ? { nodegroups: named } : {}),
      ...(chance(0.15) ? { maxPods: random.pick([30, 58, 64, 80, 110]) } : {}),
      order: random.pick(['auto', 'auto', 'safe-flip', 'cordon-first'] as const),
      ...(chance(0.1) ? { warmPrefixTarget: random.pick([1, 2, 3]) } : {}),
      ...(chance(0.15) ? { warmIpTarget: random.pick([1, 5]), minimumIpTarget: random.pick([8, 16, 20]) } : {}),
      ...(network.newSubnets.length > 0 ? { subnetIds: network.newSubnets.map(({ subnetId }) => subnetId) } : {}),
      ...(chance(0.2) ? { reserveSubnetCidr: true } : {}),
      allow: ['POD.BARE', 'POD.EMPTY_DIR', 'CNI.SETTING_NOT_A_NUMBER'],
    },
  };
}

interface Network {
  subnets: SubnetSpec[];
  /** of custom networking: one for each zone, or none */
  podSubnets: SubnetSpec[];
  /** made for the replacements, one for each zone, or none */
  newSubnets: SubnetSpec[];
  /** prefix delegation is on, and the nodes are older than that */
  prefixes: boolean;
  settings: Record<string, string>;
}

const yamlOf = (env: Record<string, string>): string =>
  `env:\n${Object.entries(env)
    .map(([name, value]) => `  ${name}: "${value}"\n`)
    .join('')}`;

function drawNetwork(random: Random): Network {
  const custom = random.next() < 0.12;
  const zones = ['a', 'b', 'c'].slice(0, random.int(1, 3));
  const sizes = [20, 21, 22, 22, 22, 23, 23, 24, 24, 25, 26];
  const subnets = zones.map((zone, index) => drawSubnet(random, zone, `10.0.${index * 16}`, random.pick(sizes)));
  const podSubnets = custom
    ? zones.map((zone, index) => drawSubnet(random, zone, `100.64.${index * 16}`, random.pick([21, 22, 23, 24])))
    : [];
  const newSubnets =
    !custom && random.next() < 0.12
      ? zones.map((zone, index) => drawSubnet(random, zone, `10.1.${index * 16}`, random.pick([22, 23, 24])))
      : [];
  // so that the nodes of the start find their prefixes
  const prefixes = !custom && random.next() < 0.12 && subnets.every(({ cidr }) => sizeOf(cidr) >= 512);
  return {
    subnets,
    podSubnets,
    newSubnets,
    prefixes,
    settings: {
      ...(custom
        ? { AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: 'true', ENI_CONFIG_LABEL_DEF: 'topology.kubernetes.io/zone' }
        : {}),
      ...(prefixes ? { ENABLE_PREFIX_DELEGATION: 'true' } : {}),
    },
  };
}

function drawSubnet(random: Random, zone: string, network: string, bits: number): SubnetSpec {
  const [a, b, third] = network.split('.').map(Number);
  const size = 2 ** (32 - bits);
  const text = (offset: number) => `${a}.${b}.${(third ?? 0) + Math.floor(offset / 256)}.${offset % 256}`;
  const digit = String('abc'.indexOf(zone) + 1);
  const foreign = Array.from({ length: random.int(0, size / random.pick([32, 64, 64])) }, () =>
    random.int(4, size - 2),
  );
  const reservation = random.pick(['none', 'none', 'half', 'half', 'half', 'explicit']);
  return {
    subnetId: `subnet-0${digit.repeat(4)}${a === 10 ? (b === 0 ? 'f00d' : 'beef') : 'c640'}${zone.repeat(8)}`,
    cidr: `${text(0)}/${bits}`,
    availabilityZone: `us-west-2${zone}`,
    foreignAddresses: [...new Set(foreign)].map((offset) => ({
      kind: random.pick(['network_load_balancer', 'vpc_endpoint', 'lambda', 'interface'] as const),
      address: text(offset),
    })),
    ...(reservation === 'half' ? { reservations: [{ cidr: `${text(size / 2)}/${bits + 1}`, type: 'prefix' }] } : {}),
    ...(reservation === 'explicit'
      ? { reservations: [{ cidr: `${text(size / 4)}/${bits + 3}`, type: 'explicit' }] }
      : {}),
  };
}

function drawGroups(random: Random, { subnets, podSubnets, prefixes }: Network): NodegroupSpec[] {
  const interfacesLost = podSubnets.length > 0 ? 1 : 0;
  // single addresses that old nodes may take, so that the cluster as drawn can run
  const free = new Map([...subnets, ...podSubnets].map((subnet) => [subnet.availabilityZone, Infinity]));
  for (const subnet of [...subnets, ...podSubnets]) {
    const { availabilityZone: zone } = subnet;
    free.set(zone, Math.min(free.get(zone) ?? 0, singlesOf(subnet)));
  }
  return ['apps', 'data', 'edge', 'zero'].slice(0, random.int(1, 4)).map((name) => {
    const instanceTypes = random.next() < 0.08 ? random.pick(seldomTypes) : random.pick(types);
    const own = subnets.filter(() => random.next() < 0.7);
    const chosen = own.length > 0 ? own : subnets;
    const room = roomOn(instanceTypes, interfacesLost);
    const perNode = Math.ceil((room.maxPods + 2) * 1.1);
    const zones = chosen.map(({ availabilityZone }) => availabilityZone);
    const fit = Math.min(...zones.map((zone) => Math.floor((free.get(zone) ?? 0) / perNode)));
    const size = Math.min(random.pick([0, 1, 2, 2, 3, 4]), fit * chosen.length);
    for (const zone of zones) free.set(zone, (free.get(zone) ?? 0) - Math.ceil(size / chosen.length) * perNode);
    const taint = random.next() < 0.25;
    const arm = /^(m7g|c6g)/.test(instanceTypes[0] ?? '');
    return nodegroup(name, size, chosen, {
      instanceTypes,
      ...(prefixes ? { maxPods: room.maxPods } : {}),
      amiType: arm ? 'AL2023_ARM_64_STANDARD' : 'AL2023_x86_64_STANDARD',
      scaling: {
        minSize: Math.min(size, random.int(0, 1)),
        maxSize: Math.max(1, size) + random.int(0, 2),
        desiredSize: size,
      },
      labels: {
        pool: name,
        ...(random.next() < 0.5 ? { on: random.pick(labelValues), y: random.pick(labelValues) } : {}),
      },
      ...(taint
        ? { taints: [{ key: 'pool', value: name, effect: random.pick(['NO_SCHEDULE', 'NO_EXECUTE'] as const) }] }
        : {}),
      ...(random.next() < 0.5
        ? { tags: { 'cost-center': '0042', no: random.pick(tagValues), note: random.pick(tagValues) } }
        : {}),
    });
  });
}

const sizeOf = (cidr: string): number => 2 ** (32 - Number(cidr.split('/')[1]));

function singlesOf({ cidr, foreignAddresses = [], reservations = [] }: SubnetSpec): number {
  const reserved = reservations.reduce((sum, one) => sum + sizeOf(one.cidr), 0);
  return sizeOf(cidr) - 5 - reserved - foreignAddresses.length - 1;
}

function podsThatFit({ instanceTypes, scaling: { desiredSize } }: NodegroupSpec, { podSubnets }: Network): number {
  const { pods, milliCores } = roomOn(instanceTypes, podSubnets.length > 0 ? 1 : 0);
  return Math.max(0, desiredSize * Math.min(Math.floor(milliCores / 60), pods) - (desiredSize > 1 ? 4 : 0));
}

function drawWorkload(random: Random, name: string, replicas: number, group: NodegroupSpec | undefined): WorkloadSpec {
  const make = random.next() < 0.25 ? statefulSet : deployment;
  return make('shop', name, replicas, {
    cpu: '50m',
    memory: random.pick(['32Mi', '64Mi', '96Mi']),
    readySeconds: random.pick([3, 10, 30, 45]),
    terminationSeconds: random.pick([1, 5, 20]),
    ...(group ? { nodeSelector: { pool: group.name } } : {}),
    ...(group?.taints ? { tolerations: [{ key: 'pool', operator: 'Exists' }] } : {}),
    ...(random.next() < 0.1 ? { hostNetwork: true } : {}),
    ...(random.next() < 0.15 ? { emptyDir: true } : {}),
  });
}

const daemonSet = (name: string, more: Partial<WorkloadSpec>): WorkloadSpec =>
  deployment('ops', name, 0, {
    kind: 'DaemonSet',
    cpu: '10m',
    memory: '16Mi',
    tolerations: [{ operator: 'Exists' }],
    ...more,
  });

function drawBudget(random: Random, { name, replicas }: WorkloadSpec): BudgetSpec | undefined {
  const rules: (Partial<BudgetSpec> | null)[] = [
    null,
    { maxUnavailable: 1 },
    { maxUnavailable: '25%' },
    { maxUnavailable: '34%' },
    { minAvailable: Math.max(0, replicas - 1) },
    ...(replicas > 1 ? [{ minAvailable: '50%' }] : []),
    ...(replicas > 2 ? [{ minAvailable: '60%' }] : []),
    ...(random.next() < 0.03 ? [{ minAvailable: replicas }, { maxUnavailable: 0 }, { minAvailable: '100%' }] : []),
  ];
  const rule = random.pick(rules);
  return rule === null ? undefined : budget('shop', name, rule);
}

/** By hand, and not with the arithmetic that is under test. */
function neverAllows({ minAvailable, maxUnavailable }: BudgetSpec, replicas: number): boolean {
  const pods = (value: number | string) =>
    typeof value === 'number' ? value : Math.ceil((Number.parseInt(value, 10) * replicas) / 100);
  return minAvailable === undefined ? pods(maxUnavailable ?? 0) === 0 : pods(minAvailable) >= replicas;
}
