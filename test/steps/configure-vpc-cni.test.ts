import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createWorld } from '../support/fake-ports.ts';
import { sampleStep } from '../support/sample-plan.ts';
import { conflictOf, createStepRig } from './step-rig.ts';

const step = sampleStep('configure-vpc-cni');
const wanted = step.params.configurationValues;
const manualEdit = {
  code: 'ConfigurationConflict',
  message:
    'Conflicts found when trying to apply. Will not continue due to resolve conflicts mode. Conflicts: DaemonSet.apps aws-node - .spec.template.spec.containers[name="aws-node"].env[name="WARM_IP_TARGET"].value',
  resourceIds: [],
};

describe('configure-vpc-cni', () => {
  it('is not done before the DaemonSet has rolled and each pod runs with the new environment', async () => {
    const world = createWorld();
    const rig = createStepRig(world, step);
    await rig.act();
    const details: string[] = [];
    for (let round = 0; round < 20; round += 1) {
      const observation = await rig.observe();
      details.push(observation.kind === 'conflict' ? 'conflict' : observation.detail);
      if (observation.kind === 'satisfied') break;
      await world.clock.run(world.clock.sleep(10_000));
    }
    assert.deepEqual(
      [...new Set(details)],
      [
        'add-on vpc-cni is UPDATING',
        'the rollout of aws-node has not begun',
        'every aws-node pod runs with the new configuration',
      ],
    );
  });

  const behind: [string, (world: ReturnType<typeof createWorld>) => void, RegExp][] = [
    [
      'a value that never reached it',
      ({ daemonSet }) => (daemonSet.env = { WARM_PREFIX_TARGET: '1' }),
      /ENABLE_PREFIX_DELEGATION=\(not set\)/,
    ],
    [
      'a pod of before',
      ({ awsNodePods }) => (awsNodePods['aws-node-1'] = {}),
      /1 pods of aws-node run with the old environment, such as aws-node-1/,
    ],
    [
      'a node that is down',
      ({ daemonSet }) => (daemonSet.rollout.unavailable = 1),
      /2 of 2 pods updated, 1 unavailable/,
    ],
  ];
  for (const [name, change, detail] of behind) {
    it(`waits for: ${name}`, async () => {
      const world = createWorld();
      const rig = createStepRig(world, step);
      assert.equal((await rig.finish()).kind, 'satisfied');
      change(world);
      const observation = await rig.observe();
      assert.equal(observation.kind, 'in-progress');
      if (observation.kind !== 'in-progress') return;
      assert.match(observation.detail, detail);
      assert.equal(observation.tooLate?.code, 'CNI.NOT_ROLLED_OUT');
    });
  }

  it('the same values in another order or spacing are the same', async () => {
    const world = createWorld();
    assert.equal((await createStepRig(world, step).finish()).kind, 'satisfied');
    if (world.addon)
      world.addon.configurationValues = '{ "env": { "WARM_PREFIX_TARGET": "1", "ENABLE_PREFIX_DELEGATION": "true" } }';
    assert.equal((await createStepRig(world, step).observe()).kind, 'satisfied');
  });

  it('what somebody changed since the plan is left alone', async () => {
    const world = createWorld();
    if (world.addon) world.addon.configurationValues = '{"env":{"WARM_IP_TARGET":"5"}}';
    const { error } = conflictOf(await createStepRig(world, step).observe());
    assert.equal(error.code, 'CNI.CONFIG_CHANGED');
    assert.match(error.why, /"WARM_IP_TARGET":"5"/);
  });

  it('an edit by hand is named with who made it, and never overwritten', async () => {
    const world = createWorld();
    world.updateFailure = [manualEdit];
    world.daemonSet.envManagers = { WARM_IP_TARGET: 'kubectl-set' };
    const rig = createStepRig(world, step);
    const { error, tokenSpent } = conflictOf(await rig.finish());
    assert.equal(error.code, 'CNI.CONFIG_CONFLICT');
    assert.match(error.message, /WARM_IP_TARGET \(set by kubectl-set\) was set by hand/);
    assert.equal(
      error.nextActions[0],
      'take the edit back: kubectl -n kube-system set env daemonset/aws-node --containers aws-node WARM_IP_TARGET-',
    );
    assert.match(error.nextActions[1] ?? '', /--resolve-conflicts OVERWRITE/);
    assert.doesNotMatch(error.nextActions[1] ?? '', /#/);
    assert.equal(tokenSpent, true);
    const requests = world.calls.filter(({ name }) => name === 'eks.updateAddon').map(({ args }) => args[0]);
    assert.deepEqual(requests, [
      { clusterName: 'prod', addonName: 'vpc-cni', configurationValues: wanted, resolveConflicts: 'NONE' },
    ]);
  });

  const edits: [string, string, string][] = [
    ['one that the add-on sets', 'AWS_VPC_K8S_CNI_LOGLEVEL', 'AWS_VPC_K8S_CNI_LOGLEVEL=DEBUG'],
    ['one that the plan leaves as it was', 'WARM_PREFIX_TARGET', 'WARM_PREFIX_TARGET=1'],
    ['one that the plan changes, which can only be taken out', 'ENABLE_PREFIX_DELEGATION', 'ENABLE_PREFIX_DELEGATION-'],
    ['one that nothing is known of', 'FUTURE_SETTING', 'FUTURE_SETTING-'],
  ];
  for (const [what, variable, advised] of edits) {
    it(`an edit goes back to the value that it had: ${what}`, async () => {
      const world = createWorld();
      world.updateFailure = [{ ...manualEdit, message: manualEdit.message.replace('WARM_IP_TARGET', variable) }];
      const { error } = conflictOf(await createStepRig(world, step).finish());
      assert.equal(error.nextActions[0]?.split(' ').at(-1), advised);
    });
  }

  it('says what else EKS would overwrite', async () => {
    const world = createWorld();
    world.updateFailure = [manualEdit];
    const env = {
      HTTPS_PROXY: 'http://proxy',
      WARM_IP_TARGET: '5',
      ENABLE_PREFIX_DELEGATION: 'true',
      WARM_ENI_TARGET: '1',
    };
    Object.assign(world.daemonSet.env, env);
    world.daemonSet.envManagers = {
      HTTPS_PROXY: 'kubectl-set',
      WARM_IP_TARGET: 'kubectl-set',
      ENABLE_PREFIX_DELEGATION: 'kubectl-set',
      WARM_ENI_TARGET: 'eks',
    };
    const { error } = conflictOf(await createStepRig(world, step).finish());
    assert.match(
      error.nextActions[1] ?? '',
      /OVERWRITE .* {2}# may also take HTTPS_PROXY off aws-node, which others have set$/,
    );
  });

  it('asks again after a failed update of an earlier run', async () => {
    const world = createWorld();
    world.updateFailure = [{ code: 'AdmissionRequestDenied', message: 'a webhook says no', resourceIds: [] }];
    const first = createStepRig(world, step);
    const { error } = conflictOf(await first.finish());
    assert.match(error.message, /AdmissionRequestDenied: a webhook says no/);
    const next = createStepRig(world, step);
    assert.equal((await next.observe()).kind, 'actionable');
    await next.act('another token');
    assert.equal((await next.finish()).kind, 'satisfied');
  });
});
