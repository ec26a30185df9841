/** What is said about Auto Scaling groups that EKS does not manage, about shared roles, and about Karpenter. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runChecks } from '../../src/checks/index.ts';
import type { Finding } from '../../src/domain/finding.ts';
import type { PlanRequest } from '../../src/domain/plan.ts';
import type { AutoScalingGroup, ClusterSnapshot, Nodegroup } from '../../src/domain/snapshot.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import { aNode, aNodegroup, anInstanceType, aRequest, aSnapshot } from '../support/snapshot.ts';

const name = 'asg/workers';
const role = 'arn:aws:iam::111122223333:role/eks-node';
const launchTemplate = { id: 'lt-1', name: 'workers', version: '3' };

function snapshotWith(
  group: Partial<Nodegroup> = {},
  asg: Partial<AutoScalingGroup> = {},
  more: Partial<ClusterSnapshot> = {},
): ClusterSnapshot {
  const usual = aSnapshot();
  return {
    ...usual,
    nodegroups: [
      ...usual.nodegroups,
      aNodegroup({
        nodegroupName: name,
        amiType: 'CUSTOM',
        launchTemplate,
        autoScalingGroupNames: ['workers'],
        ...group,
      }),
    ],
    autoScalingGroups: [
      ...usual.autoScalingGroups,
      {
        name: 'workers',
        desiredCapacity: 1,
        minSize: 1,
        maxSize: 2,
        instanceIds: ['i-w'],
        suspendedProcesses: [],
        ...asg,
      },
    ],
    launchTemplates: [
      {
        launchTemplateId: 'lt-1',
        version: '3',
        name: 'workers',
        imageId: 'ami-1',
        instanceType: null,
        userDataHash: null,
        data: { IamInstanceProfile: { Name: 'workers-profile' } },
      },
    ],
    nodes: [...usual.nodes, aNode({ name: 'ip-10-0-1-77', instanceId: 'i-w', nodegroupName: name })],
    ...more,
  };
}

function findings(code: string, snapshot: ClusterSnapshot, request: Partial<PlanRequest> = {}): Finding[] {
  const asked = aRequest(request);
  return runChecks(snapshot, asked, scopeOf(snapshot, asked)).filter((finding) => finding.code === code);
}
const moved = { nodegroups: [name] };

const manyTypes = Array.from({ length: 21 }, (_, index) => `x${index}.large`);
const ofManyTypes = snapshotWith(
  { instanceTypes: manyTypes },
  {},
  { instanceTypes: manyTypes.map((instanceType) => anInstanceType({ instanceType })) },
);

describe('an Auto Scaling group', () => {
  test('stays, and the command that moves it is said where it gains', () => {
    const [advice, ...others] = findings('NODEGROUP.SELF_MANAGED', snapshotWith());
    assert.equal(others.length, 0);
    assert.match(advice?.nextActions[0] ?? '', /plan --cluster shop-eu --nodegroup asg\/workers .*# .*110 pods/);
    const old = snapshotWith({ instanceTypes: ['m4.large'] });
    const xen = anInstanceType({ instanceType: 'm4.large', hypervisor: 'xen' });
    const [plain] = findings('NODEGROUP.SELF_MANAGED', { ...old, instanceTypes: [...old.instanceTypes, xen] });
    assert.deepEqual(plain?.nextActions, []);
  });
  test('named: EKS manages its replacement, and a mix of Spot is said to be lost', () => {
    const [advice] = findings('NODEGROUP.SELF_MANAGED', snapshotWith({}, { onDemandPercent: 25 }), moved);
    assert.equal(advice?.severity, 'advice');
    assert.match(advice.why, /25 % On-Demand and 75 % Spot/);
  });

  const cases: [string, ClusterSnapshot, string, RegExp][] = [
    [
      'whose role IAM does not tell',
      snapshotWith({ nodeRole: '' }),
      'NODEGROUP.ROLE_UNKNOWN',
      /workers-profile.*iam:GetInstanceProfile/,
    ],
    [
      'whose template cannot be read',
      snapshotWith({ nodeRole: '' }, {}, { launchTemplates: [] }),
      'NODEGROUP.ROLE_UNKNOWN',
      /workers version 3 is gone, or could not be read/,
    ],
    [
      'with a launch configuration',
      snapshotWith({ nodeRole: '', launchTemplate: null }, { launchConfiguration: 'old-one' }),
      'NODEGROUP.LAUNCH_CONFIGURATION',
      /launch templates only/,
    ],
    ['of more types than EKS takes', ofManyTypes, 'NODEGROUP.TOO_MANY_TYPES', /has a list/],
  ];
  for (const [what, snapshot, code, why] of cases) {
    test(what, () => {
      const found = findings(code, snapshot, moved);
      assert.equal(found.length, 1);
      assert.equal(found[0]?.severity, 'blocking');
      assert.match(found[0].why, why);
      assert.ok(found[0].nextActions.length > 0);
    });
  }
  test('of too many types is fine with those that are asked for', () => {
    assert.deepEqual(findings('NODEGROUP.TOO_MANY_TYPES', ofManyTypes, { ...moved, instanceTypes: ['x1.large'] }), []);
    const [found] = findings('NODEGROUP.TOO_MANY_TYPES', ofManyTypes, moved);
    assert.match(found?.nextActions[0] ?? '', /--instance-type m5\.large/);
  });
});

describe('a role that self-managed nodes share', () => {
  const joining = (joinRoles: NonNullable<ClusterSnapshot['joinRoles']>, nodeRole = role): ClusterSnapshot =>
    snapshotWith({ nodeRole }, {}, { joinRoles });
  const byAwsAuth = { accessEntries: [], awsAuth: [role, 'arn:own'] };
  const cases: [string, ClusterSnapshot, Partial<PlanRequest>, string[]][] = [
    ['with a managed source', joining(byAwsAuth), { nodegroups: ['apps'] }, ['advice']],
    ['with other managed groups, and moved itself', joining(byAwsAuth), moved, []],
    ['with the replacement alone', joining(byAwsAuth, 'arn:own'), moved, ['blocking']],
    ['not known whether', joining({ accessEntries: null, awsAuth: null }, 'arn:own'), moved, ['blocking']],
    ['with an access entry', joining({ accessEntries: ['arn:own'], awsAuth: ['arn:own'] }, 'arn:own'), moved, []],
    ['without aws-auth', joining({ accessEntries: null, awsAuth: [] }, 'arn:own'), moved, []],
    ['of another role', joining(byAwsAuth, 'arn:own'), { nodegroups: ['apps'] }, []],
    ['unknown, so that another finding says so', joining(byAwsAuth, ''), moved, []],
  ];
  for (const [what, snapshot, request, severities] of cases) {
    test(what, () => {
      const found = findings('NODEGROUP.ROLE_SHARED', snapshot, request);
      assert.deepEqual(
        found.map(({ severity }) => severity),
        severities,
      );
      for (const { nextActions } of found)
        assert.match(nextActions.join('\n'), /create-access-entry .*--type EC2_LINUX/);
    });
  }
  test('can be accepted', () => {
    const allow = { ...moved, allow: ['NODEGROUP.ROLE_SHARED'] };
    assert.equal(findings('NODEGROUP.ROLE_SHARED', joining(byAwsAuth, 'arn:own'), allow)[0]?.allowed, true);
  });
});

const nodeClass = (className: string, maxPods: number | null) => ({
  name: className,
  apiVersion: 'karpenter.k8s.aws/v1',
  maxPods,
  amiFamily: null,
});

test('node classes of Karpenter: those without maxPods, and with too few', () => {
  const karpenter = { nodePools: [], nodeClasses: [nodeClass('a', null), nodeClass('b', 29), nodeClass('c', 110)] };
  const [found] = findings('KARPENTER.NODECLASS', aSnapshot({ karpenter }));
  assert.equal(found?.subject, 'a, b');
  assert.match(found.summary, /a \(not set\), b \(29\)/);
  assert.deepEqual(findings('KARPENTER.NODECLASS', aSnapshot()), []);
});
