import type { Scenario } from '../scenario.ts';
import { budget, demoCluster, deployment, nodegroup, threeSubnets } from './parts.ts';

const subnets = threeSubnets();
const subnetIds = subnets.map(({ subnetId }) => subnetId);

export const karpenter: Scenario = demoCluster({
  name: 'karpenter',
  title: 'A managed node group for Karpenter, and nodes that it has made from two EC2NodeClasses',
  subnets,
  nodegroups: [nodegroup('system', 2, subnets)],
  karpenter: {
    nodeClasses: [{ name: 'default' }, { name: 'dense', amiFamily: 'bottlerocket', maxPods: 110 }],
    nodePools: [
      { name: 'general', nodeClass: 'default', nodes: 2, instanceType: 'm5.xlarge', subnetIds },
      { name: 'dense', nodeClass: 'dense', nodes: 1, instanceType: 'm5.large', subnetIds },
    ],
  },
  workloads: [deployment('shop', 'web', 8), deployment('shop', 'api', 4)],
  budgets: [budget('shop', 'web', { maxUnavailable: 1 })],
});
