import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runChecks } from '../../src/checks/index.ts';
import type { Finding } from '../../src/domain/finding.ts';
import type { PlanRequest } from '../../src/domain/plan.ts';
import type { ClusterSnapshot } from '../../src/domain/snapshot.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import { aNodegroup, aRequest, aSnapshot } from '../support/snapshot.ts';

function found(code: string, snapshot: ClusterSnapshot, change: Partial<PlanRequest> = {}): Finding | undefined {
  const request = aRequest(change);
  return runChecks(snapshot, request, scopeOf(snapshot, request)).find((finding) => finding.code === code);
}
const tagged = (tags: Record<string, string>, nodeRole = 'arn:aws:iam::111122223333:role/node') =>
  aSnapshot({ nodegroups: [aNodegroup({ tags, nodeRole })] });

test('a group of nobody: nothing is said', () => {
  assert.equal(found('NODEGROUP.OWNED', tagged({ team: 'shop' })), undefined);
  assert.equal(found('NODEGROUP.EKSCTL_STACK', tagged({ team: 'shop' })), undefined);
});

test('of Terraform: who, by what, the two steps, and both ways out', () => {
  const finding = found('NODEGROUP.OWNED', tagged({ terraform: 'true' }));
  assert.equal(finding?.severity, 'warning');
  assert.match(finding.summary, /belongs to Terraform \(tag terraform=true\): it is drained, but not deleted/);
  const actions = finding.nextActions.join('\n');
  assert.match(actions, /after the drain: remove the block of apps .*after the drain: terraform apply/s);
  assert.match(actions, /--create-with external/);
  assert.match(actions, /--allow NODEGROUP\.OWNED/);
  const allowed = found('NODEGROUP.OWNED', tagged({ terraform: 'true' }), { allow: ['NODEGROUP.OWNED'] });
  assert.match(allowed?.summary ?? '', /drained and, as you allow it, deleted/);
});

test('of eksctl: through its stack, unless that has made the role', () => {
  const tags = {
    'alpha.eksctl.io/nodegroup-name': 'apps',
    'aws:cloudformation:stack-name': 'eksctl-prod-nodegroup-apps',
  };
  const plain = found('NODEGROUP.EKSCTL_STACK', tagged(tags));
  assert.equal(plain?.severity, 'advice');
  assert.match(plain.summary, /deleted through stack eksctl-prod-nodegroup-apps/);
  const role = 'arn:aws:iam::111122223333:role/eksctl-prod-nodegroup-apps-NodeInstanceRole-1A2B';
  assert.match(found('NODEGROUP.EKSCTL_STACK', tagged(tags, role))?.why ?? '', /the stack stays/);
});

test('what eksctl has no words for is refused for that mode only, with the other modes', () => {
  const snapshot = aSnapshot({ nodegroups: [aNodegroup({ warmPoolConfig: { enabled: true } })] });
  assert.equal(found('NODEGROUP.NOT_FOR_EKSCTL', snapshot), undefined);
  const finding = found('NODEGROUP.NOT_FOR_EKSCTL', snapshot, { createWith: 'eksctl' });
  assert.equal(finding?.severity, 'blocking');
  assert.match(finding.nextActions.join('\n'), /this program makes it\n.*--create-with external/);
});
