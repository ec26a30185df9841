/** The engine on its way back: consent, scope, the order of writes, and the invariants. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MigrateError } from '../../src/domain/migrate-error.ts';
import { type Phase, phases, type StepKind } from '../../src/domain/plan.ts';
import { replay } from '../../src/domain/run-state.ts';
import type { RunOptions, RunResult } from '../../src/engine/run.ts';
import { workOf } from '../../src/engine/work.ts';
import type { StepHandler } from '../../src/steps/step-handler.ts';
import { adapterError } from '../support/fake-ports.ts';
import { createRig, eachHandler, mustFind, ofType, type Rig, types } from './rig.ts';

const folder = 'prefix-migrate-prod';
const back: Partial<RunOptions> = { rollback: { kept: [] }, command: 'prefix-migrate rollback', folder };
const noConsent = { given: false, by: 'ci', how: 'confirm-flag' } as const;

/** A plan that was carried out up to a phase, and a clean list of calls. */
async function applied(until: Phase): Promise<Rig> {
  const rig = createRig();
  assert.equal((await rig.run({ until })).exitCode, 0);
  rig.world.calls.length = 0;
  return rig;
}

async function rolledBack(rig: Rig, options: Partial<RunOptions> = back): Promise<RunResult> {
  const result = await rig.run(options);
  assert.equal(result.exitCode, 0, result.stoppedBy?.message);
  return result;
}

/** Nothing of the plan is there any more, and the source is in service. */
function assertAsBefore({ world }: Rig): void {
  assert.deepEqual([...world.nodegroups.keys()], ['apps']);
  assert.deepEqual([...world.launchTemplates.keys()], []);
  assert.deepEqual(
    world.nodes.filter(({ unschedulable }) => unschedulable),
    [],
  );
  assert.ok(world.nodes.every(({ nodegroupName }) => nodegroupName === 'apps'));
}

const beforeDelete = phases.slice(0, phases.indexOf('delete'));

describe('a plan is taken back', () => {
  for (const until of beforeDelete) {
    it(`after ${until}`, async () => {
      const rig = await applied(until);
      const { state, plan } = await rolledBack(rig);
      assertAsBefore(rig);
      assert.deepEqual(state.rollback?.kept, []);
      assert.notEqual(state.finished, null);
      assert.ok(plan.steps.every(({ id }) => state.steps[id]?.status === 'succeeded'));
    });
  }

  it('and its summary tells what moved back, not what moved before', async () => {
    const rig = await applied('soak');
    const { state } = await rolledBack(rig);
    assert.partialDeepStrictEqual(state.finished, {
      podsMoved: 2,
      evictions: 2,
      prefixesAttached: 0,
      maxPodsBefore: 110,
      maxPodsAfter: 29,
    });
  });

  it('once; a second rollback does nothing and asks for nothing', async () => {
    const rig = await applied('verify');
    await rolledBack(rig);
    rig.world.calls.length = 0;
    await rolledBack(rig, { ...back, consent: noConsent });
    assert.deepEqual(rig.world.calls, []);
  });

  it('and never carried out again', async () => {
    const rig = await applied('verify');
    await rolledBack(rig);
    const { text } = rig.journal;
    rig.world.calls.length = 0;
    await assert.rejects(rig.run({ folder }), (error: MigrateError) => {
      assert.deepEqual([error.code, error.exitCode], ['ROLLBACK.BEGUN', 5]);
      assert.match(error.nextActions[0] ?? '', /^prefix-migrate rollback prefix-migrate-prod /);
      return true;
    });
    assert.equal(rig.journal.text, text);
    assert.deepEqual(rig.world.calls, []);
    assert.equal(rig.lockEvents.at(-1), 'released');
  });
});

describe('the scope of a rollback', () => {
  it('is decided by the first one, under the lock, and read from the journal by the next', async () => {
    const rig = await applied('soak');
    let asked = 0;
    const rollback: RunOptions['rollback'] = async (state) => {
      asked += 1;
      assert.equal(rig.lockEvents.at(-1), 'acquired by run-2');
      assert.equal(state.rollback, null);
      return { kept: [] };
    };
    rig.world.intercept = ({ name }) => {
      if (name === 'kubernetes.evict') rig.stop.abort();
    };
    assert.equal((await rig.run({ ...back, rollback })).exitCode, 130);
    rig.stop = new AbortController();
    rig.world.intercept = () => undefined;
    await rolledBack(rig, { ...back, rollback: () => assert.fail('it is in the journal') });
    assert.equal(asked, 1);
    const started = ofType(rig.journal.entries(), 'run-started').map((entry) => entry.rollback);
    assert.deepEqual(started, [undefined, { kept: [] }, { kept: [] }]);
  });

  it('that cannot be had leaves all as it is, and the plan can go on', async () => {
    const rig = await applied('verify');
    const tooLate = new MigrateError({ code: 'ROLLBACK.TOO_LATE', message: '', why: '', nextActions: [], exitCode: 2 });
    await assert.rejects(rig.run({ ...back, rollback: () => Promise.reject(tooLate) }), tooLate);
    assert.deepEqual(rig.world.writes(), []);
    assert.equal((await rig.run()).exitCode, 0);
  });
});

