import { formatDuration } from '../domain/duration.ts';

/** AWS and EKS refuse what is signed for another time by more than this. */
const toleratedMilliseconds = 5 * 60_000;

/** How far the clock of this machine (`now`, epoch milliseconds) is from that of a server, as a sentence; '' when close enough. */
export function clockSkew(dateHeader: unknown, now: number): string {
  const server = typeof dateHeader === 'string' ? Date.parse(dateHeader) : Number.NaN;
  const behind = server - now;
  if (!(Math.abs(behind) > toleratedMilliseconds)) return '';
  const by = formatDuration(Math.round(Math.abs(behind) / 1000));
  return `The clock of this machine is ${by} ${behind > 0 ? 'behind' : 'ahead of'} the server's.`;
}

export const clockActions = [
  'timedatectl status',
  'set the clock of this machine (NTP), then run the same command again',
];
