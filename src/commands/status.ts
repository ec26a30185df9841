import { Args } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { outputFlags, withEnvironment } from '../cli/flags.ts';
import { createIo } from '../cli/io.ts';

export default class Status extends BaseCommand {
  static override summary = 'Show where a migration stands; reads the plan folder only.';
  static override usage = 'status DIR [FLAGS]';
  static override args = {
    dir: Args.string({ description: 'plan folder, or the plan.json in it', required: true }),
  };
  static override flags = withEnvironment({ ...outputFlags });

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(Status);
    const { showStatus } = await import('./actions/show.ts');
    return showStatus(args.dir, createIo(flags));
  }
}
