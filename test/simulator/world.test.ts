import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRealClock } from '../../src/simulator/clock.ts';
import type { DaemonSet, Node, Pod, PodDisruptionBudget } from '../../src/simulator/kubernetes/objects.ts';
import type { Scenario } from '../../src/simulator/scenario.ts';
import { createFails } from '../../src/simulator/scenarios/create-fails.ts';
import { fragmentedSubnet } from '../../src/simulator/scenarios/fragmented-subnet.ts';
import { healthy } from '../../src/simulator/scenarios/healthy.ts';
import { scenarios } from '../../src/simulator/scenarios/index.ts';
import { permanentPdbBlock } from '../../src/simulator/scenarios/permanent-pdb-block.ts';
import type { SimHandler } from '../../src/simulator/types.ts';
import { createWorld, type World, type WorldOptions } from '../../src/simulator/world.ts';

/** The world and its handlers as the administrator. */
function worldOf(scenario: Scenario, options: WorldOptions = {}): World {
  const world = createWorld(scenario, options);
  return { ...world, ...world.handlersFor('administrator') };
}

async function send(handler: SimHandler, method: string, path: string, body: unknown = ''): Promise<[number, string]> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await handler({ method, path, headers: { 'content-type': 'application/json' }, body: text });
  assert.ok(typeof response.body === 'string');
  return [response.status, response.body];
}

const usesPrefixes = (world: World): boolean =>
  world.store
    .get<DaemonSet>('daemonsets', 'kube-system', 'aws-node')
    ?.spec.template.spec.containers[0]?.env?.find(({ name }) => name === 'ENABLE_PREFIX_DELEGATION')?.value === 'true';

