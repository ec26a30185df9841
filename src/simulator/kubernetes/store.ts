import type { KubeEvent, KubeObject, KubeStore, ObjectMeta, Random, SimClock } from '../types.ts';
import { adopt, copy, settle } from './json.ts';
import { isKind, type Pod } from './objects.ts';
import { timestamp } from './time.ts';

type NewObject = Omit<KubeObject, 'metadata'> & { metadata: Partial<ObjectMeta> };

/** One change, as watchers and controllers see it. `previous` is absent for a creation. */
export interface Change<T extends KubeObject = KubeObject> extends KubeEvent<T> {
  previous?: T;
}

/** What the API server and the controllers use beyond `KubeStore`. */
export interface KubernetesStore extends KubeStore {
  /** The version of the last change of all. */
  version(): number;
  /** Like `subscribe`, with the object before the change. */
  watch<T extends KubeObject>(resource: string, listener: (change: Change<T>) => void): () => void;
  /** Changes of a resource after a version, oldest first; undefined when some of them are forgotten. */
  changesSince(resource: string, version: number): readonly Change[] | undefined;
  /** The version before the oldest remembered change of a resource: watches may begin there. */
  oldestVersion(resource: string): number;
  /** Objects in the order of their keys: `name` within a namespace, `namespace/name` over all; from a key on. */
  sorted<T extends KubeObject>(resource: string, namespace?: string, fromKey?: string): Iterable<T>;
  /** Objects that name an owner, whatever their kind. */
  ownedBy<T extends KubeObject>(uid: string): T[];
  /** Forgets all changes so far: watches and lists at versions before now answer 410. */
  compact(): void;
  uid(): string;
  timestamp(): string;
}

/** Kinds that count changes of their spec in `metadata.generation`. */
const generational = new Set([
  'pods',
  'deployments',
  'replicasets',
  'statefulsets',
  'daemonsets',
  'poddisruptionbudgets',
  'jobs',
  'cronjobs',
  'mutatingwebhookconfigurations',
  'validatingwebhookconfigurations',
]);

export class AlreadyExists extends Error {
  constructor(resource: string, key: string) {
    super(`${resource} "${key}" already exists`);
    this.name = 'AlreadyExists';
  }
}

interface Table {
  /** By namespace (empty for cluster-scoped kinds), then by name. */
  namespaces: Map<string, Bucket>;
  listeners: Set<(change: Change) => void>;
  history: Change[];
  /** Index in `history` of the oldest remembered change; what is before it is cut off now and then. */
  start: number;
  forgotten: number;
}

interface Bucket {
  objects: Map<string, KubeObject>;
  /** Sorted names, once somebody asked for them. */
  names: string[] | undefined;
}

export interface StoreOptions {
  /** How many changes of each resource are remembered, for watches and pages of lists. */
  historyLength?: number;
  /** Fills in defaults before an object is created. */
  prepare?: (resource: string, draft: KubeObject) => void;
}

/**
 * The objects of a cluster. Every change costs as much as the object is large, whatever the size of the cluster. Objects
 * that come out are frozen and never change: they may be kept and compared by reference.
 */
