/**
 * The Kubernetes adapter against a real API server with at least one Ready node that takes pods. Runs only when
 * PREFIX_MIGRATE_TEST_KUBECONFIG names a kubeconfig of a cluster that may be written to: it makes a namespace, a node
 * object and a Lease of its own, and removes them.
 */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { createRealClock } from '../../src/adapters/clock/real-clock.ts';
import { createApi, pathOf, resources } from '../../src/adapters/kubernetes/api.ts';
import { connect } from '../../src/adapters/kubernetes/connection.ts';
import { createKubernetesPort } from '../../src/adapters/kubernetes/kubernetes-port.ts';
import { createLeaseLock, leaseName, readLeaseLock } from '../../src/adapters/kubernetes/lease-lock.ts';
import { MigrateError } from '../../src/domain/migrate-error.ts';
import type { Pod } from '../../src/domain/snapshot.ts';
import type { FollowEvent, KubernetesPort } from '../../src/ports/kubernetes.ts';

const kubeconfig = process.env['PREFIX_MIGRATE_TEST_KUBECONFIG'];
/** A kubeconfig of somebody who may read nodes and pods and nothing else. */
const limitedKubeconfig = process.env['PREFIX_MIGRATE_TEST_LIMITED_KUBECONFIG'];
const skip = kubeconfig === undefined ? 'PREFIX_MIGRATE_TEST_KUBECONFIG is not set' : false;

const clock = createRealClock();
const suffix = randomUUID().slice(0, 8);
const namespace = `prefix-migrate-${suffix}`;
const nodeName = `prefix-migrate-${suffix}`;
const clusterName = `Test_${suffix}`;
const annotation = { key: 'prefix-migrate/cordoned-by', value: 'test' };

let kubernetes: KubernetesPort;
let create: (path: string, body: object) => Promise<void>;
let remove: (path: string) => Promise<void>;

before(async () => {
  if (kubeconfig === undefined) return;
  kubernetes = await createKubernetesPort({ kubeconfig, clock });
  const api = createApi({ connection: await connect({ kubeconfig }), clock });
  const send = async (method: 'POST' | 'DELETE', path: string, body?: object) => {
    const operation = { verb: method === 'POST' ? 'create' : 'delete', resource: path } as const;
    await api.call({ operation, repeatable: false, method, path, body });
  };
  create = (path, body) => send('POST', path, body);
  remove = (path) => send('DELETE', path);
  await create('/api/v1/namespaces', { metadata: { name: namespace } });
  // unschedulable from the start for the cluster's own pods, by a taint
  await create('/api/v1/nodes', {
    metadata: { name: nodeName, labels: { 'eks.amazonaws.com/nodegroup': nodeName } },
    spec: { providerID: 'aws:///us-west-2a/i-0123456789abcdef0', taints: [{ key: 'test', effect: 'NoSchedule' }] },
  });
  await createDeployment('plain', 2, []);
  await createDeployment('exhausted', 2, [{ minAvailable: 2 }]);
  await createDeployment('twice', 1, [{ maxUnavailable: 1 }, { maxUnavailable: 1 }]);
});

after(async () => {
  if (kubeconfig === undefined) return;
  await remove(`/api/v1/namespaces/${namespace}`);
  await remove(`/api/v1/nodes/${nodeName}`);
  await remove(`/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/${leaseName(clusterName)}`);
});

async function createDeployment(name: string, replicas: number, budgets: object[]): Promise<void> {
  const labels = { app: name };
  await create(pathOf(resources.deployments, namespace), {
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          tolerations: [{ operator: 'Exists' }],
          containers: [{ name: 'main', image: 'registry.k8s.io/pause', env: [{ name: 'A', value: '1' }] }],
        },
      },
    },
  });
  for (const [index, budget] of budgets.entries()) {
    await create(pathOf(resources.podDisruptionBudgets, namespace), {
      metadata: { name: `${name}-${index}` },
      spec: { selector: { matchLabels: labels }, ...budget },
    });
  }
}

const podsOf = (app: string) => kubernetes.listPods({ namespace, labelSelector: `app=${app}` });

/** Ready pods of an app, as soon as there are that many. */
async function readyPods(app: string, count: number): Promise<Pod[]> {
  for (let look = 0; look < 120; look += 1) {
    const ready = (await podsOf(app)).filter((pod) => pod.ready && pod.deletionTimestamp === null);
    if (ready.length >= count) return ready;
    await clock.sleep(250);
  }
  throw new Error(`${app} has not ${count} ready pods`);
}

