import assert from 'node:assert/strict';
import { test } from 'node:test';
import { initialRunState } from '../../src/domain/run-state.ts';
import { secondsLeft } from '../../src/domain/time-left.ts';
import { samplePlan } from '../support/sample-plan.ts';

const plan = samplePlan(['apps', 'tools']);

test('the longest chain of what is left: node groups come and go side by side', () => {
  const fresh = initialRunState(plan);
  const one = samplePlan(['apps']);
  assert.equal(secondsLeft(plan, fresh), secondsLeft(one, initialRunState(one)));
  // switch, group, its template, one node, its proof, size, all nodes; cordon, drain by the forecast, soak; deletion, cleanup
  const created = 120 + 120 + 5 + 150 + 60 + 150 + 60;
  assert.equal(secondsLeft(plan, fresh), created + 5 + 120 + 600 + 300 + 5);
  assert.equal(secondsLeft(plan, fresh, 'verify'), created);
});
test('what is done takes no time any more', () => {
  const state = initialRunState(plan);
  for (const { id, phase } of plan.steps) {
    const step = state.steps[id];
    if (step !== undefined && !['soak', 'delete', 'cleanup'].includes(phase)) step.status = 'succeeded';
  }
  assert.equal(secondsLeft(plan, state), 600 + 300 + 5);
  for (const step of Object.values(state.steps)) step.status = 'succeeded';
  assert.equal(secondsLeft(plan, state), 0);
});
