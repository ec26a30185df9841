// Whether the simulation finds deliberate bugs: `npm run mutations -- [--seeds 500] [--only TEXT] [--processes N]`.
// Each patch of test/mutations/patches.ts is applied to a copy of the sources, in which stories are then played until one
// fails that passes in the sources as they are; those must pass all seeds. Ends with 1 when a bug was not found.
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { applyTo, patches } from '../test/mutations/patches.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '500' },
    only: { type: 'string', default: '' },
    processes: { type: 'string', default: `${availableParallelism()}` },
    'skip-unpatched': { type: 'boolean', default: false },
  },
});
const seeds = Number(values.seeds);
const work = mkdtempSync(join(tmpdir(), 'mutations-'));

/** A copy of what the stories need, patched before anything of it is loaded. */
function copyOf(patch, number) {
  const folder = join(work, `${number}`);
  for (const part of ['src', 'test', 'templates', 'package.json']) {
    cpSync(join(root, part), join(folder, part), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  if (patch) {
    const file = join(folder, patch.file);
    writeFileSync(file, applyTo(readFileSync(file, 'utf8'), patch));
  }
  return folder;
}

/** The last line of a campaign, and what it said of the first seed that failed. Its exit code says the same. */
async function campaign(folder, profile, from, count) {
  const script = 'test/simulation/dst/main.ts';
  const args = [script, '--profile', profile, '--from', `${from}`, '--seeds', `${count}`, '--stop-at-first'];
  const options = { cwd: folder, maxBuffer: 1 << 28 };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, options).catch((error) => error);
  const lines = stdout.trimEnd().split('\n');
  if (!lines.at(-1)?.startsWith('{')) throw new Error(`the campaign in ${folder} broke: ${stderr.slice(-2000)}`);
  return { ...JSON.parse(lines.at(-1)), said: lines[0] };
}

/** The first seed that fails with the patch and passes without it. */
async function firstFound(folder, { profile, patch }) {
  let cpu = 0;
  for (let from = 1; from <= seeds; ) {
    const { failed, cpuSeconds, said } = await campaign(folder, profile, from, seeds - from + 1);
    cpu += cpuSeconds;
    const [seed] = failed;
    if (seed === undefined) break;
    if (patch === undefined || (await campaign(root, profile, seed, 1)).failed.length === 0) return { seed, cpu, said };
    console.log(`        seed ${seed} (${profile}) fails without any patch as well: ${said.slice(0, 160)}`);
    from = seed + 1;
  }
  return { cpu };
}

const wanted = patches.filter(({ name }) => name.includes(values.only));
const unpatched = values['skip-unpatched']
  ? []
  : [...new Set(wanted.map(({ profile }) => profile))].map((profile) => ({ profile, name: `as it is (${profile})` }));
const jobs = [...wanted.map((patch) => ({ ...patch, patch })), ...unpatched];
let wrong = 0;

async function runJobs(left) {
  for (const [number, job] of left) {
    const folder = copyOf(job.patch, number);
    const { seed, cpu, said } = await firstFound(folder, job);
    rmSync(folder, { recursive: true });
    const isRight = (seed !== undefined) === (job.patch !== undefined);
    if (!isRight) wrong += 1;
    const found = seed === undefined ? `nothing in ${seeds} seeds` : `seed ${seed}`;
    console.log(`${isRight ? 'ok   ' : 'WRONG'} ${job.name.padEnd(58)} ${found} (${cpu.toFixed(1)} s)`);
    if (said) console.log(`        ${said.slice(0, 240)}`);
  }
}

try {
  const left = jobs.entries();
  await Promise.all(Array.from({ length: Number(values.processes) }, () => runJobs(left)));
  console.log(
    `\n${wanted.length} deliberate bugs, ${wrong === 0 ? 'each of them found' : `${wrong} results are wrong`}`,
  );
} finally {
  rmSync(work, { recursive: true, force: true });
}
process.exitCode = wrong === 0 ? 0 : 1;
