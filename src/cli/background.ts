import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';

/**
 * Starts this program once more as a process that outlives this one (and its terminal), and waits until it has printed
 * its `export` lines up to the one that sets `last`.
 *
 * @throws MigrateError DEMO.WORLD when it ends before.
 */
export async function startInBackground(
  args: readonly string[],
  last: string,
): Promise<{ pid: number; exported: Record<string, string> }> {
  const child = spawn(process.execPath, [process.argv[1] ?? '', ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  const exported: Record<string, string> = {};
  for await (const line of createInterface({ input: child.stdout })) {
    const [, name = '', value = ''] = /^export (\w+)='(.*)'$/.exec(line) ?? [];
    exported[name] = value;
    if (name === last && child.pid !== undefined) {
      child.stdout.destroy();
      child.stderr.destroy();
      child.unref();
      return { pid: child.pid, exported };
    }
  }
  throw new MigrateError({
    code: 'DEMO.WORLD',
    message: 'The embedded world did not start.',
    why: complaint.trim() || 'It ended without a word.',
    nextActions: [`prefix-migrate ${args.join(' ')}`],
    exitCode: ExitCode.invalidInput,
  });
}

/** Asks a process to end. One that is gone already is fine. */
export function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
