import { budgetsOf, indexBudgets } from '../domain/budgets.ts';
import type { Finding } from '../domain/finding.ts';
import type { Scope } from '../domain/scope.ts';
import type { Pod, RehearsedRefusal } from '../domain/snapshot.ts';
import { indexWorkloads, nameOf } from '../domain/workloads.ts';
import { type Check, count, listed, planAgain } from './check.ts';
import { byWorkload, evictedPods, isForbidden, type MovingWorkload, refusalsOf } from './moving.ts';

/** Rehearsed evictions that something else than a budget refuses. */
export const evictionRefused: Check = {
  codes: [
    { code: 'EVICTION.FORBIDDEN', meaning: 'The caller may not evict pods.', canBeAllowed: true },
    {
      code: 'EVICTION.REFUSED',
      meaning: 'The API server refuses to evict a pod for a reason that is not its PodDisruptionBudget.',
      canBeAllowed: true,
    },
  ],
  run(snapshot, scope) {
    const refusals = refusalsOf(snapshot);
    const workloads = indexWorkloads(snapshot.workloads);
    const budgets = indexBudgets(snapshot.podDisruptionBudgets);
    const answers = evictedPods(scope, workloads).flatMap((pod): Answer[] => {
      const refusal = refusals.get(pod.uid);
      return refusal === undefined ? [] : [{ pod, refusal }];
    });
    const forbidden = answers.filter(({ refusal }) => isForbidden(refusal));
    const refused = answers.filter(
      (answer) =>
        (answer.refusal.kind === 'refused' && !isForbidden(answer.refusal)) ||
        answer.refusal.kind === 'namespace-terminating' ||
        // told as PDB.MULTIPLE_FOR_POD where the budgets are known
        (answer.refusal.kind === 'multiple-budgets' && budgetsOf(answer.pod, budgets).length < 2),
    );
    return [
      ...(forbidden[0] === undefined ? [] : [mayNotEvict(forbidden[0], forbidden, scope)]),
      ...byWorkload(
        refused.map(({ pod }) => pod),
        snapshot,
      ).map((workload) => isRefused(workload, refusals, scope)),
    ];
  },
};

interface Answer {
  pod: Pod;
  refusal: RehearsedRefusal;
}

function mayNotEvict({ refusal: { detail } }: Answer, answers: readonly Answer[], scope: Scope): Finding {
  const user = /User "([^"]+)"/.exec(detail)?.[1];
  const namespaces = [...new Set(answers.map(({ pod }) => pod.namespace))];
  const role = 'prefix-migrate-evict';
  return {
    code: 'EVICTION.FORBIDDEN',
    severity: 'blocking',
    subject: user ?? listed(namespaces, 3),
    summary: `${user ?? 'The caller'} may not evict pods in ${count(namespaces.length, 'namespace')}: ${listed(namespaces)}.`,
    why: `The drain needs verb create on pods/eviction there. The API server: "${detail}"`,
    nextActions: [
      `kubectl -n ${namespaces[0]} auth can-i create pods --subresource=eviction`,
      `kubectl create clusterrole ${role} --verb=create --resource=pods/eviction`,
      ...(user === undefined
        ? []
        : [`kubectl create clusterrolebinding ${role} --clusterrole=${role} --user='${user}'`]),
      `${planAgain(scope, { allow: ['EVICTION.FORBIDDEN'] })}  # when somebody else applies the plan`,
    ],
  };
}

function isRefused(
  { subject, namespace, pods }: MovingWorkload,
  refusals: ReadonlyMap<string, RehearsedRefusal>,
  scope: Scope,
): Finding {
  const refusal = refusals.get(pods[0].uid);
  const isGoing = refusal?.kind === 'namespace-terminating';
  return {
    code: 'EVICTION.REFUSED',
    severity: isGoing ? 'warning' : 'blocking',
    subject,
    summary: `The API server refuses to evict ${count(pods.length, 'pod')} of ${subject}: "${refusal?.detail ?? ''}"`,
    why: isGoing
      ? `Namespace ${namespace} is being deleted, and its pods go with it: the drain waits for that.`
      : `No budget that we know is behind it: as long as an admission webhook or a policy says so, the drain gets the same answer. Asked about ${listed(pods.map(nameOf), 3)}.`,
    nextActions: isGoing
      ? [`kubectl get namespace ${namespace} -o jsonpath='{.status.conditions}'`]
      : [
          `kubectl -n ${namespace} get pod ${pods[0].name} --show-labels`,
          'kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations',
          `${planAgain(scope, { allow: ['EVICTION.REFUSED'] })}  # when it is out of the way by then`,
        ],
  };
}
