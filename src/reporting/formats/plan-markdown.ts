import type { MigrationPlan } from '../../domain/plan.ts';
import { roughly } from '../text.ts';
import { findingsMarkdown, tally } from './findings.ts';
import { table } from './markdown-table.ts';

/** The plan for a review: `plan.md` in the plan folder. */
export function planMarkdown(plan: MigrationPlan): string {
  const { cluster, forecast } = plan;
  return [
    `# Move ${cluster.name} to prefix delegation`,
    '',
    table(
      ['', ''],
      [
        [
          'Cluster',
          `${cluster.name}, EKS ${cluster.kubernetesVersion}, ${cluster.region}, account ${cluster.accountId}`,
        ],
        ['Plan', `\`${plan.planId}\``],
        ['Good until', plan.expiresAt],
        ['Made by', `prefix-migrate ${plan.toolVersion}`],
        [
          'Drain',
          forecast.criticalWorkload === null
            ? 'no pod has to move'
            : `about ${roughly(forecast.expectedSeconds)} (estimate), not less than ${roughly(forecast.lowerBoundSeconds)}; ${forecast.criticalWorkload} decides`,
        ],
      ],
    ),
    '',
    '## Findings',
    '',
    ...(plan.findings.length > 0 ? [`${tally(plan.findings)}.`, ''] : []),
    findingsMarkdown(plan.findings),
    '## Node groups',
    '',
    table(
      [
        'Node group',
        'Replacement',
        'Instance types',
        'Nodes',
        'Pods per node',
        'Limited by',
        'Prefixes per node (idle, expected, full)',
        'Pods to move',
      ],
      plan.nodegroups.map((group) => [
        group.source,
        group.replacement,
        group.instanceTypes.join(', '),
        `${group.nodes.source} -> ${group.nodes.replacement}`,
        `${group.maxPodsBefore} -> ${group.maxPods.value}`,
        `${group.maxPods.limitedBy} (${group.maxPods.source})`,
        `${group.prefixesPerNode.idle}, ${group.prefixesPerNode.expected}, ${group.prefixesPerNode.full}`,
        String(group.pods),
      ]),
    ),
    '',
    '## Subnets',
    '',
    table(
      ['Subnet', 'Zone', 'CIDR', 'Free addresses', 'Free /28 blocks', 'Needed at peak', 'Free /28 after', 'Fits'],
      plan.subnets.map((subnet) => [
        subnet.subnetId,
        subnet.availabilityZone,
        subnet.cidr,
        String(subnet.freeAddresses),
        String(subnet.freePrefixes),
        String(subnet.peakDemand),
        String(subnet.freePrefixesAfter),
        subnet.fits ? 'yes' : 'no',
      ]),
    ),
    '',
    '## Steps',
    '',
    table(
      ['Step', 'Phase', 'Impact', 'What', 'After'],
      plan.steps.map((step) => [step.id, step.phase, step.impact, step.summary, step.dependsOn.join(', ')]),
    ),
    '',
  ].join('\n');
}
