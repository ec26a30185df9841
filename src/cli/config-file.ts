/** `prefix-migrate.yaml`: flags in a file. */
import type { KnownCommand, OwnFlags } from './config-settings.ts';
import { variableOf } from './flags.ts';

/** Used when it is there and no other is named. */
export const usualConfigFile = 'prefix-migrate.yaml';
/** Far more than all flags need. */
const mostBytes = 65_536;

/**
 * Flags of a file as if their variables were set: those that are set already, and the command line, win. Returns the path of
 * the file and the flags it gave; null without a file.
 *
 * @throws MigrateError CONFIG.*, FILES.* (exit 2)
 */
export async function useConfigFile(
  own: { id: string; flags: OwnFlags },
  argv: readonly string[],
  commands: readonly KnownCommand[],
): Promise<{ path: string; flags: string[] } | null> {
  const named = namedFile(argv);
  const path = named ?? usualConfigFile;
  const { readInputFile } = await import('../composition.ts');
  const text = await readInputFile(path, mostBytes);
  if (text === undefined && named === undefined) return null;
  const { settingsIn, unusable } = await import('./config-settings.ts');
  if (text === undefined) throw unusable(path, 'NOT_FOUND', `There is no file ${path}.`, '--config names it.');
  const settings = await settingsIn(text, path, own, commands);
  for (const [flag, setting] of settings) process.env[variableOf(flag)] ||= setting.text;
  return { path, flags: [...settings.keys()] };
}

function namedFile(argv: readonly string[]): string | undefined {
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const at = own.findLastIndex((word) => word === '--config' || word.startsWith('--config='));
  const given = own[at]?.startsWith('--config=') ? own[at].slice('--config='.length) : at < 0 ? undefined : own[at + 1];
  return given || process.env[variableOf('config')] || undefined;
}
