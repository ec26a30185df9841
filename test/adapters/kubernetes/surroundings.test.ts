import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createKubernetesPort } from '../../../src/adapters/kubernetes/kubernetes-port.ts';
import type { NotSeen } from '../../../src/domain/snapshot.ts';
import type { KubernetesPort, OnMissed } from '../../../src/ports/kubernetes.ts';
import type { SimHandler, SimRequest, SimResponse } from '../../../src/simulator/types.ts';
import { createBench, testCluster } from '../virtual.ts';

/** Lists and objects of a Kubernetes 1.33 API server, recorded. */
const recorded: Record<string, unknown> = JSON.parse(
  readFileSync(new URL('recorded/surroundings.json', import.meta.url), 'utf8'),
);

const json = (status: number, body: unknown): SimResponse => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});

const answerRecorded: SimHandler = ({ path }) => {
  const [address = ''] = path.split('?');
  if (address === '/apis') return json(200, recorded['apis']);
  if (address.endsWith('/pods/bare')) return json(200, recorded['pod-bare']);
  if (address.endsWith('/events')) return json(200, recorded['pod-events']);
  return json(200, recorded[`list-${address.split('/').at(-1)}`] ?? { items: null });
};

async function portOver(handler: SimHandler) {
  const bench = createBench();
  const requests: SimRequest[] = [];
  const kubernetes = await createKubernetesPort({
    clock: bench.clock,
    cluster: testCluster,
    dispatcher: bench.dispatcher((request) => {
      requests.push(request);
      return handler(request);
    }),
    random: () => 0.5,
  });
  return { kubernetes, run: bench.run, requests };
}

test('jobs: their deadline and what a disruption means to them; templates', async () => {
  const { kubernetes, run } = await portOver(answerRecorded);
  const [job, cronJob, ...others] = await run(kubernetes.listJobs());
  assert.deepEqual(others, []);
  const { uid, startedAt, template, ...rest } = job ?? assert.fail();
  assert.ok(uid !== '' && startedAt !== null);
  assert.deepEqual(rest, {
    kind: 'Job',
    namespace: 'try',
    name: 'j',
    controller: null,
    active: 1,
    suspended: false,
    activeDeadlineSeconds: 600,
    backoffLimit: 2,
    onDisruption: 'Ignore',
  });
  assert.deepEqual([template.nodeSelector, template.labels['app']], [{ 'kubernetes.io/os': 'linux' }, 'j']);
  assert.deepEqual([cronJob?.kind, cronJob?.name, cronJob?.suspended], ['CronJob', 'cj', true]);
});

const endedJob = (name: string, type: string) => ({
  metadata: { name },
  status: { conditions: [{ type, status: 'True' }] },
});

test('a job that is complete or has failed is none', async () => {
  const items = [endedJob('done', 'Complete'), endedJob('broken', 'Failed'), endedJob('stopped', 'Suspended')];
  const { kubernetes, run } = await portOver(({ path }) => json(200, { items: path.includes('/jobs') ? items : [] }));
  assert.deepEqual(
    (await run(kubernetes.listJobs())).map(({ name }) => name),
    ['stopped'],
  );
});

const inZone = (key: string, zone: string) => [{ expressions: [{ key, operator: 'In', values: [zone] }], fields: [] }];

test('volumes: driver and zone, of old volumes from their label', async () => {
  const { kubernetes, run } = await portOver(answerRecorded);
  const common = { namespace: 'try', accessModes: ['ReadWriteOnce'] };
  assert.deepEqual(await run(kubernetes.listVolumeClaims()), [
    {
      ...common,
      name: 'data',
      volumeName: 'pv-old',
      storageClass: 'gp2',
      driver: 'awsElasticBlockStore',
      nodeAffinity: inZone('topology.kubernetes.io/zone', 'us-west-2a'),
    },
    {
      ...common,
      name: 'data2',
      volumeName: 'pv-csi',
      storageClass: 'gp3',
      driver: 'ebs.csi.aws.com',
      nodeAffinity: inZone('topology.ebs.csi.aws.com/zone', 'us-west-2b'),
    },
  ]);
  assert.deepEqual(await run(kubernetes.listCsiNodes()), [
    {
      nodeName: 'some-node',
      drivers: [
        { name: 'ebs.csi.aws.com', count: 25 },
        { name: 'efs.csi.aws.com', count: null },
      ],
    },
  ]);
});

