import type { Scenario } from '../scenario.ts';
import { healthy } from './healthy.ts';
import { clusterAutoscaler } from './parts.ts';

export const withClusterAutoscaler: Scenario = {
  ...healthy,
  name: 'cluster-autoscaler',
  title: 'The healthy cluster, with a cluster autoscaler that grows and shrinks its groups',
  workloads: [...healthy.workloads, clusterAutoscaler(healthy.cluster.name)],
  clusterAutoscaler: {},
};
