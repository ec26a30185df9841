/** Entry of the program: runs one command, shows what went wrong, sets the exit code. */
import { Config, type Interfaces, run } from '@oclif/core';
import { plainJson } from '../domain/canonical-json.ts';
import { commandLineOf, withCallersFlags } from './callers-flags.ts';
import { describeError, renderError } from './errors.ts';
import { colourWanted } from './io.ts';

/** `load` tells oclif where the program lies. Does not return: the process ends with the contract's exit code. */
export async function main(load: Interfaces.LoadOptions, argv: string[] = process.argv.slice(2)): Promise<never> {
  // A reader that goes away (`| head`) is no failure, and must not stop a migration in the middle.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
  const words = spelledOut(argv);
  try {
    const code: unknown = await run(words, load);
    return await exit(typeof code === 'number' ? code : 0);
  } catch (error) {
    const { commandIDs } = await Config.load(load);
    return await exit(showError(error, words, commandIDs));
  }
}

const written = (stream: NodeJS.WriteStream): Promise<void> =>
  new Promise((resolve) => {
    stream.write('', () => resolve());
  });

/** Ends the process when all that was written has left it: on a pipe, writing goes on in the background. */
async function exit(code: number): Promise<never> {
  await Promise.all([written(process.stdout), written(process.stderr)]);
  process.exit(code);
}

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
    // The events of `apply` end with `run-finished` whatever happens; a run that never began has no line in the journal.
    const end = own[0] === 'apply' && !has('dry-run') ? { entry: { type: 'run-finished', exitCode } } : {};
    process.stdout.write(`${plainJson({ ok: false, error: { code, message, why, nextActions }, ...end })}\n`);
  } else {
    const text = renderError(fields, { colour: colourWanted(process.stderr, has('no-color')) });
    process.stderr.write(withCallersFlags(text, commandLineOf(['prefix-migrate', ...own])));
  }
  if (has('verbose') && error instanceof Error) process.stderr.write(`\n${error.stack ?? error.message}\n`);
  return fields.exitCode;
}

/** A switch that its variable turns on, by the values that oclif takes for true. */
const isSet = (flag: string): boolean =>
  ['true', 'yes', 'y', '1'].includes(
    (process.env[`PREFIX_MIGRATE_${flag.toUpperCase().replaceAll('-', '_')}`] ?? '').toLowerCase(),
  );
