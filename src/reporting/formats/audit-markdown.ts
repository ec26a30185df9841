import type { AuditReport } from '../../domain/audit.ts';
import { headline, nodeRows, shortSubnets } from './audit-text.ts';
import { findingsMarkdown, tally } from './findings.ts';
import { plain, table } from './markdown.ts';
import { drawingLines } from './subnet-map-text.ts';

/** The audit for a pull request or a job summary. */
export function auditMarkdown(report: AuditReport, options: { allNodes: boolean }): string {
  const { cluster, findings, minFreePrefixes } = report;
  return [
    `# Audit of ${plain(cluster.name)}`,
    '',
    `${report.healthy ? 'Nothing is wrong' : 'Something is wrong'}. ${headline(report)}.`,
    '',
    `EKS ${cluster.kubernetesVersion}, ${cluster.region}, account ${cluster.accountId}, VPC CNI ${plain(cluster.vpcCni.version ?? 'of unknown version')}, seen at ${report.observedAt}.`,
    '',
    '## Findings',
    '',
    ...(findings.length > 0 ? [`${tally(findings)}.`, ''] : []),
    findingsMarkdown(findings),
    '## Nodes',
    '',
    table(
      ['Node', 'Group', 'Mode', 'Prefixes', 'Pods', 'Max pods', 'Expected', 'Why'],
      nodeRows(report.nodes, options.allNodes).map((row) => [
        row.name,
        row.group,
        row.mode,
        row.prefixes,
        row.pods,
        row.maxPods,
        row.expected,
        row.why,
      ]),
    ),
    '',
    '## Subnets',
    '',
    table(
      ['Subnet', 'Zone', 'CIDR', 'Free addresses', 'Free /28 blocks', 'Nodes', `At least ${minFreePrefixes}`],
      report.subnets.map((subnet) => [
        subnet.subnetId,
        subnet.availabilityZone,
        subnet.cidr,
        String(subnet.freeAddresses),
        String(subnet.freePrefixes),
        String(subnet.nodes),
        subnet.freePrefixes >= minFreePrefixes ? 'yes' : 'no',
      ]),
    ),
    '',
    ...shortSubnets(report).flatMap((subnet) => ['```', ...drawingLines(subnet, false), '```', '']),
  ].join('\n');
}
