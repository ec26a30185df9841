import type { DrainLimits } from '../domain/drain-limits.ts';
import { formatDuration } from '../domain/duration.ts';
import type { StepProgress } from '../domain/journal-entry.ts';
import { ExitCode, lacksCredentials, MigrateError } from '../domain/migrate-error.ts';
import type { AnyStep, Phase, StepKind } from '../domain/plan.ts';
import type { RunState } from '../domain/run-state.ts';
import type { Ports } from '../ports/ports.ts';
import type { Reporter } from '../ports/reporter.ts';
import type { Handlers } from '../steps/index.ts';
import type { Observation, StepContext, StepHandler } from '../steps/step-handler.ts';
import type { RunJournal } from './run-journal.ts';
import { Stopped, stopWhenAsked, unlessStopped, withExitCode } from './stopped.ts';
import { tokenOf } from './token.ts';

/** What one run carries along. */
export interface Run {
  handlers: Handlers;
  ports: Ports;
  journal: RunJournal;
  reporter: Reporter;
  context: StepContext;
  pollIntervalMilliseconds: number;
  limits: DrainLimits;
  /** the command line, which goes on after a stop */
  command: string;
  beforePhase: (phase: Phase, state: RunState) => Promise<void>;
  /** phases that this run has looked at and may work on */
  phases: Set<Phase>;
  /** asked to stop by a person or the system */
  signal: AbortSignal;
  lost: AbortSignal;
  /** see HeldLock */
  confirmLock: () => Promise<void>;
  work: Map<string, Work>;
  /** true as soon as this run may have changed something */
  changed: boolean;
}

/** What this run knows of a step that it works on. */
interface Work {
  /** the first look, by the monotonic clock */
  since: number;
  started: boolean;
  /** the last act, and what was seen before it, while nothing else has shown since; `first`: the first such act */
  acted: { at: number; first: number; on: string } | null;
  /** the last act, whatever has shown since; before the first the first look */
  lastAct: number;
  /** how often this run has asked anew for what somebody has taken back */
  askedAnew: number;
}

/** AWS answers reads from before a write for some seconds: an act is not repeated before it had this time to show. */
const visibleAfterMilliseconds = 30_000;
/** When acts have shown nothing for so long, AWS answers their token with something that was deleted since. */
const tokenSpentAfterMilliseconds = 90_000;
/** What somebody has taken back is asked for anew: not before it is sure, and not for ever. */
const takenBackAfterMilliseconds = 120_000;
const timesAskedAnew = 3;

export const handlerOf = (handlers: Handlers, step: AnyStep): StepHandler<StepKind> => handlers[step.kind];

/**
 * Looks at a step, acts when it must, looks again. True when the step has succeeded (and that is written down), false when
 * it has to be looked at again later.
 *
 * @throws Stopped when the step failed or the run shall stop; what a bug throws, after it was journalled.
 */
export async function advance(step: AnyStep, run: Run): Promise<boolean> {
  const work = workOn(step, run);
  try {
    let observation = await observe(step, run);
    if (observation.kind === 'actionable' && !mayBeStale(observation, run, work)) {
      const { detail, takenBack } = observation;
      if (takenBack !== undefined) await askAnew(step, run, work, takenBack);
      else if (isTokenSpent(detail, run, work)) await startAnew(step, run, work);
      else await start(step, run, work);
      await act(step, run, work, detail);
      observation = await observe(step, run);
    }
    if (observation.kind !== 'actionable') work.acted = null;
    return await conclude(step, run, work, observation);
  } catch (error) {
    if (error instanceof Stopped) throw error;
    return await fail(step, run, error);
  }
}

function workOn(step: AnyStep, run: Run): Work {
  const now = run.ports.clock.monotonic();
  const work = run.work.get(step.id) ?? { since: now, started: false, acted: null, lastAct: now, askedAnew: 0 };
  run.work.set(step.id, work);
  return work;
}

/**
 * Looks, once in a run, whether the plan still holds before the phase of `step` begins. False when that cannot be said now,
 * and has to be asked again later; up to the deadline of the step.
 *
 * @throws Stopped when the plan does not hold, or nobody can tell for too long. No step has failed then.
 */
