import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { toPodManifest } from '../../../src/adapters/kubernetes/pod-manifest.ts';

const recorded: Record<'pod-bare', object> = JSON.parse(
  readFileSync(new URL('recorded/surroundings.json', import.meta.url), 'utf8'),
);

const specOf = (spec: object): unknown => toPodManifest({ metadata: { name: 'p' }, spec }).manifest['spec'];

test('a pod as the API server shows it becomes what was applied, without its secrets', () => {
  const { manifest, redacted } = toPodManifest(recorded['pod-bare']);
  assert.deepEqual(Object.keys(manifest), ['apiVersion', 'kind', 'metadata', 'spec']);
  assert.deepEqual(manifest['metadata'], {
    name: 'bare',
    namespace: 'try',
    labels: { app: 'bare' },
    annotations: {
      'example.com/api-token': 'REDACTED',
      'example.com/note': 'REDACTED',
      'karpenter.sh/do-not-disrupt': 'true',
    },
  });
  assert.deepEqual(redacted, [
    'metadata.annotations.example.com/api-token',
    'metadata.annotations.example.com/note',
    'spec.initContainers[init].command[2]',
    'spec.containers[app].args[0]',
    'spec.containers[app].args[2]',
    'spec.containers[app].args[3]',
    'spec.containers[app].env[PLAIN]',
    'spec.containers[app].livenessProbe.httpGet.httpHeaders[Authorization]',
    'spec.containers[app].livenessProbe.httpGet.httpHeaders[Host]',
  ]);
  const text = JSON.stringify(manifest);
  for (const gone of ['hunter2', 'postgres', 'Bearer', 'kube-api-access', '"nodeName"', 'unreachable', '"status"']) {
    assert.ok(!text.includes(gone), gone);
  }
  assert.ok(text.includes('"fieldPath":"spec.nodeName"'), 'a reference is no secret');
});

test('what the webhooks of EKS add goes, what is alike stays', () => {
  const spec = specOf({
    volumes: [
      { name: 'aws-iam-token', projected: {} },
      { name: 'kube-api-access-own' },
      { name: 'data', emptyDir: {} },
    ],
    tolerations: [
      { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 300 },
      { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 20 },
    ],
    containers: [
      {
        name: 'app',
        env: [
          { name: 'AWS_ROLE_ARN', value: 'arn:aws:iam::111122223333:role/app' },
          { name: 'FROM_SECRET', valueFrom: { secretKeyRef: { name: 's', key: 'password' } } },
        ],
        volumeMounts: [
          { name: 'aws-iam-token', mountPath: '/var/run/secrets/eks.amazonaws.com/serviceaccount' },
          { name: 'data', mountPath: '/data' },
        ],
      },
    ],
    ephemeralContainers: [{ name: 'debug' }],
    serviceAccountName: 'default',
    schedulerName: 'mine',
    priority: 7,
    priorityClassName: 'high',
  });
  assert.deepEqual(spec, {
    volumes: [{ name: 'data', emptyDir: {} }],
    tolerations: [
      { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 20 },
    ],
    containers: [
      {
        name: 'app',
        env: [{ name: 'FROM_SECRET', valueFrom: { secretKeyRef: { name: 's', key: 'password' } } }],
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      },
    ],
    schedulerName: 'mine',
    priorityClassName: 'high',
  });
});

const hidden: [what: string, args: string[], expected: string[]][] = [
  ['an option and its value', ['--password=x'], ['--password=REDACTED']],
  ['in two words', ['--pass', 'abc', 'next'], ['--pass', 'REDACTED', 'REDACTED']],
  ['in one', ['-phunter2'], ['-pREDACTED']],
  ['JSON in an option', ['--config={"pw":"x"}'], ['--config=REDACTED']],
  ['a user and a password', ['--user=u:pw'], ['--user=REDACTED']],
  ['a header', ['-H', 'X-Auth: abc', 'http://x'], ['-H', 'REDACTED', 'REDACTED']],
  ['options without values', ['--no-token', '-v', '--'], ['--no-token', '-v', '--']],
  ['a variable that the kubelet puts in', ['--pass=$(PASS)', '$(PASS)'], ['--pass=$(PASS)', '$(PASS)']],
  ['an assignment', ['PGPASS=x', 'run'], ['PGPASS=REDACTED', 'REDACTED']],
  ['an address with a user', ['amqp://u:1@mq/'], ['REDACTED']],
  ['an address with a query', ['https://example.com/?sig=1'], ['REDACTED']],
  ['an address without', ['https://example.com:80/@home'], ['REDACTED']],
  ['a script', ['cd /tmp; run'], ['REDACTED']],
  ['JSON', ['{"pw":"x"}'], ['REDACTED']],
  ['words and addresses', ['db:5432', 'hunter2'], ['REDACTED', 'REDACTED']],
  ['what is harmless', ['/etc/app.conf', '3600', 'infinity', 'true'], ['/etc/app.conf', '3600', 'infinity', 'true']],
  ['long numbers, and paths with a query', ['@', '123456', '/a?b'], ['REDACTED', 'REDACTED', 'REDACTED']],
];

test('credentials on a command line', async (t) => {
  for (const [what, args, expected] of hidden) {
    await t.test(what, () => {
      assert.deepEqual(specOf({ containers: [{ name: 'a', args }] }), { containers: [{ name: 'a', args: expected }] });
      assert.deepEqual(specOf({ containers: [{ lifecycle: { preStop: { exec: { command: args } } } }] }), {
        containers: [{ lifecycle: { preStop: { exec: { command: expected } } } }],
      });
    });
  }
});

