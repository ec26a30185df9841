import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLeaseLock, leaseName } from '../../../src/adapters/kubernetes/lease-lock.ts';
import { ExitCode, MigrateError } from '../../../src/domain/migrate-error.ts';
import type { KubernetesPort, LeaseRecord } from '../../../src/ports/kubernetes.ts';
import { createBench } from '../virtual.ts';

const never = new AbortController().signal;
const me = { id: 'me', command: 'apply DIR' };

const outage = () =>
  new MigrateError({
    code: 'KUBERNETES.UNREACHABLE',
    message: 'down',
    why: '',
    nextActions: [],
    exitCode: ExitCode.invalidInput,
    retryable: true,
  });

/** One Lease in memory, as the API server keeps it. `down` makes every call fail as an outage does. */
function createLeases(first?: LeaseRecord) {
  const leases = { record: first, down: false, writes: 0 };
  const kubernetes: Pick<KubernetesPort, 'getLease' | 'putLease'> = {
    async getLease() {
      if (leases.down) throw outage();
      return leases.record;
    },
    async putLease(_namespace, _name, wanted) {
      if (leases.down) throw outage();
      if ((leases.record?.resourceVersion ?? null) !== wanted.resourceVersion) return 'conflict';
      leases.writes += 1;
      leases.record = { ...wanted, resourceVersion: String(Number(leases.record?.resourceVersion ?? 0) + 1) };
      return leases.record;
    },
  };
  return { leases, kubernetes };
}

function setUp(first?: LeaseRecord, isHolderGone?: (holder: string) => boolean) {
  const bench = createBench();
  const { leases, kubernetes } = createLeases(first);
  const warnings: string[] = [];
  const lock = createLeaseLock({
    kubernetes,
    clock: bench.clock,
    clusterName: 'demo',
    isHolderGone,
    onWarning: (text) => warnings.push(text),
  });
  return { ...bench, leases, kubernetes, lock, warnings };
}

const ago = (seconds: number): string => new Date(Date.UTC(2026, 0, 1) - seconds * 1000).toISOString();
const heldBy = (holder: string, renewedSecondsAgo: number): LeaseRecord => ({
  holder,
  description: 'apply OTHER',
  acquiredAt: ago(900),
  renewedAt: ago(renewedSecondsAgo),
  durationSeconds: 60,
  transitions: 4,
  resourceVersion: '7',
});

const isHeld = (error: unknown): boolean => {
  assert.ok(error instanceof MigrateError);
  assert.equal(error.code, 'LOCK.HELD');
  assert.equal(error.exitCode, 7);
  assert.match(error.message, /other \(apply OTHER\)/);
  assert.match(error.why, /since 2025-12-31T23:45:00/);
  return true;
};

test('takes a lock that is free, renews it, gives it back', async () => {
  const { run, lock, leases, clock } = setUp();
  const held = await run(lock.acquire(me, never));
  assert.deepEqual([leases.record?.holder, leases.record?.transitions, leases.record?.durationSeconds], ['me', 0, 60]);
  await run(clock.sleep(35_000));
  assert.equal(leases.record?.renewedAt, new Date(Date.UTC(2026, 0, 1, 0, 0, 30)).toISOString());
  await run(held.release());
  assert.deepEqual([leases.record?.holder, leases.record?.durationSeconds, held.lost.aborted], ['', 1, false]);
  const writes = leases.writes;
  await run(held.release());
  await run(clock.sleep(60_000));
  assert.equal(leases.writes, writes);
});

test('fails at once when the holder renewed of late, whichever way the clocks differ', async () => {
  for (const seconds of [5, 60, -30]) {
    const { run, lock, clock } = setUp(heldBy('other', seconds));
    const begin = clock.now();
    await assert.rejects(run(lock.acquire(me, never)), isHeld);
    assert.equal(clock.now(), begin);
  }
});

test('takes over a record that looks expired only after watching it for its whole duration', async () => {
  const { run, lock, clock, leases } = setUp(heldBy('other', 300));
  const begin = clock.now();
  const held = await run(lock.acquire(me, never));
  assert.equal(clock.now() - begin, 60_000);
  assert.deepEqual([leases.record?.holder, leases.record?.transitions], ['me', 5]);
  await run(held.release());
});

test('leaves a holder alone whose clock is behind but who renews', async () => {
  const { run, lock, clock, leases } = setUp(heldBy('other', 300));
  const renew = async () => {
    await clock.sleep(12_000);
    leases.record = { ...heldBy('other', 290), resourceVersion: '8' };
  };
  const renewal = renew();
  await assert.rejects(run(lock.acquire(me, never)), isHeld);
  await renewal;
  assert.equal(leases.record?.holder, 'other');
});

