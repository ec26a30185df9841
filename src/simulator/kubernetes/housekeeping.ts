/** The controllers of nodes and of what is left behind: taints, pods of vanished nodes, dependents of deleted owners. */
import type { KubeObject, SimClock } from '../types.ts';
import { deleteObject, finishDeletion } from './deletion.ts';
import type { RecordEvent } from './events.ts';
import { isKind, type Namespace, type Node, type Pod, type Taint } from './objects.ts';
import { conditionOf, isFinished, isTerminating, setCondition, toleratesTaint } from './pods.ts';
import { resources } from './resources.ts';
import type { KubernetesStore } from './store.ts';
import { createWorkQueue, keyOf } from './work-queue.ts';

const taintMs = 100;
const collectMs = 50;
/** Pods of a node that is gone are kept for a while, should it come back. */
const vanishedNodeMs = 40_000;

/** Why a pod is deleted without an eviction, for the observer. */
export type DeletePod = (pod: Pod, cause: 'taint' | 'node-gone' | 'owner-gone', graceSeconds?: number) => void;

export interface HousekeepingContext {
  store: KubernetesStore;
  clock: SimClock;
  record: RecordEvent;
  deletePod: DeletePod;
}

export function startHousekeeping(context: HousekeepingContext): void {
  startNodeTaints(context);
  startTaintEviction(context);
  startPodCollector(context);
  startGarbageCollector(context);
  startNamespaceController(context);
}

/** Keeps the taints that follow from `spec.unschedulable` and from the Ready condition. */
function startNodeTaints({ store, clock }: HousekeepingContext): void {
  const queue = createWorkQueue(clock, taintMs, (name) => {
    store.update<Node>('nodes', undefined, name, (node) => {
      const wanted = expectedTaints(node);
      const others = (node.spec.taints ?? []).filter((taint) => !ownTaints.has(taint.key));
      const own = wanted.map(
        (taint) =>
          node.spec.taints?.find(({ key, effect }) => key === taint.key && effect === taint.effect) ?? {
            ...taint,
            timeAdded: store.timestamp(),
          },
      );
      const taints = [...others, ...own];
      if (taints.length > 0) node.spec.taints = taints;
      else delete node.spec.taints;
    });
  });
  store.watch<Node>('nodes', ({ type, object }) => {
    if (type !== 'DELETED') queue.add(object.metadata.name);
  });
}

const prefix = 'node.kubernetes.io/';
const ownTaints = new Set(['unschedulable', 'not-ready', 'unreachable'].map((name) => prefix + name));

function expectedTaints(node: Node): Taint[] {
  const ready = conditionOf(node, 'Ready')?.status;
  const trouble = ready === 'True' ? undefined : ready === 'Unknown' ? 'unreachable' : 'not-ready';
  return [
    ...(node.spec.unschedulable ? [{ key: `${prefix}unschedulable`, effect: 'NoSchedule' }] : []),
    ...(trouble ? ['NoSchedule', 'NoExecute'].map((effect) => ({ key: prefix + trouble, effect })) : []),
  ];
}

