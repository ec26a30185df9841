import type { Scenario } from '../scenario.ts';
import { budget, demoCluster, deployment, nodegroup, statefulSet, threeSubnets } from './parts.ts';

const subnets = threeSubnets();
const onMemory = {
  nodeSelector: { role: 'memory' },
  tolerations: [{ key: 'role', operator: 'Equal', value: 'memory', effect: 'NoSchedule' }],
};

export const healthy: Scenario = demoCluster({
  name: 'healthy',
  title: 'Two node groups over three zones, about 70 pods, budgets with room',
  subnets,
  nodegroups: [
    nodegroup('general', 4, subnets, { labels: { role: 'general' }, tags: { team: 'platform' } }),
    nodegroup('memory', 2, subnets, {
      instanceTypes: ['r5.large'],
      labels: { role: 'memory' },
      taints: [{ key: 'role', value: 'memory', effect: 'NO_SCHEDULE' }],
    }),
  ],
  workloads: [
    deployment('shop', 'web', 12, { readySeconds: 8 }),
    deployment('shop', 'api', 10),
    deployment('shop', 'checkout', 6),
    deployment('shop', 'search', 6, { readySeconds: 15 }),
    deployment('shop', 'images', 4),
    deployment('shop', 'worker', 6, { terminationSeconds: 8 }),
    statefulSet('shop', 'orders-db', 3, { ...onMemory, cpu: '200m', memory: '1Gi' }),
    statefulSet('shop', 'sessions', 3, { ...onMemory, memory: '512Mi' }),
    deployment('platform', 'ingress', 3, { labels: { tier: 'edge' } }),
    deployment('platform', 'metrics', 2),
  ],
  budgets: [
    budget('shop', 'web', { minAvailable: 9 }),
    budget('shop', 'api', { maxUnavailable: 2 }),
    budget('shop', 'checkout', { minAvailable: '60%' }),
    budget('shop', 'search', { maxUnavailable: 1 }),
    budget('shop', 'orders-db', { maxUnavailable: 1 }),
    budget('shop', 'sessions', { minAvailable: 2 }),
    budget('platform', 'ingress', { maxUnavailable: 1 }),
  ],
});
