import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createKubernetesPort } from '../../../src/adapters/kubernetes/kubernetes-port.ts';
import { healthy } from '../../../src/simulator/scenarios/healthy.ts';
import type { SimRequest, SimResponse } from '../../../src/simulator/types.ts';
import { createWorld } from '../../../src/simulator/world.ts';
import { portsOf } from '../../survey/ports-of.ts';
import { createBench, testCluster } from '../virtual.ts';

const restartedAt = 'kubectl.kubernetes.io/restartedAt';
const [earlier, at, later] = ['2026-01-01T09:59:59Z', '2026-01-01T10:00:00Z', '2026-01-01T11:00:00+01:00'];

interface Deployment {
  metadata: { resourceVersion: string };
  spec: { paused?: boolean; template: { metadata: { annotations?: Record<string, string> } | null } };
}

const status = (code: number): SimResponse => ({
  status: code,
  headers: {},
  body: JSON.stringify({ kind: 'Status', code, message: `HTTP ${code}` }),
});

/** An API server with one Deployment, `shop/cart`, or none; `conflicts` patches are refused as overtaken. */
async function restarted(deployment: Deployment | undefined, conflicts = 0) {
  const bench = createBench();
  const patches: SimRequest[] = [];
  let refusals = conflicts;
  const kubernetes = await createKubernetesPort({
    clock: bench.clock,
    cluster: testCluster,
    dispatcher: bench.dispatcher((request) => {
      const [path] = request.path.split('?');
      if (deployment === undefined || path !== '/apis/apps/v1/namespaces/shop/deployments/cart') return status(404);
      if (request.method === 'PATCH') patches.push(request);
      if (request.method === 'PATCH' && refusals > 0) {
        refusals -= 1;
        return status(409);
      }
      return { status: 200, headers: {}, body: JSON.stringify(deployment) };
    }),
    random: () => 0.5,
  });
  return { outcome: await bench.run(kubernetes.restartDeployment('shop', 'cart', at)), patches };
}

const deployment = (annotations?: Record<string, string>): Deployment => ({
  metadata: { resourceVersion: '7' },
  spec: { template: { metadata: annotations === undefined ? null : { annotations } } },
});

test('rolls over once, as kubectl does', async () => {
  const { outcome, patches } = await restarted(deployment());
  assert.equal(outcome, 'done');
  assert.deepEqual(
    patches.map(({ body }): unknown => JSON.parse(body)),
    [
      {
        metadata: { resourceVersion: '7' },
        spec: { template: { metadata: { annotations: { [restartedAt]: at } } } },
      },
    ],
  );
});

test('does nothing when it was rolled over since', async () => {
  for (const [last, patches] of [
    [earlier, 1],
    [at, 0],
    [later, 0],
    ['2026-01-01T12:00:00Z', 0],
    ['yesterday', 1],
  ] as const) {
    const result = await restarted(deployment({ [restartedAt]: last }));
    assert.deepEqual([result.outcome, result.patches.length], ['done', patches], last);
  }
});

test('looks again when somebody else changed it, but not for ever', async () => {
  const { outcome, patches } = await restarted(deployment(), 2);
  assert.deepEqual([outcome, patches.length], ['done', 3]);
  await assert.rejects(restarted(deployment(), 99), { code: 'KUBERNETES.REFUSED' });
});

test('a Deployment that is gone, and one that is paused', async () => {
  assert.deepEqual((await restarted(undefined)).outcome, 'gone');
  const paused = deployment();
  paused.spec.paused = true;
  await assert.rejects(restarted(paused), {
    code: 'KUBERNETES.PAUSED',
    nextActions: ['kubectl rollout resume deployment/cart -n shop', 'run the same command again'],
  });
});

test('annotates the node that it means, and takes annotations away', async () => {
  const world = createWorld(healthy);
  const bench = createBench(world.clock);
  const { kubernetes } = await portsOf(world, bench);
  const key = 'cluster-autoscaler.kubernetes.io/scale-down-disabled';
  const [node] = await bench.run(kubernetes.listNodes());
  const { name, uid } = node ?? assert.fail();
  const annotate = async (toUid: string, value: string | null) =>
    (await bench.run(kubernetes.annotateNode(name, toUid, { [key]: value })))?.annotations[key];
  assert.equal(await annotate(uid, 'true'), 'true');
  assert.equal(await annotate('another', 'false'), undefined);
  const [now] = await bench.run(kubernetes.listNodes());
  assert.deepEqual([now?.annotations[key], now?.unschedulable], ['true', false]);
  assert.equal(await annotate(uid, null), undefined);
  assert.equal(await bench.run(kubernetes.annotateNode('ip-10-9-9-9', uid, { [key]: 'true' })), undefined);
});
