import { Errors } from '@oclif/core';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import { paint, withoutControlCharacters, wrap } from '../reporting/text.ts';
import { withCallersFlags } from './callers-flags.ts';
import { nearest } from './nearest.ts';

export interface ErrorFields {
  code: string;
  message: string;
  why: string;
  nextActions: string[];
  exitCode: number;
  /** true when the JSON on stdout has told of it already */
  shown: boolean;
}

/** A failure that the events on stdout have told of already: only the text on stderr is left to write. */
export class ShownError extends Error {
  override readonly name = 'ShownError';
}

/**
 * Turns whatever was thrown into what a person and a program get to see. `command` is the first word of the command line,
 * `commands` the names of all commands.
 */
export function describeError(error: unknown, command?: string, commands: readonly string[] = []): ErrorFields {
  if (error instanceof ShownError) return { ...describeError(error.cause, command), shown: true };
  if (error instanceof MigrateError) {
    const { code, message, why, nextActions, exitCode } = error;
    return { code, message: flagMessage(message), why, nextActions, exitCode, shown: false };
  }
  if (error instanceof Errors.CLIError) return describeUsage(error, command, commands);
  return describeError(bugOf(error));
}

/** What nobody foresaw, whatever it was. */
export const bugOf = (error: unknown): MigrateError =>
  new MigrateError({
    code: 'BUG',
    message: `prefix-migrate failed in a way that nobody foresaw: ${error instanceof Error ? error.message : String(error)}`,
    why: 'This is a bug in prefix-migrate, not a mistake of yours. Nothing is done without a line in the journal before it, so a migration under way can go on with the same command.',
    nextActions: ['please report it with the command you ran and its output with --verbose added'],
    exitCode: ExitCode.bug,
    cause: error,
  });

/** oclif puts `Parsing --flag` before and a hint behind what a flag's own parser threw. */
function flagMessage(message: string): string {
  return message.replace(/^Parsing (--[\w-]+)\s+/, '$1: ').replace(/\nSee more help with --help$/, '');
}

/** Puts the flag that was probably meant behind one that does not exist. */
export function withNearestFlag(error: Error, flags: readonly string[]): Error {
  const [said = '', unknown = ''] = /^Nonexistent flag: --([\w-]+)/.exec(error.message) ?? [];
  const meant = nearest(unknown, flags);
  if (meant !== undefined) error.message = error.message.replace(said, `${said}; did you mean --${meant}?`);
  return error;
}

function describeUsage(error: Error, command: string | undefined, commands: readonly string[]): ErrorFields {
  const usage = {
    code: 'INPUT.USAGE',
    message: flagMessage(error.message).replace(/^Nonexistent flag/, 'Unknown flag'),
    why: 'The command line was not understood, so nothing was done.',
    nextActions: [`prefix-migrate ${command ?? ''} --help`],
    exitCode: ExitCode.invalidInput,
    shown: false,
  };
  // oclif joins the words up to the first flag with colons
  const words = /^command (.*) not found$/s.exec(error.message)?.[1];
  if (words === undefined) return command?.startsWith('-') === false ? usage : { ...usage, nextActions: [help] };
  const [name = '', ...rest] = words.split(':');
  if (commands.includes(name)) return { ...usage, message: `Unexpected argument: ${rest.join(':')}` };
  const meant = nearest(name, commands);
  return {
    ...usage,
    code: 'INPUT.UNKNOWN_COMMAND',
    message: `There is no command "${name}"${meant === undefined ? '' : `; did you mean "${meant}"?`}`,
    nextActions: [meant === undefined ? help : `prefix-migrate ${meant} --help`],
  };
}

const help = 'prefix-migrate --help';

/**
 * What happened, why, and what to do next, in at most 80 columns. Commands to paste get the flags of the caller's
 * `commandLine` that say where; those that are told of, such as that of another run, stay as they are.
 */
export function renderError(fields: ErrorFields, options: { colour: boolean; commandLine?: string }): string {
  const { colour, commandLine = '' } = options;
  const clean = withoutControlCharacters(fields);
  const lines = [...wrap(clean.message, 80), ''];
  if (clean.why !== '') lines.push(...wrap(clean.why, 78).map((line) => `  ${line}`), '');
  // Commands are to be pasted: never broken into lines.
  for (const action of clean.nextActions) lines.push(`  -> ${withCallersFlags(action, commandLine)}`);
  lines[0] = paint('red', lines[0] ?? '', colour);
  lines.push(paint('dim', `  (${clean.code}, exit code ${clean.exitCode})`, colour));
  return `${lines.join('\n')}\n`;
}
