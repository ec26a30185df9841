/** How a node group goes: with its stack or without, or not at all; and what is left behind. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { MigrateError } from '../../src/domain/migrate-error.ts';
import { adapterError, createWorld, type World } from '../support/fake-ports.ts';
import { sampleStep } from '../support/sample-plan.ts';
import { conflictOf, createStepRig, type StepRig } from './step-rig.ts';

const replacement = 'apps-pd-7f3a9c21';
const stackName = 'eksctl-prod-nodegroup-apps';

/** Everything is ready for the deletion of apps, which belongs to a stack. */
function emptied(world: World): StepRig {
  const apps = world.nodegroups.get('apps');
  assert.ok(apps);
  world.nodegroups.set(replacement, { ...apps, nodegroupName: replacement });
  for (let count = 0; count < 2; count += 1) world.addNode(replacement);
  for (const node of world.nodes) node.unschedulable = node.nodegroupName === 'apps';
  world.pods = world.pods.filter(({ name }) => !name.startsWith('search'));
  world.stacks.set(stackName, {
    name: stackName,
    status: 'CREATE_COMPLETE',
    reason: null,
    terminationProtection: false,
    nodegroupName: 'apps',
    resources: [],
    failures: [],
  });
  const step = sampleStep('delete-source');
  const rig = createStepRig(world, { ...step, params: { ...step.params, stack: stackName } });
  for (const node of world.nodes) {
    if (node.nodegroupName === replacement) rig.state.verifiedNodes[node.name] = { prefixes: [], allocatablePods: 110 };
  }
  return rig;
}

const role = { logicalId: 'NodeInstanceRole', type: 'AWS::IAM::Role', physicalId: 'node' };
const stackOf = (world: World) => world.stacks.get(stackName) ?? assert.fail('no stack');

describe('a source with a stack', () => {
  test('goes with it', async () => {
    const world = createWorld();
    assert.equal((await emptied(world).finish()).kind, 'satisfied');
    assert.deepEqual(world.writes(), ['cloudFormation.deleteStack']);
    assert.deepEqual([...world.nodegroups.keys()], [replacement]);
  });

  test('goes alone when the stack is gone', async () => {
    const world = createWorld();
    const rig = emptied(world);
    world.stacks.clear();
    assert.equal((await rig.finish()).kind, 'satisfied');
    assert.deepEqual(world.writes(), ['eks.deleteNodegroup']);
  });

  test('goes alone when the stack has made the role that the replacement needs', async () => {
    const world = createWorld();
    const rig = emptied(world);
    stackOf(world).resources = [role];
    const done = await rig.finish();
    assert.equal(done.kind, 'satisfied');
    assert.deepEqual(world.writes(), ['eks.deleteNodegroup']);
    assert.match(JSON.stringify(rig.progress), /stays: it has made role node, which apps-pd-7f3a9c21 needs/);
  });

  test('the name of the role tells where the resources may not be listed', async () => {
    const world = createWorld();
    const rig = emptied(world);
    for (const group of world.nodegroups.values())
      group.nodeRole = 'arn:aws:iam::1:role/eksctl-prod-NodeInstanceRole-X1';
    world.intercept = ({ name }) => {
      if (name === 'cloudFormation.stackResources') throw adapterError('AWS.ACCESS_DENIED', false);
    };
    assert.equal((await rig.finish()).kind, 'satisfied');
    assert.deepEqual(world.writes(), ['eks.deleteNodegroup']);
  });

  test('is not deleted without its stack when that is denied', async () => {
    for (const call of ['cloudFormation.describeStack', 'cloudFormation.deleteStack']) {
      const world = createWorld();
      const rig = emptied(world);
      world.intercept = ({ name }) => {
        if (name === call) throw adapterError('AWS.ACCESS_DENIED', false);
      };
      await assert.rejects(rig.finish(), ({ code, nextActions }: MigrateError) => {
        assert.equal(code, 'DELETE.STACK_DENIED');
        assert.match(
          nextActions.join('\n'),
          /cloudformation:DeleteStack[\s\S]*--stack-name eksctl-prod-nodegroup-apps/,
        );
        return true;
      });
      assert.ok(world.nodegroups.has('apps'));
    }
  });

  test('a failed deletion is told with what could not be deleted', async () => {
    const world = createWorld();
    const rig = emptied(world);
    stackOf(world).failures = ['SSH: it is in use'];
    const { error } = conflictOf(await rig.finish());
    assert.equal(error.code, 'DELETE.STACK_FAILED');
    assert.match(error.message, /SSH: it is in use/);
  });
});

/** A node of asg/workers is there, and the replacement has a role of its own. */
function withOutsider(world: World): StepRig {
  const rig = emptied(world);
  world.stacks.clear();
  world.addNode('asg/workers');
  const group = world.nodegroups.get(replacement) ?? assert.fail();
  group.nodeRole = 'arn:aws:iam::111122223333:role/other';
  const source = world.nodegroups.get('apps') ?? assert.fail();
  world.nodegroups.set('asg/workers', { ...source, nodegroupName: 'asg/workers' });
  world.ports.eks.listNodegroups = async () => ['apps', replacement];
  return rig;
}

