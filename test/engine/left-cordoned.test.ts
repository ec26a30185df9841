import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExitCode, MigrateError } from '../../src/domain/migrate-error.ts';
import { initialRunState } from '../../src/domain/run-state.ts';
import { withCordonsTold } from '../../src/engine/left-cordoned.ts';
import { samplePlan } from '../support/sample-plan.ts';

const failed = new MigrateError({
  code: 'NODEGROUP.CREATE_FAILED',
  message: 'no',
  why: 'quota',
  nextActions: ['raise it'],
  exitCode: ExitCode.stoppedPartWay,
});
const safe = samplePlan(['apps', 'tools']);
const first = { ...safe, order: { ...safe.order, order: 'cordon-first' as const } };
const cordoned = { ...initialRunState(first), cordonedNodes: { 'uid-1': 'node-1', 'uid-2': 'node-2' } };

test('a stop while old nodes are cordoned and nothing is verified says so, with the way out', () => {
  const told = withCordonsTold(failed, first, first, cordoned);
  assert.deepEqual(told.nextActions, [
    'raise it',
    "no new pod can start on 2 cordoned old nodes until the run goes on; to let them: kubectl uncordon -l 'eks.amazonaws.com/nodegroup in (apps,tools)'",
  ]);
  assert.deepEqual([told.code, told.exitCode], [failed.code, failed.exitCode]);
});

test('any other stop is told as it is', () => {
  assert.equal(withCordonsTold(failed, safe, safe, cordoned), failed);
  assert.equal(withCordonsTold(failed, first, first, initialRunState(first)), failed);
  const verified = first.steps.filter(({ kind }) => kind === 'verify-replacement').map(({ id }) => id);
  const steps = Object.fromEntries(
    Object.entries(cordoned.steps).map(([id, step]) => [
      id,
      verified.includes(id) ? { ...step, status: 'succeeded' as const } : step,
    ]),
  );
  assert.equal(withCordonsTold(failed, first, first, { ...cordoned, steps }), failed);
});
