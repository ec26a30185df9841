/** Many sweeps at a time, each in a process of its own. */
import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Phase } from '../../src/domain/plan.ts';
import type { Mode, Sweep } from './sweep.ts';
import { sweepScenarios } from './sweep-scenarios.ts';

export interface SweepJob {
  scenario: string;
  mode: Mode;
  /** of a rollback: how far the migration had come */
  after?: Phase;
  every: number;
  offset: number;
  /** every so manieth cut is followed by a second one */
  twice: number;
}

const script = fileURLToPath(new URL('sweep.ts', import.meta.url));
const seed = 1;

/** Phases after which a rollback takes everything back. */
export const stops: readonly Phase[] = ['prepare', 'create', 'verify', 'cordon', 'drain', 'soak'];

/** All five scenarios: apply, take-back, and rollback after each of `after`. */
export function sweepJobs(
  every: Record<Mode, number>,
  { after, twice }: { after: readonly Phase[]; twice: number },
): SweepJob[] {
  return sweepScenarios.flatMap(({ scenario: { name: scenario } }, index): SweepJob[] => {
    const job = (mode: Mode): Omit<SweepJob, 'after'> => {
      // samples of different scenarios begin at different places
      const offset = (index * 17) % every[mode];
      return { scenario, mode, every: every[mode], offset, twice };
    };
    return [job('apply'), job('take-back'), ...after.map((phase) => ({ ...job('rollback'), after: phase }))];
  });
}

export async function runSweep({ scenario, mode, after = 'soak', every, offset, twice }: SweepJob): Promise<Sweep> {
  const options = { scenario, mode, after, every, offset, twice, seed };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const node = ['--max-semi-space-size=64', script, ...args];
  const { stdout } = await promisify(execFile)(process.execPath, node, { maxBuffer: 1 << 26 });
  return JSON.parse(stdout);
}

/** Runs the jobs, as many at a time as there are processors, and tells each as it ends. */
export async function runSweeps(
  jobs: readonly SweepJob[],
  done: (job: SweepJob, sweep: Sweep) => void,
  processes = availableParallelism(),
): Promise<void> {
  const left = jobs.values();
  const work = async (): Promise<void> => {
    for (const job of left) done(job, await runSweep(job));
  };
  await Promise.all(Array.from({ length: processes }, work));
}
