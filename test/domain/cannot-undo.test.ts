import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cannotUndo } from '../../src/domain/cannot-undo.ts';
import type { AnyStep, MigrationPlan } from '../../src/domain/plan.ts';
import { otherSteps, samplePlan } from '../support/sample-plan.ts';

const withSteps = (change: (step: AnyStep) => AnyStep[]): MigrationPlan => ({
  ...samplePlan(['apps', 'batch']),
  steps: samplePlan(['apps', 'batch']).steps.flatMap(change),
});

const prefixes = 'Nodes keep prefixes that they hold until the last pod with an address out of it ends.';
const version = 'The VPC CNI stays at its version (1.19.2): nodes with prefixes need 1.9.0 or newer.';
const pods =
  'Pods that have moved (up to 4) move a second time: they are evicted from the new nodes as their budgets allow.';
const deletions = ['apps', 'batch'].map(
  (source) =>
    `Once node group ${source} (2 nodes) is being deleted it does not come back: ${source}-pd-7f3a9c21 stays, and prefix delegation stays on.`,
);

test('a plain plan', () => {
  assert.deepEqual(cannotUndo(withSteps((step) => [step])), [pods, prefixes, version, ...deletions]);
});

test('what the drain may lose, and what was rolled over', () => {
  const surge = [
    { namespace: 'shop', name: 'cart' },
    { namespace: 'shop', name: 'pay' },
  ];
  const plan = withSteps((step) =>
    step.kind === 'drain-source'
      ? [{ ...step, params: { ...step.params, allowEmptyDir: true, allowBarePods: true, surge } }]
      : [],
  );
  assert.deepEqual(cannotUndo(plan), [
    pods,
    'What evicted pods had in emptyDir volumes is lost, on the way there and on the way back.',
    'Evicted pods that no controller owns are gone: nothing makes them again.',
    'shop/cart, shop/pay: the restart that moved the pods stays in the rollout history, and there is another one back.',
  ]);
});

test('settings of somebody else', () => {
  const owner = otherSteps.filter(({ kind }) => kind === 'await-vpc-cni');
  assert.deepEqual(cannotUndo({ ...samplePlan(), steps: owner }), [
    'ENABLE_PREFIX_DELEGATION=true, WARM_PREFIX_TARGET=1 of aws-node is set by Helm release kube-system/aws-vpc-cni, and only there it can be taken back.',
    prefixes,
    version,
  ]);
});

test('a plan without steps takes nothing away', () => {
  assert.deepEqual(cannotUndo({ ...samplePlan(), steps: [] }), []);
});
