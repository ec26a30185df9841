import { Args } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { connectionFlags, outputFlags, stateFlags, withEnvironment } from '../cli/flags.ts';
import { createIo } from '../cli/io.ts';

export default class Status extends BaseCommand {
  static override summary = 'Show where a migration stands.';
  static override description = 'It reads the plan folder only, unless --state says that the journal is elsewhere.';
  static override usage = 'status DIR [FLAGS]';
  static override args = {
    dir: Args.string({ description: 'plan folder, or the plan.json in it', required: true }),
  };
  static override flags = withEnvironment({ ...stateFlags, ...connectionFlags, ...outputFlags });

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(Status);
    const { showStatus } = await import('./actions/show.ts');
    return showStatus({ target: args.dir, state: flags.state, connection: flags }, createIo(flags));
  }
}
