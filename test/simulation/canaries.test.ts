/** Canary pods: at density, where they are not let in, after a crash, and what they cost in a large group. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FaultRule } from '../../src/simulator/faults.ts';
import type { Pod } from '../../src/simulator/kubernetes/objects.ts';
import { healthy } from '../../src/simulator/scenarios/healthy.ts';
import { createWorld } from '../../src/simulator/world.ts';
import { memoryJournal } from '../support/sample-plan.ts';
import { planFor, startProcess } from './migration.ts';
import { aCluster, agent, canaries, delegated, group, nodesOf, planOf, spoilt, verify } from './verification.ts';

const denied = (message: string): FaultRule => ({ operation: 'k8s:create pods', kind: 'webhook-denial', message });

/** Requests by operation, without those of the lock and of the connection. */
const requests = (world: ReturnType<typeof aCluster>): Record<string, number> =>
  Object.fromEntries(
    [...Map.groupBy(world.log.entries, ({ operation }) => operation)]
      .map(([operation, entries]): [string, number] => [operation, entries.length])
      .filter(([operation]) => !/lease|sts:|DescribeCluster/i.test(operation)),
  );

describe('canaries at density', () => {
  test('17 need a second prefix, and the evidence names both', async () => {
    const world = aCluster();
    const { exitCode, error, nodes } = await verify(world, { canaryPods: 17 });
    assert.equal(exitCode, 0, error?.message);
    assert.match(
      nodes[0]?.evidence ?? '',
      /^17 canary pods have addresses out of 2 prefixes: 10\.[\d.]+\/28 \(16\), 10\.[\d.]+\/28 \(1\)$/,
    );
    assert.equal(nodes[0]?.prefixes.length, 3, 'and one to spare');
    assert.deepEqual(canaries(world), []);
  });

  test('they are made even if another pod could bear witness', async () => {
    const { nodes } = await verify(aCluster({ workloads: [agent()] }), { canaryPods: 2 });
    assert.match(nodes[0]?.evidence ?? '', /^2 canary pods have addresses out of 1 prefix: /);
  });

  test('one block only: 16 get an address, the 17th does not, and the subnet is named', async () => {
    const world = aCluster({ subnet: spoilt(1) });
    const { exitCode, error, nodes } = await verify(world, { canaryPods: 17 });
    assert.equal(exitCode, 6);
    assert.equal(error?.code, 'VERIFY.NO_ADDRESS');
    assert.match(
      error.message,
      /^1 of 17 canary pods on ip-\S+ of apps-pd got no address out of a prefix in 5 minutes; the node holds 1 prefix/,
    );
    assert.match(error.why, /Subnet subnet-0bbbb000000000002 .* no free \/28 block/);
    assert.match(error.nextActions[0] ?? '', /events --field-selector involvedObject\.name=prefix-migrate-canary-/);
    assert.deepEqual(nodes, []);
    assert.deepEqual(canaries(world), []);
  });

  test('a node takes no more than its number of pods: the evidence says so', async () => {
    const world = aCluster({ group: { maxPods: 12 }, workloads: [agent()] });
    const { exitCode, error, nodes } = await verify(world, { maxPods: 12, canaryPods: 17 });
    assert.equal(exitCode, 0, error?.message);
    assert.match(nodes[0]?.evidence ?? '', /^9 canary pods .*; 17 were asked for, and the node takes no more pods$/);
    assert.equal(world.log.of('k8s:create pods').length, 9, 'none that the kubelet turned away');
  });
});

