import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MigrateError } from '../../src/domain/migrate-error.ts';
import { type Phase, phases } from '../../src/domain/plan.ts';
import { createRig } from './rig.ts';

const stale = (exitCode: 2 | 5 = 5, retryable = false) =>
  new MigrateError({ code: 'PLAN.DRIFTED', message: 'changed', why: '', nextActions: ['plan'], exitCode, retryable });

/** A look before each phase that does what `answers` says at its turn, and whether it was asked. */
function looks(answers: Partial<Record<Phase, (MigrateError | null)[]>> = {}) {
  const asked: Phase[] = [];
  const beforePhase = async (phase: Phase): Promise<void> => {
    asked.push(phase);
    const error = answers[phase]?.shift();
    if (error) throw error;
  };
  return { asked, beforePhase };
}

describe('the look before a phase', () => {
  it('comes once before each, and before anything of it is looked at or written', async () => {
    const rig = createRig();
    const { asked, beforePhase } = looks();
    const begunBefore: Phase[] = [];
    await rig.run({
      async beforePhase(phase) {
        await beforePhase(phase);
        const begun = rig.journal.entries().some((entry) => {
          const step = rig.plan.steps.find(({ id }) => 'stepId' in entry && id === entry.stepId);
          return step?.phase === phase;
        });
        if (begun) begunBefore.push(phase);
      },
    });
    assert.deepEqual(
      asked,
      phases.filter((phase) => rig.plan.steps.some((step) => step.phase === phase)),
    );
    assert.deepEqual(begunBefore, []);
  });

  it('does not come for phases that are done, and comes again in the next run for those that are not', async () => {
    const rig = createRig();
    await rig.run({ until: 'create' });
    const { asked, beforePhase } = looks();
    await rig.run({ until: 'cordon', beforePhase });
    assert.deepEqual(asked, ['verify', 'cordon']);
  });

  it('that says no stops the run: 5 with nothing changed by it, no step begun, and it can go on', async () => {
    const rig = createRig();
    const { exitCode, stoppedBy } = await rig.run(looks({ prepare: [stale()] }));
    assert.deepEqual([exitCode, stoppedBy?.code, stoppedBy?.exitCode], [5, 'PLAN.DRIFTED', 5]);
    assert.deepEqual(
      rig.journal.entries().map(({ type }) => type),
      ['run-started', 'approval', 'run-paused', 'run-finished'],
    );
    assert.deepEqual(rig.world.calls, []);
    assert.equal((await rig.run(looks())).exitCode, 0);
  });

  it('that says no later stops it with 6: something was changed', async () => {
    const rig = createRig();
    const { exitCode, stoppedBy, state } = await rig.run(looks({ cordon: [stale()] }));
    assert.deepEqual([exitCode, stoppedBy?.exitCode], [6, 6]);
    assert.equal(state.steps['cordon-source']?.status, 'pending');
    assert.ok(!rig.world.writes().includes('kubernetes.cordon'));
  });

  it('that cannot be had now is waited for, and asked for once in a round', async () => {
    const rig = createRig();
    const busy = stale(2, true);
    const { asked, ...options } = looks({ prepare: [busy, busy] });
    const begin = rig.world.clock.now();
    assert.equal((await rig.run({ ...options, until: 'prepare' })).exitCode, 0);
    assert.deepEqual(asked, ['prepare', 'prepare', 'prepare']);
    assert.ok(rig.world.clock.now() - begin >= 10_000);
  });

  it('that cannot be had for long ends the run, with its own exit code', async () => {
    const rig = createRig();
    const { exitCode } = await rig.run({ beforePhase: () => Promise.reject(stale(2, true)) });
    assert.equal(exitCode, 2);
    assert.deepEqual(rig.world.writes(), []);
  });

  it('is left behind when the run shall stop', async () => {
    const rig = createRig();
    rig.world.clock.after(60_000, () => rig.stop.abort());
    const { exitCode } = await rig.run({ beforePhase: () => new Promise(() => undefined) });
    assert.equal(exitCode, 130);
  });
});
