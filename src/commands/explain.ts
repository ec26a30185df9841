import { Args } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { connectionFlags, outputFlags, stateFlags, withEnvironment } from '../cli/flags.ts';
import { createIo } from '../cli/io.ts';

export default class Explain extends BaseCommand {
  static override summary = 'Say why a pod, budget, node, step or finding is as it is, and what to do.';
  static override description =
    'Without SUBJECT: where the migration stands and what holds it up. It looks at the cluster and changes nothing; when the ' +
    'cluster cannot be reached, it tells what was seen when the plan was made.\n\n' +
    'SUBJECT is a pod (shop/search-6, pod/search-6), a PodDisruptionBudget (pdb/shop/search), a workload (shop/search), a ' +
    'node, a node group, a subnet, a step of the plan or the code of a finding.';
  static override usage = 'explain DIR [SUBJECT] [FLAGS]';
  static override examples = [
    '<%= config.bin %> explain prefix-migrate-prod',
    '<%= config.bin %> explain prefix-migrate-prod shop/search-6',
    '<%= config.bin %> explain prefix-migrate-prod PDB.NEVER_ALLOWS',
  ];
  static override args = {
    dir: Args.string({ description: 'plan folder, or the plan.json in it', required: true }),
    subject: Args.string({ description: 'what to explain' }),
  };
  static override flags = withEnvironment({ ...stateFlags, ...connectionFlags, ...outputFlags });

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(Explain);
    const { explainPlan } = await import('./actions/explain.ts');
    return explainPlan(
      { target: args.dir, subject: args.subject, state: flags.state, connection: flags },
      createIo(flags),
    );
  }
}
