import { count, hanging } from '../text.ts';

export interface NextStepView {
  stepId: string;
  title: string;
  call: string;
  now: string;
  detail: string;
}

const words: Record<string, string> = {
  satisfied: 'nothing to do',
  actionable: 'would act',
  'in-progress': 'would wait',
  conflict: 'would stop',
};

/** What a look at the cluster says; nothing for a step that others come before. */
function state(now: string, detail: string): string {
  if (now === 'later') return '';
  return ` (${words[now] ?? now}${detail === '' ? '' : `: ${detail}`})`;
}

/** What a `--dry-run` prints: each step, what it would do now, and the call; or that there is none. */
export function nextStepsText(steps: readonly NextStepView[], { whenNone }: { whenNone: string }): string {
  if (steps.length === 0) return `${whenNone}\n`;
  const lines = steps.flatMap(({ stepId, title, call, now, detail }) => [
    ...hanging(`  ${stepId}: `, title + state(now, detail), 6),
    ...call.split('\n').flatMap((line) => hanging('      ', line, 8)),
  ]);
  return `Dry run: ${count(steps.length, 'step')} would follow; nothing was changed.\n\n${lines.join('\n')}\n`;
}