test('reads the version, nodes, workloads and environments', { skip }, async () => {
  assert.match(await kubernetes.version(), /^v1\./);
  const [node] = await kubernetes.listNodes(nodeName);
  assert.equal(node?.instanceId, 'i-0123456789abcdef0');
  assert.equal(node?.nodegroupName, nodeName);
  const workloads = (await kubernetes.listWorkloads()).filter((workload) => workload.namespace === namespace);
  assert.deepEqual(
    workloads.filter(({ kind }) => kind === 'Deployment').map(({ name, replicas }) => [name, replicas]),
    [
      ['exhausted', 2],
      ['plain', 2],
      ['twice', 1],
    ],
  );
  await readyPods('plain', 2);
  const environments = await kubernetes.podEnvironments(namespace, 'app=plain', 'main');
  assert.deepEqual(Object.values(environments), [{ A: '1' }, { A: '1' }]);
  assert.equal(await kubernetes.getDaemonSet(namespace, 'none', 'main'), undefined);
  assert.equal(await kubernetes.getPod(namespace, 'none'), undefined);
});

test('sets and removes variables of a DaemonSet', { skip }, async () => {
  const labels = { app: 'aws-node' };
  const env = [
    { name: 'WARM_PREFIX_TARGET', value: '1' },
    { name: 'MY_NODE_NAME', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
  ];
  await create(`/apis/apps/v1/namespaces/${namespace}/daemonsets?fieldManager=helm`, {
    metadata: { name: 'aws-node', annotations: { 'meta.helm.sh/release-name': 'cni' } },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          nodeSelector: { none: 'such' },
          initContainers: [{ name: 'init', image: 'busybox', env: [{ name: 'ENABLE_IPv6', value: 'false' }] }],
          containers: [{ name: 'main', image: 'busybox', env }],
        },
      },
    },
  });
  const set = (wanted: Record<string, string | null>, expected: Record<string, string | null>) =>
    kubernetes.setEnvironment(namespace, 'aws-node', 'main', { env: wanted, before: expected });
  const look = () => kubernetes.getDaemonSet(namespace, 'aws-node', 'main');

  assert.equal(
    await set(
      { ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: null, MY_NODE_NAME: 'x' },
      { ENABLE_PREFIX_DELEGATION: null, WARM_PREFIX_TARGET: '1', MY_NODE_NAME: null },
    ),
    'done',
  );
  const found = await look();
  assert.deepEqual(found?.env, { MY_NODE_NAME: 'x', ENABLE_PREFIX_DELEGATION: 'true' });
  assert.deepEqual(found?.envManagers, {
    MY_NODE_NAME: 'prefix-migrate',
    ENABLE_PREFIX_DELEGATION: 'prefix-migrate',
  });
  assert.deepEqual(
    [found?.initEnv, found?.annotations['meta.helm.sh/release-name'], found?.managers.includes('helm')],
    [{ ENABLE_IPv6: 'false' }, 'cni', true],
  );
  const generation = found?.rollout.generation;
  assert.equal(await set({ ENABLE_PREFIX_DELEGATION: 'true' }, {}), 'done');
  assert.equal(await set({ ENABLE_PREFIX_DELEGATION: 'false' }, { ENABLE_PREFIX_DELEGATION: 'maybe' }), 'changed');
  assert.equal((await look())?.rollout.generation, generation);
  assert.equal(await kubernetes.setEnvironment(namespace, 'none', 'main', { env: {}, before: {} }), 'gone');
});

test('follows pods and evicts them', { skip, timeout: 60_000 }, async () => {
  const [first, second] = await readyPods('plain', 2);
  assert.ok(first && second);
  const stop = new AbortController();
  const events: FollowEvent<Pod>[] = [];
  const gone = Promise.withResolvers<void>();
  const listed = Promise.withResolvers<void>();
  const following = kubernetes.follow(
    'pods',
    (event) => {
      events.push(event);
      if (event.type === 'replaced') listed.resolve();
      if (event.type === 'removed' && event.item.uid === first.uid) gone.resolve();
    },
    stop.signal,
  );
  await listed.promise;
  const other = { ...first, uid: second.uid };
  assert.equal((await kubernetes.evict(other)).kind, 'gone');
  assert.equal((await kubernetes.evict(first, { dryRun: true })).kind, 'accepted');
  assert.equal((await kubernetes.evict(first)).kind, 'accepted');
  await gone.promise;
  stop.abort();
  await following;
  assert.equal((await kubernetes.evict(first)).kind, 'gone');
  const terminating = events.some(
    (event) => event.type === 'changed' && event.item.uid === first.uid && event.item.deletionTimestamp !== null,
  );
  assert.ok(terminating);
});

