/** As many active pods as asked for. */

import type { Condition, Pod, ReplicaSet } from './objects.ts';
import type { ControllerContext } from './owned-pods.ts';
import { createPod, freeName, podsOf } from './owned-pods.ts';
import { isActive, isReady, isTerminating } from './pods.ts';
import type { StatusError } from './status.ts';
import { compareText } from './store.ts';
import { type Outcome, splitKey } from './work-queue.ts';

export function syncReplicaSet(context: ControllerContext, key: string): Outcome {
  const { store } = context;
  const [namespace, name] = splitKey(key);
  const set = store.get<ReplicaSet>('replicasets', namespace, name);
  if (!set) return undefined;
  const pods = podsOf(store, set).filter(isActive);
  const { replicas = 1, template } = set.spec;
  let refused: StatusError | undefined;
  if (!isTerminating(set)) {
    for (let count = pods.length; count < replicas && !refused; count++) {
      const podName = freeName(context, namespace, `${name}-`);
      refused = createPod(context, { owner: set, template, name: podName, generateName: `${name}-`, labels: {} });
    }
    const surplus = pods.length - replicas;
    for (const pod of surplus > 0 ? leastMissed(pods).slice(0, surplus) : []) context.deletePod(pod);
  }
  const now = podsOf(store, set).filter(isActive);
  const ready = now.filter(isReady).length;
  store.update<ReplicaSet>('replicasets', namespace, name, (draft) => {
    const conditions = failureTold(draft.status?.conditions, refused, store.timestamp());
    draft.status = {
      replicas: now.length,
      ...(now.length > 0 ? { fullyLabeledReplicas: now.length } : {}),
      ...(ready > 0 ? { readyReplicas: ready, availableReplicas: ready } : {}),
      observedGeneration: set.metadata.generation ?? 1,
      ...(conditions.length > 0 ? { conditions } : {}),
    };
  });
  return refused ? 'retry' : undefined;
}

/** The first refusal stays told until all pods are there. */
function failureTold(
  conditions: readonly Condition[] = [],
  refused: StatusError | undefined,
  lastTransitionTime: string,
): Condition[] {
  const told = conditions.find(({ type }) => type === replicaFailure);
  const others = conditions.filter((each) => each !== told);
  if (!refused) return others;
  const { message } = refused;
  return [
    ...others,
    told ?? { type: replicaFailure, status: 'True', reason: 'FailedCreate', message, lastTransitionTime },
  ];
}

export const replicaFailure = 'ReplicaFailure';

function rank(pod: Pod): number {
  if (!pod.spec.nodeName) return 0;
  if (pod.status.phase === 'Pending') return 1;
  return isReady(pod) ? 3 : 2;
}

/** The order in which a ReplicaSet gives up pods: unassigned, pending, not ready, then the youngest. */
function leastMissed(pods: readonly Pod[]): Pod[] {
  return pods.toSorted(
    (a, b) => rank(a) - rank(b) || compareText(b.metadata.creationTimestamp, a.metadata.creationTimestamp),
  );
}
