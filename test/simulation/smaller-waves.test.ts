/** Old nodes that go first, as a finding says it: what the plan claims of it is done in a world, and comes true there. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AutoScalingClient, TerminateInstanceInAutoScalingGroupCommand } from '@aws-sdk/client-auto-scaling';
import { subnetPrefixes } from '../../src/checks/subnet-prefixes.ts';
import type { EarlyNode, Remedy } from '../../src/domain/scope.ts';
import type { ClusterSnapshot } from '../../src/domain/snapshot.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import type { Scenario, SubnetSpec } from '../../src/simulator/scenario.ts';
import { fragmentedByOldNodes } from '../../src/simulator/scenarios/fragmented-by-old-nodes.ts';
import { budget, demoCluster, deployment, nodegroup } from '../../src/simulator/scenarios/parts.ts';
import { drive } from '../../src/simulator/virtual-time.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { createTraffic, InProcessHandler } from '../support/in-process.ts';
import { memoryJournal } from '../support/sample-plan.ts';
import { aRequest } from '../support/snapshot.ts';
import { startProcess, surveyAndPlan } from './migration.ts';

const subnet: SubnetSpec = {
  subnetId: 'subnet-0c3e9a1b7d5f20a41',
  cidr: '10.0.8.0/24',
  availabilityZone: 'us-west-2a',
};

/** Old nodes with few pods, whose addresses leave hardly a block of a /24 whole. */
const sparse = (nodes: number, pods: number): Scenario =>
  demoCluster({
    name: 'sparse',
    title: '',
    subnets: [subnet],
    nodegroups: [nodegroup('general', nodes, [subnet])],
    workloads: [deployment('shop', 'web', pods, { cpu: '50m' })],
    budgets: [budget('shop', 'web', { maxUnavailable: '50%' })],
  });

const remedyOf = (snapshot: ClusterSnapshot): Remedy | undefined =>
  scopeOf(snapshot, aRequest({ clusterName: 'demo' })).remedies.find(({ kind }) => kind === 'fewer-nodes');

/** kubectl cordon, kubectl drain, aws autoscaling terminate-instance-in-auto-scaling-group. */
async function retire(world: World, nodes: readonly EarlyNode[]): Promise<void> {
  const { ports } = await startProcess(world);
  const { accessKeyId, secretAccessKey } = world.administrator;
  const scaling = new AutoScalingClient({
    region: world.cluster.region,
    credentials: { accessKeyId, secretAccessKey },
    requestHandler: new InProcessHandler(world.aws, createTraffic()),
  });
  const snapshot = await surveyAndPlan(world).then((made) => made.snapshot);
  for (const { name } of nodes) {
    const node = snapshot.nodes.find((one) => one.name === name) ?? assert.fail(name);
    await drive(world.clock, ports.kubernetes.cordon(name, node.uid, { key: 'by', value: 'test' }));
  }
  for (const { name, instanceId } of nodes) {
    for (const pod of snapshot.pods.filter(
      ({ nodeName, controller }) => nodeName === name && controller?.kind === 'ReplicaSet',
    )) {
      for (let tries = 0; tries < 30; tries += 1) {
        const outcome = await drive(world.clock, ports.kubernetes.evict(pod));
        if (outcome.kind === 'accepted' || outcome.kind === 'gone') break;
        world.clock.advance(10_000);
      }
    }
    world.clock.advance(60_000);
    await drive(
      world.clock,
      scaling.send(
        new TerminateInstanceInAutoScalingGroupCommand({
          InstanceId: instanceId,
          ShouldDecrementDesiredCapacity: true,
        }),
      ),
    );
    world.clock.advance(300_000);
  }
}

for (const [nodes, pods, seed] of [
  [3, 5, 1],
  [4, 1, 2],
  [5, 8, 1],
  [6, 3, 2],
] as const) {
  test(`${nodes} old nodes with ${pods} pods, seed ${seed}: with those gone that are named, the plan fits and comes to its end`, async () => {
    const world = createWorld(sparse(nodes, pods), { seed });
    const { snapshot, plan: before } = await surveyAndPlan(world);
    assert.ok(before.subnets.some(({ fits }) => !fits));
    const remedy = remedyOf(snapshot);
    assert.ok(remedy?.early !== undefined && remedy.fits, 'nothing is named');
    assert.equal(remedy.early.nodes.length + remedy.early.left, nodes);
    await retire(world, remedy.early.nodes);

    const { plan } = await surveyAndPlan(world, remedy.request);
    assert.ok(
      plan.subnets.every(({ fits }) => fits),
      JSON.stringify(plan.subnets),
    );
    assert.equal(plan.nodegroups[0]?.nodes.replacement, remedy.early.left);
    const refused: unknown[] = [];
    const real = { ...world.ec2 };
    world.ec2.assignPrefixes = (eni, count) => {
      try {
        return real.assignPrefixes(eni, count);
      } catch (error) {
        refused.push(error);
        throw error;
      }
    };
    const run = await (await startProcess(world)).run(plan, memoryJournal());
    assert.ok(run !== 'cut' && run.exitCode === 0, JSON.stringify(run));
    assert.deepEqual(refused, [], 'no prefix was refused');
    assert.equal(world.stats().budgetViolations, 0);
  });
}

test('old nodes that are needed for the pods are not named', async () => {
  const { snapshot } = await surveyAndPlan(createWorld(fragmentedByOldNodes, { seed: 1 }));
  const request = aRequest({ clusterName: 'demo' });
  assert.equal(remedyOf(snapshot), undefined);
  const { nextActions = [] } = subnetPrefixes.run(snapshot, scopeOf(snapshot, request))[0] ?? {};
  assert.doesNotMatch(nextActions.join('\n'), /kubectl drain/);
});
