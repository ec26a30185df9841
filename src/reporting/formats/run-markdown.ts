import type { FailureFields } from '../../domain/journal-entry.ts';
import type { MigrationPlan } from '../../domain/plan.ts';
import type { RunState } from '../../domain/run-state.ts';
import { summarize } from '../../domain/run-summary.ts';
import { withoutControlCharacters } from '../text.ts';
import { code, plain } from './markdown.ts';
import { shortId } from './plan-text.ts';
import { phaseStatus, phasesOf } from './status-text.ts';

/** A run for the summary of a job: how it ended, where the phases stand, what moved. `plan`: what was run. */
export function runMarkdown(
  plan: MigrationPlan,
  { exitCode, state, stoppedBy }: { exitCode: number; state: RunState; stoppedBy?: FailureFields },
): string {
  const moved = summarize(plan, state);
  const failure = withoutControlCharacters(stoppedBy);
  const kept = withoutControlCharacters(state.rollback?.kept ?? []);
  return [
    `# prefix-migrate ${state.rollback === null ? 'apply' : 'rollback'}: ${plain(plan.cluster.name)}, plan ${shortId(plan.planId)}`,
    '',
    failure === undefined
      ? `Ended as asked (exit code ${exitCode}).`
      : `**Stopped (${failure.code}, exit code ${exitCode})**: ${plain(failure.message)}`,
    '',
    ...(failure === undefined
      ? []
      : [plain(failure.why), '', ...failure.nextActions.map((action) => `- ${code(action)}`), '']),
    '| Phase | Status |',
    '| --- | --- |',
    ...phasesOf(plan).map((phase) => `| ${phase} | ${phaseStatus(plan, state, phase)} |`),
    '',
    ...(withoutControlCharacters(moved.leftToOwners) ?? []).flatMap(({ nodegroup, owner, instructions }) => [
      `${code(nodegroup)} is left to ${plain(owner)}, drained and cordoned. What remains to be done there:`,
      '',
      ...instructions.map((line) => `- ${code(line)}`),
      '',
    ]),
    ...(kept.length === 0 ? [] : [`Not taken back (gone or being deleted): ${kept.map(code).join(', ')}.`, '']),
    `${moved.podsMoved} pods moved${state.rollback === null ? '' : ' back'} in ${moved.evictions} evictions; pods per node ${moved.maxPodsBefore} -> ${moved.maxPodsAfter}.`,
    '',
  ].join('\n');
}
