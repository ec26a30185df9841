import { askForName, confirmedByFlag } from '../../cli/consent.ts';
import { ShownError } from '../../cli/errors.ts';
import type { Io } from '../../cli/io.ts';
import { stopOnSignals, unlessAborted } from '../../cli/signals.ts';
import {
  type ConnectionOptions,
  clusterLock,
  connect,
  newHolderId,
  openPlanFolder,
  type PlanFolder,
  type Ports,
  realClock,
} from '../../composition.ts';
import { phasesThatTakeAway, withoutConsent } from '../../domain/consent.ts';
import type { DrainLimits } from '../../domain/drain-limits.ts';
import { ExitCode } from '../../domain/migrate-error.ts';
import type { MigrationPlan, Phase } from '../../domain/plan.ts';
import { type RunState, replay } from '../../domain/run-state.ts';
import { nextSteps } from '../../engine/dry-run.ts';
import { openSteps, succeededSteps } from '../../engine/order.ts';
import { type Consent, runPlan } from '../../engine/run.ts';
import { compareExpectations, expectationsOf } from '../../planning/expectations.ts';
import { consentQuestion } from '../../reporting/formats/consent-question.ts';
import { nextStepsText } from '../../reporting/formats/next-steps-text.ts';
import { runMarkdown } from '../../reporting/formats/run-markdown.ts';
import { summaryText } from '../../reporting/formats/summary-text.ts';
import { createListrReporter } from '../../reporting/listr-reporter.ts';
import { createNdjsonReporter } from '../../reporting/ndjson-reporter.ts';
import { createPlainReporter } from '../../reporting/plain-reporter.ts';
import type { ClosableReporter } from '../../reporting/reporter.ts';
import { jsonLine, withoutControlCharacters } from '../../reporting/text.ts';
import { survey } from '../../survey/survey.ts';
import {
  refuseBlocked,
  refuseExpired,
  refuseOtherApproval,
  refuseOtherCluster,
  refuseOtherName,
  refuseStale,
} from './refusals.ts';
import { appendStepSummary } from './step-summary.ts';

export interface ApplyOptions {
  /** plan folder, or the plan.json in it */
  target: string;
  until: Phase | undefined;
  confirm: string | undefined;
  approve: string | undefined;
  dryRun: boolean;
  clusterName: string | undefined;
  pollIntervalMilliseconds: number;
  /** of the drain, in this run */
  limits?: DrainLimits;
  toolVersion: string;
  connection: Omit<ConnectionOptions, 'clusterName'>;
}

/** Runs a plan or goes on with it. Refuses before the first act whatever the plan was not made for. */
export async function applyPlan(options: ApplyOptions, io: Io): Promise<ExitCode> {
  const folder = await openPlanFolder(options.target);
  const { plan } = folder;
  const { lines } = await folder.journal.read();
  const state = replay(plan, lines);
  const begun = Object.values(state.steps).some((step) => step.status !== 'pending');

  refuseOtherName(plan, options.clusterName);
  refuseOtherApproval(plan, options.approve, folder.path);
  const confirmed = confirmedByFlag(options.confirm, plan.cluster.name, folder.path);
  refuseBlocked(plan);

  const connection: ConnectionOptions = {
    ...options.connection,
    region: options.connection.region ?? plan.cluster.region,
    clusterName: plan.cluster.name,
  };
  const clock = connection.clock ?? realClock();
  if (!begun) refuseExpired(plan, clock.now(), folder.path);
  const reporter = createReporter(io);
  const stop = stopOnSignals({
    notice: (line) => reporter.notice(line),
    sleep: (milliseconds) => realClock().sleep(milliseconds),
    command: io.commandLine,
  });
  try {
    const ports = await connect({ ...connection, signal: stop.overdue });
    const looked = async (): Promise<string> => {
      const caller = await refuseOtherCluster(plan, ports);
      if (!begun) await compareWithNow(plan, ports, io);
      return caller;
    };
    const caller = await unlessAborted(stop.asked, looked());
    if (options.dryRun) {
      return await unlessAborted(stop.asked, showNextSteps(plan, state, ports, options.until, io));
    }
    const isDone = openSteps(plan, succeededSteps(state), options.until).length === 0;
    return await run({ plan, folder, ports, options, confirmed, caller, isDone, signal: stop.asked, reporter }, io);
  } finally {
    stop.dispose();
  }
}

/** The facts that the plan relies on, looked at again: a changed one refuses the plan or warns. */
async function compareWithNow(plan: MigrationPlan, ports: Ports, io: Io): Promise<void> {
  const now = await survey(
    ports,
    { clusterName: plan.cluster.name, subnetIds: plan.request.subnetIds, purpose: 'comparison' },
    (what) => io.verbose && io.progress(`  ${what}`),
  );
  const changes = compareExpectations(
    plan.expectations,
    expectationsOf(now, sourcesOf(plan), plan.request, plan.order.order),
  );
  refuseStale(
    plan,
    changes.filter(({ whenChanged }) => whenChanged === 'replan'),
  );
  for (const { path, planned, now: found } of changes) {
    io.progress(withoutControlCharacters(`warning: ${path} was ${jsonLine(planned)} and is ${jsonLine(found)} now`));
  }
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
  const steps = await nextSteps(plan, state, ports, until === undefined ? {} : { until });
  io.result(
    io.json ? `${jsonLine({ planId: plan.planId, steps })}\n` : nextStepsText(withoutControlCharacters(steps), until),
  );
  return ExitCode.done;
}

interface Run {
  plan: MigrationPlan;
  folder: PlanFolder;
  ports: Ports;
  options: ApplyOptions;
  confirmed: boolean;
  /** ARN of the caller, for the journal */
  caller: string;
  /** nothing was left to do before this run */
  isDone: boolean;
  signal: AbortSignal;
  reporter: ClosableReporter;
}

async function run(parts: Run, io: Io): Promise<ExitCode> {
  const { plan, folder, ports, options, confirmed, caller, isDone, signal, reporter } = parts;
  try {
    const result = await runPlan({
      plan,
      ports,
      journal: folder.journal,
      lock: clusterLock(ports, folder, (message) => reporter.warning(message)),
      reporter,
      options: {
        ...(options.until === undefined ? {} : { until: options.until }),
        consent: consentFor(plan, confirmed, caller, signal, io),
        pollIntervalMilliseconds: options.pollIntervalMilliseconds,
        ...(options.limits && { limits: options.limits }),
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
      io.result(
        summaryText(plan, result.state, {
          folder: folder.path,
          until: options.until,
          isDone,
          colour: io.colour.stdout,
        }),
      );
    }
    return result.exitCode;
  } finally {
    await reporter.close();
  }
}

function consentFor(plan: MigrationPlan, confirmed: boolean, by: string, signal: AbortSignal, io: Io): Consent {
  if (confirmed) return { given: true, by, how: 'confirm-flag' };
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

function createReporter(io: Io): ClosableReporter {
  if (io.json) return createNdjsonReporter(io.result, io.progress);
  if (!io.live) return createPlainReporter(io.progress, { verbose: io.verbose });
  return createListrReporter({ clock: realClock(), stderr: io.stderr, colour: io.colour.stderr });
}
