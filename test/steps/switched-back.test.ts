import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { adapterError, createWorld, type World } from '../support/fake-ports.ts';
import { sampleStep } from '../support/sample-plan.ts';
import { conflictOf, createStepRig } from './step-rig.ts';

const create = sampleStep('create-nodegroup');
const verify = sampleStep('verify-replacement');

function withTemplate(): World {
  const world = createWorld();
  const { launchTemplateName, tags } = create.params;
  const template = { launchTemplateId: 'lt-1', launchTemplateName, latestVersion: '1', tags, userData: 'NodeConfig' };
  world.launchTemplates.set(launchTemplateName, template);
  return world;
}

function switchOff(world: World, by?: string): void {
  world.daemonSet.env['ENABLE_PREFIX_DELEGATION'] = 'false';
  if (by !== undefined) world.daemonSet.envManagers['ENABLE_PREFIX_DELEGATION'] = by;
}

describe('prefix delegation was switched off again', () => {
  it('no node group is created, and the way back is told; when it is on again, it goes on', async () => {
    const world = withTemplate();
    const rig = createStepRig(world, create);
    switchOff(world, 'kubectl-set');
    assert.ok(world.addon);
    world.addon.configurationValues = '{"env":{"ENABLE_PREFIX_DELEGATION":"true"}}';
    const { error, tokenSpent } = conflictOf(await rig.observe());
    assert.equal(error.code, 'CNI.SWITCHED_BACK');
    assert.equal(tokenSpent, undefined);
    assert.match(error.message, /has ENABLE_PREFIX_DELEGATION=false, set by kubectl-set:/);
    assert.match(error.nextActions[0] ?? '', /^kubectl -n kube-system set env daemonset\/aws-node .*DELEGATION=true/);
    assert.deepEqual(world.writes(), []);
    world.daemonSet.env['ENABLE_PREFIX_DELEGATION'] = 'true';
    assert.equal((await rig.finish()).kind, 'satisfied');
  });

  it('where the add-on has lost it, that is where it has to be put back', async () => {
    const world = withTemplate();
    const rig = createStepRig(world, create);
    switchOff(world, 'eks');
    const { error } = conflictOf(await rig.observe());
    assert.match(error.nextActions[0] ?? '', /^aws eks describe-addon --cluster-name prod --addon-name vpc-cni /);
  });

  it('what cannot be seen is no reason to stop', async () => {
    const world = withTemplate();
    const rig = createStepRig(world, create);
    switchOff(world);
    world.intercept = ({ name }) => {
      if (/getDaemonSet/.test(name)) throw adapterError('KUBERNETES.FORBIDDEN', false);
    };
    assert.equal((await rig.observe()).kind, 'actionable');
  });

  it('a node that is not verified yet is not waited for; one that has prefixes passes', async () => {
    const world = createWorld();
    world.newNodes.daemonSetPod = false;
    world.addNode(verify.params.nodegroupName);
    const rig = createStepRig(world, verify);
    switchOff(world, 'argocd-controller');
    const { error } = conflictOf(await rig.observe());
    assert.equal(error.code, 'CNI.SWITCHED_BACK');
    assert.match(error.message, /set by argocd-controller/);
    world.newNodes.daemonSetPod = true;
    world.addNode(verify.params.nodegroupName);
    assert.equal((await rig.observe()).kind, 'actionable');
  });
});
