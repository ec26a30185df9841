/** What a user of the world may do: policies of IAM and roles of Kubernetes, and how a refusal looks in each protocol. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { decide, type PolicyDocument, type PolicyStatement } from '../../src/simulator/aws/policy.ts';
import { healthy } from '../../src/simulator/scenarios/healthy.ts';
import type { SimHandler } from '../../src/simulator/types.ts';
import { createWorld, type WorldRights } from '../../src/simulator/world.ts';

const allow = (more: Partial<PolicyStatement>): PolicyStatement => ({
  Effect: 'Allow',
  Action: '*',
  Resource: '*',
  ...more,
});
const role = 'arn:aws:iam::111122223333:role/operator';

describe('a policy', () => {
  const cases: [string, PolicyStatement[], Record<string, string>, string, string[]][] = [
    ['nothing is allowed by itself', [], {}, 'implicitDeny', []],
    ['an action by its name, in any case', [allow({ Action: 'ec2:createtags' })], {}, 'allowed', []],
    ['an action by a wildcard', [allow({ Action: ['eks:*', 'ec2:Create????'] })], {}, 'allowed', []],
    ['another action', [allow({ Action: 'ec2:CreateTag' })], {}, 'implicitDeny', []],
    ['a resource by a wildcard', [allow({ Resource: 'arn:aws:ec2:*:launch-template/*' })], {}, 'allowed', []],
    ['another resource', [allow({ Resource: 'arn:aws:ec2:*:instance/*' })], {}, 'implicitDeny', []],
    ['a denial wins', [allow({}), { Effect: 'Deny', Action: 'ec2:*', Resource: '*' }], {}, 'explicitDeny', []],
    [
      'a condition that holds',
      [allow({ Condition: { StringEquals: { 'ec2:CreateAction': ['X', 'CreateLaunchTemplate'] } } })],
      { 'ec2:CreateAction': 'CreateLaunchTemplate' },
      'allowed',
      [],
    ],
    [
      'a condition that does not',
      [allow({ Condition: { StringLike: { 'aws:RequestTag/plan': 'a*' } } })],
      { 'aws:RequestTag/plan': 'b' },
      'implicitDeny',
      [],
    ],
    [
      'a condition whose value nobody knows',
      [allow({ Condition: { StringLike: { 'aws:ResourceTag/plan': '*' } } })],
      {},
      'implicitDeny',
      ['aws:ResourceTag/plan'],
    ],
    [
      'a condition for what is there',
      [allow({ Condition: { StringEqualsIfExists: { 'aws:ResourceTag/plan': 'x' } } })],
      {},
      'allowed',
      ['aws:ResourceTag/plan'],
    ],
  ];
  for (const [name, Statement, context, decision, missing] of cases) {
    test(name, () => {
      const resource = 'arn:aws:ec2:us-west-2:111122223333:launch-template/lt-1';
      assert.deepEqual(decide({ Statement }, { action: 'ec2:CreateTags', resource, context }), { decision, missing });
    });
  }
});

async function send(handler: SimHandler, method: string, path: string, body: object | string = '') {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const answer = await handler({ method, path, headers: {}, body: text });
  assert.ok(typeof answer.body === 'string');
  return { ...answer, body: answer.body };
}
const form = (version: string, action: string, parameters: Record<string, string> = {}): string =>
  new URLSearchParams({ Action: action, Version: version, ...parameters }).toString();

function worldOf(policy: PolicyDocument, rbac: WorldRights['rbac'] = []) {
  const world = createWorld(healthy);
  world.setRights('administrator', { policy, rbac, groups: ['operators'] });
  return { world, ...world.handlersFor('administrator') };
}

const template = {
  LaunchTemplateName: 'one',
  'LaunchTemplateData.EbsOptimized': 'true',
  'TagSpecification.1.ResourceType': 'launch-template',
  'TagSpecification.1.Tag.1.Key': 'plan',
  'TagSpecification.1.Tag.1.Value': 'x',
};

test('each service refuses in its own words, and without effect', async () => {
  const { aws, world } = worldOf({ Statement: [] });
  const eks = await send(aws, 'GET', '/clusters/demo/node-groups/general');
  assert.deepEqual([eks.status, eks.headers['x-amzn-errortype']], [403, 'AccessDeniedException']);
  assert.match(eks.body, /is not authorized to perform: eks:DescribeNodegroup on resource: arn:aws:eks:.*\/general\//);
  const ec2 = await send(aws, 'POST', '/', form('2016-11-15', 'CreateLaunchTemplate', template));
  assert.match(`${ec2.status} ${ec2.body}`, /^403 .*<Code>UnauthorizedOperation<.*ec2:CreateLaunchTemplate on/s);
  const scaling = await send(aws, 'POST', '/', form('2011-01-01', 'DescribeAutoScalingGroups'));
  assert.match(`${scaling.status} ${scaling.body}`, /^403 .*<Code>AccessDenied</s);
  const iam = await send(aws, 'POST', '/', form('2010-05-08', 'SimulatePrincipalPolicy', { PolicySourceArn: role }));
  assert.match(`${iam.status} ${iam.body}`, /^403 .*<Code>AccessDenied<.*iam:SimulatePrincipalPolicy/s);
  assert.equal(world.ec2.launchTemplates.size, 2);
});

/** What EC2 says to a dry run: status, code, and the action that is missing. */
async function dryRun(...Statement: PolicyStatement[]): Promise<string> {
  const { aws } = worldOf({ Statement });
  const request = form('2016-11-15', 'CreateLaunchTemplate', { ...template, DryRun: 'true' });
  const { status, body } = await send(aws, 'POST', '/', request);
  return `${status} ${/<Code>(\w+)/.exec(body)?.[1]} ${/perform: ([\w:]+)/.exec(body)?.[1] ?? ''}`;
}

