import { Flags } from '@oclif/core';
import { parseDuration } from '../domain/duration.ts';

/** Every flag can be set by `PREFIX_MIGRATE_<FLAG>`; the command line wins. */
export function withEnvironment<T extends Record<string, { env?: string }>>(flags: T): T {
  for (const [name, flag] of Object.entries(flags)) {
    flag.env = `PREFIX_MIGRATE_${name.toUpperCase().replaceAll('-', '_')}`;
  }
  return flags;
}

/** A duration in Go style (`90s`, `15m`, `1h30m`); the value is in seconds. */
export const duration = Flags.custom<number>({ helpValue: 'DURATION', parse: async (text) => parseDuration(text) });

/** How and what to show: flags of every command. */
export const outputFlags = {
  json: Flags.boolean({ summary: 'Write the result as JSON to stdout.', helpGroup: 'OUTPUT' }),
  verbose: Flags.boolean({ summary: 'Say more, one line per event.', helpGroup: 'OUTPUT' }),
  'no-color': Flags.boolean({ summary: 'No colours (NO_COLOR does the same).', helpGroup: 'OUTPUT' }),
  'no-input': Flags.boolean({
    summary: 'Never ask (implied in CI and without a terminal).',
    helpGroup: 'OUTPUT',
  }),
};

/** Which cluster, and who asks: flags of the commands that talk to one. */
export const connectionFlags = {
  region: Flags.string({ helpValue: 'NAME', summary: 'AWS region.', helpGroup: 'CLUSTER' }),
  profile: Flags.string({ helpValue: 'NAME', summary: 'AWS profile.', helpGroup: 'CLUSTER' }),
  kubeconfig: Flags.string({
    helpValue: 'FILE',
    summary: 'Kubeconfig; without one, a token is made from the AWS credentials.',
    helpGroup: 'CLUSTER',
  }),
  context: Flags.string({ helpValue: 'NAME', summary: 'Context of the kubeconfig.', helpGroup: 'CLUSTER' }),
};

/** How often a state that sends no events is looked at. */
export const pollFlags = {
  'poll-interval': duration({ summary: 'Time between two looks at AWS.', default: 5, defaultHelp: async () => '5s' }),
};
