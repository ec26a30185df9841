import { blockers } from '../../domain/finding.ts';
import type { MigrationPlan, NodegroupPlan, SubnetPlan } from '../../domain/plan.ts';
import { shellWord } from '../../domain/shell-word.ts';
import { missingBlocks } from '../../domain/stages.ts';
import { sum } from '../../domain/sum.ts';
import { columns, count, hanging, paint } from '../text.ts';
import { differenceLines } from './differences.ts';
import { drainChart } from './drain-chart.ts';
import { findingLines, tally } from './findings.ts';
import {
  capacityWords,
  drainSentence,
  impossibleSentence,
  listed,
  lostForGood,
  memoryWords,
  nodeSentence,
  nothingSentence,
  orderSentence,
  rehearsalSentence,
  reservedRanges,
  rollbackCommand,
  rollbackSentence,
} from './plan-words.ts';
import { vpcCniLines } from './vpc-cni-text.ts';

export interface PlanTextOptions {
  /** where it was written; null for a dry run */
  folder: string | null;
  colour: boolean;
  /** lines that show the subnets that the plan does not fit in */
  subnetMaps?: readonly string[];
  /** manifests of pods were written, too */
  hasBarePods?: boolean;
  /** the command line that plans the same again */
  command?: string | undefined;
}

/** The summary that `plan` prints. */
export function planText(plan: MigrationPlan, options: PlanTextOptions): string {
  const { cluster } = plan;
  const left = `${cluster.name}  ${cluster.region}  EKS ${cluster.kubernetesVersion}  account ${cluster.accountId}`;
  const right = `plan ${shortId(plan.planId)}`;
  const room = 80 - left.length;
  const impossible = impossibleSentence(plan);
  const lines = [
    paint('bold', left, options.colour) + (room > right.length ? right.padStart(room) : `\n  ${right}`),
    '',
    ...(impossible !== '' ? [`  ${impossible}`, ''] : planLines(plan, options)),
  ];
  if (plan.findings.length > 0) {
    lines.push(`  ${tally(plan.findings)}`, ...findingLines(plan.findings, options.colour), '');
  }
  if (impossible === '') lines.push(...(options.subnetMaps ?? []), ...undoLines(plan, options.folder));
  lines.push(...nextLines(plan, options));
  return `${lines.join('\n')}\n`;
}

const withGap = (lines: string[]): string[] => (lines.length === 0 ? [] : [...lines, '']);

const planLines = (plan: MigrationPlan, { colour, folder }: PlanTextOptions): string[] => [
  ...(plan.nodegroups.length === 0 ? [`  ${nothingSentence(plan)}`] : moveLines(plan)),
  '',
  ...withGap(differenceLines(plan, folder)),
  ...(plan.nodegroups.length === 0 ? [] : [...vpcCniLines(plan, colour), '']),
  ...(plan.subnets.length === 0 ? [] : [...subnetLines(plan), '']),
];

/** Enough of a plan's id to tell plans apart. */
export const shortId = (planId: string): string => planId.slice(0, 8);

/** So many groups of pods are drawn; the report draws all. */
const shownGroups = 6;

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
  const table = columns([['  NODE GROUP', 'REPLACEMENT', 'NODES', 'PODS PER NODE', 'PODS'], ...rows], [4]);
  const fits = table.every((line) => line.length <= 80);
  const drain = drainSentence(plan.forecast);
  const rehearsed = rehearsalSentence(plan.rehearsal);
  const chart = drainChart(plan.forecast, shownGroups);
  return [
    `  Move ${count(groups.length, 'node group')}, ${count(before, 'node')}${after === before ? '' : ` (${after} after)`}, ` +
      `${count(sum(groups.map((group) => group.pods)), 'pod')} to prefix delegation.`,
    ...(drain === '' ? [] : hanging('  Draining: ', drain, 2)),
    ...(rehearsed === '' ? [] : hanging('  ', rehearsed, 2)),
    ...hanging('  Order: ', orderSentence(plan.order), 2),
    '',
    ...(fits ? table : groups.flatMap(stacked)),
    ...nodeLines(groups),
    ...(chart.length === 0 ? [] : ['', ...chart]),
  ];
}

/** A node group whose names are too long for a row. */
const stacked = ({ source, replacement, nodes, maxPodsBefore, maxPods, pods }: NodegroupPlan): string[] => [
  `  ${source}`,
  `    -> ${replacement}`,
  `       nodes ${nodes.source} -> ${nodes.replacement}, pods per node ${maxPodsBefore} -> ${maxPods.value}, ${count(pods, 'pod')} to move`,
];

/** What a node of each group will be like, groups that are alike in one sentence. */
function nodeLines(groups: readonly NodegroupPlan[]): string[] {
  const alike = Map.groupBy(groups, nodeSentence);
  const sentences = [...alike].flatMap(([sentence, same]) => {
    const who = alike.size === 1 ? 'Each node' : listed(same.map(({ source }) => source));
    return hanging('  ', `${who}: ${sentence}`, 4);
  });
  const memory = withWords(groups, memoryWords, ' ');
  const capacity = withWords(groups, capacityWords, ': ');
  return [
    ...sentences,
    ...(memory === '' ? [] : hanging('  ', `Allocatable memory (estimate): ${memory}.`, 4)),
    ...(capacity === '' ? [] : hanging('  ', `Size (estimate): ${capacity}.`, 4)),
  ];
}