test('a dry run says what the request would have said', async () => {
  const tagging = allow({
    Action: 'ec2:CreateTags',
    Condition: { StringEquals: { 'ec2:CreateAction': 'CreateLaunchTemplate' } },
  });
  const making = allow({
    Action: 'ec2:CreateLaunchTemplate',
    Condition: { StringLike: { 'aws:RequestTag/plan': '*' } },
  });
  assert.equal(await dryRun(making, tagging), '412 DryRunOperation ');
  assert.equal(await dryRun(making), '403 UnauthorizedOperation ec2:CreateTags');
  assert.equal(await dryRun(tagging), '403 UnauthorizedOperation ec2:CreateLaunchTemplate');
});

test('EKS hands the role on and tries the template in the name of the caller', async () => {
  const actions = ['eks:CreateNodegroup', 'eks:TagResource', 'iam:*', 'ec2:RunInstances', 'ec2:CreateTags'];
  const body = {
    nodegroupName: 'one',
    nodeRole: 'arn:aws:iam::111122223333:role/demo-node',
    subnets: ['subnet-1'],
    launchTemplate: { name: 'none' },
    tags: { a: 'b' },
  };
  const ask = async (without: string): Promise<string> => {
    const { aws } = worldOf({ Statement: [allow({ Action: actions.filter((action) => action !== without) })] });
    const { headers, body: text } = await send(aws, 'POST', '/clusters/demo/node-groups', body);
    return `${headers['x-amzn-errortype']} ${/perform: ([\w:]+)|not authorized to launch/.exec(text)?.[0] ?? ''}`;
  };
  assert.equal(await ask('eks:CreateNodegroup'), 'AccessDeniedException perform: eks:CreateNodegroup');
  assert.equal(await ask('eks:TagResource'), 'AccessDeniedException perform: eks:TagResource');
  assert.equal(await ask('iam:*'), 'AccessDeniedException perform: iam:PassRole');
  assert.equal(await ask('ec2:RunInstances'), 'InvalidRequestException not authorized to launch');
  assert.doesNotMatch(await ask('nothing'), /perform|launch/);
});

