import assert from 'node:assert/strict';
import test, { describe } from 'node:test';
import { drainSource } from '../../src/steps/drain-source.ts';
import { adapterError, createWorld, type World } from '../support/fake-ports.ts';
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

describe('empty nodes are ended (releaseNodes)', () => {
  const releasing = { ...step, params: { ...step.params, releaseNodes: true as const } };

  /** The two nodes of `apps` are cordoned by us and empty, but for what stays with a node. */
  function emptied(more: Partial<World['nodes'][number]> = {}) {
    const world = createWorld();
    const sources = world.nodes.filter(({ nodegroupName }) => nodegroupName === 'apps');
    for (const node of sources) Object.assign(node, { unschedulable: true, ...more });
    const names = sources.map(({ name }) => name);
    const staying = world.pods.filter(
      ({ nodeName, controller }) => !names.includes(nodeName ?? '') || controller?.kind === 'DaemonSet',
    );
    const moving = world.pods.filter((pod) => !staying.includes(pod));
    world.pods = staying;
    const rig = createStepRig(world, releasing);
    rig.state.runs.push({ runId: 'run', startedAt: '', endedAt: null, exitCode: null, paused: null });
    for (const { uid, name } of sources) rig.state.cordonedNodes[uid] = name;
    const ended = (): unknown[] =>
      world.calls.filter(({ name }) => name === 'autoScaling.terminateInstance').map(({ args }) => args[0]);
    return { world, sources, moving, rig, ended };
  }

  test('each once, the intent first', async () => {
    const { rig, sources, ended } = emptied();
    assert.deepEqual(await rig.observe(), { kind: 'actionable', detail: '2 empty nodes of apps to end' });
    await rig.act();
    assert.deepEqual(
      ended(),
      sources.map(({ instanceId }) => instanceId),
    );
    assert.deepEqual(
      rig.progress,
      sources.flatMap(({ name: node, uid, instanceId }) => [
        { kind: 'node-release-intent', node, uid, instanceId },
        { kind: 'node-release-outcome', node, uid, outcome: 'asked' },
      ]),
    );
    assert.equal((await rig.observe()).kind, 'satisfied');
  });

  test('none without the flag', async () => {
    const { world, ended } = emptied();
    assert.equal((await createStepRig(world, step).finish()).kind, 'satisfied');
    assert.deepEqual(ended(), []);
  });

  test('none that somebody else cordoned, that a person has opened, or that is no instance', async () => {
    const { rig, ended } = emptied();
    rig.state.cordonedNodes = {};
    assert.equal((await rig.observe()).kind, 'satisfied');
    await rig.act();
    for (const more of [{ unschedulable: false }, { instanceId: null }]) {
      const other = emptied(more);
      assert.equal((await other.rig.observe()).kind, 'satisfied', JSON.stringify(more));
      await other.rig.act();
      assert.deepEqual(other.ended(), []);
    }
    assert.deepEqual(ended(), []);
  });

  test('none that has pods when it is looked at right before, whatever the watch says', async () => {
    const { world, sources, moving, rig, ended } = emptied();
    const [busy, other] = sources;
    assert.ok(busy !== undefined && other !== undefined);
    const pod = moving.find(({ nodeName }) => nodeName === busy.name);
    assert.ok(pod);
    // the watch has been told of no pod there, and is not told of this one
    world.intercept = ({ name }) => {
      if (name === 'kubernetes.listPods' && !world.pods.includes(pod)) world.pods.push(pod);
    };
    await rig.act();
    assert.deepEqual(ended(), [other.instanceId]);
  });

  test('one that Auto Scaling keeps stays, and the run goes on', async () => {
    const { world, sources, rig, ended } = emptied();
    world.autoScalingGroups.push({
      name: 'eks-asg',
      desiredCapacity: 2,
      minSize: 1,
      maxSize: 2,
      instanceIds: sources.flatMap(({ instanceId }) => instanceId ?? []),
      suspendedProcesses: [],
    });
    assert.equal((await rig.finish()).kind, 'satisfied');
    assert.equal(ended().length, 2);
    assert.deepEqual(
      rig.progress.flatMap((one) => (one.kind === 'node-release-outcome' ? [[one.outcome, one.detail]] : [])),
      [
        ['asked', undefined],
        [
          'refused',
          `Auto Scaling refused TerminateInstanceInAutoScalingGroup on instance ${sources[1]?.instanceId}. desiredSize equals minSize`,
        ],
      ],
    );
  });

  test('without the right it asks once in a run, says so once, and goes on; the next run may have it', async () => {
    const { world, rig, ended } = emptied();
    world.intercept = ({ name }) => {
      if (name === 'autoScaling.terminateInstance') throw adapterError('AWS.ACCESS_DENIED', false);
    };
    assert.equal((await rig.finish()).kind, 'satisfied');
    assert.equal(ended().length, 1);
    assert.equal(rig.progress.filter((one) => one.kind === 'node-release-outcome').length, 1);
    world.intercept = () => undefined;
    rig.state.runs.push({ runId: 'next', startedAt: '', endedAt: null, exitCode: null, paused: null });
    assert.deepEqual(await rig.observe(), { kind: 'actionable', detail: '2 empty nodes of apps to end' });
  });

  test('without credentials nobody was asked: that stops the step', async () => {
    const { world, rig } = emptied();
    world.intercept = ({ name }) => {
      if (name === 'autoScaling.terminateInstance') throw adapterError('AWS.EXPIRED_CREDENTIALS', false);
    };
    await assert.rejects(rig.act(), { code: 'AWS.EXPIRED_CREDENTIALS' });
    assert.deepEqual(
      rig.progress.map(({ kind }) => kind),
      ['node-release-intent'],
    );
  });

  test('an intent without an answer is asked for again', async () => {
    const { sources, rig } = emptied();
    for (const { uid, name: node } of sources)
      rig.state.releasedNodes[uid] = { node, outcome: 'intent', runId: 'before' };
    assert.equal((await rig.observe()).kind, 'actionable');
    await rig.act();
    assert.equal((await rig.observe()).kind, 'satisfied');
  });
});
