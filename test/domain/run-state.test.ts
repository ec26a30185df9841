import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JournalEntry } from '../../src/domain/journal-entry.ts';
import { initialRunState, type RunState, replay } from '../../src/domain/run-state.ts';
import { summarize } from '../../src/domain/run-summary.ts';
import { samplePlan } from '../support/sample-plan.ts';

const plan = samplePlan();
const runId = 'run-1';
const summary = summarize(plan, initialRunState(plan));
const failure = { code: 'X.Y', message: 'm', why: 'w', nextActions: ['n'] };

/** The state after `entries`, one each second. */
function after(...entries: JournalEntry[]): RunState {
  const lines = entries.map((entry, index) => ({
    v: 1 as const,
    seq: index + 1,
    at: `2026-11-22T08:00:0${index}.000Z`,
    prev: '',
    entry,
  }));
  return replay(plan, lines);
}

const stepOf = (state: RunState, id: string) => state.steps[id];

const rollbackBegun: JournalEntry = {
  type: 'run-started',
  runId: 'run-9',
  planId: '',
  toolVersion: '',
  command: '',
  holder: '',
  until: null,
  rollback: { kept: ['apps'] },
};

const started = (stepId: string, token = 'token-0'): JournalEntry => ({ type: 'step-started', runId, stepId, token });
const failed = (stepId: string, tokenSpent?: true): JournalEntry => ({
  type: 'step-failed',
  runId,
  stepId,
  failure,
  ...(tokenSpent && { tokenSpent }),
});
const progress = (stepId: string, of: Extract<JournalEntry, { type: 'step-progress' }>['progress']): JournalEntry => ({
  type: 'step-progress',
  runId,
  stepId,
  progress: of,
});

