import { Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import { connectionFlags, outputFlags, withEnvironment } from '../cli/flags.ts';
import { createIo } from '../cli/io.ts';

export default class Audit extends BaseCommand {
  static override summary = 'Show which nodes and pods use prefixes, which do not, and why; change nothing.';
  static override description =
    'Judges the cluster as it runs now. Exits 4 when something is wrong (a warning or a blocking finding), 0 otherwise: advice is no fault, nor is prefix delegation that is off.';
  static override usage = 'audit --cluster NAME [FLAGS]';
  static override examples = [
    '<%= config.bin %> audit --cluster prod',
    '<%= config.bin %> audit --cluster prod --format markdown --all-nodes',
  ];
  static override flags = withEnvironment({
    cluster: Flags.string({ helpValue: 'NAME', summary: 'Name of the EKS cluster.', required: true }),
    // A new node with many pods takes 7 blocks and spoils 1 with its own address; 2 are left for the growth of others.
    'min-free-prefixes': Flags.integer({
      helpValue: 'N',
      summary: 'Free /28 blocks that a subnet with nodes should have: enough for one full node and some growth.',
      default: 10,
      min: 0,
    }),
    'all-nodes': Flags.boolean({ summary: 'One row for every node, also for those that are fine.' }),
    format: Flags.option({
      summary: 'What stdout gets.',
      options: ['text', 'json', 'markdown'] as const,
      default: 'text',
    })(),
    ...connectionFlags,
    ...outputFlags,
  });

  override async run(): Promise<number> {
    const { flags } = await this.parse(Audit);
    const { auditCluster } = await import('./actions/audit-cluster.ts');
    return auditCluster(
      {
        clusterName: flags.cluster,
        minFreePrefixes: flags['min-free-prefixes'],
        allNodes: flags['all-nodes'],
        format: flags.json ? 'json' : flags.format,
        toolVersion: this.config.version,
        connection: { ...flags, clusterName: flags.cluster },
      },
      createIo(flags),
    );
  }
}
