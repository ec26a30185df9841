import type { Scenario } from '../scenario.ts';
import { budget, demoCluster, deployment, nodegroup, threeSubnets } from './parts.ts';

const subnets = threeSubnets();

export const permanentPdbBlock: Scenario = demoCluster({
  name: 'permanent-pdb-block',
  title: 'A PodDisruptionBudget that never allows an eviction: minAvailable equals the replicas',
  subnets,
  nodegroups: [nodegroup('general', 3, subnets)],
  workloads: [deployment('shop', 'web', 6), deployment('shop', 'payments', 3), deployment('shop', 'worker', 4)],
  budgets: [budget('shop', 'web', { maxUnavailable: 1 }), budget('shop', 'payments', { minAvailable: 3 })],
});
