import { withCallersFlags } from '../../cli/callers-flags.ts';
import { askForName, confirmedByFlag } from '../../cli/consent.ts';
import { ShownError } from '../../cli/errors.ts';
import type { Io } from '../../cli/io.ts';
import { unlessAborted } from '../../cli/signals.ts';
import { newHolderId, type Ports } from '../../composition.ts';
import { phasesThatTakeAway, withoutConsent } from '../../domain/consent.ts';
import { ExitCode } from '../../domain/migrate-error.ts';
import type { MigrationPlan, Phase } from '../../domain/plan.ts';
import type { RunState } from '../../domain/run-state.ts';
import { nextSteps } from '../../engine/dry-run.ts';
import { openSteps, succeededSteps } from '../../engine/order.ts';
import { refuseRolledBack } from '../../engine/rollback-offered.ts';
import { type Consent, runPlan } from '../../engine/run.ts';
import { workOf } from '../../engine/work.ts';
import { mildly } from '../../planning/drift.ts';
import { compareExpectations, expectationsOf } from '../../planning/expectations.ts';
import { consentQuestion } from '../../reporting/formats/consent-question.ts';
import { nextStepsText } from '../../reporting/formats/next-steps-text.ts';
import { runMarkdown } from '../../reporting/formats/run-markdown.ts';
import { summaryText } from '../../reporting/formats/summary-text.ts';
import { jsonLine, withoutControlCharacters } from '../../reporting/text.ts';
import { survey } from '../../survey/survey.ts';
import { changeInWords, driftWatch } from './drift.ts';
import { missingRights } from './missing-rights.ts';
import { type OpenedRun, type RunTarget, withRun } from './open-run.ts';
import { refuseBlocked, refuseExpired, refuseMissingRights, refuseOtherApproval, refuseStale } from './refusals.ts';
import { sceneOf } from './rights-of-plan.ts';
import { appendStepSummary } from './step-summary.ts';

export interface ApplyOptions extends RunTarget {
  until: Phase | undefined;
  approve: string | undefined;
}

/** Runs a plan or goes on with it. Refuses before the first act whatever the plan was not made for. */
export function applyPlan(options: ApplyOptions, io: Io): Promise<ExitCode> {
  return withRun(
    options,
    io,
    ({ plan, path }) => {
      refuseOtherApproval(plan, options.approve, path);
      confirmedByFlag(options.confirm, plan.cluster.name, path);
      refuseBlocked(plan);
    },
    (state, { plan, path }, now) => {
      refuseRolledBack(state, path);
      if (!isBegun(state)) refuseExpired(plan, now, path);
    },
    async (opened) => {
      const { folder, state, ports, signal } = opened;
      const { toolVersion } = folder.plan;
      if (toolVersion !== options.toolVersion) {
        io.progress(`note: prefix-migrate ${toolVersion} made the plan, ${options.toolVersion} carries it out`);
      }
      if (!isBegun(state)) await unlessAborted(signal, compareWithNow(folder.plan, ports, io));
      if (options.dryRun) {
        return await unlessAborted(signal, showNextSteps(folder.plan, state, ports, options.until, io));
      }
      if (options.preflight) await unlessAborted(signal, refuseWithoutRights(opened, options, io));
      return await run(opened, options, io);
    },
  );
}

/** The rights of what is left to do, before the person is asked for anything. */
async function refuseWithoutRights(
  { folder, state, ports, caller }: OpenedRun,
  options: ApplyOptions,
  io: Io,
): Promise<void> {
  const { plan, path } = folder;
  const left = openSteps(plan, succeededSteps(state), options.until);
  if (left.length === 0) return;
  const missing = await missingRights(ports, caller, sceneOf(plan, options.state), left);
  refuseMissingRights(missing, { folder: path, caller, command: io.commandLine });
}

const isBegun = (state: RunState): boolean => Object.values(state.steps).some((step) => step.status !== 'pending');

