import { blockers } from '../../domain/finding.ts';
import type { MigrationPlan, SubnetPlan } from '../../domain/plan.ts';
import { columns, count, hanging, paint, roughly } from '../text.ts';
import { findingLines, tally } from './findings.ts';

/** The summary that `plan` prints. `folder` is where it was written; null for a dry run. */
export function planText(plan: MigrationPlan, options: { folder: string | null; colour: boolean }): string {
  const { cluster } = plan;
  const left = `${cluster.name}  ${cluster.region}  EKS ${cluster.kubernetesVersion}  account ${cluster.accountId}`;
  const right = `plan ${shortId(plan.planId)}`;
  const lines = [
    paint('bold', left, options.colour) + right.padStart(Math.max(80 - left.length, right.length + 2)),
    '',
    ...(plan.nodegroups.length === 0 ? ['  Nothing to move.'] : moveLines(plan)),
    '',
    ...(plan.subnets.length === 0 ? [] : [...subnetLines(plan.subnets), '']),
  ];
  if (plan.findings.length > 0) {
    lines.push(`  ${tally(plan.findings)}`, ...findingLines(plan.findings, options.colour), '');
  }
  lines.push(...nextLines(plan, options.folder));
  return `${lines.join('\n')}\n`;
}

/** Enough of a plan's id to tell plans apart. */
export const shortId = (planId: string): string => planId.slice(0, 8);

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);

function moveLines(plan: MigrationPlan): string[] {
  const groups = plan.nodegroups;
  const before = sum(groups.map((group) => group.nodes.source));
  const after = sum(groups.map((group) => group.nodes.replacement));
  const rows = groups.map((group) => [
    `  ${group.source}`,
    group.replacement,
    `${group.nodes.source} -> ${group.nodes.replacement}`,
    `${group.maxPodsBefore} -> ${group.maxPods.value}`,
    String(group.pods),
  ]);
  return [
    `  Move ${count(groups.length, 'node group')}, ${count(before, 'node')} (${after} after), ` +
      `${count(sum(groups.map((group) => group.pods)), 'pod')} to prefix delegation.`,
    ...forecastLines(plan),
    '',
    ...columns([['  NODE GROUP', 'REPLACEMENT', 'NODES', 'PODS PER NODE', 'PODS'], ...rows], [4]),
  ];
}

function forecastLines(plan: MigrationPlan): string[] {
  const { criticalWorkload, expectedSeconds, lowerBoundSeconds } = plan.forecast;
  if (criticalWorkload === null) return [];
  return hanging(
    '  ',
    `Draining: about ${roughly(expectedSeconds)} (estimate), not less than ${roughly(lowerBoundSeconds)}: ` +
      `${criticalWorkload} decides.`,
    2,
  );
}

/** Blocks of /28 in a subnet that can be free: AWS keeps addresses in the first and in the last one. */
const blocksOf = (cidr: string): number => 2 ** (28 - Number(cidr.split('/')[1])) - 2;
const usableAddressesOf = (cidr: string): number => 2 ** (32 - Number(cidr.split('/')[1])) - 5;

/** `1a` of `eu-west-1a`: the region stands at the top. */
const zoneOf = (zone: string): string => /\d+[a-z]$/.exec(zone)?.[0] ?? zone;

function subnetLines(subnets: readonly SubnetPlan[]): string[] {
  const rows = subnets.map((subnet) => [
    `  ${subnet.subnetId}`,
    zoneOf(subnet.availabilityZone),
    `${subnet.freeAddresses} of ${usableAddressesOf(subnet.cidr)}`,
    `${subnet.freePrefixes} of ${blocksOf(subnet.cidr)}`,
    String(subnet.peakDemand),
    String(subnet.freePrefixesAfter),
    subnet.fits ? 'fits' : `${subnet.peakDemand - subnet.freePrefixes} short`,
  ]);
  return columns([['  SUBNET', 'ZONE', 'FREE', '/28 FREE', 'PEAK', 'AFTER', ''], ...rows], [2, 3, 4, 5]);
}

function nextLines(plan: MigrationPlan, folder: string | null): string[] {
  const blocking = blockers(plan.findings).length;
  const again = `prefix-migrate plan --cluster ${plan.cluster.name}`;
  const written =
    folder === null
      ? ['  Dry run: nothing was written.']
      : hanging('  ', `Written to ${folder}/ (plan.md, cluster.eksctl.yaml, snapshot.json, user-data/)`, 2);
  if (plan.nodegroups.length === 0) return written;
  if (blocking > 0) {
    return [
      ...written,
      `  Next: resolve ${blocking === 1 ? 'the blocking finding' : 'the blocking findings'}; then`,
      `        ${again}`,
    ];
  }
  return [...written, `  Next: ${folder === null ? again : `prefix-migrate apply ${folder}`}`];
}
