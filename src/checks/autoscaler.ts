import { clusterAutoscalerOf, hasKarpenter, terminationHandlerOf } from '../domain/autoscalers.ts';
import type { Finding } from '../domain/finding.ts';
import type { Workload } from '../domain/snapshot.ts';
import { nameOf } from '../domain/workloads.ts';
import { type Check, count } from './check.ts';

/** What else adds, removes or drains nodes here. */
export const autoscaler: Check = {
  codes: [
    {
      code: 'AUTOSCALER.CLUSTER_AUTOSCALER',
      meaning: 'The cluster autoscaler runs here: the plan keeps it away from the old and the new nodes for a while.',
      canBeAllowed: false,
    },
    {
      code: 'AUTOSCALER.KARPENTER',
      meaning: 'Karpenter is installed: it may start nodes of its own for evicted pods.',
      canBeAllowed: false,
    },
    {
      code: 'AUTOSCALER.TERMINATION_HANDLER',
      meaning: 'The AWS Node Termination Handler runs here, and drains nodes, too.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, { sources, movingPods }) {
    if (sources.length === 0) return [];
    const [clusterAutoscaler, handler] = [clusterAutoscalerOf(snapshot), terminationHandlerOf(snapshot)];
    return [
      ...(clusterAutoscaler === null ? [] : [found(clusterAutoscaler)]),
      ...(hasKarpenter(snapshot) && movingPods.length > 0 ? [karpenter(snapshot.cluster.name, movingPods.length)] : []),
      ...(handler === null ? [] : [terminationHandler(handler)]),
    ];
  },
};

const found = (workload: Workload): Finding => ({
  code: 'AUTOSCALER.CLUSTER_AUTOSCALER',
  severity: 'advice',
  subject: nameOf(workload),
  summary: `The cluster autoscaler runs as ${workload.kind} ${nameOf(workload)}.`,
  why: 'It would start old nodes again for evicted pods, and remove new nodes that are still empty. The plan keeps the sources from growing, and the new nodes from being removed until it is done.',
  nextActions: [logsOf(workload)],
});

const karpenter = (clusterName: string, pods: number): Finding => ({
  code: 'AUTOSCALER.KARPENTER',
  severity: 'warning',
  subject: clusterName,
  summary: `Karpenter is installed: some of the ${count(pods, 'pod')} that move may land on nodes of its own instead of the new ones.`,
  why: 'It starts nodes for pods that find no room at once, and EKS Auto Mode does the same. The plan does not hinder it; its nodes have the maxPods of their EC2NodeClass.',
  nextActions: ['kubectl get nodepools,nodeclaims -o wide'],
});

const terminationHandler = (workload: Workload): Finding => ({
  code: 'AUTOSCALER.TERMINATION_HANDLER',
  severity: 'advice',
  subject: nameOf(workload),
  summary: `The AWS Node Termination Handler runs as ${workload.kind} ${nameOf(workload)}.`,
  why: 'It drains a node when EC2 announces its end, at the same time as this drain if need be: the budgets hold for both. It gives pods no longer than its own time limit.',
  nextActions: [logsOf(workload)],
});

const logsOf = ({ kind, namespace, name }: Workload): string =>
  `kubectl -n ${namespace} logs ${kind.toLowerCase()}/${name} --tail=50`;
