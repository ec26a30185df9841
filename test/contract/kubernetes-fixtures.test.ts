/**
 * The simulator's API server against recorded answers of a real one (Kubernetes v1.33.13). For each exchange the state it
 * needs is built, the same request is sent, and status, Content-Type, Retry-After, Warning and body are compared.
 *
 * Not compared, because it differs from cluster to cluster and no client relies on it:
 * - values of uid, resourceVersion, time, IP address, node name, generated name suffix and template hash: their place is;
 * - `metadata.managedFields`: other components wrote the recorded objects;
 * - `status.hostIPs`, the node's `daemonEndpoints`, and reason, message and heartbeat of its conditions: the recorded nodes
 *   have a fake kubelet, which reports less than a real one and in other words;
 * - annotations of the simulator itself, and the node annotations of the fake kubelet and of the TTL controller;
 * - the Go value inside one validation message, which has memory addresses;
 * - build facts of /version; a bookmark that repeats the one before it;
 * - headers that name a request or a flow (Audit-Id, X-Kubernetes-Pf-*), Cache-Control, Date and the framing of the body.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createVirtualClock } from '../../src/simulator/clock.ts';
import { withFaults } from '../../src/simulator/faults.ts';
import { createCluster } from '../../src/simulator/kubernetes/cluster.ts';
import {
  behaviour,
  isKind,
  type KubeObject,
  type Node,
  type Pod,
  type PodDisruptionBudget,
} from '../../src/simulator/kubernetes/objects.ts';
import { createRandom } from '../../src/simulator/random.ts';
import type { SimHandler, SimResponse } from '../../src/simulator/types.ts';

interface RequestBody {
  metadata?: { uid?: string };
  deleteOptions?: { preconditions?: { uid?: string } };
}

interface Fixture {
  scenario: string;
  note: string;
  request: {
    method: string;
    path: string;
    user: string;
    headers: Record<string, string>;
    body: RequestBody | string | null;
  };
  response: { status: number; headers: [string, string][]; bodyText?: string; body?: unknown; events?: unknown[] };
}

const folder = new URL('./fixtures/', import.meta.url);
const namespace = 'fixtures';
const space = `/api/v1/namespaces/${namespace}`;

function read(name: string): Fixture {
  const fixture: Fixture = JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'));
  return fixture;
}

// The cluster that the exchanges were recorded on

const recordedNode = 'ip-10-187-0-2.eu-west-1.compute.internal';

const users = {
  admin: { name: 'admin', groups: ['system:masters'], rules: [] },
  limited: {
    name: 'limited',
    groups: ['system:authenticated'],
    rules: [{ verbs: ['get', 'list', 'watch'], apiGroups: [''], resources: ['nodes', 'pods'] }],
  },
};

function createWorld() {
  const clock = createVirtualClock(Date.UTC(2026, 10, 22, 2, 27, 36));
  let address = 2;
  const network = { attach: () => ({ ip: `10.64.0.${address++}` }), detach: () => undefined };
  const cluster = createCluster({
    clock,
    random: createRandom(7),
    network,
    timings: { disruptionController: 0.2 },
    users,
    gitVersion: 'v1.33.13',
    awaitCni: false,
  });
  const { store } = cluster;
  store.create('namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
  for (const index of [2, 1, 0]) {
    const name = `ip-10-187-0-${index}.eu-west-1.compute.internal`;
    const recorded: Node = JSON.parse((read('node').response.bodyText ?? '').replaceAll(recordedNode, name));
    const { metadata, spec, status } = recorded;
    const { labels = {}, annotations = {} } = metadata;
    const { conditions: _, ...rest } = status;
    store.create<Node>('nodes', {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels, annotations },
      spec,
      status: rest,
    });
  }
  clock.advance(5_000);

  function send(
    method: string,
    path: string,
    { body, user = 'admin', headers = {}, handle = cluster.handle }: Sending = {},
  ): SimResponse | Promise<SimResponse> {
    const tokens: Record<string, string> = { admin: 'admin', limited: 'limited', nobody: 'not-a-token' };
    const token = tokens[user];
    const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
    return handle({
      method,
      path,
      headers: {
        'user-agent': 'bench-control-plane',
        ...lower,
        ...(token ? { authorization: `Bearer ${token}` } : {}),
      },
      body: body === undefined || body === null ? '' : typeof body === 'string' ? body : JSON.stringify(body),
    });
  }

  /** Replicas of one app, Ready unless told otherwise; the recorded pods ended 1.5 s after they were told to. */
  function deployment(
    name: string,
    replicas: number,
    { annotations = {}, nodeSelector }: DeploymentOptions = {},
  ): Pod[] {
    const spec = { terminationGracePeriodSeconds: 30, containers: [{ name: 'main', image: 'fake' }] };
    const object = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name, namespace },
      spec: {
        replicas,
        selector: { matchLabels: { app: name } },
        template: {
          metadata: { labels: { app: name }, annotations: { [behaviour.terminationSeconds]: '1.5', ...annotations } },
          spec: nodeSelector ? { ...spec, nodeSelector } : spec,
        },
      },
    };
    store.create('deployments', object);
    clock.advance(3_000);
    return pods(name);
  }

  function pods(app: string): Pod[] {
    return [...store.sorted<Pod>('pods', namespace)].filter(
      ({ metadata }) => metadata.labels?.['app'] === app && metadata.deletionTimestamp === undefined,
    );
  }

  function budget(name: string, app: string, spec: PodDisruptionBudget['spec']): void {
    const metadata = { name, namespace };
    const object = {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata,
      spec: { selector: { matchLabels: { app } }, ...spec },
    };
    store.create('poddisruptionbudgets', object);
    clock.advance(1_000);
  }

  function evict(pod: Pod, deleteOptions?: object): number {
    const path = `${space}/pods/${pod.metadata.name}/eviction`;
    const body = {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: pod.metadata.name, namespace },
      deleteOptions,
    };
    const response = send('POST', path, { body });
    assert.ok(!(response instanceof Promise));
    return response.status;
  }

  /** Any node will do: the first of a list. */
  function node(): Node {
    return first([...store.sorted<Node>('nodes')]);
  }

  return { clock, cluster, store, send, deployment, budget, evict, node, pods };
}

