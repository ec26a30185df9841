import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createWorld, space } from './world.ts';

const pods = `/api/v1/namespaces/${space}/pods`;
const maps = `/api/v1/namespaces/${space}/configmaps`;
const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases';
const merge = 'application/merge-patch+json';
const strategic = 'application/strategic-merge-patch+json';

function worldWithPods() {
  const world = createWorld();
  world.workload('Deployment', 'web', 3);
  world.clock.advance(10_000);
  return world;
}

const refusals: [name: string, method: string, path: string, status: number, message: RegExp][] = [
  ['a resource that no server has', 'GET', '/api/v1/foos', 404, /could not find the requested resource/],
  [
    'a group that this server leaves out',
    'GET',
    '/apis/networking.k8s.io/v1/ingresses',
    501,
    /does not implement GET .*ingresses/,
  ],
  ['a subresource that it leaves out', 'GET', `${pods}/p/log`, 501, /does not implement/],
  ['a subresource that no server has', 'GET', `${pods}/p/foo`, 404, /could not find/],
  ['openapi', 'GET', '/openapi/v3', 501, /does not implement/],
  ['a method that a collection does not have', 'PUT', pods, 404, /not found/],
  [
    'a label selector that does not parse',
    'GET',
    `${pods}?labelSelector=a%20b%20c`,
    400,
    /unable to parse requirement/,
  ],
  [
    'a field that cannot be selected',
    'GET',
    `${pods}?fieldSelector=spec.foo%3Da`,
    400,
    /field label not supported: spec.foo/,
  ],
  ['an unknown dry run', 'POST', `${maps}?dryRun=Some`, 400, /supported values: /],
  ['a namespaced object without its namespace', 'GET', '/api/v1/pods/p', 404, /could not find/],
];

for (const [name, method, path, status, message] of refusals) {
  test(`refuses ${name}`, async () => {
    const world = worldWithPods();
    const response = await world.send(method, path);
    assert.equal(response.status, status);
    assert.match(response.text, message);
  });
}

test('a path that no server has is a plain 404', async () => {
  const { status, text } = await createWorld().send('GET', '/apis/karpenter.sh/v1');
  assert.deepEqual([status, text], [404, '404 page not found\n']);
});

test('rules say who may do what, and the access review answers from the same rules', async () => {
  const world = worldWithPods();
  assert.equal((await world.send('GET', pods, { token: 'reader' })).status, 200);
  const refused = await world.send('GET', '/api/v1/pods', { token: 'reader' });
  assert.equal(
    refused.json.message,
    'pods is forbidden: User "reader" cannot list resource "pods" in API group "" at the cluster scope',
  );
  const ask = async (verb: string, namespace: string): Promise<boolean | undefined> => {
    const body = { spec: { resourceAttributes: { verb, resource: 'pods', namespace } } };
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    return (await world.send('POST', path, { body, token: 'reader' })).json.status.allowed;
  };
  assert.deepEqual([await ask('list', space), await ask('list', ''), await ask('delete', space)], [true, false, false]);
});

test('without a token: health and version only', async () => {
  const world = createWorld();
  const statuses = await Promise.all(
    ['/version', '/readyz', '/api', '/api/v1/nodes'].map((path) => world.send('GET', path, { token: '' })),
  );
  assert.deepEqual(
    statuses.map(({ status }) => status),
    [200, 200, 403, 403],
  );
});

test('pages of a list show one moment, whatever happens between them', async () => {
  const world = worldWithPods();
  world.workload('Deployment', 'api', 4);
  world.clock.advance(10_000);
  const before = world.pods().map(({ metadata }) => metadata.name);
  const first = await world.send('GET', `${pods}?limit=3`);
  assert.equal(first.json.metadata.remainingItemCount, 4);
  world.cluster.deletePod(space, before[5] ?? '');
  world.workload('Deployment', 'zzz', 1);
  world.clock.advance(10_000);
  const seen = first.json.items.map(({ metadata }) => metadata.name);
  for (let token = first.json.metadata.continue; token; ) {
    const { json } = await world.send('GET', `${pods}?limit=3&continue=${token}`);
    assert.equal(json.metadata.resourceVersion, first.json.metadata.resourceVersion);
    seen.push(...json.items.map(({ metadata }) => metadata.name));
    token = json.metadata.continue;
  }
  assert.deepEqual(seen, before);
});

