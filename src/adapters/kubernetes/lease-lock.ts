import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import { type Clock, stopwatch } from '../../ports/clock.ts';
import type { KubernetesPort, LeaseRecord } from '../../ports/kubernetes.ts';
import type { HeldLock, RunLock } from '../../ports/run-lock.ts';
import { cleanText } from '../clean-text.ts';
import { DeadlineExceeded, withDeadline } from '../deadline.ts';

export interface LeaseLockOptions {
  kubernetes: Pick<KubernetesPort, 'getLease' | 'putLease'>;
  clock: Clock;
  clusterName: string;
  /** whether a holder is a process of this machine that has ended: its lock is then taken over at once */
  isHolderGone?: ((holder: string) => boolean) | undefined;
  /** told when the lock could not be given back: it then expires by itself */
  onWarning?: ((message: string) => void) | undefined;
  /** where this run's journal is */
  journal?: OwnJournal | undefined;
  /** command that breaks the lock, for whoever finds it held */
  unlockCommand?: string | undefined;
}

/** The journal that a run is going to write, as the Lease tells others of it. */
export interface OwnJournal {
  planId: string;
  /** place that the Lease names, and that is compared with what it names: `kubernetes`, `s3://...`, `file://host/dir` */
  state: string;
  isEmpty(): Promise<boolean>;
  /** what people can look for when it is gone; of a folder, which may be another on every machine, null */
  title: string | null;
  /** what to do instead when the journal is at another place */
  actionsElsewhere(state: string): string[];
  /** what to do when the journal was there, and is gone */
  actionsGone: string[];
}

export interface LeaseLock extends RunLock {
  /**
   * Looks without taking the lock.
   *
   * @throws MigrateError STATE.ELSEWHERE, STATE.GONE (exit 2), LOCK.HELD (7) when the run that wrote elsewhere still works
   */
  refuseElsewhere(): Promise<void>;
  /** Makes the Lease say where the journal is. To be waited for before a run writes its first line. */
  noteJournal(): Promise<void>;
  /** The journal has a line: the Lease says so with its next renewal. */
  journalBegun(): void;
}

export const leaseNamespace = 'kube-system';
const durationSeconds = 60;
const renewEveryMilliseconds = 10_000;
/** Without a renewal for this long the lock counts as lost: well before anybody else may take it. */
const giveUpAfterMilliseconds = 40_000;
/** How long the one look lasts that decides after the process stood still. */
const lookAgainMilliseconds = 10_000;
const releaseMilliseconds = 15_000;
const lookEveryMilliseconds = 5_000;
const attemptsToWrite = 3;

/** Name of the Lease: a DNS name, which a cluster name need not be. */
export const leaseName = (clusterName: string): string =>
  `prefix-migrate-${clusterName.toLowerCase().replace(/[^a-z0-9.-]/g, '-')}`.replace(/[^a-z0-9]+$/, '');

/**
 * One run per cluster, by a Lease (coordination.k8s.io/v1) as client-go's leader election uses it: whether a holder still
 * lives is judged by seeing the record change, never by comparing its times with the own clock alone.
 *
 * Who finds it held and renewed of late is told so at once (exit 7) and does not wait. A record that looks expired by the
 * own clock is watched for the lease's whole duration first, since clocks differ; only one that stays as it is is taken over.
 */
