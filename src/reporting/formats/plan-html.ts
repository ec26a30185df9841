import type { Finding } from '../../domain/finding.ts';
import type { MigrationPlan } from '../../domain/plan.ts';
import type { ClusterSnapshot } from '../../domain/snapshot.ts';
import { count, dateTime, withoutControlCharacters } from '../text.ts';
import { differenceCells, differencesSentence } from './differences.ts';
import { drainTable } from './drain-chart.ts';
import { bySeverity, isCommand, tally } from './findings.ts';
import { type Content, html, type Markup } from './markup.ts';
import {
  capacityWords,
  conflictSentence,
  drainAssumptions,
  drainSentence,
  impossibleSentence,
  instructionsTitle,
  lostForGood,
  memoryWords,
  nothingSentence,
  orderSentence,
  rehearsalSentence,
  reservedRanges,
  rollbackCommand,
  rollbackSentence,
  settingRows,
  shortageSentence,
  vpcCniSentence,
} from './plan-words.ts';
import { reportStyle } from './report-style.ts';
import { subnetMaps, timelineTable } from './subnet-html.ts';

/**
 * The plan as one HTML page that stands alone (`report.html` in the plan folder): no script, nothing loaded from anywhere.
 * `snapshot`: the one the plan was made from. Same input, same bytes.
 */