/** The facts that the plan relies on, looked at again: a changed one refuses the plan or warns. */
async function compareWithNow(plan: MigrationPlan, ports: Ports, io: Io): Promise<void> {
  const now = await survey(
    ports,
    {
      clusterName: plan.cluster.name,
      subnetIds: plan.request.subnetIds,
      instanceTypes: plan.request.instanceTypes,
      purpose: 'comparison',
    },
    (what) => io.verbose && io.progress(`  ${what}`),
  );
  const changes = compareExpectations(
    plan.expectations,
    expectationsOf(now, sourcesOf(plan), plan.request, plan.order.order),
  ).map(mildly);
  refuseStale(
    plan,
    changes.filter(({ whenChanged }) => whenChanged === 'replan'),
  );
  for (const change of changes) io.progress(withoutControlCharacters(`warning: ${changeInWords(change)}`));
}

const sourcesOf = (plan: MigrationPlan): { nodegroupName: string }[] =>
  plan.nodegroups.map(({ source }) => ({ nodegroupName: source }));

async function showNextSteps(
  plan: MigrationPlan,
  state: RunState,
  ports: Ports,
  until: Phase | undefined,
  io: Io,
): Promise<ExitCode> {
  const steps = await nextSteps(workOf(plan, state), state, ports, until === undefined ? {} : { until });
  io.result(
    io.json
      ? `${jsonLine({ planId: plan.planId, steps })}\n`
      : nextStepsText(withoutControlCharacters(steps), {
          whenNone: `Nothing left to do${until === undefined ? '' : ` up to phase ${until}`}.`,
        }),
  );
  return ExitCode.done;
}

async function run(opened: OpenedRun, options: ApplyOptions, io: Io): Promise<ExitCode> {
  const { folder, journal, ports, caller, signal, reporter } = opened;
  const { plan } = folder;
  const isDone = openSteps(plan, succeededSteps(opened.state), options.until).length === 0;
  const result = await runPlan({
    plan,
    ports,
    journal,
    lock: opened.lock,
    reporter,
    options: {
      ...(options.until === undefined ? {} : { until: options.until }),
      consent: consentFor(plan, options, caller, signal, io),
      beforePhase: driftWatch({
        plan,
        folder: folder.path,
        ports,
        command: io.commandLine,
        signal,
        warn: (message) => reporter.warning(withoutControlCharacters(message)),
        pollIntervalMilliseconds: options.pollIntervalMilliseconds,
      }),
      pollIntervalMilliseconds: options.pollIntervalMilliseconds,
      ...(options.limits && { limits: options.limits }),
      folder: folder.path,
      command: io.commandLine,
      toolVersion: options.toolVersion,
      signal,
      runId: newHolderId(),
    },
  });
  await reporter.close(result.stoppedBy);
  await appendStepSummary(() => runMarkdown(withoutControlCharacters(plan), result), io);
  if (result.stoppedBy !== undefined) {
    throw io.json && result.isJournalled
      ? new ShownError(result.stoppedBy.message, { cause: result.stoppedBy })
      : result.stoppedBy;
  }
  if (!io.json) {
    const text = summaryText(plan, result.state, {
      folder: folder.path,
      until: options.until,
      isDone,
      colour: io.colour.stdout,
    });
    io.result(withCallersFlags(text, io.commandLine));
  }
  return result.exitCode;
}

function consentFor(
  plan: MigrationPlan,
  { approve, confirm }: ApplyOptions,
  by: string,
  signal: AbortSignal,
  io: Io,
): Consent {
  // that of another plan, or another name, was refused before
  if (approve !== undefined) return { given: true, by, how: 'approve-flag' };
  if (confirm !== undefined) return { given: true, by, how: 'confirm-flag' };
  if (!io.canPrompt) return { given: false, by, how: 'confirm-flag' };
  const { name } = plan.cluster;
  return {
    by,
    ask: () =>
      askForName(
        io,
        name,
        consentQuestion(withoutControlCharacters(plan)),
        withoutConsent(plan, phasesThatTakeAway(plan)),
        signal,
      ),
  };
}
