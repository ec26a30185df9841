import type { Forecast, ForecastGroup } from '../../domain/plan.ts';
import { columns, count, cut } from '../text.ts';
import { html, type Markup } from './markup.ts';
import { criticalGroup, howLong, pace } from './plan-words.ts';

const barWidth = 20;
const longestName = 24;

/**
 * The groups of a drain over time, the longest first, in at most 80 columns: `#` the one that decides, `=` the others, `.`
 * a wait before the first eviction. No lines for fewer than two groups: a sentence has said it all.
 */
export function drainChart(forecast: Forecast, most: number): string[] {
  const { groups, groupsLeftOut } = forecast;
  if (groups.length < 2) return [];
  const critical = criticalGroup(forecast);
  const shown = groups.length === most + 1 ? groups : groups.slice(0, most);
  const scale = critical?.expectedSeconds ?? 0;
  const rows = shown.map((group) => [
    `  ${group === critical ? '*' : ' '} ${cut(group.name, longestName)}`,
    String(group.pods),
    group.kind === 'singletons' ? '1' : String(group.atOnce),
    bar(group, scale, group === critical ? '#' : '='),
    group.expectedSeconds === null ? 'never' : howLong(group.expectedSeconds),
  ]);
  const next = groups[shown.length];
  const more = groups.length - shown.length + groupsLeftOut;
  return [
    ...columns([['    DRAIN (ESTIMATE)', 'PODS', 'AT ONCE', '', ''], ...rows], [1, 2, 4]),
    ...(more === 0 ? [] : [`    and ${count(more, 'group')} more${upTo(next)}`]),
  ];
}

const upTo = (group: ForecastGroup | undefined): string =>
  group?.expectedSeconds == null ? '' : `, none longer than ${howLong(group.expectedSeconds)}`;

function bar({ startSeconds, expectedSeconds }: ForecastGroup, scale: number, mark: string): string {
  if (expectedSeconds === null || scale === 0) return '';
  const end = Math.min(barWidth, Math.max(1, Math.round((barWidth * expectedSeconds) / scale)));
  const start = Math.min(end - 1, Math.round((barWidth * startSeconds) / scale));
  return ('.'.repeat(start) + mark.repeat(end - start)).padEnd(barWidth);
}

/** The same as a table of HTML, with bars; all groups that the plan has. */
export function drainTable(forecast: Forecast): Markup {
  const { groups, groupsLeftOut } = forecast;
  if (groups.length === 0) return html``;
  const critical = criticalGroup(forecast);
  const scale = critical?.expectedSeconds ?? 0;
  return html`<div class="scroll"><table>
<caption>Pods that share a budget, from the first eviction on; the first group that ends decides</caption>
<thead><tr><th scope="col">Group</th><th scope="col">Budget</th><th scope="col" class="number">Pods</th><th scope="col">Pace</th>
<th scope="col" class="number">Each</th><th scope="col" class="number">At least</th><th scope="col">Expected</th></tr></thead>
<tbody>
${groups.map(
  (group) =>
    html`<tr><th scope="row">${group.name}${group === critical ? ' (decides)' : ''}</th><td>${group.budget ?? kinds[group.kind]}</td><td class="number">${group.pods}</td><td>${pace(group)}</td><td class="number">${howLong(group.cycleSeconds)}</td><td class="number">${group.lowerBoundSeconds === null ? '-' : howLong(group.lowerBoundSeconds)}</td><td>${end(group)}${htmlBar(group, scale, group === critical)}</td></tr>
`,
)}</tbody>
</table></div>${groupsLeftOut === 0 ? '' : html`<p>and ${count(groupsLeftOut, 'shorter group')} more</p>`}`;
}

const kinds: Record<ForecastGroup['kind'], string> = {
  budget: 'several',
  owner: 'none',
  singletons: 'none',
  bare: 'none',
  surge: 'rolled over instead',
};

const end = ({ startSeconds, expectedSeconds }: ForecastGroup): Markup =>
  expectedSeconds === null
    ? html`<span class="bad">never</span>`
    : html`${howLong(expectedSeconds)}${startSeconds > 0 ? `, from ${howLong(startSeconds)} on` : ''}`;

/** Repeats the numbers beside it, so that a screen reader leaves it out. */
function htmlBar({ startSeconds, expectedSeconds }: ForecastGroup, scale: number, isCritical: boolean): Markup {
  if (expectedSeconds === null || scale === 0) return html``;
  const share = (seconds: number): string => ((100 * Math.min(seconds, scale)) / scale).toFixed(1);
  return html`<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="room" width="100" height="8"/><rect class="${isCritical ? 'short' : 'taken'}" x="${share(startSeconds)}" width="${share(expectedSeconds - startSeconds)}" height="8"/></svg>`;
}
