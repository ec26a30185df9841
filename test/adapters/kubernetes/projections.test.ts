import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { placementOf } from '../../../src/adapters/kubernetes/placement.ts';
import { toNode, toPod, toWorkload } from '../../../src/adapters/kubernetes/projections.ts';
import type { WirePod, WirePodSpec, WireWorkload } from '../../../src/adapters/kubernetes/wire.ts';

const recorded: { 'pod-bare': WirePod } = JSON.parse(
  readFileSync(new URL('recorded/surroundings.json', import.meta.url), 'utf8'),
);

test('a pod with everything', () => {
  const pod = toPod(recorded['pod-bare']);
  assert.deepEqual(pod.nodeAffinity, [
    { expressions: [{ key: 'eks.amazonaws.com/nodegroup', operator: 'In', values: ['old'] }], fields: [] },
  ]);
  assert.deepEqual(pod.podAntiAffinity, [
    { topologyKey: 'kubernetes.io/hostname', selector: { matchLabels: { app: 'bare' } }, namespaces: [] },
  ]);
  assert.deepEqual(pod.topologySpread, [
    { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 1, selector: { matchLabels: { app: 'bare' } } },
  ]);
  assert.deepEqual(pod.hostPorts, [{ port: 8080, protocol: 'TCP', hostIp: '0.0.0.0' }]);
  assert.deepEqual(pod.emptyDirLimits, { scratch: 'Memory, at most 64Mi' });
  assert.deepEqual(pod.hostPaths, ['/var/log']);
  assert.deepEqual(pod.requests, { cpuMillis: 100, memoryBytes: 2 ** 26, others: { 'ephemeral-storage': 2 ** 30 } });
  // what was applied last holds the environment
  assert.deepEqual(pod.annotations, { 'karpenter.sh/do-not-disrupt': 'true' });
});

test('a pod that demands nothing has no field for it', () => {
  assert.deepEqual(Object.keys(placementOf({}, {})), ['nodeSelector', 'tolerations']);
  const pod = toPod({ metadata: { name: 'p', finalizers: [] }, spec: { containers: [{ name: 'a' }], volumes: [] } });
  for (const key of ['hostPaths', 'emptyDirLimits', 'finalizers', 'priorityClassName', 'podAffinity', 'hostPorts']) {
    assert.ok(!(key in pod), key);
  }
  assert.deepEqual(pod.requests, { cpuMillis: 0, memoryBytes: 0 });
});

const nothing = null;
const hostile: WirePodSpec[] = [
  {
    nodeSelector: null,
    tolerations: null,
    affinity: null,
    topologySpreadConstraints: null,
    containers: null,
    initContainers: null,
  },
  { affinity: { nodeAffinity: null, podAffinity: null, podAntiAffinity: null } },
  {
    affinity: {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: nothing },
      podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: nothing },
      podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: nothing },
    },
  },
  { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: nothing } } } },
  { containers: [{ ports: null, resources: null }], initContainers: [{ restartPolicy: null, ports: null }] },
  { topologySpreadConstraints: [{ topologyKey: null, whenUnsatisfiable: null, maxSkew: null, labelSelector: null }] },
];

test('null is nothing', () => {
  for (const spec of hostile) {
    assert.deepEqual(placementOf(spec, {}), { nodeSelector: {}, tolerations: [] });
    assert.equal(toPod({ metadata: null, spec: { ...spec, volumes: null, overhead: null }, status: null }).name, '');
  }
  assert.equal(toPod({ metadata: null, spec: null, status: null }).phase, 'Unknown');
  assert.equal(toNode({ metadata: null, spec: null, status: null }).name, '');
  assert.deepEqual(toWorkload('Deployment', { metadata: null, spec: null, status: null }).images, []);
});

const rows: [what: string, spec: WirePodSpec, expected: object][] = [
  [
    'a term with nothing in it matches no node, and stays',
    {
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [
              { matchExpressions: null, matchFields: null },
              { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] },
              {
                matchExpressions: [
                  { key: 'cores', operator: 'Gt', values: ['3'] },
                  { key: 'x', operator: 'Like' },
                ],
              },
            ],
          },
        },
      },
    },
    {
      nodeAffinity: [
        { expressions: [], fields: [] },
        { expressions: [], fields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] },
        {
          expressions: [
            { key: 'cores', operator: 'Gt', values: ['3'] },
            { key: 'x', operator: 'In', values: [] },
          ],
          fields: [],
        },
      ],
    },
  ],
  [
    'pods of other namespaces',
    {
      affinity: {
        podAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { topologyKey: 'zone', labelSelector: null, namespaces: ['a'], namespaceSelector: {} },
            { topologyKey: null, labelSelector: {}, namespaces: null, namespaceSelector: null },
          ],
        },
      },
    },
    {
      podAffinity: [
        { topologyKey: 'zone', selector: null, namespaces: ['a'], anyNamespace: true },
        { topologyKey: '', selector: {}, namespaces: [] },
      ],
    },
  ],
  [
    'a spread that may be broken is none; labels of the pod narrow the others',
    {
      topologySpreadConstraints: [
        { topologyKey: 'a', whenUnsatisfiable: 'ScheduleAnyway', maxSkew: 1 },
        {
          topologyKey: 'b',
          whenUnsatisfiable: 'DoNotSchedule',
          maxSkew: 2,
          minDomains: 3,
          labelSelector: { matchLabels: { app: 'web' } },
          matchLabelKeys: ['pod-template-hash', 'absent'],
        },
      ],
    },
    {
      topologySpread: [
        {
          topologyKey: 'b',
          maxSkew: 2,
          minDomains: 3,
          selector: {
            matchLabels: { app: 'web' },
            matchExpressions: [{ key: 'pod-template-hash', operator: 'In', values: ['h1'] }],
          },
        },
      ],
    },
  ],
  [
    'ports of the host, of containers and sidecars, and all of them in its network',
    {
      containers: [
        { ports: [{ containerPort: 80 }, { containerPort: 53, hostPort: 53, protocol: 'UDP', hostIP: '10.0.0.1' }] },
      ],
      initContainers: [
        { restartPolicy: 'Always', ports: [{ containerPort: 1, hostPort: 9000 }] },
        { ports: [{ containerPort: 2, hostPort: 9001 }] },
      ],
    },
    {
      hostPorts: [
        { port: 53, protocol: 'UDP', hostIp: '10.0.0.1' },
        { port: 9000, protocol: 'TCP', hostIp: '0.0.0.0' },
      ],
    },
  ],
  [
    'in the network of the host',
    { hostNetwork: true, containers: [{ ports: [{ containerPort: 80 }, { containerPort: null }] }] },
    { hostPorts: [{ port: 80, protocol: 'TCP', hostIp: '0.0.0.0' }] },
  ],
];

