import { blockers } from '../../domain/finding.ts';
import { type MigrationPlan, type Phase, phases } from '../../domain/plan.ts';
import type { RunState, StepStatus } from '../../domain/run-state.ts';
import { summarize } from '../../domain/run-summary.ts';
import { shellWord } from '../../domain/shell-word.ts';
import { canBeTakenBack } from '../../domain/taken-back.ts';
import { count, dateTime, hanging, paint, withoutControlCharacters } from '../text.ts';
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

export type Verdict = 'not-started' | 'under-way' | 'stopped' | 'finished' | 'rolling-back' | 'rolled-back';

/**
 * The migration as a whole. `under-way` means that the last run wrote no end: it runs, or it was killed. `plan` is what is
 * worked on: once a rollback has begun, the plan that takes it back.
 */
export function verdictOf(plan: MigrationPlan, state: RunState): Verdict {
  const isDone = plan.steps.every((step) => state.steps[step.id]?.status === 'succeeded');
  if (state.rollback !== null) return isDone ? 'rolled-back' : 'rolling-back';
  if (isDone) return 'finished';
  if (state.runs.length === 0) return 'not-started';
  return isOpen(state) ? 'under-way' : 'stopped';
}

/** The last run has written no end. */
const isOpen = (state: RunState): boolean => state.runs.at(-1)?.endedAt === null;

export interface StatusOptions {
  folder: string;
  colour: boolean;
  /** the process of the last run is known to have ended */
  isGone: boolean;
  /** ISO 8601: a plan that has not begun by its time is refused */
  now: string;
}

/** What `status` prints. `plan` is what is worked on, see `verdictOf`. */
export function statusText(plan: MigrationPlan, state: RunState, options: StatusOptions): string {
  const clean = withoutControlCharacters({ plan, state });
  return `${lines(clean.plan, clean.state, options).join('\n')}\n`;
}

const words: Record<StepStatus, string> = { pending: '', started: 'now', succeeded: 'done', failed: 'FAILED' };
const styles = { pending: 'dim', started: 'bold', succeeded: 'green', failed: 'red' } as const;

function lines(plan: MigrationPlan, state: RunState, options: StatusOptions): string[] {
  const { colour } = options;
  const failures = plan.steps.flatMap((step) => {
    const failure = state.steps[step.id]?.failure;
    return failure ? [{ step, failure }] : [];
  });
  const moved = summarize(plan, state).podsMoved;
  const { evictionsRefused: refused } = state;
  return [
    paint('bold', `${plan.cluster.name}  plan ${shortId(plan.planId)}: ${headline(plan, state, options)}`, colour),
    ...(state.lastEntryAt === null ? [] : [`  Last entry of the journal: ${dateTime(state.lastEntryAt)}`]),
    '',
    ...phasesOf(plan).flatMap((phase) => phaseLines(plan, state, phase, colour)),
    ...(plan.steps.length > 0 ? [''] : []),
    ...(moved > 0 || refused > 0
      ? [
          `  ${count(moved, 'pod')} moved${state.rollback === null ? '' : ' back'}${refused > 0 ? `; a budget refused ${count(refused, 'eviction')} for a while` : ''}`,
          '',
        ]
      : []),
    ...failures.flatMap(({ step, failure }) => [
      ...hanging(`  ${paint('red', 'x', colour)} ${step.id}: `, failure.message, 4),
      ...hanging('    ', failure.why, 4),
      ...failure.nextActions.map((action) => `    -> ${action}`),
      '',
    ]),
    ...nextLines(plan, state, options),
  ];
}

/** A line or more for each step; the name of the phase stands at its first one. */
function phaseLines(plan: MigrationPlan, state: RunState, phase: Phase, colour: boolean): string[] {
  return stepsOf(plan, phase).flatMap((step, i) => {
    const { status, detail } = state.steps[step.id] ?? { status: 'pending' as const, detail: null };
    const word = words[status].padEnd(6);
    const head = `  ${word}  ${(i === 0 ? phase : '').padEnd(8)}  `;
    const [first = '', ...rest] = hanging(head, detail ?? step.summary, head.length);
    return [`  ${paint(styles[status], word, colour)}${first.slice(2 + word.length)}`, ...rest];
  });
}

