import { withCallersFlags } from '../../cli/callers-flags.ts';
import { askForName, confirmedByFlag } from '../../cli/consent.ts';
import { ShownError } from '../../cli/errors.ts';
import type { Io } from '../../cli/io.ts';
import { unlessAborted } from '../../cli/signals.ts';
import { newHolderId } from '../../composition.ts';
import type { RollbackScope } from '../../domain/journal-entry.ts';
import { ExitCode, MigrateError } from '../../domain/migrate-error.ts';
import type { MigrationPlan } from '../../domain/plan.ts';
import type { RunState } from '../../domain/run-state.ts';
import { shellWord } from '../../domain/shell-word.ts';
import { nextSteps } from '../../engine/dry-run.ts';
import { openSteps, succeededSteps } from '../../engine/order.ts';
import { rollbackScopeNow } from '../../engine/rollback.ts';
import { type Consent, runPlan } from '../../engine/run.ts';
import { workOf } from '../../engine/work.ts';
import { nextStepsText } from '../../reporting/formats/next-steps-text.ts';
import { nothingToUndo, rollbackAnnouncement, rollbackSummary } from '../../reporting/formats/rollback-text.ts';
import { runMarkdown } from '../../reporting/formats/run-markdown.ts';
import type { ClosableReporter } from '../../reporting/reporter.ts';
import { jsonLine, withoutControlCharacters } from '../../reporting/text.ts';
import { missingRights } from './missing-rights.ts';
import { type OpenedRun, type RunTarget, withRun } from './open-run.ts';
import { refuseMissingRights } from './refusals.ts';
import { sceneOf } from './rights-of-plan.ts';
import { appendStepSummary } from './step-summary.ts';

/** Takes back what a plan has done, or goes on with that. A plan that has expired, or no longer fits, is taken back as well. */
export function rollbackPlan(options: RunTarget, io: Io): Promise<ExitCode> {
  return withRun(
    options,
    io,
    ({ plan, path }) => void confirmedByFlag(options.confirm, plan.cluster.name, path, 'rollback'),
    () => undefined,
    async (opened) => {
      if (!isBegun(opened.state)) return sayNothingToUndo(opened.folder.plan, options, io);
      if (options.dryRun) return await unlessAborted(opened.signal, rehearse(opened, io));
      if (options.preflight) await unlessAborted(opened.signal, refuseWithoutRights(opened, options, io));
      return await run(opened, options, io);
    },
  );
}

/** The rights of what is left to take back. */
async function refuseWithoutRights(opened: OpenedRun, options: RunTarget, io: Io): Promise<void> {
  const { folder, state, ports, caller } = opened;
  const { plan, path } = folder;
  const work = workOf(plan, state, state.rollback ?? (await scopeNow(opened, state)));
  const left = openSteps(work, succeededSteps(state));
  if (left.length === 0) return;
  const missing = await missingRights(ports, caller, sceneOf(plan, options.state), left);
  refuseMissingRights(missing, { folder: path, caller, command: io.commandLine });
}

const isBegun = (state: RunState): boolean => Object.values(state.steps).some(({ status }) => status !== 'pending');

/** Nothing is written: a journal that tells of a rollback would end a plan that was never begun. */
function sayNothingToUndo(plan: MigrationPlan, { dryRun }: RunTarget, io: Io): ExitCode {
  if (!io.json) io.result(nothingToUndo(plan));
  else if (dryRun) io.result(`${jsonLine({ planId: plan.planId, kept: [], steps: [] })}\n`);
  else io.result(`${jsonLine({ ok: true, entry: { type: 'run-finished', exitCode: ExitCode.done } })}\n`);
  return ExitCode.done;
}