/** The 16 addresses of a /28. */
function addressesIn(prefix: string): string[] {
  const [network = '', first = '0'] = prefix.split(/\.(?=\d+\/)|\//);
  return Array.from({ length: 16 }, (_, index) => `${network}.${Number(first) + index}`);
}

for (const scenario of scenarios) {
  test(`${scenario.name}: boots with every node Ready and every pod running, with an address of its node`, async () => {
    const world = worldOf(scenario);
    const nodes = world.store.list<Node>('nodes');
    const groups = [...scenario.nodegroups, ...(scenario.autoScalingGroups ?? [])];
    const ofKarpenter = (scenario.karpenter?.nodePools ?? []).reduce((sum, pool) => sum + pool.nodes, 0);
    const wanted = groups.reduce((sum, { scaling }) => sum + scaling.desiredSize, ofKarpenter);
    assert.equal(nodes.length, wanted);
    const interfaces = (await world.snapshotOfState()).details.nodes;
    for (const { metadata, status } of nodes) {
      assert.equal(status.conditions?.find(({ type }) => type === 'Ready')?.status, 'True', metadata.name);
      assert.equal(
        interfaces[metadata.name]?.enis.some(({ prefixes }) => prefixes.length > 0),
        usesPrefixes(world),
      );
    }
    const pods = world.store.list<Pod>('pods');
    assert.equal(world.stats().readyPods, pods.length);
    for (const { metadata, spec, status } of pods) {
      assert.equal(status.phase, 'Running', metadata.name);
      const enis = interfaces[spec.nodeName ?? '']?.enis ?? [];
      const addresses = spec.hostNetwork
        ? enis.map(({ primary }) => primary)
        : enis.flatMap(({ secondaries, prefixes }) => [...secondaries, ...prefixes.flatMap(addressesIn)]);
      assert.ok(addresses.includes(status.podIP ?? ''), `${metadata.name} has ${status.podIP}`);
    }
    const used = pods.filter(({ spec }) => !spec.hostNetwork).map(({ status }) => status.podIP);
    assert.equal(new Set(used).size, used.length, 'an address has two pods');
    const working = scenario.workloads.filter(({ kind }) => kind === 'Job').reduce((sum, job) => sum + job.replicas, 0);
    assert.equal(world.clock.pending(), working, 'a settled world waits for nothing but the end of its Jobs');
    assert.equal(world.log.entries.length, 0);
  });

  test(`${scenario.name}: one seed, one world; another seed, another`, async () => {
    const first = await createWorld(scenario, { seed: 7 }).snapshotOfState();
    assert.deepEqual(await createWorld(scenario, { seed: 7 }).snapshotOfState(), first);
    const other = await createWorld(scenario, { seed: 8 }).snapshotOfState();
    assert.deepEqual(other.outcome, first.outcome);
    assert.notDeepEqual(other.details, first.details);
  });
}

test('every scenario has its own name, and the list starts with the healthy one', () => {
  assert.equal(new Set(scenarios.map(({ name }) => name)).size, scenarios.length);
  assert.equal(scenarios[0], healthy);
});

test('healthy: two groups over three zones, and every budget has room', () => {
  const world = createWorld(healthy);
  const nodes = world.store.list<Node>('nodes');
  const zones = nodes.map(({ metadata }) => metadata.labels?.['topology.kubernetes.io/zone']);
  assert.deepEqual(new Set(zones), new Set(['us-west-2a', 'us-west-2b', 'us-west-2c']));
  const { pods } = world.stats();
  assert.ok(pods >= 60 && pods <= 80, `${pods} pods`);
  for (const { metadata, status } of world.store.list<PodDisruptionBudget>('poddisruptionbudgets')) {
    assert.ok(status.disruptionsAllowed > 0, metadata.name);
  }
});

test('permanent-pdb-block: one budget never allows, though all its pods are healthy', () => {
  const { store } = createWorld(permanentPdbBlock);
  const blocked = store
    .list<PodDisruptionBudget>('poddisruptionbudgets')
    .filter(({ status }) => status.disruptionsAllowed === 0);
  assert.deepEqual(
    blocked.map(({ metadata, status }) => [metadata.name, status.currentHealthy, status.expectedPods]),
    [['payments', 3, 3]],
  );
});

test('fragmented-subnet: most addresses are free and hardly a block, whatever the seed', async () => {
  for (const seed of [1, 2, 3, 4, 5]) {
    const { details } = await createWorld(fragmentedSubnet, { seed }).snapshotOfState();
    const [subnet] = Object.values(details.subnets);
    assert.ok(subnet && subnet.available > 150, `${subnet?.available} addresses`);
    // The first and the last block are never free: AWS keeps addresses in them.
    const spoiled = new Set([0, 15, ...subnet.taken.map(blockOf)]);
    assert.ok(spoiled.size >= 15, `${16 - spoiled.size} free blocks`);
  }
});

function blockOf(address: string): number {
  return Number(address.split('.')[3]) >> 4;
}

test('create-fails: a new group ends in CREATE_FAILED with the code and text of the scenario', async () => {
  const { aws, clock } = worldOf(createFails);
  const [subnet] = createFails.subnets;
  const create = {
    nodegroupName: 'new',
    subnets: [subnet?.subnetId],
    nodeRole: 'arn:aws:iam::111122223333:role/demo-node',
    scalingConfig: { minSize: 1, maxSize: 1, desiredSize: 1 },
    clientRequestToken: 't-1',
  };
  const [created, text] = await send(aws, 'POST', '/clusters/demo/node-groups', create);
  assert.equal(created, 200, text);
  clock.advance(1_800_000);
  const [, described] = await send(aws, 'GET', '/clusters/demo/node-groups/new');
  const { nodegroup } = JSON.parse(described);
  assert.equal(nodegroup.status, 'CREATE_FAILED');
  assert.equal(nodegroup.health.issues[0].code, createFails.createFailure?.code);
  assert.equal(nodegroup.health.issues[0].message, createFails.createFailure?.message);
});

test('create-fails: a group made without nodes fails when it is to have one, and can be deleted', async () => {
  const { aws, clock } = worldOf(createFails);
  const [subnet] = createFails.subnets;
  const group = '/clusters/demo/node-groups/new';
  const status = async (): Promise<string[]> => {
    const { nodegroup } = JSON.parse((await send(aws, 'GET', group))[1]);
    return [nodegroup.status, ...nodegroup.health.issues.map(({ code }: { code: string }) => code)];
  };
  const subnets = [subnet?.subnetId];
  const nodeRole = 'arn:aws:iam::111122223333:role/demo-node';
  await send(aws, 'POST', '/clusters/demo/node-groups', {
    nodegroupName: 'new',
    subnets,
    nodeRole,
    scalingConfig: { minSize: 0, maxSize: 3, desiredSize: 0 },
  });
  clock.advance(1_800_000);
  assert.deepEqual(await status(), ['ACTIVE']);
  await send(aws, 'POST', `${group}/update-config`, { scalingConfig: { desiredSize: 1 } });
  clock.advance(290_000);
  assert.deepEqual(await status(), ['ACTIVE']);
  clock.advance(20_000);
  assert.deepEqual(await status(), ['DEGRADED', 'AsgInstanceLaunchFailures']);
  assert.equal((await send(aws, 'DELETE', group))[0], 200);
});

test('from the address mode to a node with prefixes: the parts of the world work together', async () => {
  const world = worldOf(healthy);
  const { aws, clock, store } = world;
  const configurationValues = JSON.stringify({ env: { ENABLE_PREFIX_DELEGATION: 'true' } });
  const [updated] = await send(aws, 'POST', '/clusters/demo/addons/vpc-cni/update', { configurationValues });
  assert.equal(updated, 200);
  clock.advance(600_000);
  const rolled = store.get<DaemonSet>('daemonsets', 'kube-system', 'aws-node');
  assert.equal(rolled?.status.updatedNumberScheduled, 6);
  assert.equal(rolled.status.numberAvailable, 6);
  const create = {
    nodegroupName: 'general-pd',
    subnets: healthy.subnets.map(({ subnetId }) => subnetId),
    nodeRole: 'arn:aws:iam::111122223333:role/demo-node',
    instanceTypes: ['m5.large'],
    labels: { role: 'general' },
    scalingConfig: { minSize: 1, maxSize: 4, desiredSize: 2 },
  };
  await send(aws, 'POST', '/clusters/demo/node-groups', create);
  clock.advance(900_000);
  const { outcome } = await world.snapshotOfState();
  assert.deepEqual(outcome.nodes['general-pd'], {
    nodes: 2,
    ready: 2,
    cordoned: 0,
    allocatablePods: ['110'],
    withPrefixes: 2,
  });
  assert.ok(world.stats().prefixes >= 2);
  assert.deepEqual(
    world.log.writes().map(({ operation }) => operation),
    ['eks:UpdateAddon', 'eks:CreateNodegroup'],
  );
});

test('an eviction through the API is counted, and its pod comes back elsewhere', async () => {
  const world = worldOf(healthy);
  const [pod] = world.store.list<Pod>('pods', 'shop').filter(({ metadata }) => metadata.name.startsWith('search'));
  assert.ok(pod);
  const path = `/api/v1/namespaces/shop/pods/${pod.metadata.name}/eviction`;
  const eviction = {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name: pod.metadata.name, namespace: 'shop' },
    deleteOptions: { preconditions: { uid: pod.metadata.uid } },
  };
  assert.equal((await send(world.kubernetes, 'POST', path, eviction))[0], 201);
  world.clock.advance(60_000);
  const { disruptions, budgetViolations, evictionsPerPod, readyPods, pods } = world.stats();
  assert.equal(disruptions.evictions.accepted, 1);
  assert.equal(budgetViolations, 0);
  assert.equal(evictionsPerPod, 1 / 6);
  assert.equal(readyPods, pods);
  assert.equal(world.log.of('k8s:create pods/eviction')[0]?.details['uid'], pod.metadata.uid);
});

