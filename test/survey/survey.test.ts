import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterSnapshot } from '../../src/domain/snapshot.ts';
import { healthy } from '../../src/simulator/scenarios/healthy.ts';
import { createWorld, type WorldOptions } from '../../src/simulator/world.ts';
import { survey } from '../../src/survey/survey.ts';
import { createBench } from '../adapters/virtual.ts';
import { portsOf } from './ports-of.ts';

async function surveyOf(options: WorldOptions = {}) {
  const world = createWorld(healthy, options);
  const bench = createBench(world.clock);
  const ports = await portsOf(world, bench);
  const progress: string[] = [];
  const snapshot = await bench.run(survey(ports, { clusterName: world.cluster.name }, (doing) => progress.push(doing)));
  return { world, snapshot, progress };
}

/** Without what depends on when it was looked at. */
const withoutTime = (snapshot: ClusterSnapshot): unknown => ({ ...snapshot, observedAt: '' });

test('sees the whole world, and changes nothing', async () => {
  const { world, snapshot, progress } = await surveyOf();
  const { scenario } = world;
  const stats = world.stats();
  assert.deepEqual([snapshot.pods.length, snapshot.nodes.length], [stats.pods, stats.nodes]);
  assert.deepEqual(
    snapshot.nodegroups.map(({ nodegroupName }) => nodegroupName),
    scenario.nodegroups.map(({ name }) => name).toSorted(),
  );
  assert.equal(snapshot.networkInterfaces.flatMap(({ prefixes }) => prefixes).length, stats.prefixes);
  assert.deepEqual(
    snapshot.subnets.map(({ subnetId }) => subnetId),
    scenario.subnets.map(({ subnetId }) => subnetId).toSorted(),
  );
  assert.deepEqual([snapshot.vpcCni.managedBy, snapshot.vpcCni.version], ['eks-addon', '1.19.2']);
  assert.equal(snapshot.vpcCni.env['ENABLE_PREFIX_DELEGATION'], 'false');
  const instances = snapshot.nodes.flatMap(({ instanceId }) => instanceId ?? []).toSorted();
  assert.deepEqual(snapshot.autoScalingGroups.flatMap(({ instanceIds }) => instanceIds).toSorted(), instances);
  assert.ok(snapshot.cluster.callerArn !== '' && !('certificateAuthorityData' in snapshot.cluster));
  assert.equal(progress.length, 6);
  assert.deepEqual(world.log.writes(), []);
});

test('is the same under faults', async () => {
  const calm = await surveyOf();
  const kinds = ['throttle', 'server-error', 'reset-before', 'reset-after', 'stall'] as const;
  for (const probability of [0.02, 0.05, 0.1]) {
    const rough = await surveyOf({ faults: kinds.map((kind) => ({ operation: '*', kind, probability })) });
    assert.deepEqual(withoutTime(rough.snapshot), withoutTime(calm.snapshot), `probability ${probability}`);
    assert.ok(rough.world.log.entries.length > calm.world.log.entries.length);
  }
});

test('is the same from one look to the next', async () => {
  const world = createWorld(healthy);
  const bench = createBench(world.clock);
  const ports = await portsOf(world, bench);
  const look = () => bench.run(survey(ports, { clusterName: world.cluster.name }));
  assert.equal(JSON.stringify(withoutTime(await look())), JSON.stringify(withoutTime(await look())));
});

test('asked for subnets, sees those too that replacements could be in, and leaves out what does not exist', async () => {
  const spare = { subnetId: 'subnet-0spare00', cidr: '10.0.64.0/24', availabilityZone: 'us-west-2a' };
  const world = createWorld({ ...healthy, subnets: [...healthy.subnets, spare] });
  const bench = createBench(world.clock);
  const ports = await portsOf(world, bench);
  const clusterName = world.cluster.name;
  const seen = async (subnetIds?: string[]) => {
    const snapshot = await bench.run(survey(ports, { clusterName, ...(subnetIds && { subnetIds }) }));
    return snapshot.subnets.map(({ subnetId }) => subnetId);
  };
  const usual = healthy.subnets.map(({ subnetId }) => subnetId).toSorted();
  assert.deepEqual(await seen(), usual);
  const all = [...usual, spare.subnetId].toSorted();
  assert.deepEqual(await seen([spare.subnetId, 'subnet-0nope000', 'nonsense']), all);
  // the cluster has it among its own
  assert.deepEqual(await seen([]), all);
});

test('keeps the values of what the VPC CNI knows, and annotations that are read', async () => {
  const world = createWorld({
    ...healthy,
    vpcCni: { ...healthy.vpcCni, setByHand: { AWS_SECRET_ACCESS_KEY: 'x', WARM_IP_TARGET: '5', NO_PROXY: 'y' } },
    nodegroups: healthy.nodegroups.map((group) => ({
      ...group,
      nodeAnnotations: { 'k8s.amazonaws.com/eniConfig': 'a', 'prefix-migrate/cordoned-by': 'b', note: 'z' },
    })),
  });
  const bench = createBench(world.clock);
  const ports = await portsOf(world, bench);
  const { vpcCni, nodes } = await bench.run(survey(ports, { clusterName: world.cluster.name }));
  assert.deepEqual(
    ['AWS_SECRET_ACCESS_KEY', 'NO_PROXY', 'WARM_IP_TARGET', 'ENABLE_PREFIX_DELEGATION'].map((name) => vpcCni.env[name]),
    [null, null, '5', 'false'],
  );
  assert.deepEqual(nodes[0]?.annotations, { 'k8s.amazonaws.com/eniConfig': 'a', 'prefix-migrate/cordoned-by': 'b' });
});

test('asks what the version of the add-on takes; a refusal leaves it open', async () => {
  const { snapshot } = await surveyOf();
  const schema = snapshot.vpcCni.addon?.envSchema;
  assert.equal(schema?.takesOthers, false);
  assert.deepEqual(schema?.variables['WARM_IP_TARGET'], { type: ['string'], format: 'integer' });
  const refused = await surveyOf({
    faults: [{ operation: 'eks:DescribeAddonConfiguration', kind: 'server-error', probability: 1 }],
  });
  assert.ok(refused.snapshot.vpcCni.addon !== null && !('envSchema' in refused.snapshot.vpcCni.addon));
});
