/** Pods with names that stay: one after the other, a new one only when the old one is gone. */

import type { Pod, StatefulSet } from './objects.ts';
import type { ControllerContext } from './owned-pods.ts';
import { createPod, isOf, podsOf, revisionLabel, templateHash } from './owned-pods.ts';
import { isFinished, isReady, isTerminating } from './pods.ts';
import { splitKey } from './work-queue.ts';

export function syncStatefulSet(context: ControllerContext, key: string): void {
  const { store } = context;
  const [namespace, name] = splitKey(key);
  const set = store.get<StatefulSet>('statefulsets', namespace, name);
  if (!set) return;
  const hash = templateHash(set.spec.template);
  if (!isTerminating(set)) stepStatefulSet(context, set, hash);
  const pods = podsOf(store, set).filter((pod) => !isFinished(pod));
  const ready = pods.filter((pod) => isReady(pod)).length;
  const updated = pods.filter((pod) => isOf(pod, hash)).length;
  store.update<StatefulSet>('statefulsets', namespace, name, (draft) => {
    const { replicas = 1 } = set.spec;
    const updateRevision = `${name}-${hash}`;
    const settled = updated === replicas && ready === replicas;
    draft.status = {
      observedGeneration: set.metadata.generation ?? 1,
      replicas: pods.length,
      ...(ready > 0 ? { readyReplicas: ready } : {}),
      availableReplicas: ready,
      ...(settled ? { currentReplicas: updated } : {}),
      updatedReplicas: updated,
      currentRevision: settled ? updateRevision : (draft.status?.currentRevision ?? updateRevision),
      updateRevision,
      collisionCount: 0,
    };
  });
}

/** From the first ordinal up, each once the one before it is Ready; then down, for what is too many or too old. */
function stepStatefulSet(context: ControllerContext, set: StatefulSet, hash: string): void {
  const { store } = context;
  const { namespace = '', name } = set.metadata;
  const { replicas = 1, podManagementPolicy, updateStrategy } = set.spec;
  const ordered = podManagementPolicy !== 'Parallel';
  const podAt = (ordinal: number): Pod | undefined => store.get<Pod>('pods', namespace, `${name}-${ordinal}`);
  for (let ordinal = 0; ordinal < replicas; ordinal++) {
    const pod = podAt(ordinal);
    if (!pod) createOrdinal(context, set, hash, ordinal);
    // The new pod has the name of the old one, which must be gone first.
    else if (isFinished(pod) && !isTerminating(pod)) context.deletePod(pod);
    if (ordered && !(pod && isReady(pod) && !isTerminating(pod))) return;
  }
  const surplus = podsOf(store, set)
    .filter((pod) => ordinalOf(pod) >= replicas)
    .toSorted((a, b) => ordinalOf(b) - ordinalOf(a));
  for (const pod of ordered ? surplus.slice(0, 1) : surplus) if (!isTerminating(pod)) context.deletePod(pod);
  if (surplus.length > 0 || updateStrategy?.type === 'OnDelete') return;
  for (let ordinal = replicas - 1; ordinal >= (updateStrategy?.rollingUpdate?.partition ?? 0); ordinal--) {
    const pod = podAt(ordinal);
    if (pod && !isOf(pod, hash)) {
      if (!isTerminating(pod)) context.deletePod(pod);
      return;
    }
    if (!pod || !isReady(pod) || isTerminating(pod)) return;
  }
}

function ordinalOf(pod: Pod): number {
  return Number(pod.metadata.name.slice(pod.metadata.name.lastIndexOf('-') + 1));
}

function createOrdinal(context: ControllerContext, set: StatefulSet, hash: string, ordinal: number): void {
  const name = `${set.metadata.name}-${ordinal}`;
  const labels = {
    'apps.kubernetes.io/pod-index': String(ordinal),
    [revisionLabel]: `${set.metadata.name}-${hash}`,
    'statefulset.kubernetes.io/pod-name': name,
  };
  createPod(context, {
    owner: set,
    template: set.spec.template,
    name,
    generateName: `${set.metadata.name}-`,
    labels,
    adjust: (spec) => {
      spec.hostname = name;
    },
  });
}
