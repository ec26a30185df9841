import { cannotUndo } from '../../domain/cannot-undo.ts';
import type { MigrationPlan } from '../../domain/plan.ts';
import { planCommand } from '../../domain/plan-command.ts';
import type { RunState } from '../../domain/run-state.ts';
import { summarize } from '../../domain/run-summary.ts';
import { shellWord } from '../../domain/shell-word.ts';
import { count, hanging, paint, withoutControlCharacters } from '../text.ts';
import { shortId } from './plan-text.ts';

/** So many steps are told before the act; `--dry-run` tells all. */
const shownSteps = 12;

export interface RollbackText {
  plan: MigrationPlan;
  /** the same plan with the steps that take it back */
  work: MigrationPlan;
  state: RunState;
  /** sources that are gone or being deleted */
  kept: readonly string[];
  folder: string;
}

/** What will be undone, and what cannot be: said before the act. Empty when nothing is left to undo. */
export function rollbackAnnouncement(parts: RollbackText): string[] {
  const { plan, work, state, kept, folder } = withoutControlCharacters(parts);
  const { name, region, accountId } = plan.cluster;
  const open = work.steps.filter(({ id }) => state.steps[id]?.status !== 'succeeded');
  if (open.length === 0) return [];
  const done = work.steps.length - open.length;
  const shown = open.length > shownSteps + 1 ? open.slice(0, shownSteps) : open;
  const more = open.length - shown.length;
  return [
    ...hanging(
      '',
      `Cluster ${name} in ${region}, account ${accountId}: this takes back plan ${shortId(plan.planId)}` +
        (done === 0
          ? `, in ${count(open.length, 'step')}:`
          : `; ${done} of ${work.steps.length} steps are done, left are:`),
      0,
    ),
    ...shown.flatMap(({ summary }) => hanging('  - ', summary, 4)),
    ...(more === 0 ? [] : [`  and ${more} more: prefix-migrate rollback ${shellWord(folder)} --dry-run`]),
    ...keptLines(kept),
    ...cannotUndoLines(plan, state),
  ];
}

const keptLines = (kept: readonly string[]): string[] =>
  kept.length === 0
    ? []
    : hanging('', `Not taken back, since the old node group is gone or being deleted: ${kept.join(', ')}.`, 0);

/** Of what was begun. */
const cannotUndoLines = (plan: MigrationPlan, state: RunState): string[] => {
  const begun = plan.steps.filter(({ id }) => (state.steps[id]?.status ?? 'pending') !== 'pending');
  const said = cannotUndo({ ...plan, steps: begun });
  return said.length === 0 ? [] : ['What cannot be undone:', ...said.flatMap((line) => hanging('  - ', line, 4))];
};

/** The last screen of a `rollback`. `isDone`: nothing was left to undo when it began. */
export function rollbackSummary(parts: RollbackText & { isDone: boolean; colour: boolean }): string {
  const { plan, work, state, kept, folder, isDone, colour } = withoutControlCharacters(parts);
  const { name } = plan.cluster;
  const back = plan.nodegroups.flatMap(({ source }) => (kept.includes(source) ? [] : [source]));
  const moved = summarize(work, state);
  const refused = moved.evictionsRefused > 0 ? ` (and ${moved.evictionsRefused} refused by a budget, tried again)` : '';
  const pods = moved.podsMoved === 0 ? 'none' : `${moved.podsMoved} in ${count(moved.evictions, 'eviction')}${refused}`;
  const head = isDone ? 'taken back before, nothing left to undo' : 'taken back';
  return [
    paint('bold', `${name}: ${head}. ${count(back.length, 'node group')} as before the plan.`, colour),
    '',
    ...hanging('  Node groups      ', back.join(', '), 19),
    ...(kept.length === 0 ? [] : hanging('  Stay replaced    ', kept.join(', '), 19)),
    `  Pods per node    ${moved.maxPodsAfter}`,
    `  Pods moved back  ${pods}`,
    '',
    `  prefix-migrate log ${shellWord(folder)} shows every change with its time.`,
    '  apply refuses this plan from now on. To move again:',
    `    ${planCommand(plan.request)} --out NEW_DIR`,
    '',
  ].join('\n');
}

/** The answer when no step of the plan was begun. */
export const nothingToUndo = ({ cluster }: MigrationPlan): string =>
  `${withoutControlCharacters(cluster.name)}: nothing to undo, no step of this plan was begun.\n`;