interface Sending {
  body?: unknown;
  user?: string;
  headers?: Record<string, string>;
  handle?: SimHandler;
}

interface DeploymentOptions {
  annotations?: Record<string, string>;
  nodeSelector?: Record<string, string>;
}

type World = ReturnType<typeof createWorld>;

/** What stands for what in the recorded request, and what happens while its answer is under way. */
interface Stage {
  replace?: Record<string, string>;
  handle?: SimHandler;
  during?: () => void;
}

type Prepare = (world: World, fixture: Fixture) => Stage;

function first<T>(items: readonly T[]): T {
  const [item] = items;
  assert.ok(item !== undefined);
  return item;
}

/** The pod of the recorded path is this one. */
function standIn(fixture: Fixture, pod: Pod): Stage {
  const recorded = /\/pods\/([^/?]+)/.exec(fixture.request.path)?.[1];
  const { body } = fixture.request;
  const uid = typeof body === 'string' ? undefined : body?.deleteOptions?.preconditions?.uid;
  assert.ok(recorded);
  return {
    replace: { [recorded]: pod.metadata.name, ...(uid && !uid.startsWith('0000') ? { [uid]: pod.metadata.uid } : {}) },
  };
}

const exhausted: Prepare = (world, fixture) => {
  const pod = first(world.deployment('exhausted', 1));
  world.budget('exhausted', 'exhausted', { minAvailable: 1 });
  return fixture.request.method === 'POST' ? standIn(fixture, pod) : {};
};

const plain: Prepare = (world, fixture) => {
  const pod = first(world.deployment('plain', 3));
  world.budget('plain', 'plain', { maxUnavailable: 1 });
  return fixture.request.path.includes('/eviction') ? standIn(fixture, pod) : {};
};

