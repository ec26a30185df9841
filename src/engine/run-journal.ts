import type { JournalEntry, JournalLine } from '../domain/journal-entry.ts';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import type { MigrationPlan } from '../domain/plan.ts';
import { applyEntry, type RunState, replay } from '../domain/run-state.ts';
import type { Clock } from '../ports/clock.ts';
import type { JournalStore } from '../ports/journal-store.ts';
import type { Reporter } from '../ports/reporter.ts';
import type { HeldLock } from '../ports/run-lock.ts';

type WithoutRunId<T> = T extends unknown ? Omit<T, 'runId'> : never;
export type RunEntry = WithoutRunId<JournalEntry>;

/** The journal as one run writes it: every entry is durable, then in the state, then shown. */
export interface RunJournal {
  readonly state: RunState;
  readonly tornTail: boolean;
  write(entry: RunEntry): Promise<void>;
  /** From now on every write rejects: a call that outlives its run must not write behind the next one's back. */
  close(): void;
}

/**
 * Reads the journal of `plan` and folds it. An entry is handed to the store without waiting for the one before (the store
 * keeps the order, and may write several at once); state and reporter learn of each in order, when it is durable. After the
 * first failure, or once the lock is lost, every further write rejects: nothing may be done that is not written down.
 *
 * @throws MigrateError when the journal is damaged or belongs to another plan.
 */
export async function openRunJournal(parts: {
  plan: MigrationPlan;
  journal: JournalStore;
  clock: Clock;
  reporter: Reporter;
  runId: string;
  held: HeldLock;
}): Promise<RunJournal> {
  const { plan, journal, clock, reporter, runId, held } = parts;
  const { lines, tornTail } = await journal.read();
  refuseOtherPlan(lines, plan);
  const state = replay(plan, lines);
  let lastHanded: Promise<unknown> = Promise.resolve();
  let lastDone: Promise<void> = Promise.resolve();
  let failed: { reason: unknown } | undefined;
  let closed = false;

  async function handOver(entry: RunEntry, before: Promise<unknown>) {
    await before;
    await held.confirm();
    if (closed) throw new Error(`the run is over: ${entry.type} came too late`);
    if (failed !== undefined) throw failed.reason;
    const appended = journal.append(new Date(clock.now()).toISOString(), { ...entry, runId });
    // looked at when it is its turn, unless one before has failed
    appended.catch(() => undefined);
    return { appended };
  }

  async function conclude(handed: ReturnType<typeof handOver>, before: Promise<void>): Promise<void> {
    await before;
    const line = await (await handed).appended;
    applyEntry(state, line.at, line.entry);
    reporter.line(line, state);
    // what follows a line is an act: not by a process that stood still while it was written
    await held.confirm();
  }

  return {
    state,
    tornTail,
    write: (entry) => {
      const handed = handOver(entry, lastHanded);
      handed.catch(() => undefined);
      lastHanded = handed;
      lastDone = conclude(handed, lastDone);
      lastDone.catch((reason: unknown) => {
        failed ??= { reason };
      });
      return lastDone;
    },
    close: () => {
      closed = true;
    },
  };
}

/** @throws MigrateError JOURNAL.OTHER_PLAN (exit 2) when a run of another plan wrote one of `lines` */
export function refuseOtherPlan(lines: readonly JournalLine[], { planId }: MigrationPlan): void {
  for (const { entry } of lines) {
    if (entry.type === 'run-started' && entry.planId !== planId) throw otherPlan(entry.planId, planId);
  }
}

function otherPlan(journalled: string, planId: string): MigrateError {
  return new MigrateError({
    code: 'JOURNAL.OTHER_PLAN',
    message: 'The journal in this folder belongs to another plan. Nothing was changed.',
    why: `The journal was written for plan ${journalled.slice(0, 12)}, but plan.json is ${planId.slice(0, 12)}.`,
    nextActions: ['put the two files back together, or make a new plan with --out NEW-DIR'],
    exitCode: ExitCode.invalidInput,
  });
}