test('faults reach both services and show in the log', async () => {
  const world = worldOf(healthy, {
    faults: [
      { operation: 'eks:DescribeCluster', kind: 'throttle', nth: 1 },
      { operation: 'k8s:list nodes', kind: 'expired-token', nth: 1 },
    ],
  });
  assert.equal((await send(world.aws, 'GET', '/clusters/demo'))[0], 429);
  assert.equal((await send(world.aws, 'GET', '/clusters/demo'))[0], 200);
  assert.equal((await send(world.kubernetes, 'GET', '/api/v1/nodes'))[0], 401);
  assert.equal((await send(world.kubernetes, 'GET', '/api/v1/nodes'))[0], 200);
  assert.deepEqual(
    world.log.entries.map(({ caller, status, fault }) => [caller, status, fault]),
    [
      ['administrator', 429, 'throttle'],
      ['administrator', 200, undefined],
      ['administrator', 401, 'expired-token'],
      ['administrator', 200, undefined],
    ],
  );
});

test('users: what one may do, another may not; strangers are refused', async () => {
  const reads = { verbs: ['get', 'list', 'watch'], apiGroups: ['*'], resources: ['*'] };
  const user = { name: 'auditor', accessKeyId: 'AKIAAUDITOR', token: 'auditor-token', rules: [reads] };
  const world = createWorld(healthy, { users: [{ ...user, deniedActions: ['eks:DeleteNodegroup'] }] });
  const { aws, kubernetes } = world.handlersFor('auditor');
  assert.equal((await send(kubernetes, 'GET', '/api/v1/nodes'))[0], 200);
  assert.equal((await send(kubernetes, 'DELETE', '/api/v1/namespaces/shop/pods/x'))[0], 403);
  assert.equal((await send(aws, 'GET', '/clusters/demo'))[0], 200);
  assert.equal((await send(aws, 'DELETE', '/clusters/demo/node-groups/general'))[0], 403);
  const delegated = world.handlersFor('administrator');
  assert.equal((await send(delegated.aws, 'DELETE', '/clusters/demo/node-groups/general'))[0], 200);
  const headers = { authorization: 'Bearer stranger' };
  const stranger = await world.kubernetes({ method: 'GET', path: '/api/v1/nodes', headers, body: '' });
  assert.equal(stranger.status, 401);
  assert.throws(() => world.handlersFor('nobody'), /no user nobody/);
});

test('under a clock that runs, the boot takes no time, and then time passes by itself', async () => {
  const clock = createRealClock(100_000);
  const { store } = createWorld(healthy, { clock });
  const [node] = store.list<Node>('nodes');
  assert.equal(node?.status.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
  const keepAlive = setTimeout(() => undefined, 60_000);
  const begin = clock.now();
  await new Promise<void>((resolve) => {
    clock.after(60_000, resolve);
  });
  clearTimeout(keepAlive);
  assert.ok(clock.now() >= begin + 60_000);
  clock.stop();
});
