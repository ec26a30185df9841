/** What AWS and Kubernetes do on the way that is no failure, and what of it is one. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Nodegroup, Pod } from '../../src/domain/snapshot.ts';
import { createWorld, type World } from '../support/fake-ports.ts';
import { sampleStep } from '../support/sample-plan.ts';
import { conflictOf, createStepRig } from './step-rig.ts';

const replacement = 'apps-pd-7f3a9c21';
const tags = { 'prefix-migrate/plan': '7f3a9c21' };

function addReplacement(world: World, overrides: Partial<Nodegroup> = {}): Nodegroup {
  const apps = world.nodegroups.get('apps');
  assert.ok(apps);
  const group = { ...apps, nodegroupName: replacement, tags, ...overrides };
  world.nodegroups.set(replacement, group);
  return group;
}

const canariesOf = (world: World): Pod[] => world.pods.filter(({ namespace }) => namespace === 'kube-system');

const issue = (code: string) => ({ code, message: 'it is wrong', resourceIds: ['i-1'] });

describe('create-launch-template', () => {
  it('a version that EC2 does not show yet is waited for', async () => {
    const world = createWorld();
    const rig = createStepRig(world, sampleStep('create-launch-template'));
    const { ec2 } = world.ports;
    const visibleAt = world.clock.now() + 8000;
    world.ports.ec2 = {
      ...ec2,
      describeLaunchTemplateVersion: async (id, version) =>
        world.clock.now() < visibleAt ? undefined : ec2.describeLaunchTemplateVersion(id, version),
    };
    assert.equal((await rig.finish()).kind, 'satisfied');
    assert.deepEqual(world.writes(), ['ec2.createLaunchTemplate']);
  });
});

describe('create-nodegroup', () => {
  const step = sampleStep('create-nodegroup');

  it('a launch template that was just made and is not visible yet is waited for, for a minute', async () => {
    const world = createWorld();
    const rig = createStepRig(world, step);
    const made = rig.state.steps[step.dependsOn.find((id) => id.startsWith('create-launch-template')) ?? ''];
    assert.ok(made);
    made.endedAt = new Date(world.clock.now()).toISOString();
    assert.equal((await rig.observe()).kind, 'in-progress');
    await world.clock.run(world.clock.sleep(61_000));
    assert.equal(conflictOf(await rig.observe()).error.code, 'TEMPLATE.GONE');
  });

  it('a launch template that is hidden between look and call makes no failure', async () => {
    const world = createWorld();
    const rig = createStepRig(world, step);
    await rig.act();
    assert.deepEqual(world.writes(), []);
  });
});

describe('ACTIVE, DEGRADED, ACTIVE', () => {
  for (const kind of ['create-nodegroup', 'scale-replacement'] as const) {
    it(`${kind} waits while EKS tries to overcome it`, async () => {
      const world = createWorld();
      const healthIssues = [issue('ClusterUnreachable'), issue('InternalFailure')];
      const group = addReplacement(world, { status: 'DEGRADED', healthIssues });
      for (let count = 0; count < 2; count += 1) world.addNode(replacement);
      const rig = createStepRig(world, sampleStep(kind));
      const observation = await rig.observe();
      assert.match(observation.kind === 'in-progress' ? observation.detail : '', /DEGRADED: ClusterUnreachable: it is/);
      Object.assign(group, { status: 'ACTIVE', healthIssues: [] });
      assert.equal((await rig.finish()).kind, 'satisfied');
    });

    it(`${kind} stops when something else is wrong beside it`, async () => {
      const world = createWorld();
      addReplacement(world, { status: 'DEGRADED', healthIssues: [issue('InternalFailure'), issue('AccessDenied')] });
      conflictOf(await createStepRig(world, sampleStep(kind)).observe());
    });
  }
});

describe('configure-vpc-cni', () => {
  it('an add-on that is DEGRADED while it rolls is waited for', async () => {
    const world = createWorld();
    const rig = createStepRig(world, sampleStep('configure-vpc-cni'));
    await rig.act();
    await world.clock.run(world.clock.sleep(31_000));
    assert.ok(world.addon);
    world.addon.status = 'DEGRADED';
    world.addon.healthIssues = [issue('InsufficientNumberOfReplicas')];
    assert.equal((await rig.observe()).kind, 'in-progress');
    assert.equal((await rig.finish()).kind, 'satisfied');
    assert.deepEqual(world.writes(), ['eks.updateAddon']);
  });
});

describe('cordon-source', () => {
  it('a node that vanishes while it is cordoned is no failure', async () => {
    const world = createWorld();
    const [first, second] = world.nodes;
    assert.ok(first && second);
    world.intercept = ({ name }) => {
      if (name === 'kubernetes.cordon') world.nodes = world.nodes.filter((node) => node !== first);
    };
    const rig = createStepRig(world, sampleStep('cordon-source'));
    assert.equal((await rig.finish()).kind, 'satisfied');
    assert.deepEqual(rig.state.cordonedNodes, { [second.uid]: second.name });
  });
});

describe('verify-replacement', () => {
  const step = sampleStep('verify-replacement');

  it('a canary that the kubelet turned away makes room for another', async () => {
    const world = createWorld();
    world.newNodes.daemonSetPod = false;
    world.addNode(replacement);
    const rig = createStepRig(world, step);
    await rig.act();
    const [canary] = canariesOf(world);
    assert.ok(canary);
    Object.assign(canary, { phase: 'Failed', trouble: 'OutOfpods' });
    assert.equal((await rig.finish()).kind, 'satisfied');
    assert.equal(world.writes().filter((name) => name === 'kubernetes.createPod').length, 2);
    assert.deepEqual(canariesOf(world), []);
  });

  it('a canary that is terminating is not deleted again', async () => {
    const world = createWorld();
    world.newNodes.daemonSetPod = false;
    world.addNode(replacement);
    const rig = createStepRig(world, step);
    world.ports.kubernetes.deletePod = async (_namespace, _name, uid) => {
      for (const pod of world.pods) if (pod.uid === uid) pod.deletionTimestamp = '2026-11-22T08:00:30Z';
    };
    await rig.act();
    await world.clock.run(world.clock.sleep(5000));
    await rig.act();
    const observation = await rig.observe();
    assert.match(observation.kind === 'in-progress' ? observation.detail : '', /terminating/);
    world.pods = [];
    assert.equal((await rig.observe()).kind, 'satisfied');
  });

  it('of a node that was replaced (Spot) the one in its place is verified', async () => {
    const world = createWorld();
    const node = world.addNode(replacement);
    const rig = createStepRig(world, step);
    assert.equal((await rig.finish()).kind, 'satisfied');
    world.nodes = world.nodes.filter((each) => each !== node);
    const next = world.addNode(replacement);
    assert.equal((await rig.observe()).kind, 'actionable');
    assert.equal((await rig.finish()).kind, 'satisfied');
    assert.deepEqual(Object.keys(rig.state.verifiedNodes), [node.name, next.name]);
  });

  it('asks for the pods of many nodes at once', async () => {
    const world = createWorld();
    for (let count = 0; count < 60; count += 1) world.addNode(replacement);
    const rig = createStepRig(world, { ...step, params: { ...step.params, nodes: 60 } });
    await rig.observe();
    assert.deepEqual(world.calls.map(({ name }) => name).filter((name) => name.endsWith('listPods')).length, 2);
    assert.equal((await rig.finish()).kind, 'satisfied');
    assert.equal(Object.keys(rig.state.verifiedNodes).length, 60);
  });
});

describe('delete-source', () => {
  const step = sampleStep('delete-source');

  function createReady() {
    const world = createWorld();
    const group = addReplacement(world);
    for (const node of world.nodes) node.unschedulable = true;
    world.pods = [];
    const rig = createStepRig(world, step);
    const verified = world.addNode(replacement);
    rig.state.verifiedNodes[verified.name] = { prefixes: [], allocatablePods: 110 };
    const replaceNode = (): void => {
      world.nodes = world.nodes.filter((node) => node !== verified);
    };
    return { world, rig, group, replaceNode };
  }

  it('a replacement that is being updated, or recovers, is waited for', async () => {
    const { world, rig, group } = createReady();
    for (const change of [{ status: 'UPDATING' }, { status: 'DEGRADED', healthIssues: [issue('IamThrottling')] }]) {
      Object.assign(group, change);
      assert.equal((await rig.observe()).kind, 'in-progress');
      await rig.act();
    }
    assert.deepEqual(world.writes(), []);
    Object.assign(group, { status: 'ACTIVE', healthIssues: [] });
    assert.equal((await rig.observe()).kind, 'actionable');
  });

  it('a node that came in place of a verified one proves the same by its prefixes and size', async () => {
    const { world, rig, replaceNode } = createReady();
    replaceNode();
    assert.equal((await rig.observe()).kind, 'in-progress');
    world.addNode(replacement);
    assert.equal((await rig.observe()).kind, 'actionable');
  });

  it('but not one of another size', async () => {
    const { world, rig, replaceNode } = createReady();
    replaceNode();
    world.newNodes.pods = 29;
    world.addNode(replacement);
    assert.match(conflictOf(await rig.observe()).error.message, /passed verification/);
  });

  it('a node that has just come gets the time to get its prefix, and no more', async () => {
    const { world, rig } = createReady();
    world.newNodes.prefixes = [];
    world.addNode(replacement);
    assert.equal((await rig.observe()).kind, 'in-progress');
    await world.clock.run(world.clock.sleep(181_000));
    assert.match(conflictOf(await rig.observe()).error.message, /has no prefix/);
  });

  it('asks for the pods of many nodes at once', async () => {
    const { world, rig } = createReady();
    for (let count = 0; count < 60; count += 1) world.addNode('apps', { unschedulable: true });
    world.addPod({ name: 'late', nodeName: world.nodes.at(-1)?.name ?? '' });
    assert.equal(conflictOf(await rig.observe()).error.code, 'DELETE.PODS_LEFT');
    assert.equal(world.calls.filter(({ name }) => name === 'kubernetes.listPods').length, 1);
  });
});

const detailWith = async (reserved: string[]): Promise<string> => {
  const step = sampleStep('cleanup');
  const params = { ...step.params, reserved };
  const seen = await createStepRig(createWorld(), { ...step, params }).observe();
  return seen.kind === 'satisfied' ? seen.detail : assert.fail(seen.kind);
};

describe('cleanup', () => {
  it('says what stays, ranges that the plan reserved included', async () => {
    const left = 'nothing of this plan is left but the replacement node groups';
    assert.equal(await detailWith([]), `${left} and their launch templates`);
    assert.equal(
      await detailWith(['10.0.1.64/26 of subnet-0aa1', '10.0.2.0/27 of subnet-0bb2']),
      `${left}, their launch templates and the ranges reserved for prefixes (10.0.1.64/26 of subnet-0aa1, 10.0.2.0/27 of subnet-0bb2)`,
    );
  });
});
