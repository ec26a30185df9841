import type { Ports } from '../../composition.ts';
import { formatDuration } from '../../domain/duration.ts';
import type { MigrationPlan, Phase } from '../../domain/plan.ts';
import type { RunState } from '../../domain/run-state.ts';
import { secondsLeft } from '../../domain/time-left.ts';
import type { ClosableReporter } from '../../reporting/reporter.ts';

export interface CredentialsEnd {
  /** epoch milliseconds; null: they do not end, renew themselves, or nobody knows */
  endsAt: number | null;
  until: Phase | undefined;
  clock: Ports['clock'];
  /** the command line that goes on */
  command: string;
}

/** The reporter, which at the start of a run also says whether the credentials will last. No refusal: the run can pause. */
export const warningOfEnd = (reporter: ClosableReporter, end: CredentialsEnd): ClosableReporter => ({
  ...reporter,
  runStarted(work, state) {
    const message = endsTooSoon(work, state, end);
    if (message !== null) reporter.warning(message);
    reporter.runStarted(work, state);
  },
});

function endsTooSoon(
  work: MigrationPlan,
  state: RunState,
  { endsAt, until, clock, command }: CredentialsEnd,
): string | null {
  const left = secondsLeft(work, state, until);
  const now = clock.now();
  if (endsAt === null || left === 0 || endsAt >= now + left * 1000) return null;
  const ends = endsAt <= now ? 'have ended' : `end in ${inMinutes(endsAt - now)}`;
  return (
    `The AWS credentials ${ends} (${time(endsAt)}), and the run is expected to take until ${time(now + left * 1000)} (an estimate). ` +
    'They cannot be renewed from here. When they end the run pauses with exit code 6, and nothing is lost; ' +
    `with new credentials it goes on: ${command}`
  );
}

/** `12m`, `1h5m`, `40s` */
function inMinutes(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  return formatDuration(seconds < 60 ? seconds : Math.floor(seconds / 60) * 60);
}

/** `14:05 UTC`, with the date behind it: a run may go past midnight */
const time = (milliseconds: number): string => {
  const text = new Date(milliseconds).toISOString();
  return `${text.slice(11, 16)} UTC on ${text.slice(0, 10)}`;
};
