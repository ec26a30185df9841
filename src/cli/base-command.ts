import { Command } from '@oclif/core';
import { useConfigFile } from './config-file.ts';
import { withNearestFlag } from './errors.ts';
import { refuseOddSwitches, variableOf } from './flags.ts';

/** All commands: `run` returns the exit code, throws on failure, and leaves showing failures to `main`. */
export abstract class BaseCommand extends Command {
  abstract override run(): Promise<number>;

  protected override async init(): Promise<void> {
    await super.init();
    const { id, flags } = this.ctor;
    const used = await useConfigFile({ id, flags }, this.argv, this.config.commands);
    refuseOddSwitches(flags);
    const isVerbose =
      this.argv.includes('--verbose') || /^(1|true|y|yes)$/i.test(process.env[variableOf('verbose')] ?? '');
    if (used !== null && isVerbose) process.stderr.write(`from ${used.path}: ${used.flags.join(', ') || 'nothing'}\n`);
  }

  override async catch(error: Error): Promise<never> {
    throw withNearestFlag(error, Object.keys(this.ctor.flags));
  }
}
