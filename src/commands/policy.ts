import { Args, Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { name, outputFlags, stateFlags, withEnvironment } from '../cli/flags.ts';
import { createIo } from '../cli/io.ts';
import { policyPhases } from '../domain/rights.ts';

export default class Policy extends BaseCommand {
  static override summary = 'Print the IAM policy and the Kubernetes roles that a migration needs; change nothing.';
  static override description =
    'With DIR exactly for that plan, its way back included; without, for any plan that asks for nothing special. It asks neither AWS nor Kubernetes: words in capitals stand for what it does not know.';
  static override usage = 'policy [DIR] [FLAGS]';
  static override examples = [
    '<%= config.bin %> policy prefix-migrate-prod --format iam',
    '<%= config.bin %> policy prefix-migrate-prod --format rbac | kubectl apply -f -',
    '<%= config.bin %> policy --phase plan --cluster prod --region eu-west-1 --account 111122223333',
  ];
  static override args = { dir: Args.string({ description: 'plan folder, or the plan.json in it' }) };
  static override flags = withEnvironment({
    phase: Flags.option({
      helpValue: 'PHASE',
      summary: `Only what this needs (repeatable): ${policyPhases.join(', ')}; default: all.`,
      options: policyPhases,
      multiple: true,
      multipleNonGreedy: true,
    })(),
    cluster: name({ summary: 'Name of the EKS cluster.' }),
    region: name({ helpValue: 'NAME', summary: 'AWS region.' }),
    account: name({ helpValue: 'ID', summary: 'AWS account.' }),
    'node-role': name({
      helpValue: 'ARN',
      summary: 'Role of the nodes (repeatable).',
      multiple: true,
      multipleNonGreedy: true,
    }),
    format: Flags.option({
      summary: 'What stdout gets: both with how to attach them, or one of them.',
      options: ['text', 'iam', 'rbac', 'json'] as const,
      default: 'text',
    })(),
    ...stateFlags,
    ...outputFlags,
  });

  override async run(): Promise<number> {
    const { args, flags } = await this.parse(Policy);
    const { printPolicy } = await import('./actions/print-policy.ts');
    return printPolicy(
      {
        target: args.dir,
        phases: flags.phase ?? [],
        cluster: flags.cluster,
        region: flags.region,
        account: flags.account,
        nodeRoles: flags['node-role'] ?? [],
        format: flags.json ? 'json' : flags.format,
        state: flags.state,
      },
      createIo(flags),
    );
  }
}
