import { randomUUID } from 'node:crypto';
import { withoutConsent } from '../domain/consent.ts';
import type { DrainLimits } from '../domain/drain-limits.ts';
import type { RollbackScope } from '../domain/journal-entry.ts';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import { type AnyStep, type MigrationPlan, type Phase, phases } from '../domain/plan.ts';
import type { RunState } from '../domain/run-state.ts';
import { summarize } from '../domain/run-summary.ts';
import { shellWord } from '../domain/shell-word.ts';
import { stopwatch } from '../ports/clock.ts';
import type { JournalStore } from '../ports/journal-store.ts';
import type { Ports } from '../ports/ports.ts';
import type { Reporter } from '../ports/reporter.ts';
import type { HeldLock, RunLock } from '../ports/run-lock.ts';
import { handlers as allHandlers, type Handlers } from '../steps/index.ts';
import { advance, handlerOf, mayBegin, noteFailure, type Run } from './advance.ts';
import { withCordonsTold } from './left-cordoned.ts';
import { lockedPorts } from './locked-ports.ts';
import { openSteps, readySteps, succeededSteps } from './order.ts';
import { refuseRolledBack, withRollbackOffered } from './rollback-offered.ts';
import { openRunJournal } from './run-journal.ts';
import { Stopped, stopWhenAsked } from './stopped.ts';
import { workOf } from './work.ts';

/** Consent to the phases that move pods or delete: given (or not) beforehand, or asked for when it is needed. */
export type Consent =
  | { given: boolean; by: string; how: 'prompt' | 'confirm-flag' | 'approve-flag' }
  | { ask: () => Promise<boolean>; by: string };

export interface RunOptions {
  /** stop after this phase */
  until?: Phase;
  /**
   * Take the plan back instead. What it works on is decided by the first rollback of a plan, under the lock, and read from the
   * journal by those after it.
   */
  rollback?: RollbackScope | ((state: Readonly<RunState>) => Promise<RollbackScope>);
  /** looks whether the plan still holds, right before this run begins its first step of each phase; a rejection stops the run */
  beforePhase?: (phase: Phase, state: RunState) => Promise<void>;
  consent: Consent;
  pollIntervalMilliseconds: number;
  /** of the drain, in this run only */
  limits?: DrainLimits;
  /** the plan folder as the person named it, for the commands in messages */
  folder?: string;
  /** command line, for the lock and the journal */
  command: string;
  /** aborted with a MigrateError (exit 130 or 143) when the person or the system wants a stop */
  signal: AbortSignal;
  /** a random UUID unless told */
  runId?: string;
  /** of the program that runs; that of the plan's maker unless told */
  toolVersion?: string;
}

export interface RunParts {
  plan: MigrationPlan;
  ports: Ports;
  journal: JournalStore;
  lock: RunLock;
  reporter: Reporter;
  options: RunOptions;
  handlers?: Handlers;
}

export interface RunResult {
  exitCode: ExitCode;
  /** what was run: the plan, or the one that takes it back */
  plan: MigrationPlan;
  state: RunState;
  /** false when the run ended without `run-finished`: the lock is lost, or the journal cannot be written */
  isJournalled: boolean;
  /** why the run ended before its goal; its exit code is that of the result */
  stoppedBy?: MigrateError;
}

/**
 * Runs a plan, or goes on with it: the journal says which steps are done, and those are not looked at again (what a
 * deletion relies on is checked once more by the deletion itself). Every other step is observed before it is acted on.
 * All ready steps are advanced in turn before the run waits, so that their waits overlap.
 *
 * Every orderly end writes `run-finished` with its exit code, after `run-paused` when the plan is not done. A run that has
 * lost its lock, or cannot write its journal, ends without another write anywhere; when that may pass, it waits and begins anew.
 *
 * @throws MigrateError when the run could not begin, with nothing changed and nothing written: the lock is held (exit 7),
 * the journal is damaged or of another plan (2), consent is missing (3), the plan is being taken back (5). Any other error is a bug, journalled first.
 */
export async function runPlan(parts: RunParts): Promise<RunResult> {
  const runId = parts.options.runId ?? randomUUID();
  let result = await runOnce(parts, runId);
  for (;;) {
    const again = await comeBack(parts, runId, result);
    if (again === null) return result;
    result = again;
  }
}

async function runOnce(parts: RunParts, runId: string): Promise<RunResult> {
  const { lock, options } = parts;
  const held = await lock.acquire({ id: runId, command: options.command }, options.signal);
  try {
    return await runLocked(parts, runId, held);
  } finally {
    await held.release();
  }
}

/** So long a run waits for the API server, or for the place of its journal, to be there again. */
const patienceMilliseconds = 600_000;
const comeBackEveryMilliseconds = 10_000;

/**
 * After an end that could not be written because lock or journal were out of reach: the run begins once more, as the same
 * command would, as soon as it gets its lock again and can write. Nothing is under way meanwhile. Null when it ended for
 * another reason, when somebody else has the lock now, or when that takes too long.
 *
 * @throws the reason of the stop signal
 */
