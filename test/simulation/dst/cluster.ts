/** Small clusters in which a migration can come to its end: drawn for stories of what happens to the migration. */
import type { PlanRequest } from '../../../src/domain/plan.ts';
import type { BudgetSpec, NodegroupSpec, Scenario, SubnetSpec, WorkloadSpec } from '../../../src/simulator/scenario.ts';
import {
  budget,
  clusterAutoscaler,
  demoCluster,
  deployment,
  nodegroup,
  statefulSet,
} from '../../../src/simulator/scenarios/parts.ts';
import type { Random } from '../../../src/simulator/types.ts';
import type { Profile } from './story.ts';

/** Must never be seen in a journal, a plan or a message. */
export const secretOf = (seed: number): string => `hunter2-${seed}-do-not-tell`;

const types = [['m5.large'], ['m5.large'], ['t3.medium'], ['t3.large'], ['m6i.large'], ['m5.large', 'm6i.large']];
const settings: Record<string, string>[] = [
  {},
  {},
  {},
  { WARM_PREFIX_TARGET: '2', AWS_VPC_K8S_CNI_LOGLEVEL: 'INFO' },
  { WARM_IP_TARGET: '5', MINIMUM_IP_TARGET: '10' },
  { WARM_ENI_TARGET: '1' },
  { WARM_IP_TARGET: '2', AWS_VPC_K8S_CNI_LOGLEVEL: 'DEBUG' },
];

export function drawCluster(
  seed: number,
  random: Random,
  profile: Profile,
): { scenario: Scenario; request: Partial<PlanRequest> } {
  const chance = (share: number): boolean => random.next() < share;
  const secret = secretOf(seed);
  const subnets = ['a', 'b', 'c'].slice(0, random.int(1, 3)).map((zone, index) => drawSubnet(random, zone, index));
  const hasAutoscaler = profile === 'one' && chance(0.15);
  const groups = ['apps', 'data', 'edge'].slice(0, random.pick([1, 1, 2, 2, 3])).map((name, index, all) => {
    const own = subnets.filter(() => chance(0.7));
    const size = random.int(index === 0 ? 2 : 1, all.length === 1 ? 4 : 2);
    return drawGroup(random, name, size, own.length > 0 ? own : subnets, hasAutoscaler);
  });
  const workloads: WorkloadSpec[] = hasAutoscaler ? [clusterAutoscaler('demo')] : [];
  const budgets: BudgetSpec[] = [];
  for (const group of groups) {
    const isPinned = chance(0.4);
    for (let index = random.int(1, profile === 'two' ? 2 : 3); index > 0; index -= 1) {
      const spec = drawWorkload(random, `${group.name}-${index}`, isPinned ? group : undefined, secret);
      workloads.push(spec);
      const rule = spec.kind === 'Job' ? undefined : drawBudget(random, spec);
      if (rule) budgets.push(rule);
    }
  }
  if (chance(0.2)) workloads.push(agent);
  if (chance(0.15)) {
    workloads.push(deployment('tools', 'debug', 1, { kind: 'Pod', tolerations: [{ operator: 'Exists' }] }));
  }
  const singles = workloads.filter(
    ({ kind, namespace, replicas }) => kind === 'Deployment' && namespace === 'shop' && replicas === 1,
  );
  const env = random.pick(settings);
  const isAddon = chance(0.8);
  return {
    scenario: demoCluster({
      name: `story-${seed}`,
      title: `drawn by seed ${seed}`,
      subnets,
      nodegroups: groups,
      workloads,
      budgets,
      vpcCni: {
        managedBy: isAddon ? 'eks-addon' : 'self-managed',
        version: 'v1.19.2-eksbuild.1',
        ...(isAddon && Object.keys(env).length > 0 ? { configurationValues: JSON.stringify({ env }) } : {}),
        setByHand: {
          ...(isAddon ? {} : env),
          ...(chance(0.3) ? { HTTPS_PROXY: `http://proxy:${secret}@10.0.0.9` } : {}),
        },
      },
      ...(hasAutoscaler ? { clusterAutoscaler: { unneededSeconds: random.pick([60, 600]) } } : {}),
    }),
    request: {
      order: random.pick(['auto', 'auto', 'safe-flip', 'cordon-first'] as const),
      nodes: chance(0.1) ? 'fit' : 'same',
      reserveSubnetCidr: chance(0.25),
      soakSeconds: random.pick([0, 30, 120]),
      canaryPods: chance(0.08) ? 17 : random.int(1, 2),
      surge: singles.filter(() => chance(0.3)).map(({ namespace, name }) => `${namespace}/${name}`),
      ...(chance(0.1) ? { maxPods: random.pick([30, 58, 110]) } : {}),
      ...(chance(0.15) ? { waitForJobsSeconds: 300 } : {}),
      allow: ['POD.BARE', 'POD.EMPTY_DIR'],
    },
  };
}

