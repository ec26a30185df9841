/** The real kubectl and prefix-migrate drain equal clusters of the simulator over HTTPS, in wall time. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createKubernetesPort } from '../../src/adapters/kubernetes/kubernetes-port.ts';
import { drain } from '../../src/drain/drain.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { createRealClock as createWorldClock } from '../../src/simulator/clock.ts';
import { hostWorld } from '../../src/simulator/host.ts';
import { kubectlBefore135, kubectl as latest } from './contenders/kubectl.ts';
import { stateOf } from './contenders/ours.ts';
import type { Finished } from './main.ts';
import { markdownTable, number, plainTable } from './results.ts';
import { type Case, observe, prepare, type Result, runCase } from './rig.ts';
import { short } from './scenarios.ts';

const nodegroup = 'eks.amazonaws.com/nodegroup=old';

type Drained = Pick<Result, 'seconds' | 'calls' | 'violations'>;

export async function runRealKubectl(
  clock: Clock,
  print: (text: string) => void,
): Promise<Finished & { versions: string[] }> {
  const version = await versionOfKubectl();
  const given = short();
  print(`kubectl ${version} beside prefix-migrate: lower bound ${number(given.boundSeconds, 1)} s`);
  const mine = await inWallTime(given, clock, drainOurs);
  const theirs = await inWallTime(given, clock, async (file) => void (await drainWithKubectl(file)));
  const minor = Number(/^v1\.(\d+)/.exec(version)?.[1]);
  const model = await runCase(minor < 35 ? kubectlBefore135 : latest, { ...given, latencyMs: 4 }, 1);

  const head = ['program', 'makespan s', 'over the bound', 'calls', '429s', 'violations'];
  const row = (name: string, { seconds, calls, violations }: Drained): string[] => [
    name,
    number(seconds, 1),
    number(seconds / given.boundSeconds),
    String(sum(Object.values(calls))),
    String(calls['create pods/eviction 429'] ?? 0),
    String(violations),
  ];
  const rows = [
    row('prefix-migrate', mine),
    row(`kubectl drain ${version}`, theirs),
    row(`model of ${model.contender} (virtual time)`, model),
  ];
  // What the API server offers is asked at the start, unless the answers are in kubectl's cache; the cordon is ours.
  const names = [...new Set([...Object.keys(theirs.calls), ...Object.keys(model.calls)])].filter(
    (name) => !/^(patch|get \/)/.test(name),
  );
  const trace = names.toSorted().map((name) => [name, String(theirs.calls[name] ?? 0), String(model.calls[name] ?? 0)]);
  const traceHead = ['call', 'kubectl', 'model'];
  print(plainTable(head, rows));
  print(`\n${plainTable(traceHead, trace)}`);

  const missed = [
    ...(mine.violations > 0 ? [`${mine.violations} violations`] : []),
    ...(mine.seconds > theirs.seconds ? [`${number(mine.seconds)} s, kubectl ${number(theirs.seconds)} s`] : []),
    ...differences(theirs.calls, model.calls),
  ];
  const verdict =
    missed.length === 0 ? 'The model sends what kubectl sends.' : missed.map((each) => `- ${each}`).join('\n');
  const markdown = [
    `Four nodes, 24 pods in six budgets of one (and CoreDNS), 4 s to Ready; lower bound ${number(given.boundSeconds, 1)} s. kubectl is ${number(theirs.seconds / mine.seconds, 1)} times as long as prefix-migrate in the same run.`,
    markdownTable(head, rows),
    'Requests of the real kubectl beside those of the model used above, without discovery. How often a pod is asked for while it ends, and how often an eviction is tried, depends on milliseconds and may differ by a quarter; all other counts must be equal.',
    verdict,
    markdownTable(traceHead, trace),
  ].join('\n\n');
  return { markdown, missed, versions: [`kubectl ${version}`] };
}

/** Counts that do not depend on how fast each answer came. */
const exact = ['list nodes 200', 'list pods 200', 'get daemonsets 200', 'create pods/eviction 201'];

function differences(real: Record<string, number>, model: Record<string, number>): string[] {
  const differs = (name: string): boolean => (real[name] ?? 0) !== (model[name] ?? 0);
  const about = ['create pods/eviction 429', 'get pods 200', 'get pods 404'].filter((name) => {
    const [most, least] = [Math.max(real[name] ?? 0, model[name] ?? 0), Math.min(real[name] ?? 0, model[name] ?? 0)];
    return most > 10 && most > 1.25 * least;
  });
  return [...exact.filter(differs), ...about].map(
    (name) => `the model's calls differ: ${name}: kubectl ${real[name] ?? 0}, model ${model[name] ?? 0}`,
  );
}

async function inWallTime(
  given: Case,
  clock: Clock,
  act: (kubeconfig: string, clock: Clock, given: Case) => Promise<void>,
): Promise<Drained> {
  const worldClock = createWorldClock();
  const seat = prepare(given, 1, worldClock);
  const seen = observe(seat, given);
  const host = await hostWorld({ ...seat.world, kubernetes: seen.handler });
  const folder = await mkdtemp(join(tmpdir(), 'bench-drain-'));
  try {
    const kubeconfig = join(folder, 'kubeconfig');
    await writeFile(kubeconfig, host.kubeconfig, { mode: 0o600 });
    await act(kubeconfig, clock, given);
    return seen.result();
  } finally {
    await host.close();
    await rm(folder, { recursive: true, force: true });
    worldClock.stop();
  }
}

async function drainOurs(kubeconfig: string, clock: Clock, { params }: Case): Promise<void> {
  const kubernetes = await createKubernetesPort({ kubeconfig, clock });
  await drain(
    params,
    { kubernetes, clock },
    {
      signal: new AbortController().signal,
      state: stateOf([]),
      drainStatus: () => undefined,
      progress: async () => undefined,
    },
  );
}

const drainArguments = ['--ignore-daemonsets', '--delete-emptydir-data', '--force'];

export async function drainWithKubectl(kubeconfig: string, selector = nodegroup): Promise<string> {
  const { output, code } = await run(['--kubeconfig', kubeconfig, 'drain', '--selector', selector, ...drainArguments]);
  if (code !== 0) throw new Error(`kubectl drain ended with ${code}: ${output.slice(-2000)}`);
  return output;
}

export async function versionOfKubectl(): Promise<string> {
  const { output, code } = await run(['version', '--client']);
  const version = /Client Version: (\S+)/.exec(output)?.[1];
  if (code !== 0 || version === undefined) throw new Error('there is no kubectl on the PATH');
  return version;
}

function run(args: string[]): Promise<{ output: string; code: number | null }> {
  return new Promise((resolve, reject) => {
    const child = spawn('kubectl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const add = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on('data', add);
    child.stderr.on('data', add);
    child.on('error', () => reject(new Error('there is no kubectl on the PATH')));
    child.on('close', (code) => resolve({ output, code }));
  });
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