describe('consent to a rollback', () => {
  it('is its own: that of the plan does not count', async () => {
    const rig = await applied('soak');
    assert.deepEqual(
      ofType(rig.journal.entries(), 'approval').flatMap((entry) => entry.phases),
      ['cordon', 'drain'],
    );
    const { text } = rig.journal;
    await assert.rejects(rig.run({ ...back, consent: noConsent }), (error: MigrateError) => {
      assert.deepEqual([error.code, error.exitCode], ['CONSENT.MISSING', 3]);
      assert.deepEqual(error.nextActions, [
        'add --confirm prod',
        'prefix-migrate rollback prefix-migrate-prod --dry-run   # shows what it would do',
      ]);
      return true;
    });
    assert.equal(rig.journal.text, text, 'no rollback has begun');
    assert.deepEqual(rig.world.writes(), []);
    assert.equal((await rig.run()).exitCode, 0, 'and the plan goes on');
  });

  it('is kept in the journal, and holds for the next run of it', async () => {
    const rig = await applied('soak');
    rig.world.intercept = ({ name }) => {
      if (name === 'kubernetes.evict') rig.stop.abort();
    };
    assert.equal((await rig.run(back)).exitCode, 130);
    const approval = ofType(rig.journal.entries(), 'approval').at(-1);
    assert.deepEqual([approval?.rollback, approval?.by, approval?.how], [true, 'me@host', 'confirm-flag']);
    rig.stop = new AbortController();
    rig.world.intercept = () => undefined;
    await rolledBack(rig, { ...back, consent: noConsent });
    assertAsBefore(rig);
  });
});

describe('a stop of apply offers the rollback', () => {
  const rollback = 'prefix-migrate rollback prefix-migrate-prod   # takes it back instead';

  it('once, at its end', async () => {
    const rig = createRig();
    rig.world.intercept = ({ name }) => {
      if (name === 'eks.createNodegroup') throw adapterError('AWS.REFUSED', false);
    };
    const { exitCode, stoppedBy } = await rig.run({ folder });
    assert.equal(exitCode, 6);
    assert.equal(stoppedBy?.nextActions.at(-1), rollback);
    assert.equal(stoppedBy.nextActions.filter((action) => action.includes('rollback')).length, 1);
    const [failed] = ofType(rig.journal.entries(), 'step-failed');
    assert.ok(failed?.failure.nextActions.every((action) => !action.includes('rollback')));
  });

  it('not when nothing was changed, not when it is too late, not on the way back', async () => {
    const denied = createRig();
    denied.world.intercept = ({ name }) => {
      if (name === 'eks.updateAddon') throw adapterError('AWS.ACCESS_DENIED', false);
    };
    const tooLate = await applied('soak');
    tooLate.world.intercept = ({ name }) => {
      if (name === 'eks.deleteNodegroup') throw adapterError('AWS.REFUSED', false);
    };
    const onTheWay = await applied('verify');
    onTheWay.world.intercept = ({ name }) => {
      if (name === 'eks.deleteNodegroup') throw adapterError('AWS.REFUSED', false);
    };
    const results = [await denied.run({ folder }), await tooLate.run({ folder }), await onTheWay.run(back)];
    assert.deepEqual(
      results.map(({ exitCode }) => exitCode),
      [2, 6, 6],
    );
    for (const { stoppedBy } of results) assert.ok(!stoppedBy?.nextActions.join().includes('rollback'));
  });
});

