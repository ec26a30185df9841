/** Plain requests to the Kubernetes API of the embedded world, at the speed that a client-go program allows itself. */
import type { Clock } from '../../src/ports/clock.ts';
import type { SimHandler } from '../../src/simulator/types.ts';

/** One run of a program: what it sends and how it waits. Both stop for ever when it is killed. */
export interface Process {
  handler: SimHandler;
  clock: Clock;
  token: string;
}

export interface PodObject {
  metadata: { name: string; namespace: string; uid: string; deletionTimestamp?: string; ownerReferences?: Owner[] };
  spec: { nodeName?: string; priorityClassName?: string; terminationGracePeriodSeconds?: number };
  status: { phase?: string; conditions?: { type: string; status: string }[] };
}

interface Owner {
  kind: string;
  name: string;
  controller?: boolean;
}

export interface Answer {
  status: number;
  message: string;
  items: PodObject[];
  pod: PodObject | undefined;
}

export interface Client {
  get(path: string): Promise<Answer>;
  evict(pod: PodObject, deleteOptions: object, version?: 'v1' | 'v1beta1'): Promise<Answer>;
}

/** The limiter of client-go: `qps` requests a second and `burst` at once, in the order in which they were asked for. */
export interface Limit {
  qps: number;
  burst: number;
  /** Each API group has a limiter of its own: so it is when a program sets none. */
  perGroup?: boolean;
}

const mostRetries = 10;

export function createClient({ handler, clock, token }: Process, limit: Limit): Client {
  const free = new Map<string, number>();

  async function turn(path: string): Promise<void> {
    // discovery has a client of its own
    if (path === '/api/v1') return;
    const group = limit.perGroup ? (/^\/apis\/([^/]+)/.exec(path)?.[1] ?? 'core') : 'all';
    const now = clock.now();
    const spacing = 1000 / limit.qps;
    const at = Math.max(free.get(group) ?? 0, now - limit.burst * spacing);
    free.set(group, at + spacing);
    if (at + spacing > now) await clock.sleep(at + spacing - now);
  }

  /** client-go repeats what the server asks it to repeat: 429 and 5xx with Retry-After. */
  async function send(method: string, path: string, body: object | undefined, limited: string): Promise<Answer> {
    for (let attempt = 0; ; attempt += 1) {
      await turn(limited);
      const headers: Record<string, string> = { authorization: `Bearer ${token}`, accept: 'application/json' };
      if (body) headers['content-type'] = 'application/json';
      const response = await handler({ method, path, headers, body: body ? JSON.stringify(body) : '' });
      const seconds = Number(response.headers['retry-after'] ?? 0);
      const again = (response.status === 429 || response.status >= 500) && seconds > 0 && attempt < mostRetries;
      if (!again) return answerOf(response.status, typeof response.body === 'string' ? response.body : '');
      await clock.sleep(seconds * 1000);
    }
  }

  return {
    get: (path) => send('GET', path, undefined, path),
    evict: ({ metadata: { name, namespace } }, deleteOptions, version = 'v1') =>
      send(
        'POST',
        `/api/v1/namespaces/${namespace}/pods/${name}/eviction`,
        { apiVersion: `policy/${version}`, kind: 'Eviction', metadata: { name, namespace }, deleteOptions },
        '/apis/policy',
      ),
  };
}

function answerOf(status: number, text: string): Answer {
  const json = parse(text);
  return {
    status,
    message: json?.message ?? text.trim(),
    items: json?.items ?? [],
    pod: json?.kind === 'Pod' ? json : undefined,
  };
}

type Json = PodObject & { kind?: string; message?: string; items?: PodObject[] };

/** Undefined for the plain text of priority and fairness. */
function parse(text: string): Json | undefined {
  return text.startsWith('{') ? JSON.parse(text) : undefined;
}

/** Pods of a node, as every client-go program lists them. */
export const podsOfNode = (node: string): string =>
  `/api/v1/pods?fieldSelector=spec.nodeName%3D${encodeURIComponent(node)}&limit=500`;

export const controllerOf = (pod: PodObject): Owner | undefined =>
  pod.metadata.ownerReferences?.find(({ controller }) => controller === true);

/** For each pod of a DaemonSet the programs ask whether the DaemonSet is there. Returns the others. */
export async function withoutDaemons(client: Client, pods: readonly PodObject[]): Promise<PodObject[]> {
  const others: PodObject[] = [];
  for (const pod of pods) {
    const owner = controllerOf(pod);
    if (owner?.kind !== 'DaemonSet') others.push(pod);
    else await client.get(`/apis/apps/v1/namespaces/${pod.metadata.namespace}/daemonsets/${owner.name}`);
  }
  return others;
}
