/** One verification, run by the engine over the real adapters, against a world in which the truth is known. */
import assert from 'node:assert/strict';
import type { StepProgress } from '../../src/domain/journal-entry.ts';
import type { MigrateError } from '../../src/domain/migrate-error.ts';
import type { AnyStep, MigrationPlan, StepParams } from '../../src/domain/plan.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import type { Container, DaemonSet, Pod } from '../../src/simulator/kubernetes/objects.ts';
import type { NodegroupSpec, Scenario, SubnetSpec, WorkloadSpec } from '../../src/simulator/scenario.ts';
import { demoCluster, deployment, nodegroup } from '../../src/simulator/scenarios/parts.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { memoryJournal, samplePlan } from '../support/sample-plan.ts';
import { startProcess } from './migration.ts';

/** The replacement that is verified. */
export const group = 'apps-pd';

export const wide: SubnetSpec = {
  subnetId: 'subnet-0aaaa000000000001',
  cidr: '10.0.0.0/20',
  availabilityZone: 'us-west-2a',
};
/** A /24 with a load balancer address in every /28 that a prefix could be in, but for the last `free` of them. */
export function spoilt(free: number): SubnetSpec {
  const blocks = Array.from({ length: 14 }, (_, index) => 16 * (index + 1));
  return {
    subnetId: 'subnet-0bbbb000000000002',
    cidr: '10.0.32.0/24',
    availabilityZone: 'us-west-2b',
    foreignAddresses: blocks
      .slice(0, 14 - free)
      .map((first) => ({ kind: 'network_load_balancer', address: `10.0.32.${first + 5}` })),
    // keeps the single addresses of nodes out of them
    reservations: blocks.slice(14 - free).map((first) => ({ cidr: `10.0.32.${first}/28`, type: 'prefix' })),
  };
}

export const delegated = { ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '1' };

export interface ClusterSpec {
  nodes?: number;
  subnet?: SubnetSpec;
  group?: Partial<NodegroupSpec>;
  others?: NodegroupSpec[];
  /** of the add-on */
  env?: Record<string, string>;
  version?: string;
  setByHand?: Record<string, string>;
  workloads?: WorkloadSpec[];
  faults?: FaultRule[];
}

/** A cluster whose one group is the replacement: m5.large, 110 pods, prefix delegation unless told otherwise. */
export function aCluster(spec: ClusterSpec = {}): World {
  const { nodes = 1, subnet = wide, others = [], env = delegated, version = 'v1.19.2-eksbuild.1' } = spec;
  const scenario: Scenario = demoCluster({
    name: 'verification',
    title: 'a replacement',
    subnets: [...new Set([subnet, wide])],
    vpcCni: {
      managedBy: 'eks-addon',
      version,
      ...(Object.keys(env).length > 0 && { configurationValues: JSON.stringify({ env }) }),
      ...(spec.setByHand && { setByHand: spec.setByHand }),
    },
    nodegroups: [...others, nodegroup(group, nodes, [subnet], { maxPods: 110, ...spec.group })],
    workloads: spec.workloads ?? [],
  });
  // coredns would be a witness on every node
  scenario.workloads = scenario.workloads.filter(({ name }) => name !== 'coredns');
  scenario.budgets = [];
  return createWorld(scenario, { seed: 3, faults: spec.faults ?? [] });
}

/** A DaemonSet that runs on every node, with an address of its own unless told otherwise. */
export const agent = (more: Partial<WorkloadSpec> = {}): WorkloadSpec =>
  deployment('monitoring', 'agent', 0, {
    kind: 'DaemonSet',
    readySeconds: 1,
    tolerations: [{ operator: 'Exists' }],
    ...more,
  });

export interface Verified {
  exitCode: number;
  error: MigrateError | undefined;
  /** what the journal says of each node */
  nodes: Extract<StepProgress, { kind: 'verified-node' }>[];
  notes: string[];
  /** virtual seconds */
  seconds: number;
}

/** Runs the step to its end. `meanwhile`: what happens so many seconds after its start. */
export async function verify(
  world: World,
  params: Partial<StepParams['verify-replacement']> = {},
  meanwhile: Record<number, () => void> = {},
): Promise<Verified> {
  const journal = memoryJournal();
  const begin = world.clock.now();
  for (const [seconds, happens] of Object.entries(meanwhile)) world.clock.after(Number(seconds) * 1000, happens);
  const result = await (await startProcess(world)).run(planOf(world, params), journal, { drift: false });
  assert.ok(result !== 'cut');
  const progress = journal.entries().flatMap((entry) => (entry.type === 'step-progress' ? entry.progress : []));
  return {
    exitCode: result.exitCode,
    error: result.stoppedBy,
    nodes: progress.filter((each) => each.kind === 'verified-node'),
    notes: progress.flatMap((each) => (each.kind === 'note' ? each.message : [])),
    seconds: (world.clock.now() - begin) / 1000,
  };
}

export function planOf(world: World, params: Partial<StepParams['verify-replacement']> = {}): MigrationPlan {
  const step: AnyStep = {
    id: `verify-replacement/apps`,
    kind: 'verify-replacement',
    phase: 'verify',
    impact: 'additive',
    dependsOn: [],
    summary: 'the replacement',
    params: {
      clusterName: world.cluster.name,
      nodegroupName: group,
      source: 'apps',
      nodes: 1,
      maxPods: 110,
      taints: [],
      canaryPods: 1,
      canaryImage: null,
      timeoutSeconds: 1200,
      ...params,
    },
  };
  const plan = samplePlan();
  return { ...plan, cluster: { ...plan.cluster, name: world.cluster.name }, steps: [step] };
}

/** Names of nodes of a group. */
export const nodesOf = (world: World, name = group): string[] =>
  world.store
    .list('nodes')
    .filter(({ metadata }) => metadata.labels?.['eks.amazonaws.com/nodegroup'] === name)
    .map(({ metadata }) => metadata.name);

export const canaries = (world: World): Pod[] =>
  world.store
    .list<Pod>('pods', 'kube-system')
    .filter(({ metadata }) => metadata.labels?.['prefix-migrate/canary-of-plan'] !== undefined);

/** Somebody edits DaemonSet aws-node. */
export function editAwsNode(world: World, edit: (daemonSet: DaemonSet) => void): void {
  world.store.update<DaemonSet>('daemonsets', 'kube-system', 'aws-node', edit);
}

export function setEnv(container: Container | undefined, env: Record<string, string>): void {
  assert.ok(container);
  const others = (container.env ?? []).filter(({ name }) => !(name in env));
  container.env = [...others, ...Object.entries(env).map(([name, value]) => ({ name, value }))];
}

/** The pods of aws-node start anew. */
export function restartAwsNode(world: World): void {
  for (const pod of world.store.list<Pod>('pods', 'kube-system')) {
    if (pod.metadata.labels?.['k8s-app'] === 'aws-node') world.store.remove('pods', 'kube-system', pod.metadata.name);
  }
}

/** The interfaces of a node, as EC2 has them. */
export function interfacesOf(world: World, nodeName: string) {
  const instance = [...world.ec2.instances.values()].find(({ privateDnsName }) => privateDnsName === nodeName);
  assert.ok(instance);
  return instance.enis;
}
