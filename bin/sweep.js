// Every place of five small migrations and of their rollbacks is cut: `npm run sweep -- [--mode apply|rollback|take-back]
// [--scenario NAME] [--after PHASE] [--every N] [--twice N] [--processes N]`. Ends with 1 when an end differs.
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { kindOf, modes } from '../test/simulation/sweep.ts';
import { runSweeps, stops, sweepJobs } from '../test/simulation/sweeps.ts';

const { values } = parseArgs({
  options: {
    mode: { type: 'string', multiple: true, default: [...modes] },
    scenario: { type: 'string', multiple: true },
    after: { type: 'string', multiple: true, default: [...stops] },
    every: { type: 'string', default: '1' },
    twice: { type: 'string', default: '10' },
    processes: { type: 'string', default: `${availableParallelism()}` },
  },
});
const every = Number(values.every);
const jobs = sweepJobs(
  { apply: every, rollback: every, 'take-back': every },
  { after: values.after, twice: Number(values.twice) },
).filter(({ mode, scenario }) => values.mode.includes(mode) && (values.scenario?.includes(scenario) ?? true));
if (jobs.length === 0) throw new Error('nothing to sweep: no such mode, scenario or phase');

const table = Object.fromEntries(modes.map((mode) => [mode, {}]));
const totals = { cut: 0, twice: 0, failures: 0 };
await runSweeps(
  jobs,
  (job, { places, cut, twice, kinds, failures }) => {
    const name = `${job.scenario}, ${job.mode}${job.mode === 'rollback' ? ` after ${job.after}` : ''}`;
    console.log(
      `${name.padEnd(40)} ${`${cut}`.padStart(6)} of ${`${places}`.padStart(5)} places, ${`${twice}`.padStart(4)} twice, ${failures.length} failures`,
    );
    for (const { at, place, error } of failures) console.log(`  ${at} ${place}: ${error}`);
    for (const [place, count] of Object.entries(kinds)) {
      const counts = table[job.mode];
      counts[kindOf(place)] = (counts[kindOf(place)] ?? 0) + count;
    }
    totals.cut += cut;
    totals.twice += twice;
    totals.failures += failures.length;
  },
  Number(values.processes),
);

const kinds = [...new Set(Object.values(table).flatMap((counts) => Object.keys(counts)))].toSorted();
console.log(`\n${''.padEnd(40)}${modes.map((mode) => mode.padStart(12)).join('')}`);
for (const kind of kinds) {
  console.log(`${kind.padEnd(40)}${modes.map((mode) => `${table[mode][kind] ?? 0}`.padStart(12)).join('')}`);
}
console.log(`\n${totals.cut} places cut, ${totals.twice} of them twice, ${totals.failures} failures`);
process.exitCode = totals.failures === 0 ? 0 : 1;
