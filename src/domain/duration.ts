import { ExitCode, MigrateError } from './migrate-error.ts';

const millisecondsPer = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
]);

/** Seconds of a Go-style duration: `90s`, `15m`, `1h30m`, `1.5h`, `500ms`, `0`. Throws INPUT.DURATION (exit 2) otherwise. */
export function parseDuration(text: string): number {
  if (text === '0') return 0;
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text) {
    throw new MigrateError({
      code: 'INPUT.DURATION',
      message: `"${text}" is not a duration.`,
      why: 'Durations are numbers with the units h, m, s and ms.',
      nextActions: ['Write it like 90s, 15m or 1h30m'],
      exitCode: ExitCode.invalidInput,
    });
  }
  const milliseconds = parts.reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (millisecondsPer.get(unit ?? '') ?? 0),
    0,
  );
  return Math.round(milliseconds) / 1000;
}

/** `1h30m`, `90s` as `1m30s`, `0s`, `500ms`: what parseDuration reads back, to the millisecond. */
export function formatDuration(seconds: number): string {
  const milliseconds = Math.round(seconds * 1000);
  if (milliseconds <= 0) return '0s';
  const parts: [number, string][] = [
    [Math.floor(milliseconds / 3_600_000), 'h'],
    [Math.floor(milliseconds / 60_000) % 60, 'm'],
    [Math.floor(milliseconds / 1000) % 60, 's'],
    [milliseconds % 1000, 'ms'],
  ];
  return parts
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount}${unit}`)
    .join('');
}
