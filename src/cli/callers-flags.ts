import { shellWord } from '../domain/shell-word.ts';
import { withoutControlCharacters } from '../reporting/text.ts';

/** Flags that say where a command works; what it is asked for is in the plan, and so in the commands that it offers. */
const whereFlags = ['region', 'profile', 'kubeconfig', 'context', 'config'];

/**
 * Gives commands of ours that a text offers (never broken into lines) the flags of the caller's command line that say where:
 * region, profile, kubeconfig, context and config, for `plan` the plan folder, for commands on a plan the place of the journal;
 * and those on the plan that is being made its folder. A line that has a flag already keeps its own.
 */
export function withCallersFlags(text: string, commandLine: string): string {
  const given = new Map(
    [...commandLine.matchAll(/ (--[\w-]+)(?:=| (?!--))('[^']*'|[^\s']+)/g)]
      .map(([, flag = '', value = '']) => [flag, value] as const)
      // what would steer the terminal is not shown, and without it the value would be another
      .filter(([, value]) => withoutControlCharacters(value) === value && !/[\n\t]/.test(value)),
  );
  const ofExport = /^prefix-migrate export ('[^']*'|[^\s'-][^\s']*)/.exec(commandLine)?.[1];
  const folder = given.get('--out') ?? ofExport;
  const flagsOf = (command: string): string[] => {
    if (command === 'plan') return [...whereFlags, 'out'];
    if (command === 'audit') return whereFlags;
    // it asks nobody
    if (command === 'policy') return ['config', 'state'];
    // they only read the folder, unless the journal is elsewhere
    const readsFolder = ['status', 'log'].includes(command) && !given.has('--state');
    return readsFolder ? [] : [...whereFlags, 'state'];
  };
  const flagsFor = (line: string, command: string): string =>
    flagsOf(command)
      .filter((name) => given.has(`--${name}`) && !new RegExp(`--${name}[= ]`).test(line))
      .map((name) => ` --${name} ${given.get(`--${name}`)}`)
      .join('');
  const offered =
    /prefix-migrate (?:(plan|audit) --cluster|(apply|rollback|status|log|explain|unlock|policy)) (?:'[^']*'|\\'|[^\s'`\\])+/;
  // findings and exports know the folder that is usual, not the one of the caller
  const usualFolder =
    /(prefix-migrate (?:policy|export|apply(?= \S+ --confirm))) (?:prefix-migrate-[^\s'`]+|'prefix-migrate-[^']*')/g;
  return text
    .replace(usualFolder, (words, command: string) => (folder === undefined ? words : `${command} ${folder}`))
    .split('\n')
    .map((line) =>
      line.replace(offered, (words, ofCluster, ofPlan) => words + flagsFor(line, ofCluster ?? ofPlan ?? '')),
    )
    .join('\n');
}

/** Words of a command line as a shell takes them. */
export const commandLineOf = (words: readonly string[]): string => words.map(shellWord).join(' ');