export function planHtml(anyPlan: MigrationPlan, anySnapshot: ClusterSnapshot): string {
  const [plan, snapshot] = withoutControlCharacters([anyPlan, anySnapshot] as const);
  const { cluster } = plan;
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${cluster.name}: plan ${plan.planId.slice(0, 8)}</title>
<style>${{ markup: reportStyle }}</style>
</head>
<body>
<header>
<h1>Move ${cluster.name} to prefix delegation</h1>
<p class="dim">${cluster.region}, account ${cluster.accountId}, EKS ${cluster.kubernetesVersion}. Seen ${dateTime(snapshot.observedAt)},
good until ${dateTime(plan.expiresAt)}. Plan <code>${plan.planId}</code>, made by prefix-migrate ${plan.toolVersion}.</p>
</header>
<main>
${summary(plan)}
${findings(plan.findings)}
${impossibleSentence(plan) === '' ? [nodegroups(plan), differences(plan), vpcCni(plan), subnets(plan, snapshot), drain(plan), steps(plan), undo(plan)] : ''}
</main>
</body>
</html>
`;
  return page.markup;
}

function summary(plan: MigrationPlan): Markup {
  const { nodegroups: groups, forecast } = plan;
  const impossible = impossibleSentence(plan);
  if (impossible !== '') return html`<p class="lead">${impossible}</p>`;
  if (groups.length === 0) return html`<p class="lead">${nothingSentence(plan)}</p>`;
  const nodes = groups.reduce((sum, group) => sum + group.nodes.source, 0);
  const pods = groups.reduce((sum, group) => sum + group.pods, 0);
  const said = drainSentence(forecast);
  return html`<p class="lead">${count(groups.length, 'node group')}, ${count(nodes, 'node')}, ${count(pods, 'pod')} move.</p>
<p>${said === '' ? 'No pod has to move.' : `Draining: ${said}`}</p>
<p>Order: ${orderSentence(plan.order)}</p>`;
}

function findings(all: readonly Finding[]): Markup {
  if (all.length === 0) return html`<section><h2>Findings</h2><p>None.</p></section>`;
  return html`<section>
<h2>Findings</h2>
<p>${tally(all)}.</p>
${bySeverity(all).map(finding)}
</section>`;
}

const finding = ({ code, severity, subject, summary: said, why, nextActions, allowed }: Finding): Markup =>
  html`<article class="finding ${severity}">
<h3>${severity}${allowed === true ? ', allowed' : ''}: <code>${code}</code> ${subject}</h3>
<p>${said}</p>
<p class="dim">${why}</p>
${nextActions.map((action) => (isCommand(action) ? html`<pre><code>${action}</code></pre>` : html`<p>${action}</p>`))}
</article>
`;

interface Column {
  title: string;
  isNumber?: boolean;
}

/** A table whose first cell of each row is its header. */
function table(caption: string, head: readonly Column[], rows: readonly (readonly Content[])[]): Markup {
  const of = (index: number): string => (head[index]?.isNumber === true ? 'number' : 'text');
  return html`<div class="scroll"><table>
<caption>${caption}</caption>
<thead><tr>${head.map(({ title }, index) => html`<th scope="col" class="${of(index)}">${title}</th>`)}</tr></thead>
<tbody>
${rows.map(
  ([first = '', ...cells]) =>
    html`<tr><th scope="row">${first}</th>${cells.map((cell, index) => html`<td class="${of(index + 1)}">${cell}</td>`)}</tr>
`,
)}</tbody>
</table></div>`;
}

const number = (title: string): Column => ({ title, isNumber: true });
const text = (title: string): Column => ({ title });

const nodegroups = (plan: MigrationPlan): Markup => html`<section>
<h2>Node groups</h2>
${table(
  'Each node group and what takes its place; prefixes and memory are per node',
  [
    text('Node group'),
    text('Replacement'),
    text('Instance types'),
    number('Nodes'),
    number('Pods per node'),
    text('Limited by'),
    number('Prefixes idle'),
    number('expected'),
    number('full'),
    text('Allocatable memory (estimate)'),
    number('Pods to move'),
    text('Size (estimate)'),
  ],
  plan.nodegroups.map((group) => [
    group.source,
    group.replacement,
    group.instanceTypes.join(', '),
    `${group.nodes.source} → ${group.nodes.replacement}`,
    `${group.maxPodsBefore} → ${group.maxPods.value}`,
    group.maxPods.limitedBy,
    group.prefixesPerNode.idle,
    group.prefixesPerNode.expected,
    group.prefixesPerNode.full,
    memoryWords(group).replace('->', '→') || 'as before',
    group.pods,
    capacityWords(group),
  ]),
)}
</section>`;

function differences({ nodegroups: groups }: MigrationPlan): Markup {
  const told = groups.filter(({ differences: of }) => of.length > 0);
  if (told.length === 0) return html``;
  return html`<section>
<h2>Differences</h2>
<p>${differencesSentence}</p>
${told.map(({ source, replacement, differences: of }) =>
  table(
    `${source} → ${replacement}`,
    ['Field', 'Source', 'Replacement', 'Reason'].map(text),
    of.map(differenceCells).map(([field, before, after, reason]) => [code(field), code(before), code(after), reason]),
  ),
)}
</section>`;
}

const code = (value: string): Markup => html`<code>${value}</code>`;

function vpcCni({ vpcCni: found }: MigrationPlan): Markup {
  const rows = settingRows(found);
  return html`<section>
<h2>aws-node</h2>
<p>${vpcCniSentence(found)} <span class="dim">Owner known from: ${found.owner.evidence}.</span></p>
${
  rows.length === 0
    ? html`<p>No setting changes.</p>`
    : table(
        'Settings that change: configured in the add-on, on the DaemonSet now, and after the plan',
        ['Variable', 'In the add-on', 'Live', 'After', 'Set by', 'Note'].map(text),
        rows.map(({ name, configured, live, target, setBy, note }) => [
          code(name),
          code(configured),
          code(live),
          code(target),
          setBy,
          note,
        ]),
      )
}
${conflictSentence(found) === '' ? '' : html`<p>${conflictSentence(found)}</p>`}
${
  found.instructions.length === 0
    ? ''
    : html`<p>${instructionsTitle(found)}</p><pre><code>${found.instructions.join('\n')}</code></pre>`
}
</section>`;
}

function subnets(plan: MigrationPlan, snapshot: ClusterSnapshot): Markup {
  if (plan.subnets.length === 0) return html``;
  const reserved = reservedRanges(plan).map((range) => `Reserved for prefixes first: ${range}.`);
  const said = [...plan.subnets.map(shortageSentence).filter((sentence) => sentence !== ''), ...reserved];
  return html`<section>
<h2>Subnets</h2>
${said.length === 0 ? html`<p>Every subnet has enough free /28 blocks at every stage.</p>` : html`<ul>${said.map((sentence) => html`<li>${sentence}</li>`)}</ul>`}
${table(
  'Addresses and /28 blocks; only an aligned block of 16 free addresses can become a prefix',
  [
    text('Subnet'),
    text('Zone'),
    text('CIDR'),
    number('Free addresses'),
    number('Free blocks'),
    number('Needed at peak'),
    number('Free after'),
    text('Fits'),
  ],
  plan.subnets.map((subnet) => [
    subnet.subnetId,
    subnet.availabilityZone,
    subnet.cidr,
    subnet.freeAddresses,
    subnet.freePrefixes,
    subnet.peakDemand,
    subnet.freePrefixesAfter,
    subnet.fits ? html`<span class="good">fits</span>` : html`<span class="bad">does not fit</span>`,
  ]),
)}
${timelineTable(plan.subnets)}
${subnetMaps(plan, snapshot)}
</section>`;
}

function drain({ forecast, rehearsal }: MigrationPlan): Markup {
  if (forecast.groups.length === 0) return html``;
  const rehearsed = rehearsalSentence(rehearsal);
  return html`<section>
<h2>Drain</h2>
<p>${drainSentence(forecast)}</p>
${rehearsed === '' ? '' : html`<p>${rehearsed}</p>`}
${drainTable(forecast)}
<p class="dim">${drainAssumptions}</p>
</section>`;
}

function undo(plan: MigrationPlan): Markup {
  const lost = lostForGood(plan);
  if (lost.length === 0) return html``;
  return html`<section>
<h2>What cannot be undone</h2>
<ul>${lost.map((sentence) => html`<li>${sentence}</li>`)}</ul>
<p>${rollbackSentence(plan)}</p>
<pre><code>${rollbackCommand(null)}</code></pre>
</section>`;
}

const steps = (plan: MigrationPlan): Markup => html`<section>
<h2>Steps</h2>
<p>additive: takes nothing away. disruptive: moves pods. destructive: cannot be undone.</p>
${table(
  'In the order of their phases; a step begins when those before it are done',
  ['Step', 'Phase', 'Impact', 'What', 'After'].map(text),
  plan.steps.map((step) => [step.id, step.phase, step.impact, step.summary, step.dependsOn.join(', ')]),
)}
</section>`;
