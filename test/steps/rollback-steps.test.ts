/** Steps that take back what others did: only what is ours, and only when nothing is lost by it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AnyStep, StepKind } from '../../src/domain/plan.ts';
import { handlers } from '../../src/steps/index.ts';
import type { StepHandler } from '../../src/steps/step-handler.ts';
import { adapterError, createWorld, startTime, type World } from '../support/fake-ports.ts';
import { sampleStep } from '../support/sample-plan.ts';
import { conflictOf, createStepRig, type StepRig } from './step-rig.ts';

const replacement = 'apps-pd-7f3a9c21';
const tags = { 'prefix-migrate/plan': '7f3a9c21' };
const mark = 'prefix-migrate/cordoned-by';
const ours = 'abababababab';

/** What a run of `step` leaves in the world and in the journal, and then its inverse. */
function inverseAfter(step: AnyStep, done: StepRig | null, world: World): StepRig {
  const handler: StepHandler<StepKind> = handlers[step.kind];
  const inverse = handler.undo(step);
  assert.ok(inverse);
  const rig = createStepRig(world, inverse);
  const before = done?.state.steps[step.id];
  if (before) Object.assign(rig.state.steps, { [step.id]: before });
  return rig;
}

const detailOf = async (rig: StepRig): Promise<string> => {
  const observation = await rig.observe();
  assert.notEqual(observation.kind, 'conflict');
  return observation.kind === 'conflict' ? '' : `${observation.kind}: ${observation.detail}`;
};

function addReplacement(world: World, { status = 'ACTIVE', nodes = 1, cordoned = true } = {}): void {
  const apps = world.nodegroups.get('apps');
  assert.ok(apps);
  world.nodegroups.set(replacement, { ...structuredClone(apps), nodegroupName: replacement, tags, status });
  world.newNodes.daemonSetPod = false;
  for (let count = 0; count < nodes; count += 1) world.addNode(replacement, { unschedulable: cordoned });
}

const rigOf = (kind: StepKind, world: World): StepRig => createStepRig(world, sampleStep(kind));

const requests = (world: World): unknown[] =>
  world.calls.filter(({ name }) => name === 'eks.updateNodegroupScaling').map(({ args }) => args[2]);

const deletions = (world: World): number => world.calls.filter(({ name }) => name === 'eks.deleteNodegroup').length;

const addTemplate = (world: World, own: Record<string, string>): void =>
  void world.launchTemplates.set(replacement, {
    launchTemplateId: 'lt-9',
    launchTemplateName: replacement,
    latestVersion: '1',
    tags: own,
    userData: '',
  });
const useIt = (world: World, nodegroupName: string, status: string): void => {
  const apps = world.nodegroups.get('apps');
  assert.ok(apps);
  const launchTemplate = { id: 'lt-9', version: '1', name: replacement };
  world.nodegroups.set(nodegroupName, { ...structuredClone(apps), nodegroupName, status, launchTemplate });
};

const setConfiguration = (world: World, values: string | null): void =>
  void Object.assign(world.addon ?? {}, { configurationValues: values });

describe('uncordon-source', () => {
  it('opens what we cordoned, by mark or by journal, and nothing else', async () => {
    const world = createWorld();
    const cordon = (annotations: Record<string, string>) => world.addNode('apps', { unschedulable: true, annotations });
    const [marked, unmarked, theirs, anotherPlans] = [
      cordon({ [mark]: ours }),
      cordon({}),
      cordon({}),
      cordon({ [mark]: 'another-plan' }),
    ];
    const rig = rigOf('uncordon-source', world);
    for (const { uid, name } of [unmarked, anotherPlans]) rig.state.cordonedNodes[uid] = name;
    assert.deepEqual(await rig.finish(), {
      kind: 'satisfied',
      detail: `no node of apps is cordoned by this plan; ${theirs.name}, ${anotherPlans.name} stays cordoned, which somebody else did`,
    });
    assert.deepEqual(
      [marked, unmarked, theirs, anotherPlans].map(({ unschedulable, annotations }) => [
        unschedulable,
        annotations[mark],
      ]),
      [
        [false, undefined],
        [false, undefined],
        [true, undefined],
        [true, 'another-plan'],
      ],
    );
  });

  it('a node that somebody opened only loses our mark', async () => {
    const world = createWorld();
    const node = world.addNode('apps', { annotations: { [mark]: ours, note: 'kept' } });
    assert.equal((await rigOf('uncordon-source', world).finish()).kind, 'satisfied');
    assert.deepEqual([node.unschedulable, node.annotations], [false, { note: 'kept' }]);
    assert.deepEqual(world.writes(), ['kubernetes.annotateNode']);
  });
});

