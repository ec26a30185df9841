import { Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { name, outputFlags, withEnvironment } from '../cli/flags.ts';
import { createIo } from '../cli/io.ts';

export default class Demo extends BaseCommand {
  static override summary = 'Watch a whole migration on an embedded cluster; no AWS account needed.';
  static override description =
    'Starts the world of `simulate healthy`, plans and applies. Stop it at any time, even with kill -9: the same command goes on.';
  static override flags = withEnvironment({
    out: name({ summary: 'Folder of the demo.', default: 'prefix-migrate-demo', helpValue: 'DIR' }),
    speed: Flags.integer({
      helpValue: 'N',
      summary: 'Seconds of the world in one real second.',
      min: 1,
      // Locks are renewed within seconds of the world: faster, and a busy machine is too late.
      max: 100,
      default: 30,
    }),
    ...outputFlags,
  });

  override async run(): Promise<number> {
    const { flags } = await this.parse(Demo);
    const { runDemo } = await import('./actions/run-demo.ts');
    return runDemo(
      { folder: flags.out, speed: flags.speed, toolVersion: this.config.version, root: this.config.root },
      createIo(flags),
    );
  }
}