export function createStore(clock: SimClock, random: Random, options?: StoreOptions): KubernetesStore;
// Within, every object is a KubeObject; callers say which kind a resource has.
export function createStore(clock: SimClock, random: Random, options: StoreOptions = {}) {
  const { historyLength = 10_000, prepare } = options;
  let version = 0;
  const tables = new Map<string, Table>();
  const podsByNode = new Map<string, Map<string, KubeObject>>();
  const dependents = new Map<string, Map<string, KubeObject>>();
  const pending: { table: Table; change: Change }[] = [];
  let delivering = false;

  function table(resource: string): Table {
    let found = tables.get(resource);
    if (!found) {
      found = { namespaces: new Map(), listeners: new Set(), history: [], start: 0, forgotten: 0 };
      tables.set(resource, found);
    }
    return found;
  }

  function bucket(resource: string, namespace: string | undefined): Bucket | undefined {
    return tables.get(resource)?.namespaces.get(namespace ?? '');
  }

  function uid(): string {
    const hex = Array.from({ length: 4 }, () => random.int(0, 0xffff_ffff).toString(16).padStart(8, '0')).join('');
    const variant = '89ab'[Number.parseInt(hex[16] ?? '0', 16) % 4];
    return [
      hex.slice(0, 8),
      hex.slice(8, 12),
      `4${hex.slice(13, 16)}`,
      `${variant}${hex.slice(17, 20)}`,
      hex.slice(20),
    ].join('-');
  }

  function commit(resource: string, type: Change['type'], object: KubeObject, previous?: KubeObject): void {
    const into = table(resource);
    const { namespace = '', name } = object.metadata;
    if (type === 'DELETED') removeFrom(into, namespace, name);
    else putInto(into, namespace, name, object);
    index(resource, type === 'DELETED' ? undefined : object, previous);
    const change: Change = previous ? { type, object, previous } : { type, object };
    remember(into, change);
    deliver(into, change);
  }

  function index(resource: string, object: KubeObject | undefined, previous: KubeObject | undefined): void {
    const { namespace = '', name = '' } = (object ?? previous)?.metadata ?? {};
    const key = `${resource}/${namespace}/${name}`;
    if (resource === 'pods') reindex(podsByNode, key, nodeOf(previous), nodeOf(object), object);
    const before = previous?.metadata.ownerReferences;
    const after = object?.metadata.ownerReferences;
    for (const owner of before ?? []) {
      if (!after?.some((other) => other.uid === owner.uid)) reindex(dependents, key, owner.uid, undefined, undefined);
    }
    for (const owner of after ?? []) reindex(dependents, key, owner.uid, owner.uid, object);
  }

  function remember(into: Table, change: Change): void {
    into.history.push(change);
    if (into.history.length - into.start <= historyLength) return;
    into.forgotten = versionOf(into.history[into.start]?.object);
    into.start += 1;
    if (into.start > historyLength) {
      into.history = into.history.slice(into.start);
      into.start = 0;
    }
  }

  /** A change made by a listener is told after the one that caused it: everybody sees one order. */
  function deliver(to: Table, change: Change): void {
    pending.push({ table: to, change });
    if (delivering) return;
    delivering = true;
    try {
      for (let next = pending.shift(); next; next = pending.shift()) {
        for (const listener of Array.from(next.table.listeners)) listener(next.change);
      }
    } finally {
      delivering = false;
      pending.length = 0;
    }
  }

  function all(resource: string, namespace?: string): KubeObject[] {
    if (namespace !== undefined) return [...(bucket(resource, namespace)?.objects.values() ?? [])];
    return [...(tables.get(resource)?.namespaces.values() ?? [])].flatMap((each) => [...each.objects.values()]);
  }

  function get(resource: string, namespace: string | undefined, name: string): KubeObject | undefined {
    return bucket(resource, namespace)?.objects.get(name);
  }

  function watch(resource: string, listener: (change: Change) => void): () => void {
    const { listeners } = table(resource);
    // A function may listen more than once.
    const own = (change: Change): void => listener(change);
    listeners.add(own);
    return () => {
      listeners.delete(own);
    };
  }

  return {
    get,
    watch,
    subscribe: watch,
    list: all,
    podsOnNode: (nodeName: string) => [...(podsByNode.get(nodeName)?.values() ?? [])],
    ownedBy: (owner: string) => [...(dependents.get(owner)?.values() ?? [])],
    version: () => version,
    uid,
    timestamp: () => timestamp(clock.now()),

    create(resource: string, object: NewObject): KubeObject {
      const { name, namespace } = object.metadata;
      if (!name) throw new TypeError(`an object of ${resource} needs a name`);
      if (get(resource, namespace, name)) throw new AlreadyExists(resource, name);
      version += 1;
      const metadata: ObjectMeta = {
        ...object.metadata,
        name,
        uid: object.metadata.uid ?? uid(),
        resourceVersion: String(version),
        creationTimestamp: object.metadata.creationTimestamp ?? timestamp(clock.now()),
        ...(generational.has(resource) ? { generation: 1 } : {}),
      };
      const draft = adopt({ ...object, metadata });
      prepare?.(resource, draft);
      const stored = settle(draft);
      commit(resource, 'ADDED', stored);
      return stored;
    },

    update(
      resource: string,
      namespace: string | undefined,
      name: string,
      mutate: (draft: KubeObject) => void,
    ): KubeObject | undefined {
      const previous = get(resource, namespace, name);
      if (!previous) return undefined;
      const draft = copy(previous);
      mutate(draft);
      const { metadata } = previous;
      const { uid: same, resourceVersion, creationTimestamp, generation } = metadata;
      Object.assign(draft.metadata, { name, uid: same, resourceVersion, creationTimestamp, generation });
      const next = settle(draft, previous);
      if (next === previous) return previous;
      version += 1;
      const metadataNow = { ...next.metadata, resourceVersion: String(version) };
      if (generational.has(resource) && raisesGeneration(previous, next)) {
        metadataNow.generation = (metadata.generation ?? 0) + 1;
      }
      const stored = Object.freeze({ ...next, metadata: Object.freeze(metadataNow) });
      commit(resource, 'MODIFIED', stored, previous);
      return stored;
    },

    remove(resource: string, namespace: string | undefined, name: string) {
      const previous = get(resource, namespace, name);
      if (!previous) return undefined;
      version += 1;
      const last = settle({ ...previous, metadata: { ...previous.metadata, resourceVersion: String(version) } });
      commit(resource, 'DELETED', last, previous);
      return last;
    },

    changesSince(resource: string, since: number): readonly Change[] | undefined {
      const from = table(resource);
      if (since < from.forgotten) return undefined;
      let low = from.start;
      let high = from.history.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (versionOf(from.history[middle]?.object) > since) high = middle;
        else low = middle + 1;
      }
      return from.history.slice(low);
    },

    oldestVersion: (resource: string) => table(resource).forgotten,

    *sorted(resource: string, namespace?: string, fromKey = ''): Iterable<KubeObject> {
      const { namespaces } = table(resource);
      const slash = namespace === undefined ? fromKey.indexOf('/') : -1;
      const first = namespace ?? fromKey.slice(0, Math.max(0, slash));
      const chosen = namespace === undefined ? [...namespaces.keys()].toSorted(byKey) : [namespace];
      for (const each of chosen) {
        const from = namespaces.get(each);
        if (!from || byKey(each, first) < 0) continue;
        from.names ??= [...from.objects.keys()].toSorted(compareText);
        const begin = each === first ? position(from.names, fromKey.slice(slash + 1)) : 0;
        for (let at = begin; at < from.names.length; at++) {
          const object = from.objects.get(from.names[at] ?? '');
          if (object) yield object;
        }
      }
    },

    compact() {
      for (const each of tables.values()) {
        each.history = [];
        each.start = 0;
        each.forgotten = version;
      }
    },
  };
}

