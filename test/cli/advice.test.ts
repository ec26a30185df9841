/** What the program advises must exist: no command and no flag of it that this version does not have. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

const root = new URL('../../src/', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const commands = globSync('commands/*.ts', { cwd: root }).map((path) => path.slice('commands/'.length, -'.ts'.length));

/** Names of flags that a command's file declares or takes over from the lists in `cli/flags.ts`. */
function flagsOf(command: string): Set<string> {
  const shared = read('cli/flags.ts');
  const declared = `${read(`commands/${command}.ts`)}\n${shared}`;
  return new Set([...declared.matchAll(/^ +'?([a-z-]+)'?: [\w.]+\(/gm)].map(([, flag = '']) => flag).concat('help'));
}

/** Each text in the sources that reads like a command line of this program: `prefix-migrate <word> ...`. */
const advised = globSync('**/*.ts', { cwd: root, exclude: ['simulator/**'] }).flatMap((path) =>
  [
    ...read(path).matchAll(
      /(?<=['"`>] ?|(?:then|or|again|in the subnet): |\$ |Next: )prefix-migrate ([a-z][a-z-]*)([^'`\n]*)/g,
    ),
  ].map(([line, command = '', rest = '']) => ({ path, line, command, rest })),
);

test('every command line in an advice names a command and flags that exist', () => {
  const prose = /^prefix-migrate (failed|creates|makes|sets|waits|reads|changes|is|needs|simulator|apply:)/;
  const lines = advised.filter(({ line }) => !prose.test(line));
  assert.ok(lines.length > 20, 'the pattern still finds them');
  for (const { path, line, command, rest } of lines) {
    assert.ok(commands.includes(command), `${path}: ${line}`);
    const known = flagsOf(command);
    for (const [, flag = ''] of rest.matchAll(/--([a-z-]+)/g))
      assert.ok(known.has(flag), `${path}: ${line}: --${flag}`);
  }
});
