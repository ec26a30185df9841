import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { name, outputFlags, withEnvironment } from '../cli/flags.ts';
import { createIo } from '../cli/io.ts';
import { exportFormatNames } from '../exports/format-names.ts';

export default class Export extends BaseCommand {
  static override summary =
    'Print the plan in the words of eksctl, Terraform, CloudFormation or Karpenter; change nothing.';
  static override description =
    'It reads the plan alone, and asks neither AWS nor Kubernetes. Exits 2 for what the other tool has no words for, and says which has.';
  static override usage = 'export DIR [FLAGS]';
  static override examples = [
    '<%= config.bin %> export prefix-migrate-prod --format terraform --out nodes.tf',
    '<%= config.bin %> export prefix-migrate-prod --format nodeclass | kubectl apply --server-side -f -',
  ];
  static override args = {
    dir: Args.string({ description: 'plan folder, or the plan.json in it', required: true }),
  };
  static override flags = withEnvironment({
    format: Flags.option({
      summary: 'For which tool; nodeclass: EC2NodeClass of Karpenter.',
      options: exportFormatNames,
      default: 'eksctl',
    })(),
    out: name({ helpValue: 'FILE', summary: 'Write it there; default: - (stdout).' }),
    ...outputFlags,
  });

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(Export);
    const { exportPlan } = await import('./actions/export-plan.ts');
    return exportPlan(
      { target: args.dir, format: flags.json ? 'json' : flags.format, out: flags.out ?? '-' },
      createIo(flags),
    );
  }
}
