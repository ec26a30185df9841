/** Questions about rights: whose policies IAM is asked about, and a server that takes a dry run for the real thing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAwsPorts } from '../../../src/adapters/aws/aws-ports.ts';
import { createBench } from '../virtual.ts';

const sso = 'AWSReservedSSO_Admin_0123456789abcdef';
const session = `arn:aws:sts::111122223333:assumed-role/${sso}/jane`;
const withPath = `arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/${sso}`;

/** Ports over a server that answers a form with the body of an XML answer, or with an error. */
function portsOver(answer: (form: URLSearchParams) => { status?: number; body: string }) {
  const bench = createBench();
  const forms: URLSearchParams[] = [];
  const ports = createAwsPorts({
    clock: bench.clock,
    region: 'eu-west-1',
    endpoint: 'http://aws.invalid',
    credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'none' },
    requestHandler: bench.requestHandler(({ body }) => {
      const form = new URLSearchParams(body);
      forms.push(form);
      const { status = 200, body: inner } = answer(form);
      const action = form.get('Action');
      const text = status === 200 ? `<${action}Response>${inner}</${action}Response>` : inner;
      return { status, headers: { 'content-type': 'text/xml', 'x-amzn-requestid': '1' }, body: text };
    }),
  });
  return { run: bench.run, ports, forms };
}

const noSuchEntity = {
  status: 404,
  body: '<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>none</Message></Error></ErrorResponse>',
};
const result = (decision: string, missing = ''): string =>
  `<SimulatePrincipalPolicyResult><IsTruncated>false</IsTruncated><EvaluationResults><member><EvalActionName>eks:DeleteNodegroup</EvalActionName><EvalDecision>${decision}</EvalDecision><ResourceSpecificResults><member><EvalResourceName>arn:x</EvalResourceName><EvalResourceDecision>${decision}</EvalResourceDecision><MissingContextValues>${missing}</MissingContextValues></member></ResourceSpecificResults></member></EvaluationResults></SimulatePrincipalPolicyResult>`;

test('a session stands for its role, wherever the role lies', async () => {
  const { run, ports, forms } = portsOver((form) => {
    if (form.get('Action') === 'GetRole')
      return { body: `<GetRoleResult><Role><Arn>${withPath}</Arn></Role></GetRoleResult>` };
    return form.get('PolicySourceArn') === withPath ? { body: result('implicitDeny') } : noSuchEntity;
  });
  const found = await run(ports.iam.simulate(session, ['eks:DeleteNodegroup'], ['arn:x']));
  assert.deepEqual(found, [{ action: 'eks:DeleteNodegroup', resourceArn: 'arn:x', answer: 'denied' }]);
  assert.deepEqual(
    forms.map((form) => form.get('PolicySourceArn') ?? form.get('RoleName')),
    [`arn:aws:iam::111122223333:role/${sso}`, sso, withPath],
  );
});

for (const [decision, missing, answer] of [
  ['allowed', '', 'allowed'],
  ['implicitDeny', '', 'denied'],
  ['explicitDeny', '', 'denied'],
  ['implicitDeny', '<member>aws:ResourceTag/team</member>', 'unknown'],
] as const) {
  test(`${decision}${missing === '' ? '' : ' for a condition that IAM knows nothing of'} is ${answer}`, async () => {
    const { run, ports } = portsOver(() => ({ body: result(decision, missing) }));
    const found = await run(
      ports.iam.simulate('arn:aws:iam::111122223333:user/me', ['eks:DeleteNodegroup'], ['arn:x']),
    );
    assert.deepEqual(
      found.map((one) => one.answer),
      [answer],
    );
  });
}

test('what a server makes in spite of the dry run goes again, and nothing is known', async () => {
  const { run, ports, forms } = portsOver((form) =>
    form.get('Action') === 'CreateLaunchTemplate'
      ? { body: '<launchTemplate><launchTemplateId>lt-1</launchTemplateId></launchTemplate>' }
      : { body: '' },
  );
  const answer = await run(ports.ec2.mayCreateLaunchTemplate({ data: {}, tags: { a: 'b' } }));
  assert.deepEqual(answer, { action: 'ec2:CreateLaunchTemplate', answer: 'unknown' });
  assert.deepEqual(
    forms.map((form) => [form.get('Action'), form.get('DryRun'), form.get('LaunchTemplateId')]),
    [
      ['CreateLaunchTemplate', 'true', null],
      ['DeleteLaunchTemplate', null, 'lt-1'],
    ],
  );
});
