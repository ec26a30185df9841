import type { AnyStep, MigrationPlan, Phase } from '../domain/plan.ts';
import type { RunState } from '../domain/run-state.ts';
import type { DrainStatus } from '../ports/reporter.ts';
import { type PhaseStatus, phaseStatus, phasesOf } from './formats/status-text.ts';
import { cut, paint, roughly, withoutControlCharacters, wrap } from './text.ts';

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
/** Of the terminal, together with the one about Ctrl-C. */
const mostLines = 12;
/** Columns before each line below the drain, and before its text: below that of the row. */
const indent = 12;
const textIndent = 20;

/** The rows as they are now, each line at most `width` columns. While pods move, what comes after that is one row. */
export function phaseRows(view: LiveView, options: { colour: boolean; width: number }): PhaseRow[] {
  const all = phasesOf(view.plan).map((phase) => ({ phase, status: phaseStatus(view.plan, view.state, phase) }));
  const isDraining = all.some(({ phase, status }) => phase === 'drain' && status === 'now');
  const [next, ...later] = isDraining ? all.filter(({ status }) => status === 'waiting') : [];
  const rows = all.filter((row) => !later.includes(row));
  return rows.map((row) => {
    const { phase, status } = row;
    const then = row === next && later.length > 0 ? `; then ${later.map((each) => each.phase).join(', ')}` : '';
    const text = withoutControlCharacters(phaseText(view, phase, status)).replaceAll('\n', ' ');
    const rest = cut(`${phase.padEnd(8)}  ${text}${then}`, options.width - 12);
    const room = mostLines - 1 - rows.length;
    return {
      phase,
      title: `  ${paint(styles[status], (row === next ? 'next' : words[status]).padEnd(6), options.colour)}  ${rest}`,
      lines: phase === 'drain' && status === 'now' ? drainLines(view.drain, options.width - 2, room) : [],
    };
  });
}

/** As many of the blocked as there is room for, the first one with what to do about it; then what moves. */
function drainLines(drain: DrainStatus | undefined, width: number, room: number): string[] {
  if (drain === undefined) return [];
  const clean = withoutControlCharacters(drain);
  const moves = movesLine(clean, width);
  const left = room - moves.length;
  for (let shown = clean.lines.length; shown > 0; shown -= 1) {
    const { first, action, others } = blockedLines(clean, shown, width);
    if (first.length + action.length + others.length <= left) return [...first, ...action, ...others, ...moves];
    if (shown > 1) continue;
    const kept = first.slice(0, Math.max(1, left - action.length));
    const last = cut(`${kept.pop()} …${' '.repeat(width)}`.trimEnd(), width);
    return [...kept, last, ...action, ...moves].slice(0, room);
  }
  return moves;
}

function blockedLines({ lines, nextAction, moreWait }: DrainStatus, shown: number, width: number) {
  const hidden = lines.slice(shown).filter((line) => line.startsWith('waits ')).length + moreWait;
  const texts = lines.slice(0, shown).map((line, i) => {
    const tag = line.split(' ', 1)[0] ?? '';
    const more = i === shown - 1 && hidden > 0 ? ` (and ${hidden} more wait)` : '';
    return wrapped(tag, line.slice(tag.length + 1) + more, width);
  });
  const [first = [], ...others] = texts;
  return { first, action: nextAction === null ? [] : actionLines(nextAction, width), others: others.flat() };
}

function wrapped(tag: string, text: string, width: number): string[] {
  const head = ' '.repeat(indent) + tag.padEnd(textIndent - indent);
  return wrap(text, width - textIndent).map((line, i) => cut((i === 0 ? head : ' '.repeat(textIndent)) + line, width));
}

/** As far to the right as leaves it whole, since it is there to be pasted. */
function actionLines(action: string, width: number): string[] {
  const arrow = '-> ';
  const before = Math.max(4, Math.min(textIndent, width - action.length - arrow.length));
  return wrap(action, width - before - arrow.length).map((line, i) =>
    cut(`${' '.repeat(before)}${i === 0 ? arrow : '   '}${line}`, width),
  );
}

/** `moves   the rest: about 3 min; shop/api 2, shop/web 3 and 3 more`: as many as fit into one line. */
function movesLine(drain: DrainStatus, width: number): string[] {
  const all = drain.moving.map(({ name, left }) => `${name} ${left}`);
  const rest = restText(drain);
  const head = `${' '.repeat(indent)}moves   ${rest ?? ''}${rest !== null && all.length > 0 ? '; ' : ''}`;
  const text = (shown: number): string => {
    const more = all.length - shown;
    return `${head}${all.slice(0, shown).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  };
  if (all.length === 0 && rest === null) return [];
  let shown = Math.min(all.length, width);
  while (shown > 1 && text(shown).length > width) shown -= 1;
  return [cut(text(shown), width)];
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

/** Of what can move while something cannot: `the rest: about 3 min`. */
export function restText({ etaSeconds, restSeconds }: DrainStatus): string | null {
  return etaSeconds === null && restSeconds !== null ? `the rest: about ${roughly(restSeconds)}` : null;
}

/** `9 of 14 nodes empty, 271 of 388 pods moved, about 11 min left` */
export function drainText(drain: DrainStatus): string {
  const left = drain.etaSeconds === null ? '' : `, about ${roughly(drain.etaSeconds)} left`;
  return (
    `${drain.nodesEmpty} of ${drain.nodesTotal} nodes empty, ` +
    `${drain.podsGone} of ${drain.podsTotal} pods moved${left}`
  );
}
