import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import type { Clock } from '../../ports/clock.ts';
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
}

export const leaseNamespace = 'kube-system';
const durationSeconds = 60;
const renewEveryMilliseconds = 10_000;
/** Without a renewal for this long the lock counts as lost: well before anybody else may take it. */
const giveUpAfterMilliseconds = 40_000;
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
export function createLeaseLock(options: LeaseLockOptions): RunLock {
  const { kubernetes, clock, clusterName, isHolderGone = () => false, onWarning } = options;
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
    });
  }

  /** True when the record stays as it is for its whole duration. */
  async function staysSilent(found: LeaseRecord, signal: AbortSignal): Promise<boolean> {
    const until = clock.now() + found.durationSeconds * 1000;
    while (clock.now() < until) {
      await clock.sleep(Math.min(lookEveryMilliseconds, until - clock.now()), signal);
      const again = await get();
      if (again === undefined || again.holder === '') return true;
      if (again.resourceVersion !== found.resourceVersion) return false;
    }
    return true;
  }

  function isFresh(found: LeaseRecord): boolean {
    const renewedAt = Date.parse(found.renewedAt);
    // a time in the future is a clock that runs ahead: its holder may well live
    return Number.isFinite(renewedAt) && clock.now() - renewedAt <= found.durationSeconds * 1000;
  }

  return {
    async acquire(holder, signal) {
      for (let attempt = 1; attempt <= attemptsToWrite; attempt += 1) {
        signal.throwIfAborted();
        let found = await get();
        const free =
          found === undefined || found.holder === '' || found.holder === holder.id || isHolderGone(found.holder);
        if (found !== undefined && !free) {
          if (isFresh(found) || !(await staysSilent(found, signal))) throw held(clusterName, (await get()) ?? found);
          found = await get();
        }
        const taken = await take(holder, found);
        if (taken !== 'conflict') return hold(taken);
      }
      const winner = await get();
      throw held(clusterName, winner);
    },
  };

  function hold(first: LeaseRecord): HeldLock {
    const lost = new AbortController();
    const stop = new AbortController();
    let record = first;
    /** taken before a renewal is sent, so that the lock never counts as held for longer than the server has it */
    let renewedAt = clock.now();

    async function renew(): Promise<void> {
      const sentAt = clock.now();
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
      renewedAt = sentAt;
    }

    async function keep(): Promise<void> {
      let last: unknown;
      for (;;) {
        await clock.sleep(renewEveryMilliseconds, stop.signal);
        const left = renewedAt + giveUpAfterMilliseconds - clock.now();
        try {
          if (left <= 0) throw new DeadlineExceeded(giveUpAfterMilliseconds);
          await withDeadline(clock, left, stop.signal, renew);
        } catch (error) {
          if (stop.signal.aborted) return;
          if (isTakenByOthers(error)) return lost.abort(error);
          // Whatever stands in the way (no answer, expired credentials): nobody else may take the lock yet, and the run
          // itself will say what is wrong in better words.
          if (error instanceof MigrateError) last = error;
          const over = !(error instanceof MigrateError) || clock.now() - renewedAt >= giveUpAfterMilliseconds;
          if (over) return lost.abort(lockLost(clusterName, record, last ?? error));
        }
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

    return {
      lost: lost.signal,
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

/** The record of the lock, undefined when it was never taken; `holder` is '' when nobody has it. */
export const readLeaseLock = (
  kubernetes: Pick<KubernetesPort, 'getLease'>,
  clusterName: string,
): Promise<LeaseRecord | undefined> => kubernetes.getLease(leaseNamespace, leaseName(clusterName));

/**
 * Takes the lock from whoever holds it: for `unlock`, after its holder was shown as `found`.
 *
 * @throws MigrateError `LOCK.HELD` (exit 7) when the record changed in between: somebody is alive there.
 */
export async function breakLeaseLock(
  kubernetes: Pick<KubernetesPort, 'getLease' | 'putLease'>,
  clusterName: string,
  found: LeaseRecord,
): Promise<void> {
  const answer = await kubernetes.putLease(leaseNamespace, leaseName(clusterName), {
    ...found,
    holder: '',
    durationSeconds: 1,
  });
  if (answer !== 'conflict') return;
  const now = await readLeaseLock(kubernetes, clusterName);
  if (now !== undefined && now.holder !== '') throw held(clusterName, now);
}

function held(clusterName: string, record: LeaseRecord | undefined): MigrateError {
  const holder = cleanText(record?.holder) || 'another run';
  const command = record?.description ? ` (${record.description})` : '';
  return new MigrateError({
    code: 'LOCK.HELD',
    message: `Another run works on cluster ${clusterName}: ${holder}${command}.`,
    why: `It has the lock ${leaseNamespace}/${leaseName(clusterName)} since ${record?.acquiredAt || 'a moment ago'}, last renewed ${record?.renewedAt || 'just now'}.`,
    nextActions: [
      'wait until it has ended',
      `when it has crashed: run the same command again ${durationSeconds} s after its last renewal`,
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
    cause,
  });
}
