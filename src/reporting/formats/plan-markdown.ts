import type { MigrationPlan } from '../../domain/plan.ts';
import { differenceCells, differencesSentence } from './differences.ts';
import { drainChart } from './drain-chart.ts';
import { findingsMarkdown, isCommand, tally } from './findings.ts';
import { code, plain, table } from './markdown.ts';
import {
  capacityWords,
  conflictSentence,
  drainAssumptions,
  drainSentence,
  impossibleSentence,
  instructionsTitle,
  lostForGood,
  memoryWords,
  orderSentence,
  rehearsalSentence,
  reservedRanges,
  rollbackCommand,
  rollbackSentence,
  settingRows,
  shortageSentence,
  stageTitles,
  vpcCniSentence,
} from './plan-words.ts';

/** The plan for a review: `plan.md` in the plan folder. */
export function planMarkdown(plan: MigrationPlan): string {
  const { cluster, forecast } = plan;
  const impossible = impossibleSentence(plan);
  return [
    `# Move ${plain(cluster.name)} to prefix delegation`,
    '',
    ...(impossible === '' ? [] : [`**${impossible}**`, '']),
    table(
      ['', ''],
      [
        [
          'Cluster',
          `${cluster.name}, EKS ${cluster.kubernetesVersion}, ${cluster.region}, account ${cluster.accountId}`,
        ],
        ['Plan', { code: plan.planId }],
        ['Good until', plan.expiresAt],
        ['Made by', `prefix-migrate ${plan.toolVersion}`],
        ...(impossible === ''
          ? [
              ['Order', orderSentence(plan.order)],
              ['Drain', drainSentence(forecast) || 'No pod has to move.'],
            ]
          : []),
      ],
    ),
    '',
    '## Findings',
    '',
    ...(plan.findings.length > 0 ? [`${tally(plan.findings)}.`, ''] : []),
    findingsMarkdown(plan.findings),
    ...(impossible === '' ? sections(plan) : []),
  ].join('\n');
}

/** What the plan does. */
function sections(plan: MigrationPlan): string[] {
  return [
    '## aws-node',
    '',
    ...vpcCniSection(plan),
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
        'Allocatable memory per node (estimate)',
        'Pods to move',
        'Size (estimate)',
      ],
      plan.nodegroups.map((group) => [
        group.source,
        group.replacement,
        group.instanceTypes.join(', '),
        `${group.nodes.source} -> ${group.nodes.replacement}`,
        `${group.maxPodsBefore} -> ${group.maxPods.value}`,
        `${group.maxPods.limitedBy} (${group.maxPods.source})`,
        `${group.prefixesPerNode.idle}, ${group.prefixesPerNode.expected}, ${group.prefixesPerNode.full}`,
        memoryWords(group),
        String(group.pods),
        capacityWords(group),
      ]),
    ),
    '',
    ...differencesSection(plan),
    '## Subnets',
    '',
    ...subnetSection(plan),
    ...drainSection(plan),
    '## Steps',
    '',
    table(
      ['Step', 'Phase', 'Impact', 'What', 'After'],
      plan.steps.map((step) => [step.id, step.phase, step.impact, step.summary, step.dependsOn.join(', ')]),
    ),
    '',
    ...undoSection(plan),
  ];
}

function differencesSection({ nodegroups }: MigrationPlan): string[] {
  const groups = nodegroups.filter(({ differences }) => differences.length > 0);
  if (groups.length === 0) return [];
  return [
    '## Differences',
    '',
    differencesSentence,
    '',
    ...groups.flatMap(({ source, replacement, differences }) => [
      `### ${plain(source)} -> ${plain(replacement)}`,
      '',
      table(
        ['Field', 'Source', 'Replacement', 'Reason'],
        differences
          .map(differenceCells)
          .map(([field, before, after, reason]) => [{ code: field }, { code: before }, { code: after }, reason]),
      ),
      '',
    ]),
  ];
}

function undoSection(plan: MigrationPlan): string[] {
  const lost = lostForGood(plan);
  if (lost.length === 0) return [];
  return [
    '## What cannot be undone',
    '',
    ...lost.map((sentence) => `- ${plain(sentence)}`),
    '',
    `${rollbackSentence(plan)} ${code(rollbackCommand(null))}`,
    '',
  ];
}

function vpcCniSection({ vpcCni }: MigrationPlan): string[] {
  const rows = settingRows(vpcCni);
  const conflict = conflictSentence(vpcCni);
  return [
    plain(`${vpcCniSentence(vpcCni)} Owner known from: ${vpcCni.owner.evidence}.`),
    '',
    ...(rows.length === 0
      ? ['No setting changes.', '']
      : [
          table(
            ['Variable', 'Add-on', 'Live', 'After', 'Set by', ''],
            rows.map(({ name, configured, live, target, setBy, note }) => [
              { code: name },
              { code: configured },
              { code: live },
              { code: target },
              setBy,
              note,
            ]),
          ),
          '',
        ]),
    ...(conflict === '' ? [] : [conflict, '']),
    ...(vpcCni.instructions.length === 0
      ? []
      : [
          instructionsTitle(vpcCni),
          '',
          ...vpcCni.instructions.map((line) => `- ${isCommand(line) ? code(line) : plain(line)}`),
          '',
        ]),
  ];
}

/** The groups over time, as text: bars need no more. Nothing when no pod has to move. */
function drainSection({ forecast, rehearsal }: MigrationPlan): string[] {
  if (forecast.groups.length === 0) return [];
  const rehearsed = rehearsalSentence(rehearsal);
  const chart = drainChart(forecast, shownGroups);
  return [
    '## Drain',
    '',
    plain(`Draining: ${drainSentence(forecast)}`),
    '',
    ...(rehearsed === '' ? [] : [plain(rehearsed), '']),
    ...(chart.length === 0 ? [] : ['```', ...chart.map((line) => line.replaceAll('`', "'").slice(2)), '```', '']),
    drainAssumptions,
    '',
  ];
}

const shownGroups = 20;

/** Blocks taken at each stage, and in brackets how many are left. */
function subnetSection(plan: MigrationPlan): string[] {
  const stages = plan.subnets[0]?.timeline.map(({ stage }) => stage) ?? [];
  const shortages = plan.subnets.map(shortageSentence).filter((said) => said !== '');
  const reserved = reservedRanges(plan);
  return [
    table(
      [
        'Subnet',
        'Zone',
        'CIDR',
        'Free addresses',
        'Free /28 blocks',
        ...stages.map((stage) => `${stageTitles[stage]}: taken (left)`),
        'Needed at peak',
        'Free /28 after',
        'Fits',
      ],
      plan.subnets.map((subnet) => [
        subnet.subnetId,
        subnet.availabilityZone,
        subnet.cidr,
        String(subnet.freeAddresses),
        String(subnet.freePrefixes),
        ...subnet.timeline.map(({ taken, left }) => `${taken} (${left})`),
        String(subnet.peakDemand),
        String(subnet.freePrefixesAfter),
        subnet.fits ? 'yes' : 'no',
      ]),
    ),
    '',
    ...shortages.map((said) => `- ${plain(said)}`),
    ...reserved.map((range) => `- Reserved for prefixes first: ${plain(range)}`),
    ...(shortages.length + reserved.length > 0 ? [''] : []),
  ];
}