test('a simulation answers for each resource, and names the conditions that it was told nothing of', async () => {
  const { aws } = worldOf({
    Statement: [
      allow({ Action: ['iam:SimulatePrincipalPolicy', 'eks:DeleteNodegroup'], Resource: [role, 'arn:x:a'] }),
      allow({ Action: 'ec2:DeleteLaunchTemplate', Condition: { StringLike: { 'aws:ResourceTag/plan': '*' } } }),
    ],
  });
  const simulate = (more: Record<string, string>) =>
    send(aws, 'POST', '/', form('2010-05-08', 'SimulatePrincipalPolicy', { PolicySourceArn: role, ...more }));
  const { status, body } = await simulate({
    'ActionNames.member.1': 'eks:DeleteNodegroup',
    'ActionNames.member.2': 'ec2:DeleteLaunchTemplate',
    'ResourceArns.member.1': 'arn:x:a',
    'ResourceArns.member.2': 'arn:x:b',
  });
  assert.equal(status, 200);
  const each = [
    ...body.matchAll(
      /<EvalResourceName>(arn[^<]+)<.*?<EvalResourceDecision>(\w+)<.*?<MissingContextValues>(.*?)<\/Missing/gs,
    ),
  ];
  assert.deepEqual(
    each.map(([, arn, decision, missing]) => [arn, decision, missing]),
    [
      ['arn:x:a', 'allowed', ''],
      ['arn:x:b', 'implicitDeny', ''],
      ['arn:x:a', 'implicitDeny', '<member>aws:ResourceTag/plan</member>'],
      ['arn:x:b', 'implicitDeny', '<member>aws:ResourceTag/plan</member>'],
    ],
  );
  const other = await send(
    createWorld(healthy).handlersFor('administrator').aws,
    'POST',
    '/',
    form('2010-05-08', 'SimulatePrincipalPolicy', { PolicySourceArn: `${role}-2` }),
  );
  assert.match(`${other.status} ${other.body}`, /^404 .*<Code>NoSuchEntity</s);
});

test('roles of Kubernetes count where they are bound, and reviews say so', async () => {
  const subjects = [{ kind: 'Group', name: 'operators' }];
  const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['list', 'create'] }];
  const { kubernetes } = worldOf({ Statement: [] }, [
    {
      kind: 'ClusterRole',
      metadata: { name: 'a' },
      rules: [{ apiGroups: [''], resources: ['nodes'], verbs: ['list'] }],
    },
    { kind: 'ClusterRoleBinding', metadata: { name: 'a' }, roleRef: { kind: 'ClusterRole', name: 'a' }, subjects },
    { kind: 'Role', metadata: { name: 'b', namespace: 'shop' }, rules },
    { kind: 'RoleBinding', metadata: { name: 'b', namespace: 'shop' }, roleRef: { kind: 'Role', name: 'b' }, subjects },
    { kind: 'Role', metadata: { name: 'b', namespace: 'platform' }, rules },
  ]);
  const statusOf = async (path: string): Promise<number> => (await send(kubernetes, 'GET', path)).status;
  assert.equal(await statusOf('/api/v1/nodes'), 200);
  assert.equal(await statusOf('/api/v1/namespaces/shop/pods'), 200);
  assert.equal(await statusOf('/api/v1/namespaces/platform/pods'), 403);
  assert.equal(await statusOf('/api/v1/pods'), 403);
  const review = async (resourceAttributes: object): Promise<boolean> => {
    const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    const answer: { status: { allowed: boolean } } = JSON.parse(
      (await send(kubernetes, 'POST', path, { spec: { resourceAttributes } })).body,
    );
    return answer.status.allowed;
  };
  assert.equal(await review({ verb: 'create', resource: 'pods', namespace: 'shop' }), true);
  assert.equal(await review({ verb: 'create', resource: 'pods' }), false);
  assert.equal(await review({ verb: 'create', resource: 'pods', subresource: 'eviction', namespace: 'shop' }), false);
});
