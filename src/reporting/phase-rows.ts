import type { AnyStep, MigrationPlan, Phase } from '../domain/plan.ts';
import type { RunState } from '../domain/run-state.ts';
import type { DrainStatus } from '../ports/reporter.ts';
import { type PhaseStatus, phaseStatus, phasesOf } from './formats/status-text.ts';
import { cut, paint, roughly, withoutControlCharacters } from './text.ts';

/** What the live view shows: at most eight rows, one per phase, and lines below the row of the drain. */
export interface PhaseRow {
  phase: Phase;
  title: string;
  lines: string[];
}

export interface LiveView {
  plan: MigrationPlan;
  state: RunState;
  /** what each step waits for, by step id */
  waiting: ReadonlyMap<string, string>;
  drain: DrainStatus | undefined;
}

const words: Record<PhaseStatus, string> = { waiting: '', now: 'now', done: 'done', failed: 'FAILED' };
const styles = { waiting: 'dim', now: 'bold', done: 'green', failed: 'red' } as const;
/** Rows (8) and lines below them (3) are at most 12 lines of the terminal together with the one about Ctrl-C. */
const linesBelow = 3;
/** Columns before each of these lines: below the text of their row. */
export const linesIndent = 20;

/** The rows as they are now, each line at most `width` columns. */
export function phaseRows(view: LiveView, options: { colour: boolean; width: number }): PhaseRow[] {
  return phasesOf(view.plan).map((phase) => {
    const status = phaseStatus(view.plan, view.state, phase);
    const text = withoutControlCharacters(phaseText(view, phase, status)).replaceAll('\n', ' ');
    const rest = cut(`${phase.padEnd(8)}  ${text}`, options.width - 12);
    return {
      phase,
      title: `  ${paint(styles[status], words[status].padEnd(6), options.colour)}  ${rest}`,
      lines: phase === 'drain' && status === 'now' ? drainLines(view.drain, options.width) : [],
    };
  });
}

function drainLines(drain: DrainStatus | undefined, width: number): string[] {
  const lines = drain?.lines.slice(0, linesBelow) ?? [];
  return lines.map((line) => cut(withoutControlCharacters(line), width - linesIndent - 2));
}

function phaseText(view: LiveView, phase: Phase, status: PhaseStatus): string {
  const steps = view.plan.steps.filter((step) => step.phase === phase);
  const done = steps.filter((step) => view.state.steps[step.id]?.status === 'succeeded');
  const detail = (step: AnyStep | undefined): string => (step && view.state.steps[step.id]?.detail) ?? '';
  switch (status) {
    case 'done':
      return steps.length === 1 ? detail(steps[0]) : `${steps.length} steps; ${detail(steps.at(-1))}`;
    case 'waiting':
      return steps.length === 1 ? (steps[0]?.summary ?? '') : `${steps.length} steps`;
    case 'failed':
      return steps.flatMap((step) => view.state.steps[step.id]?.failure?.message ?? []).join('; ');
    case 'now': {
      if (phase === 'drain' && view.drain && view.drain.nodesTotal > 0) return drainText(view.drain);
      const current = steps.find((step) => view.state.steps[step.id]?.status === 'started') ?? steps[done.length];
      const progress = steps.length === 1 ? '' : `${done.length} of ${steps.length}; `;
      return `${progress}${(current && view.waiting.get(current.id)) ?? current?.summary ?? ''}`;
    }
  }
}

function drainText(drain: DrainStatus): string {
  const left = drain.etaSeconds === null ? '' : `, about ${roughly(drain.etaSeconds)} left`;
  return (
    `${drain.nodesEmpty} of ${drain.nodesTotal} nodes empty, ` +
    `${drain.podsGone} of ${drain.podsTotal} pods moved${left}`
  );
}
