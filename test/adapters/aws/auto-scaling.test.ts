import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAwsPorts } from '../../../src/adapters/aws/aws-ports.ts';
import { selfManaged } from '../../../src/simulator/scenarios/self-managed.ts';
import { createWorld, type WorldOptions } from '../../../src/simulator/world.ts';
import { createBench } from '../virtual.ts';

const [blue, batch] = selfManaged.autoScalingGroups ?? [];
assert.ok(blue && batch);
const scenario = {
  ...selfManaged,
  autoScalingGroups: [
    blue,
    batch,
    {
      ...batch,
      name: 'asked',
      requirements: { vcpus: [2, 2] as [number, number], memoryMib: [8192, 8192] as [number, number] },
    },
    { ...blue, name: 'old', launchConfiguration: 'old-launch' },
  ],
};

function portsTo(options: WorldOptions = {}) {
  const world = createWorld(scenario, options);
  const bench = createBench(world.clock);
  const who = options.users?.[0]?.accessKeyId ?? world.administrator.accessKeyId;
  const ports = createAwsPorts({
    clock: bench.clock,
    region: world.cluster.region,
    credentials: { accessKeyId: who, secretAccessKey: 'x' },
    requestHandler: bench.requestHandler(world.aws),
    random: () => 0.5,
  });
  return { world, bench, ...ports };
}

test('groups: template, types, share of On-Demand, subnets and tags', async () => {
  const { bench, autoScaling } = portsTo();
  const found = await bench.run(autoScaling.describeGroups(['workers.blue', 'batch', 'asked', 'old', 'none']));
  const byName = new Map(found.map((group) => [group.name, group]));
  assert.deepEqual([...byName.keys()], ['asked', 'batch', 'old', 'workers.blue']);
  const own = byName.get('workers.blue');
  assert.deepEqual(
    [own?.launchTemplate?.version, own?.instanceTypes, own?.onDemandPercent, own?.subnetIds?.length, own?.tags],
    ['1', undefined, undefined, 3, { 'kubernetes.io/cluster/demo': 'owned', team: 'shop' }],
  );
  assert.deepEqual(
    [byName.get('batch')?.instanceTypes, byName.get('batch')?.onDemandPercent],
    [['m5.large', 'm5a.large'], 0],
  );
  const types = byName.get('asked')?.instanceTypes ?? [];
  assert.ok(types.length > 5 && types.includes('m5.large') && !types.includes('m6g.large'), types.join(' '));
  assert.deepEqual([byName.get('old')?.launchTemplate, byName.get('old')?.launchConfiguration], [null, 'old-launch']);
});

test('what EC2 refuses to say about a group is left out, or taken from what runs', async () => {
  const user = {
    name: 'narrow',
    accessKeyId: 'AKIANARROW0000000001',
    token: 't',
    deniedActions: ['ec2:GetInstanceTypesFromInstanceRequirements', 'ec2:DescribeLaunchTemplateVersions'],
  };
  const { bench, autoScaling } = portsTo({ users: [user] });
  const [asked] = await bench.run(autoScaling.describeGroups(['asked']));
  assert.deepEqual(asked?.instanceTypes, ['m5.large']);
  assert.ok(asked !== undefined && !('launchTemplate' in asked), 'not known, which is not the same as none');
});

test('the groups of instances, and the end of a group', async () => {
  const { world, bench, autoScaling } = portsTo();
  const [group] = await bench.run(autoScaling.describeGroups(['batch']));
  const [instance = ''] = group?.instanceIds ?? [];
  assert.deepEqual(await bench.run(autoScaling.groupsOfInstances([instance, 'i-0none'])), { [instance]: 'batch' });
  await bench.run(autoScaling.resizeGroup('batch', { maxSize: 2 }));
  assert.equal((await bench.run(autoScaling.describeGroups(['batch'])))[0]?.maxSize, 2);
  await bench.run(autoScaling.deleteGroup('batch'));
  assert.equal((await bench.run(autoScaling.describeGroups(['batch'])))[0]?.status, 'Delete in progress');
  await bench.run(autoScaling.deleteGroup('batch'));
  world.clock.advance(120_000);
  assert.deepEqual(await bench.run(autoScaling.describeGroups(['batch'])), []);
  await bench.run(autoScaling.deleteGroup('batch'));
});

test('an instance is ended with its place in the group, once; what Auto Scaling refuses is told', async () => {
  const { world, bench, autoScaling } = portsTo();
  const [group] = await bench.run(autoScaling.describeGroups(['batch']));
  const [instance = ''] = group?.instanceIds ?? [];
  const desired = group?.desiredCapacity ?? 0;
  await bench.run(autoScaling.resizeGroup('batch', { minSize: desired }));
  await assert.rejects(bench.run(autoScaling.terminateInstance(instance)), {
    code: 'AWS.REFUSED',
    why: /desiredSize equals minSize/,
  });
  await bench.run(autoScaling.resizeGroup('batch', { minSize: 0 }));
  assert.equal(await bench.run(autoScaling.terminateInstance(instance)), 'asked');
  assert.equal(await bench.run(autoScaling.terminateInstance(instance)), 'going');
  world.clock.advance(300_000);
  const [then] = await bench.run(autoScaling.describeGroups(['batch']));
  assert.equal(then?.desiredCapacity, desired - 1);
  assert.ok(!then.instanceIds.includes(instance));
});