const evictedPlain: Prepare = (world, fixture) => {
  const pod = first(world.deployment('plain', 3));
  world.budget('plain', 'plain', { maxUnavailable: 1 });
  assert.equal(world.evict(pod, { gracePeriodSeconds: 20 }), 201);
  world.clock.advance(300);
  return fixture.request.path.includes('/pods/') ? standIn(fixture, pod) : {};
};

function wary(app: string, preconditions?: object): Prepare {
  return (world, fixture) => {
    const [pod, other] = world.deployment(app, 2);
    assert.ok(pod && other);
    world.budget(app, app, { maxUnavailable: 1 });
    if (!preconditions) return standIn(fixture, pod);
    assert.equal(world.evict(pod, { preconditions }), 409);
    world.clock.advance(1_000);
    return fixture.request.path.includes('/pods/') ? standIn(fixture, other) : {};
  };
}

const otherUid = { uid: '00000000-0000-0000-0000-000000000000' };

const free: Prepare = (world, fixture) => standIn(fixture, first(world.deployment('wary-free', 1)));

function sick(unhealthyPodEvictionPolicy?: 'AlwaysAllow'): Prepare {
  return (world, fixture) => {
    const pod = first(world.deployment('sick', 1, { annotations: { [behaviour.neverReady]: 'true' } }));
    world.budget('sick', 'sick', {
      minAvailable: 1,
      ...(unhealthyPodEvictionPolicy ? { unhealthyPodEvictionPolicy } : {}),
    });
    return standIn(fixture, pod);
  };
}

function overloaded(operation: string): Prepare {
  return (world, fixture) => {
    const [path] = fixture.request.path.includes('/pods/') ? [plain(world, fixture)] : [{}];
    const random = createRandom(1);
    const handle = withFaults(world.cluster.handle, [{ operation, kind: 'throttle' }], { clock: world.clock, random });
    return { ...path, handle };
  };
}

/** The recorded node stands for one of ours; cordoned by the recording's own user first, when it was. */
function ofNode(cordoned: boolean, waitMs = 1_000): Prepare {
  return (world, fixture) => {
    const { name, uid } = world.node().metadata;
    if (cordoned) {
      const headers = { 'Content-Type': 'application/merge-patch+json' };
      const response = world.send('PATCH', `/api/v1/nodes/${name}`, {
        body: { spec: { unschedulable: true } },
        headers,
      });
      assert.ok(!(response instanceof Promise) && response.status === 200);
      world.clock.advance(waitMs);
    }
    const { body } = fixture.request;
    const recordedUid = typeof body === 'string' ? undefined : body?.metadata?.uid;
    return { replace: { [recordedNode]: name, ...(recordedUid ? { [recordedUid]: uid } : {}) } };
  };
}

/** Sixteen pods; one of them fits no node, and was last told so while a node had just been uncordoned. */
function crowd(world: World): void {
  for (const [app, replicas] of Object.entries({ exhausted: 1, plain: 3, sick: 1, slow: 2, 'two-budgets': 3 })) {
    world.deployment(app, replicas);
  }
  for (const [app, replicas] of Object.entries({ 'wary-free': 1, 'wary-resource-version': 2, 'wary-uid': 2 })) {
    world.deployment(app, replicas);
  }
  world.deployment('pending', 1, { nodeSelector: { 'no-such': 'node' } });
  const { name } = world.node().metadata;
  const cordon = (unschedulable: boolean): void => {
    world.store.update<Node>('nodes', undefined, name, ({ spec }) => {
      if (unschedulable) spec.unschedulable = true;
      else delete spec.unschedulable;
    });
  };
  cordon(true);
  world.clock.advance(3_000);
  cordon(false);
  world.clock.advance(20);
}

const listed: Prepare = (world) => {
  crowd(world);
  return {};
};

function parsed(response: SimResponse | Promise<SimResponse>): {
  metadata: { continue: string; resourceVersion: string };
} {
  assert.ok(!(response instanceof Promise) && typeof response.body === 'string');
  const body: ReturnType<typeof parsed> = JSON.parse(response.body);
  return body;
}