test('the program stays, and args go on where command ends', () => {
  const lines: [object, object][] = [
    [
      { command: ['/bin/bash', '-euxc'], args: ['export A=hunter2'] },
      { command: ['/bin/bash', '-euxc'], args: ['REDACTED'] },
    ],
    [{ command: ['redis-cli', '-a', 'x', 'ping'] }, { command: ['redis-cli', '-a', 'REDACTED', 'REDACTED'] }],
    [
      { command: ['sleep'], args: ['3600'] },
      { command: ['sleep'], args: ['3600'] },
    ],
    [
      { command: ['login', 'hunter2'], args: ['swordfish'] },
      { command: ['login', 'REDACTED'], args: ['REDACTED'] },
    ],
    [{ args: ['hunter2', '/data'] }, { args: ['REDACTED', '/data'] }],
  ];
  for (const [given, expected] of lines) {
    assert.deepEqual(specOf({ initContainers: [given] }), { initContainers: [expected] });
    assert.deepEqual(specOf({ containers: [{ readinessProbe: { exec: given } }] }), {
      containers: [{ readinessProbe: { exec: expected } }],
    });
  }
});

test('the path of a probe: only what says no more than that it is one', () => {
  for (const [path, expected] of [
    ['/', '/'],
    ['/healthz', '/healthz'],
    ['/hook/T0/hunter2', 'REDACTED'],
    ['/Hunter2', 'REDACTED'],
    ['/healthz?t=x', 'REDACTED'],
  ]) {
    assert.deepEqual(specOf({ containers: [{ livenessProbe: { httpGet: { path } } }] }), {
      containers: [{ livenessProbe: { httpGet: { path: expected } } }],
    });
  }
});

test('probes, volumes and annotations: what may hold anything, and where it was', () => {
  const { manifest, redacted } = toPodManifest({
    metadata: {
      annotations: {
        'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false',
        'karpenter.sh/do-not-disrupt': 'true',
        'example.com/note': 'hello',
        'prometheus.io/scrape': 'true',
        'prometheus.io/port': '8080',
        'example.com/pin': '123456',
        'example.com/token': '1234',
        'old.k8s.io/last-applied': '{}',
      },
    },
    spec: {
      volumes: [
        { name: 'f', flexVolume: { driver: 'a/b', options: { key: 'x' } } },
        { name: 'c', csi: { driver: 'd', volumeAttributes: { secretProviderClass: 'c', share: 'x' } } },
      ],
      containers: [
        {
          name: 'app',
          livenessProbe: { httpGet: { path: '/health?t=x', httpHeaders: [{ name: 'X-Auth', value: 'x' }] } },
        },
      ],
    },
  });
  assert.deepEqual(manifest, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      annotations: {
        'cluster-autoscaler.kubernetes.io/safe-to-evict': 'false',
        'karpenter.sh/do-not-disrupt': 'true',
        'example.com/note': 'REDACTED',
        'prometheus.io/scrape': 'true',
        'prometheus.io/port': '8080',
        'example.com/pin': 'REDACTED',
        'example.com/token': 'REDACTED',
        'old.k8s.io/last-applied': 'REDACTED',
      },
    },
    spec: {
      volumes: [
        { name: 'f', flexVolume: { driver: 'a/b', options: { key: 'REDACTED' } } },
        { name: 'c', csi: { driver: 'd', volumeAttributes: { secretProviderClass: 'c', share: 'REDACTED' } } },
      ],
      containers: [
        {
          name: 'app',
          livenessProbe: {
            httpGet: { path: 'REDACTED', httpHeaders: [{ name: 'X-Auth', value: 'REDACTED' }] },
          },
        },
      ],
    },
  });
  assert.deepEqual(redacted, [
    'metadata.annotations.example.com/note',
    'metadata.annotations.example.com/pin',
    'metadata.annotations.example.com/token',
    'metadata.annotations.old.k8s.io/last-applied',
    'spec.volumes[f].flexVolume.options.key',
    'spec.volumes[c].csi.volumeAttributes.share',
    'spec.containers[app].livenessProbe.httpGet.path',
    'spec.containers[app].livenessProbe.httpGet.httpHeaders[X-Auth]',
  ]);
});

test('no value of a variable, wherever it is', () => {
  const value = fc.stringMatching(/^secret-[a-z]{12}$/);
  const container = fc.record({
    name: fc.constantFrom('a', 'b'),
    env: fc.array(fc.record({ name: fc.string(), value })),
  });
  const spec = fc.record({ containers: fc.array(container), initContainers: fc.array(container) });
  fc.assert(
    fc.property(spec, (given) => {
      const { manifest, redacted } = toPodManifest({ metadata: null, spec: given });
      assert.doesNotMatch(JSON.stringify(manifest).replaceAll(/"name":"(?:[^"\\]|\\.)*"/g, ''), /secret-[a-z]{12}/);
      const variables = [...given.containers, ...given.initContainers].flatMap(({ env }) => env);
      assert.equal(redacted.length, variables.length);
    }),
  );
});

test('hostile shapes', () => {
  for (const spec of [
    null,
    undefined,
    [],
    'x',
    { containers: null, volumes: 'x', tolerations: [null] },
    { env: [null] },
  ]) {
    const { manifest } = toPodManifest({ metadata: null, spec });
    assert.equal(manifest['kind'], 'Pod');
  }
  assert.deepEqual(specOf({ containers: [{ name: 'a', args: [null, 7], env: [{ name: null, value: 0 }, null] }] }), {
    containers: [{ name: 'a', args: [null, 7], env: [{ name: null, value: 'REDACTED' }] }],
  });
});
