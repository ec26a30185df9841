import type { Scenario } from '../scenario.ts';
import { budget, demoCluster, deployment, nodegroup, threeSubnets } from './parts.ts';

const subnets = threeSubnets();

export const noGain: Scenario = demoCluster({
  name: 'no-gain',
  title: 'm5.4xlarge nodes, which take 110 pods without prefixes already',
  subnets,
  nodegroups: [nodegroup('general', 3, subnets, { instanceTypes: ['m5.4xlarge'] })],
  workloads: [deployment('shop', 'web', 12), deployment('shop', 'api', 8)],
  budgets: [budget('shop', 'web', { maxUnavailable: 2 })],
});
