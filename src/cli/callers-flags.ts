import { shellWord } from '../domain/shell-word.ts';

/** Flags that say where a command works; what it is asked for is in the plan, and so in the commands that it offers. */
const whereFlags = ['region', 'profile', 'kubeconfig', 'context'];

/**
 * Gives commands of ours that a text offers (never broken into lines) the flags of the caller's command line that say where:
 * region, profile, kubeconfig and context, and for `plan` the plan folder. A line that has a flag already keeps its own.
 */
export function withCallersFlags(text: string, commandLine: string): string {
  const given = new Map(
    [...commandLine.matchAll(/ (--[\w-]+)(?:=| )('[^']*'|[^\s']+)/g)].map(([, flag = '', value = '']) => [flag, value]),
  );
  const flagsFor = (line: string, names: readonly string[]): string =>
    names
      .filter((name) => given.has(`--${name}`) && !new RegExp(`--${name}[= ]`).test(line))
      .map((name) => ` --${name} ${given.get(`--${name}`)}`)
      .join('');
  return text
    .split('\n')
    .map((line) =>
      line.replace(
        /prefix-migrate (?:(plan|audit) --cluster|apply) (?:'[^']*'|\\'|[^\s'`\\])+/,
        (command, kind) => command + flagsFor(line, kind === 'plan' ? [...whereFlags, 'out'] : whereFlags),
      ),
    )
    .join('\n');
}

/** Words of a command line as a shell takes them. */
export const commandLineOf = (words: readonly string[]): string => words.map(shellWord).join(' ');