export function versionOf(object: KubeObject | undefined): number {
  return Number(object?.metadata.resourceVersion ?? 0);
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Keys are compared as `namespace/name`, in which `a-b/` comes before `a/`. */
function byKey(a: string, b: string): number {
  return compareText(`${a}/`, `${b}/`);
}

function nodeOf(object: KubeObject | undefined): string | undefined {
  return isKind<Pod>(object, 'Pod') ? object.spec.nodeName : undefined;
}

/**
 * Equal parts of two versions of an object are the same part. Binding a pod is no change of what was asked for, the
 * beginning of a deletion is one.
 */
function raisesGeneration(before: KubeObject, after: KubeObject): boolean {
  if (before.metadata.deletionTimestamp === undefined && after.metadata.deletionTimestamp !== undefined) return true;
  return specOf(before) !== specOf(after) && nodeOf(before) === nodeOf(after);
}

function specOf(object: KubeObject & { spec?: unknown }): unknown {
  return object.spec;
}

function putInto(into: Table, namespace: string, name: string, object: KubeObject): void {
  let bucket = into.namespaces.get(namespace);
  if (!bucket) {
    bucket = { objects: new Map(), names: undefined };
    into.namespaces.set(namespace, bucket);
  }
  if (bucket.names && !bucket.objects.has(name)) bucket.names.splice(position(bucket.names, name), 0, name);
  bucket.objects.set(name, object);
}

function removeFrom(from: Table, namespace: string, name: string): void {
  const bucket = from.namespaces.get(namespace);
  bucket?.objects.delete(name);
  bucket?.names?.splice(position(bucket.names, name), 1);
}

function position(names: readonly string[], name: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((names[middle] ?? '') < name) low = middle + 1;
    else high = middle;
  }
  return low;
}

function reindex(
  index: Map<string, Map<string, KubeObject>>,
  key: string,
  from: string | undefined,
  to: string | undefined,
  object: KubeObject | undefined,
): void {
  if (from !== undefined && from !== to) {
    const members = index.get(from);
    members?.delete(key);
    if (members?.size === 0) index.delete(from);
  }
  if (to === undefined || !object) return;
  const members = index.get(to);
  if (members) members.set(key, object);
  else index.set(to, new Map([[key, object]]));
}
