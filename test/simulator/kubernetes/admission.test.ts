/** Quotas and webhooks: what is refused, in which words, and when it heals. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type {
  Deployment,
  Event,
  Pod,
  ReplicaSet,
  ResourceQuota,
  WebhookConfiguration,
} from '../../../src/simulator/kubernetes/objects.ts';
import { createWorld, space, type World } from './world.ts';

const podsPath = `/api/v1/namespaces/${space}/pods`;

const podBody = (name: string, resources: object = { requests: { cpu: '100m', memory: '64Mi' } }): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: { containers: [{ name: 'app', image: 'app:1', resources }] },
});

const used = (world: World): Record<string, string> | undefined =>
  world.store.get<ResourceQuota>('resourcequotas', space, 'team')?.status.used;

const setOf = (world: World): ReplicaSet | undefined => world.store.list<ReplicaSet>('replicasets', space)[0];

const failedCreates = (world: World): string[] =>
  world.store
    .list<Event>('events', space)
    .filter(({ reason }) => reason === 'FailedCreate')
    .map(({ message }) => message ?? '');

/** `web` with so many replicas, settled, in a namespace with one quota. */
function withQuota(hard: Record<string, string>, replicas = 3): World {
  const world = createWorld();
  world.cluster.createQuota({ namespace: space, name: 'team', hard });
  if (replicas > 0) world.workload('Deployment', 'web', replicas);
  world.clock.advance(10_000);
  return world;
}

test('a full quota refuses a pod in the words of the admission plugin, a dry run too', async () => {
  const world = withQuota({ pods: '3' });
  for (const path of [podsPath, `${podsPath}?dryRun=All`]) {
    const { status, json } = await world.send('POST', path, { body: podBody('x') });
    assert.equal(status, 403);
    assert.equal(
      json.message,
      'pods "x" is forbidden: exceeded quota: team, requested: pods=1, used: pods=3, limited: pods=3',
    );
    assert.equal(json.reason, 'Forbidden');
  }
});

test('several resources at once are told in the order of their names, amounts as quantities', async () => {
  const world = withQuota({ pods: '9', 'requests.cpu': '350m', 'requests.memory': '256Mi' });
  assert.deepEqual(used(world), { pods: '3', 'requests.cpu': '300m', 'requests.memory': '192Mi' });
  const body = podBody('x', { requests: { cpu: '1', memory: '65Mi' } });
  const { json } = await world.send('POST', podsPath, { body });
  assert.equal(
    json.message,
    'pods "x" is forbidden: exceeded quota: team, requested: requests.cpu=1,requests.memory=65Mi, ' +
      'used: requests.cpu=300m,requests.memory=192Mi, limited: requests.cpu=350m,requests.memory=256Mi',
  );
});

test('a quota over CPU wants every container to name its CPU', async () => {
  const world = withQuota({ 'limits.cpu': '2', 'requests.cpu': '2' }, 0);
  const { json } = await world.send('POST', podsPath, { body: podBody('x', {}) });
  assert.equal(
    json.message,
    'pods "x" is forbidden: failed quota: team: must specify limits.cpu for: app; requests.cpu for: app',
  );
  const limited = await world.send('POST', podsPath, { body: podBody('x', { limits: { cpu: '1' } }) });
  assert.equal(limited.status, 201);
  assert.deepEqual(used(world), { 'limits.cpu': '1', 'requests.cpu': '1' });
});

test('a dry run charges nothing, a creation at once', async () => {
  const world = withQuota({ pods: '5' });
  await world.send('POST', `${podsPath}?dryRun=All`, { body: podBody('x') });
  assert.deepEqual(used(world), { pods: '3' });
  await world.send('POST', podsPath, { body: podBody('x') });
  assert.deepEqual(used(world), { pods: '4' });
});

test('a terminating pod counts until it is gone, a finished one no more, count/pods counts all', () => {
  const world = withQuota({ pods: '8', 'count/pods': '8' });
  world.workload('Job', 'task', 1, { runSeconds: 20 });
  world.clock.advance(10_000);
  assert.deepEqual(used(world), { pods: '4', 'count/pods': '4' });
  world.clock.advance(30_000);
  assert.deepEqual(used(world), { pods: '3', 'count/pods': '4' }, 'the Job has ended');
  const [pod] = world.readyPods();
  world.cluster.evict(space, pod?.metadata.name ?? '');
  world.clock.advance(1_000);
  assert.deepEqual(used(world), { pods: '4', 'count/pods': '5' }, 'the old pod stops, the new one starts');
  world.clock.advance(10_000);
  assert.deepEqual(used(world), { pods: '3', 'count/pods': '4' });
});