test('tells the refusals of an eviction apart', { skip, timeout: 60_000 }, async () => {
  const [exhausted] = await readyPods('exhausted', 2);
  const [twice] = await readyPods('twice', 1);
  assert.ok(exhausted && twice);
  let outcome = await kubernetes.evict(exhausted);
  for (let look = 0; outcome.kind === 'budget-unprocessed' && look < 60; look += 1) {
    await clock.sleep(500);
    outcome = await kubernetes.evict(exhausted);
  }
  assert.deepEqual(outcome, {
    kind: 'budget-exhausted',
    budget: 'The disruption budget exhausted-0 needs 2 healthy pods and has 2 currently',
  });
  assert.equal((await kubernetes.evict(twice)).kind, 'multiple-budgets');
  const budgets = await kubernetes.listPodDisruptionBudgets();
  const budget = budgets.find((each) => each.namespace === namespace && each.name === 'exhausted-0');
  assert.equal(budget?.status.disruptionsAllowed, 0);
  assert.deepEqual(budget?.selector, { matchLabels: { app: 'exhausted' } });
});

test('cordons the node that it means, and no other of its name', { skip }, async () => {
  const [node] = await kubernetes.listNodes(nodeName);
  assert.ok(node);
  assert.equal(await kubernetes.cordon(nodeName, randomUUID(), annotation), undefined);
  assert.equal((await kubernetes.listNodes(nodeName))[0]?.unschedulable, false);
  const cordoned = await kubernetes.cordon(nodeName, node.uid, annotation);
  assert.equal(cordoned?.unschedulable, true);
  assert.equal(cordoned?.annotations[annotation.key], annotation.value);
  assert.deepEqual((await kubernetes.cordon(nodeName, node.uid, annotation))?.unschedulable, true);
  const open = await kubernetes.uncordon(nodeName, annotation.key);
  assert.equal(open?.unschedulable, false);
  assert.equal(open?.annotations[annotation.key], undefined);
  assert.equal(await kubernetes.cordon('no-such-node', node.uid, annotation), undefined);
});

test('makes and removes a canary pod', { skip, timeout: 60_000 }, async () => {
  const manifest = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'canary' },
    spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: 'registry.k8s.io/pause' }] },
  };
  await kubernetes.createPod(namespace, manifest);
  await kubernetes.createPod(namespace, manifest);
  const canary = await kubernetes.getPod(namespace, 'canary');
  assert.ok(canary);
  await kubernetes.deletePod(namespace, 'canary', randomUUID());
  assert.equal((await kubernetes.getPod(namespace, 'canary'))?.uid, canary.uid);
  await kubernetes.deletePod(namespace, 'canary', canary.uid);
  await kubernetes.deletePod(namespace, 'canary', canary.uid);
});

test('holds a Lease, alone', { skip }, async () => {
  const lock = createLeaseLock({ kubernetes, clock, clusterName });
  const never = new AbortController().signal;
  const mine = await lock.acquire({ id: 'first', command: 'apply one' }, never);
  await assert.rejects(lock.acquire({ id: 'second', command: 'apply two' }, never), (error: unknown) => {
    assert.ok(error instanceof MigrateError);
    assert.equal(error.code, 'LOCK.HELD');
    assert.match(error.message, /first \(apply one\)/);
    return true;
  });
  await mine.release();
  assert.equal((await readLeaseLock(kubernetes, clusterName))?.holder, '');
  const theirs = await lock.acquire({ id: 'second', command: 'apply two' }, never);
  const found = await readLeaseLock(kubernetes, clusterName);
  assert.ok(found);
  assert.deepEqual([found.holder, found.transitions], ['second', 1]);
  const breaking = createLeaseLock({ kubernetes, clock, clusterName, isHolderGone: (holder) => holder === 'second' });
  const broken = await breaking.acquire({ id: 'third', command: 'unlock' }, never);
  await theirs.release();
  assert.equal((await readLeaseLock(kubernetes, clusterName))?.holder, 'third');
  await broken.release();
});

const forbidden = (pattern: RegExp) => (error: unknown) => {
  assert.ok(error instanceof MigrateError);
  assert.equal(error.code, 'KUBERNETES.FORBIDDEN');
  assert.match(error.message, pattern);
  return true;
};

test('names what a caller may not do', { skip: skip || limitedKubeconfig === undefined }, async () => {
  const limited = await createKubernetesPort({ kubeconfig: limitedKubeconfig, clock });
  assert.ok((await limited.listNodes()).length > 0);
  await assert.rejects(limited.listPodDisruptionBudgets(), forbidden(/list poddisruptionbudgets/));
  await assert.rejects(limited.cordon(nodeName, randomUUID(), annotation), forbidden(/patch nodes/));
  await assert.rejects(limited.getLease('kube-system', 'x'), forbidden(/get leases/));
  await assert.rejects(
    limited.follow('podDisruptionBudgets', () => undefined, new AbortController().signal),
    forbidden(/list/),
  );
  const [pod] = await readyPods('plain', 1);
  assert.ok(pod);
  const outcome = await limited.evict(pod);
  assert.ok(outcome.kind === 'refused' && outcome.status === 403);
});