/** The continue token of the recorded path is that of our own first page. */
function paged(compact: boolean): Prepare {
  return (world, fixture) => {
    crowd(world);
    const { metadata } = parsed(world.send('GET', `${space}/pods?limit=2`));
    const recorded = /continue=([^&]+)/.exec(fixture.request.path)?.[1];
    assert.ok(recorded);
    if (compact) {
      world.deployment('plain-later', 0);
      world.store.compact();
    }
    return { replace: { [recorded]: metadata.continue } };
  };
}

const scenarios: Record<string, Prepare> = {
  'access-review-allowed': () => ({}),
  'access-review-denied': () => ({}),
  'anonymous-403': () => ({}),
  'api-v1-resources': () => ({}),
  'budget-charged-resource-version': wary('wary-resource-version', { resourceVersion: '1' }),
  'budget-charged-uid': wary('wary-uid', otherUid),
  'budget-exhausted': exhausted,
  'budget-post-422': () => ({}),
  'budget-used-up': evictedPlain,
  'evict-201': plain,
  'evict-201-dry-run': plain,
  'evict-201-dry-run-query': plain,
  'evict-201-no-budget': (world, fixture) => standIn(fixture, first(world.deployment('slow', 1))),
  'evict-201-pending': (world, fixture) => {
    const pod = first(world.deployment('pending', 1, { nodeSelector: { 'no-such': 'node' } }));
    world.budget('pending', 'pending', { minAvailable: 1 });
    return standIn(fixture, pod);
  },
  'evict-201-terminating': evictedPlain,
  'evict-201-unhealthy-always-allow': sick('AlwaysAllow'),
  'evict-400-name-mismatch': plain,
  'evict-400-not-json': plain,
  'evict-400-wrong-kind': plain,
  'evict-403': plain,
  'evict-404-gone': (world, fixture) => {
    const stage = evictedPlain(world, fixture);
    world.clock.advance(30_000);
    return stage;
  },
  'evict-404-no-such-pod': () => ({}),
  'evict-409-resource-version-mismatch': wary('wary-resource-version'),
  'evict-409-uid-mismatch': wary('wary-uid'),
  'evict-409-uid-mismatch-dry-run': free,
  'evict-409-uid-mismatch-no-budget': free,
  'evict-429-budget-charged-resource-version': wary('wary-resource-version', { resourceVersion: '1' }),
  'evict-429-budget-charged-uid': wary('wary-uid', otherUid),
  'evict-429-budget-exhausted': exhausted,
  'evict-429-budget-exhausted-dry-run': exhausted,
  'evict-429-budget-not-processed': (world, fixture) => {
    const stage = plain(world, fixture);
    world.cluster.disruptionController.pause();
    const headers = { 'Content-Type': 'application/merge-patch+json' };
    const path = `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets/plain`;
    const response = world.send('PATCH', path, { body: { spec: { maxUnavailable: 2 } }, headers });
    assert.ok(!(response instanceof Promise) && response.status === 200);
    return stage;
  },
  'evict-429-budget-used-up': (world, fixture) => {
    evictedPlain(world, fixture);
    return standIn(fixture, first(world.pods('plain').filter((pod) => pod.status.phase === 'Running')));
  },
  'evict-429-unhealthy-if-healthy-budget': sick(),
  'evict-500-dry-run-mismatch': plain,
  'evict-500-two-budgets': (world, fixture) => {
    const pod = first(world.deployment('two-budgets', 3));
    world.budget('two-budgets-a', 'two-budgets', { maxUnavailable: 1 });
    world.budget('two-budgets-b', 'two-budgets', { maxUnavailable: 1 });
    return standIn(fixture, pod);
  },
  'evict-v1beta1': plain,
  'list-200-continue-inconsistent': (world, fixture) => {
    const { replace = {} } = paged(true)(world, fixture);
    const [[recorded, token] = ['', '']] = Object.entries(replace);
    const refused = parsed(world.send('GET', `${space}/pods?limit=2&continue=${token}`));
    return { replace: { [recorded]: refused.metadata.continue } };
  },
  'list-400-bad-continue': () => ({}),
  'list-403': () => ({}),
  'list-410-continue-expired': paged(true),
  'list-410-version-expired': (world) => {
    const { resourceVersion } = parsed(world.send('GET', `${space}/pods`)).metadata;
    crowd(world);
    world.store.compact();
    return { replace: { 'resourceVersion=551': `resourceVersion=${resourceVersion}` } };
  },
  'list-504-version-too-new': (world) => ({ during: () => world.clock.advance(3_000) }),
  'list-page-1': listed,
  'list-page-2': paged(false),
  node: ofNode(false),
  'node-404': () => ({}),
  'node-apply-409-conflict': ofNode(true),
  'node-cordon-200': ofNode(false),
  'node-cordoned': ofNode(true),
  'node-patch-403': ofNode(false),
  'node-patch-409-stale': ofNode(true),
  'node-patch-415': ofNode(false),
  'node-post-409-exists': ofNode(false),
  'node-put-409-stale': ofNode(true),
  'node-uncordon-200': ofNode(true),
  'overloaded-429-evict': overloaded('k8s:create pods/eviction'),
  'overloaded-429-list': overloaded('k8s:list nodes'),
  'pod-terminating': evictedPlain,
  'pods-of-a-node': (world) => {
    crowd(world);
    const pod = first(world.pods('exhausted'));
    return { replace: { [recordedNode]: pod.spec.nodeName ?? '' } };
  },
  'unknown-token-401': () => ({}),
  version: () => ({}),
  'watch-410-too-old': (world) => {
    world.store.compact();
    return {};
  },
  'watch-422-initial-events': () => ({}),
  'watch-bookmark': (world) => {
    world.deployment('plain', 1);
    const replace = { 'resourceVersion=551': `resourceVersion=${world.store.version()}` };
    return { replace, during: () => world.clock.advance(5_000) };
  },
  'watch-eviction': (world) => {
    const pod = first(world.deployment('plain', 3));
    world.budget('plain', 'plain', { maxUnavailable: 1 });
    const replace = { 'resourceVersion=421': `resourceVersion=${world.store.version()}` };
    const during = (): void => {
      assert.equal(world.evict(pod, { gracePeriodSeconds: 20 }), 201);
      world.clock.advance(6_000);
    };
    return { replace, during };
  },
};

