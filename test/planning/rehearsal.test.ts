import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PlanRequest } from '../../src/domain/plan.ts';
import type { EvictionRehearsal } from '../../src/domain/snapshot.ts';
import { makePlan } from '../../src/planning/plan.ts';
import { aRequest, aSnapshot } from '../support/snapshot.ts';
import { templates } from '../support/templates.ts';

const summary = (
  evictionRehearsal: EvictionRehearsal | null,
  request: Partial<PlanRequest> = {},
  pods = aSnapshot().pods,
) =>
  makePlan({
    snapshot: aSnapshot({ evictionRehearsal, pods }),
    request: aRequest(request),
    findings: [],
    toolVersion: '0.1.0',
    templates,
  }).rehearsal;

test('what the API server said is counted in the plan', () => {
  const refusal = { namespace: 'shop', name: 'web-0', uid: 'u', kind: 'budget-exhausted', detail: 'needs 3' } as const;
  assert.deepEqual(summary({ pods: 9, asked: 5, accepted: 3, refusals: [refusal], partBecause: 'it took too long' }), {
    pods: 9,
    asked: 5,
    accepted: 3,
    refused: 1,
    partBecause: 'it took too long',
  });
  const silent = { ...refusal, kind: 'no-answer' } as const;
  assert.deepEqual(summary({ pods: 9, asked: 9, accepted: 7, refusals: [refusal, silent], partBecause: null }), {
    pods: 9,
    asked: 9,
    accepted: 7,
    refused: 1,
    unanswered: 1,
    partBecause: null,
  });
});

test('not asked is said, unless there was nothing to ask', () => {
  const { pods, ...rest } = summary(null, { rehearseEvictions: false });
  assert.ok(pods > 0);
  assert.deepEqual(rest, { asked: 0, accepted: 0, refused: 0, partBecause: 'not asked (--no-rehearse-evictions)' });
  assert.equal(summary(null).partBecause, 'not asked');
  assert.deepEqual(summary(null, {}, []), { pods: 0, asked: 0, accepted: 0, refused: 0, partBecause: null });
});
