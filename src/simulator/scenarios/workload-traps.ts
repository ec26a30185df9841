import type { Scenario } from '../scenario.ts';
import { budget, demoCluster, deployment, nodegroup, statefulSet, threeSubnets } from './parts.ts';

const subnets = threeSubnets();
const guard = { namespace: 'policy', name: 'guard' };

export const workloadTraps: Scenario = demoCluster({
  name: 'workload-traps',
  title: 'Everything that makes a drain stop or hurt: budgets, bare pods, volumes, Jobs, quotas, webhooks',
  subnets,
  nodegroups: [nodegroup('general', 4, subnets)],
  ebsCsi: { attachLimit: 25 },
  workloads: [
    deployment('shop', 'web', 6),
    // two budgets select it
    deployment('shop', 'cart', 3, { labels: { tier: 'back' } }),
    // its budget never allows anything
    deployment('shop', 'payments', 3),
    // nobody covers for it
    deployment('shop', 'admin', 1),
    deployment('shop', 'cache', 2, { emptyDir: true }),
    // wants the label that only the old group has
    deployment('shop', 'reports', 2, { nodeSelector: { 'eks.amazonaws.com/nodegroup': 'general' } }),
    deployment('shop', 'ledger', 2, { annotations: { 'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false' } }),
    deployment('shop', 'chat', 2, { terminationGracePeriodSeconds: 3600, terminationSeconds: 900 }),
    // disks that stay in their zone
    statefulSet('shop', 'orders-db', 2, { volume: 'gp3' }),
    // as many pods as its quota allows
    deployment('tenant', 'portal', 4),
    deployment('batch', 'nightly-import', 1, { kind: 'Job', runSeconds: 14_400, backoffLimit: 0 }),
    deployment('debug', 'shell', 1, { kind: 'Pod' }),
    // no pod is admitted without it
    deployment(guard.namespace, guard.name, 2),
  ],
  budgets: [
    budget('shop', 'web', { maxUnavailable: 1 }),
    budget('shop', 'cart', { maxUnavailable: 1 }),
    { namespace: 'shop', name: 'back-tier', selector: { tier: 'back' }, maxUnavailable: 1 },
    budget('shop', 'payments', { minAvailable: 3 }),
    budget('shop', 'orders-db', { maxUnavailable: 1 }),
  ],
  quotas: [{ namespace: 'tenant', name: 'tenant', hard: { pods: '4', 'requests.cpu': '2' } }],
  services: [{ ...guard, selector: { app: guard.name } }],
  webhooks: [
    {
      kind: 'Validating',
      name: 'guard',
      service: { ...guard, path: '/validate' },
      exceptNamespaces: ['kube-system', guard.namespace],
    },
  ],
});
