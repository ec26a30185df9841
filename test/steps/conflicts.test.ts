import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Nodegroup } from '../../src/domain/snapshot.ts';
import { createWorld, type World } from '../support/fake-ports.ts';
import { sampleStep } from '../support/sample-plan.ts';
import { conflictOf, createStepRig, type StepRig } from './step-rig.ts';

const replacement = 'apps-pd-7f3a9c21';
const tags = { 'prefix-migrate/plan': '7f3a9c21' };

function addReplacement(world: World, overrides: Partial<Nodegroup> = {}): void {
  const apps = world.nodegroups.get('apps');
  assert.ok(apps);
  world.nodegroups.set(replacement, { ...apps, nodegroupName: replacement, tags, ...overrides });
}

const addTemplate = (world: World, found: Record<string, string>, userData: string): void => {
  const template = { launchTemplateId: 'lt-1', launchTemplateName: replacement, latestVersion: '1' };
  world.launchTemplates.set(replacement, { ...template, tags: found, userData });
};

describe('create-launch-template', () => {
  const step = sampleStep('create-launch-template');
  const taken: [string, Record<string, string>, string][] = [
    ['no tags', {}, 'NodeConfig'],
    ['tags of another plan', { 'prefix-migrate/plan': '00000000' }, 'NodeConfig'],
    ['other user data', tags, 'something else'],
  ];
  for (const [name, found, userData] of taken) {
    it(`a template of that name with ${name} is not ours`, async () => {
      const world = createWorld();
      addTemplate(world, found, userData);
      assert.equal(conflictOf(await createStepRig(world, step).observe()).error.code, 'TEMPLATE.NAME_TAKEN');
    });
  }

  it('further tags do not matter', async () => {
    const world = createWorld();
    addTemplate(world, { ...tags, team: 'blue' }, 'NodeConfig');
    assert.equal((await createStepRig(world, step).observe()).kind, 'satisfied');
  });

  const source = '#!/bin/bash\necho of the source';
  const withSource = (userDataHash: string | null) => ({
    ...step,
    params: {
      ...step.params,
      userData:
        'Content-Type: multipart/mixed; boundary="B"\n\n--B\nContent-Type: application/node.eks.aws\n\napiVersion: node.eks.aws/v1alpha1\n--B--\n',
      sourceTemplate: { launchTemplateId: 'lt-0', version: '3', userDataHash },
    },
  });
  it('user data of the source goes into the new template when it is the one of the plan', async () => {
    const world = createWorld();
    world.userDataOfVersions = { 'lt-0/3': source };
    const hash = 'a82bdb0bb15ea1ba2a0c6cb1eda3a1ee1ac6d1b9ccd1cbf8cb95f7d1e5f1b1d0';
    const changed = conflictOf(await createStepRig(world, withSource(hash)).observe());
    assert.equal(changed.error.code, 'TEMPLATE.SOURCE_CHANGED');
    assert.doesNotMatch(JSON.stringify(changed.error), /of the source'?\\n|echo/);
    const { sha256Hex } = await import('../../src/domain/canonical-json.ts');
    const rig = createStepRig(world, withSource(sha256Hex(source)));
    assert.equal((await rig.finish()).kind, 'satisfied');
    const { userData } = world.launchTemplates.get(replacement) ?? {};
    assert.match(userData ?? '', /echo of the source[\s\S]*apiVersion: node\.eks\.aws/);
  });

  it('a source template that is gone', async () => {
    const { error } = conflictOf(await createStepRig(createWorld(), withSource('ab')).observe());
    assert.match(error.message, /lt-0 version 3 of the source is gone/);
  });
});

describe('create-nodegroup', () => {
  const step = sampleStep('create-nodegroup');
  const cases: [string, Partial<Nodegroup>, string | null][] = [
    ['without our tag', { tags: { team: 'blue' } }, 'NODEGROUP.NAME_TAKEN'],
    ['CREATE_FAILED', { status: 'CREATE_FAILED' }, 'NODEGROUP.CREATE_FAILED'],
    ['DEGRADED', { status: 'DEGRADED' }, 'NODEGROUP.CREATE_FAILED'],
    [
      'CREATING with a hopeless issue',
      { status: 'CREATING', healthIssues: [issue('AccessDenied')] },
      'NODEGROUP.CREATE_FAILED',
    ],
    ['CREATING with one that may pass', { status: 'CREATING', healthIssues: [issue('IamThrottling')] }, null],
  ];
  for (const [name, found, code] of cases) {
    it(`finds a group ${name}`, async () => {
      const world = createWorld();
      addReplacement(world, found);
      const observation = await createStepRig(world, step).observe();
      if (code === null) return assert.equal(observation.kind, 'in-progress');
      const { error, tokenSpent = false } = conflictOf(observation);
      assert.equal(error.code, code);
      assert.equal(tokenSpent, code === 'NODEGROUP.CREATE_FAILED');
      if (code === 'NODEGROUP.NAME_TAKEN') return;
      assert.match(error.why, /Launching a new EC2 instance failed/);
      assert.ok(
        error.nextActions.some((action) =>
          action.includes(`aws eks delete-nodegroup --cluster-name prod --nodegroup-name ${replacement}`),
        ),
      );
    });
  }

  it('says what EKS says', async () => {
    const world = createWorld();
    addReplacement(world, { status: 'CREATE_FAILED', healthIssues: [issue('Ec2SubnetInvalidConfiguration')] });
    const { error } = conflictOf(await createStepRig(world, step).observe());
    assert.match(error.message, /Ec2SubnetInvalidConfiguration: it is wrong \(subnet-a\)/);
  });

  it('needs its launch template', async () => {
    assert.equal(conflictOf(await createStepRig(createWorld(), step).observe()).error.code, 'TEMPLATE.GONE');
  });
});

const size = (desiredSize: number) => ({ minSize: 1, maxSize: 4, desiredSize });

describe('scale-replacement', () => {
  const oneNode = sampleStep('scale-replacement');
  const step = { ...oneNode, params: { ...oneNode.params, scaling: size(2) } };

  it('more nodes than planned stay', async () => {
    const world = createWorld();
    addReplacement(world, { scaling: size(3) });
    for (let count = 0; count < 3; count += 1) world.addNode(replacement);
    assert.equal((await createStepRig(world, step).observe()).kind, 'satisfied');
  });

  const empty = { ...step, params: { ...step.params, scaling: { minSize: 1, maxSize: 4, desiredSize: 0 } } };
  it('a group that is to have no nodes gives up the one that was verified, once', async () => {
    const world = createWorld();
    addReplacement(world, { scaling: size(1) });
    world.addNode(replacement);
    const rig = createStepRig(world, empty);
    assert.equal((await rig.observe()).kind, 'actionable');
    await rig.act();
    addReplacement(world, { scaling: size(1) });
    assert.equal((await rig.observe()).kind, 'satisfied');
  });

  it('but not when pods have come to need it', async () => {
    const world = createWorld();
    addReplacement(world, { scaling: size(1) });
    world.addPod({ name: 'late', nodeName: world.addNode(replacement).name });
    assert.equal((await createStepRig(world, empty).observe()).kind, 'satisfied');
  });

  it('waits for nodes to be Ready', async () => {
    const world = createWorld();
    addReplacement(world, { scaling: size(2) });
    world.addNode(replacement);
    world.addNode(replacement, { ready: false });
    const observation = await createStepRig(world, step).observe();
    assert.deepEqual(observation, { kind: 'in-progress', detail: `1 of 2 nodes of ${replacement} are Ready` });
  });

  it('waits while its update is under way, and then says that something has taken the size back', async () => {
    const world = createWorld();
    addReplacement(world, { scaling: size(1) });
    const rig = createStepRig(world, step);
    await rig.act();
    addReplacement(world, { scaling: size(1) });
    assert.equal((await rig.observe()).kind, 'in-progress');
    await world.clock.run(world.clock.sleep(30_000));
    addReplacement(world, { scaling: size(1) });
    const observation = await rig.observe();
    assert.ok(observation.kind === 'actionable');
    assert.equal(observation.takenBack?.code, 'NODEGROUP.SIZE_TAKEN_BACK');
  });

  it('believes the Auto Scaling group, of which EKS hears later, until the nodes are there', async () => {
    const world = createWorld();
    addReplacement(world, { scaling: size(2) });
    const group = { name: 'eks-asg', minSize: 1, maxSize: 4, instanceIds: [], suspendedProcesses: [] };
    world.autoScalingGroups.push({ ...group, desiredCapacity: 1 });
    const rig = createStepRig(world, step);
    const detail = `node group ${replacement} has size 1, and 2 nodes are wanted`;
    assert.deepEqual(await rig.observe(), { kind: 'actionable', detail });
    for (let count = 0; count < 2; count += 1) world.addNode(replacement);
    assert.equal((await rig.observe()).kind, 'satisfied');
  });

  for (const found of [undefined, { status: 'DEGRADED', healthIssues: [issue('AsgInstanceLaunchFailures')] }]) {
    it(`stops when the group is ${found?.status ?? 'gone'}`, async () => {
      const world = createWorld();
      if (found) addReplacement(world, found);
      assert.equal(conflictOf(await createStepRig(world, step).observe()).error.code, 'NODEGROUP.NOT_ACTIVE');
    });
  }
});

describe('cordon-source', () => {
  const step = sampleStep('cordon-source');

  it('marks its own cordons, leaves those of others as they are and notes them', async () => {
    const world = createWorld();
    const [own, others] = world.nodes;
    assert.ok(own && others);
    others.unschedulable = true;
    others.taints = [{ key: 'node.kubernetes.io/unschedulable', value: null, effect: 'NoSchedule' }];
    const rig = createStepRig(world, step);
    assert.equal((await rig.finish()).kind, 'satisfied');
    assert.deepEqual(rig.state.cordonedNodes, { [own.uid]: own.name });
    assert.deepEqual(own.annotations, { 'prefix-migrate/cordoned-by': 'abababababab' });
    assert.deepEqual(others.annotations, {});
  });

  it('writes down a cordon that was cut off before its line', async () => {
    const world = createWorld();
    const rig = createStepRig(world, step);
    await rig.act();
    rig.state.cordonedNodes = {};
    await rig.act();
    assert.equal(Object.keys(rig.state.cordonedNodes).length, 2);
    assert.equal(world.writes().length, 2);
  });

  for (const [left, detail] of [
    [1, '1 node has no taint yet'],
    [2, '2 nodes have no taint yet'],
  ] as const) {
    it(`waits for the taint: ${detail}`, async () => {
      const world = createWorld();
      const rig = createStepRig(world, step);
      await rig.finish();
      for (const node of world.nodes.slice(0, left)) node.taints = [];
      assert.deepEqual(await rig.observe(), { kind: 'in-progress', detail });
    });
  }

  it('cordons a node that came late', async () => {
    const world = createWorld();
    const rig = createStepRig(world, step);
    await rig.act();
    world.addNode('apps');
    assert.equal((await rig.observe()).kind, 'actionable');
  });
});

describe('soak', () => {
  it('counts from its first start, through interruptions', async () => {
    const world = createWorld();
    const rig = createStepRig(world, sampleStep('soak'));
    const { soak: state } = rig.state.steps;
    assert.ok(state);
    state.startedAt = new Date(world.clock.now() - 400_000).toISOString();
    assert.deepEqual(await rig.observe(), { kind: 'in-progress', detail: '3m20s left' });
    await world.clock.run(world.clock.sleep(200_000));
    assert.equal((await rig.observe()).kind, 'satisfied');
  });
});

describe('delete-source', () => {
  const step = sampleStep('delete-source');

  /** All is as it should be before the deletion. */
  function createReady(ready = step): { world: World; rig: StepRig } {
    const world = createWorld();
    addReplacement(world);
    for (const node of world.nodes) node.unschedulable = true;
    world.pods = [];
    const rig = createStepRig(world, ready);
    rig.state.verifiedNodes[world.addNode(replacement).name] = { prefixes: [], allocatablePods: 110 };
    return { world, rig };
  }

  const refusals: [string, (world: World, rig: StepRig) => void, string, RegExp][] = [
    [
      'an evictable pod is left',
      (world) => world.addPod({ name: 'late', nodeName: world.nodes[0]?.name ?? '' }),
      'DELETE.PODS_LEFT',
      /shop\/late on ip-/,
    ],
    [
      'a bare pod is left',
      (world) => world.addPod({ name: 'bare', nodeName: world.nodes[0]?.name ?? '', controller: null }),
      'DELETE.PODS_LEFT',
      /shop\/bare/,
    ],
    [
      'somebody opened a node that was cordoned',
      (world, rig) => {
        const [node] = world.nodes;
        assert.ok(node);
        node.unschedulable = false;
        rig.state.cordonedNodes[node.uid] = node.name;
      },
      'DELETE.NODE_SCHEDULABLE',
      /is not cordoned/,
    ],
    [
      'somebody opened one whose cordon was cut off before its line',
      (world) => {
        const [node] = world.nodes;
        assert.ok(node);
        Object.assign(node, { unschedulable: false, annotations: { 'prefix-migrate/cordoned-by': 'abababababab' } });
      },
      'DELETE.NODE_SCHEDULABLE',
      /is not cordoned/,
    ],
    [
      'the replacement is degraded',
      (world) => addReplacement(world, { status: 'DEGRADED' }),
      'DELETE.REPLACEMENT_NOT_PROVEN',
      /is DEGRADED/,
    ],
    [
      'the replacement is gone',
      (world) => world.nodegroups.delete(replacement),
      'DELETE.REPLACEMENT_NOT_PROVEN',
      /is gone/,
    ],
    [
      'no Ready node has passed',
      (_world, rig) => (rig.state.verifiedNodes = {}),
      'DELETE.REPLACEMENT_NOT_PROVEN',
      /passed verification/,
    ],
    [
      'a node has lost its prefixes',
      (world) => {
        for (const each of world.interfaces) each.prefixes = [];
      },
      'DELETE.REPLACEMENT_NOT_PROVEN',
      /has no prefix/,
    ],
    [
      'the deletion failed',
      (world) => Object.assign(world.nodegroups.get('apps') ?? {}, { status: 'DELETE_FAILED' }),
      'DELETE.FAILED',
      /no reason given/,
    ],
  ];
  for (const [name, change, code, message] of refusals) {
    it(`refuses when ${name}`, async () => {
      const { world, rig } = createReady();
      change(world, rig);
      const { error } = conflictOf(await rig.observe());
      assert.equal(error.code, code);
      assert.match(error.message, message);
      await assert.rejects(rig.act(), { code });
      assert.deepEqual(world.writes(), []);
    });
  }

  it('cordons and drains a node that came late, as the plan drains, before it deletes', async () => {
    const drain = { ...sampleStep('drain-source').params, nodegroupNames: ['apps'], replacementNames: [replacement] };
    const { world, rig } = createReady({ ...step, params: { ...step.params, drain } });
    const node = world.addNode('apps');
    const late = world.addPod({ name: 'late', nodeName: node.name });
    assert.equal((await rig.finish()).kind, 'satisfied');
    assert.deepEqual(world.writes(), ['kubernetes.cordon', 'kubernetes.evict', 'eks.deleteNodegroup']);
    assert.equal(rig.state.cordonedNodes[node.uid], node.name);
    assert.deepEqual(
      rig.progress.flatMap((each) => (each.kind === 'eviction-intent' ? [each.uid] : [])),
      [late.uid],
    );
  });

  it('does not touch a late node while the replacement is not proven', async () => {
    const { world, rig } = createReady();
    world.addNode('apps');
    addReplacement(world, { status: 'DEGRADED' });
    assert.equal(conflictOf(await rig.finish()).error.code, 'DELETE.REPLACEMENT_NOT_PROVEN');
    assert.deepEqual(world.writes(), []);
  });

  it('waits ten minutes for the successor of a replacement node that was lost', async () => {
    const { world, rig } = createReady();
    world.nodes = world.nodes.filter(({ nodegroupName }) => nodegroupName !== replacement);
    const lost = await rig.observe();
    assert.equal(lost.kind, 'in-progress');
    assert.equal(lost.kind === 'in-progress' && lost.tooLate?.code, 'DELETE.REPLACEMENT_NOT_PROVEN');
    const { state } = rig;
    const startedAt = new Date(world.clock.now()).toISOString();
    Object.assign(state.steps[step.id] ?? {}, { startedAt });
    await world.clock.run(world.clock.sleep(10 * 60_000 - 1));
    assert.equal((await rig.observe()).kind, 'in-progress');
    await world.clock.run(world.clock.sleep(1));
    assert.equal(conflictOf(await rig.observe()).error.code, 'DELETE.REPLACEMENT_NOT_PROVEN');
    // a new run grants new time
    state.runs.push({
      runId: 'next',
      startedAt: new Date(world.clock.now()).toISOString(),
      endedAt: null,
      exitCode: null,
      paused: null,
    });
    assert.equal((await rig.observe()).kind, 'in-progress');
    world.addNode(replacement);
    assert.equal((await rig.observe()).kind, 'actionable');
    assert.deepEqual(world.writes(), []);
  });

  it('advises a drain that works for the pods that are left, and says what it costs', async () => {
    const { world, rig } = createReady();
    const [first, second] = world.nodes.map(({ name }) => name);
    assert.ok(first !== undefined && second !== undefined);
    world.addPod({ name: 'web', nodeName: second });
    world.addPod({ name: 'bare', nodeName: first, controller: null });
    world.addPod({ name: 'cache', nodeName: first, emptyDirVolumes: ['data'] });
    const { error } = conflictOf(await rig.observe());
    assert.deepEqual(
      error.nextActions.slice(0, -1).toSorted(),
      [
        `kubectl drain ${first} --ignore-daemonsets --force --delete-emptydir-data  # ends for good, as nothing creates it again: shop/bare; loses the emptyDir data of: shop/cache`,
        `kubectl drain ${second} --ignore-daemonsets`,
      ].toSorted(),
    );
  });

  it('looks again right before the call', async () => {
    const { world, rig } = createReady();
    assert.equal((await rig.observe()).kind, 'actionable');
    world.addPod({ name: 'late', nodeName: world.nodes[0]?.name ?? '' });
    await assert.rejects(rig.act(), { code: 'DELETE.PODS_LEFT' });
    assert.deepEqual(world.writes(), []);
  });

  it('waits for pods that are terminating, and does not mind what stays with its node', async () => {
    const { world, rig } = createReady();
    const nodeName = world.nodes[0]?.name ?? '';
    const controller = { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'logs', uid: 'ds' };
    world.addPod({ name: 'logs', nodeName, controller });
    world.addPod({ name: 'static', nodeName, controller: null, mirror: true });
    world.addPod({ name: 'done', nodeName, phase: 'Succeeded' });
    assert.equal((await rig.observe()).kind, 'actionable');
    world.addPod({ name: 'leaving', nodeName, deletionTimestamp: '2026-11-22T08:00:30Z' });
    assert.equal((await rig.observe()).kind, 'in-progress');
  });

  it('is done when the group and its nodes are gone', async () => {
    const { world, rig } = createReady();
    world.nodegroups.delete('apps');
    assert.equal((await rig.observe()).kind, 'in-progress');
    world.nodes = world.nodes.filter(({ nodegroupName }) => nodegroupName !== 'apps');
    assert.equal((await rig.observe()).kind, 'satisfied');
  });
});

function issue(code: string) {
  return { code, message: 'it is wrong', resourceIds: ['subnet-a'] };
}
