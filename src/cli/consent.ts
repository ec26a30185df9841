import { createInterface } from 'node:readline/promises';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import { shellWord } from '../domain/shell-word.ts';
import type { Io } from './io.ts';

/** `--confirm NAME` must name the cluster. Returns whether consent was given on the command line. */
export function confirmedByFlag(
  confirm: string | undefined,
  clusterName: string,
  folder = 'DIR',
  command: 'apply' | 'rollback' = 'apply',
): boolean {
  if (confirm === undefined) return false;
  if (confirm === clusterName) return true;
  throw new MigrateError({
    code: 'CONSENT.WRONG_NAME',
    message: `--confirm says "${confirm}", but the plan is for cluster "${clusterName}". Nothing was changed.`,
    why: 'The name is the consent to move pods and delete node groups of exactly that cluster.',
    nextActions: [
      `check the plan; then: prefix-migrate ${command} ${shellWord(folder)} --confirm ${shellWord(clusterName)}`,
    ],
    exitCode: ExitCode.noConsent,
  });
}

/**
 * Asks for the cluster's name on the terminal. True when it was typed. Rejects with the signal's reason on Ctrl-C, and with
 * CONSENT.DECLINED (exit 3) when something else was typed; `otherwise` is then the last of the next actions.
 */
export async function askForName(
  io: Pick<Io, 'stdin' | 'stderr'>,
  clusterName: string,
  question: string,
  otherwise: string,
  signal: AbortSignal,
): Promise<boolean> {
  const terminal = createInterface({ input: io.stdin, output: io.stderr });
  // In raw mode the terminal does not send the signal: readline sees the key.
  terminal.on('SIGINT', () => {
    io.stderr.write('\n');
    process.kill(process.pid, 'SIGINT');
  });
  // Ctrl-D, or a terminal that is gone: nothing more will be typed
  const closed = new Promise<string>((resolve) => {
    terminal.once('close', () => resolve(''));
  });
  try {
    const typed = (await Promise.race([terminal.question(question, { signal }), closed])).trim();
    if (typed === clusterName) return true;
    throw declined(typed, clusterName, otherwise);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    terminal.close();
  }
}

function declined(typed: string, clusterName: string, otherwise: string): MigrateError {
  return new MigrateError({
    code: 'CONSENT.DECLINED',
    message: `${typed === '' ? 'Nothing was typed' : `You typed "${typed}"`}, not "${clusterName}". Nothing was changed by this run.`,
    why: 'The name of the cluster is the consent to move its pods and to delete node groups.',
    nextActions: ['run the same command again', otherwise],
    exitCode: ExitCode.noConsent,
  });
}
