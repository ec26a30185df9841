import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { iamPolicy, rbacObjects } from '../../src/domain/policies.ts';
import { type PolicyPhase, policyPhases } from '../../src/domain/rights.ts';
import { generalWorks, planWorks, type RightsScene, rightsOf } from '../../src/domain/rights-of.ts';
import type { StateLocation } from '../../src/domain/state-location.ts';
import { samplePlan } from '../support/sample-plan.ts';

const scene: RightsScene = {
  cluster: { name: 'prod', region: 'eu-west-1', accountId: '111122223333' },
  nodeRoles: ['arn:aws:iam::111122223333:role/node'],
  planTag: null,
  leaseName: 'prefix-migrate-prod',
  state: { kind: 'file' },
};

function policiesOf(phases: readonly PolicyPhase[], state: StateLocation = { kind: 'file' }) {
  const { aws, kubernetes } = rightsOf(generalWorks(phases, state), { ...scene, state });
  const [iam, rbac] = [iamPolicy(aws), rbacObjects(kubernetes)];
  const actions = iam.Statement.flatMap(({ Action }) => Action);
  const verbs = rbac.flatMap(({ rules = [], metadata: { namespace = 'everywhere' } }) =>
    rules.flatMap(({ resources, verbs: own, resourceNames = [''] }) =>
      resources.flatMap((resource) =>
        own.map((verb) => `${namespace}: ${verb} ${resource} ${resourceNames[0]}`.trim()),
      ),
    ),
  );
  return { iam, rbac, actions, verbs };
}

const isWrite = (action: string): boolean => !/:(Describe|Get|List|Simulate)/.test(action);

describe('policies without a plan', () => {
  test('who plans reads', () => {
    const { actions, verbs } = policiesOf(['plan']);
    assert.deepEqual(actions.filter(isWrite), []);
    assert.deepEqual(
      verbs.filter((verb) => !/: (get|list|watch) /.test(verb)),
      [],
    );
  });

  const cases: [PolicyPhase, string[], string[]][] = [
    [
      'prepare',
      [
        'autoscaling:SuspendProcesses',
        'ec2:CreateLaunchTemplate',
        'ec2:CreateTags',
        'eks:UpdateAddon',
        'eks:UpdateNodegroupConfig',
      ],
      ['everywhere: patch nodes'],
    ],
    ['create', ['ec2:CreateTags', 'ec2:RunInstances', 'eks:CreateNodegroup', 'eks:TagResource', 'iam:PassRole'], []],
    [
      'verify',
      ['eks:UpdateNodegroupConfig'],
      ['everywhere: patch nodes', 'kube-system: create pods', 'kube-system: delete pods'],
    ],
    ['drain', [], ['everywhere: create pods/eviction', 'everywhere: patch nodes']],
    ['soak', [], []],
    ['delete', ['eks:DeleteNodegroup'], []],
    ['cleanup', [], ['everywhere: patch nodes', 'kube-system: delete pods']],
  ];
  for (const [phase, actions, verbs] of cases) {
    test(phase, () => {
      const lock = ['kube-system: create leases', 'kube-system: update leases prefix-migrate-prod'];
      const found = policiesOf([phase]);
      assert.deepEqual(found.actions.filter(isWrite).toSorted(), actions);
      assert.deepEqual(
        found.verbs.filter((verb) => !/: (get|list|watch) /.test(verb)).toSorted(),
        [...verbs, ...lock].toSorted(),
      );
    });
  }

  test('never what could end machines or remove nodes', () => {
    const { actions, verbs } = policiesOf(policyPhases);
    assert.deepEqual(
      actions.filter((action) => /Terminate|UpdateCluster|DeleteCluster|DeleteAddon|\*/.test(action)),
      [],
    );
    assert.deepEqual(
      verbs.filter((verb) => /delete nodes|everywhere: delete|secrets|\*/.test(verb)),
      [],
    );
  });

  test('all of it fits into a managed policy, and into the Sid that IAM takes', () => {
    const { iam } = policiesOf(policyPhases, { kind: 's3', bucket: 'migrations', prefix: 'team/a' });
    // IAM quotas: 6,144 characters without white space
    assert.ok(JSON.stringify(iam).length < 6144, String(JSON.stringify(iam).length));
    const sids = iam.Statement.map(({ Sid }) => Sid);
    assert.equal(new Set(sids).size, sids.length);
    assert.ok(sids.every((sid) => /^[A-Za-z0-9]+$/.test(sid)));
    assert.ok(iam.Statement.every(({ Action, Resource }) => Action.length > 0 && Resource.length > 0));
  });

  test('the journal is where --state says', () => {
    const s3 = policiesOf(['drain'], { kind: 's3', bucket: 'migrations', prefix: 'team/a' }).iam.Statement;
    const about = s3.filter(({ Sid }) => Sid.startsWith('Journal'));
    assert.deepEqual(
      about.map(({ Action, Resource, Condition }) => ({ Action, Resource, Condition })),
      [
        {
          Action: ['s3:ListBucket'],
          Resource: ['arn:aws:s3:::migrations'],
          Condition: { StringLike: { 's3:prefix': 'team/a/*' } },
        },
        {
          Action: ['s3:GetObject', 's3:PutObject'],
          Resource: ['arn:aws:s3:::migrations/team/a/*'],
          Condition: undefined,
        },
      ],
    );
    const inCluster = policiesOf(['drain'], { kind: 'kubernetes' }).verbs.filter((verb) => verb.includes('configmaps'));
    assert.ok(inCluster.includes('kube-system: create configmaps'));
    assert.ok(!policiesOf(['drain']).verbs.includes('kube-system: create configmaps'));
  });
});

test('with a plan: its node groups, its tag, its role', () => {
  const plan = samplePlan();
  const { aws } = rightsOf(planWorks(plan.steps, [], policyPhases, { kind: 'file' }), {
    ...scene,
    planTag: 'deadbeef',
  });
  const resourcesOf = (action: string): string[] => [
    ...new Set(aws.filter((right) => right.action === action).flatMap(({ resources }) => resources)),
  ];
  const [group] = plan.nodegroups;
  assert.ok(group);
  assert.deepEqual(resourcesOf('eks:DeleteNodegroup'), [
    `arn:aws:eks:eu-west-1:111122223333:nodegroup/prod/${group.source}/*`,
  ]);
  assert.deepEqual(resourcesOf('eks:TagResource'), [
    `arn:aws:eks:eu-west-1:111122223333:nodegroup/prod/${group.replacement}/*`,
  ]);
  const created = aws.find(({ action }) => action === 'ec2:CreateLaunchTemplate');
  assert.deepEqual(created?.condition, { StringEquals: { 'aws:RequestTag/prefix-migrate/plan': 'deadbeef' } });
});