describe('a role that others joined with', () => {
  const describeCluster = (world: World, authenticationMode: string | null): void => {
    world.ports.eks = { ...world.ports.eks, describeCluster: async () => ({ ...cluster, authenticationMode }) };
  };
  const cluster = {
    name: 'prod',
    arn: '',
    region: 'eu-west-1',
    accountId: '111122223333',
    status: 'ACTIVE',
    kubernetesVersion: '1.33',
    platformVersion: '',
    endpoint: '',
    certificateAuthorityHash: '',
    certificateAuthorityData: '',
    ipFamily: 'ipv4' as const,
    vpcId: '',
    subnetIds: [],
    clusterSecurityGroupId: null,
    autoMode: false,
    outpost: false,
  };
  const sourceRole = 'arn:aws:iam::111122223333:role/node';
  const rows: [name: string, mode: string | null, awsAuth: string[] | null, entries: string[], isBlocked: boolean][] = [
    ['aws-auth alone', 'CONFIG_MAP', [sourceRole], [], true],
    ['an old cluster', null, [sourceRole], [], true],
    ['aws-auth that may not be read', 'API_AND_CONFIG_MAP', null, [], true],
    ['access entries alone', 'API', [sourceRole], [], false],
    ['an access entry beside it', 'API_AND_CONFIG_MAP', [sourceRole], [sourceRole], false],
    ['a role that is not in aws-auth', 'CONFIG_MAP', ['arn:aws:iam::1:role/x'], [], false],
  ];
  for (const [name, mode, awsAuth, entries, isBlocked] of rows) {
    test(`${name}: ${isBlocked ? 'a person is asked' : 'no obstacle'}`, async () => {
      const world = createWorld();
      const rig = withOutsider(world);
      describeCluster(world, mode);
      world.ports.eks.accessEntriesOfNodes = async () => entries;
      world.ports.kubernetes = { ...world.ports.kubernetes, rolesOfAwsAuth: async () => awsAuth };
      const seen = await rig.observe();
      if (!isBlocked) return assert.equal(seen.kind, 'actionable', JSON.stringify(seen));
      const { error } = conflictOf(seen);
      assert.equal(error.code, 'DELETE.ROLE_SHARED');
      assert.match(
        error.nextActions.join('\n'),
        /create-access-entry .* --principal-arn \S+role\/node --type EC2_LINUX/,
      );
    });
  }

  test('another managed group with the role is enough', async () => {
    const world = createWorld();
    const rig = withOutsider(world);
    describeCluster(world, 'CONFIG_MAP');
    world.ports.kubernetes = { ...world.ports.kubernetes, rolesOfAwsAuth: async () => [sourceRole] };
    Object.assign(world.nodegroups.get(replacement) ?? {}, { nodeRole: sourceRole });
    assert.equal((await rig.observe()).kind, 'actionable');
  });
});

test('interfaces of nodes that are gone, and templates without a group, are named with the commands', async () => {
  const world = createWorld();
  const step = sampleStep('cleanup');
  const loose = (networkInterfaceId: string, instance: string, status: string) => ({
    ...(world.interfaces[0] ?? assert.fail()),
    networkInterfaceId,
    status,
    instanceId: null,
    description: `aws-K8S-${instance}`,
  });
  const living = world.interfaces[0]?.instanceId ?? assert.fail();
  const all = [
    loose('eni-left', 'i-0gone', 'available'),
    loose('eni-new', living, 'available'),
    loose('eni-b', 'i-0b', 'in-use'),
  ];
  world.ports.ec2 = { ...world.ports.ec2, networkInterfacesOfSubnets: async () => all };
  const template = { launchTemplateId: 'lt-7', launchTemplateName: replacement, latestVersion: '1', tags: {} };
  world.launchTemplates.set(replacement, { ...template, userData: '' });
  const params = { ...step.params, subnetIds: ['subnet-a'], launchTemplateNames: [replacement] };
  const seen = await createStepRig(world, { ...step, params }).observe();
  assert.ok(seen.kind === 'satisfied');
  assert.match(
    seen.detail,
    /1 interfaces? of nodes that are gone .*delete-network-interface --network-interface-id eni-left/,
  );
  assert.doesNotMatch(seen.detail, /eni-new|eni-b/);
  assert.match(seen.detail, /delete-launch-template --launch-template-id lt-7/);
  world.ports.ec2.networkInterfacesOfSubnets = async () => Promise.reject(adapterError('AWS.ACCESS_DENIED', false));
  assert.equal((await createStepRig(world, { ...step, params }).observe()).kind, 'satisfied');
});
