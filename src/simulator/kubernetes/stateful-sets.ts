/** Pods with names that stay: one after the other, a new one only when the old one is gone. */

import type { PersistentVolumeClaim, Pod, StatefulSet } from './objects.ts';
import type { ControllerContext } from './owned-pods.ts';
import { createPod, isOf, podsOf, revisionLabel, templateHash } from './owned-pods.ts';
import { isFinished, isReady, isTerminating } from './pods.ts';
import type { StatusError } from './status.ts';
import { type Outcome, splitKey } from './work-queue.ts';

export function syncStatefulSet(context: ControllerContext, key: string): Outcome {
  const { store } = context;
  const [namespace, name] = splitKey(key);
  const set = store.get<StatefulSet>('statefulsets', namespace, name);
  if (!set) return undefined;
  const hash = templateHash(set.spec.template);
  const refused = isTerminating(set) ? undefined : stepStatefulSet(context, set, hash);
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
  return refused ? 'retry' : undefined;
}

/** From the first ordinal up, each once the one before it is Ready; then down, for what is too many or too old. */
function stepStatefulSet(context: ControllerContext, set: StatefulSet, hash: string): StatusError | undefined {
  const { store } = context;
  const { namespace = '', name } = set.metadata;
  const { replicas = 1, podManagementPolicy, updateStrategy } = set.spec;
  const ordered = podManagementPolicy !== 'Parallel';
  const podAt = (ordinal: number): Pod | undefined => store.get<Pod>('pods', namespace, `${name}-${ordinal}`);
  for (let ordinal = 0; ordinal < replicas; ordinal++) {
    const pod = podAt(ordinal);
    const refused = pod ? undefined : createOrdinal(context, set, hash, ordinal);
    if (refused) return refused;
    if (!pod) {
      if (ordered) return undefined;
      continue;
    }
    // The new pod has the name of the old one, which must be gone first.
    if (isFinished(pod) && !isTerminating(pod)) context.deletePod(pod);
    if (ordered && !(isReady(pod) && !isTerminating(pod))) return undefined;
  }
  const surplus = podsOf(store, set)
    .filter((pod) => ordinalOf(pod) >= replicas)
    .toSorted((a, b) => ordinalOf(b) - ordinalOf(a));
  for (const pod of ordered ? surplus.slice(0, 1) : surplus) if (!isTerminating(pod)) context.deletePod(pod);
  if (surplus.length > 0 || updateStrategy?.type === 'OnDelete') return undefined;
  for (let ordinal = replicas - 1; ordinal >= (updateStrategy?.rollingUpdate?.partition ?? 0); ordinal--) {
    const pod = podAt(ordinal);
    if (pod && !isOf(pod, hash)) {
      if (!isTerminating(pod)) context.deletePod(pod);
      return undefined;
    }
    if (!pod || !isReady(pod) || isTerminating(pod)) return undefined;
  }
  return undefined;
}

function ordinalOf(pod: Pod): number {
  return Number(pod.metadata.name.slice(pod.metadata.name.lastIndexOf('-') + 1));
}

function createOrdinal(
  context: ControllerContext,
  set: StatefulSet,
  hash: string,
  ordinal: number,
): StatusError | undefined {
  const name = `${set.metadata.name}-${ordinal}`;
  const { template, volumeClaimTemplates = [] } = set.spec;
  const claims = volumeClaimTemplates.map((claim) => ({
    volume: claim.metadata.name,
    name: `${claim.metadata.name}-${name}`,
    claim,
  }));
  for (const each of claims) createClaim(context, set, each.name, each.claim.spec);
  const labels = {
    'apps.kubernetes.io/pod-index': String(ordinal),
    [revisionLabel]: `${set.metadata.name}-${hash}`,
    'statefulset.kubernetes.io/pod-name': name,
  };
  return createPod(context, {
    owner: set,
    template,
    name,
    generateName: `${set.metadata.name}-`,
    labels,
    adjust: (spec) => {
      spec.hostname = name;
      if (claims.length === 0) return;
      const own = claims.map((each) => ({ name: each.volume, persistentVolumeClaim: { claimName: each.name } }));
      spec.volumes = [...(spec.volumes ?? []), ...own];
    },
  });
}

/** A claim outlives its pod and its set. */
function createClaim(
  { store }: ControllerContext,
  { metadata, spec }: StatefulSet,
  name: string,
  claim: PersistentVolumeClaim['spec'],
): void {
  const { namespace } = metadata;
  if (store.get('persistentvolumeclaims', namespace, name)) return;
  const labels = spec.selector.matchLabels;
  store.create<PersistentVolumeClaim>('persistentvolumeclaims', {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, ...(namespace ? { namespace } : {}), ...(labels ? { labels } : {}) },
    spec: claim,
    status: { phase: 'Pending' },
  });
}
