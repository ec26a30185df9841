// Start-up time as wall time of a process, against `node -e 0` in the same run. Medians of 15 rounds.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const run = fileURLToPath(new URL('run.js', import.meta.url));
const rounds = 15;
const cases = [
  { name: 'node -e 0', args: ['-e', '0'], limit: 1 },
  { name: '--help', args: [run, '--help'], limit: 1.3 },
  { name: 'plan --help', args: [run, 'plan', '--help'], limit: 3.5 },
  // the same made by the program itself, as every command starts
  { name: 'plan --help --', args: [run, 'plan', '--help', '--'], limit: 4 },
];
const times = cases.map(() => []);
for (let round = -1; round < rounds; round++) {
  cases.forEach(({ args }, index) => {
    const started = performance.now();
    const { status } = spawnSync(process.execPath, args, { stdio: 'ignore' });
    if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}`);
    // Round -1 fills the compile cache.
    if (round >= 0) times[index].push(performance.now() - started);
  });
}
const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1];
const base = median(times[0]);
let slow = 0;
cases.forEach(({ name, limit }, index) => {
  const ratio = median(times[index]) / base;
  if (ratio > limit) slow += 1;
  console.log(
    `${name.padEnd(14)} ${median(times[index]).toFixed(0).padStart(4)} ms  ${ratio.toFixed(2)}x  (limit ${limit}x)`,
  );
});
process.exit(slow === 0 ? 0 : 1);
