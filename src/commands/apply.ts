import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { connectionFlags, name, outputFlags, pollFlags, withEnvironment } from '../cli/flags.ts';
import { createIo } from '../cli/io.ts';
import { type DrainLimits, parseMaxUnavailable } from '../domain/drain-limits.ts';
import { phases } from '../domain/plan.ts';

export default class Apply extends BaseCommand {
  static override summary = 'Run a plan, or go on with it where it stopped.';
  static override description =
    'Each step looks first and acts only if needed. Ctrl-C stops cleanly; the same command goes on.';
  static override usage = 'apply DIR [FLAGS]';
  static override examples = [
    '<%= config.bin %> apply prefix-migrate-prod --until verify',
    '<%= config.bin %> apply prefix-migrate-prod --confirm prod',
  ];
  static override args = {
    dir: Args.string({ description: 'plan folder, or the plan.json in it', required: true }),
  };
  static override flags = withEnvironment({
    until: Flags.option({ helpValue: 'PHASE', summary: 'Stop after this phase.', options: phases })(),
    confirm: name({ summary: 'Consent to moving pods and deleting node groups.', helpValue: 'CLUSTER' }),
    approve: name({ summary: 'Refuse unless this is the id of the plan.', helpValue: 'PLAN_ID' }),
    'dry-run': Flags.boolean({ summary: 'Print the next steps and their calls; change nothing.' }),
    cluster: name({ summary: 'Refuse unless the plan is for this cluster.' }),
    'max-unavailable': Flags.custom<DrainLimits['maxUnavailable']>({
      helpValue: 'N|P%',
      summary: 'Pods, or share, of a workload without PodDisruptionBudget that may be down at a time.',
      defaultHelp: async () => 'what the plan says',
      parse: async (text) => parseMaxUnavailable(text),
    })(),
    'max-concurrent-evictions': Flags.integer({
      helpValue: 'N',
      summary: 'Eviction requests under way at the same time.',
      min: 1,
      defaultHelp: async () => '32',
    }),
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
        until: flags.until,
        confirm: flags.confirm,
        approve: flags.approve,
        dryRun: flags['dry-run'],
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
