import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ClusterNode } from '../../src/domain/snapshot.ts';
import { adapterError, createWorld, type World } from '../support/fake-ports.ts';
import { sampleStep } from '../support/sample-plan.ts';
import { conflictOf, createStepRig, type StepRig } from './step-rig.ts';

const step = sampleStep('verify-replacement');
const group = step.params.nodegroupName;

function createVerification(newNodes: Partial<World['newNodes']> = {}): {
  world: World;
  rig: StepRig;
  node: ClusterNode;
} {
  const world = createWorld();
  Object.assign(world.newNodes, newNodes);
  const node = world.addNode(group);
  return { world, rig: createStepRig(world, step), node };
}

const wait = (world: World, seconds: number): Promise<void> => world.clock.run(world.clock.sleep(seconds * 1000));

describe('verify-replacement', () => {
  it('a pod that is there anyway is proof enough', async () => {
    const { world, rig, node } = createVerification();
    assert.equal((await rig.finish()).kind, 'satisfied');
    assert.deepEqual(world.writes(), []);
    assert.equal(rig.state.verifiedNodes[node.name]?.allocatablePods, 110);
    assert.equal(rig.state.verifiedNodes[node.name]?.prefixes.length, 1);
  });

  it('waits while no node is Ready', async () => {
    const world = createWorld();
    world.addNode(group, { ready: false });
    const observation = await createStepRig(world, step).observe();
    assert.deepEqual(observation, {
      kind: 'in-progress',
      detail: `0 of 1 nodes of ${group} verified; 0 nodes are Ready`,
    });
  });

  it('asks again for nodes that an autoscaler took before anybody protected them', async () => {
    const world = createWorld();
    const source = world.nodegroups.get('apps');
    assert.ok(source);
    const scaling = { minSize: 0, maxSize: 3, desiredSize: 0 };
    world.nodegroups.set(group, { ...source, nodegroupName: group, scaling });
    const rig = createStepRig(world, step);
    const detail = `node group ${group} has size 0, and 1 node is wanted`;
    assert.deepEqual(await rig.observe(), { kind: 'actionable', detail });
    assert.equal((await rig.finish()).kind, 'satisfied');
    const asked = world.calls.filter(({ name }) => name === 'eks.updateNodegroupScaling');
    assert.deepEqual(
      asked.map(({ args }) => args.slice(1, 3)),
      [[group, { desiredSize: 1 }]],
    );
  });

  it('another number of pods than planned stops at once, with both numbers', async () => {
    const { rig } = createVerification({ pods: 29 });
    const { error } = conflictOf(await rig.observe());
    assert.equal(error.code, 'VERIFY.WRONG_MAX_PODS');
    assert.match(error.message, /takes 29 pods, but the plan says 110/);
  });

  it('110 pods without a prefix prove nothing', async () => {
    const { rig } = createVerification({ prefixes: [] });
    const observation = await rig.observe();
    assert.equal(observation.kind, 'in-progress');
    assert.equal(observation.kind === 'in-progress' && observation.tooLate, undefined);
  });

  it('a node without a prefix for five minutes points at the subnet', async () => {
    const { world, rig } = createVerification({ prefixes: [] });
    await wait(world, 299);
    assert.equal((await rig.observe()).kind, 'in-progress');
    await wait(world, 1);
    const { error } = conflictOf(await rig.observe());
    assert.equal(error.code, 'VERIFY.NO_PREFIX');
    assert.match(error.message, /has got no prefix in 5 minutes/);
    assert.match(error.why, /free \/28 blocks in subnet-a/);
  });

  it('a node that somebody has cordoned is named as that, and opened first', async () => {
    const { world, node, rig } = createVerification({ prefixes: [] });
    node.unschedulable = true;
    world.addPod({
      name: 'aws-node-x',
      hostNetwork: true,
      namespace: 'kube-system',
      nodeName: node.name,
      labels: { 'k8s-app': 'aws-node' },
    });
    world.awsNodePods['aws-node-x'] = { ENABLE_PREFIX_DELEGATION: 'true' };
    await wait(world, 300);
    const { error } = conflictOf(await rig.observe());
    assert.equal(error.code, 'VERIFY.NO_PREFIX');
    assert.equal(
      error.why,
      `${node.name} is cordoned, which this plan has not done: aws-node attaches no prefix to a cordoned node.`,
    );
    assert.equal(error.nextActions[0], `kubectl uncordon ${node.name}`);
    world.awsNodePods['aws-node-x'] = { ENABLE_PREFIX_DELEGATION: 'true', AWS_MANAGE_ENIS_NON_SCHEDULABLE: 'true' };
    assert.doesNotMatch(JSON.stringify(conflictOf(await rig.observe()).error), /cordon/);
  });

  it('a new run grants such a node new time', async () => {
    const { world, rig } = createVerification({ prefixes: [] });
    await wait(world, 3600);
    const startedAt = new Date(world.clock.now()).toISOString();
    rig.state.runs.push({ runId: 'next', startedAt, endedAt: null, exitCode: null, paused: null });
    assert.equal((await rig.observe()).kind, 'in-progress');
  });

  it('a planned taint has to be there', async () => {
    const world = createWorld();
    const node = world.addNode(group);
    const taints = [{ key: 'dedicated', value: 'gpu', effect: 'NO_SCHEDULE' as const }];
    const rig = createStepRig(world, { ...step, params: { ...step.params, taints } });
    const observation = await rig.observe();
    assert.match(observation.kind === 'in-progress' ? observation.detail : '', /not yet the taint dedicated/);
    node.taints = [{ key: 'dedicated', value: 'gpu', effect: 'NoSchedule' }];
    assert.equal((await rig.finish()).kind, 'satisfied');
  });

  it('secondary addresses beside the prefixes are noted, not refused', async () => {
    const { world, rig } = createVerification();
    for (const each of world.interfaces) each.addresses.push('10.0.200.77');
    assert.equal((await rig.finish()).kind, 'satisfied');
  });

  const noWitness: [string, (world: World, node: ClusterNode) => void][] = [
    ['none at all', () => undefined],
    [
      'only one with the address of its node',
      (world, node) => world.addPod({ name: 'a', nodeName: node.name, hostNetwork: true, podIp: '10.0.9.3' }),
    ],
    [
      'only one with an address of its own from before',
      (world, node) => {
        for (const each of world.interfaces) each.addresses.push('10.0.200.9');
        world.addPod({ name: 'a', nodeName: node.name, podIp: '10.0.200.9' });
      },
    ],
    [
      'only one that has ended',
      (world, node) => world.addPod({ name: 'a', nodeName: node.name, podIp: '10.0.9.3', phase: 'Succeeded' }),
    ],
  ];
  for (const [name, change] of noWitness) {
    it(`makes a canary, and removes it, when there is no other pod: ${name}`, async () => {
      const { world, rig, node } = createVerification({ daemonSetPod: false, prefixes: ['10.0.9.0/28'] });
      change(world, node);
      assert.equal((await rig.finish()).kind, 'satisfied');
      assert.deepEqual(world.writes(), ['kubernetes.createPod', 'kubernetes.deletePod']);
      assert.deepEqual(
        world.pods.filter(({ namespace }) => namespace === 'kube-system'),
        [],
      );
    });
  }

  it('gives a pod that is starting the time to get its address', async () => {
    const { world, rig, node } = createVerification({ daemonSetPod: false, prefixes: ['10.0.9.0/28'] });
    const pod = world.addPod({ name: 'logs', nodeName: node.name, podIp: null, phase: 'Pending' });
    assert.equal((await rig.observe()).kind, 'in-progress');
    Object.assign(pod, { podIp: '10.0.9.4', phase: 'Running' });
    assert.equal((await rig.finish()).kind, 'satisfied');
    assert.deepEqual(world.writes(), []);
  });

  it('the canary tolerates everything, is bound to its node, restricted, and has an image that the nodes can reach', async () => {
    const { world, rig, node } = createVerification({ daemonSetPod: false });
    await rig.act();
    const [, manifest] = world.calls.find(({ name }) => name === 'kubernetes.createPod')?.args ?? [];
    const { spec } = JSON.parse(JSON.stringify(manifest));
    assert.equal(spec.nodeName, node.name);
    assert.deepEqual(spec.tolerations, [{ operator: 'Exists' }]);
    assert.equal(spec.securityContext.runAsNonRoot, true);
    assert.deepEqual(spec.containers[0].securityContext.capabilities, { drop: ['ALL'] });
    assert.equal(spec.containers[0].image, '602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/pause:3.10');
  });

  it('a canary that a run left behind is used, then removed', async () => {
    const { world, rig } = createVerification({ daemonSetPod: false });
    await rig.act();
    const next = createStepRig(world, step);
    assert.equal((await next.observe()).kind, 'in-progress');
    assert.equal((await next.finish()).kind, 'satisfied');
    assert.deepEqual(world.writes(), ['kubernetes.createPod', 'kubernetes.deletePod']);
  });

  it('the address of a canary counts whether its image can be had or not, and the evidence says so', async () => {
    const { world, rig } = createVerification({ daemonSetPod: false, prefixes: ['10.0.9.0/28'] });
    await rig.act();
    const [canary] = world.pods.filter(({ namespace }) => namespace === 'kube-system');
    assert.ok(canary);
    await wait(world, 5);
    Object.assign(canary, { phase: 'Pending', trouble: 'ErrImagePull: no route to registry' });
    await rig.act();
    const verified = rig.progress.find(({ kind }) => kind === 'verified-node');
    assert.equal(
      verified?.kind === 'verified-node' && verified.evidence,
      `kube-system/${canary.name} has 10.0.9.5, out of 10.0.9.0/28 (it is Pending, ErrImagePull: no route to registry: its address is the proof)`,
    );
  });

  it('what EC2 and Kubernetes refuse to tell only makes the explanation shorter', async () => {
    const { world, rig } = createVerification({ prefixes: [] });
    await wait(world, 300);
    world.intercept = ({ name }) => {
      if (/describeInstanceTypes|describeSubnets|OfSubnets|podEnvironments|caller/.test(name))
        throw adapterError('AWS.ACCESS_DENIED', false);
    };
    const { error } = conflictOf(await rig.observe());
    assert.equal(error.code, 'VERIFY.NO_PREFIX');
    assert.match(error.why, /Nothing is known of the free \/28 blocks in subnet-a/);
  });

  it('what time may heal is no answer', async () => {
    const { world, rig } = createVerification({ prefixes: [] });
    await wait(world, 300);
    world.intercept = ({ name }) => {
      if (/describeSubnets/.test(name)) throw adapterError('AWS.THROTTLED', true);
    };
    await assert.rejects(rig.observe(), /AWS.THROTTLED/);
  });

  it('a node of which EC2 shows no interface is no alarm', async () => {
    const { world, rig } = createVerification();
    await wait(world, 240);
    world.interfaces = [];
    const observation = await rig.observe();
    assert.match(observation.kind === 'in-progress' ? observation.detail : '', /has no prefix yet/);
  });

  it('a canary on which the kubelet has no comment any more is waited for five minutes, no longer', async () => {
    const { world, rig } = createVerification({ daemonSetPod: false, prefixes: ['10.0.9.0/28'] });
    await rig.act();
    await wait(world, 10);
    for (const pod of world.pods) if (pod.namespace === 'kube-system') pod.podIp = null;
    await wait(world, 280);
    assert.equal((await rig.observe()).kind, 'in-progress');
    await wait(world, 10);
    const { error } = conflictOf(await rig.observe());
    assert.equal(error.code, 'VERIFY.NO_ADDRESS');
    assert.match(error.message, /1 of 1 canary pods on \S+ of \S+ got no address out of a prefix in 5 minutes/);
  });

  it('with several canaries a full node is judged by the pods that it has', async () => {
    const { world, rig } = createVerification({ pods: 1 });
    const full = createStepRig(world, { ...step, params: { ...step.params, maxPods: 1, canaryPods: 17 } });
    assert.equal(rig.state.planId, full.state.planId);
    assert.equal((await full.finish()).kind, 'satisfied');
    assert.deepEqual(world.writes(), []);
  });

  it('tidy removes the canary of a step that ends without success', async () => {
    const { world, rig } = createVerification({ daemonSetPod: false });
    await rig.act();
    await rig.tidy();
    assert.deepEqual(
      world.pods.filter(({ namespace }) => namespace === 'kube-system'),
      [],
    );
  });
});
