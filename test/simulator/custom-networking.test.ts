import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DaemonSet, KubeObject, Node, Pod } from '../../src/simulator/kubernetes/objects.ts';
import type { Scenario } from '../../src/simulator/scenario.ts';
import { customNetworking } from '../../src/simulator/scenarios/custom-networking.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';

const [nodesA, nodesB, podsA, podsB] = customNetworking.subnets;
assert.ok(nodesA && nodesB && podsA && podsB);

const authorization = 'Bearer simulated-administrator';
const get = async (world: World, path: string) => {
  const answer = await world.kubernetes({ method: 'GET', path, headers: { authorization }, body: '' });
  return { status: answer.status, text: typeof answer.body === 'string' ? answer.body : '' };
};

/** `subnet:prefixes+addresses` of each interface of each instance, the primary one first. */
const interfaces = (world: World) =>
  [...world.ec2.instances.values()].map(({ enis }) =>
    enis.map(({ subnetId, prefixes, secondaries }) => `${subnetId}:${prefixes.length}+${secondaries.length}`),
  );

const awsNodes = (world: World) =>
  world.store
    .list<Pod>('pods', 'kube-system')
    .filter(({ metadata }) => metadata.labels?.['k8s-app'] === 'aws-node')
    .map(({ status }) => JSON.stringify(status.containerStatuses?.[0]?.state).match(/CrashLoopBackOff|running/)?.[0]);

