import { Args } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { connectionFlags, outputFlags, stateFlags, withEnvironment } from '../cli/flags.ts';
import { createIo } from '../cli/io.ts';

export default class Log extends BaseCommand {
  static override summary = 'Show what was done, in time order.';
  static override description = 'It reads the plan folder only, unless --state says that the journal is elsewhere.';
  static override usage = 'log DIR [FLAGS]';
  static override args = {
    dir: Args.string({ description: 'plan folder, or the plan.json in it', required: true }),
  };
  static override flags = withEnvironment({ ...stateFlags, ...connectionFlags, ...outputFlags });

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(Log);
    const { showLog } = await import('./actions/show.ts');
    return showLog({ target: args.dir, state: flags.state, connection: flags }, createIo(flags));
  }
}
