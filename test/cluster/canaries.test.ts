/**
 * Canary pods against a real API server: what admission says of them. Runs only when PREFIX_MIGRATE_TEST_KUBECONFIG names a
 * kubeconfig of a cluster that may be written to: it makes namespaces and a node object of its own, and removes them.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { createRealClock } from '../../src/adapters/clock/real-clock.ts';
import { createApi } from '../../src/adapters/kubernetes/api.ts';
import { connect } from '../../src/adapters/kubernetes/connection.ts';
import { createKubernetesPort } from '../../src/adapters/kubernetes/kubernetes-port.ts';
import { MigrateError } from '../../src/domain/migrate-error.ts';
import type { Pod } from '../../src/domain/snapshot.ts';
import type { KubernetesPort } from '../../src/ports/kubernetes.ts';
import { canaryPod, isCanary, refusalOf } from '../../src/steps/canary.ts';

const kubeconfig = process.env['PREFIX_MIGRATE_TEST_KUBECONFIG'];
const limitedKubeconfig = process.env['PREFIX_MIGRATE_TEST_LIMITED_KUBECONFIG'];
const skip = kubeconfig === undefined ? 'PREFIX_MIGRATE_TEST_KUBECONFIG is not set' : false;

const clock = createRealClock();
const suffix = randomUUID().slice(0, 8);
const namespace = `prefix-migrate-canaries-${suffix}`;
const nodeName = `prefix-migrate-canaries-${suffix}`;
const planId = 'ab'.repeat(32);

let kubernetes: KubernetesPort;
let send: (method: 'POST' | 'DELETE', path: string, body?: object) => Promise<void>;

before(async () => {
  if (kubeconfig === undefined) return;
  kubernetes = await createKubernetesPort({ kubeconfig, clock });
  const api = createApi({ connection: await connect({ kubeconfig }), clock });
  send = async (method, path, body) => {
    const operation = { verb: method === 'POST' ? 'create' : 'delete', resource: path } as const;
    await api.call({ operation, repeatable: false, method, path, body });
  };
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  await send('POST', '/api/v1/namespaces', { metadata: { name: namespace, labels } });
  await send('POST', '/api/v1/nodes', {
    // KWOK plays the kubelet of nodes with this annotation
    metadata: {
      name: nodeName,
      annotations: { 'kwok.x-k8s.io/node': 'fake' },
      labels: { 'eks.amazonaws.com/nodegroup': nodeName },
    },
    spec: {
      taints: [
        { key: 'dedicated', value: 'gpu', effect: 'NoSchedule' },
        { key: 'burning', effect: 'NoExecute' },
      ],
    },
    status: {
      // no room for pods of others, which would go with this node
      allocatable: { pods: '0', cpu: '2', memory: '8Gi' },
      capacity: { pods: '0', cpu: '2', memory: '8Gi' },
      images: [{ names: ['localhost/kubernetes/pause:latest'] }],
    },
  });
});

after(async () => {
  if (kubeconfig === undefined) return;
  await send('DELETE', `/api/v1/namespaces/${namespace}`);
  await send('DELETE', `/api/v1/nodes/${nodeName}`);
});

function manifest(index: number, more: object = {}) {
  const name = `prefix-migrate-canary-${suffix}-${index}`;
  const pod = canaryPod({
    name,
    planId,
    nodegroupName: nodeName,
    nodeName,
    container: { image: 'localhost/kubernetes/pause:latest' },
  });
  return { ...pod, metadata: { ...Object(pod['metadata']), namespace }, spec: { ...Object(pod['spec']), ...more } };
}

const found = (): Promise<Pod[]> => kubernetes.listPods({ namespace, labelSelector: 'prefix-migrate/canary-of-plan' });

/** Looks until it is so, for half a minute. */
async function until<T>(look: () => Promise<T>, isSo: (seen: T) => boolean): Promise<T> {
  for (let count = 0; count < 120; count += 1) {
    const seen = await look();
    if (isSo(seen)) return seen;
    await clock.sleep(250);
  }
  return look();
}

/** Makes canaries until one is refused for good: what was just set up takes a moment to count. */
async function firstRefusal(number: number): Promise<MigrateError> {
  let next = number;
  const error = await until(
    () =>
      kubernetes.createPod(namespace, manifest(next++)).then(
        () => undefined,
        (reason: unknown) => reason,
      ),
    (reason) => reason instanceof MigrateError && !reason.why.includes('status unknown for quota'),
  );
  assert.ok(error instanceof MigrateError, 'it was let in');
  return error;
}

