import { MigrateError } from '../../domain/migrate-error.ts';
import type { FollowEvent } from '../../ports/kubernetes.ts';
import { systemRandom } from '../clock/real-clock.ts';
import { withDeadline } from '../deadline.ts';
import { networkFailure } from '../network-failure.ts';
import { type Api, pathOf, type Resource } from './api.ts';
import { translateKubernetesError } from './errors.ts';
import { classifyKubernetesError, StatusError, statusErrorOf } from './status-error.ts';
import type { WireAny, WireWatchEvent } from './wire.ts';

/**
 * The server ends each watch after this time, with a bookmark shortly before. Short, because an idle resource gets no other
 * bookmarks: that one is its sign of life, and costs one request.
 */
const watchSeconds = 60;
/** A watch that outlives its end without a word is dead. */
const silenceMilliseconds = 75_000;
/** A watch that ends sooner and says nothing was not worth opening: the next one waits a little. */
const shortestMilliseconds = 5_000;
const openMilliseconds = 30_000;
const longestPause = 30_000;

/** How a watch ended. */
type End =
  /** the server closed it in due time: go on from the last version */
  | { kind: 'clean'; version: string; useful: boolean }
  /** what was missed is unknown: list again */
  | { kind: 'lost'; pauseMilliseconds?: number | undefined; expired?: boolean; inDueTime?: boolean }
  | { kind: 'fatal'; error: unknown };

/** See KubernetesPort.follow. */
export async function follow<T>(
  api: Api,
  resource: Resource,
  project: (object: WireAny) => T,
  listener: (event: FollowEvent<T>) => void,
  signal: AbortSignal,
): Promise<void> {
  const { clock } = api;
  const random = api.random ?? systemRandom;
  let version: string | undefined;
  let failures = 0;

  /** Back-off with jitter, so that many followers do not come back at once. */
  async function pause(least = 0): Promise<void> {
    failures += 1;
    await clock.sleep(least + random() * Math.min(longestPause, 250 * 2 ** failures), signal);
  }

  try {
    while (!signal.aborted) {
      if (version === undefined) {
        try {
          const { items, resourceVersion } = await api.list(resource, project, { signal });
          version = resourceVersion;
          listener({ type: 'replaced', items });
        } catch (error) {
          if (signal.aborted || !(error instanceof MigrateError) || !error.retryable) throw error;
          await pause();
          continue;
        }
      }
      const end = await watch(api, resource, project, listener, version, signal);
      if (end.kind === 'fatal') throw end.error;
      if (end.kind === 'clean') {
        version = end.version;
        // a server that closes at once must not be asked in a tight loop
        if (end.useful) failures = 0;
        else await pause();
        continue;
      }
      version = undefined;
      if (end.inDueTime) failures = 0;
      // the first 410 after a good stretch is part of normal life
      else if (end.expired && failures === 0) failures = 1;
      else await pause(end.pauseMilliseconds);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function watch<T>(
  api: Api,
  resource: Resource,
  project: (object: WireAny) => T,
  listener: (event: FollowEvent<T>) => void,
  from: string,
  signal: AbortSignal,
): Promise<End> {
  const { clock, connection } = api;
  const stop = new AbortController();
  const inner = AbortSignal.any([signal, stop.signal]);
  const path = pathOf(resource, undefined, undefined, {
    watch: 'true',
    resourceVersion: from,
    allowWatchBookmarks: 'true',
    timeoutSeconds: String(watchSeconds),
  });
  let heardAt = clock.monotonic();
  try {
    // the stream goes on after the deadline of its beginning, so it has a signal of its own
    const response = await withDeadline(clock, openMilliseconds, inner, () =>
      connection.send({ method: 'GET', path, signal: inner }),
    );
    if (response.statusCode !== 200) {
      const error = await withDeadline(clock, openMilliseconds, inner, () => statusErrorOf(response, clock.now()));
      return endOf(error, api, resource);
    }
    heardAt = clock.monotonic();
    const silence = guardSilence();
    // racing stops us also when the transport ignores its signal
    return await Promise.race([read(response.body), silence]);
  } catch (error) {
    if (signal.aborted) throw error;
    return endOf(error, api, resource);
  } finally {
    stop.abort();
  }

  async function guardSilence(): Promise<End> {
    for (;;) {
      const left = heardAt + silenceMilliseconds - clock.monotonic();
      if (left <= 0) return { kind: 'lost' };
      try {
        await clock.sleep(left, inner);
      } catch {
        // the watch is over, or the caller stopped it
        return { kind: 'lost' };
      }
    }
  }

  async function read(body: AsyncIterable<Uint8Array>): Promise<End> {
    const decoder = new TextDecoder();
    let rest = '';
    let version = from;
    const begin = clock.monotonic();
    let events = 0;
    for await (const chunk of body) {
      if (inner.aborted) return { kind: 'lost' };
      heardAt = clock.monotonic();
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line.trim() === '') continue;
        const end = take(line);
        if (end !== undefined) return end;
      }
    }
    // half a line at the end: the stream was cut
    if (rest.trim() !== '') return { kind: 'lost' };
    const lasted = clock.monotonic() - begin >= shortestMilliseconds;
    // not even the bookmark before its end: something between us and the server may keep events back
    if (events === 0 && lasted) return { kind: 'lost', inDueTime: true };
    return { kind: 'clean', version, useful: events > 0 };

    function take(line: string): End | undefined {
      let event: WireWatchEvent | null;
      try {
        event = JSON.parse(line);
      } catch {
        return { kind: 'lost' };
      }
      const { type, object } = event ?? {};
      if (type === 'ERROR' || object == null) return { kind: 'lost', expired: object?.code === 410 };
      version = object.metadata?.resourceVersion || version;
      events += 1;
      if (type === 'ADDED' || type === 'MODIFIED') listener({ type: 'changed', item: project(object) });
      else if (type === 'DELETED') listener({ type: 'removed', item: project(object) });
      return undefined;
    }
  }
}

/** What a failure to open or to keep a watch means. Bugs of the listener are thrown on. */
function endOf(error: unknown, api: Api, resource: Resource): End {
  if (error instanceof StatusError) {
    if (error.status === 410) return { kind: 'lost', expired: true };
    const failure = classifyKubernetesError(error);
    if (failure.kind !== 'final') return { kind: 'lost', pauseMilliseconds: failure.retryAfterMilliseconds };
  } else if (networkFailure(error) !== undefined) {
    return { kind: 'lost' };
  }
  const operation = { verb: 'watch', resource: resource.plural } as const;
  return { kind: 'fatal', error: translateKubernetesError(error, operation, api.connection.label) };
}