// Comparison

const apps = 'exhausted|two-budgets|plain|wary-uid|wary-resource-version|wary-free|sick|pending|slow';
const letters = '[bcdfghjklmnpqrstvwxz2456789]';

const rewrites: [RegExp, string][] = [
  [/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<uid>'],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, '<time>'],
  [/ip-10-\d+-\d+-\d+\.eu-west-1\.compute\.internal/g, '<node>'],
  [/\b10\.\d+\.\d+\.\d+\b/g, '<ip>'],
  [new RegExp(`\\b(${apps})-${letters}{5,10}-${letters}{5}\\b`, 'g'), '$1-<hash>-<suffix>'],
  [new RegExp(`\\b(${apps})-${letters}{5,10}(-?)(?=$|")`, 'g'), '$1-<hash>$2'],
  [new RegExp(`kube-api-access-${letters}{5}`, 'g'), 'kube-api-access-<suffix>'],
  [/ResourceVersion in record \(\d+\)/, 'ResourceVersion in record (<version>)'],
  [/too old resource version: 1 \(\d+\)/, 'too old resource version: 1 (<version>)'],
  [/Too large resource version: \d+, current: \d+/, 'Too large resource version: <version>, current: <version>'],
  [/policy\.PodDisruptionBudgetSpec\{[^}]*\}/g, '<spec>'],
];

const unread = new Set(['managedFields', 'hostIPs', 'daemonEndpoints', 'lastHeartbeatTime']);
const placeholders: Record<string, string> = {
  resourceVersion: '<version>',
  'pod-template-hash': '<hash>',
  startedAt: '<time>',
};
const fakeKubelet = ['kwok.x-k8s.io/node', 'node.alpha.kubernetes.io/ttl'];

