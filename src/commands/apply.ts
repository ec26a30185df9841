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
import { phases } from '../domain/plan.ts';

export default class Apply extends BaseCommand {
  static override summary = 'Run a plan, or go on with it where it stopped.';
  static override description =
    'Each step looks first and acts only if needed; before each phase it is seen whether the plan still holds. Ctrl-C stops cleanly; the same command goes on. Without a terminal nothing is asked: consent is --confirm or --approve, once given it stays in the journal.';
  static override usage = 'apply DIR [FLAGS]';
  static override examples = [
    '<%= config.bin %> apply prefix-migrate-prod --until verify',
    '<%= config.bin %> apply prefix-migrate-prod --confirm prod',
    '<%= config.bin %> apply prefix-migrate-prod --approve PLAN_ID',
  ];
  static override args = {
    dir: Args.string({ description: 'plan folder, or the plan.json in it', required: true }),
  };
  static override flags = withEnvironment({
    until: Flags.option({ helpValue: 'PHASE', summary: 'Stop after this phase.', options: phases })(),
    confirm: name({ summary: 'Consent to what this run moves and deletes.', helpValue: 'CLUSTER' }),
    approve: name({ summary: 'Consent to the whole plan; refused unless it has this id.', helpValue: 'PLAN_ID' }),
    'dry-run': Flags.boolean({ summary: 'Print the next steps and their calls; change nothing.' }),
    cluster: name({ summary: 'Refuse unless the plan is for this cluster.' }),
    ...drainFlags,
    ...stateFlags,
    ...pollFlags,
    ...connectionFlags,
    ...outputFlags,
  });

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(Apply);
    const { 'max-unavailable': maxUnavailable, 'max-concurrent-evictions': maxConcurrentEvictions } = flags;
    const { applyPlan } = await import('./actions/apply-plan.ts');
    return applyPlan(
      {
        target: args.dir,
        state: flags.state,
        until: flags.until,
        confirm: flags.confirm,
        approve: flags.approve,
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