async function comeBack(parts: RunParts, runId: string, ended: RunResult): Promise<RunResult | null> {
  const { ports, reporter, options } = parts;
  const { stoppedBy, state } = ended;
  if (ended.isJournalled || stoppedBy?.retryable !== true || state.runs.at(-1)?.runId !== runId) return null;
  const minutes = patienceMilliseconds / 60_000;
  reporter.warning(
    `${stoppedBy.message} ${stoppedBy.why} It goes on by itself when that is over within ${minutes} min.`,
  );
  const away = stopwatch(ports.clock);
  while (away() < patienceMilliseconds) {
    await ports.clock.sleep(comeBackEveryMilliseconds, options.signal);
    try {
      const again = await runOnce(parts, runId);
      const hasBegun = again.state.runs.length > state.runs.length;
      if (hasBegun || again.isJournalled || again.stoppedBy?.retryable !== true) return again;
    } catch (error) {
      if (!(error instanceof MigrateError)) throw error;
      options.signal.throwIfAborted();
      if (!error.retryable) {
        reporter.warning(error.message);
        return null;
      }
    }
  }
  return null;
}

async function runLocked(parts: RunParts, runId: string, held: HeldLock): Promise<RunResult> {
  const { reporter, options, handlers = allHandlers } = parts;
  const { until, signal, folder = 'DIR' } = options;
  const ports = lockedPorts(parts.ports, () => held.confirm());
  const journal = await openRunJournal({ ...parts, clock: ports.clock, runId, held });
  const { state } = journal;
  refuseOvertaken(state, runId);
  const scope = await scopeOf(options, state);
  if (scope === null) refuseRolledBack(state, folder);
  const plan = workOf(parts.plan, state, scope, handlers);
  const run: Run = {
    handlers,
    ports,
    journal,
    reporter,
    context: {
      planId: plan.planId,
      clusterName: plan.cluster.name,
      state,
      ...(options.folder !== undefined && { folder: options.folder }),
    },
    pollIntervalMilliseconds: options.pollIntervalMilliseconds,
    limits: options.limits ?? {},
    command: options.command,
    beforePhase: options.beforePhase ?? (async () => undefined),
    phases: new Set(),
    signal,
    lost: held.lost,
    confirmLock: () => held.confirm(),
    work: new Map(),
    changed: false,
  };
  reporter.runStarted(plan, state);
  if (journal.tornTail) reporter.warning('The last line of the journal was torn by a crash; it was dropped.');
  const isRollback = scope !== null;
  const approval = await consentTo(
    phasesInNeedOfConsent(plan, state, isRollback, consentUntil(options)),
    options,
    plan,
  );
  const told = (error: MigrateError): MigrateError =>
    withRollbackOffered(withCordonsTold(error, parts.plan, plan, state), plan, state, options.folder);
  signal.throwIfAborted();
  try {
    await journal.write({
      type: 'run-started',
      planId: plan.planId,
      toolVersion: options.toolVersion ?? plan.toolVersion,
      command: options.command,
      holder: options.consent.by,
      until: until ?? null,
      ...(scope && { rollback: { kept: scope.kept } }),
    });
    if (approval) {
      await journal.write({
        type: 'approval',
        planId: plan.planId,
        ...approval,
        ...(isRollback && { rollback: true }),
      });
    }
    const stopped = await workThrough(plan, run, until);
    const exitCode = stopped?.error.exitCode ?? ExitCode.done;
    if (stopped !== undefined) {
      await tidy(plan, run);
      await journal.write({ type: 'run-paused', reason: stopped.reason, detail: stopped.message });
    } else if (openSteps(plan, succeededSteps(state)).length > 0) {
      await journal.write({ type: 'run-paused', reason: 'until', detail: `stopped after phase ${until}, as asked` });
    }
    await journal.write({ type: 'run-finished', exitCode, summary: summarize(plan, state) });
    return { exitCode, plan, state, isJournalled: true, ...(stopped && { stoppedBy: told(stopped.error) }) };
  } catch (error) {
    // What is left of the expected ones: the lock is lost, or the journal cannot be written.
    if (!(error instanceof MigrateError)) throw error;
    const stoppedBy = unwritten(error, run);
    return { exitCode: stoppedBy.exitCode, plan, state, isJournalled: false, stoppedBy: told(stoppedBy) };
  } finally {
    journal.close();
  }
}

/**
 * A run that begins anew by itself does so only when nobody took its lock away meanwhile, or ran another.
 *
 * @throws MigrateError LOCK.LOST (exit 6)
 */
function refuseOvertaken({ runs }: RunState, runId: string): void {
  const last = runs.at(-1);
  if (!runs.some((run) => run.runId === runId) || (last?.runId === runId && last.paused !== 'unlocked')) return;
  throw new MigrateError({
    code: 'LOCK.LOST',
    message: 'It does not go on by itself: meanwhile its lock was taken away, or another run has worked on this plan.',
    why: 'Who did so may not expect it.',
    nextActions: ['run the same command again: it goes on where the last run stopped'],
    exitCode: ExitCode.stoppedPartWay,
  });
}

