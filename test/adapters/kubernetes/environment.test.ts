import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toDaemonSet } from '../../../src/adapters/kubernetes/projections.ts';
import { healthy } from '../../../src/simulator/scenarios/healthy.ts';
import type { SimHandler } from '../../../src/simulator/types.ts';
import { createWorld, type World } from '../../../src/simulator/world.ts';
import { portsOf } from '../../survey/ports-of.ts';
import { createBench } from '../virtual.ts';

const at = ['kube-system', 'aws-node', 'aws-node'] as const;

async function portOf(world: World, around: (handler: SimHandler) => SimHandler = (handler) => handler) {
  const bench = createBench(world.clock);
  const { kubernetes } = await portsOf({ ...world, kubernetes: around(world.kubernetes) }, bench);
  const look = async () => {
    const found = await bench.run(kubernetes.getDaemonSet(...at));
    assert.ok(found);
    return found;
  };
  return {
    look,
    set: (env: Record<string, string | null>, before: Record<string, string | null>) =>
      bench.run(kubernetes.setEnvironment(...at, { env, before })),
    gone: () => bench.run(kubernetes.setEnvironment('kube-system', 'none', 'none', { env: {}, before: {} })),
  };
}

test('sets and removes variables, and nothing else', async () => {
  const { look, set, gone } = await portOf(createWorld(healthy));
  const { env: before } = await look();
  assert.equal(
    await set({ WARM_IP_TARGET: '5', WARM_PREFIX_TARGET: null }, { WARM_IP_TARGET: null, WARM_PREFIX_TARGET: '1' }),
    'done',
  );
  const { env, envManagers, rollout } = await look();
  const { WARM_PREFIX_TARGET: _removed, ...rest } = before;
  assert.deepEqual(env, { ...rest, WARM_IP_TARGET: '5' });
  assert.equal(envManagers['WARM_IP_TARGET'], 'prefix-migrate');
  assert.equal(rollout.generation, 2);
  assert.equal(await set({ WARM_IP_TARGET: '5' }, { WARM_IP_TARGET: null }), 'done', 'it is there already');
  assert.equal((await look()).rollout.generation, 2);
  assert.equal(await set({ WARM_IP_TARGET: '6' }, { WARM_IP_TARGET: '9' }), 'changed');
  assert.equal((await look()).env['WARM_IP_TARGET'], '5');
  assert.equal(await gone(), 'gone');
});

test('what comes between look and patch is looked at again', async () => {
  const world = createWorld(healthy);
  const others = ['1', '7'];
  const { look, set } = await portOf(world, (handler) => async (request) => {
    const value = request.method === 'PATCH' ? others.shift() : undefined;
    if (value !== undefined) {
      const env = [
        { name: 'WARM_ENI_TARGET', value: '2' },
        ...(value === '7' ? [{ name: 'WARM_IP_TARGET', value }] : []),
      ];
      await handler({
        ...request,
        path: request.path.replace('prefix-migrate', 'kubectl-edit'),
        body: JSON.stringify({
          metadata: { labels: { changed: value } },
          spec: { template: { spec: { containers: [{ name: 'aws-node', env }] } } },
        }),
      });
    }
    return handler(request);
  });
  // first another variable, then the one that is meant
  assert.equal(await set({ WARM_IP_TARGET: '5' }, { WARM_IP_TARGET: null }), 'changed');
  const { env, envManagers } = await look();
  assert.deepEqual(
    [env['WARM_IP_TARGET'], env['WARM_ENI_TARGET'], envManagers['WARM_IP_TARGET']],
    ['7', '2', 'kubectl-edit'],
  );
});

/** One manager of variables, as the API server tells it. */
const entry = (manager: string, time: string, ...names: string[]) => ({
  manager,
  time,
  fieldsV1: {
    'f:spec': {
      'f:template': {
        'f:spec': {
          'f:containers': {
            'k:{"name":"aws-node"}': {
              'f:env': Object.fromEntries(names.map((name) => [`k:{"name":"${name}"}`, { 'f:value': {} }])),
            },
          },
        },
      },
    },
  },
});

test('of several owners of a variable the one that is in the way of EKS is told, whoever wrote last', () => {
  const managedFields = [
    entry('eks', '2026-01-03T00:00:00Z', 'A', 'B'),
    entry('kubectl-set', '2026-01-02T00:00:00Z', 'A', 'C'),
    entry('kubectl-edit', '2026-01-01T00:00:00Z', 'A', 'C'),
  ];
  const { envManagers, managers } = toDaemonSet({ metadata: { managedFields } }, 'aws-node');
  assert.deepEqual(envManagers, { A: 'kubectl-set', B: 'eks', C: 'kubectl-set' });
  assert.deepEqual(managers, ['eks', 'kubectl-edit', 'kubectl-set']);
});
