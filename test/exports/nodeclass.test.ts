import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Karpenter } from '../../src/domain/snapshot.ts';
import { nodeclassYaml } from '../../src/exports/nodeclass.ts';
import { aNode, anInstanceType, aSnapshot } from '../support/snapshot.ts';
import { planOf } from './plans.ts';
import { readYaml11Documents } from './readers.ts';

const v1 = 'karpenter.k8s.aws/v1';

/** A cluster with these classes; of `small` there is a node with few addresses. */
function planWith(nodeClasses: Karpenter['nodeClasses']) {
  const base = aSnapshot();
  const small = anInstanceType({ instanceType: 'm7g.medium', vcpus: 1, memoryMiB: 4096, enis: 2, ipv4PerEni: 4 });
  return planOf({
    ...base,
    instanceTypes: [...base.instanceTypes, small],
    nodes: [
      ...base.nodes,
      aNode({
        name: 'karpenter-1',
        nodegroupName: null,
        instanceType: 'm7g.medium',
        labels: { 'karpenter.k8s.aws/ec2nodeclass': 'small', 'karpenter.sh/nodepool': 'general' },
      }),
    ],
    karpenter: { nodePools: [{ name: 'general', nodeClass: 'small' }], nodeClasses },
  });
}

const nodeClass = (name: string, maxPods: number | null, apiVersion = v1) => ({
  name,
  apiVersion,
  maxPods,
  amiFamily: null,
});

test('a fragment of each class that needs it, with the reason', () => {
  const text = nodeclassYaml(planWith([nodeClass('default', null), nodeClass('small', 8), nodeClass('done', 110)]));
  assert.deepEqual(
    readYaml11Documents(text),
    [
      ['default', 110],
      ['small', 98],
    ].map(([name, maxPods]) => ({
      apiVersion: v1,
      kind: 'EC2NodeClass',
      metadata: { name },
      spec: { kubelet: { maxPods } },
    })),
  );
  for (const line of [
    '# EC2NodeClass done stays as it is: maxPods 110.',
    '#   kubectl apply --server-side --field-manager prefix-migrate -f FILE',
    '    # 8 before; m7g.medium: 6 prefixes of 16 addresses, of m7g.medium.',
    '    # For node pools general.',
  ]) {
    assert.ok(text.split('\n').includes(line), `${line} in\n${text}`);
  }
  // a patch file has one object
  assert.ok(!text.includes('kubectl patch'));
});

test('of one class the file is a patch, too', () => {
  const text = nodeclassYaml(planWith([nodeClass('default', null)]));
  assert.match(text, /^# {3}kubectl patch ec2nodeclasses default --type merge --patch-file FILE {3}# the same$/m);
});

test('all done: nothing but that', () => {
  const text = nodeclassYaml(planWith([nodeClass('done', 110)]));
  assert.match(text, /^# Plan \w{8}: .*\n# EC2NodeClass done stays as it is: maxPods 110\.\n$/);
  assert.deepEqual(readYaml11Documents(text), []);
});

test('refused: no Karpenter, no class, and versions in which maxPods stands elsewhere', () => {
  assert.throws(() => nodeclassYaml(planOf(aSnapshot())), { code: 'EXPORT.NO_KARPENTER', exitCode: 2 });
  assert.throws(() => nodeclassYaml(planWith([])), { code: 'EXPORT.NO_KARPENTER', exitCode: 2 });
  assert.throws(() => nodeclassYaml(planWith([nodeClass('small', null, 'karpenter.k8s.aws/v1beta1')])), {
    code: 'EXPORT.NOT_POSSIBLE',
    exitCode: 2,
    nextActions: [
      `kubectl patch nodepools general --type merge --patch '{"spec":{"template":{"spec":{"kubelet":{"maxPods":98}}}}}'`,
      'kubectl get nodepools',
    ],
  });
});
