import { type MigrationPlan, type Phase, phases } from '../../domain/plan.ts';
import type { RunState } from '../../domain/run-state.ts';
import { summarize } from '../../domain/run-summary.ts';
import { count, hanging, paint, withoutControlCharacters } from '../text.ts';
import { verdictOf } from './status-text.ts';

/** The last screen of an `apply` that reached its goal. */
export function summaryText(
  plan: MigrationPlan,
  state: RunState,
  options: { folder: string; until: Phase | undefined; colour: boolean },
): string {
  const clean = withoutControlCharacters(plan);
  const name = clean.cluster.name;
  if (verdictOf(plan, state) !== 'finished') {
    const next = phases.find((phase) =>
      plan.steps.some((step) => step.phase === phase && state.steps[step.id]?.status !== 'succeeded'),
    );
    return [
      paint(
        'bold',
        `${name}: stopped after phase ${options.until ?? ''}, as asked. Next is ${next ?? ''}.`,
        options.colour,
      ),
      '',
      `  -> prefix-migrate apply ${options.folder}`,
      '',
    ].join('\n');
  }
  const moved = summarize(plan, state);
  const groups = clean.nodegroups.map(({ source, replacement }) => `${source} -> ${replacement}`).join(', ');
  return [
    paint(
      'bold',
      `${name}: done. ${count(plan.nodegroups.length, 'node group')} moved to prefix delegation.`,
      options.colour,
    ),
    '',
    ...hanging('  Node groups    ', groups, 17),
    `  Nodes          ${moved.nodesBefore} -> ${moved.nodesAfter}`,
    `  Pods per node  ${moved.maxPodsBefore} -> ${moved.maxPodsAfter}`,
    `  Pods moved     ${moved.podsMoved} in ${count(moved.evictions, 'eviction')} (${moved.evictionsRefused} refused by a budget)`,
    `  Prefixes       ${moved.prefixesAttached} seen on new nodes`,
    '',
    `  prefix-migrate log ${options.folder} shows every change with its time.`,
    '',
  ].join('\n');
}
