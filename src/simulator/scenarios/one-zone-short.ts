import type { Scenario, SubnetSpec } from '../scenario.ts';
import { budget, demoCluster, deployment, nodegroup, threeSubnets } from './parts.ts';

const [a, b] = threeSubnets();
const c: SubnetSpec = { subnetId: 'subnet-03333f00dcccccccc', cidr: '10.0.32.0/26', availabilityZone: 'us-west-2c' };
const subnets = [a, b, c].filter((subnet) => subnet !== undefined);

export const oneZoneShort: Scenario = demoCluster({
  name: 'one-zone-short',
  title: 'Ample room in two zones, and a /26 with two blocks at best in the third',
  subnets,
  nodegroups: [nodegroup('general', 3, subnets)],
  workloads: [deployment('shop', 'web', 12), deployment('shop', 'api', 9)],
  budgets: [budget('shop', 'web', { maxUnavailable: 2 })],
});
