// Plays stories of migrations, each in a world of its own, until it is stopped: `npm run simulate:forever -- [--workers 2]
// [--from N] [--batch 50] [--profile one|two]`. Or a measured campaign: `--seeds 2000 [--from 1]`, which ends by itself,
// with 1 when a seed failed. A failing seed prints the command that plays it again.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    workers: { type: 'string', default: '1' },
    from: { type: 'string' },
    seeds: { type: 'string' },
    batch: { type: 'string', default: '50' },
    profile: { type: 'string' },
  },
});
const player = join(fileURLToPath(new URL('..', import.meta.url)), 'test/simulation/dst/main.ts');
// without a beginning, other seeds than those that somebody has seen
const first = Number(values.from ?? (values.seeds === undefined ? Math.floor(Date.now() / 1000) : 1));
const end = values.seeds === undefined ? Number.POSITIVE_INFINITY : first + Number(values.seeds);
const profiles = values.profile === undefined ? ['one', 'one', 'one', 'two'] : [values.profile];
const began = Date.now();
const total = { seeds: 0, failed: 0, cpuSeconds: 0, virtualHours: 0, requests: 0 };
const counts = {};
const children = new Set();
let next = first;
let batches = 0;
const state = { stopped: false };

process.once('SIGINT', stop);
process.once('SIGTERM', stop);
await Promise.all(Array.from({ length: Number(values.workers) }, work));
report(true);
process.exitCode = total.failed === 0 ? 0 : 1;

function stop() {
  state.stopped = true;
  for (const child of children) child.kill();
}

async function work() {
  while (!state.stopped && next < end) {
    const from = next;
    const seeds = Math.min(Number(values.batch), end - from);
    next += seeds;
    const profile = profiles[batches % profiles.length];
    batches += 1;
    await play(from, seeds, profile);
    report(false);
  }
}

function play(from, seeds, profile) {
  const args = [player, '--from', String(from), '--seeds', String(seeds), '--profile', profile];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.add(child);
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  return new Promise((resolve) => {
    child.on('close', (status) => {
      children.delete(child);
      note(output, status, `--from ${from} --seeds ${seeds} --profile ${profile}`);
      resolve();
    });
  });
}

function note(output, status, batch) {
  const lines = output.trimEnd().split('\n');
  const last = lines.pop() ?? '';
  if (!last.startsWith('{')) {
    if (state.stopped) return;
    total.failed += 1;
    console.log(`batch ${batch} broke off with ${status}: ${last}`);
    return;
  }
  for (const line of lines) if (line !== '') console.log(line);
  const result = JSON.parse(last);
  total.seeds += result.seeds;
  total.failed += result.failed.length;
  for (const name of ['cpuSeconds', 'virtualHours', 'requests']) total[name] += result[name];
  for (const [what, times] of Object.entries(result.counts)) counts[what] = (counts[what] ?? 0) + times;
}

function report(isLast) {
  const minutes = ((Date.now() - began) / 60_000).toFixed(1);
  const { seeds, failed, requests, cpuSeconds, virtualHours } = total;
  const line = `${seeds} seeds, ${failed} failed, ${requests} requests, ${virtualHours.toFixed(0)} h of their time, ${cpuSeconds.toFixed(0)} s CPU, ${minutes} min`;
  console.log(isLast ? `\n${line}` : line);
  if (!isLast) return;
  for (const [what, times] of Object.entries(counts).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    console.log(`${String(times).padStart(9)}  ${what}`);
  }
}
