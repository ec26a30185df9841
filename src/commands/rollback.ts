import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import {
  connectionFlags,
  drainFlags,
  name,
  outputFlags,
  pollFlags,
  stateFlags,
  withEnvironment,
} from '../cli/flags.ts';
import { createIo } from '../cli/io.ts';

export default class Rollback extends BaseCommand {
  static override summary = 'Take back what a plan has done, as far as it can be undone.';
  static override description =
    'Old nodes go back into service, pods move back by the same rules, what the plan made is deleted. It says beforehand what it will undo and what it cannot. Ctrl-C stops cleanly; the same command goes on.';
  static override usage = 'rollback DIR [FLAGS]';
  static override examples = [
    '<%= config.bin %> rollback prefix-migrate-prod --dry-run',
    '<%= config.bin %> rollback prefix-migrate-prod --confirm prod',
  ];
  static override args = {
    dir: Args.string({ description: 'plan folder, or the plan.json in it', required: true }),
  };
  static override flags = withEnvironment({
    confirm: name({ summary: 'Consent to moving pods back and deleting replacements.', helpValue: 'CLUSTER' }),
    'dry-run': Flags.boolean({ summary: 'Print what would be undone and the calls; change nothing.' }),
    cluster: name({ summary: 'Refuse unless the plan is for this cluster.' }),
    ...drainFlags,
    ...stateFlags,
    ...pollFlags,
    ...connectionFlags,
    ...outputFlags,
  });

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(Rollback);
    const { 'max-unavailable': maxUnavailable, 'max-concurrent-evictions': maxConcurrentEvictions } = flags;
    const { rollbackPlan } = await import('./actions/rollback-plan.ts');
    return rollbackPlan(
      {
        target: args.dir,
        state: flags.state,
        confirm: flags.confirm,
        dryRun: flags['dry-run'],
        preflight: flags.preflight,
        clusterName: flags.cluster,
        limits: {
          ...(maxUnavailable && { maxUnavailable }),
          ...(maxConcurrentEvictions && { maxConcurrentEvictions }),
        },
        pollIntervalMilliseconds: flags['poll-interval'] * 1000,
        toolVersion: this.config.version,
        connection: flags,
      },
      createIo(flags),
    );
  }
}
