import { withoutControlCharacters } from '../reporting/text.ts';
import { commandLineOf } from './callers-flags.ts';

/** What a command may know of the terminal, and its only way to it. stdout gets the result; stderr everything else. */
export interface Io {
  /** Writes a piece of the result to stdout, as it is. */
  result: (text: string) => void;
  /** Writes one line of progress to stderr. */
  progress: (line: string) => void;
  stderr: NodeJS.WriteStream;
  stdin: NodeJS.ReadStream;
  /** colour on stdout, on stderr */
  colour: { stdout: boolean; stderr: boolean };
  /** columns of stdout; Infinity when it is no terminal, so that a line stays a line for other programs */
  width: number;
  /** stderr is a terminal that can be painted on */
  live: boolean;
  canPrompt: boolean;
  json: boolean;
  verbose: boolean;
  /** the command line, for journal and lock */
  commandLine: string;
  environment: NodeJS.ProcessEnv;
}

export interface IoFlags {
  json: boolean;
  verbose: boolean;
  'no-color': boolean;
  'no-input': boolean;
}

/** `NO_COLOR` and `FORCE_COLOR` as https://no-color.org and Node.js read them. */
export function colourWanted(stream: NodeJS.WriteStream, refused: boolean): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (refused || (NO_COLOR !== undefined && NO_COLOR !== '')) return false;
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false';
  return stream.isTTY && TERM !== 'dumb';
}

export function createIo(flags: IoFlags): Io {
  const { CI, TERM } = process.env;
  const inPipeline = CI !== undefined && CI !== '' && CI !== 'false';
  return {
    result: (text) => void process.stdout.write(text),
    progress: (line) => void process.stderr.write(`${line}\n`),
    stderr: process.stderr,
    stdin: process.stdin,
    colour: {
      stdout: colourWanted(process.stdout, flags['no-color']),
      stderr: colourWanted(process.stderr, flags['no-color']),
    },
    width: process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY,
    live: process.stderr.isTTY && TERM !== 'dumb' && !inPipeline && !flags.verbose,
    canPrompt: process.stdin.isTTY && process.stderr.isTTY && !inPipeline && !flags['no-input'],
    json: flags.json,
    verbose: flags.verbose,
    commandLine: withoutControlCharacters(commandLineOf(['prefix-migrate', ...process.argv.slice(2)])),
    environment: process.env,
  };
}
