import type { KubeObject } from '../types.ts';
import type { Event } from './objects.ts';
import type { KubernetesStore } from './store.ts';
import { milliseconds } from './time.ts';

/** `object` is what the event is about. The same reason and message again raises a count instead of adding an event. */
export type RecordEvent = (
  object: KubeObject,
  type: 'Normal' | 'Warning',
  reason: string,
  message: string,
  component: string,
) => void;

const keptMs = 3_600_000;

/** Events are kept for an hour and at most `limit` of them, the oldest dropped when a new one comes. */
export function createEventRecorder(store: KubernetesStore, { limit = 5_000 } = {}): RecordEvent {
  /** In the order of creation. */
  const known = new Map<string, { namespace: string; name: string; createdAt: number }>();

  return (object, type, reason, message, component) => {
    const now = store.timestamp();
    const key = `${object.metadata.uid} ${type} ${reason} ${message}`;
    const before = known.get(key);
    const counted =
      before &&
      store.update<Event>('events', before.namespace, before.name, (event) => {
        event.count = (event.count ?? 1) + 1;
        event.lastTimestamp = now;
      });
    if (counted) return;
    // Events about cluster-scoped objects live in the namespace `default`.
    const namespace = object.metadata.namespace ?? 'default';
    const name = `${object.metadata.name}.${store.version().toString(16).padStart(16, '0')}`;
    if (store.get('events', namespace, name)) return;
    store.create<Event>('events', {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name, namespace },
      involvedObject: {
        apiVersion: object.apiVersion,
        kind: object.kind,
        name: object.metadata.name,
        ...(object.metadata.namespace ? { namespace: object.metadata.namespace } : {}),
        uid: object.metadata.uid,
        resourceVersion: object.metadata.resourceVersion,
      },
      reason,
      message,
      type,
      count: 1,
      firstTimestamp: now,
      lastTimestamp: now,
      eventTime: null,
      source: { component },
      reportingComponent: component,
      reportingInstance: '',
    });
    known.delete(key);
    known.set(key, { namespace, name, createdAt: milliseconds(now) });
    for (const [oldKey, old] of known) {
      if (known.size <= limit && milliseconds(now) - old.createdAt < keptMs) break;
      known.delete(oldKey);
      store.remove('events', old.namespace, old.name);
    }
  };
}