export async function mayBegin(step: AnyStep, run: Run): Promise<boolean> {
  if (run.phases.has(step.phase)) return true;
  const work = workOn(step, run);
  stopWhenAsked(run.signal, run.lost);
  try {
    await unlessStopped(run.beforePhase(step.phase, run.context.state), run.signal, run.lost);
  } catch (error) {
    if (!(error instanceof MigrateError)) throw error;
    stopWhenAsked(run.signal, run.lost);
    stopForCredentials(error, run);
    if (!error.retryable || millisecondsLeft(step, run, work) <= 0)
      throw new Stopped(withExitCode(error, run.changed ? ExitCode.stoppedPartWay : error.exitCode));
    run.reporter.waiting({ stepId: step.id, detail: error.message });
    return false;
  }
  run.phases.add(step.phase);
  return true;
}

/** The same sight as before the last act, which had no time to show yet. Another sight is news, and not waited for. */
function mayBeStale({ detail, takenBack }: Actionable, run: Run, { acted, lastAct }: Work): boolean {
  const now = run.ports.clock.monotonic();
  if (takenBack !== undefined) return now - lastAct < takenBackAfterMilliseconds;
  return acted !== null && acted.on === detail && now - acted.at < visibleAfterMilliseconds;
}

type Actionable = Extract<Observation, { kind: 'actionable' }>;

const isTokenSpent = (detail: string, run: Run, { acted }: Work): boolean =>
  acted !== null && acted.on === detail && run.ports.clock.monotonic() - acted.first >= tokenSpentAfterMilliseconds;

/** A failure that time may heal is one more thing to wait for. */
async function observe(step: AnyStep, run: Run): Promise<Observation> {
  stopWhenAsked(run.signal, run.lost);
  try {
    const look = handlerOf(run.handlers, step).observe(step, run.ports, run.context);
    // a look may be left behind, so that there is time to tidy up before the process has to end
    return await unlessStopped(look, run.signal, run.lost);
  } catch (error) {
    if (!isRetryable(error)) throw error;
    return { kind: 'in-progress', detail: error.message, tooLate: error };
  }
}

/** Writes down that this run works on the step, once, before anything else happens to it. */
async function start(step: AnyStep, run: Run, work: Work): Promise<void> {
  if (work.started) return;
  work.started = true;
  await run.journal.write({ type: 'step-started', stepId: step.id, token: tokenFor(step, run) });
}

/** Writes down a new token. What the old one made is found again by its name, so that nothing is made twice. */
async function startAnew(step: AnyStep, run: Run, work: Work): Promise<void> {
  work.started = true;
  const generation = (run.context.state.steps[step.id]?.generation ?? 0) + 1;
  const token = tokenOf(run.context.planId, step.id, generation);
  await run.journal.write({ type: 'step-started', stepId: step.id, token });
}

/** @throws Stopped when this run has done so often enough */
async function askAnew(step: AnyStep, run: Run, work: Work, takenBack: MigrateError): Promise<void> {
  if (work.askedAnew === timesAskedAnew) await fail(step, run, takenBack, true);
  work.askedAnew += 1;
  await startAnew(step, run, work);
}

function tokenFor(step: AnyStep, run: Run): string {
  const { token = null, generation = 0 } = run.context.state.steps[step.id] ?? {};
  return token ?? tokenOf(run.context.planId, step.id, generation);
}

async function act(step: AnyStep, run: Run, work: Work, seen: string): Promise<void> {
  const { clock } = run.ports;
  const deadline = new AbortController();
  const timer = new AbortController();
  clock.sleep(Math.max(0, millisecondsLeft(step, run, work)), timer.signal).then(
    () => deadline.abort(deadlineExceeded(step, run, 'its own call to end')),
    () => undefined,
  );
  try {
    await run.confirmLock();
    await handlerOf(run.handlers, step).act(step, run.ports, {
      ...run.context,
      token: tokenFor(step, run),
      signal: AbortSignal.any([run.signal, run.lost, deadline.signal]),
      pollIntervalMilliseconds: run.pollIntervalMilliseconds,
      limits: run.limits,
      progress: (progress) => report(step, run, progress),
      drainStatus: (status) => run.reporter.drain(status),
    });
    run.changed = true;
    const at = clock.monotonic();
    work.acted = { at, on: seen, first: work.acted?.on === seen ? work.acted.first : at };
    work.lastAct = at;
  } catch (error) {
    if (!isRetryable(error) || run.signal.aborted || run.lost.aborted) throw error;
    // the answer may be lost and the effect there
    run.changed = true;
    run.reporter.waiting({ stepId: step.id, detail: error.message });
  } finally {
    timer.abort();
  }
}

async function report(step: AnyStep, run: Run, progress: StepProgress): Promise<void> {
  if (progress.kind !== 'note') run.changed = true;
  await run.journal.write({ type: 'step-progress', stepId: step.id, progress });
}

