import type { Finding } from '../domain/finding.ts';
import type { Pod } from '../domain/snapshot.ts';
import { surgeFacts, surgeRefusal } from '../domain/surge.ts';
import { indexWorkloads, nameOf, ownerOf } from '../domain/workloads.ts';
import { type Check, planAgain } from './check.ts';

/** Deployments that shall be rolled over and cannot. */
export const workloadSurge: Check = {
  codes: [
    {
      code: 'WORKLOAD.SURGE_REFUSED',
      meaning: 'A Deployment named with --surge cannot have a second pod before the first one goes.',
      canBeAllowed: false,
    },
  ],
  run(snapshot, scope) {
    const { request, movingPods } = scope;
    if (request.surge.length === 0) return [];
    const workloads = indexWorkloads(snapshot.workloads);
    const facts = surgeFacts(snapshot);
    const pods: Map<string, Pod[]> = Map.groupBy(movingPods, (pod) => {
      const owner = ownerOf(pod, workloads);
      return owner?.kind === 'Deployment' ? nameOf(owner) : '';
    });
    return request.surge.flatMap((deployment): Finding[] => {
      const refusal = surgeRefusal(deployment, pods.get(deployment) ?? [], facts);
      if (refusal === null) return [];
      const [namespace, name] = deployment.split('/');
      return [
        {
          code: 'WORKLOAD.SURGE_REFUSED',
          severity: 'blocking',
          subject: deployment,
          summary: `--surge ${deployment}: ${refusal}.`,
          why: 'Rolling over means that a new pod is Ready on the new nodes before the old one goes; here that cannot be.',
          nextActions: [
            ...(facts.deployments.has(deployment)
              ? [`kubectl -n ${namespace} get deployment ${name} -o wide`]
              : [`kubectl get deployments --all-namespaces`]),
            `${planAgain(scope, { surge: request.surge.filter((other) => other !== deployment) })}  # evicts its pods instead`,
          ],
        },
      ];
    });
  },
};
