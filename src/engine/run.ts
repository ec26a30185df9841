import { randomUUID } from 'node:crypto';
import { withoutConsent } from '../domain/consent.ts';
import type { DrainLimits } from '../domain/drain-limits.ts';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import { type AnyStep, type MigrationPlan, type Phase, phases } from '../domain/plan.ts';
import type { RunState } from '../domain/run-state.ts';
import { summarize } from '../domain/run-summary.ts';
import type { JournalStore } from '../ports/journal-store.ts';
import type { Ports } from '../ports/ports.ts';
import type { Reporter } from '../ports/reporter.ts';
import type { RunLock } from '../ports/run-lock.ts';
import { handlers as allHandlers, type Handlers } from '../steps/index.ts';
import { advance, handlerOf, noteFailure, type Run } from './advance.ts';
import { withCordonsTold } from './left-cordoned.ts';
import { openSteps, readySteps, succeededSteps } from './order.ts';
import { openRunJournal } from './run-journal.ts';
import { Stopped, stopWhenAsked } from './stopped.ts';

/** Consent to the phases that move pods or delete: given (or not) beforehand, or asked for when it is needed. */
export type Consent =
  | { given: boolean; by: string; how: 'prompt' | 'confirm-flag' }
  | { ask: () => Promise<boolean>; by: string };

export interface RunOptions {
  /** stop after this phase */
  until?: Phase;
  consent: Consent;
  pollIntervalMilliseconds: number;
  /** of the drain, in this run only */
  limits?: DrainLimits;
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
 * lost its lock, or cannot write its journal, ends without another write anywhere.
 *
 * @throws MigrateError when the run could not begin, with nothing changed and nothing written: the lock is held (exit 7),
 * the journal is damaged or of another plan (2), consent is missing (3). Any other error is a bug, journalled first.
 */
export async function runPlan(parts: RunParts): Promise<RunResult> {
  const { lock, options } = parts;
  const runId = options.runId ?? randomUUID();
  const held = await lock.acquire({ id: runId, command: options.command }, options.signal);
  try {
    return await runLocked(parts, runId, held.lost);
  } finally {
    await held.release();
  }
}

async function runLocked(parts: RunParts, runId: string, lost: AbortSignal): Promise<RunResult> {
  const { plan, ports, reporter, options, handlers = allHandlers } = parts;
  const { until, signal } = options;
  const journal = await openRunJournal({ ...parts, clock: ports.clock, runId, lost });
  const { state } = journal;
  const run: Run = {
    handlers,
    ports,
    journal,
    reporter,
    context: { planId: plan.planId, clusterName: plan.cluster.name, state },
    pollIntervalMilliseconds: options.pollIntervalMilliseconds,
    limits: options.limits ?? {},
    signal,
    lost,
    work: new Map(),
    changed: false,
  };
  reporter.runStarted(plan, state);
  if (journal.tornTail) reporter.warning('The last line of the journal was torn by a crash; it was dropped.');
  const approval = await consentTo(phasesInNeedOfConsent(plan, state, until), options.consent, plan);
  signal.throwIfAborted();
  try {
    await journal.write({
      type: 'run-started',
      planId: plan.planId,
      toolVersion: options.toolVersion ?? plan.toolVersion,
      command: options.command,
      holder: options.consent.by,
      until: until ?? null,
    });
    if (approval) await journal.write({ type: 'approval', planId: plan.planId, ...approval });
    const stopped = await workThrough(plan, run, until);
    const exitCode = stopped?.error.exitCode ?? ExitCode.done;
    if (stopped !== undefined) {
      await tidy(plan, run);
      await journal.write({ type: 'run-paused', reason: stopped.reason, detail: stopped.message });
    } else if (openSteps(plan, succeededSteps(state)).length > 0) {
      await journal.write({ type: 'run-paused', reason: 'until', detail: `stopped after phase ${until}, as asked` });
    }
    await journal.write({ type: 'run-finished', exitCode, summary: summarize(plan, state) });
    return {
      exitCode,
      state,
      isJournalled: true,
      ...(stopped && { stoppedBy: withCordonsTold(stopped.error, plan, state) }),
    };
  } catch (error) {
    // What is left of the expected ones: the lock is lost, or the journal cannot be written.
    if (!(error instanceof MigrateError)) throw error;
    return { exitCode: error.exitCode, state, isJournalled: false, stoppedBy: error };
  } finally {
    journal.close();
  }
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
      for (const step of ready) succeeded = (await advanceOrNote(step, ready, run)) || succeeded;
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

/** Phases up to `until` with an unfinished step that moves pods or deletes, and no approval in the journal yet. */
function phasesInNeedOfConsent(plan: MigrationPlan, state: Readonly<RunState>, until: Phase | undefined): Phase[] {
  const approved = new Set(state.approvals.flatMap((approval) => approval.phases));
  const needed = new Set(
    openSteps(plan, succeededSteps(state), until)
      .filter((step) => step.impact !== 'additive')
      .map((step) => step.phase),
  );
  return phases.filter((phase) => needed.has(phase) && !approved.has(phase));
}

type Approval = { by: string; how: 'prompt' | 'confirm-flag'; phases: Phase[] };

async function consentTo(needed: Phase[], consent: Consent, plan: MigrationPlan): Promise<Approval | null> {
  if (needed.length === 0) return null;
  const given = 'ask' in consent ? await consent.ask() : consent.given;
  if (given) return { by: consent.by, how: 'ask' in consent ? 'prompt' : consent.how, phases: needed };
  throw new MigrateError({
    code: 'CONSENT.MISSING',
    message: `Consent is missing for: ${needed.join(', ')}. Nothing was changed by this run.`,
    why: 'These phases move pods or delete node groups; that needs the word of a person.',
    nextActions: [`add --confirm ${plan.cluster.name}`, withoutConsent(plan, needed)],
    exitCode: ExitCode.noConsent,
  });
}
