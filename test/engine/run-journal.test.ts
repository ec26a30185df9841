import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JournalEntry, JournalLine } from '../../src/domain/journal-entry.ts';
import { openRunJournal, type RunEntry, type RunJournal, refuseOtherPlan } from '../../src/engine/run-journal.ts';
import type { JournalStore } from '../../src/ports/journal-store.ts';
import { createWorld } from '../support/fake-ports.ts';
import { samplePlan } from '../support/sample-plan.ts';
import { silent } from './rig.ts';

interface Rig {
  journal: RunJournal;
  /** in order: what the store was handed, and what the reporter was shown */
  events: string[];
  /** the store's answers to what it was handed, in any order */
  answer: (turn: number) => void;
  fail: (turn: number, reason: Error) => void;
  lost: AbortController;
}

/** A store that takes everything at once and answers when it is told to, as one over a network does. */
async function createRig(): Promise<Rig> {
  const events: string[] = [];
  const turns: PromiseWithResolvers<JournalLine>[] = [];
  const lines: JournalLine[] = [];
  const lost = new AbortController();
  const store: JournalStore = {
    read: async () => ({ lines: [], tornTail: false }),
    append(at, entry) {
      events.push(`handed ${detailOf(entry)}`);
      lines.push({ v: 1, seq: lines.length + 1, at, prev: '', entry });
      const turn = Promise.withResolvers<JournalLine>();
      turns.push(turn);
      return turn.promise;
    },
  };
  const journal = await openRunJournal({
    plan: samplePlan(),
    journal: store,
    clock: createWorld().clock,
    reporter: { ...silent, line: ({ entry }) => events.push(`shown ${detailOf(entry)}`) },
    runId: 'run-1',
    held: { lost: lost.signal, confirm: async () => lost.signal.throwIfAborted(), release: async () => undefined },
  });
  return {
    journal,
    events,
    lost,
    answer(turn) {
      const line = lines[turn];
      assert.ok(line);
      turns[turn]?.resolve(line);
    },
    fail: (turn, reason) => turns[turn]?.reject(reason),
  };
}

const detailOf = (entry: JournalEntry): string => ('detail' in entry ? entry.detail : entry.type);
const done = (detail: string): RunEntry => ({ type: 'step-succeeded', stepId: 'soak', detail });
/** Lets everything happen that needs no answer of the store. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the journal of a run', () => {
  it('hands over what comes meanwhile, and shows it in order when all before it is durable', async () => {
    const { journal, events, answer } = await createRig();
    const writes = ['a', 'b', 'c'].map((detail) => journal.write(done(detail)));
    await settled();
    assert.deepEqual(events, ['handed a', 'handed b', 'handed c'], 'one round trip for all');
    answer(2);
    answer(1);
    await settled();
    assert.equal(journal.state.steps['soak']?.detail, null, 'the first is not durable yet');
    answer(0);
    await Promise.all(writes);
    assert.deepEqual(events.slice(3), ['shown a', 'shown b', 'shown c']);
    assert.equal(journal.state.steps['soak']?.detail, 'c');
  });

  it('after a failure nothing more counts, is shown or handed over', async () => {
    const { journal, events, answer, fail } = await createRig();
    const full = new Error('disk full');
    const writes = ['a', 'b', 'c'].map((detail) => journal.write(done(detail)));
    await settled();
    answer(0);
    fail(1, full);
    answer(2);
    assert.deepEqual(
      (await Promise.allSettled(writes)).map(({ status }) => status),
      ['fulfilled', 'rejected', 'rejected'],
    );
    await assert.rejects(journal.write(done('d')), full);
    assert.deepEqual(events, ['handed a', 'handed b', 'handed c', 'shown a']);
    assert.equal(journal.state.steps['soak']?.detail, 'a');
  });

  it('of a lost lock nothing is handed over', async () => {
    const { journal, events, lost } = await createRig();
    lost.abort(new Error('taken over'));
    await assert.rejects(journal.write(done('a')), /taken over/);
    assert.deepEqual(events, []);
  });

  it('of a run that is over nothing is handed over', async () => {
    const { journal, events } = await createRig();
    journal.close();
    await assert.rejects(journal.write(done('a')), /too late/);
    assert.deepEqual(events, []);
  });
});

const begun = (planId: string): JournalLine => ({
  v: 1,
  seq: 1,
  at: '',
  prev: '',
  entry: { type: 'run-started', runId: 'run-1', planId, toolVersion: '', command: '', holder: '', until: null },
});

it('a journal of another plan is refused with both ids', () => {
  const plan = samplePlan();
  refuseOtherPlan([begun(plan.planId)], plan);
  assert.throws(() => refuseOtherPlan([begun('cd'.repeat(32))], plan), {
    code: 'JOURNAL.OTHER_PLAN',
    exitCode: 2,
    why: 'The journal was written for plan cdcdcdcdcdcd, but plan.json is abababababab.',
  });
});