/** Deletes pods that do not tolerate a NoExecute taint of their node, or that tolerated it long enough. */
function startTaintEviction({ store, clock, record, deletePod }: HousekeepingContext): void {
  function judge(pod: Pod, taints: readonly Taint[]): void {
    if (isTerminating(pod)) return;
    const limits = taints.map((taint) => toleratedFor(pod, taint));
    const limit = Math.min(...limits);
    if (limit === Number.POSITIVE_INFINITY) return;
    if (limit <= 0) {
      record(
        pod,
        'Normal',
        'TaintManagerEviction',
        `Marking for deletion Pod ${keyOf(pod)}`,
        'taint-eviction-controller',
      );
      deletePod(pod, 'taint');
      return;
    }
    const { uid, namespace, name } = pod.metadata;
    clock.after(limit * 1000, () => {
      const now = store.get<Pod>('pods', namespace, name);
      const still = store.get<Node>('nodes', undefined, pod.spec.nodeName ?? '');
      const same = taints.filter((taint) =>
        still?.spec.taints?.some((t) => t.key === taint.key && t.effect === taint.effect),
      );
      if (now?.metadata.uid === uid && same.length === taints.length && !isTerminating(now)) deletePod(now, 'taint');
    });
  }
  store.watch<Node>('nodes', ({ type, object, previous }) => {
    if (type === 'DELETED' || object.spec.taints === previous?.spec.taints) return;
    const added = (object.spec.taints ?? []).filter(
      ({ key, effect }) =>
        effect === 'NoExecute' && !previous?.spec.taints?.some((t) => t.key === key && t.effect === effect),
    );
    if (added.length > 0) for (const pod of store.podsOnNode<Pod>(object.metadata.name)) judge(pod, added);
  });
}

/** Seconds, infinite without a limit, 0 when not tolerated at all. */
function toleratedFor(pod: Pod, taint: Taint): number {
  const matching = (pod.spec.tolerations ?? []).filter((toleration) => toleratesTaint(toleration, taint));
  if (matching.length === 0) return 0;
  return Math.min(...matching.map(({ tolerationSeconds }) => tolerationSeconds ?? Number.POSITIVE_INFINITY));
}

function startPodCollector({ store, clock, deletePod }: HousekeepingContext): void {
  function collect(nodeName: string): void {
    if (store.get('nodes', undefined, nodeName)) return;
    for (const pod of store.podsOnNode<Pod>(nodeName)) {
      const { namespace, name } = pod.metadata;
      const marked = store.update<Pod>('pods', namespace, name, ({ status }) => {
        if (status.phase !== 'Succeeded') status.phase = 'Failed';
        const message = 'PodGC: node no longer exists';
        const condition = {
          type: 'DisruptionTarget',
          status: 'True',
          lastProbeTime: null,
          reason: 'DeletionByPodGC',
          message,
        };
        status.conditions = setCondition(status.conditions, condition, store.timestamp());
      });
      if (marked) deletePod(marked, 'node-gone', 0);
    }
  }
  const wait = (nodeName: string): void => {
    clock.after(vanishedNodeMs, () => collect(nodeName));
  };
  store.watch<Node>('nodes', ({ type, object }) => {
    if (type === 'DELETED') wait(object.metadata.name);
  });
  // A pod that was stopping when its node went has no kubelet to end it.
  store.watch<Pod>('pods', ({ type, object: { spec }, previous }) => {
    const bound = spec.nodeName !== undefined && previous?.spec.nodeName !== spec.nodeName;
    if (type !== 'DELETED' && bound && !store.get('nodes', undefined, spec.nodeName ?? '')) wait(spec.nodeName ?? '');
  });
}

