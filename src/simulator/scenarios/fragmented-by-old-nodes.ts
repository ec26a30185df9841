import type { Scenario, SubnetSpec } from '../scenario.ts';
import { budget, demoCluster, deployment, nodegroup } from './parts.ts';

/** So small that the scattered addresses of two old nodes leave hardly a block whole. */
const subnets: SubnetSpec[] = [
  { subnetId: 'subnet-0c3e9a1b7d5f20a41', cidr: '10.0.8.0/24', availabilityZone: 'us-west-2a' },
  { subnetId: 'subnet-0c3e9a1b7d5f20b52', cidr: '10.0.9.0/24', availabilityZone: 'us-west-2b' },
];

export const fragmentedByOldNodes: Scenario = demoCluster({
  name: 'fragmented-by-old-nodes',
  title: 'Two /24s whose blocks are spoiled by the old nodes, and free once these are gone',
  subnets,
  nodegroups: [nodegroup('general', 4, subnets)],
  workloads: [deployment('shop', 'web', 12), deployment('shop', 'api', 8), deployment('shop', 'worker', 8)],
  budgets: [budget('shop', 'web', { maxUnavailable: 2 }), budget('shop', 'api', { maxUnavailable: 2 })],
});
