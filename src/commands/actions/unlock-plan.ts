import { withCallersFlags } from '../../cli/callers-flags.ts';
import { askForName } from '../../cli/consent.ts';
import type { Io } from '../../cli/io.ts';
import { breakFolderLock, type LockHolder, locked, lockHolders, newHolderId } from '../../composition.ts';
import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import { shellWord } from '../../domain/shell-word.ts';
import { dateTime, jsonLine, roughly, withoutControlCharacters } from '../../reporting/text.ts';
import { type OpenedRun, withRun } from './open-run.ts';
import type { ReadTarget } from './read-journal.ts';

export interface UnlockOptions extends ReadTarget {
  reason: string;
}

const nothingToRefuse = (): void => {};

/**
 * `unlock`: takes the lock of the cluster, and of the folder, from whoever holds it, and writes so into the journal. The old
 * run, if it lives, loses its lock. The reason is the consent; on a terminal a holder that looks alive is asked about.
 */
export function unlockPlan(options: UnlockOptions, io: Io): Promise<ExitCode> {
  const target = { ...options, clusterName: undefined };
  return withRun(target, io, nothingToRefuse, nothingToRefuse, (opened) => unlock(opened, options, io));
}

async function unlock(opened: OpenedRun, { state, reason }: UnlockOptions, io: Io): Promise<ExitCode> {
  const { folder, ports, journal, signal, reporter, caller } = opened;
  const cluster = folder.plan.cluster.name;
  const holders = await lockHolders(ports, folder, state);
  const tell = (text: string): void => io.result(withCallersFlags(withoutControlCharacters(text), io.commandLine));
  const command = opened.state.rollback === null ? 'apply' : 'rollback';
  const next = `Next: prefix-migrate ${command} ${shellWord(folder.path)}`;
  if (holders.length === 0) {
    if (io.json) io.result(`${jsonLine({ cluster, unlocked: false, holders })}\n`);
    else tell(`Nobody holds the lock of cluster ${cluster}; nothing was changed. ${next}\n`);
    return ExitCode.done;
  }
  const now = ports.clock.now();
  const looksAlive = holders.some((holder) => holder.looksAlive);
  for (const line of holders.flatMap((holder) => describe(holder, now))) io.progress(withoutControlCharacters(line));
  if (looksAlive && io.canPrompt) {
    await askForName(io, cluster, `Type ${cluster} to take the lock away: `, 'leave it alone', signal).catch(notAsked);
  }
  if (state.kind === 'file') await breakFolderLock(folder);
  const { lock, journal: told } = locked({
    ports,
    folder,
    state,
    journal,
    command: io.commandLine,
    onWarning: (message) => reporter.warning(message),
    brokenHolder: holders[0]?.id,
  });
  const holder = holders.map(({ id }) => id).join(' and ');
  const runId = newHolderId();
  const held = await lock.acquire({ id: runId, command: io.commandLine }, signal);
  try {
    const entry = { type: 'unlocked' as const, runId, by: caller, reason, holder };
    const write = async (): Promise<void> => {
      await held.confirm();
      await told.append(new Date(ports.clock.now()).toISOString(), entry);
    };
    await onceTheOthersIsWritten(write, ports.clock, signal);
  } finally {
    await held.release();
  }
  if (io.json) io.result(`${jsonLine({ cluster, unlocked: true, holders, reason })}\n`);
  else {
    const wait = looksAlive ? ' It may still live: it notices within 10 s, and stops.' : '';
    tell(`The lock of cluster ${cluster} was taken from ${holder}.${wait}\n${next}\n`);
  }
  return ExitCode.done;
}

/** Without a renewal of its lock a run stops after 40 s; most learn within 10 s that it is gone. */
const othersStopAfterMilliseconds = 45_000;
const tryAgainAfterMilliseconds = 500;

/**
 * Writes our line behind those of the old run, which may get one in between until it learns that its lock is gone. Behind ours
 * it writes none any more.
 */
export async function onceTheOthersIsWritten(
  write: () => Promise<unknown>,
  clock: OpenedRun['ports']['clock'],
  signal: AbortSignal,
): Promise<void> {
  const until = clock.monotonic() + othersStopAfterMilliseconds;
  for (;;) {
    try {
      await write();
      return;
    } catch (error) {
      const isInBetween = error instanceof MigrateError && error.code === 'JOURNAL.CHANGED';
      if (!isInBetween || clock.monotonic() >= until) throw error;
      await clock.sleep(tryAgainAfterMilliseconds, signal);
    }
  }
}

function describe({ id, command, since, renewedAt, looksAlive }: LockHolder, now: number): string[] {
  const ago = (iso: string): string => `${dateTime(iso)}, ${roughly(Math.max(0, now - Date.parse(iso)) / 1000)} ago`;
  return [
    `Held by ${id}`,
    `  command  ${command || 'unknown'}`,
    `  since    ${since === null ? 'unknown' : ago(since)}`,
    `  renewed  ${renewedAt === null ? 'never' : ago(renewedAt)}`,
    `  looks    ${looksAlive ? 'ALIVE: a living run renews it every 10 s' : 'dead'}`,
  ];
}

function notAsked(error: unknown): never {
  if (!(error instanceof MigrateError) || error.code !== 'CONSENT.DECLINED') throw error;
  const { code, message, nextActions, exitCode } = error;
  const why = 'The name of the cluster is the consent to stop a run that looks alive.';
  throw new MigrateError({ code, message, why, nextActions, exitCode });
}
