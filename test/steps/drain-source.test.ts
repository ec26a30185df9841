import assert from 'node:assert/strict';
import test from 'node:test';
import { drainSource } from '../../src/steps/drain-source.ts';
import { createWorld } from '../support/fake-ports.ts';
import { sampleStep } from '../support/sample-plan.ts';
import { createStepRig } from './step-rig.ts';

const step = sampleStep('drain-source');

test('title, call, deadline and the missing inverse', () => {
  assert.equal(drainSource.title(step), `drain ${step.params.nodegroupNames.join(', ')}`);
  assert.match(drainSource.describeCall(step), /^POST \/api\/v1\/namespaces\/NAMESPACE\/pods\/POD\/eviction/);
  assert.ok(drainSource.deadlineSeconds(step) > step.params.timeoutSeconds, 'its own deadline explains more');
  assert.equal(drainSource.undo(step), undefined);
});

test('done when no evictable pod is left on a source node; DaemonSets, other nodes and gone nodes do not count', async () => {
  const world = createWorld();
  const rig = createStepRig(world, step);
  const sources = world.nodes.filter(({ nodegroupName }) => nodegroupName === 'apps').map(({ name }) => name);
  const onSources = world.pods.filter(
    (pod) => sources.includes(pod.nodeName ?? '') && pod.controller?.kind !== 'DaemonSet',
  );
  assert.ok(onSources.length > 0);
  const word = onSources.length === 1 ? 'pod' : 'pods';
  assert.deepEqual(await rig.observe(), {
    kind: 'actionable',
    detail: `${onSources.length} ${word} to move off apps`,
  });

  const all = world.pods;
  world.pods = all.filter((pod) => !onSources.includes(pod));
  assert.deepEqual(await rig.observe(), { kind: 'satisfied', detail: 'no evictable pod is left on apps' });

  world.pods = all;
  world.nodes = world.nodes.filter(({ name }) => !sources.includes(name));
  assert.equal((await rig.observe()).kind, 'satisfied');
});
