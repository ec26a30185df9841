import type { Scenario } from '../scenario.ts';
import { budget, demoCluster, deployment, nodegroup, threeSubnets } from './parts.ts';

const subnets = threeSubnets();

export const notNitro: Scenario = demoCluster({
  name: 'not-nitro',
  title: 'A group of t2.large, which cannot hold prefixes, next to one of m5.large',
  subnets,
  nodegroups: [
    nodegroup('general', 3, subnets, { labels: { role: 'general' } }),
    nodegroup('legacy', 2, subnets, { instanceTypes: ['t2.large'], labels: { role: 'legacy' } }),
  ],
  workloads: [
    deployment('shop', 'web', 6, { nodeSelector: { role: 'general' } }),
    deployment('shop', 'api', 4, { nodeSelector: { role: 'general' } }),
    deployment('shop', 'reports', 4, { nodeSelector: { role: 'legacy' } }),
  ],
  budgets: [budget('shop', 'web', { maxUnavailable: 1 }), budget('shop', 'reports', { maxUnavailable: 1 })],
});
