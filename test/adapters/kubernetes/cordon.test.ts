import assert from 'node:assert/strict';
import { test } from 'node:test';
import { healthy } from '../../../src/simulator/scenarios/healthy.ts';
import { createWorld } from '../../../src/simulator/world.ts';
import { portsOf } from '../../survey/ports-of.ts';
import { createBench } from '../virtual.ts';

const annotation = { key: 'prefix-migrate/cordoned-by', value: 'abababababab' };

test('cordons the node that it means: not one that is gone, nor another of its name', async () => {
  const world = createWorld(healthy);
  const bench = createBench(world.clock);
  const { kubernetes } = await portsOf(world, bench);
  const [node] = await bench.run(kubernetes.listNodes());
  assert.ok(node);
  const { name, uid } = node;
  const nodeNow = async () => (await bench.run(kubernetes.listNodes())).find((each) => each.name === name);

  assert.equal(await bench.run(kubernetes.cordon('ip-10-9-9-9', uid, annotation)), undefined);
  assert.equal(await bench.run(kubernetes.cordon(name, 'another', annotation)), undefined);
  assert.equal((await nodeNow())?.unschedulable, false);

  const cordoned = await bench.run(kubernetes.cordon(name, uid, annotation));
  assert.deepEqual([cordoned?.unschedulable, cordoned?.annotations[annotation.key]], [true, annotation.value]);
  assert.equal((await bench.run(kubernetes.uncordon(name, annotation.key)))?.unschedulable, false);
  assert.equal((await nodeNow())?.annotations[annotation.key], undefined);
});
