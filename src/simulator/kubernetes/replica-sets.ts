/** As many active pods as asked for. */

import type { Pod, ReplicaSet } from './objects.ts';
import type { ControllerContext } from './owned-pods.ts';
import { createPod, freeName, podsOf } from './owned-pods.ts';
import { isActive, isReady, isTerminating } from './pods.ts';
import { compareText } from './store.ts';
import { splitKey } from './work-queue.ts';

export function syncReplicaSet(context: ControllerContext, key: string): void {
  const { store } = context;
  const [namespace, name] = splitKey(key);
  const set = store.get<ReplicaSet>('replicasets', namespace, name);
  if (!set) return;
  const pods = podsOf(store, set).filter(isActive);
  const { replicas = 1, template } = set.spec;
  if (!isTerminating(set)) {
    for (let count = pods.length; count < replicas; count++) {
      const podName = freeName(context, namespace, `${name}-`);
      createPod(context, { owner: set, template, name: podName, generateName: `${name}-`, labels: {} });
    }
    const surplus = pods.length - replicas;
    for (const pod of surplus > 0 ? leastMissed(pods).slice(0, surplus) : []) context.deletePod(pod);
  }
  const now = podsOf(store, set).filter(isActive);
  const ready = now.filter(isReady).length;
  store.update<ReplicaSet>('replicasets', namespace, name, (draft) => {
    draft.status = {
      replicas: now.length,
      ...(now.length > 0 ? { fullyLabeledReplicas: now.length } : {}),
      ...(ready > 0 ? { readyReplicas: ready, availableReplicas: ready } : {}),
      observedGeneration: set.metadata.generation ?? 1,
    };
  });
}

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