const readyNodes = (world: World) =>
  world.store
    .list<Node>('nodes')
    .filter(({ status }) => status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'))
    .length;

/** aws-node with other variables, as somebody sets them by hand; then time passes. */
function setEnv(world: World, values: Record<string, string>, seconds = 600): void {
  world.store.update<DaemonSet>('daemonsets', 'kube-system', 'aws-node', (draft) => {
    const [container] = draft.spec.template.spec.containers;
    assert.ok(container);
    const kept = (container.env ?? []).filter(({ name }) => !(name in values));
    container.env = [...kept, ...Object.entries(values).map(([name, value]) => ({ name, value }))];
  });
  world.clock.advance(seconds * 1000);
}

const prefixes = { ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '1' };

/** Two nodes, one in each zone, and few pods. */
const small = (changes: Partial<Scenario> = {}): Scenario => ({
  ...customNetworking,
  nodegroups: customNetworking.nodegroups.map((group) => ({
    ...group,
    scaling: { minSize: 1, maxSize: 3, desiredSize: 2 },
  })),
  workloads: customNetworking.workloads.filter(({ name }) => name !== 'api' && name !== 'worker'),
  ...changes,
});
const settings = (env: Record<string, string>): Partial<Scenario> => ({
  vpcCni: {
    ...customNetworking.vpcCni,
    configurationValues: JSON.stringify({ env: { AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG: 'true', ...env } }),
  },
});

test('pods live in the subnet of the zone, the primary interface serves none, and maxPods counts one interface less', () => {
  const world = createWorld(small());
  const expected = [
    [`${nodesA.subnetId}:0+0`, `${podsA.subnetId}:0+9`, `${podsA.subnetId}:0+9`],
    [`${nodesB.subnetId}:0+0`, `${podsB.subnetId}:0+9`, `${podsB.subnetId}:0+9`],
  ];
  assert.deepEqual(new Set(interfaces(world).map((own) => own.join())), new Set(expected.map((own) => own.join())));
  for (const { status } of world.store.list<Node>('nodes')) assert.equal(status.capacity?.['pods'], '20');
  for (const pod of world.store.list<Pod>('pods', 'shop')) assert.match(pod.status.podIP ?? '', /^100\.64\./);
  const [eni] = [...world.ec2.enis.values()].filter(({ subnetId }) => subnetId === podsA.subnetId);
  assert.deepEqual(eni?.groups, ['sg-0d0d5f00d5f00d5f0']);
});

test('after the switch prefixes come to the interfaces of the pods, in the same subnets', () => {
  const world = createWorld(small());
  setEnv(world, prefixes);
  assert.deepEqual(awsNodes(world), ['running', 'running']);
  for (const [primary, ...others] of interfaces(world)) {
    assert.match(primary ?? '', /:0\+0$/);
    assert.ok(
      others.some((one) => /:[12]\+/.test(one)),
      others.join(),
    );
  }
});

describe('which ENIConfig a node takes', () => {
  const configs = [podsA, podsB].flatMap(({ subnetId, availabilityZone }) =>
    ['label', 'note', 'outside', 'default'].map((kind) => ({ name: `${kind}-${availabilityZone.at(-1)}`, subnetId })),
  );
  const onlyA = (changes: Partial<Scenario['nodegroups'][number]>, env: Record<string, string> = {}): Scenario =>
    small({
      ...settings(env),
      eniConfigs: configs,
      nodegroups: small().nodegroups.map((group) => ({ ...group, subnetIds: [nodesA.subnetId], ...changes })),
    });
  const rows: [string, Scenario, string][] = [
    ['its label', onlyA({ labels: { 'k8s.amazonaws.com/eniConfig': 'label-a' } }), podsA.subnetId],
    [
      'its annotation before its label',
      onlyA({
        labels: { 'k8s.amazonaws.com/eniConfig': 'nowhere' },
        nodeAnnotations: { 'k8s.amazonaws.com/eniConfig': 'note-a' },
      }),
      podsA.subnetId,
    ],
    [
      'the label from outside before all',
      onlyA({
        labels: { 'vpc.amazonaws.com/externalEniConfig': 'outside-a' },
        nodeAnnotations: { 'k8s.amazonaws.com/eniConfig': 'nowhere' },
      }),
      podsA.subnetId,
    ],
    [
      'other keys',
      onlyA(
        { nodeAnnotations: { note: 'note-a' }, labels: { name: 'nowhere' } },
        {
          ENI_CONFIG_ANNOTATION_DEF: 'note',
          ENI_CONFIG_LABEL_DEF: 'name',
        },
      ),
      podsA.subnetId,
    ],
  ];
  for (const [name, scenario, expected] of rows) {
    test(name, () => {
      const world = createWorld(scenario);
      assert.deepEqual(
        new Set(interfaces(world).flatMap((own) => own.slice(1).map((one) => one.split(':')[0]))),
        new Set([expected]),
      );
    });
  }
  test('the default without any of them', () => {
    const world = createWorld({ ...onlyA({}), eniConfigs: [{ name: 'default', subnetId: podsA.subnetId }] });
    assert.ok(interfaces(world).every((own) => own.length > 1));
  });
});

function elevenTaken() {
  return Array.from({ length: 11 }, (_, index) => ({ kind: 'lambda' as const, address: `100.64.0.${index + 4}` }));
}

describe('a node whose pool stays empty', () => {
  const broken: [string, Partial<Scenario>][] = [
    ['no ENIConfig of that name', { eniConfigs: [] }],
    [
      'a subnet of another zone',
      {
        eniConfigs: [nodesA, nodesB].map(({ availabilityZone }) => ({
          name: availabilityZone,
          subnetId: podsB.subnetId,
        })),
      },
    ],
    [
      'a subnet without room',
      { subnets: [nodesA, nodesB, { ...podsA, cidr: '100.64.0.0/28', foreignAddresses: elevenTaken() }, podsB] },
    ],
  ];
  for (const [name, changes] of broken) {
    test(`${name}: aws-node ends with an error again and again, and the node is not Ready`, () => {
      const world = createWorld(small({ ...changes, workloads: [], budgets: [] }));
      const inZoneB = name.startsWith('no ') ? 0 : 1;
      assert.deepEqual(
        [readyNodes(world), awsNodes(world).filter((state) => state === 'running').length],
        [inZoneB, inZoneB],
      );
      world.clock.advance(3_600_000);
      assert.equal(readyNodes(world), inZoneB);
      assert.ok(
        [...world.ec2.enis.values()].every(
          ({ attachment, description }) => attachment || !description.startsWith('aws-K8S'),
        ),
      );
    });
  }

  test('a node becomes Ready once its ENIConfig is there', () => {
    const world = createWorld(small({ eniConfigs: [], workloads: [], budgets: [] }));
    for (const { name, subnetId } of customNetworking.eniConfigs ?? []) {
      world.store.create<KubeObject & { spec: { subnet: string } }>('eniconfigs', {
        apiVersion: 'crd.k8s.amazonaws.com/v1alpha1',
        kind: 'ENIConfig',
        metadata: { name },
        spec: { subnet: subnetId },
      });
    }
    world.clock.advance(400_000);
    assert.deepEqual([readyNodes(world), awsNodes(world)], [2, ['running', 'running']]);
  });

  test('without its ENIConfig a node that has its interfaces goes on', () => {
    const world = createWorld(small());
    for (const { metadata } of world.store.list('eniconfigs'))
      world.store.remove('eniconfigs', undefined, metadata.name);
    setEnv(world, { AWS_VPC_K8S_CNI_LOGLEVEL: 'INFO' });
    assert.deepEqual(awsNodes(world), ['running', 'running']);
  });

  test('a cordoned node gets no prefix: the rollout stops there, and goes on once it is uncordoned', () => {
    const world = createWorld(small());
    const [node] = world.store.list<Node>('nodes');
    assert.ok(node);
    const setCordoned = (cordoned: boolean) =>
      world.store.update<Node>('nodes', undefined, node.metadata.name, ({ spec }) => {
        spec.unschedulable = cordoned;
      });
    setCordoned(true);
    world.clock.advance(10_000);
    setEnv(world, prefixes, 1800);
    assert.ok(awsNodes(world).includes('CrashLoopBackOff'));
    assert.equal(readyNodes(world), 2, 'a node that was Ready stays so');
    assert.ok(world.stats().pods - world.stats().readyPods <= 1);
    setCordoned(false);
    world.clock.advance(600_000);
    assert.deepEqual(awsNodes(world), ['running', 'running']);
  });

  test('a VPC CNI before 1.13 comes up all the same', () => {
    const world = createWorld(
      small({
        vpcCni: {
          ...customNetworking.vpcCni,
          version: 'v1.12.6-eksbuild.2',
          configurationValues: '{"env":{"AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG":"true"}}',
        },
        eniConfigs: [],
        workloads: [],
        budgets: [],
      }),
    );
    assert.equal(readyNodes(world), 2);
  });
});

test('the API serves ENIConfigs as a real one does, and names their group', async () => {
  const world = createWorld(small());
  const list = await get(world, '/apis/crd.k8s.amazonaws.com/v1alpha1/eniconfigs');
  const { kind, items } = JSON.parse(list.text);
  assert.deepEqual(
    [
      list.status,
      kind,
      items.map((item: { metadata: { name: string }; spec: { subnet: string } }) => [
        item.metadata.name,
        item.spec.subnet,
      ]),
    ],
    [
      200,
      'ENIConfigList',
      [
        ['us-west-2a', podsA.subnetId],
        ['us-west-2b', podsB.subnetId],
      ],
    ],
  );
  const group = JSON.parse((await get(world, '/apis/crd.k8s.amazonaws.com')).text);
  assert.equal(group.preferredVersion.groupVersion, 'crd.k8s.amazonaws.com/v1alpha1');
  const resources = JSON.parse((await get(world, '/apis/crd.k8s.amazonaws.com/v1alpha1')).text);
  assert.deepEqual([resources.resources[0].name, resources.resources[0].namespaced], ['eniconfigs', false]);
});
