import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AnyStep, StepKind } from '../../src/domain/plan.ts';
import type { Scaling } from '../../src/domain/snapshot.ts';
import { handlers } from '../../src/steps/index.ts';
import type { StepHandler } from '../../src/steps/step-handler.ts';
import { createWorld, type World } from '../support/fake-ports.ts';
import { otherSteps, samplePlan, sampleStep } from '../support/sample-plan.ts';
import { createStepRig, type StepRig } from './step-rig.ts';

interface Case {
  /** brings the world to where the step comes in the plan */
  before?: (world: World) => unknown;
  /** what the journal has of the step that this one undoes */
  recorded?: { stepId: string; what: string; value: unknown };
  /** the nodes of the replacement have passed verification */
  verified?: true;
  /** writes that the whole step makes */
  writes: string[];
  /** asks for an act at the first look */
  acts?: false;
}

const replacement = 'apps-pd-7f3a9c21';
const tags = { 'prefix-migrate/plan': '7f3a9c21' };

function withReplacement(world: World, nodes: number): void {
  const apps = world.nodegroups.get('apps');
  assert.ok(apps);
  const scaling = { minSize: 1, maxSize: 4, desiredSize: nodes };
  world.nodegroups.set(replacement, { ...apps, nodegroupName: replacement, tags, scaling });
  for (let count = 0; count < nodes; count += 1) world.addNode(replacement);
}

function cordoned(world: World): void {
  for (const node of world.nodes.filter(({ nodegroupName }) => nodegroupName === 'apps')) {
    node.unschedulable = true;
    node.taints = [{ key: 'node.kubernetes.io/unschedulable', value: null, effect: 'NoSchedule' }];
  }
}

const autoScalingGroup = (suspendedProcesses: string[]) => ({
  name: 'eks-asg',
  desiredCapacity: 2,
  minSize: 1,
  maxSize: 4,
  instanceIds: [],
  suspendedProcesses,
});

/** Annotations of a node that plan ababab... protects. */
const protection = {
  'cluster-autoscaler.kubernetes.io/scale-down-disabled': 'true',
  'prefix-migrate/scale-down-disabled': 'abababababab',
};

const ourReservation = { id: 'scr-1', cidr: '10.0.1.64/26', type: 'prefix' as const, tags };

const ourTemplate = () => ({
  launchTemplateId: 'lt-1',
  launchTemplateName: replacement,
  latestVersion: '1',
  tags,
  userData: 'NodeConfig',
});

