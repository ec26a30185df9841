import type { MigrationPlan } from '../../domain/plan.ts';
import type { RunState } from '../../domain/run-state.ts';
import { summarize } from '../../domain/run-summary.ts';
import { shellWord } from '../../domain/shell-word.ts';
import { count, paint, roughly } from '../text.ts';

/** The last screen of the demo: what moved, and what the world itself saw of it. */
export function demoText(
  plan: MigrationPlan,
  state: RunState,
  observed: { budgetViolations: number; evictionsPerPod: number },
  options: { folder: string; colour: boolean },
): string {
  const moved = summarize(plan, state);
  const first = state.runs[0]?.startedAt;
  const took =
    first === undefined || state.lastEntryAt === null
      ? ''
      : ` in ${roughly((Date.parse(state.lastEntryAt) - Date.parse(first)) / 1000)} of the cluster's time`;
  return [
    '',
    paint(
      'bold',
      `  ${count(plan.nodegroups.length, 'node group')} moved to prefix delegation${took}.`,
      options.colour,
    ),
    '',
    `  Nodes                   ${moved.nodesBefore} -> ${moved.nodesAfter}`,
    `  Pods per node           ${moved.maxPodsBefore} -> ${moved.maxPodsAfter}`,
    `  Pods moved              ${moved.podsMoved}`,
    `  Prefixes on new nodes   ${moved.prefixesAttached}`,
    `  PDB violations          ${observed.budgetViolations}   (counted by the cluster, not by this program)`,
    `  Evictions per pod       ${observed.evictionsPerPod}`,
    '',
    `  prefix-migrate log ${shellWord(options.folder)}      every change with its time`,
    `  prefix-migrate status ${shellWord(options.folder)}   where it stands`,
    '',
  ].join('\n');
}
