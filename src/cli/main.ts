/** Entry of the program: runs one command, shows what went wrong, sets the exit code. */
import { Config, type Interfaces, run } from '@oclif/core';
import { plainJson } from '../domain/canonical-json.ts';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import { commandLineOf } from './callers-flags.ts';
import { describeError, renderError } from './errors.ts';
import { colourWanted } from './io.ts';

/** `load` tells oclif where the program lies. Does not return: the process ends with the contract's exit code. */
export async function main(load: Interfaces.LoadOptions, argv: string[] = process.argv.slice(2)): Promise<never> {
  const words = spelledOut(argv);
  // oclif's own would end a migration in the middle
  process.stdout.removeAllListeners('error');
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (!unread.test(error.code ?? '')) unwritten ??= error;
  });
  // there is nowhere else to tell
  process.stderr.on('error', () => undefined);
  process.on('uncaughtException', (error) => {
    // a run stops cleanly first
    if (process.listenerCount('uncaughtException') === 1) void exit(showError(error, words, []));
  });
  process.on('beforeExit', () => {
    process.exit(showError(new Error('it waits for something that never comes'), words, []));
  });
  try {
    const code: unknown = await run(words, load);
    return await exit(typeof code === 'number' ? code : 0, words[0]);
  } catch (error) {
    const { commandIDs } = await Config.load(load);
    return await exit(showError(error, words, commandIDs));
  }
}

/**
 * Codes of an output that nobody reads any more: a reader that went away (`| head`), a closed terminal. No failure, and it
 * must not stop a migration in the middle.
 */
const unread = /^(EPIPE|EIO|ENXIO|ECONNRESET|ERR_STREAM_DESTROYED|ERR_STREAM_WRITE_AFTER_END)$/;
/** why the result on stdout is not whole: a full disk behind `>` */
let unwritten: NodeJS.ErrnoException | undefined;

const written = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((resolve) => {
    stream.write('', () => resolve());
  });

/** Ends the process when all that was written has left it: on a pipe, writing goes on in the background. */
async function exit(code: number, command?: string): Promise<never> {
  await written(process.stdout);
  const isLost = unwritten !== undefined && (code === ExitCode.done || code === ExitCode.blockingFindings);
  if (isLost) process.stderr.write(renderError(describeError(notWritten(unwritten)), { colour: false }));
  await written(process.stderr);
  // a migration is done whether its output was kept or not
  process.exit(isLost && !/^(apply|rollback|unlock)$/.test(command ?? '') ? ExitCode.invalidInput : code);
}

const notWritten = (error: NodeJS.ErrnoException | undefined): MigrateError =>
  new MigrateError({
    code: 'OUTPUT.NOT_WRITTEN',
    message: 'The output could not be written to where stdout leads.',
    why: error?.code === 'ENOSPC' ? 'The disk is full.' : (error?.message ?? ''),
    nextActions: ['make room, or send the output elsewhere, then run the same command again'],
    exitCode: ExitCode.invalidInput,
    cause: error,
  });

/** `help`, `help COMMAND` and `-h`, as people know them from other programs, as `--help`. */
function spelledOut(argv: readonly string[]): string[] {
  const [first, ...rest] = argv;
  return first === 'help' ? [...rest, '--help'] : argv.map((word) => (word === '-h' ? '--help' : word));
}

function showError(error: unknown, argv: readonly string[], commands: readonly string[]): number {
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const has = (flag: string): boolean => own.includes(`--${flag}`) || isSet(flag);
  const fields = describeError(error, own[0], commands);
  if (has('json') && !fields.shown) {
    const { code, message, why, nextActions, exitCode } = fields;
    // The events of a run end with `run-finished` whatever happens; a run that never began has no line in the journal.
    const isRun = own[0] === 'apply' || own[0] === 'rollback';
    const end = isRun && !has('dry-run') ? { entry: { type: 'run-finished', exitCode } } : {};
    process.stdout.write(`${plainJson({ ok: false, error: { code, message, why, nextActions }, ...end })}\n`);
  } else {
    const commandLine = commandLineOf(['prefix-migrate', ...own]);
    process.stderr.write(renderError(fields, { colour: colourWanted(process.stderr, has('no-color')), commandLine }));
  }
  if (has('verbose') && error instanceof Error) process.stderr.write(`\n${error.stack ?? error.message}\n`);
  return fields.exitCode;
}

/** A switch that its variable turns on, by the values that oclif takes for true. */
const isSet = (flag: string): boolean =>
  ['true', 'yes', 'y', '1'].includes(
    (process.env[`PREFIX_MIGRATE_${flag.toUpperCase().replaceAll('-', '_')}`] ?? '').toLowerCase(),
  );