describe('scale-source', () => {
  it('leaves a source alone that is as large as it was, or larger', async () => {
    const world = createWorld();
    world.addNode('apps');
    Object.assign(world.nodegroups.get('apps')?.scaling ?? {}, { desiredSize: 3 });
    assert.deepEqual(await rigOf('scale-source', world).finish(), {
      kind: 'satisfied',
      detail: '3 of 2 nodes of apps are Ready',
    });
    assert.deepEqual(world.writes(), []);
  });

  it('raises the size, and the maximum only where that is too low', async () => {
    for (const [maxSize, request] of [
      [4, { desiredSize: 2 }],
      [1, { desiredSize: 2, maxSize: 2 }],
    ] as const) {
      const world = createWorld();
      world.nodes = [];
      Object.assign(world.nodegroups.get('apps')?.scaling ?? {}, { minSize: 0, desiredSize: 0, maxSize });
      world.newNodes.daemonSetPod = false;
      assert.equal((await rigOf('scale-source', world).finish()).kind, 'satisfied');
      assert.deepEqual(requests(world), [request]);
    }
  });

  it('believes the Auto Scaling group, which an autoscaler has changed behind the back of EKS', async () => {
    const world = createWorld();
    const group = { name: 'eks-asg', minSize: 0, maxSize: 4, instanceIds: [], suspendedProcesses: [] };
    world.autoScalingGroups.push({ ...group, desiredCapacity: 1 });
    assert.match(
      await detailOf(rigOf('scale-source', world)),
      /^actionable: node group apps has size 1, and 2 nodes are wanted/,
    );
  });

  it('says what takes the size back', async () => {
    const world = createWorld();
    Object.assign(world.nodegroups.get('apps')?.scaling ?? {}, { desiredSize: 1 });
    const rig = rigOf('scale-source', world);
    await rig.act();
    await world.clock.run(world.clock.sleep(60_000));
    Object.assign(world.nodegroups.get('apps')?.scaling ?? {}, { desiredSize: 1 });
    const observation = await rig.observe();
    assert.ok(observation.kind === 'actionable');
    assert.equal(observation.takenBack?.code, 'NODEGROUP.SIZE_TAKEN_BACK');
  });

  it('an update that EKS could not do stops, and the next run asks with a new token', async () => {
    const world = createWorld();
    Object.assign(world.nodegroups.get('apps')?.scaling ?? {}, { desiredSize: 1 });
    const rig = rigOf('scale-source', world);
    await rig.act();
    for (const update of world.updates.values()) {
      Object.assign(update, { status: 'Failed', errors: [{ code: 'AsgLimit', message: 'no more', resourceIds: [] }] });
    }
    Object.assign(world.nodegroups.get('apps') ?? {}, { status: 'ACTIVE' });
    const { error, tokenSpent } = conflictOf(await rig.observe());
    assert.deepEqual([error.code, tokenSpent], ['NODEGROUP.SCALING_FAILED', true]);
    assert.match(error.message, /AsgLimit: no more/);
  });

  it('names the nodes that do not come up', async () => {
    const world = createWorld();
    const [node] = world.nodes;
    assert.ok(node);
    node.ready = false;
    const error = await handlers['scale-source'].explainDeadline?.(sampleStep('scale-source'), world.ports);
    assert.equal(error?.code, 'NODEGROUP.NOT_READY');
    assert.ok(error?.nextActions.includes(`kubectl describe node ${node.name}`));
  });

  for (const [name, code, change] of [
    ['gone', 'ROLLBACK.SOURCE_GONE', (world: World) => world.nodegroups.delete('apps')],
    [
      'DELETING',
      'ROLLBACK.TOO_LATE',
      (world: World) => Object.assign(world.nodegroups.get('apps') ?? {}, { status: 'DELETING' }),
    ],
  ] as const) {
    it(`a source that is ${name} takes no pods back`, async () => {
      const world = createWorld();
      change(world);
      const { error } = conflictOf(await rigOf('scale-source', world).observe());
      assert.equal(error.code, code);
      assert.match(error.nextActions[0] ?? '', /kubectl uncordon -l eks.amazonaws.com\/nodegroup=apps-pd-7f3a9c21$/);
    });
  }
});

