import { Flags } from '@oclif/core';
import { type DrainLimits, parseMaxUnavailable } from '../domain/drain-limits.ts';
import { parseDuration } from '../domain/duration.ts';
import { ExitCode, MigrateError } from '../domain/migrate-error.ts';
import { parseStateLocation, type StateLocation } from '../domain/state-location.ts';

/** Every flag can be set by `PREFIX_MIGRATE_<FLAG>`, one that can be repeated as `a,b`; the command line wins. */
export function withEnvironment<T extends Record<string, { env?: string }>>(flags: T): T {
  for (const [name, flag] of Object.entries(flags)) {
    const variable = variableOf(name);
    // oclif would give the text of the variable in place of a list
    if ('multiple' in flag && flag.multiple === true) Object.assign(flag, { default: async () => listIn(variable) });
    else flag.env = variable;
  }
  return flags;
}

/** `PREFIX_MIGRATE_MAX_PODS` of `max-pods` */
export const variableOf = (flag: string): string => `PREFIX_MIGRATE_${flag.toUpperCase().replaceAll('-', '_')}`;

/** oclif takes any word that is not yes for no: `PREFIX_MIGRATE_DRY_RUN=on` would change the cluster. */
export function refuseOddSwitches(flags: Readonly<Record<string, { type: string }>>): void {
  for (const [flag, { type }] of Object.entries(flags)) {
    const value = process.env[variableOf(flag)] ?? '';
    if (type !== 'boolean' || /^(1|true|y|yes|0|false|n|no|)$/i.test(value)) continue;
    throw badValue(`${variableOf(flag)} is "${value}", which is neither true nor false.`, `It stands for --${flag}.`);
  }
}

function listIn(variable: string): string[] | undefined {
  const items = (process.env[variable] ?? '').split(',').flatMap((item) => item.trim() || []);
  return items.length === 0 ? undefined : items;
}

/** A duration in Go style (`90s`, `15m`, `1h30m`); the value is in seconds. */
export const duration = Flags.custom<number>({ helpValue: 'DURATION', parse: async (text) => parseDuration(text) });

/** A duration of more than nothing. */
export const positiveDuration = Flags.custom<number>({
  helpValue: 'DURATION',
  async parse(text) {
    const seconds = parseDuration(text);
    if (seconds > 0) return seconds;
    throw badValue(`"${text}" is not enough.`, 'With no time at all it cannot succeed.');
  },
});

/** A name or a path: never empty, so that a variable that was never set in a script is noticed. */
export const name = Flags.custom({
  helpValue: 'NAME',
  async parse(text) {
    if (text.trim() !== '') return text;
    throw badValue('the value is empty.', 'Perhaps a variable of the script that calls this is not set.');
  },
});

const badValue = (message: string, why: string): MigrateError =>
  new MigrateError({
    code: 'INPUT.VALUE',
    message,
    why,
    nextActions: ['give it a value, or leave the flag out'],
    exitCode: ExitCode.invalidInput,
  });

/** How and what to show, and where more is said: flags of every command. */
export const outputFlags = {
  json: Flags.boolean({ summary: 'Write the result as JSON to stdout.', helpGroup: 'OUTPUT' }),
  verbose: Flags.boolean({ summary: 'Say more, one line per event.', helpGroup: 'OUTPUT' }),
  'no-color': Flags.boolean({ summary: 'No colours (NO_COLOR does the same).', helpGroup: 'OUTPUT' }),
  'no-input': Flags.boolean({
    summary: 'Never ask (implied in CI and without a terminal).',
    helpGroup: 'OUTPUT',
  }),
  config: name({
    helpValue: 'FILE',
    summary: 'YAML with more flags; default: prefix-migrate.yaml, when there is one.',
    helpGroup: 'OUTPUT',
  }),
};

/** Which cluster, and who asks: flags of the commands that talk to one. */
export const connectionFlags = {
  region: name({ helpValue: 'NAME', summary: 'AWS region.', helpGroup: 'CLUSTER' }),
  profile: name({ helpValue: 'NAME', summary: 'AWS profile.', helpGroup: 'CLUSTER' }),
  kubeconfig: name({
    helpValue: 'FILE',
    summary: 'Kubeconfig; without one, a token is made from the AWS credentials.',
    helpGroup: 'CLUSTER',
  }),
  context: name({ helpValue: 'NAME', summary: 'Context of the kubeconfig.', helpGroup: 'CLUSTER' }),
};

/** Where the journal of a plan is: a flag of the commands on a plan. */
export const stateFlags = {
  state: Flags.custom<StateLocation>({
    helpValue: 'PLACE',
    summary: 'Where the journal is: file (in DIR), kubernetes or s3://BUCKET/PREFIX.',
    default: { kind: 'file' },
    defaultHelp: async () => 'file',
    parse: async (text) => parseStateLocation(text),
  })(),
};

/** How often a state that sends no events is looked at. */
export const pollFlags = {
  'poll-interval': positiveDuration({
    summary: 'Time between two looks at AWS.',
    default: 5,
    defaultHelp: async () => '5s',
  }),
};

/** Of whatever moves pods: how many at a time, and whether rights are asked for first. */
export const drainFlags = {
  'max-unavailable': Flags.custom<DrainLimits['maxUnavailable']>({
    helpValue: 'N|P%',
    summary: 'Pods, or share, of a workload without PodDisruptionBudget that may be down at a time.',
    defaultHelp: async () => 'what the plan says',
    parse: async (text) => parseMaxUnavailable(text),
  })(),
  'max-concurrent-evictions': Flags.integer({
    helpValue: 'N',
    summary: 'Eviction requests under way at the same time.',
    min: 1,
    defaultHelp: async () => '32',
  }),
  preflight: Flags.boolean({
    summary: 'Ask for missing rights before the first act.',
    default: true,
    allowNo: true,
  }),
};

/** Size of a replacement, as `--nodes` has it. */
export function replacementSize(text: string): 'same' | 'fit' | number {
  if (text === 'same' || text === 'fit') return text;
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw badValue(`"${text}" is no size.`, 'It is same, fit, or a number of nodes from 1 to 9999.');
}
