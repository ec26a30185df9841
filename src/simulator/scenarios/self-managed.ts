import type { Scenario } from '../scenario.ts';
import { budget, demoCluster, deployment, nodegroup, threeSubnets } from './parts.ts';

const subnets = threeSubnets();
const onWorkers = { nodeSelector: { pool: 'workers' } };

/** The role of both kinds of nodes stands in aws-auth, as EKS wrote it there for the managed group. */
export const selfManaged: Scenario = demoCluster({
  name: 'self-managed',
  title: 'One managed node group, and Auto Scaling groups that EKS does not manage, with the same role',
  subnets,
  nodeRolesIn: 'aws-auth',
  nodegroups: [nodegroup('general', 2, subnets)],
  autoScalingGroups: [
    {
      name: 'workers.blue',
      instanceType: 'm5.large',
      scaling: { minSize: 1, maxSize: 5, desiredSize: 3 },
      subnetIds: subnets.map(({ subnetId }) => subnetId),
      labels: { pool: 'workers' },
      tags: { team: 'shop' },
    },
    {
      name: 'batch',
      instanceType: 'm5.large',
      overrides: ['m5.large', 'm5a.large'],
      onDemandPercent: 0,
      scaling: { minSize: 0, maxSize: 4, desiredSize: 1 },
      subnetIds: subnets.map(({ subnetId }) => subnetId),
      labels: { pool: 'batch' },
      taints: [{ key: 'pool', value: 'batch', effect: 'NO_SCHEDULE' }],
      role: 'demo-batch-node',
    },
  ],
  workloads: [
    deployment('shop', 'web', 6, onWorkers),
    deployment('shop', 'api', 4, onWorkers),
    deployment('shop', 'search', 4),
  ],
  budgets: [budget('shop', 'web', { maxUnavailable: 1 }), budget('shop', 'api', { minAvailable: 3 })],
});
