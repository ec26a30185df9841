import { Args } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { connectionFlags, name, outputFlags, stateFlags, withEnvironment } from '../cli/flags.ts';
import { createIo } from '../cli/io.ts';

export default class Unlock extends BaseCommand {
  static override summary = 'Take the lock of a cluster from a run that is not there any more.';
  static override description =
    'Shows who holds it first. Seldom needed: the lock of a run that has died expires after a minute by itself. A run that still lives notices within seconds and stops (exit 6). The reason is written into the journal.';
  static override usage = 'unlock DIR --reason TEXT [FLAGS]';
  static override examples = ["<%= config.bin %> unlock prefix-migrate-prod --reason 'runner 7 was deleted'"];
  static override args = {
    dir: Args.string({ description: 'plan folder, or the plan.json in it', required: true }),
  };
  static override flags = withEnvironment({
    reason: name({ helpValue: 'TEXT', summary: 'Why; it stands in the journal.', required: true }),
    ...stateFlags,
    ...connectionFlags,
    ...outputFlags,
  });

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(Unlock);
    const { unlockPlan } = await import('./actions/unlock-plan.ts');
    return unlockPlan(
      { target: args.dir, state: flags.state, connection: flags, reason: flags.reason },
      createIo(flags),
    );
  }
}
