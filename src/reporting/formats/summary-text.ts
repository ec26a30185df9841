import { type MigrationPlan, type Phase, phases } from '../../domain/plan.ts';
import type { RunState } from '../../domain/run-state.ts';
import { summarize } from '../../domain/run-summary.ts';
import { shellWord } from '../../domain/shell-word.ts';
import { count, hanging, paint, withoutControlCharacters } from '../text.ts';
import { isCommand } from './findings.ts';
import { verdictOf } from './status-text.ts';

/** The last screen of an `apply` that reached its goal. `isDone`: nothing was left to do when it began. */
export function summaryText(
  plan: MigrationPlan,
  state: RunState,
  options: { folder: string; until: Phase | undefined; isDone: boolean; colour: boolean },
): string {
  const clean = withoutControlCharacters(plan);
  const name = clean.cluster.name;
  if (plan.nodegroups.length === 0)
    return `${paint('bold', `${name}: nothing to do, the plan moves no node group.`, options.colour)}\n`;
  if (verdictOf(plan, state) !== 'finished') {
    const next = phases.find((phase) =>
      plan.steps.some((step) => step.phase === phase && state.steps[step.id]?.status !== 'succeeded'),
    );
    const until = options.until ?? '';
    return [
      paint(
        'bold',
        options.isDone
          ? `${name}: phase ${until} was done before; nothing to do. Next is ${next ?? ''}.`
          : `${name}: stopped after phase ${until}, as asked. Next is ${next ?? ''}.`,
        options.colour,
      ),
      '',
      `  -> prefix-migrate apply ${shellWord(options.folder)}`,
      '',
    ].join('\n');
  }
  const moved = summarize(plan, state);
  const refused = moved.evictionsRefused > 0 ? ` (and ${moved.evictionsRefused} refused by a budget, tried again)` : '';
  const groups = clean.nodegroups.map(({ source, replacement }) => `${source} -> ${replacement}`).join(', ');
  return [
    paint(
      'bold',
      `${name}: done${options.isDone ? ' before, nothing left to do' : ''}. ${count(plan.nodegroups.length, 'node group')} moved to prefix delegation.`,
      options.colour,
    ),
    '',
    ...hanging('  Node groups    ', groups, 17),
    `  Nodes          ${moved.nodesBefore} -> ${moved.nodesAfter}`,
    `  Pods per node  ${moved.maxPodsBefore} -> ${moved.maxPodsAfter}`,
    `  Pods moved     ${moved.podsMoved} in ${count(moved.evictions, 'eviction')}${refused}`,
    `  Prefixes       ${moved.prefixesAttached} seen on new nodes`,
    '',
    ...(withoutControlCharacters(moved.leftToOwners) ?? []).flatMap(({ nodegroup, owner, instructions }) => [
      ...hanging(`  ${nodegroup} `, `is left to ${owner}, drained and cordoned. What remains to be done there:`, 4),
      ...instructions.flatMap((line) => (isCommand(line) ? [`  -> ${line}`] : hanging('  -> ', line, 5))),
      '',
    ]),
    `  prefix-migrate log ${shellWord(options.folder)} shows every change with its time.`,
    '',
  ].join('\n');
}