describe('replay', () => {
  it('before anything every step is pending', () => {
    assert.deepEqual(after(), initialRunState(plan));
    assert.equal(stepOf(after(), 'soak')?.status, 'pending');
  });

  it('keeps the first start and the first token of a step over failures', () => {
    const step = stepOf(after(started('soak'), failed('soak'), started('soak')), 'soak');
    assert.equal(step?.status, 'started');
    assert.equal(step.startedAt, '2026-11-22T08:00:00.000Z');
    assert.equal(step.token, 'token-0');
    assert.equal(step.failure, null);
  });

  it('takes a new token as the next generation', () => {
    const step = stepOf(after(started('soak'), started('soak', 'token-1')), 'soak');
    assert.deepEqual([step?.token, step?.generation], ['token-1', 1]);
  });

  it('forgets a spent token and the update it belongs to', () => {
    const id = 'configure-vpc-cni';
    const update = progress(id, { kind: 'update-requested', what: 'add-on', id: 'u-1' });
    assert.deepEqual(after(started(id), update).steps[id]?.updates, { 'add-on': 'u-1' });
    const step = after(started(id), update, failed(id, true)).steps[id];
    assert.deepEqual([step?.token, step?.generation, step?.updates], [null, 1, {}]);
    assert.equal(after(started(id), failed(id, true), started(id, 'token-1')).steps[id]?.token, 'token-1');
  });

  it('folds evictions by uid, with what was refused', () => {
    const pod = { pod: 'shop/a', uid: 'u1', node: 'n1' };
    const state = after(
      progress('drain-source', { kind: 'eviction-intent', ...pod, budget: 'shop/a' }),
      progress('drain-source', { kind: 'eviction-outcome', pod: 'shop/a', uid: 'u1', outcome: 'budget-exhausted' }),
      progress('drain-source', { kind: 'eviction-intent', ...pod, budget: 'shop/a' }),
      progress('drain-source', { kind: 'eviction-outcome', pod: 'shop/a', uid: 'u1', outcome: 'accepted' }),
      progress('drain-source', { kind: 'pod-gone', ...pod }),
    );
    assert.deepEqual(state.evictions, { u1: { pod: 'shop/a', node: 'n1', outcome: 'accepted' } });
    assert.deepEqual([state.evictionsRefused, state.podsGone], [1, ['u1']]);
    const { podsMoved, evictions, evictionsRefused } = summarize(plan, state);
    assert.deepEqual([podsMoved, evictions, evictionsRefused], [1, 1, 1]);
  });

  it('a paused run has ended, a cut off one has not', () => {
    const begin: JournalEntry = {
      type: 'run-started',
      runId,
      planId: plan.planId,
      toolVersion: '1',
      command: 'apply',
      holder: 'me',
      until: null,
    };
    assert.equal(after(begin).runs[0]?.endedAt, null);
    const [run] = after(
      begin,
      { type: 'run-paused', runId, reason: 'interrupted', detail: '' },
      { type: 'run-finished', runId, exitCode: 130, summary },
    ).runs;
    assert.deepEqual([run?.paused, run?.exitCode], ['interrupted', 130]);
  });

  it('is finished only when every step is', () => {
    const end: JournalEntry = { type: 'run-finished', runId, exitCode: 0, summary };
    const done = plan.steps.map(({ id }): JournalEntry => ({ type: 'step-succeeded', runId, stepId: id, detail: '' }));
    assert.equal(after(...done.slice(1), end).finished, null);
    assert.deepEqual(after(...done, end).finished, summary);
  });

  it('an end that a broken lock kept from being written is written by who broke it', () => {
    const begin: JournalEntry = { ...rollbackBegun, runId: 'run-1' };
    const unlocked: JournalEntry = { type: 'unlocked', runId: 'run-2', by: 'eve', reason: 'gone', holder: 'run-1' };
    assert.partialDeepStrictEqual(after(begin, unlocked).runs, [{ paused: 'unlocked', exitCode: null }]);
    assert.notEqual(after(begin, unlocked).runs[0]?.endedAt, null);
  });

  it('a rollback counts anew what it moves, keeps what the plan did, and its first scope', () => {
    const pod = { pod: 'shop/a', uid: 'u1', node: 'n1' };
    const state = after(
      started('drain-source'),
      progress('drain-source', { kind: 'cordoned', node: 'n1', uid: 'n1' }),
      progress('drain-source', { kind: 'eviction-intent', ...pod, budget: null }),
      progress('drain-source', { kind: 'pod-gone', ...pod }),
      progress('drain-source', { kind: 'restarted', deployment: 'shop/cart', at: 'x' }),
      progress('drain-source', { kind: 'comes-back', workload: 'Deployment shop/web' }),
      rollbackBegun,
      { ...rollbackBegun, rollback: { kept: [] } },
    );
    assert.deepEqual(state.rollback, { kept: ['apps'], startedAt: '2026-11-22T08:00:06.000Z' });
    const { evictions, podsGone, restarted, cameBack, cordonedNodes, steps } = state;
    assert.deepEqual(
      { evictions, podsGone, restarted, cameBack },
      { evictions: {}, podsGone: [], restarted: {}, cameBack: [] },
    );
    assert.deepEqual([cordonedNodes, steps['drain-source']?.status], [{ n1: 'n1' }, 'started']);
  });

  it('a rollback is finished when a run of it has ended with 0, whatever of the plan was never done', () => {
    const undo: JournalEntry = { type: 'step-succeeded', runId, stepId: 'undo/soak', detail: '' };
    const end = (exitCode: number): JournalEntry => ({ type: 'run-finished', runId, exitCode, summary });
    assert.equal(after(rollbackBegun, undo, end(6)).finished, null);
    assert.deepEqual(after(rollbackBegun, undo, end(0)).finished, summary);
  });

  it('whose approval it is', () => {
    const approval: JournalEntry = { type: 'approval', runId, planId: '', by: 'eve', how: 'prompt', phases: ['drain'] };
    const { approvals } = after(approval, { ...approval, rollback: true });
    assert.deepEqual(
      approvals.map(({ isRollback }) => isRollback),
      [false, true],
    );
  });

  it('lines about steps that the plan does not have change nothing', () => {
    assert.deepEqual({ ...after(started('other')), lastEntryAt: null }, initialRunState(plan));
  });
});

const moved = (state: RunState): number[] => {
  const { podsMoved, evictions } = summarize(plan, state);
  return [podsMoved, evictions];
};

describe('summarize', () => {
  it('counts a pod whose answer was never written once the drain is done', () => {
    const intent = progress('drain-source', {
      kind: 'eviction-intent',
      pod: 'shop/a',
      uid: 'u1',
      node: 'n1',
      budget: null,
    });
    assert.deepEqual(moved(after(intent)), [0, 0]);
    const drained: JournalEntry = { type: 'step-succeeded', runId, stepId: 'drain-source', detail: '' };
    assert.deepEqual(moved(after(intent, drained)), [1, 1]);
  });
});
