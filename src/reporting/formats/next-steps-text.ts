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
  later: 'later',
};

/** What `apply --dry-run` prints: each step, what it would do now, and the call. */
export function nextStepsText(steps: readonly NextStepView[]): string {
  if (steps.length === 0) return 'Nothing left to do.\n';
  const lines = steps.flatMap(({ stepId, title, call, now, detail }) => [
    ...hanging(`  ${stepId}: `, `${title} (${words[now] ?? now}${detail === '' ? '' : `: ${detail}`})`, 6),
    ...call.split('\n').map((line) => `      ${line}`),
  ]);
  return `Dry run: ${count(steps.length, 'step')} would follow; nothing was changed.\n\n${lines.join('\n')}\n`;
}