async function refusal(attempt: Promise<void>): Promise<MigrateError> {
  const error: unknown = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof MigrateError, 'it was let in');
  assert.equal(error.code, 'KUBERNETES.FORBIDDEN');
  return error;
}

test('17 canaries get into a restricted namespace and onto a tainted node, and go', {
  skip,
  timeout: 90_000,
}, async () => {
  assert.deepEqual(await kubernetes.nodeImages(nodeName), { [nodeName]: ['localhost/kubernetes/pause:latest'] });
  const all = Array.from({ length: 17 }, (_, index) => manifest(index));
  for (const each of all) await kubernetes.createPod(namespace, each);
  await kubernetes.createPod(namespace, all[0] ?? {});
  const running = await until(found, (pods) => pods.length === 17 && pods.every(({ phase }) => phase === 'Running'));
  assert.equal(running.length, 17);
  assert.ok(running.every((pod) => isCanary(pod) && pod.nodeName === nodeName && pod.deletionTimestamp === null));
  assert.equal(new Set(running.map(({ podIp }) => podIp)).size, 17, 'each has an address of its own');
  for (const { name, uid } of running) await kubernetes.deletePod(namespace, name, uid);
  assert.deepEqual(await until(found, (pods) => pods.length === 0), []);
});

test('Pod Security is on there: a canary with one right too many is refused, and the refusal recognised', {
  skip,
}, async () => {
  const { why } = await refusal(kubernetes.createPod(namespace, manifest(20, { hostNetwork: true })));
  assert.match(why, /violates PodSecurity "restricted:latest": host namespaces/);
  assert.equal(refusalOf(why)?.who, 'Pod Security admission');
});

test('a quota that asks for requests and limits lets canaries in, until it is used up', {
  skip,
  timeout: 60_000,
}, async () => {
  const hard = { pods: '2', 'requests.cpu': '1', 'requests.memory': '1Gi', 'limits.cpu': '1', 'limits.memory': '1Gi' };
  const path = `/api/v1/namespaces/${namespace}/resourcequotas`;
  await send('POST', path, { metadata: { name: 'tight' }, spec: { hard } });
  try {
    const { why } = await firstRefusal(30);
    assert.match(why, /exceeded quota: tight, requested: pods=1, used: pods=2/);
    assert.equal(refusalOf(why)?.who, 'a ResourceQuota');
  } finally {
    await send('DELETE', `${path}/tight`);
    for (const { name, uid } of await found()) await kubernetes.deletePod(namespace, name, uid);
  }
});

test('a LimitRange that asks for more is named', { skip }, async () => {
  const path = `/api/v1/namespaces/${namespace}/limitranges`;
  await send('POST', path, {
    metadata: { name: 'large' },
    spec: { limits: [{ type: 'Container', min: { cpu: '10m' } }] },
  });
  const { why } = await refusal(kubernetes.createPod(namespace, manifest(40)));
  assert.equal(refusalOf(why)?.who, 'a LimitRange', why);
  await send('DELETE', `${path}/large`);
});

test('an admission policy is named', { skip, timeout: 60_000 }, async () => {
  const root = '/apis/admissionregistration.k8s.io/v1';
  const name = `prefix-migrate-${suffix}`;
  const rule = { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] };
  const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace } };
  await send('POST', `${root}/validatingadmissionpolicies`, {
    metadata: { name },
    spec: {
      matchConstraints: { resourceRules: [rule], namespaceSelector },
      validations: [{ expression: 'false', message: 'only signed images' }],
    },
  });
  await send('POST', `${root}/validatingadmissionpolicybindings`, {
    metadata: { name },
    spec: { policyName: name, validationActions: ['Deny'] },
  });
  try {
    const error = await firstRefusal(100);
    assert.equal(refusalOf(error.why)?.who, 'an admission webhook or policy', `${error.code}: ${error.why}`);
    assert.match(error.code, /^KUBERNETES\.(FORBIDDEN|REFUSED)$/);
  } finally {
    await send('DELETE', `${root}/validatingadmissionpolicybindings/${name}`);
    await send('DELETE', `${root}/validatingadmissionpolicies/${name}`);
  }
});

test('somebody without the right to make pods is told so', {
  skip: skip || limitedKubeconfig === undefined,
}, async () => {
  const limited = await createKubernetesPort({ kubeconfig: limitedKubeconfig ?? '', clock });
  const error = await refusal(limited.createPod(namespace, manifest(60)));
  assert.equal(refusalOf(error.why), undefined);
  assert.match(error.nextActions[0] ?? '', /^kubectl auth can-i create pods/);
});
