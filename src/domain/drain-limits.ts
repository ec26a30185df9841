import { ExitCode, MigrateError } from './migrate-error.ts';

/** How fast one run may drain, whatever the plan says. */
export interface DrainLimits {
  /** how much of a workload without PodDisruptionBudget may be down at a time */
  maxUnavailable?: { pods: number } | { percent: number };
  /** eviction requests under way at the same time */
  maxConcurrentEvictions?: number;
}

/** `3` or `25%`; throws INPUT.MAX_UNAVAILABLE (exit 2) for anything else, and for what lets nothing move. */
export function parseMaxUnavailable(text: string): NonNullable<DrainLimits['maxUnavailable']> {
  const percent = /^(\d{1,3})%$/.exec(text)?.[1];
  if (percent !== undefined && Number(percent) >= 1 && Number(percent) <= 100) return { percent: Number(percent) };
  if (/^[1-9]\d{0,5}$/.test(text)) return { pods: Number(text) };
  throw new MigrateError({
    code: 'INPUT.MAX_UNAVAILABLE',
    message: `"${text}" does not say how many pods of a workload may be down at a time.`,
    why: 'It is a number of pods from 1 on, or a share from 1% to 100%.',
    nextActions: ['write it like 2 or 25%'],
    exitCode: ExitCode.invalidInput,
  });
}
