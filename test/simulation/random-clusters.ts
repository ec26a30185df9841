/** Clusters drawn by a seed: every kind of thing that a plan has to deal with, in sizes that a test has time for. */
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
    warmIpTarget?: number;
    minimumIpTarget?: number;
    allow: string[];
  };
}

const types = ['t3.medium', 't3.large', 'm5.large', 'm5.large', 'm5.xlarge', 'm6i.large', 'r5.large', 'm7g.medium'];

/** Pods with an address of their own that a node of the type holds in secondary IP mode, with one address to spare. */
const room: Record<string, number> = {
  't3.medium': 12,
  't3.large': 28,
  'm5.large': 24,
  'm5.xlarge': 50,
  'm6i.large': 24,
  'r5.large': 24,
  'm7g.medium': 3,
  'c5.4xlarge': 100,
};
const milliCores: Record<string, number> = { 'm7g.medium': 900, 'm5.xlarge': 3800, 'c5.4xlarge': 15_000 };

const configurations: (string | null)[] = [
  null,
  null,
  '{"env":{"WARM_IP_TARGET":"5","MINIMUM_IP_TARGET":"10"}}',
  '{"env":{"WARM_PREFIX_TARGET":"2","AWS_VPC_K8S_CNI_LOGLEVEL":"INFO"}}',
  'env:\n  WARM_IP_TARGET: "2"\n  AWS_VPC_K8S_CNI_LOGLEVEL: DEBUG\n',
  '{"env":{"WARM_ENI_TARGET":"0","WARM_IP_TARGET":"3"}}',
  '{"env":{"WARM_IP_TARGET":"1","MINIMUM_IP_TARGET":"4"}}',
  'env:\n  MAX_ENI: "2"\n',
];
const versions = ['v1.16.4-eksbuild.2', 'v1.19.2-eksbuild.1', 'v1.19.2-eksbuild.1', 'v1.20.4-eksbuild.2'];

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
  const subnets = drawSubnets(random);
  const groups = drawGroups(random, subnets);
  const workloads: WorkloadSpec[] = [];
  const budgets: BudgetSpec[] = [];
  const impossibleBudgets: string[] = [];
  for (const group of groups) {
    const selected = chance(0.6) || (group.taints ?? []).length > 0;
    let left = podsThatFit(group) - 4;
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
  const configurationValues = random.pick(configurations);
  return {
    scenario: demoCluster({
      name: `random-${seed}`,
      title: `drawn by seed ${seed}`,
      subnets,
      nodegroups: groups,
      workloads,
      budgets,
      vpcCni: {
        managedBy: 'eks-addon',
        version: random.pick(versions),
        ...(configurationValues === null ? {} : { configurationValues }),
      },
    }),
    cordoned: groups
      .filter(({ scaling }) => scaling.desiredSize > 1 && chance(0.15))
      .map(({ name }) => ({ nodegroup: name, nodes: 1 })),
    impossibleBudgets,
    request: {
      ...(named.length > 0 ? { nodegroups: named } : {}),
      ...(chance(0.15) ? { maxPods: random.pick([30, 58, 64, 80, 110]) } : {}),
      ...(chance(0.15) ? { warmIpTarget: random.pick([1, 5]), minimumIpTarget: random.pick([8, 16, 20]) } : {}),
      allow: ['POD.BARE', 'POD.EMPTY_DIR'],
    },
  };
}

function drawSubnets(random: Random): SubnetSpec[] {
  return ['a', 'b', 'c'].slice(0, random.int(1, 3)).map((zone, index): SubnetSpec => {
    const bits = random.pick([22, 22, 22, 22, 23, 23, 24, 25, 26]);
    const size = 2 ** (32 - bits);
    const base = index * 1024;
    const text = (offset: number) => `10.0.${Math.floor((base + offset) / 256)}.${(base + offset) % 256}`;
    const reserved = random.next() < 0.6;
    const foreign = Array.from({ length: random.int(0, size / 64) }, () => random.int(4, size - 2));
    return {
      subnetId: `subnet-0${String(index + 1).repeat(4)}f00d${zone.repeat(8)}`,
      cidr: `${text(0)}/${bits}`,
      availabilityZone: `us-west-2${zone}`,
      foreignAddresses: [...new Set(foreign)].map((offset) => ({
        kind: random.pick(['network_load_balancer', 'vpc_endpoint', 'lambda', 'interface'] as const),
        address: text(offset),
      })),
      ...(reserved ? { reservations: [{ cidr: `${text(size / 2)}/${bits + 1}`, type: 'prefix' as const }] } : {}),
    };
  });
}

function drawGroups(random: Random, subnets: readonly SubnetSpec[]): NodegroupSpec[] {
  // single addresses that old nodes may take, so that the cluster as drawn can run
  const free = new Map(subnets.map((subnet) => [subnet.subnetId, singlesOf(subnet)]));
  return ['apps', 'data', 'edge', 'zero'].slice(0, random.int(1, 4)).map((name) => {
    const type = random.next() < 0.06 ? 'c5.4xlarge' : random.pick(types);
    const own = subnets.filter(() => random.next() < 0.7);
    const chosen = own.length > 0 ? own : subnets;
    const perNode = (room[type] ?? 24) + 6;
    const fit = Math.min(...chosen.map(({ subnetId }) => Math.floor((free.get(subnetId) ?? 0) / perNode)));
    const size = Math.min(random.pick([0, 1, 2, 2, 3, 4]), fit * chosen.length);
    for (const { subnetId } of chosen) {
      free.set(subnetId, (free.get(subnetId) ?? 0) - Math.ceil(size / chosen.length) * perNode);
    }
    const taint = random.next() < 0.25;
    return nodegroup(name, size, chosen, {
      instanceTypes: type === 'm5.large' && random.next() < 0.3 ? ['m5.large', 'm6i.large'] : [type],
      amiType: type.startsWith('m7g') ? 'AL2023_ARM_64_STANDARD' : 'AL2023_x86_64_STANDARD',
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

function podsThatFit({ instanceTypes: [type = ''], scaling: { desiredSize } }: NodegroupSpec): number {
  const byCpu = Math.floor((milliCores[type] ?? 1800) / 60);
  return Math.max(0, desiredSize * Math.min(byCpu, room[type] ?? 24) - (desiredSize > 1 ? 4 : 0));
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
