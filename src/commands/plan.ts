import { Flags } from '@oclif/core';
import { BaseCommand } from '../cli/base-command.ts';
import {
  connectionFlags,
  duration,
  name,
  outputFlags,
  positiveDuration,
  replacementSize,
  withEnvironment,
} from '../cli/flags.ts';
import { createIo } from '../cli/io.ts';
import { creationModes } from '../domain/plan.ts';
import { planFolder } from '../domain/plan-command.ts';
import { exportFormatNames } from '../exports/format-names.ts';

const planFormats = ['text', 'markdown', ...exportFormatNames] as const;

export default class Plan extends BaseCommand {
  static override summary = 'Look at a cluster and plan its move to prefix delegation; change nothing.';
  static override description =
    'Reads AWS and Kubernetes, runs the checks, and writes the plan folder. Exits 4 when something blocks the move.';
  static override usage = 'plan --cluster NAME [FLAGS]';
  static override examples = [
    '<%= config.bin %> plan --cluster prod',
    '<%= config.bin %> plan --cluster prod --nodegroup apps --dry-run --format eksctl',
  ];
  static override flags = withEnvironment({
    cluster: name({ summary: 'Name of the EKS cluster; needed unless a snapshot tells it.' }),
    nodegroup: name({
      summary: 'Node group to move (repeatable); default: all that gain from it.',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'max-pods': Flags.integer({ helpValue: 'N', summary: 'Pods per node; default: calculated.', min: 1 }),
    'warm-prefix-target': Flags.integer({ helpValue: 'N', summary: 'WARM_PREFIX_TARGET of the VPC CNI.', min: 0 }),
    'warm-ip-target': Flags.integer({ helpValue: 'N', summary: 'WARM_IP_TARGET of the VPC CNI.', min: 0 }),
    'minimum-ip-target': Flags.integer({ helpValue: 'N', summary: 'MINIMUM_IP_TARGET of the VPC CNI.', min: 0 }),
    subnet: name({
      helpValue: 'ID',
      summary: 'Subnet of the replacements (repeatable); default: those of each node group.',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'create-with': Flags.option({
      summary: 'Who makes the replacements: this program, eksctl run by it, or somebody else whom it waits for.',
      options: creationModes,
      default: 'api',
    })(),
    'instance-type': name({
      helpValue: 'TYPE',
      summary: 'Instance type of the replacements (repeatable); default: those of each node group.',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'ami-type': name({ helpValue: 'TYPE', summary: 'AMI type of the replacements; default: that of each node group.' }),
    order: Flags.option({
      summary: 'Cordon the old nodes before or after the switch.',
      options: ['auto', 'safe-flip', 'cordon-first'] as const,
      default: 'auto',
    })(),
    'reserve-subnet-cidr': Flags.boolean({
      summary: 'Reserve ranges for prefixes first, where that helps.',
      default: false,
    }),
    'canary-pods': Flags.integer({
      helpValue: 'N',
      summary: 'Pods that prove addresses on a node; 17 need a second prefix.',
      min: 1,
      max: 64,
      default: 1,
    }),
    'canary-image': name({ helpValue: 'IMAGE', summary: 'Image of those pods; default: one the node has.' }),
    nodes: Flags.custom<'same' | 'fit' | number>({
      helpValue: 'same|fit|N',
      summary: 'Size of each replacement: as now, as its pods need, or N nodes.',
      default: 'same',
      parse: async (text) => replacementSize(text),
    })(),
    surge: name({
      helpValue: 'NAMESPACE/DEPLOYMENT',
      summary: 'Roll this Deployment over instead of evicting its only pod (repeatable).',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'wait-for-jobs': duration({
      summary: 'How long pods of Jobs may run on before they are evicted.',
      default: 0,
      defaultHelp: async () => '0s',
    }),
    'pod-grace-period': positiveDuration({
      summary: 'How long a pod may take to end at most; default: as long as it asks for.',
    }),
    'release-nodes': Flags.boolean({
      summary: 'End each old node as soon as it is empty: its addresses come back during the drain.',
      default: false,
    }),
    'rehearse-evictions': Flags.boolean({
      summary: 'Ask the API server about each eviction now (dry run).',
      default: true,
      allowNo: true,
    }),
    allow: name({
      helpValue: 'CODE',
      summary: 'Accept a blocking finding by its code (repeatable).',
      multiple: true,
      multipleNonGreedy: true,
    }),
    'drain-timeout': positiveDuration({ summary: 'Longest drain; default: from the forecast, at least 30m.' }),
    soak: duration({ summary: 'Wait between drain and deletion.', default: 600, defaultHelp: async () => '10m' }),
    'expires-in': positiveDuration({
      summary: 'How long the plan may be applied.',
      default: 86_400,
      defaultHelp: async () => '24h',
    }),
    snapshot: name({ helpValue: 'FILE', summary: 'Plan from this snapshot.json; ask neither AWS nor Kubernetes.' }),
    out: name({ summary: 'Plan folder; default: prefix-migrate-CLUSTER.', helpValue: 'DIR' }),
    'dry-run': Flags.boolean({ summary: 'Write no folder.' }),
    format: Flags.option({ summary: 'What stdout gets.', options: planFormats, default: 'text' })(),
    ...connectionFlags,
    ...outputFlags,
  });

  override async run(): Promise<number> {
    const { flags } = await this.parse(Plan);
    const { clusterOf, planCluster, planRequest, readRecorded } = await import('./actions/plan-cluster.ts');
    const recorded = flags.snapshot === undefined ? null : await readRecorded(flags.snapshot);
    const clusterName = clusterOf(flags.cluster, recorded);
    return planCluster(
      {
        request: planRequest(clusterName, flags),
        recorded,
        folder: flags['dry-run'] ? null : (flags.out ?? planFolder(clusterName)),
        format: flags.json ? 'json' : flags.format,
        toolVersion: this.config.version,
        root: this.config.root,
        connection: { ...flags, clusterName },
      },
      createIo(flags),
    );
  }
}