test('scopes: a quota for BestEffort pods leaves the others alone', async () => {
  const world = withQuota({ pods: '3' });
  world.store.update<ResourceQuota>('resourcequotas', space, 'team', ({ spec }) => {
    spec.scopes = ['BestEffort'];
  });
  world.clock.advance(1_000);
  assert.deepEqual(used(world), { pods: '0' });
  assert.equal((await world.send('POST', podsPath, { body: podBody('x') })).status, 201);
});

test('with a full quota the replacement comes only once the old pod is gone; until then the ReplicaSet says why', () => {
  const world = withQuota({ pods: '3' });
  const name = world.readyPods()[0]?.metadata.name ?? '';
  assert.ok(world.cluster.evict(space, name));
  world.clock.advance(2_000);
  const [message = ''] = failedCreates(world);
  assert.match(message, /^Error creating: pods "web-[a-z0-9]+-[a-z0-9]{5}" is forbidden: exceeded quota: team, /);
  const [condition] = setOf(world)?.status.conditions ?? [];
  assert.deepEqual([condition?.type, condition?.status, condition?.reason], ['ReplicaFailure', 'True', 'FailedCreate']);
  assert.equal(`Error creating: ${condition?.message}`, message);
  const { status } = world.store.get<Deployment>('deployments', space, 'web') ?? {};
  assert.ok(status?.conditions?.some(({ type }) => type === 'ReplicaFailure'));
  assert.equal(world.pods().length, 3);
  world.clock.advance(20_000);
  assert.equal(world.readyPods().length, 3);
  assert.deepEqual(setOf(world)?.status.conditions, undefined);
  assert.equal(world.clock.pending(), 0, 'no retry is left');
});

test('refused creations are tried again after growing pauses, and go on when the quota is raised', () => {
  const world = withQuota({ pods: '1' });
  assert.equal(world.pods().length, 1);
  const tries = (seconds: number): number => {
    const before = failedCreates(world).length;
    world.clock.advance(seconds * 1000);
    return failedCreates(world).length - before;
  };
  assert.ok(tries(60) > 0);
  const later = tries(600);
  assert.ok(later >= 2 && later <= 6, `${later} tries in ten minutes`);
  world.store.update<ResourceQuota>('resourcequotas', space, 'team', ({ spec }) => {
    spec.hard = { pods: '3' };
  });
  world.clock.advance(1_000_000);
  assert.equal(world.readyPods().length, 3);
});

test('a StatefulSet and a DaemonSet meet the quota too', () => {
  const world = withQuota({ pods: '1' }, 0);
  world.workload('StatefulSet', 'db', 2);
  world.clock.advance(10_000);
  assert.match(
    failedCreates(world)[0] ?? '',
    /^create Pod db-1 in StatefulSet db failed error: pods "db-1" is forbidden: exceeded quota/,
  );
  world.workload('DaemonSet', 'agent', 0);
  world.clock.advance(1_000);
  assert.ok(failedCreates(world).some((text) => text.startsWith('Error creating: pods "agent-')));
});

/** A guard behind a Service, and webhooks that need it. */
function withGuard(more: { failurePolicy?: 'Fail' | 'Ignore'; kind?: 'Validating' | 'Mutating' } = {}): World {
  const world = createWorld();
  const guard = { namespace: 'policy', name: 'guard' };
  world.workload('Deployment', 'guard', 1, { namespace: 'policy' });
  world.cluster.createService({ ...guard, selector: { app: 'guard' } });
  world.clock.advance(10_000);
  const service = { ...guard, path: '/validate' };
  world.cluster.createWebhook({ kind: 'Validating', name: 'guard', service, exceptNamespaces: ['policy'], ...more });
  world.workload('Deployment', 'web', 1);
  world.clock.advance(10_000);
  return world;
}

const stopGuard = (world: World): void => {
  world.store.update<Deployment>('deployments', 'policy', 'guard', ({ spec }) => {
    spec.replicas = 0;
  });
  world.clock.advance(10_000);
};

