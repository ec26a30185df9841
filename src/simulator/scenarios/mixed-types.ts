import type { Scenario } from '../scenario.ts';
import { budget, demoCluster, deployment, nodegroup, threeSubnets } from './parts.ts';

const subnets = threeSubnets();

export const mixedTypes: Scenario = demoCluster({
  name: 'mixed-types',
  title: 'One group of t3.small and m5.large: 11 and 29 pods per node, and EKS gives both the smaller number',
  subnets,
  nodegroups: [nodegroup('general', 3, subnets, { instanceTypes: ['t3.small', 'm5.large'], capacityType: 'SPOT' })],
  workloads: [deployment('shop', 'web', 6), deployment('shop', 'api', 4)],
  budgets: [budget('shop', 'web', { maxUnavailable: 1 })],
});