/** A journal that cannot be written: bad input before the first change, a run that stopped part-way after it. */
function unwritten(error: MigrateError, { changed, command }: Run): MigrateError {
  if (!changed || error.exitCode !== ExitCode.invalidInput) return error;
  const { code, message, why, nextActions, retryable, cause } = error;
  return new MigrateError({
    code,
    message: `${message} The run stopped: nothing is done that cannot be written down.`,
    why,
    nextActions: [...nextActions.slice(0, 1), `${command}   # goes on from here`],
    exitCode: ExitCode.stoppedPartWay,
    retryable,
    cause,
  });
}

/** What a rollback works on, once and for all; null when this run carries the plan out. */
async function scopeOf({ rollback }: RunOptions, state: RunState): Promise<RollbackScope | null> {
  if (rollback === undefined) return null;
  return state.rollback ?? (typeof rollback === 'function' ? await rollback(state) : rollback);
}

/** Advances the ready steps in turn until none is left up to `until`; or until the run has to stop, and then says how. */
async function workThrough(plan: MigrationPlan, run: Run, until: Phase | undefined): Promise<Stopped | undefined> {
  const stop = AbortSignal.any([run.signal, run.lost]);
  try {
    for (;;) {
      const done = succeededSteps(run.context.state);
      const ready = readySteps(plan, done, until);
      if (ready.length === 0) {
        if (until !== undefined || openSteps(plan, done).length === 0) return undefined;
        throw new Error('the steps left in the plan wait for each other');
      }
      let succeeded = false;
      const held = new Set<Phase>();
      for (const step of ready) {
        if (held.has(step.phase)) continue;
        if (await mayBegin(step, run)) succeeded = (await advanceOrNote(step, ready, run)) || succeeded;
        else held.add(step.phase);
      }
      if (!succeeded) await pause(run, stop);
    }
  } catch (error) {
    if (error instanceof Stopped) return error;
    throw error;
  }
}

/** Advances one step; when it fails, the failures of the others that are under way are written down as well. */
async function advanceOrNote(step: AnyStep, ready: readonly AnyStep[], run: Run): Promise<boolean> {
  try {
    return await advance(step, run);
  } catch (error) {
    if (error instanceof Stopped && error.reason === 'failed') {
      for (const other of ready) if (other !== step) await noteFailure(other, run);
    }
    throw error;
  }
}

async function pause(run: Run, stop: AbortSignal): Promise<void> {
  try {
    await run.ports.clock.sleep(run.pollIntervalMilliseconds, stop);
  } catch (error) {
    stopWhenAsked(run.signal, run.lost);
    throw error;
  }
}

/** Lets the steps that this run leaves unfinished remove what must not outlive them. */
async function tidy(plan: MigrationPlan, run: Run): Promise<void> {
  for (const step of plan.steps) {
    if (!run.work.get(step.id)?.started || run.context.state.steps[step.id]?.status === 'succeeded') continue;
    run.lost.throwIfAborted();
    try {
      await handlerOf(run.handlers, step).tidy?.(step, run.ports, run.context);
    } catch (error) {
      if (!(error instanceof MigrateError)) throw error;
      run.reporter.warning(`Could not tidy up after "${step.summary}": ${error.message}`);
    }
  }
}

/** The id of a plan is consent to all of it, also to what later runs do. */
const consentUntil = ({ consent, until }: RunOptions): Phase | undefined =>
  'how' in consent && consent.how === 'approve-flag' ? undefined : until;

/**
 * Phases up to `until` with an unfinished step that moves pods or deletes, and no approval in the journal yet: that of the
 * plan is none of its rollback, and the other way round.
 */
function phasesInNeedOfConsent(
  plan: MigrationPlan,
  state: Readonly<RunState>,
  isRollback: boolean,
  until: Phase | undefined,
): Phase[] {
  const approvals = state.approvals.filter((approval) => approval.isRollback === isRollback);
  const approved = new Set(approvals.flatMap((approval) => approval.phases));
  const needed = new Set(
    openSteps(plan, succeededSteps(state), until)
      .filter((step) => step.impact !== 'additive')
      .map((step) => step.phase),
  );
  return phases.filter((phase) => needed.has(phase) && !approved.has(phase));
}

type Approval = { by: string; how: 'prompt' | 'confirm-flag' | 'approve-flag'; phases: Phase[] };

async function consentTo(
  needed: Phase[],
  { consent, rollback, folder = 'DIR' }: RunOptions,
  plan: MigrationPlan,
): Promise<Approval | null> {
  if (needed.length === 0) return null;
  const given = 'ask' in consent ? await consent.ask() : consent.given;
  if (given) return { by: consent.by, how: 'ask' in consent ? 'prompt' : consent.how, phases: needed };
  throw new MigrateError({
    code: 'CONSENT.MISSING',
    message: `Consent is missing for: ${needed.join(', ')}. Nothing was changed by this run.`,
    why: 'These phases move pods or delete node groups; that needs the word of a person.',
    nextActions: [
      `add --confirm ${plan.cluster.name}`,
      rollback === undefined
        ? withoutConsent(plan, needed)
        : `prefix-migrate rollback ${shellWord(folder)} --dry-run   # shows what it would do`,
    ],
    exitCode: ExitCode.noConsent,
  });
}