const cases: Record<StepKind, Case> = {
  'reserve-subnet-cidr': { writes: ['ec2.createSubnetCidrReservation'] },
  'release-subnet-cidr': {
    before: (world) => world.reservations.set('subnet-a', [ourReservation]),
    writes: ['ec2.deleteSubnetCidrReservation'],
  },
  'configure-vpc-cni': { writes: ['eks.updateAddon'] },
  'patch-vpc-cni': { writes: ['kubernetes.setEnvironment'] },
  'await-vpc-cni': {
    before: (world) =>
      world.clock.after(60_000, () => world.rollOut({ ENABLE_PREFIX_DELEGATION: 'true', WARM_PREFIX_TARGET: '1' })),
    writes: [],
  },
  'create-launch-template': { writes: ['ec2.createLaunchTemplate'] },
  'create-nodegroup': {
    before: (world) => {
      world.launchTemplates.set(replacement, ourTemplate());
    },
    writes: ['eks.createNodegroup'],
  },
  'verify-replacement': {
    before: (world) => {
      world.newNodes.daemonSetPod = false;
      withReplacement(world, 1);
    },
    writes: ['kubernetes.createPod', 'kubernetes.deletePod'],
  },
  'await-nodegroup': { before: (world) => world.clock.after(60_000, () => withReplacement(world, 2)), writes: [] },
  'create-with-eksctl': {
    before: (world) => {
      world.eksctl = () => {
        withReplacement(world, 0);
        return { exitCode: 0, lastLines: [] };
      };
    },
    writes: ['tools.run'],
  },
  'compare-launch-template': {
    before: (world) => {
      withReplacement(world, 0);
      world.autoScalingGroups.push({
        ...autoScalingGroup([]),
        launchTemplate: { id: 'lt-9', name: null, version: '1' },
      });
      world.userDataOfVersions['lt-9/1'] = 'maxPods: 110';
    },
    writes: [],
    acts: false,
  },
  'scale-replacement': { before: (world) => withReplacement(world, 0), writes: ['eks.updateNodegroupScaling'] },
  'protect-replacement': {
    before: (world) => withReplacement(world, 2),
    writes: ['kubernetes.annotateNode', 'kubernetes.annotateNode'],
  },
  'unprotect-replacement': {
    before: (world) => {
      world.addNode(replacement, { annotations: { ...protection } });
      world.addNode(replacement);
    },
    writes: ['kubernetes.annotateNode'],
  },
  'cap-source': { writes: ['eks.updateNodegroupScaling'] },
  'restore-scaling': {
    before: (world) => Object.assign(world.nodegroups.get('apps')?.scaling ?? {}, { maxSize: 2 }),
    recorded: {
      stepId: 'cap-source/apps',
      what: 'scaling of apps (asked to have maxSize 2)',
      value: { minSize: 1, maxSize: 4, desiredSize: 2 },
    },
    writes: ['eks.updateNodegroupScaling'],
  },
  'suspend-processes': {
    before: (world) => world.autoScalingGroups.push(autoScalingGroup([])),
    writes: ['autoScaling.suspendProcesses'],
  },
  'resume-processes': {
    before: (world) => world.autoScalingGroups.push(autoScalingGroup(['AZRebalance'])),
    recorded: { stepId: 'suspend-processes/apps', what: 'list of suspended processes of eks-asg', value: [] },
    writes: ['autoScaling.resumeProcesses'],
  },
  'cordon-source': { writes: ['kubernetes.cordon', 'kubernetes.cordon'] },
  'drain-source': {
    before: (world) => {
      withReplacement(world, 2);
      cordoned(world);
    },
    writes: ['kubernetes.evict', 'kubernetes.evict'],
  },
  soak: { writes: [], acts: false },
  'delete-source': {
    before: (world) => {
      withReplacement(world, 2);
      cordoned(world);
      world.pods = world.pods.filter(({ name }) => !name.startsWith('search'));
    },
    verified: true,
    writes: ['eks.deleteNodegroup'],
  },
  'hand-over-source': { writes: [], acts: false },
  cleanup: {
    before: (world) => {
      const labels = { 'prefix-migrate/canary-of-plan': 'abababababab' };
      world.addPod({ name: 'canary', namespace: 'kube-system', nodeName: 'n', labels, controller: null });
    },
    writes: ['kubernetes.deletePod'],
  },
  'uncordon-source': {
    before: (world) => {
      cordoned(world);
      for (const { annotations } of world.nodes) annotations['prefix-migrate/cordoned-by'] = 'abababababab';
    },
    writes: ['kubernetes.uncordon', 'kubernetes.uncordon'],
  },
  'scale-source': {
    before: (world) => {
      Object.assign(world.nodegroups.get('apps')?.scaling ?? {}, { desiredSize: 1, maxSize: 1 });
      world.nodes.pop();
    },
    writes: ['eks.updateNodegroupScaling'],
  },
  'delete-replacement': {
    before: (world) => {
      withReplacement(world, 2);
      for (const node of world.nodes) node.unschedulable = node.nodegroupName === replacement;
    },
    writes: ['eks.deleteNodegroup'],
  },
  'delete-launch-template': {
    before: (world) => world.launchTemplates.set(replacement, ourTemplate()),
    writes: ['ec2.deleteLaunchTemplate'],
  },
};

const kinds = [...new Set([...samplePlan().steps, ...otherSteps].map(({ kind }) => kind))];

