import type { Io } from '../../cli/io.ts';
import { isHolderGone, openPlanFolder, realClock } from '../../composition.ts';
import { ExitCode } from '../../domain/migrate-error.ts';
import { replay } from '../../domain/run-state.ts';
import { summarize } from '../../domain/run-summary.ts';
import { shellWord } from '../../domain/shell-word.ts';
import { logText } from '../../reporting/formats/log-text.ts';
import { phaseStatus, phasesOf, statusText, verdictOf } from '../../reporting/formats/status-text.ts';
import { jsonLine } from '../../reporting/text.ts';

/** `status`: where the migration stands. Reads the folder only. */
export async function showStatus(target: string, io: Io): Promise<ExitCode> {
  const folder = await openPlanFolder(target);
  const { plan } = folder;
  const { lines, tornTail } = await folder.journal.read();
  if (tornTail) io.progress(tornLine);
  const state = replay(plan, lines);
  if (!io.json) {
    const now = new Date(realClock().now()).toISOString();
    const isGone = isHolderGone(state.runs.at(-1)?.runId ?? '');
    io.result(statusText(plan, state, { folder: folder.path, colour: io.colour.stdout, isGone, now }));
    return ExitCode.done;
  }
  io.result(
    `${jsonLine({
      planId: plan.planId,
      cluster: plan.cluster.name,
      status: verdictOf(plan, state),
      expiresAt: plan.expiresAt,
      lastEntryAt: state.lastEntryAt,
      phases: phasesOf(plan).map((phase) => ({ phase, status: phaseStatus(plan, state, phase) })),
      steps: plan.steps.map(({ id, phase, summary }) => ({ id, phase, summary, ...state.steps[id] })),
      approvals: state.approvals,
      runs: state.runs,
      summary: summarize(plan, state),
    })}\n`,
  );
  return ExitCode.done;
}

/** `log`: the journal in time order; with --json its lines as `entries` of one document. Reads the folder only. */
export async function showLog(target: string, io: Io): Promise<ExitCode> {
  const folder = await openPlanFolder(target);
  const { lines, tornTail } = await folder.journal.read();
  if (tornTail) io.progress(tornLine);
  const { planId, cluster } = folder.plan;
  if (io.json) io.result(`${jsonLine({ planId, cluster: cluster.name, entries: lines })}\n`);
  else if (lines.length === 0)
    io.progress(`Nothing was done yet. Next: prefix-migrate apply ${shellWord(folder.path)}`);
  else io.result(logText(lines, { width: io.width }));
  return ExitCode.done;
}

const tornLine = 'warning: the last line of the journal was cut off while it was written; it is left out';
