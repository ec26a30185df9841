/** The steps that change aws-node without an add-on: by a patch, or by its owner. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { handlers } from '../../src/steps/index.ts';
import { createWorld } from '../support/fake-ports.ts';
import { sampleStep } from '../support/sample-plan.ts';
import { conflictOf, createStepRig } from './step-rig.ts';

describe('patch-vpc-cni', () => {
  const step = sampleStep('patch-vpc-cni');

  it('waits for the rollout, as the add-on does', async () => {
    const world = createWorld();
    const rig = createStepRig(world, step);
    await rig.act();
    assert.equal(world.daemonSet.env['WARM_IP_TARGET'], '5');
    assert.deepEqual(await rig.observe(), {
      ...(await rig.observe()),
      kind: 'in-progress',
      detail: 'the rollout of aws-node has not begun',
    });
    await world.clock.run(world.clock.sleep(60_000));
    assert.equal((await rig.observe()).kind, 'satisfied');
    world.awsNodePods['aws-node-2'] = {};
    const behind = await rig.observe();
    assert.equal(behind.kind === 'in-progress' ? behind.tooLate?.code : '', 'CNI.NOT_ROLLED_OUT');
  });

  it('leaves a value alone that is neither as before nor as wanted', async () => {
    const world = createWorld();
    world.daemonSet.env['WARM_IP_TARGET'] = '30';
    world.daemonSet.envManagers = { WARM_IP_TARGET: 'kubectl-set' };
    const rig = createStepRig(world, step);
    const { error } = conflictOf(await rig.observe());
    assert.equal(error.code, 'CNI.SETTING_CHANGED');
    assert.match(error.message, /WARM_IP_TARGET=30 by kubectl-set/);
    await rig.act();
    assert.equal(world.daemonSet.env['ENABLE_PREFIX_DELEGATION'], 'false', 'not even when it comes in between');
  });

  it('goes on where one variable is set already', async () => {
    const world = createWorld();
    world.daemonSet.env['ENABLE_PREFIX_DELEGATION'] = 'true';
    assert.equal((await createStepRig(world, step).finish()).kind, 'satisfied');
  });
});

describe('await-vpc-cni', () => {
  const step = sampleStep('await-vpc-cni');

  it('says once what has to be done, then waits with the exact change in view', async () => {
    const world = createWorld();
    const rig = createStepRig(world, step);
    assert.equal((await rig.observe()).kind, 'actionable');
    await rig.act();
    const observation = await rig.observe();
    assert.equal(observation.kind, 'in-progress');
    if (observation.kind !== 'in-progress') return;
    assert.equal(
      observation.detail,
      'Helm release kube-system/aws-vpc-cni has to set ENABLE_PREFIX_DELEGATION=true, WARM_PREFIX_TARGET=1 (now ENABLE_PREFIX_DELEGATION=false)',
    );
    assert.equal(observation.tooLate?.code, 'CNI.OWNER_DID_NOT_CHANGE');
    assert.equal(observation.tooLate.exitCode, 6);
    assert.deepEqual(observation.tooLate.nextActions.slice(0, 2), step.params.instructions);
    assert.deepEqual(world.writes(), []);
  });

  it('is done when the pods have it, not before', async () => {
    const world = createWorld();
    const rig = createStepRig(world, step);
    world.rollOut({ ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '1' });
    const observation = await rig.observe();
    assert.equal(observation.kind === 'in-progress' ? observation.tooLate?.code : '', 'CNI.NOT_ROLLED_OUT');
    await world.clock.run(world.clock.sleep(60_000));
    assert.equal((await rig.observe()).kind, 'satisfied');
  });

  it('has its own deadline and nothing to undo', () => {
    assert.equal(handlers['await-vpc-cni'].deadlineSeconds(step), 7200);
    assert.equal(handlers['await-vpc-cni'].undo(step), undefined);
  });
});
