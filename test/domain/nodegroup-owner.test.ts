import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { handOverInstructions, nodegroupOwnerText, ownerOf, removalOf } from '../../src/domain/nodegroup-owner.ts';

const rows: [tags: Record<string, string>, tool: string, evidence: RegExp, name?: string][] = [
  [{}, 'nobody', /no tag/],
  [{ team: 'shop', Environment: 'prod', Name: 'apps' }, 'nobody', /no tag/],
  [{ terraform: 'false', 'managed-by': 'hand' }, 'nobody', /no tag/],
  [
    { 'alpha.eksctl.io/nodegroup-name': 'apps', 'aws:cloudformation:stack-name': 'eksctl-demo-nodegroup-apps' },
    'eksctl',
    /alpha\.eksctl\.io/,
    'eksctl-demo-nodegroup-apps',
  ],
  [{ 'alpha.eksctl.io/nodegroup-name': 'apps' }, 'eksctl', /alpha\.eksctl\.io/],
  [{ 'aws:cloudformation:stack-name': 'Shop' }, 'cloudformation', /stack-name=Shop/, 'Shop'],
  [{ terraform: 'true' }, 'terraform', /^tag terraform=true$/],
  [{ Terraform: 'yes' }, 'terraform', /Terraform/],
  [{ 'terraform-aws-modules': 'eks' }, 'terraform', /terraform-aws-modules=eks/],
  [{ ManagedBy: 'Terraform' }, 'terraform', /ManagedBy=Terraform/],
  [{ 'managed-by': 'terraform' }, 'terraform', /managed-by/],
  [{ managed_by: 'terragrunt' }, 'terraform', /managed_by/],
  [{ 'app.kubernetes.io/managed-by': 'OpenTofu' }, 'terraform', /managed-by/],
  [{ GithubRepo: 'terraform-aws-eks' }, 'terraform', /GithubRepo/],
  [{ 'pulumi:project': 'shop', 'pulumi:stack': 'prod' }, 'pulumi', /pulumi:project/, 'prod'],
  [{ 'managed-by': 'pulumi' }, 'pulumi', /managed-by/],
  [
    {
      'crossplane-kind': 'nodegroup.eks.aws.upbound.io',
      'crossplane-name': 'apps-x',
      'crossplane-providerconfig': 'd',
    },
    'crossplane',
    /crossplane-kind/,
    'apps-x',
  ],
  [{ 'sigs.k8s.io/cluster-api-provider-aws/cluster/demo': 'owned' }, 'cluster-api', /cluster-api-provider-aws/],
  [{ 'services.k8s.aws/controller-version': 'eks-1.0.0', 'services.k8s.aws/namespace': 'x' }, 'ack', /services\.k8s/],
  [{ 'management.cattle.io/cluster-id': 'c-1' }, 'rancher', /cattle/],
];

describe('ownerOf', () => {
  for (const [tags, tool, evidence, name = null] of rows) {
    test(`${JSON.stringify(tags)}: ${tool}`, () => {
      const owner = ownerOf({ tags });
      assert.deepEqual([owner.tool, owner.name], [tool, name]);
      assert.match(owner.evidence, evidence);
    });
  }
});

const removal = (tags: Record<string, string>, allow: string[] = []) => removalOf(ownerOf({ tags }), allow);

test('who takes the source away', () => {
  assert.equal(removal({}), 'delete');
  assert.equal(removal({ 'alpha.eksctl.io/nodegroup-name': 'apps' }), 'delete-stack');
  assert.equal(removal({ terraform: 'true' }), 'hand-over');
  assert.equal(removal({ terraform: 'true' }, ['POD.BARE']), 'hand-over');
  assert.equal(removal({ terraform: 'true' }, ['NODEGROUP.OWNED']), 'delete');
});

test('every owner is told what to do, and adopts the new group only when this program has made it', () => {
  const groups = { source: 'apps', replacement: 'apps-pd-1' };
  for (const [tags] of rows) {
    const owner = ownerOf({ tags });
    const ours = handOverInstructions(owner, groups, { clusterName: 'demo', isMadeByUs: true });
    const theirs = handOverInstructions(owner, groups, { clusterName: 'demo', isMadeByUs: false });
    assert.ok(theirs.length > 0 && ours.length >= theirs.length, nodegroupOwnerText(owner));
    assert.ok(theirs.some((line) => line.includes('apps')));
    assert.ok(!theirs.some((line) => /import/.test(line)));
  }
  const terraform = handOverInstructions(ownerOf({ tags: { terraform: 'true' } }), groups, {
    clusterName: 'demo',
    isMadeByUs: true,
  });
  assert.equal(terraform[1], 'terraform import ADDRESS demo:apps-pd-1');
});