/** What a first rollback works on. Sources that are being deleted stay replaced. */
async function scopeNow(
  { folder: { plan, path }, ports }: OpenedRun,
  state: Readonly<RunState>,
): Promise<RollbackScope> {
  const scope = await rollbackScopeNow(plan, state, ports);
  if (scope.kept.length === 0 || scope.kept.length < plan.nodegroups.length) return scope;
  throw new MigrateError({
    code: 'ROLLBACK.TOO_LATE',
    message: `Nothing can be taken back any more: ${scope.kept.join(', ')} ${scope.kept.length === 1 ? 'is' : 'are'} gone or being deleted. Nothing was changed.`,
    why: 'A node group that is being deleted cannot be kept, and a new one would have new nodes. The pods run on the replacements.',
    nextActions: [
      `prefix-migrate status ${shellWord(path)}`,
      `prefix-migrate apply ${shellWord(path)}   # ends what was begun`,
    ],
    exitCode: ExitCode.invalidInput,
  });
}

async function rehearse(opened: OpenedRun, io: Io): Promise<ExitCode> {
  const { folder, state, ports } = opened;
  const { plan } = folder;
  const scope = state.rollback ?? (await scopeNow(opened, state));
  const work = workOf(plan, state, scope);
  const steps = await nextSteps(work, state, ports);
  if (io.json) io.result(`${jsonLine({ planId: plan.planId, kept: scope.kept, steps })}\n`);
  else {
    announce(plan, work, state, scope.kept, folder.path, io);
    io.result(nextStepsText(withoutControlCharacters(steps), { whenNone: 'Nothing left to undo.' }));
  }
  return ExitCode.done;
}

async function run(opened: OpenedRun, options: RunTarget, io: Io): Promise<ExitCode> {
  const { folder, journal, ports, caller, signal, reporter } = opened;
  const { plan, path } = folder;
  const isDone = opened.state.rollback !== null && isAllUndone(plan, opened.state);
  let kept = opened.state.rollback?.kept ?? [];
  const announcing: ClosableReporter = {
    ...reporter,
    runStarted(work, state) {
      announce(plan, work, state, kept, path, io);
      reporter.runStarted(work, state);
    },
  };
  const result = await runPlan({
    plan,
    ports,
    journal,
    lock: opened.lock,
    reporter: announcing,
    options: {
      rollback: async (state) => {
        const scope = await unlessAborted(signal, scopeNow(opened, state));
        kept = scope.kept;
        return scope;
      },
      consent: consentFor(folder, options, caller, signal, io),
      pollIntervalMilliseconds: options.pollIntervalMilliseconds,
      ...(options.limits && { limits: options.limits }),
      folder: path,
      command: io.commandLine,
      toolVersion: options.toolVersion,
      signal,
      runId: newHolderId(),
    },
  });
  await reporter.close(result.stoppedBy);
  await appendStepSummary(() => runMarkdown(withoutControlCharacters(result.plan), result), io);
  if (result.stoppedBy !== undefined) {
    throw io.json && result.isJournalled
      ? new ShownError(result.stoppedBy.message, { cause: result.stoppedBy })
      : result.stoppedBy;
  }
  if (!io.json) {
    const text = rollbackSummary({
      plan,
      work: result.plan,
      state: result.state,
      kept,
      folder: path,
      isDone,
      colour: io.colour.stdout,
    });
    io.result(withCallersFlags(text, io.commandLine));
  }
  return result.exitCode;
}

const isAllUndone = (plan: MigrationPlan, state: RunState): boolean =>
  openSteps(workOf(plan, state), succeededSteps(state)).length === 0;

/** What will be undone and what cannot be, on stderr, before the question. */
function announce(
  plan: MigrationPlan,
  work: MigrationPlan,
  state: RunState,
  kept: readonly string[],
  folder: string,
  io: Io,
): void {
  for (const line of rollbackAnnouncement({ plan, work, state, kept, folder })) io.progress(line);
}

function consentFor(
  { plan, path }: OpenedRun['folder'],
  { confirm }: RunTarget,
  by: string,
  signal: AbortSignal,
  io: Io,
): Consent {
  // another name was refused before
  if (confirm !== undefined) return { given: true, by, how: 'confirm-flag' };
  if (!io.canPrompt) return { given: false, by, how: 'confirm-flag' };
  const { name } = plan.cluster;
  const otherwise = `prefix-migrate rollback ${shellWord(path)} --dry-run   # shows what it would do`;
  const question = `Type ${withoutControlCharacters(name)} to take it back: `;
  return { by, ask: () => askForName(io, name, question, otherwise, signal) };
}