test('selectors narrow a list; a list by node name takes pods of every namespace', async () => {
  const world = worldWithPods();
  const count = async (query: string): Promise<number> =>
    (await world.send('GET', `/api/v1/pods?${query}`)).json.items.length;
  assert.equal(await count('labelSelector=app%20in%20(web,api)'), 3);
  assert.equal(await count('labelSelector=app%21%3Dweb'), 0);
  const nodes = await Promise.all([0, 1, 2].map((index) => count(`fieldSelector=spec.nodeName%3Dnode-${index}`)));
  assert.deepEqual(nodes, [1, 1, 1]);
  assert.equal(await count('fieldSelector=spec.nodeName%3Dnode-0,status.phase!%3DRunning'), 0);
});

test('kubectl gets tables, with the columns of -o wide behind the others', async () => {
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
  const { json } = await worldWithPods().send('GET', pods, { accept });
  assert.equal(json.kind, 'Table');
  const [row] = json.rows;
  assert.deepEqual(row?.cells.slice(1, 5), ['1/1', 'Running', '0', '10s']);
  assert.equal(json.columnDefinitions.find(({ name }) => name === 'Node')?.priority, 1);
});

test('metadata alone', async () => {
  const accept = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';
  const { json } = await worldWithPods().send('GET', pods, { accept });
  assert.equal(json.kind, 'PartialObjectMetadataList');
  assert.deepEqual(Object.keys(json.items[0] ?? {}), ['metadata']);
});

test('a watch tells what comes, changes and goes, also for a selector', async () => {
  const world = createWorld();
  await world.send('POST', '/api/v1/namespaces', { body: { metadata: { name: space } } });
  const { events, stop } = await world.watch(`${maps}?watch=true&labelSelector=on%3Dyes`);
  const { json } = await world.send('POST', maps, { body: { metadata: { name: 'm' } } });
  const path = `${maps}/${json.metadata.name}`;
  await world.send('PATCH', path, { body: { metadata: { labels: { on: 'yes' } } }, type: merge });
  await world.send('PATCH', path, { body: { data: { a: '1' } }, type: merge });
  await world.send('PATCH', path, { body: { metadata: { labels: { on: 'no' } } }, type: merge });
  assert.deepEqual(
    events.map(({ type }) => type),
    ['ADDED', 'MODIFIED', 'DELETED'],
  );
  stop();
  await world.send('PATCH', path, { body: { metadata: { labels: { on: 'yes' } } }, type: merge });
  assert.equal(events.length, 3);
});

test('a watch resumes from a version, ends at its timeout, and leaves no timer when its client goes', async () => {
  const world = worldWithPods();
  const { json } = await world.send('GET', pods);
  world.cluster.deletePod(space, world.pods()[0]?.metadata.name ?? '');
  world.clock.advance(30_000);
  const path = `${pods}?watch=true&allowWatchBookmarks=true&resourceVersion=${json.metadata.resourceVersion}`;
  const idle = world.clock.pending();
  const gone = await world.watch(path);
  assert.deepEqual(
    gone.events.slice(0, 2).map(({ type }) => type),
    ['MODIFIED', 'ADDED'],
  );
  gone.stop();
  assert.equal(world.clock.pending(), idle);
  const timed = await world.watch(`${path}&timeoutSeconds=90`);
  world.clock.advance(90_000);
  assert.equal(timed.events.filter(({ type }) => type === 'BOOKMARK').length, 2, 'one a minute, one before the end');
  assert.ok(timed.state.ended);
});