function drawSubnet(random: Random, zone: string, index: number): SubnetSpec {
  const bits = random.pick([20, 21, 22, 22]);
  const size = 2 ** (32 - bits);
  // every so manieth block spoiled, and the rest is enough for the nodes of a story
  const every = random.pick([0, 0, 3, 4]);
  const foreign =
    every === 0 ? [] : Array.from({ length: size / 16 / every }, (_, block) => block * every * 16 + random.int(5, 15));
  const text = (offset: number): string => `10.0.${index * 16 + Math.floor(offset / 256)}.${offset % 256}`;
  return {
    subnetId: `subnet-0${String(index + 1).repeat(4)}f00d${zone.repeat(8)}`,
    cidr: `${text(0)}/${bits}`,
    availabilityZone: `us-west-2${zone}`,
    foreignAddresses: foreign.slice(0, 32).map((offset) => ({ kind: 'interface' as const, address: text(offset) })),
  };
}

function drawGroup(
  random: Random,
  name: string,
  size: number,
  subnets: SubnetSpec[],
  hasAutoscaler: boolean,
): NodegroupSpec {
  return nodegroup(name, size, subnets, {
    instanceTypes: random.pick(types),
    capacityType: random.next() < 0.3 ? 'SPOT' : 'ON_DEMAND',
    scaling: { minSize: random.int(0, 1), maxSize: size + random.int(0, 2), desiredSize: size },
    labels: { pool: name },
    ...(random.next() < 0.1 ? { suspendedProcesses: ['AZRebalance'] } : {}),
    ...(name !== 'apps' && random.next() < 0.25
      ? { taints: [{ key: 'pool', value: name, effect: 'NO_SCHEDULE' as const }] }
      : {}),
    ...(hasAutoscaler
      ? { tags: { 'k8s.io/cluster-autoscaler/enabled': 'true', 'k8s.io/cluster-autoscaler/demo': 'owned' } }
      : {}),
  });
}

function drawWorkload(random: Random, name: string, group: NodegroupSpec | undefined, secret: string): WorkloadSpec {
  const dice = random.next();
  const replicas = random.pick([1, 2, 2, 3, 4, 5]);
  const more: Partial<WorkloadSpec> = {
    cpu: '50m',
    memory: '48Mi',
    readySeconds: random.pick([2, 10, 30]),
    terminationSeconds: random.pick([1, 5, 20]),
    annotations: { 'example.com/token': secret },
    command: ['serve', `--password=${secret}`],
    ...(group ? { nodeSelector: { pool: group.name } } : {}),
    ...(group?.taints ? { tolerations: [{ key: 'pool', operator: 'Exists' }] } : {}),
    ...(random.next() < 0.15 ? { emptyDir: true } : {}),
  };
  if (dice < 0.25) return statefulSet('shop', name, replicas, more);
  if (dice < 0.33) {
    const job = { kind: 'Job' as const, runSeconds: random.pick([60, 600, 3000]), backoffLimit: 20 };
    return deployment('shop', name, Math.min(2, replicas), { ...more, ...job, ignoresDisruption: true });
  }
  return deployment('shop', name, replicas, more);
}

function drawBudget(random: Random, { name, replicas }: WorkloadSpec): BudgetSpec | undefined {
  const rules: (Partial<BudgetSpec> | null)[] = [
    null,
    { maxUnavailable: 1 },
    { maxUnavailable: '34%' },
    { maxUnavailable: '100%' },
    ...(replicas > 1 ? [{ minAvailable: replicas - 1 }, { minAvailable: '50%' }] : []),
  ];
  const rule = random.pick(rules);
  return rule === null ? undefined : budget('shop', name, rule);
}

const agent = deployment('ops', 'agent', 0, {
  kind: 'DaemonSet',
  cpu: '10m',
  memory: '16Mi',
  tolerations: [{ operator: 'Exists' }],
});
