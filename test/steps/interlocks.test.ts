/** What holds autoscalers back, and gives back exactly what was there. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AutoScalingGroup, Scaling } from '../../src/domain/snapshot.ts';
import { handlers } from '../../src/steps/index.ts';
import { adapterError, createWorld, type World } from '../support/fake-ports.ts';
import { sampleStep } from '../support/sample-plan.ts';
import { createStepRig } from './step-rig.ts';

const replacement = 'apps-pd-7f3a9c21';
const disabled = 'cluster-autoscaler.kubernetes.io/scale-down-disabled';
const mark = 'prefix-migrate/scale-down-disabled';

describe('protect-replacement', () => {
  const step = sampleStep('protect-replacement');

  it('protects each node as soon as it is there, and is done when all are', async () => {
    const world = createWorld();
    world.addNode(replacement);
    world.clock.after(600_000, () => world.addNode(replacement));
    const rig = createStepRig(world, step);
    await rig.act();
    assert.deepEqual(await rig.observe(), {
      kind: 'in-progress',
      detail: `1 of 2 nodes of ${replacement} are there and protected from scale-down`,
    });
    assert.equal((await rig.finish()).kind, 'satisfied');
    for (const { nodegroupName, annotations } of world.nodes) {
      assert.equal(annotations[disabled], nodegroupName === replacement ? 'true' : undefined);
    }
  });

  it('only what it put on comes off again', async () => {
    const world = createWorld();
    const theirs = world.addNode(replacement, { annotations: { [disabled]: 'true', note: 'kept' } });
    const allowed = world.addNode(replacement, { annotations: { [disabled]: 'false' } });
    const plain = world.addNode(replacement, { annotations: { note: 'kept' } });
    const other = world.addNode(replacement, { annotations: { [disabled]: 'true', [mark]: 'another-plan' } });
    assert.equal((await createStepRig(world, step).finish()).kind, 'satisfied');
    assert.deepEqual(
      [theirs, allowed, plain, other].map(({ annotations }) => [annotations[disabled], annotations[mark]]),
      [
        ['true', undefined],
        ['true', 'abababababab/false'],
        ['true', 'abababababab'],
        ['true', 'another-plan'],
      ],
    );
    assert.equal((await createStepRig(world, sampleStep('unprotect-replacement')).finish()).kind, 'satisfied');
    assert.deepEqual(
      [theirs, allowed, plain, other].map(({ annotations }) => annotations),
      [
        { [disabled]: 'true', note: 'kept' },
        { [disabled]: 'false' },
        { note: 'kept' },
        { [disabled]: 'true', [mark]: 'another-plan' },
      ],
    );
  });

  it('goes on, and says once what is not done, when the API server refuses', async () => {
    const world = createWorld();
    for (const name of ['a', 'b']) world.addNode(replacement, { labels: { name } });
    world.intercept = ({ name }) => {
      if (name === 'kubernetes.annotateNode') throw adapterError('KUBERNETES.FORBIDDEN', false);
    };
    const rig = createStepRig(world, step);
    assert.equal((await rig.finish()).kind, 'satisfied');
    assert.deepEqual(
      rig.progress.map(({ kind }) => kind),
      ['note'],
    );
    assert.match(JSON.stringify(rig.progress), /not protected from scale-down, and the run goes on without/);
  });

  it('what somebody set since stays when the mark comes off', async () => {
    const world = createWorld();
    const node = world.addNode(replacement, { annotations: { [disabled]: 'false', [mark]: 'abababababab' } });
    assert.equal((await createStepRig(world, sampleStep('unprotect-replacement')).finish()).kind, 'satisfied');
    assert.deepEqual(node.annotations, { [disabled]: 'false' });
  });

  it('unprotect-source: what the rollback put on the sources comes off, the replacements are not touched', async () => {
    const world = createWorld();
    const [first, second] = world.nodes;
    assert.ok(first && second);
    first.annotations = { [disabled]: 'true', [mark]: 'abababababab/false', note: 'kept' };
    second.annotations = { [disabled]: 'true' };
    const marked = world.addNode(replacement, { annotations: { [disabled]: 'true', [mark]: 'abababababab' } });
    const unprotect = { ...sampleStep('unprotect-replacement'), params: { nodegroupName: 'apps' } };
    assert.equal((await createStepRig(world, unprotect).finish()).kind, 'satisfied');
    assert.deepEqual(first.annotations, { [disabled]: 'false', note: 'kept' });
    assert.deepEqual(second.annotations, { [disabled]: 'true' });
    assert.equal(marked.annotations[mark], 'abababababab');
  });
});

const scalingOf = (world: World): Scaling => {
  const group = world.nodegroups.get('apps');
  assert.ok(group);
  return group.scaling;
};

const autoScalingGroup = (change: Partial<AutoScalingGroup> = {}): AutoScalingGroup => ({
  name: 'eks-asg',
  desiredCapacity: 2,
  minSize: 1,
  maxSize: 4,
  instanceIds: [],
  suspendedProcesses: [],
  ...change,
});

describe('cap-source', () => {
  const step = sampleStep('cap-source');

  it('writes down the scaling as it is right before, then sends maxSize and nothing else', async () => {
    const world = createWorld();
    const rig = createStepRig(world, step);
    assert.equal((await rig.finish()).kind, 'satisfied');
    assert.deepEqual(rig.progress[0], {
      kind: 'recorded',
      what: 'scaling of apps (asked to have maxSize 2)',
      value: { minSize: 1, maxSize: 4, desiredSize: 2 },
    });
    assert.equal(rig.progress[1]?.kind, 'update-requested');
    const sent = world.calls.filter(({ name }) => name === 'eks.updateNodegroupScaling').map(({ args }) => args[2]);
    assert.deepEqual(sent, [{ maxSize: 2 }]);
    assert.deepEqual(scalingOf(world), { minSize: 1, maxSize: 2, desiredSize: 2 });
  });

  it('counts nodes that the autoscaler has asked Auto Scaling for, and EKS does not show yet', async () => {
    const world = createWorld();
    world.autoScalingGroups.push(autoScalingGroup({ desiredCapacity: 3 }));
    assert.equal((await createStepRig(world, step).finish()).kind, 'satisfied');
    assert.equal(scalingOf(world).maxSize, 3);
  });

  it('a size that moved between the record and the request is respected, and restored all the same', async () => {
    const world = createWorld();
    const cut = createStepRig(world, step);
    world.intercept = ({ name }) => {
      if (name === 'eks.updateNodegroupScaling') throw new Error('cut off');
    };
    await assert.rejects(cut.act());
    assert.deepEqual(
      cut.progress.map(({ kind }) => kind),
      ['recorded'],
    );
    world.intercept = () => undefined;
    scalingOf(world).desiredSize = 3;
    const rig = createStepRig(world, step);
    Object.assign(rig.state, cut.state);
    assert.equal((await rig.finish()).kind, 'satisfied');
    assert.deepEqual(scalingOf(world), { minSize: 1, maxSize: 3, desiredSize: 3 });

    const restore = createStepRig(world, sampleStep('restore-scaling'));
    Object.assign(restore.state.steps, { [step.id]: rig.state.steps[step.id] });
    assert.equal((await restore.finish()).kind, 'satisfied');
    assert.deepEqual(scalingOf(world), { minSize: 1, maxSize: 4, desiredSize: 3 });
  });

  it('a group that is capped already, or gone, or shrinks under its cap, is not touched', async () => {
    const full = createWorld();
    scalingOf(full).maxSize = 2;
    const gone = createWorld();
    gone.nodegroups.delete('apps');
    for (const world of [full, gone]) {
      assert.equal((await createStepRig(world, step).observe()).kind, 'satisfied');
    }
    const world = createWorld();
    const rig = createStepRig(world, step);
    assert.equal((await rig.finish()).kind, 'satisfied');
    scalingOf(world).desiredSize = 1;
    assert.deepEqual(await rig.observe(), { kind: 'satisfied', detail: 'apps cannot grow: maxSize is 2' });
  });

  it('never below 1, which EKS would refuse', async () => {
    const world = createWorld();
    Object.assign(scalingOf(world), { minSize: 0, desiredSize: 0 });
    assert.equal((await createStepRig(world, step).finish()).kind, 'satisfied');
    assert.equal(scalingOf(world).maxSize, 1);
  });

  it('goes on, and says so, when something takes the cap back at once', async () => {
    const world = createWorld();
    const rig = createStepRig(world, step);
    await rig.act();
    await world.clock.run(world.clock.sleep(60_000));
    scalingOf(world).maxSize = 9;
    const seen = await rig.observe();
    assert.equal(seen.kind, 'satisfied');
    assert.match(seen.detail, /apps was asked to stay at 2 nodes, and its maxSize is 9: .* may add old nodes/);
  });

  it('goes on, and says what is not done and what that means, when AWS refuses', async () => {
    const world = createWorld();
    world.intercept = ({ name }) => {
      if (name === 'eks.updateNodegroupScaling') throw adapterError('AWS.ACCESS_DENIED', false);
    };
    const rig = createStepRig(world, step);
    assert.equal((await rig.finish()).kind, 'satisfied');
    const [, note] = rig.progress;
    assert.ok(note?.kind === 'note');
    assert.match(note.message, /^apps was not kept from growing, and the run goes on without: .* may add old nodes/);
    assert.equal(world.calls.filter(({ name }) => name === 'eks.updateNodegroupScaling').length, 1);
    const restore = createStepRig(world, sampleStep('restore-scaling'));
    Object.assign(restore.state.steps, { [step.id]: rig.state.steps[step.id] });
    assert.deepEqual(await restore.observe(), { kind: 'satisfied', detail: 'apps has maxSize 4 as before' });
  });

  it('goes on also when AWS cannot do it, however often it was asked', async () => {
    const world = createWorld();
    world.intercept = ({ name }) => {
      if (name === 'eks.updateNodegroupScaling') throw adapterError('AWS.SERVER_ERROR', true);
    };
    const rig = createStepRig(world, step);
    assert.equal((await rig.finish()).kind, 'satisfied');
    assert.deepEqual(
      rig.progress.map(({ kind }) => kind),
      ['recorded', 'note'],
    );
  });

  it('an update that failed is told, and the run goes on', async () => {
    const world = createWorld();
    const rig = createStepRig(world, step);
    await rig.act();
    await world.clock.run(world.clock.sleep(60_000));
    scalingOf(world).maxSize = 4;
    for (const update of world.updates.values()) {
      Object.assign(update, { status: 'Failed', errors: [{ code: 'AccessDenied', message: 'no', resourceIds: [] }] });
    }
    const seen = await rig.observe();
    assert.equal(seen.kind, 'satisfied');
    assert.match(seen.detail, /its maxSize is 4: .* AccessDenied: no$/);
  });
});

const capped = async (): Promise<{ world: World; restore: ReturnType<typeof createStepRig> }> => {
  const world = createWorld();
  const cap = createStepRig(world, sampleStep('cap-source'));
  assert.equal((await cap.finish()).kind, 'satisfied');
  const restore = createStepRig(world, sampleStep('restore-scaling'));
  Object.assign(restore.state.steps, { 'cap-source/apps': cap.state.steps['cap-source/apps'] });
  return { world, restore };
};

describe('restore-scaling', () => {
  it('11. restores what was recorded, never a constant, and leaves the desired size', async () => {
    const world = createWorld();
    Object.assign(scalingOf(world), { minSize: 0, maxSize: 37, desiredSize: 5 });
    const cap = createStepRig(world, sampleStep('cap-source'));
    assert.equal((await cap.finish()).kind, 'satisfied');
    assert.equal(scalingOf(world).maxSize, 5);
    scalingOf(world).desiredSize = 4;
    const restore = createStepRig(world, sampleStep('restore-scaling'));
    Object.assign(restore.state.steps, { 'cap-source/apps': cap.state.steps['cap-source/apps'] });
    assert.equal((await restore.finish()).kind, 'satisfied');
    assert.deepEqual(scalingOf(world), { minSize: 0, maxSize: 37, desiredSize: 4 });
  });

  it('where nodes are ended one by one, minSize goes to 0 with it, and comes back', async () => {
    const sizes: [Scaling, Scaling, Partial<Scaling>, Scaling][] = [
      // before, what is left of it at the rollback, what is sent, after
      [
        { minSize: 2, maxSize: 9, desiredSize: 3 },
        { minSize: 0, maxSize: 3, desiredSize: 1 },
        { minSize: 0, maxSize: 3 },
        { minSize: 2, maxSize: 9, desiredSize: 2 },
      ],
      [
        { minSize: 2, maxSize: 3, desiredSize: 3 },
        { minSize: 0, maxSize: 3, desiredSize: 3 },
        { minSize: 0 },
        { minSize: 2, maxSize: 3, desiredSize: 3 },
      ],
      // somebody has set another one meanwhile
      [
        { minSize: 2, maxSize: 9, desiredSize: 3 },
        { minSize: 1, maxSize: 5, desiredSize: 3 },
        { minSize: 0, maxSize: 3 },
        { minSize: 1, maxSize: 5, desiredSize: 3 },
      ],
    ];
    for (const [before, then, sent, after] of sizes) {
      const world = createWorld();
      Object.assign(scalingOf(world), before);
      const step = sampleStep('cap-source');
      const cap = createStepRig(world, { ...step, params: { ...step.params, releaseNodes: true } });
      assert.match(JSON.stringify(await cap.finish()), /cannot grow: maxSize is 3, and may shrink to nothing/);
      const calls = world.calls.filter(({ name }) => name === 'eks.updateNodegroupScaling');
      assert.deepEqual(
        calls.map(({ args }) => args[2]),
        [sent],
      );
      Object.assign(scalingOf(world), then);
      const back = sampleStep('restore-scaling');
      const restore = createStepRig(world, { ...back, params: { ...back.params, releaseNodes: true } });
      Object.assign(restore.state.steps, { 'cap-source/apps': cap.state.steps['cap-source/apps'] });
      assert.equal((await restore.finish()).kind, 'satisfied');
      assert.deepEqual(scalingOf(world), after);
    }
  });

  it('what somebody else has set since stays, and that is said', async () => {
    const { world, restore } = await capped();
    scalingOf(world).maxSize = 7;
    const before = world.writes().length;
    assert.deepEqual(await restore.finish(), {
      kind: 'satisfied',
      detail: 'somebody else has set maxSize of apps to 7 since it was capped: it stays so',
    });
    assert.equal(world.writes().length, before);
  });

  it('a group that is gone, or was never capped, needs nothing', async () => {
    const { world, restore } = await capped();
    world.nodegroups.delete('apps');
    assert.equal((await restore.observe()).kind, 'satisfied');
    const never = createStepRig(createWorld(), sampleStep('restore-scaling'));
    assert.deepEqual(await never.observe(), { kind: 'satisfied', detail: 'apps was never capped' });
  });
});

const refused = (world: World, call: string): void => {
  world.intercept = ({ name }) => {
    if (name === call) throw adapterError('AWS.REFUSED', false);
  };
};

describe('suspend-processes', () => {
  const step = sampleStep('suspend-processes');
  it('writes down what is suspended already, before it asks', async () => {
    const world = createWorld();
    world.autoScalingGroups.push(autoScalingGroup({ suspendedProcesses: ['Launch'] }));
    const rig = createStepRig(world, step);
    assert.equal((await rig.finish()).kind, 'satisfied');
    assert.deepEqual(rig.progress, [
      { kind: 'recorded', what: 'list of suspended processes of eks-asg', value: ['Launch'] },
      { kind: 'note', message: 'AZRebalance of apps is suspended for the time of the migration' },
    ]);
    assert.deepEqual(world.autoScalingGroups[0]?.suspendedProcesses, ['Launch', 'AZRebalance']);
  });

  it('goes on where AWS takes the request and shows nothing of it', async () => {
    const world = createWorld();
    const forgetful = autoScalingGroup();
    Object.defineProperty(forgetful, 'suspendedProcesses', { get: () => [], set: () => undefined, enumerable: true });
    world.autoScalingGroups.push(forgetful);
    assert.equal((await createStepRig(world, step).finish()).kind, 'satisfied');
    assert.equal(world.writes().length, 1);
  });

  it('what somebody has suspended already is left, also by the undo', async () => {
    const world = createWorld();
    world.autoScalingGroups.push(autoScalingGroup({ suspendedProcesses: ['AZRebalance'] }));
    assert.equal((await createStepRig(world, step).finish()).kind, 'satisfied');
    assert.equal((await createStepRig(world, sampleStep('resume-processes')).finish()).kind, 'satisfied');
    assert.deepEqual(world.writes(), []);
  });

  for (const call of ['autoScaling.describeGroups', 'autoScaling.suspendProcesses']) {
    for (const retryable of [false, true]) {
      it(`never stops a run: ${call} refused${retryable ? ' again and again' : ''}`, async () => {
        const world = createWorld();
        world.autoScalingGroups.push(autoScalingGroup());
        world.intercept = ({ name }) => {
          if (name === call) throw adapterError('AWS.REFUSED', retryable);
        };
        const rig = createStepRig(world, step);
        const seen = await rig.finish();
        assert.ok(seen.kind === 'satisfied');
        assert.match(seen.detail, /AZRebalance of apps was not suspended.* without regard to PodDisruptionBudgets/);
        const told = [seen.detail, ...rig.progress.map((each) => (each.kind === 'note' ? each.message : ''))].join();
        assert.match(told, /AWS\.REFUSED happened/);
      });
    }
  }

  it('a resume that is refused leaves the command', async () => {
    const world = createWorld();
    world.autoScalingGroups.push(autoScalingGroup());
    const suspended = createStepRig(world, step);
    await suspended.finish();
    refused(world, 'autoScaling.resumeProcesses');
    const rig = createStepRig(world, sampleStep('resume-processes'));
    Object.assign(rig.state.steps, { [step.id]: suspended.state.steps[step.id] });
    const seen = await rig.finish();
    assert.ok(seen.kind === 'satisfied');
    assert.match(
      seen.detail,
      /aws autoscaling resume-processes --auto-scaling-group-name eks-asg --scaling-processes AZRebalance/,
    );
  });
});

const explain = (world: World) => {
  const step = sampleStep('delete-source');
  return world.clock.run(handlers['delete-source'].explainDeadline?.(step, world.ports) ?? Promise.resolve(null));
};

describe('delete-source', () => {
  it('19. names a suspended Terminate that keeps the group from going', async () => {
    const world = createWorld();
    world.autoScalingGroups.push(autoScalingGroup({ suspendedProcesses: ['AZRebalance', 'Terminate'] }));
    const error = await explain(world);
    assert.equal(error?.code, 'DELETE.TERMINATE_SUSPENDED');
    assert.match(error.message, /apps .* Terminate is suspended \(eks-asg\)/);
    assert.equal(
      error.nextActions[0],
      'aws autoscaling resume-processes --auto-scaling-group-name eks-asg --scaling-processes Terminate',
    );
  });

  it('says nothing of it when nobody suspended it, or nobody may look', async () => {
    const world = createWorld();
    world.autoScalingGroups.push(autoScalingGroup({ suspendedProcesses: ['AZRebalance'] }));
    assert.equal(await explain(world), null);
    world.intercept = ({ name }) => {
      if (name === 'autoScaling.describeGroups') throw adapterError('AWS.ACCESS_DENIED', false);
    };
    assert.equal(await explain(world), null);
  });
});