describe('invariants hold on the way back', () => {
  const undoOfWrite: Record<string, StepKind> = {
    'eks.updateAddon': 'configure-vpc-cni',
    'eks.deleteNodegroup': 'delete-replacement',
    'ec2.deleteLaunchTemplate': 'delete-launch-template',
    'kubernetes.cordon': 'cordon-source',
    'kubernetes.uncordon': 'uncordon-source',
    'kubernetes.evict': 'drain-source',
  };

  it('1. no act without a started line on disk', async () => {
    const rig = await applied('soak');
    const seen = new Set<string>();
    rig.world.intercept = ({ name, write }) => {
      if (!write) return;
      seen.add(name);
      const state = replay(
        rig.plan,
        rig.journal.entries().map((entry, i) => ({ v: 1, seq: i, at: '', prev: '', entry })),
      );
      const kind = mustFind(undoOfWrite[name]);
      const begun = workOf(rig.plan, state).steps.filter((step) => state.steps[step.id]?.status === 'started');
      assert.ok(
        begun.some((step) => step.kind === kind),
        `${name} before its step was started`,
      );
    };
    await rolledBack(rig);
    assert.deepEqual(seen, new Set(Object.keys(undoOfWrite)));
  });

  it('2. no act without an observation that said actionable', async () => {
    const rig = await applied('soak');
    const seen: string[] = [];
    const watch = <K extends StepKind>(handler: StepHandler<K>): StepHandler<K> => ({
      ...handler,
      async observe(step, ports, context) {
        const observation = await handler.observe(step, ports, context);
        seen.push(`${step.id} ${observation.kind}`);
        return observation;
      },
      act(step, ports, run) {
        assert.equal(seen.at(-1), `${step.id} actionable`);
        return handler.act(step, ports, run);
      },
    });
    assert.equal((await rig.run(back, { handlers: eachHandler(watch) })).exitCode, 0);
  });

  it('5. the journal is only appended to, and 7. without the lock nothing is read or written', async () => {
    const rig = await applied('soak');
    let before = rig.journal.text;
    rig.world.intercept = () => {
      assert.ok(rig.journal.text.startsWith(before));
      before = rig.journal.text;
    };
    await rolledBack(rig);
    assert.ok(rig.journal.text.startsWith(before));
    assert.deepEqual(rig.lockEvents, ['acquired by run-1', 'released', 'acquired by run-2', 'released']);
  });

  it('9. no replacement is deleted before the source takes pods again and every evictable pod has left', async () => {
    const rig = await applied('soak');
    let deletions = 0;
    rig.world.intercept = ({ name }) => {
      if (name !== 'eks.deleteNodegroup') return;
      deletions += 1;
      const sources = rig.world.nodes.filter(({ nodegroupName }) => nodegroupName === 'apps');
      assert.ok(sources.length > 0 && sources.every(({ ready, unschedulable }) => ready && !unschedulable));
      const others = new Set(rig.world.nodes.filter((node) => !sources.includes(node)).map((node) => node.name));
      const left = rig.world.pods.filter(
        ({ nodeName, controller }) => controller?.kind !== 'DaemonSet' && others.has(nodeName ?? ''),
      );
      assert.deepEqual(left, []);
    };
    await rolledBack(rig);
    assert.equal(deletions, 1);
  });

  it('12. an eviction names the UID it means, and its intent is on disk before', async () => {
    const rig = await applied('soak');
    const asked = new Set<string>();
    rig.world.intercept = ({ name, args }) => {
      if (name !== 'kubernetes.evict') return;
      const [pod] = args;
      assert.ok(typeof pod === 'object' && pod !== null && 'uid' in pod && typeof pod.uid === 'string');
      const { uid } = pod;
      const intents = ofType(rig.journal.entries(), 'step-progress').map(({ progress }) => progress);
      assert.ok(intents.some((progress) => progress.kind === 'eviction-intent' && progress.uid === uid));
      asked.add(uid);
    };
    await rolledBack(rig);
    assert.equal(asked.size, 2);
  });
});

it('killed at any journal write of a rollback, the same command reaches the same end with each thing asked for once', async () => {
  const whole = await applied('soak');
  const first = whole.journal.entries().length;
  const { state } = await rolledBack(whole);
  const end = whole.world.writes().toSorted();
  const count = whole.journal.entries().length - first;
  for (let cut = 1; cut < count; cut += 1) {
    const rig = await applied('soak');
    const append = rig.journal.append.bind(rig.journal);
    let written = 0;
    rig.journal.append = (at, entry) => {
      written += 1;
      if (written > cut)
        rig.lost.abort(new MigrateError({ code: 'KILL', message: '', why: '', nextActions: [], exitCode: 7 }));
      return written > cut ? Promise.reject(rig.lost.signal.reason) : append(at, entry);
    };
    await rig.run(back).catch(() => undefined);
    rig.lost = new AbortController();
    rig.journal.append = append;
    const { exitCode, stoppedBy, state: ended } = await rig.run(back);
    assert.equal(exitCode, 0, `cut after line ${cut}: ${stoppedBy?.message}`);
    assertAsBefore(rig);
    const writes = rig.world.writes().toSorted();
    for (const name of ['kubernetes.evict', 'eks.deleteNodegroup', 'ec2.deleteLaunchTemplate']) {
      const times = (names: string[]): number => names.filter((each) => each === name).length;
      assert.equal(times(writes), times(end), `${name}, cut after line ${cut}`);
    }
    assert.deepEqual(ended.finished, state.finished);
  }
});

describe('credentials that end on the way back', () => {
  it('are a pause: exit 6, the command to go on with, and it goes on', async () => {
    const rig = await applied('soak');
    rig.world.intercept = ({ name }) => {
      if (name === 'eks.deleteNodegroup') throw adapterError('AWS.EXPIRED_CREDENTIALS', false);
    };
    const { exitCode, stoppedBy } = await rig.run(back);
    assert.equal(exitCode, 6);
    assert.equal(stoppedBy?.nextActions.at(-1), 'prefix-migrate rollback   # with new credentials: goes on from here');
    assert.deepEqual(types(rig.journal.entries()).slice(-2), ['run-paused', 'run-finished']);
    rig.world.intercept = () => undefined;
    await rolledBack(rig);
    assertAsBefore(rig);
  });
});