test('claims without their volumes are still claims', async () => {
  const { kubernetes, run } = await portOver((request) =>
    request.path.includes('/persistentvolumes')
      ? json(403, { kind: 'Status', message: 'persistentvolumes is forbidden: no' })
      : answerRecorded(request),
  );
  const missed: NotSeen[] = [];
  const claims = await run(kubernetes.listVolumeClaims((one) => missed.push(one)));
  assert.deepEqual(
    claims.map(({ name, volumeName, driver, nodeAffinity }) => [name, volumeName, driver, nodeAffinity]),
    [
      ['data', 'pv-old', null, []],
      ['data2', 'pv-csi', null, []],
    ],
  );
  assert.deepEqual(missed, [{ resource: 'persistentvolumes', why: 'persistentvolumes is forbidden: no' }]);
});

test('webhooks: only those that are asked about pods', async () => {
  const { kubernetes, run } = await portOver(answerRecorded);
  assert.deepEqual(await run(kubernetes.listPodWebhooks()), [
    {
      kind: 'validating',
      configuration: 'guard',
      name: 'pods.guard.example',
      failurePolicy: 'Ignore',
      service: { namespace: 'guard', name: 'hook' },
      intercepts: ['pods', 'pods/eviction'],
      namespaceSelector: { matchLabels: { guarded: 'yes' } },
    },
  ]);
});

const pods = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] };
const rules: [what: string, rule: object, intercepts: string[]][] = [
  ['plain', pods, ['pods']],
  ['all groups', { ...pods, apiGroups: ['*'] }, ['pods']],
  ['another group', { ...pods, apiGroups: ['apps'] }, []],
  ['an old version', { ...pods, apiVersions: ['v1beta1'] }, []],
  ['every operation', { ...pods, operations: ['*'] }, ['pods']],
  ['deletion', { ...pods, operations: ['DELETE', 'UPDATE'] }, []],
  ['*', { ...pods, resources: ['*'] }, ['pods']],
  ['*/*', { ...pods, resources: ['*/*'] }, ['pods', 'pods/eviction']],
  ['pods/*', { ...pods, resources: ['pods/*'] }, ['pods', 'pods/eviction']],
  ['*/eviction', { ...pods, resources: ['*/eviction'] }, ['pods/eviction']],
  ['pods/eviction', { ...pods, resources: ['pods/eviction'] }, ['pods/eviction']],
  ['pods/status', { ...pods, resources: ['pods/status', 'pods/exec'] }, []],
  ['of the cluster', { ...pods, scope: 'Cluster' }, []],
  ['in namespaces', { ...pods, scope: 'Namespaced' }, ['pods']],
  ['null everywhere', { apiGroups: null, apiVersions: null, operations: null, resources: null, scope: null }, []],
];

test('a rule of a webhook is about pods, evictions, both, or neither', async (t) => {
  for (const [what, rule, intercepts] of rules) {
    await t.test(what, async () => {
      const items = [{ metadata: { name: 'c' }, webhooks: [{ name: 'w', rules: [rule], namespaceSelector: {} }] }];
      const { kubernetes, run } = await portOver(({ path }) =>
        json(200, { items: path.includes('/mutating') ? items : [] }),
      );
      const found = await run(kubernetes.listPodWebhooks());
      const webhook = { configuration: 'c', name: 'w', failurePolicy: 'Fail', service: null, namespaceSelector: null };
      assert.deepEqual(found, intercepts.length === 0 ? [] : [{ kind: 'mutating', ...webhook, intercepts }]);
    });
  }
});

test('a webhook of some pods only, by labels or conditions', async () => {
  const rows: [object, true | undefined][] = [
    [{}, undefined],
    [{ objectSelector: {}, matchConditions: [] }, undefined],
    [{ objectSelector: null, matchConditions: null }, undefined],
    [{ objectSelector: { matchLabels: { inject: 'yes' } } }, true],
    [{ objectSelector: { matchExpressions: [{ key: 'inject', operator: 'Exists' }] } }, true],
    [{ matchConditions: [{ name: 'own', expression: 'true' }] }, true],
  ];
  for (const [more, expected] of rows) {
    const items = [{ metadata: { name: 'c' }, webhooks: [{ name: 'w', rules: [pods], ...more }] }];
    const { kubernetes, run } = await portOver(({ path }) =>
      json(200, { items: path.includes('/mutating') ? items : [] }),
    );
    const [webhook] = await run(kubernetes.listPodWebhooks());
    assert.equal(webhook?.isNarrowed, expected, JSON.stringify(more));
  }
});

