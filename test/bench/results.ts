/** What the runs come to: medians and worst cases, the targets, and the tables. */
import type { Result } from './rig.ts';

export const limits = { ratio: 1.05, callsPerNodeAndPod: 1.2, violations: 0, moves: 1 };

/** All seeds of one contender in one scenario. */
export interface Row {
  scenario: string;
  contender: string;
  results: Result[];
}

export const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;

export const worst = (values: readonly number[]): number => Math.max(...values);

const ratio = ({ seconds, boundSeconds }: Result): number => seconds / boundSeconds;

const count = ({ calls }: Result, which: (call: string) => boolean): number =>
  Object.entries(calls).reduce((sum, [call, times]) => sum + (which(call) ? times : 0), 0);

/** Requests that are not watches, for each node and pod. */
const callsPer = (result: Result): number =>
  count(result, (call) => !call.startsWith('watch ')) / (result.nodes + result.pods);

const refusals = (result: Result): number => count(result, (call) => call === 'create pods/eviction 429');

/** What ours missed, in words: none is the goal. */
export function misses(row: Row, others: readonly Row[], mayRefuse: boolean): string[] {
  const { scenario, results } = row;
  const found: string[] = [];
  const check = (what: string, values: number[], limit: number): void => {
    const most = worst(values);
    if (most > limit)
      found.push(`${scenario}: ${what} ${number(most)}, at most ${limit} (seed ${seedOf(results, values, most)})`);
  };
  check('makespan over the lower bound', results.map(ratio), limits.ratio);
  check('calls for each node and pod', results.map(callsPer), limits.callsPerNodeAndPod);
  check(
    'PDB violations',
    results.map(({ violations }) => violations),
    limits.violations,
  );
  check(
    'moves for each pod',
    results.map(({ movesPerPod }) => movesPerPod),
    limits.moves,
  );
  check(
    'evictions of a pod that had moved',
    results.map(({ wrongPods }) => wrongPods),
    0,
  );
  const unsaid = mayRefuse ? results.find(({ refusedRightly }) => !refusedRightly) : undefined;
  if (unsaid) {
    const after = Number.isFinite(unsaid.endedAfterSeconds) ? `after ${unsaid.endedAfterSeconds} s` : 'never';
    found.push(
      `${scenario}: the right refusal came ${after}, ${number(unsaid.seconds)} s when all else had moved: ${unsaid.ending}`,
    );
  }
  for (const other of others) {
    for (const theirs of other.results) {
      const mine = results.find(({ seed }) => seed === theirs.seed);
      // Who takes more of a workload down than it allows is faster for another reason.
      if (mine === undefined || theirs.mostDown > mine.mostDown || mine.seconds <= theirs.seconds) continue;
      found.push(
        `${scenario}: ${number(mine.seconds)} s, ${other.contender} ${number(theirs.seconds)} s (seed ${mine.seed})`,
      );
    }
  }
  return found;
}

const seedOf = (results: readonly Result[], values: readonly number[], value: number): number | undefined =>
  results[values.indexOf(value)]?.seed;

export const number = (value: number, digits = 2): string =>
  Number.isFinite(value) ? String(Number(value.toFixed(digits))) : 'never';

/** `1.02 (1.03)`: median and worst. */
const both = (values: readonly number[], digits = 2): string =>
  `${number(median(values), digits)} (${number(worst(values), digits)})`;

export const columns = [
  'contender',
  'seeds',
  'lower bound s',
  'makespan s',
  'over the bound',
  'ended s',
  'calls per node and pod',
  '429s',
  'violations',
  'moves per pod',
  'wrong pod',
  'most down',
];

export function cells({ contender, results }: Row): string[] {
  return [
    contender,
    String(results.length),
    number(median(results.map(({ boundSeconds }) => boundSeconds)), 1),
    number(median(results.map(({ seconds }) => seconds)), 1),
    both(results.map(ratio)),
    number(median(results.map(({ endedAfterSeconds }) => endedAfterSeconds)), 0),
    both(results.map(callsPer)),
    both(results.map(refusals), 0),
    number(worst(results.map(({ violations }) => violations))),
    number(worst(results.map(({ movesPerPod }) => movesPerPod))),
    number(worst(results.map(({ wrongPods }) => wrongPods))),
    `${number(worst(results.map(({ mostDown }) => mostDown)) * 100, 0)} %`,
  ];
}

/** `create pods/eviction 201: 143, list pods 200: 1`, medians. */
export function callText({ results }: Row): string {
  const names = new Set(results.flatMap(({ calls }) => Object.keys(calls)));
  return [...names]
    .map((name) => [name, median(results.map(({ calls }) => calls[name] ?? 0))] as const)
    .filter(([, times]) => times > 0)
    .toSorted(([a, most], [b, more]) => more - most || (a < b ? -1 : 1))
    .map(([name, times]) => `${name}: ${times}`)
    .join(', ');
}

const line = (row: readonly string[]): string => `| ${row.join(' | ')} |`;

export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(head), line(head.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

/** The same for a terminal. */
export function plainTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, index) => Math.max(title.length, ...rows.map((row) => row[index]?.length ?? 0)));
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, index) => (index === 0 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
