import { isKind, type KubeObject, type Namespace, type Pod } from './objects.ts';
import { isFinished } from './pods.ts';
import type { KubernetesStore } from './store.ts';
import { milliseconds, timestamp } from './time.ts';

export interface DeleteOptions {
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
}

const foreground = 'foregroundDeletion';
const orphan = 'orphan';

/**
 * Deletes an object as the API server does: a running pod gets its grace period, finalizers hold what they protect, and
 * everything else is gone at once. Gives the object as it is after that.
 */
export function deleteObject(
  store: KubernetesStore,
  resource: string,
  object: KubeObject,
  { gracePeriodSeconds, propagationPolicy = 'Background' }: DeleteOptions = {},
): KubeObject | undefined {
  if (resource === 'namespaces') return terminateNamespace(store, object.metadata.name);
  const { namespace, name, deletionTimestamp } = object.metadata;
  const finalizers = withPolicy(
    object.metadata.finalizers ?? [],
    propagationPolicy,
    store.ownedBy(object.metadata.uid),
  );
  const grace = isKind<Pod>(object, 'Pod') ? podGrace(object, gracePeriodSeconds) : 0;
  if (grace === 0 && finalizers.length === 0) return removeNow(store, resource, object);
  const due = timestamp(milliseconds(store.timestamp()) + grace * 1000);
  return store.update(resource, namespace, name, ({ metadata }) => {
    // A second deletion can only bring the end nearer.
    if (deletionTimestamp === undefined || due < deletionTimestamp) {
      metadata.deletionTimestamp = due;
      metadata.deletionGracePeriodSeconds = grace;
    }
    if (finalizers.length > 0) metadata.finalizers = finalizers;
  });
}

/** Removes an object that only waited for its finalizers. To be called after each change of one. */
export function finishDeletion(store: KubernetesStore, resource: string, object: KubeObject): KubeObject {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata;
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds > 0 || finalizers.length > 0) return object;
  if (resource === 'namespaces') return object;
  return store.remove(resource, object.metadata.namespace, object.metadata.name) ?? object;
}

/** The namespace controller removes it once it is empty. */
function terminateNamespace(store: KubernetesStore, name: string): KubeObject | undefined {
  return store.update<Namespace>('namespaces', undefined, name, ({ metadata, status }) => {
    metadata.deletionTimestamp ??= store.timestamp();
    status.phase = 'Terminating';
  });
}

function removeNow(store: KubernetesStore, resource: string, object: KubeObject): KubeObject | undefined {
  const { namespace, name, deletionTimestamp } = object.metadata;
  // Watchers see a stopping pod once more, with no grace left, before it goes.
  if (resource === 'pods' && deletionTimestamp !== undefined) {
    store.update(resource, namespace, name, ({ metadata }) => {
      metadata.deletionTimestamp = store.timestamp();
      metadata.deletionGracePeriodSeconds = 0;
    });
  }
  return store.remove(resource, namespace, name);
}

function podGrace(pod: Pod, asked: number | undefined): number {
  if (!pod.spec.nodeName || isFinished(pod)) return 0;
  const grace = asked ?? pod.spec.terminationGracePeriodSeconds ?? 30;
  const { deletionGracePeriodSeconds } = pod.metadata;
  return deletionGracePeriodSeconds === undefined ? grace : Math.min(grace, deletionGracePeriodSeconds);
}

function withPolicy(finalizers: string[], policy: string, dependents: readonly KubeObject[]): string[] {
  const kept = finalizers.filter((finalizer) => finalizer !== foreground && finalizer !== orphan);
  if (policy === 'Orphan' && dependents.length > 0) return [...kept, orphan];
  const blocks = dependents.some((dependent) => dependent.metadata.ownerReferences?.some((o) => o.blockOwnerDeletion));
  return policy === 'Foreground' && blocks ? [...kept, foreground] : kept;
}