test('services, quotas of pods, and what the API server offers', async () => {
  const { kubernetes, run } = await portOver(answerRecorded);
  assert.deepEqual(await run(kubernetes.listServices()), [
    { namespace: 'try', name: 'web', type: 'NodePort', selector: { app: 'bare' }, externalTrafficPolicy: 'Local' },
  ]);
  const [quota] = await run(kubernetes.listResourceQuotas());
  assert.deepEqual(quota?.hard, { 'requests.memory': 4 * 2 ** 30, pods: 20, 'requests.cpu': 1500 });
  assert.deepEqual(Object.keys(quota.used).toSorted(), ['pods', 'requests.cpu', 'requests.memory']);
  assert.equal(quota.isScoped, false);
  const groups = await run(kubernetes.apiGroups());
  assert.ok(groups.includes('policy') && groups.includes('apps'));
});

test('a quota of other things is none; one with scopes says so', async () => {
  const items = [
    { metadata: { name: 'secrets' }, spec: { hard: { 'count/secrets': '5', 'requests.storage': '1Gi' } } },
    { metadata: { name: 'empty' }, spec: null, status: null },
    {
      metadata: { name: 'best-effort' },
      spec: { hard: { pods: '3' }, scopes: ['BestEffort'] },
      status: { hard: null, used: null },
    },
    { metadata: { name: 'gpus' }, status: { hard: { 'requests.nvidia.com/gpu': '4' }, used: { cpu: null } } },
  ];
  const { kubernetes, run } = await portOver(() => json(200, { items }));
  assert.deepEqual(await run(kubernetes.listResourceQuotas()), [
    { namespace: '', name: 'best-effort', hard: { pods: 3 }, used: {}, isScoped: true },
    { namespace: '', name: 'gpus', hard: { 'requests.nvidia.com/gpu': 4 }, used: {}, isScoped: false },
  ]);
});

test('events of a pod, the last one first', async () => {
  const { kubernetes, run, requests } = await portOver(answerRecorded);
  const events = await run(kubernetes.podEvents('try', 'bare'));
  assert.ok(events.length >= 2 && events.some(({ reason }) => reason === 'Scheduled'));
  const times = events.map(({ lastAt }) => Date.parse(lastAt));
  assert.deepEqual(
    times,
    times.toSorted((a, b) => b - a),
  );
  assert.match(
    decodeURIComponent(requests[0]?.path ?? ''),
    /fieldSelector=involvedObject.name=bare,involvedObject.namespace=try&/,
  );
});

type List = (kubernetes: KubernetesPort, onMissed?: OnMissed) => Promise<unknown[]>;
const lists: [resources: string[], list: List][] = [
  [['cronjobs', 'jobs'], (kubernetes, onMissed) => kubernetes.listJobs(onMissed)],
  [['persistentvolumeclaims', 'persistentvolumes'], (kubernetes, onMissed) => kubernetes.listVolumeClaims(onMissed)],
  [['csinodes'], (kubernetes, onMissed) => kubernetes.listCsiNodes(onMissed)],
  [
    ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
    (kubernetes, onMissed) => kubernetes.listPodWebhooks(onMissed),
  ],
  [['services'], (kubernetes, onMissed) => kubernetes.listServices(onMissed)],
  [['resourcequotas'], (kubernetes, onMissed) => kubernetes.listResourceQuotas(onMissed)],
  [['apis'], (kubernetes, onMissed) => kubernetes.apiGroups(onMissed)],
];

test('what is refused or not there is missed; other failures throw, and so does everything nobody listens for', async () => {
  for (const [resources, list] of lists) {
    for (const status of [403, 404, 405, 501]) {
      const { kubernetes, run } = await portOver(() => json(status, { kind: 'Status', message: 'no\nway' }));
      const missed: NotSeen[] = [];
      assert.deepEqual(await run(list(kubernetes, (one) => missed.push(one))), []);
      assert.deepEqual(
        missed.toSorted((a, b) => (a.resource < b.resource ? -1 : 1)),
        resources.map((resource) => ({ resource, why: 'no way' })),
      );
      await assert.rejects(run(list(kubernetes)), { name: 'MigrateError' });
    }
    for (const status of [400, 401, 500]) {
      const { kubernetes, run } = await portOver(() => json(status, { kind: 'Status', message: 'no' }));
      await assert.rejects(run(list(kubernetes, ({ resource }) => assert.fail(resource))), { name: 'MigrateError' });
    }
  }
});

test('members that are null are as good as absent', async () => {
  const nothing = { metadata: null, spec: null, status: null, webhooks: null };
  const { kubernetes, run } = await portOver(() => json(200, { items: [nothing], groups: null, metadata: null }));
  for (const [, list] of lists) assert.ok(Array.isArray(await run(list(kubernetes))));
  assert.deepEqual(await run(kubernetes.listServices()), [
    { namespace: '', name: '', type: 'ClusterIP', selector: null, externalTrafficPolicy: null },
  ]);
  assert.equal((await run(kubernetes.podEvents('a', 'b'))).length, 1);
});
