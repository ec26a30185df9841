import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withSelfManagedGroups } from '../../src/adapters/self-managed.ts';
import type { Node } from '../../src/simulator/kubernetes/objects.ts';
import { selfManaged } from '../../src/simulator/scenarios/self-managed.ts';
import { createWorld } from '../../src/simulator/world.ts';
import { survey } from '../../src/survey/survey.ts';
import { createBench } from '../adapters/virtual.ts';
import { portsOf } from './ports-of.ts';

async function seen(deniedActions: string[] = [], scenario = selfManaged) {
  const user = { name: 'narrow', accessKeyId: 'AKIANARROW0000000001', token: 'narrow', groups: ['system:masters'] };
  const world = createWorld(scenario, { users: [{ ...user, deniedActions }] });
  const bench = createBench(world.clock);
  const administrator = { accessKeyId: user.accessKeyId, secretAccessKey: 'x', token: user.token };
  const ports = withSelfManagedGroups(await portsOf({ ...world, administrator }, bench));
  const look = () => bench.run(survey(ports, { clusterName: world.cluster.name }));
  return { world, look, snapshot: await look() };
}

const namesIn = ({ nodegroups }: { nodegroups: { nodegroupName: string }[] }): string[] =>
  nodegroups.map(({ nodegroupName }) => nodegroupName);

test('Auto Scaling groups are node groups with another name', async () => {
  const { world, snapshot } = await seen();
  assert.deepEqual(namesIn(snapshot), ['asg/batch', 'asg/workers.blue', 'general']);
  const own = snapshot.nodegroups[1];
  assert.deepEqual(
    [own?.amiType, own?.labels, own?.nodeRole, own?.scaling],
    [
      'CUSTOM',
      { pool: 'workers' },
      'arn:aws:iam::111122223333:role/demo-node',
      { minSize: 1, maxSize: 5, desiredSize: 3 },
    ],
  );
  const template = snapshot.launchTemplates.find(
    ({ launchTemplateId }) => launchTemplateId === own?.launchTemplate?.id,
  );
  assert.ok(template?.imageId && template.data['IamInstanceProfile']);
  assert.ok(snapshot.autoScalingGroups.some(({ name }) => name === 'workers.blue'));
  assert.deepEqual(snapshot.joinRoles, {
    accessEntries: [],
    awsAuth: ['arn:aws:iam::111122223333:role/demo-batch-node', 'arn:aws:iam::111122223333:role/demo-node'],
  });
  assert.equal(snapshot.cluster.serviceCidr, '172.20.0.0/16');
  assert.ok(snapshot.nodes.every(({ osImage }) => osImage !== undefined));
  assert.deepEqual([snapshot.notSeen, world.log.writes()], [[], []]);
});

test('what AWS refuses to tell about them is said, and the managed groups are seen all the same', async () => {
  const cases: [string[], string[], string[]][] = [
    [['autoscaling:DescribeAutoScalingInstances'], ['general'], ['Auto Scaling groups']],
    [['ec2:DescribeLaunchTemplateVersions'], ['asg/batch', 'asg/workers.blue', 'general'], []],
    [['iam:GetInstanceProfile'], ['asg/batch', 'asg/workers.blue', 'general'], []],
  ];
  for (const [denied, names, missed] of cases) {
    const { snapshot } = await seen(denied);
    assert.deepEqual(namesIn(snapshot), names, denied[0]);
    assert.deepEqual(
      snapshot.notSeen.map(({ resource }) => resource),
      missed,
    );
    const groups = snapshot.nodes.map(({ nodegroupName }) => nodegroupName);
    assert.equal(groups.includes(null), missed.length > 0);
  }
  const { snapshot } = await seen(['eks:ListAccessEntries'], { ...selfManaged, nodeRolesIn: 'access-entries' });
  assert.deepEqual(snapshot.joinRoles, { accessEntries: null, awsAuth: [] });
  assert.deepEqual(
    snapshot.notSeen.map(({ resource }) => resource),
    ['access entries'],
  );
});

test('annotations of people are named, those of controllers are not', async () => {
  const { world, look } = await seen();
  const [{ metadata } = assert.fail()] = world.store.list<Node>('nodes');
  world.store.update<Node>('nodes', undefined, metadata.name, (draft) => {
    draft.metadata.annotations = {
      'example.com/owner': 'hunter2',
      'node.alpha.kubernetes.io/ttl': '0',
      'csi.volume.kubernetes.io/nodeid': '{}',
      'projectcalico.org/IPv4Address': '10.0.0.1',
      'prefix-migrate/x': 'y',
      'vpc.amazonaws.com/node-eni': 'z',
    };
  });
  const { nodes } = await look();
  assert.deepEqual(nodes.find(({ name }) => name === metadata.name)?.otherAnnotations, ['example.com/owner']);
  assert.equal(nodes.filter(({ otherAnnotations }) => otherAnnotations !== undefined).length, 1);
});