test('a watch from a forgotten version gets an ERROR event with 410', async () => {
  const world = createWorld({ historyLength: 5 });
  world.workload('Deployment', 'web', 3);
  world.clock.advance(10_000);
  const { events, state } = await world.watch(`${pods}?watch=true&resourceVersion=1`);
  assert.deepEqual(
    events.map(({ type, object }) => [type, object.code, object.reason]),
    [['ERROR', 410, 'Expired']],
  );
  assert.ok(state.ended);
});

test('a Lease is taken by one: exists, stale, current', async () => {
  const world = createWorld();
  const body = { metadata: { name: 'lock' }, spec: { holderIdentity: 'me', leaseDurationSeconds: 60 } };
  const created = await world.send('POST', leases, { body });
  assert.equal(created.status, 201);
  assert.equal((await world.send('POST', leases, { body })).json.reason, 'AlreadyExists');
  const renewed = await world.send('PUT', `${leases}/lock`, {
    body: { ...created.json, spec: { ...body.spec, holderIdentity: 'you' } },
  });
  assert.equal(renewed.status, 200);
  const late = await world.send('PUT', `${leases}/lock`, { body: created.json });
  assert.deepEqual([late.status, late.json.reason], [409, 'Conflict']);
  const invalid = await world.send('PATCH', `${leases}/lock`, {
    body: { spec: { leaseDurationSeconds: 0 } },
    type: merge,
  });
  assert.equal(
    invalid.json.message,
    'Lease.coordination.k8s.io "lock" is invalid: spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
  );
});

test('a dry run changes nothing, for any write', async () => {
  const world = worldWithPods();
  const name = world.pods()[0]?.metadata.name ?? '';
  const version = world.store.version();
  const writes = [
    await world.send('POST', `${maps}?dryRun=All`, { body: { metadata: { name: 'm' } } }),
    await world.send('PATCH', '/api/v1/nodes/node-0?dryRun=All', {
      body: { spec: { unschedulable: true } },
      type: strategic,
    }),
    await world.send('DELETE', `${pods}/${name}?dryRun=All`),
    await world.send('POST', `${pods}/${name}/eviction?dryRun=All`, {
      body: { kind: 'Eviction', apiVersion: 'policy/v1', metadata: { name } },
    }),
  ];
  assert.deepEqual(
    writes.map(({ status }) => status),
    [201, 200, 200, 201],
  );
  assert.equal(writes[1]?.json.spec.unschedulable, true);
  assert.equal(world.store.version(), version);
});

test('status is written by its subresource, and by nothing else', async () => {
  const world = createWorld();
  const allocatable = { status: { allocatable: { pods: '110' } } };
  const path = '/api/v1/nodes/node-0';
  await world.send('PATCH', path, { body: allocatable, type: merge });
  assert.match((await world.send('GET', path)).text, /"pods":"29"/);
  await world.send('PATCH', `${path}/status`, { body: { ...allocatable, spec: { unschedulable: true } }, type: merge });
  const { text, json } = await world.send('GET', path);
  assert.match(text, /"allocatable":\{[^}]*"pods":"110"/);
  assert.equal(json.spec.unschedulable, undefined);
});

const daemonSet = {
  metadata: { name: 'aws-node' },
  spec: {
    selector: { matchLabels: { app: 'cni' } },
    template: {
      metadata: { labels: { app: 'cni' } },
      spec: { containers: [{ name: 'aws-node', image: 'cni:v1', env: [{ name: 'WARM', value: '1' }] }] },
    },
  },
};
const sets = '/apis/apps/v1/namespaces/kube-system/daemonsets';

function envPatch(...env: object[]): object {
  return { spec: { template: { spec: { containers: [{ name: 'aws-node', env }] } } } };
}