describe('delete-replacement', () => {
  for (const status of ['ACTIVE', 'DEGRADED', 'CREATE_FAILED']) {
    it(`deletes one that is ${status}`, async () => {
      const world = createWorld();
      addReplacement(world, { status });
      assert.equal((await rigOf('delete-replacement', world).finish()).kind, 'satisfied');
      assert.equal(deletions(world), 1);
      assert.deepEqual([...world.nodegroups.keys()], ['apps']);
    });
  }

  it('waits while EKS changes it, and cordons nodes that come meanwhile', async () => {
    const world = createWorld();
    addReplacement(world, { status: 'CREATING', nodes: 0 });
    world.clock.after(60_000, () => world.addNode(replacement));
    world.clock.after(90_000, () => Object.assign(world.nodegroups.get(replacement) ?? {}, { status: 'ACTIVE' }));
    const rig = rigOf('delete-replacement', world);
    assert.equal(await detailOf(rig), `in-progress: node group ${replacement} is CREATING`);
    assert.equal((await rig.finish()).kind, 'satisfied');
    assert.deepEqual(world.writes(), ['kubernetes.cordon', 'eks.deleteNodegroup']);
  });

  it('refuses while a pod is there that has to move', async () => {
    const world = createWorld();
    addReplacement(world);
    world.addPod({ name: 'late', nodeName: world.nodes.at(-1)?.name ?? '' });
    assert.equal(conflictOf(await rigOf('delete-replacement', world).finish()).error.code, 'DELETE.PODS_LEFT');
    assert.equal(deletions(world), 0);
  });

  it('drains pods that came late, where it is told how', async () => {
    const world = createWorld();
    addReplacement(world, { cordoned: false });
    const late = world.addPod({ name: 'late', nodeName: world.nodes.at(-1)?.name ?? '' });
    const step = sampleStep('delete-replacement');
    const drain = { ...sampleStep('drain-source').params, nodegroupNames: [replacement], replacementNames: ['apps'] };
    const rig = createStepRig(world, { ...step, params: { ...step.params, drain } });
    assert.equal((await rig.finish()).kind, 'satisfied');
    assert.deepEqual(world.writes(), ['kubernetes.cordon', 'kubernetes.evict', 'eks.deleteNodegroup']);
    assert.deepEqual(
      rig.progress.flatMap((each) => (each.kind === 'eviction-intent' ? [each.uid] : [])),
      [late.uid],
    );
  });

  it('looks once more right before', async () => {
    const world = createWorld();
    addReplacement(world);
    const rig = rigOf('delete-replacement', world);
    assert.equal((await rig.observe()).kind, 'actionable');
    world.addPod({ name: 'late', nodeName: world.nodes.at(-1)?.name ?? '' });
    await assert.rejects(rig.act(), { code: 'DELETE.PODS_LEFT' });
    assert.equal(deletions(world), 0);
  });

  it('refuses while a node takes pods that somebody opened', async () => {
    const world = createWorld();
    addReplacement(world);
    const [node] = world.nodes.slice(-1);
    assert.ok(node);
    node.unschedulable = false;
    const rig = rigOf('delete-replacement', world);
    rig.state.cordonedNodes[node.uid] = node.name;
    assert.equal(conflictOf(await rig.observe()).error.code, 'DELETE.NODE_SCHEDULABLE');
  });

  it('a group of that name that others made stays', async () => {
    const world = createWorld();
    addReplacement(world);
    Object.assign(world.nodegroups.get(replacement) ?? {}, { tags: {} });
    assert.equal(
      await detailOf(rigOf('delete-replacement', world)),
      `satisfied: node group ${replacement} was not made by this plan: it stays`,
    );
  });

  it('what was never made is nothing to delete', async () => {
    assert.equal(
      await detailOf(rigOf('delete-replacement', createWorld())),
      `satisfied: node group ${replacement} is not there`,
    );
  });

  it('what was asked for right before the rollback is given time to show', async () => {
    const world = createWorld();
    const rig = rigOf('delete-replacement', world);
    const made = rig.state.steps['create-nodegroup/apps'];
    assert.ok(made);
    Object.assign(made, { status: 'started', token: 'token' });
    rig.state.rollback = { kept: [], startedAt: new Date(startTime).toISOString() };
    assert.match(await detailOf(rig), /^in-progress: .* may still come into sight$/);
    await world.clock.run(world.clock.sleep(60_000));
    assert.equal(await detailOf(rig), `satisfied: node group ${replacement} is gone`);
  });

  it('what the rollback has seen and deleted is gone at once', async () => {
    const world = createWorld();
    addReplacement(world, { status: 'CREATE_FAILED' });
    const rig = rigOf('delete-replacement', world);
    const made = rig.state.steps['create-nodegroup/apps'];
    assert.ok(made);
    Object.assign(made, { status: 'started', token: 'token' });
    rig.state.rollback = { kept: [], startedAt: new Date(startTime).toISOString() };
    await rig.act();
    world.nodegroups.delete(replacement);
    world.nodes = world.nodes.filter(({ nodegroupName }) => nodegroupName !== replacement);
    assert.equal(await detailOf(rig), `satisfied: node group ${replacement} is gone`);
  });

  it('says what went wrong with a deletion', async () => {
    const world = createWorld();
    addReplacement(world, { status: 'DELETE_FAILED' });
    assert.equal(conflictOf(await rigOf('delete-replacement', world).observe()).error.code, 'DELETE.FAILED');
  });
});