/** Deletes what only deleted objects own, lets go of owners that wait for their dependents. */
function startGarbageCollector({ store, clock, deletePod }: HousekeepingContext): void {
  const owners = new Map<string, KubeObject>();
  const queue = createWorkQueue(clock, collectMs, (uid) => {
    const owner = owners.get(uid);
    owners.delete(uid);
    for (const dependent of store.ownedBy(uid)) collect(dependent, uid);
    if (owner) release(owner);
  });

  function collect(object: KubeObject, ownerUid: string): void {
    const resource = resourceOf(object);
    if (!resource || isTerminating(object)) return;
    const { namespace, name, ownerReferences = [] } = object.metadata;
    if (ownerReferences.some(({ uid }) => uid !== ownerUid)) {
      store.update(resource, namespace, name, ({ metadata }) => {
        metadata.ownerReferences = ownerReferences.filter(({ uid }) => uid !== ownerUid);
      });
    } else if (isKind<Pod>(object, 'Pod')) deletePod(object, 'owner-gone');
    else deleteObject(store, resource, object);
  }

  /** Foreground and orphan deletion hold the owner by a finalizer until its dependents are seen to. */
  function release(owner: KubeObject): void {
    const resource = resourceOf(owner);
    const { namespace, name, uid } = owner.metadata;
    const now = resource ? store.get(resource, namespace, name) : undefined;
    if (!resource || now?.metadata.uid !== uid) return;
    const { finalizers = [] } = now.metadata;
    const orphaned = finalizers.includes('orphan');
    if (!orphaned && store.ownedBy(uid).length > 0) return;
    const next = store.update(resource, namespace, name, ({ metadata }) => {
      metadata.finalizers = finalizers.filter((each) => each !== 'orphan' && each !== 'foregroundDeletion');
      if (metadata.finalizers.length === 0) delete metadata.finalizers;
    });
    if (next) finishDeletion(store, resource, next);
  }

  function orphan(owner: KubeObject): void {
    for (const dependent of store.ownedBy(owner.metadata.uid)) {
      const resource = resourceOf(dependent);
      const { namespace, name } = dependent.metadata;
      if (!resource) continue;
      store.update(resource, namespace, name, ({ metadata }) => {
        const kept = metadata.ownerReferences?.filter(({ uid }) => uid !== owner.metadata.uid) ?? [];
        if (kept.length > 0) metadata.ownerReferences = kept;
        else delete metadata.ownerReferences;
      });
    }
  }

  for (const { resource } of resources) {
    store.watch(resource, ({ type, object }) => {
      const { uid, finalizers, ownerReferences } = object.metadata;
      const held = type === 'MODIFIED' && isTerminating(object) && finalizers !== undefined;
      if (held && finalizers.includes('orphan')) orphan(object);
      if (type === 'DELETED' || held) {
        if (store.ownedBy(uid).length > 0 || held) queue.add(uid);
        if (held) owners.set(uid, object);
      }
      if (type !== 'DELETED') return;
      // The last dependent of an owner that waits for it.
      for (const reference of ownerReferences ?? []) {
        const owner = ownerOf(object, reference);
        if (owner?.metadata.finalizers?.includes('foregroundDeletion')) {
          owners.set(reference.uid, owner);
          queue.add(reference.uid);
        }
      }
    });
  }

  function ownerOf(object: KubeObject, { kind, name }: { kind: string; name: string }): KubeObject | undefined {
    const found = resources.find((each) => each.kind === kind);
    return found && store.get(found.resource, found.namespaced ? object.metadata.namespace : undefined, name);
  }
}

function resourceOf({ apiVersion, kind }: KubeObject): string | undefined {
  return resources.find((each) => each.kind === kind && each.groupVersion === apiVersion)?.resource;
}

/** Empties a namespace that is being deleted, then removes it. */
function startNamespaceController({ store, clock, deletePod }: HousekeepingContext): void {
  const queue = createWorkQueue(clock, collectMs, (name) => {
    const namespace = store.get<Namespace>('namespaces', undefined, name);
    if (!namespace || !isTerminating(namespace)) return;
    let left = 0;
    for (const { resource } of resources.filter((each) => each.namespaced)) {
      for (const object of store.list(resource, name)) {
        if (!isTerminating(object)) {
          if (isKind<Pod>(object, 'Pod') && !isFinished(object)) deletePod(object, 'owner-gone');
          else deleteObject(store, resource, object);
        }
        left += store.get(resource, name, object.metadata.name) ? 1 : 0;
      }
    }
    if (left === 0) store.remove('namespaces', undefined, name);
  });
  store.watch<Namespace>('namespaces', ({ type, object }) => {
    if (type === 'MODIFIED' && isTerminating(object)) queue.add(object.metadata.name);
  });
  store.watch<Pod>('pods', ({ type, object }) => {
    const name = object.metadata.namespace ?? '';
    if (type !== 'DELETED') return;
    const namespace = store.get<Namespace>('namespaces', undefined, name);
    if (namespace && isTerminating(namespace)) queue.add(name);
  });
}