test('the fields of a DaemonSet have owners: who set them last, by kubectl set env or by apply', async () => {
  const world = createWorld();
  await world.send('POST', `${sets}?fieldManager=eks`, { body: daemonSet });
  const path = `${sets}/aws-node`;
  await world.send('PATCH', `${path}?fieldManager=kubectl-set`, {
    body: envPatch({ name: 'WARM', value: '2' }),
    type: strategic,
  });
  const { json } = await world.send('GET', path);
  assert.deepEqual(
    json.metadata.managedFields?.map(({ manager }) => manager),
    ['eks', 'kubectl-set'],
  );
  assert.equal(json.metadata.generation, 2);

  const apply = (value: string, query: string) =>
    world.send('PATCH', `${path}?fieldManager=tool${query}`, {
      body: { apiVersion: 'apps/v1', kind: 'DaemonSet', ...envPatch({ name: 'WARM', value }) },
      type: 'application/apply-patch+yaml',
    });
  const refused = await apply('3', '');
  assert.deepEqual(
    [refused.status, refused.json.details?.causes],
    [
      409,
      [
        {
          reason: 'FieldManagerConflict',
          message: 'conflict with "kubectl-set" using apps/v1',
          field: '.spec.template.spec.containers[name="aws-node"].env[name="WARM"].value',
        },
      ],
    ],
  );
  assert.equal((await apply('2', '')).status, 200, 'the same value is no conflict');
  const forced = await apply('3', '&force=true');
  assert.deepEqual(forced.json.spec.template.spec.containers[0]?.env, [{ name: 'WARM', value: '3' }]);
});

test('what a manager applied and leaves out the next time, goes', async () => {
  const world = createWorld();
  const apply = (data: object) =>
    world.send('PATCH', '/api/v1/namespaces/default/configmaps/m?fieldManager=tool', {
      body: { apiVersion: 'v1', kind: 'ConfigMap', data },
      type: 'application/apply-patch+yaml',
    });
  assert.equal((await apply({ a: '1', b: '2' })).status, 201);
  assert.deepEqual((await apply({ a: '1' })).json.data, { a: '1' });
});

test('an entry of env with a value and a source is invalid, as is a selector that misses its template', async () => {
  const world = createWorld();
  await world.send('POST', sets, { body: daemonSet });
  const both = envPatch({ name: 'WARM', value: '1', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } });
  const response = await world.send('PATCH', `${sets}/aws-node`, { body: both, type: strategic });
  assert.match(
    response.json.message ?? '',
    /env\[0\]\.valueFrom: Invalid value: "": may not be specified when `value` is not empty/,
  );
  const other = {
    ...daemonSet,
    metadata: { name: 'x' },
    spec: { ...daemonSet.spec, selector: { matchLabels: { app: 'y' } } },
  };
  assert.equal((await world.send('POST', sets, { body: other })).status, 422);
});

test('a ConfigMap holds a mebibyte and no more, a request three', async () => {
  const world = createWorld();
  const post = (size: number) =>
    world.send('POST', '/api/v1/namespaces/default/configmaps', {
      body: { metadata: { generateName: 'm-' }, data: { a: 'x'.repeat(size) } },
    });
  assert.deepEqual(
    [(await post(1_048_576)).status, (await post(1_048_577)).status, (await post(3_200_000)).status],
    [201, 422, 413],
  );
});

test('nothing is created in a namespace that is not there, or that is on its way out', async () => {
  const world = createWorld();
  assert.equal(
    (await world.send('POST', maps, { body: { metadata: { name: 'm' } } })).json.message,
    `namespaces "${space}" not found`,
  );
  world.workload('Deployment', 'web', 1, { terminationSeconds: 20 });
  world.clock.advance(10_000);
  await world.send('DELETE', `/api/v1/namespaces/${space}`);
  world.clock.advance(5_000);
  const refused = await world.send('POST', maps, { body: { metadata: { name: 'm' } } });
  assert.deepEqual([refused.status, refused.json.details?.causes?.[0]?.reason], [403, 'NamespaceTerminating']);
  world.clock.advance(60_000);
  assert.equal((await world.send('GET', `/api/v1/namespaces/${space}`)).status, 404);
});