test('what a pod demands of its node', async (t) => {
  for (const [what, spec, expected] of rows) {
    await t.test(what, () =>
      assert.deepEqual(placementOf(spec, { app: 'web', 'pod-template-hash': 'h1' }), {
        nodeSelector: {},
        tolerations: [],
        ...expected,
      }),
    );
  }
});

const asking = (requests: Record<string, string>) => ({ resources: { requests } });

test('other resources count as CPU and memory do', () => {
  const { requests } = toPod({
    spec: {
      initContainers: [asking({ 'nvidia.com/gpu': '1', 'ephemeral-storage': '3Gi' })],
      containers: [asking({ 'ephemeral-storage': '1Gi' }), asking({ 'ephemeral-storage': '1Gi', cpu: '1' })],
      overhead: { memory: '1Mi', 'example.com/fuse': '2' },
    },
  });
  assert.deepEqual(requests, {
    cpuMillis: 1000,
    memoryBytes: 2 ** 20,
    others: { 'ephemeral-storage': 3 * 2 ** 30, 'example.com/fuse': 2, 'nvidia.com/gpu': 1 },
  });
});

type Strategy = NonNullable<NonNullable<WireWorkload['spec']>['strategy']>;
const rollouts: [replicas: number, strategy: Strategy | null, rollout: object | undefined][] = [
  [3, null, { maxSurge: 1, maxUnavailable: 0 }],
  [4, { type: 'RollingUpdate', rollingUpdate: null }, { maxSurge: 1, maxUnavailable: 1 }],
  [10, { rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } }, { maxSurge: 3, maxUnavailable: 2 }],
  [1, { rollingUpdate: { maxSurge: 0, maxUnavailable: '50%' } }, { maxSurge: 0, maxUnavailable: 1 }],
  [5, { rollingUpdate: { maxSurge: 2, maxUnavailable: 0 } }, { maxSurge: 2, maxUnavailable: 0 }],
  [5, { rollingUpdate: { maxSurge: 'many', maxUnavailable: '1' } }, { maxSurge: 0, maxUnavailable: 1 }],
  [5, { type: 'Recreate' }, undefined],
];

test('how a Deployment rolls over', () => {
  for (const [replicas, strategy, rollout] of rollouts) {
    const workload = toWorkload('Deployment', { spec: { replicas, strategy } });
    assert.deepEqual(workload.rollout, rollout, JSON.stringify([replicas, strategy]));
  }
  assert.ok(!('rollout' in toWorkload('StatefulSet', { spec: { replicas: 3 } })));
});

test('a workload shows the pods that it will make', () => {
  const { images, template } = toWorkload('StatefulSet', {
    spec: {
      template: {
        metadata: { labels: { app: 'db' } },
        spec: { nodeSelector: { disk: 'fast' }, containers: [{ image: 'db:1' }, { image: null }] },
      },
    },
  });
  assert.deepEqual(images, ['db:1']);
  assert.deepEqual(template, { nodeSelector: { disk: 'fast' }, tolerations: [], labels: { app: 'db' } });
});

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();

const startedIn = (readyAt: number, container: { restartCount?: number } = {}) =>
  toPod({
    status: {
      conditions: [
        { type: 'PodScheduled', status: 'True', lastTransitionTime: at(0) },
        { type: 'Ready', status: 'True', lastTransitionTime: at(readyAt) },
      ],
      containerStatuses: [{ state: { running: { startedAt: at(4) } }, ...container }],
    },
  }).startupSeconds;

test('how long a pod took to be Ready is told by its first start alone', () => {
  assert.equal(startedIn(20), 20);
  assert.equal(startedIn(304), 304);
  assert.equal(startedIn(305), null, 'Ready again after it was not, long after its start');
  assert.equal(startedIn(20, { restartCount: 1 }), null);
});
