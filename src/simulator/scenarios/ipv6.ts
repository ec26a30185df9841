import type { Scenario } from '../scenario.ts';
import { budget, demoCluster, deployment, nodegroup, threeSubnets } from './parts.ts';

const subnets = threeSubnets();
const { cluster, ...scenario } = demoCluster({
  name: 'ipv6',
  title: 'An IPv6 cluster, which uses prefixes from the first day',
  subnets,
  nodegroups: [nodegroup('general', 3, subnets)],
  workloads: [deployment('shop', 'web', 6)],
  budgets: [budget('shop', 'web', { maxUnavailable: 1 })],
});

export const ipv6: Scenario = { ...scenario, cluster: { ...cluster, ipFamily: 'ipv6' } };
