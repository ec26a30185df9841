import type { Scenario } from '../scenario.ts';
import { budget, demoCluster, deployment, nodegroup, threeSubnets } from './parts.ts';

const subnets = threeSubnets();

export const createFails: Scenario = demoCluster({
  name: 'create-fails',
  title: 'New node groups end in CREATE_FAILED: no capacity for their instance type',
  subnets,
  nodegroups: [nodegroup('general', 3, subnets)],
  workloads: [deployment('shop', 'web', 6), deployment('shop', 'api', 4)],
  budgets: [budget('shop', 'web', { maxUnavailable: 1 })],
  createFailure: {
    code: 'AsgInstanceLaunchFailures',
    message:
      'Could not launch On-Demand Instances. InsufficientInstanceCapacity - We currently do not have sufficient m5.large capacity in the Availability Zone you requested. Launching EC2 instance failed.',
    afterSeconds: 300,
  },
});
