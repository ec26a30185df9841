/** A small cluster on a virtual clock, for the tests of this folder. */
import assert from 'node:assert/strict';
import { createVirtualClock } from '../../../src/simulator/clock.ts';
import { createCluster } from '../../../src/simulator/kubernetes/cluster.ts';
import type { Node, Pod, PodDisruptionBudget } from '../../../src/simulator/kubernetes/objects.ts';
import { createRandom } from '../../../src/simulator/random.ts';
import type { WorkloadSpec } from '../../../src/simulator/scenario.ts';
import type { PodNetwork, SimResponse } from '../../../src/simulator/types.ts';

export const space = 'shop';

export interface WorldOptions {
  nodes?: number;
  network?: PodNetwork;
  awaitCni?: boolean;
  historyLength?: number;
  seed?: number;
  allocatable?: Record<string, string>;
  attachLimit?: number;
}

export function createWorld(options: WorldOptions = {}) {
  const {
    nodes = 3,
    awaitCni = false,
    seed = 1,
    allocatable = { cpu: '1930m', memory: '7220Mi', pods: '29' },
  } = options;
  const clock = createVirtualClock(Date.UTC(2026, 0, 5, 9));
  let last = 0;
  const attached = new Set<string>();
  const network: PodNetwork = options.network ?? {
    attach(_node, { uid }) {
      attached.add(uid);
      last += 1;
      return { ip: `10.0.1.${last}` };
    },
    detach: (_node, uid) => void attached.delete(uid),
  };
  const cluster = createCluster({
    clock,
    random: createRandom(seed),
    network,
    timings: { disruptionController: 0.5 },
    awaitCni,
    users: {
      admin: { name: 'admin', groups: ['system:masters'], rules: [] },
      reader: {
        name: 'reader',
        groups: [],
        rules: [{ verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'], namespaces: [space] }],
      },
    },
    ...(options.historyLength === undefined ? {} : { historyLength: options.historyLength }),
    ...(options.attachLimit === undefined ? {} : { attachLimit: options.attachLimit }),
  });
  const { store } = cluster;

  function addNode(name: string, more: Partial<Node['spec']> = {}, labels: Record<string, string> = {}): void {
    store.create<Node>('nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
      spec: { ...more },
      status: { capacity: allocatable, allocatable, addresses: [{ type: 'InternalIP', address: '10.0.0.9' }] },
    });
  }
  for (let index = 0; index < nodes; index++) addNode(`node-${index}`);
  clock.advance(1_000);

  const pods = (namespace = space): Pod[] => [...store.sorted<Pod>('pods', namespace)];
  const readyPods = (): Pod[] =>
    pods().filter(({ status, metadata }) => {
      const ready = status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True');
      return ready && metadata.deletionTimestamp === undefined;
    });

  function workload(
    kind: WorkloadSpec['kind'],
    name: string,
    replicas: number,
    more: Partial<WorkloadSpec> = {},
  ): void {
    const common = { cpu: '100m', memory: '64Mi', readySeconds: 5, terminationSeconds: 3 };
    cluster.createWorkload({ kind, namespace: space, name, replicas, ...common, ...more });
  }

  function budget(name: string): PodDisruptionBudget {
    const found = store.get<PodDisruptionBudget>('poddisruptionbudgets', space, name);
    assert.ok(found);
    return found;
  }

  interface Sending {
    body?: unknown;
    type?: string;
    token?: string;
    accept?: string;
  }

  /** Sends a request, letting time pass while it waits; the body of the answer is parsed. */
  async function send(method: string, path: string, { body, type, token = 'admin', accept }: Sending = {}) {
    const headers = {
      ...(token ? { authorization: `Bearer ${token}` } : {}),
      ...(type ? { 'content-type': type } : {}),
      ...(accept ? { accept } : {}),
      'user-agent': 'tests',
    };
    const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
    const pending = cluster.handle({ method, path, headers, body: text });
    const response: SimResponse = await pending;
    assert.ok(typeof response.body === 'string');
    const json: Body = response.headers['content-type'] === 'application/json' ? JSON.parse(response.body) : {};
    return { status: response.status, headers: response.headers, text: response.body, json };
  }

  /** Opens a watch and gives the list that its events go to. */
  async function watch(path: string) {
    const response = await cluster.handle({
      method: 'GET',
      path,
      headers: { authorization: 'Bearer admin' },
      body: '',
    });
    assert.ok(typeof response.body !== 'string');
    const events: { type: string; object: Body }[] = [];
    const state = { ended: false };
    const stop = response.body.start({
      write: (chunk) => events.push(JSON.parse(chunk)),
      end: () => {
        state.ended = true;
      },
      reset: () => assert.fail('reset'),
    });
    return { events, state, stop };
  }

  return { clock, cluster, store, attached, addNode, pods, readyPods, workload, budget, send, watch };
}

/** What the tests look at of the bodies they get. */
export interface Body {
  kind?: string;
  message?: string;
  reason?: string;
  code?: number;
  metadata: {
    name: string;
    uid: string;
    resourceVersion: string;
    generation?: number;
    continue?: string;
    remainingItemCount?: number;
    labels?: Record<string, string>;
    managedFields?: { manager: string; operation: string }[];
  };
  items: Body[];
  rows: { cells: unknown[] }[];
  columnDefinitions: { name: string; priority: number }[];
  status: { allowed?: boolean; phase?: string; conditions?: { type: string; status: string; message?: string }[] };
  spec: {
    unschedulable?: boolean;
    replicas?: number;
    taints?: { key: string }[];
    template: { spec: { containers: { name: string; env?: { name: string; value?: string }[] }[] } };
    leaseDurationSeconds?: number;
  };
  data?: Record<string, string>;
  details?: { causes?: { reason: string; message: string; field: string }[]; retryAfterSeconds?: number };
}

export type World = ReturnType<typeof createWorld>;
