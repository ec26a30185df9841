/** The program as people run it: `bin/run.js` in processes of its own, against a world in another. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

export interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

export type Environment = Record<string, string>;

export interface RunOptions {
  env?: Environment;
  cwd?: string;
  /** a command that starts the program, with its own arguments: `nsenter`, `setpriv` */
  through?: readonly string[];
}

/** The command line of the program as a shell takes it. */
export const shellLine = (args: readonly string[]): string =>
  [process.execPath, program, ...args].map((word) => `'${word}'`).join(' ');

function spawnProgram(args: readonly string[], { env = {}, cwd, through = [] }: RunOptions): ProgramProcess {
  const [command = '', ...rest] = [...through, process.execPath, program, ...args];
  return spawn(command, rest, { cwd, env: clean(env), stdio: ['ignore', 'pipe', 'pipe'] });
}

type ProgramProcess = ChildProcessByStdio<null, Readable, Readable>;

/** Nothing of the machine that the tests run on: no credentials, no kubeconfig, no colours. */
function clean(extra: Environment): NodeJS.ProcessEnv {
  const { PATH = '', HOME = '' } = process.env;
  return {
    PATH,
    HOME,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    ...extra,
  };
}

/** Runs the program to its end. */
export function run(args: readonly string[], options: RunOptions = {}): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawnProgram(args, options);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

export interface RunningProgram {
  /** Resolves with the first line of stderr, or of stdout, that matches. */
  until(pattern: RegExp): Promise<string>;
  kill(signal: NodeJS.Signals): void;
  /** nobody reads any more, as after `| head -1` or a closed terminal */
  closeOutputs(): void;
  ended: Promise<Result>;
}

/** Starts the program and looks at its stderr line by line. */
export function start(args: readonly string[], options: RunOptions = {}): RunningProgram {
  return watch(spawnProgram(args, options));
}

/** The same for a shell with the program in its command line, see `shellLine`. */
export function startShell(script: string, { env = {}, cwd }: RunOptions = {}): RunningProgram {
  return watch(spawn('sh', ['-c', script], { cwd, env: clean(env), stdio: ['ignore', 'pipe', 'pipe'] }));
}

function watch(child: ProgramProcess): RunningProgram {
  const seen: string[] = [];
  const results: string[] = [];
  const waiting: { pattern: RegExp; resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  const tell = (lines: string[], line: string): void => {
    lines.push(line);
    for (const waiter of waiting) if (waiter.pattern.test(line)) waiter.resolve(line);
  };
  createInterface({ input: child.stdout }).on('line', (line) => tell(results, line));
  createInterface({ input: child.stderr }).on('line', (line) => tell(seen, line));
  const ended = new Promise<Result>((resolve) => {
    child.on('close', (code) => {
      for (const waiter of waiting)
        waiter.reject(new Error(`ended with ${code} before ${waiter.pattern}:\n${seen.join('\n')}`));
      resolve({ code, stdout, stderr: seen.join('\n') });
    });
  });
  return {
    until: (pattern) =>
      new Promise((resolve, reject) => {
        const found = [...seen, ...results].find((line) => pattern.test(line));
        if (found === undefined) waiting.push({ pattern, resolve, reject });
        else resolve(found);
      }),
    kill: (signal) => void child.kill(signal),
    closeOutputs() {
      child.stdout.destroy();
      child.stderr.destroy();
    },
    ended,
  };
}

export interface World {
  /** what `eval "$(prefix-migrate simulate ...)"` sets */
  env: Environment;
  stop: () => Promise<number | null>;
  /** SIGSTOP and SIGCONT: nothing answers for a while */
  signal: (signal: NodeJS.Signals) => void;
}

/** `simulate` in a process of its own, fast enough that minutes pass in a second. */
export async function startWorld(scenario: string, speed = 300): Promise<World> {
  const child = spawn(process.execPath, [program, 'simulate', scenario, '--speed', String(speed)], {
    env: clean({}),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
  const env: Environment = {};
  for await (const line of createInterface({ input: child.stdout })) {
    const [, name = '', value = ''] = /^export (\w+)='(.*)'$/.exec(line) ?? [];
    env[name] = value;
    if (name === 'PREFIX_MIGRATE_CLUSTER') {
      return {
        env,
        stop() {
          child.kill('SIGTERM');
          return closed;
        },
        signal: (signal) => void child.kill(signal),
      };
    }
  }
  throw new Error(`simulate ${scenario} ended with ${await closed}: ${stderr}`);
}

/** A folder that is gone at the end of the test. */
export function temporaryFolder(t: { after(cleanUp: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'prefix-migrate-test-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** What every failure has in common: a message, no stack, nothing on stdout. */
export function looksLikeAFailure({ stdout, stderr }: Result): boolean {
  return stdout === '' && stderr.length > 0 && !/\n\s+at .*:\d+:\d+/.test(stderr);
}