export function createLeaseLock(options: LeaseLockOptions): LeaseLock {
  const { kubernetes, clock, clusterName, isHolderGone = () => false, onWarning, journal, unlockCommand } = options;
  const name = leaseName(clusterName);
  const now = (): string => new Date(clock.now()).toISOString();
  const get = () => kubernetes.getLease(leaseNamespace, name);

  /** Writes the record of a new holder. `conflict` when somebody else was faster. */
  function take(
    holder: { id: string; command: string },
    found: LeaseRecord | undefined,
  ): Promise<LeaseRecord | 'conflict'> {
    return kubernetes.putLease(leaseNamespace, name, {
      holder: holder.id,
      description: holder.command,
      acquiredAt: now(),
      renewedAt: now(),
      durationSeconds,
      transitions: found === undefined ? 0 : found.transitions + 1,
      resourceVersion: found?.resourceVersion ?? null,
      ...(found?.journal && { journal: found.journal }),
    });
  }

  /** The record as it is when its whole duration is over; throws LOCK.HELD when somebody renews or takes it meanwhile. */
  async function silent(found: LeaseRecord, signal: AbortSignal): Promise<LeaseRecord | undefined> {
    const until = clock.monotonic() + found.durationSeconds * 1000;
    while (clock.monotonic() < until) {
      await clock.sleep(Math.min(lookEveryMilliseconds, until - clock.monotonic()), signal);
      const again = await get();
      if (again === undefined || again.holder === '') return again;
      if (again.resourceVersion !== found.resourceVersion) throw held(clusterName, again, unlockCommand);
    }
    return found;
  }

  const worksStill = (found: LeaseRecord): boolean =>
    found.holder !== '' && !isHolderGone(found.holder) && isFresh(found, clock.now());

  let current: ReturnType<typeof hold> | undefined;

  return {
    async refuseElsewhere() {
      if (journal === undefined) return;
      const found = await get();
      try {
        await refuseElsewhere(found, journal);
      } catch (error) {
        // a run of the same plan from a copy of its folder: first of all it is under way
        throw found !== undefined && worksStill(found) ? held(clusterName, found, unlockCommand) : error;
      }
    },

    async acquire(holder, signal) {
      for (let attempt = 1; attempt <= attemptsToWrite; attempt += 1) {
        signal.throwIfAborted();
        let found = await get();
        const free =
          found === undefined || found.holder === '' || found.holder === holder.id || isHolderGone(found.holder);
        if (found !== undefined && !free) {
          if (isFresh(found, clock.now())) throw held(clusterName, found, unlockCommand);
          onWarning?.(
            `${cleanText(found.holder)} has not renewed its lock since ${found.renewedAt}. Clocks differ, so the lock is taken over after ${found.durationSeconds} s more of silence.`,
          );
          found = await silent(found, signal);
        }
        // of the version that was looked at: whoever was faster keeps it
        const taken = await take(holder, found);
        if (taken === 'conflict') continue;
        const lock = hold(taken);
        current = lock;
        try {
          if (journal !== undefined) await refuseElsewhere(taken, journal);
        } catch (error) {
          await lock.release();
          throw error;
        }
        return lock;
      }
      throw held(clusterName, await get(), unlockCommand);
    },

    async noteJournal() {
      await current?.noteJournal();
    },

    journalBegun() {
      current?.journalBegun();
    },
  };

  function hold(first: LeaseRecord): HeldLock & Pick<LeaseLock, 'noteJournal' | 'journalBegun'> {
    const lost = new AbortController();
    const stop = new AbortController();
    let record = first;
    /** since before the last renewal was sent, so that the lock never counts as held for longer than the server has it */
    let age = stopwatch(clock);
    /** what stood in the way of the last renewal */
    let trouble: MigrateError | undefined;
    /** one at a time */
    let renewing: Promise<void> | undefined;

    async function renew(): Promise<void> {
      const ageOfThis = stopwatch(clock);
      const wanted = { ...record, renewedAt: now() };
      let answer = await kubernetes.putLease(leaseNamespace, name, wanted);
      if (answer === 'conflict') {
        // changed by somebody who left the holder as it is, such as kubectl annotate
        const found = await get();
        if (found?.holder !== record.holder) throw lockLost(clusterName, found);
        answer = await kubernetes.putLease(leaseNamespace, name, { ...wanted, resourceVersion: found.resourceVersion });
        if (answer === 'conflict') return;
      }
      record = answer;
      age = ageOfThis;
    }

    /** Renews the lock or, when that is too late, aborts `lost`. Never rejects. */
    async function tryToRenew(): Promise<void> {
      // after standing still the record tells: as long as it is ours, nobody has taken the lock meanwhile
      const left = giveUpAfterMilliseconds - age();
      try {
        await withDeadline(clock, left > 0 ? left : lookAgainMilliseconds, stop.signal, renew);
      } catch (error) {
        if (stop.signal.aborted) return;
        if (isTakenByOthers(error)) return lost.abort(error);
        // Whatever stands in the way (no answer, expired credentials): nobody else may take the lock yet, and the run
        // itself will say what is wrong in better words.
        if (error instanceof MigrateError) trouble = error;
        const over = !(error instanceof MigrateError) || age() >= giveUpAfterMilliseconds;
        if (over) lost.abort(lockLost(clusterName, record, trouble ?? error));
      }
    }

    function renewOnce(): Promise<void> {
      renewing ??= tryToRenew().finally(() => {
        renewing = undefined;
      });
      return renewing;
    }

    async function keep(): Promise<void> {
      while (!lost.signal.aborted) {
        await clock.sleep(renewEveryMilliseconds, stop.signal);
        await renewOnce();
      }
    }

    // ends by `stop` or by losing the lock; the sleep's rejection is its normal end
    const keeping = keep().catch((error: unknown) => {
      if (!stop.signal.aborted) lost.abort(lockLost(clusterName, record, error));
    });

    async function giveBack(): Promise<void> {
      const wanted = { ...record, holder: '', durationSeconds: 1, renewedAt: now() };
      const answer = await kubernetes.putLease(leaseNamespace, name, wanted);
      if (answer !== 'conflict') return;
      const found = await get();
      if (found?.holder !== record.holder) return;
      await kubernetes.putLease(leaseNamespace, name, { ...wanted, resourceVersion: found.resourceVersion });
    }

    let noted: Promise<void> | undefined;

    /** As `renew` does: it is one. */
    async function note(): Promise<void> {
      if (journal === undefined || stop.signal.aborted) return;
      const { planId, state } = journal;
      if (record.journal?.planId === planId && record.journal.state === state) return;
      // a renewal under way writes the record as it was
      await renewing;
      record = { ...record, journal: { planId, state } };
      await renew();
    }

    return {
      lost: lost.signal,
      noteJournal() {
        noted ??= note();
        return noted;
      },
      journalBegun() {
        if (record.journal !== undefined) record = { ...record, journal: { ...record.journal, isBegun: true } };
      },
      async confirm() {
        // asked by many at once: each sees the same renewal
        while (!lost.signal.aborted && !stop.signal.aborted && age() >= giveUpAfterMilliseconds) await renewOnce();
        lost.signal.throwIfAborted();
      },
      async release() {
        if (stop.signal.aborted) return;
        stop.abort();
        await keeping;
        if (lost.signal.aborted) return;
        try {
          await withDeadline(clock, releaseMilliseconds, undefined, giveBack);
        } catch (error) {
          if (!(error instanceof MigrateError || error instanceof DeadlineExceeded)) throw error;
          onWarning?.(
            `The lock ${leaseNamespace}/${name} was not given back (${error.message}); it expires in a minute.`,
          );
        }
      },
    };
  }
}