describe('delete-launch-template', () => {
  it('refuses while a node group uses it, whosever that is', async () => {
    const world = createWorld();
    addTemplate(world, tags);
    useIt(world, 'theirs', 'ACTIVE');
    const { error } = conflictOf(await rigOf('delete-launch-template', world).observe());
    assert.equal(error.code, 'TEMPLATE.IN_USE');
    assert.match(error.message, /node group theirs uses it/);
  });

  it('waits for a node group that is on its way out', async () => {
    const world = createWorld();
    addTemplate(world, tags);
    useIt(world, replacement, 'DELETING');
    assert.match(await detailOf(rigOf('delete-launch-template', world)), /^in-progress: .*DELETING$/);
  });

  it('asks for the one that it was made for where node groups may not be listed', async () => {
    const world = createWorld();
    addTemplate(world, tags);
    useIt(world, replacement, 'ACTIVE');
    world.intercept = ({ name }) => {
      if (name === 'eks.listNodegroups') throw adapterError('AWS.ACCESS_DENIED', false);
    };
    assert.equal(conflictOf(await rigOf('delete-launch-template', world).observe()).error.code, 'TEMPLATE.IN_USE');
  });

  it('is not done where it may not be deleted, and asks again the next time', async () => {
    const world = createWorld();
    addTemplate(world, tags);
    let refused = true;
    world.intercept = ({ name }) => {
      if (refused && name === 'ec2.deleteLaunchTemplate') throw adapterError('AWS.ACCESS_DENIED', false);
    };
    await assert.rejects(rigOf('delete-launch-template', world).finish(), { code: 'AWS.ACCESS_DENIED' });
    refused = false;
    assert.deepEqual(await rigOf('delete-launch-template', world).finish(), {
      kind: 'satisfied',
      detail: `launch template ${replacement} is not there`,
    });
  });

  it('one of that name that others made stays', async () => {
    const world = createWorld();
    addTemplate(world, {});
    assert.equal(
      await detailOf(rigOf('delete-launch-template', world)),
      `satisfied: launch template ${replacement} was not made by this plan: it stays`,
    );
  });
});