function headline(plan: MigrationPlan, state: RunState, { isGone }: StatusOptions): string {
  switch (verdictOf(plan, state)) {
    case 'finished':
      return plan.steps.length === 0 ? 'nothing to do' : 'finished';
    case 'not-started':
      return 'not started';
    case 'rolled-back':
      return 'taken back';
    case 'rolling-back':
      return `being taken back: ${lastRun(state, isGone)}`;
    case 'under-way':
    case 'stopped':
      return lastRun(state, isGone);
  }
}

function lastRun(state: RunState, isGone: boolean): string {
  if (isOpen(state)) return isGone ? 'killed part-way; can go on' : 'begun and not finished';
  return `${stops[state.runs.at(-1)?.paused ?? ''] ?? 'stopped part-way'}; can go on`;
}

const stops: Record<string, string> = {
  until: 'stopped after a phase, as asked',
  interrupted: 'stopped by Ctrl-C (SIGINT)',
  terminated: 'stopped by SIGTERM',
  credentials: 'stopped, since the credentials had ended',
  unlocked: 'its lock was taken away',
};

function nextLines(plan: MigrationPlan, state: RunState, { folder, isGone, now }: StatusOptions): string[] {
  const again = `  Next: prefix-migrate plan --cluster ${plan.cluster.name}`;
  const blocking = blockers(plan.findings).map(({ code, subject }) => `${code} ${subject}`);
  switch (verdictOf(plan, state)) {
    case 'finished':
      return plan.steps.length === 0
        ? ['  The plan moves no node group.']
        : [`  Nothing left to do. prefix-migrate log ${shellWord(folder)} shows what was done.`];
    case 'not-started':
      if (blocking.length > 0)
        return [...hanging('  ', `Blocked, so apply refuses it: ${blocking.join(', ')}.`, 2), again];
      if (plan.expiresAt <= now) return [...expiredLines(plan, state), again];
      return [`  Good until ${dateTime(plan.expiresAt)}.`, `  Next: prefix-migrate apply ${shellWord(folder)}`];
    case 'rolled-back':
      return [
        ...keptLines(state),
        `  Nothing left to undo. What was done: prefix-migrate log ${shellWord(folder)}`,
        `${again} --out NEW_DIR`,
      ];
    case 'rolling-back':
      return [
        ...keptLines(state),
        ...howItEnded(state, isGone),
        `  To go on: prefix-migrate rollback ${shellWord(folder)}`,
      ];
    case 'under-way':
    case 'stopped':
      if (isExpired(plan, state, now)) return [...expiredLines(plan, state), again];
      return [
        ...howItEnded(state, isGone),
        `  To go on: prefix-migrate apply ${shellWord(folder)}`,
        ...(canBeTakenBack(plan, state) ? [`  To take it back: prefix-migrate rollback ${shellWord(folder)}`] : []),
      ];
  }
}

/** A plan that nothing was done of is refused after its time; one that was begun must be able to end. `now`: ISO 8601 */
export const isExpired = ({ expiresAt }: MigrationPlan, state: RunState, now: string): boolean =>
  expiresAt <= now && Object.values(state.steps).every(({ status }) => status === 'pending');

const expiredLines = ({ expiresAt }: MigrationPlan, { approvals }: RunState): string[] => {
  const consent = approvals.length === 0 ? '' : ', and its approvals with it';
  return hanging('  ', `Expired at ${dateTime(expiresAt)}${consent}, so apply refuses it.`, 2);
};

/** Of a rollback: what stays. */
function keptLines({ rollback }: RunState): string[] {
  const kept = rollback?.kept ?? [];
  if (kept.length === 0) return [];
  return hanging('  ', `Not taken back, since the old node group is gone or being deleted: ${kept.join(', ')}.`, 2);
}

/** Of a run that has written no end. */
function howItEnded(state: RunState, isGone: boolean): string[] {
  if (!isOpen(state)) return [];
  return hanging('  ', isGone ? 'The process of the last run has ended without a word.' : runner(state), 2);
}

/** Run ids are `host_pid.began_uuid`. */
function runner(state: RunState): string {
  const run = state.runs.at(-1);
  const [, host, pid] = /^(.+)_(\d+)(?:\.\d+)?_[0-9a-f-]{36}$/.exec(run?.runId ?? '') ?? [];
  const who = host === undefined ? '' : `: process ${pid} on ${host}`;
  return `The last run has written no end${who}, since ${dateTime(run?.startedAt ?? '')}. It is still running, or it was killed.`;
}