test('takes over at once from a process of this machine that has ended', async () => {
  const { run, lock, clock, leases } = setUp(heldBy('other', 5), (holder) => holder === 'other');
  const begin = clock.now();
  const held = await run(lock.acquire(me, never));
  assert.deepEqual([clock.now() - begin, leases.record?.holder], [0, 'me']);
  await run(held.release());
});

test('of two that want it one gets it', async () => {
  const { run, lock, leases } = setUp();
  const results = await run(
    Promise.allSettled([lock.acquire(me, never), lock.acquire({ id: 'you', command: 'apply' }, never)]),
  );
  assert.deepEqual(results.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected']);
  assert.ok(leases.record?.holder === 'me' || leases.record?.holder === 'you');
  for (const result of results) if (result.status === 'fulfilled') await run(result.value.release());
});

test('tells that the lock is lost: taken by another, or not renewed for 40 s', async () => {
  const taken = setUp();
  const first = await taken.run(taken.lock.acquire(me, never));
  taken.leases.record = heldBy('other', 0);
  await taken.run(taken.clock.sleep(11_000));
  assert.equal(first.lost.reason.code, 'LOCK.LOST');
  await taken.run(first.release());
  assert.equal(taken.leases.record.holder, 'other');

  const cutOff = setUp();
  const second = await cutOff.run(cutOff.lock.acquire(me, never));
  cutOff.leases.down = true;
  await cutOff.run(cutOff.clock.sleep(39_000));
  assert.equal(second.lost.aborted, false);
  await cutOff.run(cutOff.clock.sleep(12_000));
  assert.equal(second.lost.reason.code, 'LOCK.LOST');
  assert.equal(second.lost.reason.exitCode, 6);
});

test('expired credentials are no loss before others may take it, and are then told', async () => {
  const { run, lock, clock, kubernetes } = setUp();
  const held = await run(lock.acquire(me, never));
  kubernetes.putLease = () =>
    Promise.reject(
      new MigrateError({
        code: 'AWS.EXPIRED_CREDENTIALS',
        message: 'The AWS credentials have expired.',
        why: '',
        nextActions: ['aws sso login'],
        exitCode: ExitCode.invalidInput,
      }),
    );
  await run(clock.sleep(39_000));
  assert.equal(held.lost.aborted, false);
  await run(clock.sleep(12_000));
  assert.equal(held.lost.reason.code, 'LOCK.LOST');
  assert.match(held.lost.reason.why, /The AWS credentials have expired/);
  assert.equal(held.lost.reason.nextActions[0], 'aws sso login');
});

test('survives a short outage, and an edit by somebody else that leaves the holder', async () => {
  const { run, lock, clock, leases } = setUp();
  const held = await run(lock.acquire(me, never));
  leases.down = true;
  await run(clock.sleep(25_000));
  leases.down = false;
  assert.ok(leases.record);
  leases.record = { ...leases.record, description: 'edited', resourceVersion: '50' };
  await run(clock.sleep(60_000));
  assert.equal(held.lost.aborted, false);
  assert.equal(leases.record.holder, 'me');
  await run(held.release());
});

test('warns when it cannot be given back', async () => {
  const { run, lock, leases, warnings } = setUp();
  const held = await run(lock.acquire(me, never));
  leases.down = true;
  await run(held.release());
  assert.match(warnings[0] ?? '', /kube-system\/prefix-migrate-demo was not given back/);
});

test('takes a lock over only as it was seen: whoever was faster keeps it', async () => {
  const { run, lock, clock, leases, kubernetes } = setUp(heldBy('other', 300));
  const { getLease } = kubernetes;
  const begin = clock.now();
  // a third one takes it right after the last look
  kubernetes.getLease = async (...args) => {
    const found = await getLease(...args);
    if (clock.now() - begin >= 60_000 && leases.record?.holder === 'other') {
      leases.record = { ...heldBy('third', 0), resourceVersion: '8' };
    }
    return found;
  };
  await assert.rejects(run(lock.acquire(me, never)), /third/);
  assert.equal(leases.record?.holder, 'third');
});

const unheard = {
  title: 'ConfigMaps kube-system/x-0001 and on',
  actionsElsewhere: () => [],
  actionsGone: ['restore it'],
};

test('says where the journal is before it is written, and keeps saying it', async () => {
  const bench = createBench();
  const { leases, kubernetes } = createLeases();
  const journal = { planId: 'plan', state: 'kubernetes', isEmpty: async () => true, ...unheard };
  const lock = createLeaseLock({ kubernetes, clock: bench.clock, clusterName: 'demo', journal });
  const held = await bench.run(lock.acquire(me, never));
  assert.equal(leases.record?.journal, undefined);
  await bench.run(Promise.all([lock.noteJournal(), lock.noteJournal()]));
  assert.deepEqual([leases.record?.journal, leases.writes], [{ planId: 'plan', state: 'kubernetes' }, 2]);
  await bench.run(bench.clock.sleep(15_000));
  await bench.run(held.release());
  const left: LeaseRecord | undefined = leases.record;
  assert.deepEqual([left?.holder, left?.journal?.state], ['', 'kubernetes']);
});

const actionsElsewhere = (found: string): string[] => [`apply --state ${found}`];

test('a run whose journal is empty is refused when that of its plan is elsewhere, and leaves the lock as it was', async () => {
  const noted = { planId: 'plan', state: 's3://b/p' };
  const rows: [own: { planId: string; state: string; empty: boolean }, refused: boolean][] = [
    [{ planId: 'plan', state: 'kubernetes', empty: true }, true],
    [{ planId: 'plan', state: 'kubernetes', empty: false }, false],
    [{ planId: 'plan', state: 's3://b/p', empty: true }, false],
    [{ planId: 'other', state: 'kubernetes', empty: true }, false],
  ];
  for (const [{ planId, state, empty }, refused] of rows) {
    const bench = createBench();
    const { leases, kubernetes } = createLeases({ ...heldBy('', 300), journal: noted });
    const journal = { planId, state, isEmpty: async () => empty, ...unheard, actionsElsewhere };
    const lock = createLeaseLock({ kubernetes, clock: bench.clock, clusterName: 'demo', journal });
    const taken = bench.run(lock.acquire(me, never));
    if (!refused) {
      await bench.run((await taken).release());
      continue;
    }
    await assert.rejects(taken, (error) => {
      assert.ok(error instanceof MigrateError);
      assert.deepEqual([error.code, error.exitCode], ['STATE.ELSEWHERE', 2]);
      assert.deepEqual(error.nextActions, ['apply --state s3://b/p']);
      return true;
    });
    assert.deepEqual([leases.record?.holder, leases.record?.journal], ['', noted]);
  }
});

test('from a copy of the folder it is told that a run is under way, not that its journal is elsewhere', async () => {
  const noted = { planId: 'plan', state: 'file://a/plan' };
  for (const [secondsAgo, code] of [
    [5, 'LOCK.HELD'],
    [300, 'STATE.ELSEWHERE'],
  ] as const) {
    const bench = createBench();
    const { kubernetes } = createLeases({ ...heldBy('other', secondsAgo), journal: noted });
    const journal = { planId: 'plan', state: 'file://a/copy', isEmpty: async () => true, ...unheard, actionsElsewhere };
    const lock = createLeaseLock({ kubernetes, clock: bench.clock, clusterName: 'demo', journal });
    await assert.rejects(bench.run(lock.refuseElsewhere()), { code });
  }
});

test('a journal that had lines and is gone is missed; one that was only announced is begun anew', async () => {
  const bench = createBench();
  const { leases, kubernetes } = createLeases();
  let isEmpty = true;
  const journal = { planId: 'plan', state: 'kubernetes', isEmpty: async () => isEmpty, ...unheard };
  const begin = () => createLeaseLock({ kubernetes, clock: bench.clock, clusterName: 'demo', journal });
  const first = begin();
  const announced = await bench.run(first.acquire(me, never));
  await bench.run(first.noteJournal());
  await bench.run(announced.release());
  const second = begin();
  const written = await bench.run(second.acquire(me, never));
  await bench.run(second.noteJournal());
  second.journalBegun();
  await bench.run(written.release());
  assert.equal(leases.record?.journal?.isBegun, true);
  isEmpty = false;
  await bench.run((await bench.run(begin().acquire(me, never))).release());
  isEmpty = true;
  await assert.rejects(bench.run(begin().acquire(me, never)), (error) => {
    assert.ok(error instanceof MigrateError);
    assert.deepEqual([error.code, error.exitCode, error.nextActions], ['STATE.GONE', 2, ['restore it']]);
    assert.match(error.message, /was in ConfigMaps kube-system\/x-0001 and on, and is gone/);
    return true;
  });
});

test('whoever finds it held is told how to break it', async () => {
  const bench = createBench();
  const { kubernetes } = createLeases(heldBy('other', 5));
  const unlockCommand = "prefix-migrate unlock DIR --reason 'WHY'";
  const lock = createLeaseLock({ kubernetes, clock: bench.clock, clusterName: 'demo', unlockCommand });
  await assert.rejects(bench.run(lock.acquire(me, never)), (error) => {
    assert.ok(error instanceof MigrateError);
    return error.nextActions.at(-1)?.endsWith(unlockCommand) ?? false;
  });
});

test('stops waiting when it is told to', async () => {
  const { run, lock } = setUp(heldBy('other', 300));
  const stop = new AbortController();
  const work = run(lock.acquire(me, stop.signal));
  stop.abort(new Error('stopped'));
  await assert.rejects(work, /stopped/);
});

test('names the Lease by DNS rules', () => {
  assert.equal(leaseName('Prod_EU-1'), 'prefix-migrate-prod-eu-1');
  assert.equal(leaseName('x_'), 'prefix-migrate-x');
});
