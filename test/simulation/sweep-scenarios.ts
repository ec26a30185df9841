/** Five small clusters, each with something else that a crash could leave half done. Small, so that every place can be cut. */
import type { PlanRequest } from '../../src/domain/plan.ts';
import { defaultTimings, type Scenario, type SubnetSpec, type Timings } from '../../src/simulator/scenario.ts';
import { withClusterAutoscaler } from '../../src/simulator/scenarios/cluster-autoscaler.ts';
import { healthy } from '../../src/simulator/scenarios/healthy.ts';
import {
  budget,
  clusterAutoscaler,
  demoCluster,
  deployment,
  nodegroup,
  statefulSet,
  threeSubnets,
} from '../../src/simulator/scenarios/parts.ts';

export interface SweepScenario {
  scenario: Scenario;
  request: Partial<PlanRequest>;
}

const [a, b] = threeSubnets();
const subnets = [a, b].filter((subnet) => subnet !== undefined);
/** Waiting passes the same few places again and again: twice tells as much as twenty times. */
const request: Partial<PlanRequest> = { soakSeconds: 20 };
const timings: Timings = {
  ...defaultTimings,
  updateAddon: 20,
  instanceBoot: 20,
  createNodegroup: 40,
  deleteNodegroup: 40,
};
const cluster = (scenario: Parameters<typeof demoCluster>[0]): Scenario => demoCluster({ timings, ...scenario });

/** Three free blocks: enough for the new nodes, and not for old nodes that attach prefixes as well. */
const tight: SubnetSpec = {
  subnetId: 'subnet-0f4a6d3e7c2b1a098',
  cidr: '10.0.8.0/24',
  availabilityZone: 'us-west-2a',
  foreignAddresses: [
    { kind: 'interface', address: '10.0.8.21' },
    { kind: 'interface', address: '10.0.8.37' },
  ],
};

const fragmented: SubnetSpec = {
  ...tight,
  cidr: '10.0.8.0/22',
  foreignAddresses: [
    { kind: 'network_load_balancer', address: '10.0.8.40' },
    { kind: 'vpc_endpoint', address: '10.0.9.200' },
  ],
};

export const sweepScenarios: SweepScenario[] = [
  {
    request: { ...request, order: 'safe-flip' },
    scenario: cluster({
      name: 'budget',
      title: 'One group of two nodes, and a budget that lets one pod go at a time',
      subnets,
      nodegroups: [nodegroup('general', 2, subnets)],
      workloads: [deployment('shop', 'web', 4), statefulSet('shop', 'db', 1)],
      budgets: [budget('shop', 'web', { maxUnavailable: 1 })],
    }),
  },
  {
    request: { ...request, order: 'safe-flip' },
    scenario: cluster({
      name: 'two-groups',
      title: 'Two groups of one node, their pods kept apart by a taint',
      subnets,
      nodegroups: [
        nodegroup('general', 1, subnets),
        nodegroup('memory', 1, subnets, {
          labels: { role: 'memory' },
          taints: [{ key: 'role', value: 'memory', effect: 'NO_SCHEDULE' }],
        }),
      ],
      workloads: [
        deployment('shop', 'web', 3),
        statefulSet('shop', 'db', 2, {
          nodeSelector: { role: 'memory' },
          tolerations: [{ key: 'role', operator: 'Equal', value: 'memory', effect: 'NoSchedule' }],
        }),
      ],
      budgets: [budget('shop', 'db', { maxUnavailable: 1 })],
    }),
  },
  {
    request: { ...request, order: 'safe-flip' },
    scenario: cluster({
      name: 'self-managed',
      title: 'aws-node as EKS installed it with the cluster, never made an add-on',
      subnets,
      vpcCni: { managedBy: 'self-managed', version: 'v1.19.2-eksbuild.1' },
      nodegroups: [nodegroup('general', 2, subnets)],
      workloads: [deployment('shop', 'web', 4)],
      budgets: [budget('shop', 'web', { minAvailable: 3 })],
    }),
  },
  {
    request: { ...request, order: 'auto' },
    scenario: cluster({
      name: 'tight',
      title: 'A subnet in which the old nodes must be cordoned before the VPC CNI is switched',
      subnets: [tight],
      nodegroups: [nodegroup('general', 2, [tight])],
      workloads: [deployment('shop', 'web', 4)],
      budgets: [budget('shop', 'web', { maxUnavailable: 2 })],
    }),
  },
  {
    request: { ...request, order: 'safe-flip', reserveSubnetCidr: true },
    scenario: cluster({
      name: 'autoscaler',
      title: 'A cluster autoscaler, and ranges that are reserved for prefixes',
      subnets: [fragmented],
      nodegroups: [nodegroup('general', 2, [fragmented])],
      workloads: [deployment('shop', 'web', 4), clusterAutoscaler('demo')],
      budgets: [budget('shop', 'web', { maxUnavailable: 2 })],
      clusterAutoscaler: {},
    }),
  },
];

/** By name; the scenarios of the program that tests cut as well are among them. */
export function scenarioNamed(name: string): SweepScenario {
  const found =
    sweepScenarios.find(({ scenario }) => scenario.name === name) ??
    [healthy, withClusterAutoscaler]
      .map((scenario) => ({ scenario, request: {} }))
      .find((one) => one.scenario.name === name);
  if (!found) throw new Error(`no scenario ${name}`);
  return found;
}
