/** A plain client of a real API server, and a fleet of fake nodes with budgeted pods on it. Nothing here is the product's. */
import { randomUUID } from 'node:crypto';
import { type RequestOptions, request } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '../../src/ports/clock.ts';

export interface KubernetesObject {
  kind?: string;
  metadata: {
    name: string;
    uid?: string;
    resourceVersion?: string;
    deletionTimestamp?: string;
    labels?: Record<string, string>;
  };
  spec?: { nodeName?: string };
  status?: {
    phase?: string;
    conditions?: { type: string; status: string }[];
    expectedPods?: number;
    currentHealthy?: number;
  };
}

export interface RealApi {
  /** @throws an Error with the server's words, unless the status is 2xx or `ignoring` */
  send(method: string, path: string, body?: object, ignoring?: number): Promise<Answer>;
  /** Tells of every change until it is stopped; rejects when the stream ends by itself. */
  watch(
    path: string,
    from: string,
    tell: (type: string, object: KubernetesObject) => void,
    signal: AbortSignal,
  ): Promise<void>;
}

interface Answer {
  metadata?: { name?: string; resourceVersion?: string };
  items?: KubernetesObject[];
  gitVersion?: string;
}

export async function connectTo(kubeconfig: string): Promise<RealApi> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const server = new URL(config.getCurrentCluster()?.server ?? '');

  async function open(
    method: string,
    path: string,
    body: object | undefined,
    read: Reader,
    signal?: AbortSignal,
  ): Promise<void> {
    const options: RequestOptions = { method, host: server.hostname, port: server.port || 443, path };
    await config.applyToHTTPSOptions(options);
    const headers = { 'content-type': contentType(method), accept: 'application/json' };
    options.headers = Object.assign({}, options.headers, headers);
    if (signal) options.signal = signal;
    await new Promise<void>((resolve, reject) => {
      const sent = request(options, (response) => {
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => read.data(chunk));
        response.on('error', reject);
        response.on('end', () => {
          try {
            read.end(response.statusCode ?? 0);
            resolve();
          } catch (error) {
            reject(error);
          }
        });
      });
      sent.on('error', reject);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  return {
    async send(method, path, body, ignoring) {
      let text = '';
      let answer: Answer = {};
      await open(method, path, body, {
        data: (chunk) => (text += chunk),
        end(status) {
          if (status >= 300 && status !== ignoring)
            throw new Error(`${method} ${path}: ${status} ${text.slice(0, 500)}`);
          answer = JSON.parse(text);
        },
      });
      return answer;
    },
    async watch(path, from, tell, signal) {
      let rest = '';
      const query = `${path.includes('?') ? '&' : '?'}watch=true&resourceVersion=${from}&allowWatchBookmarks=false&timeoutSeconds=3000`;
      try {
        await open(
          'GET',
          path + query,
          undefined,
          {
            data(chunk) {
              const lines = (rest + chunk).split('\n');
              rest = lines.pop() ?? '';
              for (const line of lines) {
                const { type, object } = JSON.parse(line);
                if (type === 'ERROR') throw new Error(line);
                tell(type, object);
              }
            },
            end: (status) => {
              throw new Error(`the watch of ${path} ended with ${status}`);
            },
          },
          signal,
        );
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },
  };
}

interface Reader {
  data(chunk: string): void;
  end(status: number): void;
}

const contentType = (method: string): string =>
  method === 'PATCH' ? 'application/strategic-merge-patch+json' : 'application/json';

export interface FleetOptions {
  nodes: number;
  deployments: number;
  replicas: number;
  /** pods of each Deployment that may be down at a time */
  maxUnavailable: number;
  /** what KWOK is told by annotations: from being bound to Ready, and from being told to stop to gone */
  readyMs: number;
  endMs: number;
  /** how long something may take to come about, 300 unless told */
  patienceSeconds?: number;
}

/** Two node groups and a namespace of their own, whose pods run nowhere else. */
export interface Fleet {
  namespace: string;
  source: string;
  replacement: string;
  sourceNodes: string[];
  /** Puts all pods on the source: nodes open there, closed on the replacement, all pods made anew and Ready. */
  restore(): Promise<void>;
  /** Cordons the source with plain requests and opens the replacement. */
  turn(): Promise<void>;
  remove(): Promise<void>;
}

const label = 'prefix-migrate-bench';

const names = (group: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${group}-${String(index).padStart(2, '0')}`);

export async function createFleet(api: RealApi, clock: Clock, options: FleetOptions): Promise<Fleet> {
  const suffix = randomUUID().slice(0, 8);
  const namespace = `drain-bench-${suffix}`;
  const [source, replacement] = [`old-${suffix}`, `new-${suffix}`];
  const sourceNodes = names(source, options.nodes);
  const replacementNodes = names(replacement, options.nodes + 1);
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  const budgets = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`;
  const each = async (nodes: string[], unschedulable: boolean | null): Promise<void> => {
    for (const node of nodes) await api.send('PATCH', `/api/v1/nodes/${node}`, { spec: { unschedulable } });
  };

  /** Looks until it is so. */
  async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const { patienceSeconds = 300 } = options;
    for (const end = clock.now() + patienceSeconds * 1000; clock.now() < end; ) {
      if (await isSo()) return;
      await clock.sleep(500);
    }
    throw new Error(`waited ${patienceSeconds} s for ${what}`);
  }

  const remove = async (): Promise<void> => {
    const path = `/api/v1/namespaces/${namespace}`;
    await api.send('DELETE', path, undefined, 404);
    // the pods end on their nodes
    await until('the namespace to go', async () => {
      return (await api.send('GET', path, undefined, 404)).metadata?.name === undefined;
    });
    for (const node of [...sourceNodes, ...replacementNodes]) {
      await api.send('DELETE', `/api/v1/nodes/${node}`, undefined, 404);
    }
  };
  const fleet: Fleet = {
    namespace,
    source,
    replacement,
    sourceNodes,
    remove,
    async turn() {
      await each(sourceNodes, true);
      await each(replacementNodes, null);
    },
    async restore() {
      await each(replacementNodes, true);
      await each(sourceNodes, null);
      await api.send('DELETE', pods);
      const wanted = options.deployments * options.replicas;
      await until('all pods to be Ready on the source', async () => {
        const { items = [] } = await api.send('GET', pods);
        const there = items.filter((pod) => isUp(pod) && sourceNodes.includes(pod.spec?.nodeName ?? ''));
        return there.length === wanted && items.length === wanted;
      });
      await until('the budgets to be computed', async () => {
        const { items = [] } = await api.send('GET', budgets);
        return items.every(
          ({ status }) => status?.expectedPods === options.replicas && status.currentHealthy === options.replicas,
        );
      });
    },
  };

  try {
    await api.send('POST', '/api/v1/namespaces', { metadata: { name: namespace } });
    for (const name of [...sourceNodes, ...replacementNodes]) {
      await api.send(
        'POST',
        '/api/v1/nodes',
        fakeNode(name, sourceNodes.includes(name) ? source : replacement, suffix),
      );
    }
    await until('the service account', async () => {
      const { items = [] } = await api.send('GET', `/api/v1/namespaces/${namespace}/serviceaccounts`);
      return items.some(({ metadata }) => metadata.name === 'default');
    });
    await until('the nodes to be Ready: does KWOK run?', async () => {
      const { items = [] } = await api.send('GET', `/api/v1/nodes?labelSelector=${label}%3D${suffix}`);
      return items.every((node) => conditionIs(node, 'Ready'));
    });
    await each(replacementNodes, true);
    for (const app of names('app', options.deployments)) {
      const { deployment, budget } = workload(app, suffix, options);
      await api.send('POST', budgets, budget);
      await api.send('POST', `/apis/apps/v1/namespaces/${namespace}/deployments`, deployment);
    }
    await fleet.restore();
    return fleet;
  } catch (error) {
    await remove();
    throw error;
  }
}

function fakeNode(name: string, nodegroup: string, suffix: string): object {
  const room = { pods: '110', cpu: '4', memory: '16Gi' };
  return {
    metadata: {
      name,
      // KWOK plays the kubelet of nodes with this annotation
      annotations: { 'kwok.x-k8s.io/node': 'fake' },
      labels: { [label]: suffix, 'eks.amazonaws.com/nodegroup': nodegroup, 'kubernetes.io/hostname': name },
    },
    spec: { taints: [{ key: label, value: suffix, effect: 'NoSchedule' }] },
    status: { allocatable: room, capacity: room },
  };
}

function workload(app: string, suffix: string, options: FleetOptions): { deployment: object; budget: object } {
  const selector = { matchLabels: { app } };
  const annotations = {
    'bench/ready-delay-ms': String(options.readyMs),
    'bench/delete-delay-ms': String(options.endMs),
  };
  const spec = {
    automountServiceAccountToken: false,
    nodeSelector: { [label]: suffix },
    tolerations: [{ key: label, operator: 'Exists', effect: 'NoSchedule' }],
    containers: [
      { name: 'main', image: 'registry.k8s.io/pause', resources: { requests: { cpu: '20m', memory: '16Mi' } } },
    ],
  };
  return {
    deployment: {
      metadata: { name: app },
      spec: { replicas: options.replicas, selector, template: { metadata: { labels: { app }, annotations }, spec } },
    },
    budget: { metadata: { name: app }, spec: { selector, maxUnavailable: options.maxUnavailable } },
  };
}

export const conditionIs = ({ status }: KubernetesObject, wanted: string): boolean =>
  status?.conditions?.some(({ type, status: is }) => type === wanted && is === 'True') ?? false;

/** Healthy as a budget counts. */
export const isUp = (pod: KubernetesObject): boolean =>
  conditionIs(pod, 'Ready') && pod.metadata.deletionTimestamp === undefined;

/** What a fleet goes through, as its own watches of pods and budgets tell it. */
export interface Sampler {
  /** moments at which a budget had fewer healthy pods than it wants, while some of them were told to leave */
  violations(): number;
  /** fewest healthy pods of any budget */
  least(): number;
  /** seconds from a pod's creation to Ready, and from being told to stop to gone */
  times(): { up: number[]; end: number[] };
  /** pods told to stop */
  stopped(): number;
  stop(): Promise<void>;
}

export async function sample(
  api: RealApi,
  clock: Clock,
  { namespace }: Fleet,
  options: FleetOptions,
): Promise<Sampler> {
  const pods = new Map<string, { object: KubernetesObject; seenAt: number; stoppedAt?: number; wasUp: boolean }>();
  const wanted = new Map<string, number>();
  const ended = new AbortController();
  const times: { up: number[]; end: number[] } = { up: [], end: [] };
  let violations = 0;
  let least = options.replicas;
  let stopped = 0;

  function judge(): void {
    const healthy = new Map<string, number>();
    for (const { object } of pods.values()) {
      const app = object.metadata.labels?.['app'] ?? '';
      if (isUp(object)) healthy.set(app, (healthy.get(app) ?? 0) + 1);
    }
    for (const [app, needs] of wanted) {
      const has = healthy.get(app) ?? 0;
      least = Math.min(least, has);
      if (has < needs) violations += 1;
    }
  }

  function tellPod(type: string, object: KubernetesObject): void {
    const { uid = '', deletionTimestamp } = object.metadata;
    const now = clock.now();
    const known = pods.get(uid) ?? { object, seenAt: now, wasUp: isUp(object) };
    if (type === 'DELETED') {
      pods.delete(uid);
      if (known.stoppedAt !== undefined) times.end.push((now - known.stoppedAt) / 1000);
    } else {
      if (isUp(object) && !known.wasUp) {
        known.wasUp = true;
        times.up.push((now - known.seenAt) / 1000);
      }
      if (deletionTimestamp !== undefined && known.stoppedAt === undefined) {
        known.stoppedAt = now;
        stopped += 1;
      }
      pods.set(uid, { ...known, object });
    }
    judge();
  }

  const watches: { done: Promise<void> }[] = [];
  const begin = async (path: string, tell: (type: string, object: KubernetesObject) => void): Promise<void> => {
    const { items = [], metadata } = await api.send('GET', path);
    for (const item of items) tell('ADDED', item);
    const done = api.watch(path, metadata?.resourceVersion ?? '', tell, ended.signal);
    done.catch(() => undefined); // told by stop()
    watches.push({ done });
  };
  await begin(`/api/v1/namespaces/${namespace}/pods`, tellPod);
  await begin(`/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`, (type, { metadata, status }) => {
    if (type !== 'DELETED')
      wanted.set(metadata.name, (status?.expectedPods ?? options.replicas) - options.maxUnavailable);
    judge();
  });
  return {
    violations: () => violations,
    least: () => least,
    times: () => times,
    stopped: () => stopped,
    async stop() {
      ended.abort();
      await Promise.all(watches.map(({ done }) => done));
    },
  };
}