describe('every kind of step', () => {
  it('is here', () => assert.deepEqual(kinds.toSorted(), Object.keys(handlers).toSorted()));

  for (const kind of kinds) {
    const { before, recorded, verified, writes, acts = true } = cases[kind];
    const create = (): { world: World; rig: StepRig } => {
      const world = createWorld();
      before?.(world);
      const rig = createStepRig(world, sampleStep(kind));
      const undone = rig.state.steps[recorded?.stepId ?? ''];
      if (recorded && undone) undone.recorded[recorded.what] = recorded.value;
      for (const node of world.nodes) {
        if (verified && node.nodegroupName === replacement) {
          rig.state.verifiedNodes[node.name] = { prefixes: [], allocatablePods: 110 };
        }
      }
      return { world, rig };
    };

    it(`6. ${kind}: observe is read-only`, async () => {
      const { world, rig } = create();
      await rig.observe();
      await rig.observe();
      assert.deepEqual(world.writes(), []);
      await rig.finish();
      const made = world.writes().length;
      assert.equal((await rig.observe()).kind, 'satisfied');
      assert.equal(world.writes().length, made);
    });

    it(`${kind}: ${acts ? 'actionable, act, satisfied' : 'no act, satisfied'}`, async () => {
      const { world, rig } = create();
      const first = (await rig.observe()).kind;
      assert.ok(acts ? first === 'actionable' : first !== 'actionable');
      assert.equal((await rig.finish()).kind, 'satisfied');
      assert.deepEqual(world.writes(), writes);
    });

    it(`${kind}: the same token twice has one effect`, async () => {
      const { world, rig } = create();
      await rig.act('same');
      const { nodegroups, launchTemplates, addon, updates, reservations } = world;
      const after = structuredClone([nodegroups, launchTemplates, addon, updates.size, reservations]);
      await rig.act('same');
      assert.deepEqual([nodegroups, launchTemplates, addon, updates.size, reservations], after);
      assert.equal((await rig.finish()).kind, 'satisfied');
    });

    it(`${kind}: says what it is, what it would call, how long it may take`, () => {
      const step = sampleStep(kind);
      const handler: StepHandler<StepKind> = handlers[kind];
      assert.ok(handler.title(step).length > 5);
      assert.ok(handler.describeCall(step).length > 5);
      assert.ok(handler.deadlineSeconds(step) >= 60);
    });
  }

  it('undo of a reservation returns to the start', async () => {
    const world = createWorld();
    const step = sampleStep('reserve-subnet-cidr');
    assert.equal((await createStepRig(world, step).finish()).kind, 'satisfied');
    const inverse = handlers['reserve-subnet-cidr'].undo(step);
    assert.deepEqual(inverse, sampleStep('release-subnet-cidr'));
    assert.equal((await createStepRig(world, sampleStep('release-subnet-cidr')).finish()).kind, 'satisfied');
    assert.deepEqual(world.reservations, createWorld().reservations);
  });

  it('undo of a protection returns to the start', async () => {
    const world = createWorld();
    withReplacement(world, 2);
    const before = structuredClone(world.nodes);
    assert.equal((await createStepRig(world, sampleStep('protect-replacement')).finish()).kind, 'satisfied');
    await undo(world, sampleStep('protect-replacement'));
    assert.deepEqual(world.nodes, before);
  });

  it('undo of a cap returns to the start', async () => {
    const world = createWorld();
    await undo(world, sampleStep('cap-source'), ({ scaling }) => assert.deepEqual(scaling?.maxSize, 2));
    assert.deepEqual(world.nodegroups, createWorld().nodegroups);
  });

  it('undo of a suspension returns to the start', async () => {
    const world = createWorld();
    world.autoScalingGroups.push(autoScalingGroup(['AlarmNotification']));
    await undo(world, sampleStep('suspend-processes'), ({ suspended }) =>
      assert.deepEqual(suspended, ['AlarmNotification', 'AZRebalance']),
    );
    assert.deepEqual(world.autoScalingGroups, [autoScalingGroup(['AlarmNotification'])]);
  });

  it('undo of the add-on configuration returns to the start', async () => {
    const world = createWorld();
    await undo(world, sampleStep('configure-vpc-cni'), () =>
      assert.equal(world.daemonSet.env['ENABLE_PREFIX_DELEGATION'], 'true'),
    );
    assert.deepEqual(world.daemonSet.env, createWorld().daemonSet.env);
    assert.equal(world.addon?.configurationValues, '{}');
  });

  it('undo of a patched DaemonSet returns to the start', async () => {
    const world = createWorld();
    const { env } = structuredClone(world.daemonSet);
    await undo(world, sampleStep('patch-vpc-cni'), () => assert.equal(world.daemonSet.env['WARM_IP_TARGET'], '5'));
    assert.deepEqual(world.daemonSet.env, env);
  });

  it('undo of a cordon returns to the start', async () => {
    const world = createWorld();
    const before = structuredClone(world.nodes);
    await undo(world, sampleStep('cordon-source'), () => assert.ok(world.nodes.every((node) => node.unschedulable)));
    await world.clock.run(world.clock.sleep(2000));
    assert.deepEqual(world.nodes, before);
  });

  it('undo of a launch template and of a node group returns to the start', async () => {
    const world = createWorld();
    const template = createStepRig(world, sampleStep('create-launch-template'));
    assert.equal((await template.finish()).kind, 'satisfied');
    await undo(world, sampleStep('create-nodegroup'), () => {
      assert.ok(world.nodegroups.has(replacement));
      for (const node of world.nodes) node.unschedulable = node.nodegroupName === replacement;
    });
    await undo(world, sampleStep('create-launch-template'));
    const start = createWorld();
    assert.deepEqual([world.nodegroups, world.launchTemplates], [start.nodegroups, start.launchTemplates]);
    assert.deepEqual(
      world.nodes.map(({ nodegroupName }) => nodegroupName),
      start.nodes.map(({ nodegroupName }) => nodegroupName),
    );
  });
});

/** Does a step and then its inverse, with the journal that the step wrote. */
async function undo(
  world: World,
  step: AnyStep,
  between: (seen: { scaling: Scaling | undefined; suspended: string[] | undefined }) => void = () => undefined,
): Promise<void> {
  const done = createStepRig(world, step);
  assert.equal((await done.finish()).kind, 'satisfied');
  between({
    scaling: world.nodegroups.get('apps')?.scaling,
    suspended: world.autoScalingGroups[0]?.suspendedProcesses,
  });
  const handler: StepHandler<StepKind> = handlers[step.kind];
  const inverse = handler.undo(step);
  assert.ok(inverse);
  const undone = createStepRig(world, inverse);
  Object.assign(undone.state.steps, { [step.id]: done.state.steps[step.id] });
  assert.equal((await undone.finish()).kind, 'satisfied');
}