async function conclude(step: AnyStep, run: Run, work: Work, observation: Observation): Promise<boolean> {
  if (observation.kind === 'satisfied') {
    await run.journal.write({ type: 'step-succeeded', stepId: step.id, detail: observation.detail });
    return true;
  }
  if (observation.kind === 'conflict') return await fail(step, run, observation.error, observation.tokenSpent);
  await start(step, run, work);
  if (millisecondsLeft(step, run, work) <= 0) {
    if (observation.kind === 'in-progress' && observation.tooLate !== undefined) {
      return await fail(step, run, observation.tooLate);
    }
    if (observation.kind === 'actionable' && observation.takenBack !== undefined) {
      return await fail(step, run, observation.takenBack, true);
    }
    throw (await explainDeadline(step, run)) ?? deadlineExceeded(step, run, observation.detail);
  }
  run.reporter.waiting({ stepId: step.id, detail: observation.detail });
  return false;
}

/**
 * Another step has failed, and the run is about to end: when this one, begun by this run, has failed as well, that is
 * written down too, so that the next run does not ask for it with a spent token. Only the first failure is told.
 */
export async function noteFailure(step: AnyStep, run: Run): Promise<void> {
  if (!run.work.get(step.id)?.started) return;
  try {
    const observation = await observe(step, run);
    if (observation.kind === 'conflict') await fail(step, run, observation.error, observation.tokenSpent);
  } catch (error) {
    if (!(error instanceof Stopped || error instanceof MigrateError)) throw error;
  }
}

/**
 * Journals the failure of a step. What a stop made of a call under way is no failure, nor are credentials that have ended:
 * the next run looks again.
 *
 * @throws always
 */
async function fail(step: AnyStep, run: Run, error: unknown, tokenSpent = false): Promise<never> {
  stopWhenAsked(run.signal, run.lost);
  const failure = error instanceof MigrateError ? error : bug(error);
  stopForCredentials(failure, run);
  const { code, message, why, nextActions } = failure;
  await run.journal.write({
    type: 'step-failed',
    stepId: step.id,
    failure: { code, message, why, nextActions },
    ...(tokenSpent && { tokenSpent }),
  });
  if (failure.exitCode === ExitCode.bug) throw error;
  const isInput = !run.changed && missingPermission.test(code);
  throw new Stopped(withExitCode(failure, isInput ? ExitCode.invalidInput : ExitCode.stoppedPartWay));
}

/** Exit 2 as long as the run has changed nothing. */
const missingPermission = /DENIED|FORBIDDEN/;

/** @throws Stopped when it is the caller's credentials that are missing: the run pauses, and goes on with new ones. */
function stopForCredentials(error: MigrateError, run: Run): void {
  if (!lacksCredentials(error)) return;
  const exitCode = run.changed ? ExitCode.stoppedPartWay : ExitCode.invalidInput;
  throw new Stopped(
    withExitCode(error, exitCode, [`${run.command}   # with new credentials: goes on from here`]),
    true,
  );
}

const isRetryable = (error: unknown): error is MigrateError => error instanceof MigrateError && error.retryable;

function millisecondsLeft(step: AnyStep, run: Run, work: Work): number {
  return work.since + handlerOf(run.handlers, step).deadlineSeconds(step) * 1000 - run.ports.clock.monotonic();
}

/** A closer look at what did not come; null where there is none, or where it fails. */
async function explainDeadline(step: AnyStep, run: Run): Promise<MigrateError | null> {
  try {
    return (await handlerOf(run.handlers, step).explainDeadline?.(step, run.ports)) ?? null;
  } catch (error) {
    if (error instanceof MigrateError) return null;
    throw error;
  }
}

function deadlineExceeded(step: AnyStep, run: Run, waitedFor: string): MigrateError {
  const handler = handlerOf(run.handlers, step);
  const limit = formatDuration(handler.deadlineSeconds(step));
  return new MigrateError({
    code: 'STEP.DEADLINE',
    message: `"${handler.title(step)}" was not done within ${limit}. Waited for: ${waitedFor}`,
    why: 'Each step has a deadline, so that nothing waits for ever. What was asked for may still arrive.',
    nextActions: ['run the same command again: it goes on from here, with a new deadline'],
    exitCode: ExitCode.stoppedPartWay,
  });
}

function bug(error: unknown): MigrateError {
  return new MigrateError({
    code: 'BUG',
    message: error instanceof Error ? error.message : String(error),
    why: 'This is a bug in prefix-migrate.',
    nextActions: ['please report it', 'run the same command again: it goes on from here'],
    exitCode: ExitCode.bug,
    cause: error,
  });
}
