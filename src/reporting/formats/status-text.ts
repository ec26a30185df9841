import { type MigrationPlan, type Phase, phases } from '../../domain/plan.ts';
import type { RunState, StepStatus } from '../../domain/run-state.ts';
import { columns, hanging, paint, withoutControlCharacters } from '../text.ts';
import { shortId } from './plan-text.ts';

export type PhaseStatus = 'waiting' | 'now' | 'done' | 'failed';

/** Where one phase stands: the worst of its steps. */
export function phaseStatus(plan: MigrationPlan, state: RunState, phase: Phase): PhaseStatus {
  const statuses = stepsOf(plan, phase).map((step) => state.steps[step.id]?.status ?? 'pending');
  if (statuses.includes('failed')) return 'failed';
  if (statuses.every((status) => status === 'succeeded')) return 'done';
  return statuses.every((status) => status === 'pending') ? 'waiting' : 'now';
}

/** Phases that have steps, in order. */
export const phasesOf = (plan: MigrationPlan): Phase[] => phases.filter((phase) => stepsOf(plan, phase).length > 0);

const stepsOf = (plan: MigrationPlan, phase: Phase): MigrationPlan['steps'] =>
  plan.steps.filter((step) => step.phase === phase);

const verdicts = {
  'not-started': 'not started',
  'under-way': 'begun and not finished',
  stopped: 'stopped part-way; can go on',
  finished: 'finished',
} as const;
export type Verdict = keyof typeof verdicts;

/** The migration as a whole. `under-way` means that the last run wrote no end: it runs, or it was killed. */
export function verdictOf(plan: MigrationPlan, state: RunState): Verdict {
  if (state.runs.length === 0) return 'not-started';
  if (plan.steps.every((step) => state.steps[step.id]?.status === 'succeeded')) return 'finished';
  return state.runs.at(-1)?.endedAt === null ? 'under-way' : 'stopped';
}

/** What `status` prints. */
export function statusText(plan: MigrationPlan, state: RunState, options: { folder: string; colour: boolean }): string {
  const clean = withoutControlCharacters({ plan, state });
  return `${lines(clean.plan, clean.state, options).join('\n')}\n`;
}

const words: Record<StepStatus, string> = { pending: '', started: 'now', succeeded: 'done', failed: 'FAILED' };

function lines(plan: MigrationPlan, state: RunState, options: { folder: string; colour: boolean }): string[] {
  const verdict = verdictOf(plan, state);
  const rows = plan.steps.map((step) => {
    const { status, detail } = state.steps[step.id] ?? { status: 'pending' as const, detail: null };
    return { row: [`  ${words[status]}`, step.phase, step.id], detail: detail ?? step.summary };
  });
  // the mark keeps the last column padded
  const heads = columns(rows.map(({ row }) => [...row, '|'])).map((head) => head.slice(0, -1));
  const failures = plan.steps.flatMap((step) => {
    const failure = state.steps[step.id]?.failure;
    return failure ? [{ step, failure }] : [];
  });
  const evicted = Object.values(state.evictions).filter(({ outcome }) => outcome !== 'intent').length;
  return [
    paint('bold', `${plan.cluster.name}  plan ${shortId(plan.planId)}: ${verdicts[verdict]}`, options.colour),
    '',
    ...rows.flatMap(({ detail }, i) => hanging(heads[i] ?? '', detail, heads[i]?.length ?? 0)),
    '',
    ...(evicted > 0
      ? [`  ${state.podsGone.length} pods moved, ${state.evictionsRefused} evictions refused by a budget`, '']
      : []),
    ...failures.flatMap(({ step, failure }) => [
      ...hanging(`  ${paint('red', 'x', options.colour)} ${step.id}: `, failure.message, 4),
      ...hanging('    ', failure.why, 4),
      ...failure.nextActions.map((action) => `    -> ${action}`),
      '',
    ]),
    ...nextLines(plan, verdict, options.folder),
  ];
}

function nextLines(plan: MigrationPlan, verdict: Verdict, folder: string): string[] {
  switch (verdict) {
    case 'finished':
      return [`  Nothing left to do. prefix-migrate log ${folder} shows what was done.`];
    case 'not-started':
      return [`  Good until ${plan.expiresAt}.`, `  Next: prefix-migrate apply ${folder}`];
    case 'under-way':
      return [
        '  The last run has written no end: it is still running, or it was killed.',
        `  To go on: prefix-migrate apply ${folder}`,
      ];
    case 'stopped':
      return [`  To go on: prefix-migrate apply ${folder}`];
  }
}
