/** The program as people run it: `bin/run.js` in processes of its own, against a world in another. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

export interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

export type Environment = Record<string, string>;

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
export function run(
  args: readonly string[],
  { env = {}, cwd }: { env?: Environment; cwd?: string } = {},
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], {
      cwd,
      env: clean(env),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

export interface RunningProgram {
  /** Resolves with the first line of stderr that matches. */
  until(pattern: RegExp): Promise<string>;
  kill(signal: NodeJS.Signals): void;
  ended: Promise<Result>;
}

/** Starts the program and looks at its stderr line by line. */
export function start(
  args: readonly string[],
  { env = {}, cwd }: { env?: Environment; cwd?: string } = {},
): RunningProgram {
  const child = spawn(process.execPath, [program, ...args], {
    cwd,
    env: clean(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const seen: string[] = [];
  const waiting: { pattern: RegExp; resolve: (line: string) => void; reject: (error: Error) => void }[] = [];
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  createInterface({ input: child.stderr }).on('line', (line) => {
    seen.push(line);
    for (const waiter of waiting) if (waiter.pattern.test(line)) waiter.resolve(line);
  });
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
        const found = seen.find((line) => pattern.test(line));
        if (found === undefined) waiting.push({ pattern, resolve, reject });
        else resolve(found);
      }),
    kill: (signal) => void child.kill(signal),
    ended,
  };
}

export interface World {
  /** what `eval "$(prefix-migrate simulate ...)"` sets */
  env: Environment;
  stop: () => Promise<number | null>;
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
