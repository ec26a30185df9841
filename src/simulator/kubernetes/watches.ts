/** WATCH: a stream of changes from a version on, with bookmarks. */
import type { KubeObject, Random, SimClock, SimStream, Timer } from '../types.ts';
import type { Selection } from './lists.ts';
import type { Resource } from './resources.ts';
import { StatusError } from './status.ts';
import type { Change, KubernetesStore } from './store.ts';

const bookmarkMs = 60_000;
/** The last bookmark comes this long before the end that the client asked for. */
const lastBookmarkMs = 2_000;
const longestSeconds = 1_800;

export interface WatchContext {
  store: KubernetesStore;
  clock: SimClock;
  random: Random;
  /** The form in which an object is sent: as it is, as a Table row, as metadata. */
  render: (object: KubeObject) => object;
}

export function watchStream(
  context: WatchContext,
  resource: Resource,
  selection: Selection,
  query: URLSearchParams,
): SimStream {
  const { store, clock, random, render } = context;
  const wanted = query.get('resourceVersion') ?? '';
  const from = wanted === '' || wanted === '0' ? undefined : Number(wanted);
  const bookmarks = query.get('allowWatchBookmarks') === 'true' || query.get('allowWatchBookmarks') === '1';
  const asked = Number(query.get('timeoutSeconds') ?? 0);
  const seconds = asked > 0 ? asked : longestSeconds * (1 + random.next());
  const inNamespace = ({ metadata }: KubeObject): boolean =>
    selection.namespace === undefined || metadata.namespace === selection.namespace;
  const selected = (object: KubeObject | undefined): boolean =>
    object !== undefined && inNamespace(object) && selection.matches(object);

  return {
    start(sink) {
      const timers = new Set<Timer>();
      let begin: readonly Change[];
      if (from === undefined) begin = [...store.sorted(resource.resource, selection.namespace)].map(added);
      else {
        const changes = store.changesSince(resource.resource, from);
        if (!changes) {
          send('ERROR', tooOld(from, store.oldestVersion(resource.resource)).status);
          sink.end();
          return () => undefined;
        }
        begin = changes;
      }
      for (const change of begin) tell(change);
      const unsubscribe = store.watch(resource.resource, tell);
      after(seconds * 1000, () => {
        stop();
        sink.end();
      });
      if (bookmarks) {
        after(Math.max(0, seconds * 1000 - lastBookmarkMs), sendBookmark);
        everyMinute();
      }
      return stop;

      function after(ms: number, callback: () => void): void {
        const timer = clock.after(ms, () => {
          timers.delete(timer);
          callback();
        });
        timers.add(timer);
      }

      function everyMinute(): void {
        after(bookmarkMs, () => {
          sendBookmark();
          everyMinute();
        });
      }

      function stop(): void {
        unsubscribe();
        for (const timer of timers) timer.cancel();
        timers.clear();
      }

      function send(type: string, object: object): void {
        sink.write(`${JSON.stringify({ type, object })}\n`);
      }

      /** To a watcher with a selector, an object that begins or ceases to match comes or goes. */
      function tell({ type, object, previous }: Change): void {
        const was = selected(previous);
        const is = type !== 'DELETED' && selected(object);
        if (is) send(was ? 'MODIFIED' : 'ADDED', render(object));
        else if (was && previous) {
          const { resourceVersion } = object.metadata;
          send('DELETED', render({ ...previous, metadata: { ...previous.metadata, resourceVersion } }));
        }
      }

      function sendBookmark(): void {
        const { kind, groupVersion } = resource;
        const metadata = { resourceVersion: String(store.version()), creationTimestamp: null };
        const body = kind === 'Pod' ? { spec: { containers: null }, status: {} } : {};
        send('BOOKMARK', { kind, apiVersion: groupVersion, metadata, ...body });
      }
    },
  };
}

function added(object: KubeObject): Change {
  return { type: 'ADDED', object };
}

function tooOld(version: number, oldest: number): StatusError {
  return new StatusError(410, 'Expired', `too old resource version: ${version} (${oldest})`);
}