const unreachable =
  'failed calling webhook "guard.example.com": failed to call webhook: Post "https://guard.policy.svc:443/validate?timeout=10s": ';

test('a webhook with a Ready pod behind it lets pods pass; without one their creation is an internal error', async () => {
  const world = withGuard();
  assert.equal(world.readyPods().length, 1);
  stopGuard(world);
  const { status, json } = await world.send('POST', podsPath, { body: podBody('x') });
  assert.deepEqual([status, json.reason], [500, 'InternalError']);
  const why = `${unreachable}no endpoints available for service "guard"`;
  assert.equal(json.message, `Internal error occurred: ${why}`);
  assert.equal(json.details?.causes?.[0]?.message, why);
  const elsewhere = await world.send('POST', '/api/v1/namespaces/policy/pods', { body: podBody('x') });
  assert.equal(elsewhere.status, 201, 'its own namespace is left out');
  world.store.remove('services', 'policy', 'guard');
  const gone = await world.send('POST', podsPath, { body: podBody('x') });
  assert.equal(gone.json.message, `Internal error occurred: ${unreachable}service "guard" not found`);
});

test('pods that are evicted while the guard is away come back when it is there again', () => {
  const world = withGuard({ kind: 'Mutating' });
  stopGuard(world);
  assert.ok(world.cluster.evict(space, world.readyPods()[0]?.metadata.name ?? ''), 'it watches creations only');
  world.clock.advance(30_000);
  assert.equal(world.pods().length, 0);
  assert.match(
    failedCreates(world)[0] ?? '',
    /^Error creating: Internal error occurred: failed calling webhook "guard/,
  );
  world.store.update<Deployment>('deployments', 'policy', 'guard', ({ spec }) => {
    spec.replicas = 1;
  });
  world.clock.advance(200_000);
  assert.equal(world.readyPods().length, 1);
});

test('failurePolicy Ignore, another operation and another object are no obstacle', async () => {
  const ignoring = withGuard({ failurePolicy: 'Ignore' });
  stopGuard(ignoring);
  assert.equal((await ignoring.send('POST', podsPath, { body: podBody('x') })).status, 201);

  const world = withGuard();
  stopGuard(world);
  const [pod] = world.readyPods();
  const name = pod?.metadata.name ?? '';
  const labels = { metadata: { labels: { changed: 'yes' } } };
  const type = 'application/merge-patch+json';
  assert.equal((await world.send('PATCH', `${podsPath}/${name}`, { body: labels, type })).status, 200);
  world.store.update<WebhookConfiguration>(
    'validatingwebhookconfigurations',
    undefined,
    'guard',
    ({ webhooks = [] }) => {
      for (const webhook of webhooks) webhook.objectSelector = { matchLabels: { app: 'other' } };
    },
  );
  assert.equal((await world.send('POST', podsPath, { body: podBody('x') })).status, 201);
});

test('a webhook on evictions stops evictions', async () => {
  const world = withGuard();
  world.store.update<WebhookConfiguration>(
    'validatingwebhookconfigurations',
    undefined,
    'guard',
    ({ webhooks = [] }) => {
      for (const webhook of webhooks) webhook.rules = [{ ...webhook.rules?.[0], resources: ['pods/eviction'] }];
    },
  );
  stopGuard(world);
  const name = world.readyPods()[0]?.metadata.name ?? '';
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name } };
  assert.equal((await world.send('POST', `${podsPath}/${name}/eviction`, { body })).status, 500);
  assert.equal(world.store.get<Pod>('pods', space, name)?.metadata.deletionTimestamp, undefined);
  assert.equal((await world.send('POST', podsPath, { body: podBody('x') })).status, 201);
});

test('webhook configurations are ordinary objects of the API', async () => {
  const world = withGuard();
  const path = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
  const { status, json } = await world.send('GET', path);
  assert.deepEqual([status, json.kind], [200, 'ValidatingWebhookConfigurationList']);
  assert.deepEqual(
    json.items.map(({ metadata }) => [metadata.name, metadata.generation]),
    [['guard', 1]],
  );
  stopGuard(world);
  assert.equal((await world.send('DELETE', `${path}/guard`)).status, 200, 'it cannot lock itself in');
  assert.equal((await world.send('POST', podsPath, { body: podBody('x') })).status, 201);
});
