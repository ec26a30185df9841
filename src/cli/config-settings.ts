/** What stands in a configuration file, read. A file of its own, so that the YAML parser is loaded only when there is one. */
import type { Interfaces } from '@oclif/core';
import { isMap, isScalar, LineCounter, type Node, parseDocument, type Scalar } from 'yaml';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import { shellWord } from '../domain/shell-word.ts';
import { nearest } from './nearest.ts';

/** A file must not consent to anything: it is there for every plan, and perhaps somebody else's. */
const consents = ['confirm', 'approve'];

/** What is known of a flag of any command. */
export interface KnownFlag {
  type: 'boolean' | 'option';
  multiple?: boolean;
}
export interface KnownCommand {
  id: string;
  flags: Readonly<Record<string, KnownFlag>>;
}
/** A flag of the command that runs, with its parser. */
export type OwnFlags = Interfaces.FlagInput;

/** A flag's value as text, as its variable would hold it, and where it stands. */
export interface Setting {
  text: string;
  line: number;
}

/**
 * The flags of one command that a file sets. Flags stand at the top, for every command that has them, or below the name of a
 * command, which counts more. Every key is checked, also those of other commands.
 *
 * @throws MigrateError CONFIG.UNREADABLE, CONFIG.UNKNOWN_FLAG, CONFIG.VALUE, CONFIG.CONSENT (exit 2), each with the line
 */
export async function settingsIn(
  text: string,
  path: string,
  own: { id: string; flags: OwnFlags },
  commands: readonly KnownCommand[],
): Promise<Map<string, Setting>> {
  const lines = new LineCounter();
  const lineOf = (node: Node): number => lines.linePos(node.range?.[0] ?? 0).line;
  const bad = (code: string, line: number, message: string, why: string): MigrateError =>
    unusable(path, code, `${path}, line ${line}: ${message}`, why);

  function parse(): Node | null {
    try {
      const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' });
      const [error] = document.errors;
      if (error === undefined) return document.contents;
      throw bad('UNREADABLE', lines.linePos(error.pos[0]).line, 'this is no YAML.', error.message);
    } catch (error) {
      if (error instanceof MigrateError) throw error;
      throw unusable(path, 'UNREADABLE', `${path} cannot be read as YAML.`, String(error), error);
    }
  }

  /** Pairs of a mapping; an empty document has none. */
  function pairsOf(node: Node | null, what: string): [key: string, keyNode: Node, value: Node | null][] {
    if (node === null || (isScalar(node) && node.value === null)) return [];
    if (!isMap<Node, Node | null>(node)) {
      throw bad('UNREADABLE', lineOf(node), `${what} should be flags and values.`, 'For example `soak: 10m`.');
    }
    return node.items.map(({ key, value }) => {
      if (isScalar(key) && typeof key.value === 'string') return [key.value, key, value];
      throw bad('UNREADABLE', lineOf(key), 'this key is no name.', 'Keys are names of flags and of commands.');
    });
  }

  function read(node: Node | null, flagsHere: Readonly<Record<string, KnownFlag>>, what: string, sections: boolean) {
    const found = new Map<string, Setting>();
    for (const [key, keyNode, value] of pairsOf(node, what)) {
      const line = lineOf(keyNode);
      const section = sections ? commands.find(({ id }) => id === key) : undefined;
      if (section !== undefined) continue;
      const flag = Object.hasOwn(flagsHere, key) ? flagsHere[key] : undefined;
      if (flag === undefined) {
        const known = [...Object.keys(flagsHere), ...(sections ? commands.map(({ id }) => id) : [])];
        const meant = nearest(key, known);
        throw bad(
          'UNKNOWN_FLAG',
          line,
          `there is no flag "${key}"${sections ? '' : ` of ${what}`}${meant === undefined ? '.' : `; did you mean "${meant}"?`}`,
          'Keys are flags without their dashes, or names of commands with flags below them.',
        );
      }
      if (key === 'config') throw bad('VALUE', line, 'a file cannot name another.', 'Only --config can.');
      if (consents.includes(key)) {
        throw bad(
          'CONSENT',
          line,
          `${key} cannot stand in a file.`,
          'It is consent to one plan, and has to be given each time; a file would give it to every plan.',
        );
      }
      const given = textOf(value, flag);
      if (given === undefined) {
        throw bad('VALUE', line, `${key} should be ${kindOf(flag)}.`, 'Its value is of another kind.');
      }
      if (given !== '') found.set(key, { text: given, line });
    }
    return found;
  }

  const root = parse();
  const everything = Object.assign({}, ...commands.map(({ flags }) => flags));
  const settings = read(root, everything, path, true);
  for (const [key, , value] of pairsOf(root, path)) {
    const section = commands.find(({ id }) => id === key);
    if (section === undefined) continue;
    const found = read(value, section.flags, section.id, false);
    if (section.id === own.id) for (const [flag, setting] of found) settings.set(flag, setting);
  }
  const mine = new Map([...settings].filter(([flag]) => Object.hasOwn(own.flags, flag)));
  for (const [name, { text: given, line }] of mine) {
    const problem = await problemOf(given, own.flags[name]);
    if (problem !== undefined) throw bad('VALUE', line, `${name}: ${problem.message}`, problem.why);
  }
  return mine;
}

/** The value as a variable would hold it; undefined for one of another kind, '' for an empty list. */
function textOf(value: Node | null, flag: KnownFlag): string | undefined {
  if (flag.type === 'boolean') {
    return isScalar(value) && typeof value.value === 'boolean' ? String(value.value) : undefined;
  }
  if (flag.multiple !== true) return isScalar(value) ? wordOf(value) : undefined;
  const words = itemsOf(value).map((item) => (isScalar(item) ? wordOf(item) : undefined));
  return words.some((word) => word === undefined || word.includes(',')) ? undefined : words.join(',');
}

/** Members of a list; anything else is a list of one. */
const itemsOf = (value: unknown): unknown[] =>
  typeof value === 'object' && value !== null && 'items' in value && Array.isArray(value.items) && !isMap(value)
    ? value.items
    : [value];

/** Text of a word or a number; a switch, nothing and what could steer a terminal are none. */
function wordOf({ value, source }: Scalar): string | undefined {
  const word = typeof value === 'number' ? (source ?? String(value)) : value;
  return typeof word === 'string' && word !== '' && !/\p{Cc}/u.test(word) ? word : undefined;
}

const kindOf = (flag: KnownFlag): string =>
  flag.type === 'boolean' ? 'true or false' : flag.multiple === true ? 'a list of words' : 'a word or a number';

/** What the flag's own parser has to say against a value. */
async function problemOf(
  given: string,
  flag: OwnFlags[string] | undefined,
): Promise<{ message: string; why: string } | undefined> {
  if (flag === undefined || flag.type === 'boolean') return undefined;
  const words = flag.multiple === true ? given.split(',') : [given];
  const odd = flag.options && words.find((word) => !flag.options?.includes(word));
  if (odd !== undefined) return { message: `there is no "${odd}".`, why: `It is one of ${flag.options?.join(', ')}.` };
  try {
    // the parsers of all our flags look at the text and at the flag
    for (const word of words) await flag.parse(word, Object.create(null), flag);
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { message: error.message, why: error instanceof MigrateError ? error.why : 'The flag does not take it.' };
  }
}

export const unusable = (path: string, code: string, message: string, why: string, cause?: unknown): MigrateError =>
  new MigrateError({
    code: `CONFIG.${code}`,
    message,
    why,
    nextActions: [`correct ${shellWord(path)}, then run the same command again`],
    exitCode: ExitCode.invalidInput,
    cause,
  });