function normal(value: unknown, key = ''): unknown {
  if (key === 'continue')
    return normal(
      Buffer.from(String(value), 'base64url')
        .toString()
        .replace(/"rv":\d+/, '"rv":<version>'),
    );
  if (placeholders[key] !== undefined) return placeholders[key];
  if (typeof value === 'string')
    return rewrites.reduce((text, [from, to]) => text.replaceAll(new RegExp(from, 'g'), to), value);
  if (Array.isArray(value)) return value.map((item) => normal(item));
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.entries(value)
    .filter(([name]) => !unread.has(name) && !name.startsWith('sim.prefix-migrate/') && !fakeKubelet.includes(name))
    .map(([name, member]) => [normal(name), normal(member, name)] as const)
    .filter(([name, member]) => !(name === 'annotations' && JSON.stringify(member) === '{}'));
  return Object.fromEntries(members);
}

function isKubeObject(body: unknown): body is KubeObject {
  return typeof body === 'object' && body !== null && 'kind' in body;
}

/** Conditions of nodes: which, and whether; the words are the kubelet's. */
function normalNode(body: unknown): unknown {
  if (!isKubeObject(body) || !isKind<Node>(body, 'Node')) return body;
  const { status, ...node } = body;
  const conditions = (status?.conditions ?? []).map((each) => `${each.type}=${each.status}`).toSorted();
  return { ...node, status: { ...status, conditions } };
}

function normalVersion(body: unknown): unknown {
  assert.ok(typeof body === 'object' && body !== null);
  const { gitVersion, major, minor, ...built }: Record<string, unknown> = { ...body };
  return { gitVersion, major, minor, built: Object.keys(built).toSorted() };
}

function comparable(scenario: string, body: unknown): unknown {
  if (scenario === 'version') return normalVersion(body);
  if (scenario === 'api-v1-resources') return body;
  return normal(normalNode(body));
}

function withoutRepeats(events: readonly unknown[]): unknown[] {
  return events.filter((event, index) => index === 0 || JSON.stringify(event) !== JSON.stringify(events[index - 1]));
}

function headersOf(pairs: readonly (readonly [string, string])[]): Record<string, string> {
  const compared = ['content-type', 'retry-after', 'warning'];
  const all = pairs.map(([name, value]) => [name.toLowerCase(), value] as const);
  return Object.fromEntries(all.filter(([name]) => compared.includes(name)));
}

function rewrite<T>(value: T, replace: Record<string, string>): T {
  let text = JSON.stringify(value);
  for (const [from, to] of Object.entries(replace)) text = text.replaceAll(from, to);
  return JSON.parse(text);
}

test('every recorded exchange has a scenario, and the other way round', () => {
  const recorded = readdirSync(folder).map((file) => file.replace(/\.json$/, ''));
  assert.deepEqual(Object.keys(scenarios).toSorted(), recorded.toSorted());
  assert.equal(recorded.length, 65);
});

for (const [name, prepare] of Object.entries(scenarios)) {
  test(`as recorded: ${name} (${read(name).note})`, async () => {
    const fixture = read(name);
    const world = createWorld();
    const { replace = {}, handle, during } = prepare(world, fixture);
    const { method, path, user, headers, body } = rewrite(fixture.request, replace);
    const sending = { body, user, headers, ...(handle ? { handle } : {}) };
    const pending = world.send(method, path, sending);
    if (pending instanceof Promise) during?.();
    const response = await pending;

    assert.equal(response.status, fixture.response.status);
    assert.deepEqual(headersOf(Object.entries(response.headers)), headersOf(fixture.response.headers));
    if (typeof response.body === 'string') {
      const { body: expected, bodyText } = fixture.response;
      if (expected === null) assert.equal(response.body, bodyText);
      else assert.deepEqual(comparable(name, JSON.parse(response.body)), comparable(name, expected));
      return;
    }
    let text = '';
    let ended = false;
    const sink = {
      write: (chunk: string) => (text += chunk),
      end: () => (ended = true),
      reset: () => assert.fail('reset'),
    };
    response.body.start({ write: (chunk) => void sink.write(chunk), end: () => void sink.end(), reset: sink.reset });
    during?.();
    const events = text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => normal(JSON.parse(line)));
    assert.deepEqual(events, withoutRepeats((fixture.response.events ?? []).map((event) => normal(event))));
    assert.ok(ended, 'the watch ends at its timeout');
  });
}