/** Whether its holder renewed it of late, by the own clock. */
export function isFresh({ renewedAt, durationSeconds: seconds }: LeaseRecord, now: number): boolean {
  const time = Date.parse(renewedAt);
  // a time in the future is a clock that runs ahead: its holder may well live
  return Number.isFinite(time) && now - time <= seconds * 1000;
}

/** The record of the lock, undefined when it was never taken; `holder` is '' when nobody has it. */
export const readLeaseLock = (
  kubernetes: Pick<KubernetesPort, 'getLease'>,
  clusterName: string,
): Promise<LeaseRecord | undefined> => kubernetes.getLease(leaseNamespace, leaseName(clusterName));

/**
 * A run that goes on from an empty journal, while the one of its plan is somewhere else, or was here and is gone, would not
 * know what was done.
 *
 * @throws MigrateError STATE.ELSEWHERE, STATE.GONE (both exit 2)
 */
async function refuseElsewhere(found: LeaseRecord | undefined, own: OwnJournal): Promise<void> {
  const noted = found?.journal;
  if (noted === undefined || noted.planId !== own.planId) return;
  const isHere = noted.state === own.state;
  if (isHere && (noted.isBegun !== true || own.title === null)) return;
  if (!(await own.isEmpty())) return;
  if (isHere) {
    throw new MigrateError({
      code: 'STATE.GONE',
      message: `The journal of this plan was in ${own.title}, and is gone. Nothing was changed.`,
      why: 'The Lease in the cluster says that a run wrote it. A run that does not know what was done already might do it again.',
      nextActions: own.actionsGone,
      exitCode: ExitCode.invalidInput,
    });
  }
  throw new MigrateError({
    code: 'STATE.ELSEWHERE',
    message: `The journal of this plan is in ${noted.state}, and there is none in ${own.state}. Nothing was changed.`,
    why: 'A run that does not know what was done already might do it again. The Lease in the cluster says where the last run wrote its journal.',
    nextActions: own.actionsElsewhere(noted.state),
    exitCode: ExitCode.invalidInput,
  });
}

function held(clusterName: string, record: LeaseRecord | undefined, unlockCommand?: string): MigrateError {
  const holder = cleanText(record?.holder) || 'another run';
  const command = record?.description ? ` (${record.description})` : '';
  return new MigrateError({
    code: 'LOCK.HELD',
    message: `Another run works on cluster ${clusterName}: ${holder}${command}.`,
    why: `It has the lock ${leaseNamespace}/${leaseName(clusterName)} since ${record?.acquiredAt || 'a moment ago'}, last renewed ${record?.renewedAt || 'just now'}.`,
    nextActions: [
      'wait until it has ended',
      `when it has crashed: run the same command again ${durationSeconds} s after its last renewal`,
      ...(unlockCommand === undefined ? [] : [`last resort, when nobody runs it any more: ${unlockCommand}`]),
    ],
    exitCode: ExitCode.locked,
  });
}

const isTakenByOthers = (error: unknown): boolean => error instanceof MigrateError && error.code === 'LOCK.LOST';

function lockLost(clusterName: string, record: LeaseRecord | undefined, cause?: unknown): MigrateError {
  const holder = cleanText(record?.holder);
  const why =
    cause === undefined
      ? `It is held by ${holder || 'nobody'} now.`
      : `It could not be renewed for ${giveUpAfterMilliseconds / 1000} s, so another run may take it.${cause instanceof MigrateError ? ` ${cause.message}` : ''}`;
  return new MigrateError({
    code: 'LOCK.LOST',
    message: `The lock of cluster ${clusterName} was lost, so the run stopped.`,
    why,
    nextActions: [
      ...(cause instanceof MigrateError ? cause.nextActions : []),
      'run the same command again: it goes on where it stopped',
    ],
    exitCode: ExitCode.stoppedPartWay,
    // nobody else has it: when the API server is back it may be had again
    retryable: cause !== undefined,
    cause,
  });
}
