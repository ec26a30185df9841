import { withCallersFlags } from '../../cli/callers-flags.ts';
import type { Io } from '../../cli/io.ts';
import { isHolderGone, realClock } from '../../composition.ts';
import { ExitCode } from '../../domain/migrate-error.ts';
import { replay } from '../../domain/run-state.ts';
import { summarize } from '../../domain/run-summary.ts';
import { shellWord } from '../../domain/shell-word.ts';
import { workOf } from '../../engine/work.ts';
import { logText } from '../../reporting/formats/log-text.ts';
import { isExpired, phaseStatus, phasesOf, statusText, verdictOf } from '../../reporting/formats/status-text.ts';
import { jsonLine } from '../../reporting/text.ts';
import { type ReadTarget, readJournal } from './read-journal.ts';

/** `status`: where the migration stands. Reads the journal only. */
export async function showStatus(target: ReadTarget, io: Io): Promise<ExitCode> {
  const { folder, lines } = await readJournal(target, io);
  const { plan } = folder;
  const state = replay(plan, lines);
  const work = workOf(plan, state);
  const now = new Date(realClock().now()).toISOString();
  if (!io.json) {
    const isGone = isHolderGone(state.runs.at(-1)?.runId ?? '');
    const text = statusText(work, state, { folder: folder.path, colour: io.colour.stdout, isGone, now });
    io.result(withCallersFlags(text, io.commandLine));
    return ExitCode.done;
  }
  io.result(
    `${jsonLine({
      planId: plan.planId,
      cluster: plan.cluster.name,
      status: verdictOf(work, state),
      expiresAt: plan.expiresAt,
      expired: plan.steps.length > 0 && isExpired(plan, state, now),
      lastEntryAt: state.lastEntryAt,
      phases: phasesOf(plan).map((phase) => ({ phase, status: phaseStatus(plan, state, phase) })),
      steps: plan.steps.map(({ id, phase, summary }) => ({ id, phase, summary, ...state.steps[id] })),
      rollback: state.rollback && {
        ...state.rollback,
        phases: phasesOf(work).map((phase) => ({ phase, status: phaseStatus(work, state, phase) })),
        steps: work.steps.map(({ id, phase, summary }) => ({ id, phase, summary, ...state.steps[id] })),
      },
      approvals: state.approvals.map((approval) => ({ ...approval, planId: plan.planId })),
      runs: state.runs,
      summary: summarize(work, state),
    })}\n`,
  );
  return ExitCode.done;
}

/** `log`: the journal in time order; with --json its lines as `entries` of one document. Reads the journal only. */
export async function showLog(target: ReadTarget, io: Io): Promise<ExitCode> {
  const { folder, lines } = await readJournal(target, io);
  const { planId, cluster } = folder.plan;
  if (io.json) io.result(`${jsonLine({ planId, cluster: cluster.name, entries: lines })}\n`);
  else if (lines.length === 0)
    io.progress(
      withCallersFlags(`Nothing was done yet. Next: prefix-migrate apply ${shellWord(folder.path)}`, io.commandLine),
    );
  else io.result(logText(lines, { width: io.width }));
  return ExitCode.done;
}