test('deletion: preconditions, finalizers, and what becomes of dependents', async () => {
  const world = worldWithPods();
  const deployments = `/apis/apps/v1/namespaces/${space}/deployments`;
  const wrong = await world.send('DELETE', `${deployments}/web`, { body: { preconditions: { uid: 'other' } } });
  assert.equal(wrong.status, 409);

  await world.send('POST', maps, { body: { metadata: { name: 'm', finalizers: ['a.example/b'] } } });
  await world.send('DELETE', `${maps}/m`);
  assert.equal((await world.send('GET', `${maps}/m`)).status, 200, 'held by its finalizer');
  await world.send('PATCH', `${maps}/m`, { body: { metadata: { finalizers: null } }, type: merge });
  assert.equal((await world.send('GET', `${maps}/m`)).status, 404);

  await world.send('DELETE', `${deployments}/web?propagationPolicy=Orphan`);
  world.clock.advance(30_000);
  assert.equal(world.pods().length, 3, 'orphans stay');
  const replicaSets = `/apis/apps/v1/namespaces/${space}/replicasets`;
  const [set] = (await world.send('GET', replicaSets)).json.items;
  await world.send('DELETE', `${replicaSets}/${set?.metadata.name}?propagationPolicy=Foreground`);
  assert.equal((await world.send('GET', replicaSets)).json.items.length, 1, 'waits for its pods');
  world.clock.advance(30_000);
  assert.deepEqual([world.pods().length, (await world.send('GET', replicaSets)).json.items.length], [0, 0]);
});

// Seen on a kube-apiserver v1.33.
const foreign = { uid: '00000000-0000-0000-0000-000000000000' };
const identityChanges: [name: string, method: string, type: string, metadata: object, answer: [number, string]][] = [
  ['a strategic patch with another uid', 'PATCH', strategic, foreign, [422, 'Invalid']],
  ['a merge patch with another uid', 'PATCH', merge, foreign, [422, 'Invalid']],
  ['a patch with an old version', 'PATCH', strategic, { resourceVersion: '1' }, [409, 'Conflict']],
  ['a patch with both', 'PATCH', merge, { ...foreign, resourceVersion: '1' }, [409, 'Conflict']],
  ['a replacement with another uid', 'PUT', 'application/json', foreign, [409, 'Conflict']],
  ['a patch with another name', 'PATCH', merge, { name: 'other' }, [400, 'BadRequest']],
];

for (const [name, method, type, metadata, expected] of identityChanges) {
  test(`refuses ${name}`, async () => {
    const world = worldWithPods();
    const path = '/api/v1/nodes/node-0';
    const whole = method === 'PUT' ? (await world.send('GET', path)).json : { metadata: {} };
    const body = { ...whole, metadata: { ...whole.metadata, ...metadata } };
    const { status, json } = await world.send(method, path, { body, type });
    assert.deepEqual([status, json.reason], expected);
    if (status === 422) {
      const why = `metadata.uid: Invalid value: "${foreign.uid}": field is immutable`;
      assert.equal(json.message, `Node "node-0" is invalid: ${why}`);
    }
  });
}

test('a node keeps its providerID', async () => {
  const world = worldWithPods();
  const put = (providerID: string) =>
    world.send('PATCH', '/api/v1/nodes/node-0', { body: { spec: { providerID } }, type: merge });
  const answers = [await put('aws:///a/i-1'), await put('aws:///a/i-1'), await put('aws:///a/i-2')];
  assert.deepEqual(
    answers.map(({ status, json }) => [status, json.details?.causes?.[0]?.field]),
    [
      [200, undefined],
      [200, undefined],
      [422, 'spec.providerID'],
    ],
  );
});

test('the scale subresource is what kubectl scale writes', async () => {
  const world = worldWithPods();
  const path = `/apis/apps/v1/namespaces/${space}/deployments/web/scale`;
  const { json } = await world.send('GET', path);
  assert.equal(json.spec.replicas, 3);
  await world.send('PUT', path, { body: { ...json, spec: { replicas: 5 } } });
  await world.send('PATCH', path, { body: { spec: { replicas: 4 } }, type: merge });
  world.clock.advance(10_000);
  assert.equal(world.readyPods().length, 4);
});