describe('a canary that is not let in', () => {
  const rows: [string, string, RegExp, RegExp][] = [
    [
      'an admission webhook',
      'admission webhook "images.example.com" denied the request: image not from registry.example.com',
      /an admission webhook or policy does not let a canary pod into kube-system/,
      /^kubectl get validatingwebhookconfigurations/,
    ],
    [
      'a quota',
      'pods "x" is forbidden: exceeded quota: system, requested: pods=1, used: pods=10, limited: pods=10',
      /a ResourceQuota does not let/,
      /^kubectl -n kube-system get resourcequotas/,
    ],
    [
      'Pod Security',
      'pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true',
      /Pod Security admission does not let/,
      /^kubectl get namespace kube-system --show-labels/,
    ],
    [
      'a LimitRange',
      'pods "x" is forbidden: minimum cpu usage per Container is 10m, but request is 1m',
      /a LimitRange does not let/,
      /^kubectl -n kube-system get limitranges/,
    ],
    [
      'missing permission',
      'pods is forbidden: User "ci" cannot create resource "pods" in API group "" in the namespace "kube-system"',
      /the API server does not let/,
      /^kubectl auth can-i create pods -n kube-system/,
    ],
  ];
  for (const [who, message, said, action] of rows) {
    test(`${who}: named with its words and the way out`, async () => {
      const { exitCode, error, nodes } = await verify(aCluster({ faults: [denied(message)] }));
      assert.equal(exitCode, 6);
      assert.equal(error?.code, 'VERIFY.CANARY_REFUSED');
      assert.match(error.message, said);
      assert.ok(error.why.includes(message), error.why);
      assert.match(error.nextActions[0] ?? '', action);
      assert.match(error.nextActions.join('\n'), /kubectl run prefix-witness .*"nodeName":"ip-/);
      assert.deepEqual(nodes, []);
    });
  }

  test('where another pod bears witness, none is asked for', async () => {
    const world = aCluster({ workloads: [agent()], faults: [denied('admission webhook "x" denied the request: no')] });
    assert.equal((await verify(world)).exitCode, 0);
    assert.deepEqual(world.log.of('k8s:create pods'), []);
  });
});

test('a canary that another plan left behind in a crash is removed', async () => {
  const world = aCluster();
  const other = { ...planOf(world), planId: 'cd'.repeat(32) };
  const places = (await probe(other)).places.indexOf('after k8s:create pods');
  const process = await startProcess(world, places);
  assert.equal(await process.run(other, memoryJournal()), 'cut');
  assert.equal(canaries(world).length, 1);
  world.clock.advance(60_000);
  const { exitCode } = await verify(world);
  assert.equal(exitCode, 0);
  assert.deepEqual(canaries(world), []);

  async function probe(plan: typeof other) {
    const twin = await startProcess(aCluster());
    await twin.run(plan, memoryJournal());
    return twin;
  }
});

test('a migration with --canary-pods 17 proves density once for each group, on its first node', async () => {
  const world = createWorld(healthy, { seed: 7 });
  const plan = await planFor(world, { canaryPods: 17 });
  assert.deepEqual(
    plan.steps.flatMap(({ id, kind, params }) => (kind === 'verify-replacement' ? [[id, params.canaryPods]] : [])),
    [
      ['verify-replacement/general/first', 17],
      ['verify-replacement/general', 1],
      ['verify-replacement/memory/first', 17],
      ['verify-replacement/memory', 1],
    ],
  );
  const journal = memoryJournal();
  const result = await (await startProcess(world)).run(plan, journal, { until: 'verify' });
  assert.ok(result !== 'cut' && result.exitCode === 0);
  const evidence = journal
    .entries()
    .flatMap((entry) =>
      entry.type === 'step-progress' && entry.progress.kind === 'verified-node' ? entry.progress.evidence : [],
    );
  assert.equal(evidence.length, 6);
  assert.equal(evidence.filter((text) => text.startsWith('17 canary pods have addresses out of 2 prefixes')).length, 2);
  assert.deepEqual(canaries(world), []);
});

test('runs an image that the node has: the pause image that its pods start from', async () => {
  const world = aCluster();
  const images: (string | undefined)[] = [];
  world.store.subscribe<Pod>('pods', ({ type, object }) => {
    if (type === 'ADDED') images.push(object.spec.containers[0]?.image);
  });
  await verify(world);
  await verify(world, { canaryImage: 'registry.internal/pause:1' });
  assert.deepEqual(images, ['localhost/kubernetes/pause:latest', 'registry.internal/pause:1']);
});

describe('100 nodes', () => {
  test('with a witness on each: ten requests in all', async () => {
    const world = aCluster({ nodes: 100, workloads: [agent()] });
    world.log.clear();
    const { exitCode, nodes } = await verify(world, { nodes: 100 });
    assert.equal(exitCode, 0);
    assert.equal(nodes.length, 100);
    assert.deepEqual(requests(world), { 'ec2:DescribeNetworkInterfaces': 2, 'k8s:list nodes': 3, 'k8s:list pods': 5 });
  });

  test('with a canary on each: two for each, and 26 in all besides', async () => {
    const world = aCluster({ nodes: 100, env: delegated });
    assert.equal(nodesOf(world, group).length, 100);
    world.log.clear();
    const { exitCode, nodes, seconds } = await verify(world, { nodes: 100 });
    assert.equal(exitCode, 0);
    assert.equal(nodes.length, 100);
    assert.ok(seconds <= 60, String(seconds));
    assert.deepEqual(requests(world), {
      'ec2:DescribeNetworkInterfaces': 5,
      'k8s:create pods': 100,
      'k8s:delete pods': 100,
      'k8s:get daemonsets': 3,
      'k8s:list nodes': 7,
      'k8s:list pods': 11,
    });
  });
});
