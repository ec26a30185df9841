/** Entry of the program: runs one command, shows what went wrong, sets the exit code. */
import { type Interfaces, run } from '@oclif/core';
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
  try {
    const code: unknown = await run(argv, load);
    process.exit(typeof code === 'number' ? code : 0);
  } catch (error) {
    process.exit(showError(error, argv));
  }
}

function showError(error: unknown, argv: readonly string[]): number {
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const has = (flag: string): boolean => own.includes(flag);
  const fields = describeError(error, own[0]);
  const { PREFIX_MIGRATE_JSON } = process.env;
  const json = has('--json') || PREFIX_MIGRATE_JSON === 'true' || PREFIX_MIGRATE_JSON === '1';
  if (json && !fields.shown) {
    const { code, message, why, nextActions } = fields;
    process.stdout.write(`${JSON.stringify({ ok: false, error: { code, message, why, nextActions } })}\n`);
  } else {
    process.stderr.write(renderError(fields, { colour: colourWanted(process.stderr, has('--no-color')) }));
  }
  if (has('--verbose') && error instanceof Error) process.stderr.write(`\n${error.stack ?? error.message}\n`);
  return fields.exitCode;
}