/** `apps 6.9 -> 6.1 GiB, tools ...` of the groups that there is something to say of. */
const withWords = (
  groups: readonly NodegroupPlan[],
  wordsOf: (group: NodegroupPlan) => string,
  between: string,
): string =>
  listed(groups.filter((group) => wordsOf(group) !== '').map((group) => `${group.source}${between}${wordsOf(group)}`));

/** Blocks of /28 in a subnet that can be free: AWS keeps addresses in the first and in the last one. */
const blocksOf = (cidr: string): number => 2 ** (28 - Number(cidr.split('/')[1])) - 2;
const usableAddressesOf = (cidr: string): number => 2 ** (32 - Number(cidr.split('/')[1])) - 5;

/** `1a` of `eu-west-1a`: the region stands at the top. */
const zoneOf = (zone: string): string => /\d+[a-z]$/.exec(zone)?.[0] ?? zone;

/** So many subnets are listed; those that do not fit come first, and are listed all. */
const shownSubnets = 12;

function subnetLines(plan: MigrationPlan): string[] {
  const { subnets } = plan;
  const inOrder = subnets.toSorted((a, b) => Number(a.fits) - Number(b.fits));
  const short = subnets.filter(({ fits }) => !fits).length;
  const shown = inOrder.slice(0, Math.max(shownSubnets, short));
  const more = subnets.length - shown.length;
  const table = (total: boolean): string[] =>
    columns(
      [['  SUBNET', 'ZONE', 'FREE', '/28 FREE', 'NEEDED', 'AFTER', ''], ...shown.map(rowOf(total))],
      [2, 3, 4, 5],
    );
  const wide = table(true);
  const reserved = reservedRanges(plan);
  return [
    ...(wide.every((line) => line.length <= 80) ? wide : table(false)),
    ...(more > 0 ? [`  and ${count(more, 'subnet')} more, which fit`] : []),
    ...(reserved.length === 0 ? [] : hanging('  ', `Reserved for prefixes first: ${reserved.join(', ')}.`, 4)),
  ];
}

/** `total`: say of how many addresses those are free, when there is room for it. */
const rowOf =
  (total: boolean) =>
  (subnet: SubnetPlan): string[] => [
    `  ${subnet.subnetId}`,
    zoneOf(subnet.availabilityZone),
    total ? `${subnet.freeAddresses} of ${usableAddressesOf(subnet.cidr)}` : String(subnet.freeAddresses),
    `${subnet.freePrefixes} of ${blocksOf(subnet.cidr)}`,
    String(subnet.peakDemand),
    String(subnet.freePrefixesAfter),
    subnet.fits ? 'fits' : `${missingBlocks(subnet)} short`,
  ];

/** So many sentences about what cannot be undone are shown. */
const shownLosses = 6;

function undoLines(plan: MigrationPlan, folder: string | null): string[] {
  const lost = lostForGood(plan);
  // a plan that is refused is not approved either
  if (lost.length === 0 || blockers(plan.findings).length > 0) return [];
  const shown = lost.length > shownLosses + 1 ? lost.slice(0, shownLosses) : lost;
  const more = lost.length - shown.length;
  return [
    '  What cannot be undone',
    ...shown.flatMap((sentence) => hanging('  - ', sentence, 4)),
    ...(more === 0 ? [] : [`    and ${more} more: --format markdown has them all`]),
    ...hanging('  ', rollbackSentence(plan), 2),
    `    ${rollbackCommand(folder)}`,
    '',
  ];
}

function nextLines(
  plan: MigrationPlan,
  { folder, hasBarePods = false, command }: Pick<PlanTextOptions, 'folder' | 'hasBarePods' | 'command'>,
): string[] {
  const blocking = blockers(plan.findings).length;
  const again = command ?? `prefix-migrate plan --cluster ${plan.cluster.name}`;
  const written =
    folder === null
      ? ['  Dry run: nothing was written.']
      : hanging(
          '  ',
          `Written to ${folder}/ (${[...filesOf(plan), ...(hasBarePods ? ['bare-pods/'] : [])].join(', ')})`,
          2,
        );
  if (plan.nodegroups.length === 0 || impossibleSentence(plan) !== '') return written;
  if (blocking > 0) {
    return [
      ...written,
      `  Next: resolve ${blocking === 1 ? 'the blocking finding' : 'the blocking findings'}; then`,
      `        ${again}`,
    ];
  }
  if (folder === null) return [...written, `  Next: ${again}`];
  return [
    ...written,
    plan.order.order === 'cordon-first'
      ? '  Nothing is changed yet. apply asks first: it begins by cordoning the old nodes.'
      : '  Nothing is changed yet. apply asks first; with --until verify it only adds.',
    `  Next: prefix-migrate apply ${shellWord(folder)}`,
  ];
}

const filesOf = ({ nodegroups }: MigrationPlan): string[] => [
  'report.html',
  'plan.md',
  'cluster.eksctl.yaml',
  'snapshot.json',
  ...(nodegroups.length > 0 ? ['user-data/'] : []),
];