describe('undo of configure-vpc-cni', () => {
  const step = sampleStep('configure-vpc-cni');

  async function afterSwitch(change: (world: World) => void): Promise<{ world: World; rig: StepRig }> {
    const world = createWorld();
    const done = createStepRig(world, step);
    assert.equal((await done.finish()).kind, 'satisfied');
    world.calls.length = 0;
    change(world);
    return { world, rig: inverseAfter(step, done, world) };
  }

  it('does nothing where the plan never acted', async () => {
    const world = createWorld();
    setConfiguration(world, step.params.configurationValues);
    assert.equal(
      await detailOf(inverseAfter(step, null, world)),
      'satisfied: add-on vpc-cni was not changed by this plan',
    );
  });

  it('does nothing where the change never took effect', async () => {
    const { rig } = await afterSwitch((world) => setConfiguration(world, null));
    assert.equal(await detailOf(rig), 'satisfied: add-on vpc-cni has the configuration that it had: none');
  });

  it('leaves what somebody else has configured since, and says it', async () => {
    const { world, rig } = await afterSwitch((there) => setConfiguration(there, '{"env":{"WARM_IP_TARGET":"5"}}'));
    assert.match(
      await detailOf(rig),
      /^satisfied: somebody else has changed .*it stays so \(\{"env":\{"WARM_IP_TARGET":"5"\}\}\); before the plan it was not set$/,
    );
    assert.deepEqual(world.writes(), []);
  });

  it('takes its own out of a configuration that somebody else has added to', async () => {
    const { world, rig } = await afterSwitch((there) => {
      const { env, ...rest } = JSON.parse(step.params.configurationValues);
      setConfiguration(there, JSON.stringify({ ...rest, env: { ...env, WARM_IP_TARGET: '5' }, tolerations: [] }));
    });
    const end = await rig.finish();
    assert.match('detail' in end ? end.detail : end.error.message, /^somebody else has changed .*it stays so/);
    assert.deepEqual(JSON.parse(world.addon?.configurationValues ?? ''), {
      tolerations: [],
      env: { WARM_IP_TARGET: '5' },
    });
  });

  it('leaves an add-on alone that is not there any more', async () => {
    const { rig } = await afterSwitch((world) => void Object.assign(world, { addon: undefined }));
    assert.match(await detailOf(rig), /^satisfied: cluster prod has no EKS add-on vpc-cni any more/);
  });

  it('waits for an update of the plan that is under way', async () => {
    const { rig } = await afterSwitch((world) => {
      setConfiguration(world, null);
      for (const update of world.updates.values()) update.status = 'InProgress';
    });
    assert.match(
      await detailOf(rig),
      /^in-progress: update update-\d+ of add-on vpc-cni of this plan is still InProgress$/,
    );
  });

  it('is not done before every pod runs with the old settings', async () => {
    const { world, rig } = await afterSwitch(() => undefined);
    assert.equal((await rig.finish()).kind, 'satisfied');
    world.awsNodePods['aws-node-1'] = { ENABLE_PREFIX_DELEGATION: 'true' };
    assert.match(await detailOf(rig), /^in-progress: 1 pods of aws-node run with the old environment/);
  });

  for (const [name, found, said] of [
    ['taken out', null, 'WARM_PREFIX_TARGET (now not set, before the plan 1)'],
    ['changed', '5', 'WARM_PREFIX_TARGET (now 5, before the plan 1)'],
  ] as const) {
    it(`does not wait for a variable that somebody has ${name}, and names it`, async () => {
      const { world, rig } = await afterSwitch(() => undefined);
      assert.equal((await rig.finish()).kind, 'satisfied');
      world.rollOut({ ...world.daemonSet.env, WARM_PREFIX_TARGET: found });
      await world.clock.run(world.clock.sleep(120_000));
      assert.match(await detailOf(rig), new RegExp(`^satisfied: .*${said.replaceAll(/[()]/g, '.')}.*left to them`));
      world.rollOut({ ...world.daemonSet.env, ENABLE_PREFIX_DELEGATION: 'true' });
      assert.match(await detailOf(rig), /^in-progress: DaemonSet aws-node has ENABLE_PREFIX_DELEGATION=true$/);
    });
  }

  it('an edit by hand is named, and nobody is sent to make a new plan', async () => {
    const { world, rig } = await afterSwitch(() => undefined);
    const field = '.spec.template.spec.containers[name="aws-node"].env[name="WARM_IP_TARGET"].value';
    world.updateFailure = [{ code: 'ConfigurationConflict', message: `Conflicts: ${field}`, resourceIds: [] }];
    const { error } = conflictOf(await rig.finish());
    assert.equal(error.code, 'CNI.CONFIG_CONFLICT');
    assert.doesNotMatch(error.nextActions.join('\n'), /plan|apply/);
    assert.match(error.nextActions[1] ?? '', /--resolve-conflicts PRESERVE --configuration-values '\{\}'$/);
    assert.match(
      error.nextActions[2] ?? '',
      /--resolve-conflicts OVERWRITE --configuration-values '\{\}' {2}# may also take variables off aws-node/,
    );
  });
});

describe('undo of patch-vpc-cni', () => {
  const step = sampleStep('patch-vpc-cni');

  it('gives back what is still ours, and leaves and names the rest', async () => {
    const world = createWorld();
    const done = createStepRig(world, step);
    assert.equal((await done.finish()).kind, 'satisfied');
    world.daemonSet.env['WARM_IP_TARGET'] = '9';
    world.daemonSet.envManagers = { WARM_IP_TARGET: 'kubectl-set' };
    assert.deepEqual(await inverseAfter(step, done, world).finish(), {
      kind: 'satisfied',
      detail:
        'DaemonSet aws-node has the settings that it had; somebody else has changed WARM_IP_TARGET=9 by kubectl-set since: it stays so',
    });
    assert.deepEqual(
      [world.daemonSet.env['ENABLE_PREFIX_DELEGATION'], world.daemonSet.env['WARM_IP_TARGET']],
      ['false', '9'],
    );
  });

  it('does nothing where the plan never acted', async () => {
    const world = createWorld();
    assert.equal(
      await detailOf(inverseAfter(step, null, world)),
      'satisfied: DaemonSet aws-node was not changed by this plan',
    );
  });
});

describe('cleanup of a rollback', () => {
  it('removes canaries and says what stays', async () => {
    const world = createWorld();
    const step = sampleStep('cleanup');
    const rig = createStepRig(world, { ...step, params: { ...step.params, stays: ['node group a', 'the range b'] } });
    assert.equal(await detailOf(rig), 'satisfied: no canary pod is left; stays: node group a; stays: the range b');
  });
});
