import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rolesOfNodes } from '../../../src/adapters/kubernetes/aws-auth.ts';
import { createKubernetesPort } from '../../../src/adapters/kubernetes/kubernetes-port.ts';
import type { NotSeen } from '../../../src/domain/snapshot.ts';
import type { SimResponse } from '../../../src/simulator/types.ts';
import { createBench, testCluster } from '../virtual.ts';

const json = (status: number, body: unknown): SimResponse => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
});
const list = (...items: object[]): SimResponse => json(200, { kind: 'List', items });
const refused = json(403, { kind: 'Status', code: 403, message: 'is forbidden' });
const unknown = json(404, { kind: 'Status', code: 404, message: 'the server could not find the requested resource' });

async function port(answers: Record<string, SimResponse>) {
  const bench = createBench();
  const kubernetes = await createKubernetesPort({
    clock: bench.clock,
    cluster: testCluster,
    dispatcher: bench.dispatcher(({ path }) => answers[path.split('?')[0] ?? ''] ?? unknown),
    random: () => 0.5,
  });
  return { kubernetes, run: bench.run };
}

const pool = (name: string, nodeClass: string, maxPods?: number): object => ({
  metadata: { name },
  spec: { template: { spec: { nodeClassRef: { name: nodeClass }, ...(maxPods && { kubelet: { maxPods } }) } } },
});

test('by the newest version: maxPods and the family of a class', async () => {
  const { kubernetes, run } = await port({
    '/apis/karpenter.sh/v1/nodepools': list(pool('b', 'default'), pool('a', 'default')),
    '/apis/karpenter.k8s.aws/v1/ec2nodeclasses': list({
      metadata: { name: 'default' },
      spec: { amiSelectorTerms: [{ alias: 'al2023@v20260801' }], kubelet: { maxPods: 60 } },
    }),
  });
  assert.deepEqual(await run(kubernetes.karpenter()), {
    nodePools: [
      { name: 'a', nodeClass: 'default' },
      { name: 'b', nodeClass: 'default' },
    ],
    nodeClasses: [{ name: 'default', apiVersion: 'karpenter.k8s.aws/v1', maxPods: 60, amiFamily: 'al2023' }],
  });
});

test('v1beta1: node pools say maxPods, and count when all of a class do', async () => {
  const { kubernetes, run } = await port({
    '/apis/karpenter.sh/v1beta1/nodepools': list(
      pool('a', 'one', 110),
      pool('b', 'one', 50),
      pool('c', 'two', 110),
      pool('d', 'two'),
    ),
    '/apis/karpenter.k8s.aws/v1beta1/ec2nodeclasses': list(
      { metadata: { name: 'one' }, spec: { amiFamily: 'AL2' } },
      { metadata: { name: 'two' } },
    ),
  });
  assert.deepEqual((await run(kubernetes.karpenter()))?.nodeClasses, [
    { name: 'one', apiVersion: 'karpenter.k8s.aws/v1beta1', maxPods: 50, amiFamily: 'AL2' },
    { name: 'two', apiVersion: 'karpenter.k8s.aws/v1beta1', maxPods: null, amiFamily: null },
  ]);
});

test('not installed, or not to be read', async () => {
  const none = await port({});
  assert.equal(await none.run(none.kubernetes.karpenter()), undefined);
  const missed: NotSeen[] = [];
  const narrow = await port({
    '/apis/karpenter.sh/v1/nodepools': list(),
    '/apis/karpenter.k8s.aws/v1/ec2nodeclasses': refused,
    '/api/v1/namespaces/kube-system/configmaps/aws-auth': refused,
  });
  assert.equal(await narrow.run(narrow.kubernetes.karpenter((one) => missed.push(one))), undefined);
  assert.equal(await narrow.run(narrow.kubernetes.rolesOfAwsAuth((one) => missed.push(one))), null);
  assert.deepEqual(
    missed.map(({ resource }) => resource),
    ['ec2nodeclasses.karpenter.k8s.aws', 'configmaps'],
  );
});

const row = (role: string, group: string): string => `- rolearn: ${role}\n  username: u\n  groups:\n  - ${group}\n`;

test('aws-auth: roles that may be nodes', async () => {
  const mapRoles = row('arn:b', 'system:nodes') + row('arn:admin', 'system:masters') + row('arn:a', 'system:nodes');
  const { kubernetes, run } = await port({
    '/api/v1/namespaces/kube-system/configmaps/aws-auth': json(200, { kind: 'ConfigMap', data: { mapRoles } }),
  });
  assert.deepEqual(await run(kubernetes.rolesOfAwsAuth()), ['arn:a', 'arn:b']);
  const none = await port({});
  assert.deepEqual(await none.run(none.kubernetes.rolesOfAwsAuth()), []);
  for (const text of [undefined, '', 'no: list', '- [', '- &a [*a]', '- rolearn: 1\n  groups: [system:nodes]']) {
    assert.deepEqual(rolesOfNodes(text), [], String(text));
  }
});
