import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withSelfManagedGroups } from '../../src/adapters/self-managed.ts';
import { ExitCode, MigrateError } from '../../src/domain/migrate-error.ts';
import type { ClusterNode } from '../../src/domain/snapshot.ts';
import type { FollowEvent } from '../../src/ports/kubernetes.ts';
import type { Ports } from '../../src/ports/ports.ts';
import { createWorld } from '../support/fake-ports.ts';
import { aNode } from '../support/snapshot.ts';

const workers = 'asg/workers';
const stranger = (name: string): ClusterNode =>
  aNode({ name, nodegroupName: null, instanceId: `i-${name}`, labels: { pool: 'w' } });
const denied = new MigrateError({
  code: 'AWS.ACCESS_DENIED',
  message: 'no',
  why: 'no',
  nextActions: ['ask'],
  exitCode: ExitCode.invalidInput,
});

function world(more: (ports: Ports) => Partial<Ports> = () => ({})) {
  const made = createWorld();
  made.autoScalingGroups = [
    {
      name: 'workers',
      desiredCapacity: 2,
      minSize: 1,
      maxSize: 3,
      instanceIds: ['i-one', 'i-two'],
      suspendedProcesses: [],
    },
  ];
  made.nodes = [...made.nodes, stranger('one'), stranger('two'), stranger('alone')];
  return { made, ports: withSelfManagedGroups({ ...made.ports, ...more(made.ports) }) };
}

const names = (nodes: readonly ClusterNode[]): [string, string | null][] =>
  nodes.filter(({ labels }) => labels['pool'] === 'w').map(({ name, nodegroupName }) => [name, nodegroupName]);
const placed: [string, string | null][] = [
  ['one', workers],
  ['two', workers],
  ['alone', null],
];

test('nodes have the name of their group, in every list', async () => {
  const { ports } = world();
  assert.deepEqual(names(await ports.kubernetes.listNodes()), placed);
  assert.deepEqual(names(await ports.kubernetes.listNodes(workers)), placed.slice(0, 2));
  assert.ok((await ports.kubernetes.listNodes('apps')).every(({ nodegroupName }) => nodegroupName === 'apps'));
});

test('where Auto Scaling may not be asked, nodes are of no group', async () => {
  const { ports } = world(({ autoScaling }) => ({
    autoScaling: { ...autoScaling, groupsOfInstances: () => Promise.reject(denied) },
  }));
  assert.deepEqual(
    names(await ports.kubernetes.listNodes()).map(([, group]) => group),
    [null, null, null],
  );
});

test('is described, resized and deleted by Auto Scaling, and EKS is not asked', async () => {
  const { made, ports } = world();
  const found = await ports.eks.describeNodegroup('prod', workers);
  assert.deepEqual([found?.status, found?.labels, found?.nodeRole], ['ACTIVE', { pool: 'w' }, '']);
  const id = await ports.eks.updateNodegroupScaling('prod', workers, { maxSize: 2 }, 'token');
  assert.deepEqual(await ports.eks.describeUpdate('prod', id, { nodegroupName: workers }), {
    id,
    status: 'Successful',
    errors: [],
  });
  assert.equal(made.autoScalingGroups[0]?.maxSize, 2);
  await ports.eks.deleteNodegroup('prod', workers);
  assert.equal(await ports.eks.describeNodegroup('prod', workers), undefined);
  assert.deepEqual(made.writes(), ['autoScaling.resizeGroup', 'autoScaling.deleteGroup']);
  assert.ok(!made.calls.some(({ name }) => name.startsWith('eks.')));
});

test('a watch keeps the order of events while it asks whose a node is', async () => {
  const heard: { tell?: (event: FollowEvent<ClusterNode>) => void } = {};
  const { ports } = world(({ kubernetes }) => ({
    kubernetes: {
      ...kubernetes,
      follow: (_resource, tell: (event: FollowEvent<never>) => void, signal) => {
        heard.tell = (event) => Reflect.apply(tell, undefined, [event]);
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve());
        });
      },
    },
  }));
  const told: string[] = [];
  const stop = new AbortController();
  const watch = ports.kubernetes.follow(
    'nodes',
    (event) => {
      const items = event.type === 'replaced' ? event.items : [event.item];
      told.push(`${event.type} ${items.map(({ name, nodegroupName }) => `${name}=${nodegroupName}`).join(' ')}`);
    },
    stop.signal,
  );
  const managed = aNode({ name: 'managed' });
  heard.tell?.({ type: 'replaced', items: [managed] });
  assert.deepEqual(told, ['replaced managed=apps'], 'nothing to ask, nothing to wait for');
  heard.tell?.({ type: 'changed', item: stranger('one') });
  heard.tell?.({ type: 'changed', item: managed });
  heard.tell?.({ type: 'removed', item: stranger('one') });
  assert.equal(told.length, 1);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(told.slice(1), [`changed one=${workers}`, 'changed managed=apps', `removed one=${workers}`]);
  heard.tell?.({ type: 'changed', item: stranger('one') });
  assert.equal(told.at(-1), `changed one=${workers}`, 'known by now');
  stop.abort();
  await watch;
});

test('a watch ends with the failure of such a question', async () => {
  const overload = new MigrateError({
    code: 'AWS.THROTTLED',
    message: 'later',
    why: 'busy',
    nextActions: ['wait'],
    exitCode: ExitCode.invalidInput,
    retryable: true,
  });
  const { ports } = world(({ autoScaling }) => ({
    autoScaling: { ...autoScaling, groupsOfInstances: () => Promise.reject(overload) },
  }));
  await assert.rejects(
    ports.kubernetes.follow('nodes', () => undefined, new AbortController().signal),
    overload,
  );
});
