import type { MigrationPlan, SubnetPlan } from '../../domain/plan.ts';
import { instancesOf } from '../../domain/reservation.ts';
import type { ClusterSnapshot } from '../../domain/snapshot.ts';
import { viewSubnet } from '../../domain/subnet-owners.ts';
import { drawingAfter, drawingOf } from '../../domain/subnet-symbols.ts';
import { count } from '../text.ts';
import { html, type Markup } from './markup.ts';
import { stageTitles } from './plan-words.ts';
import { doubt, freeBlocks, headline } from './subnet-map-cells.ts';
import { subnetMapSvg } from './subnet-map-svg.ts';

/** Blocks taken and left at each stage, each with a bar of the share of the free blocks that is taken. */
export function timelineTable(subnets: readonly SubnetPlan[]): Markup {
  const stages = subnets[0]?.timeline.map(({ stage }) => stage) ?? [];
  if (stages.length === 0) return html``;
  return html`<h3>Over time</h3>
<div class="scroll"><table>
<caption>Free /28 blocks that the plan takes at each stage, compared with the survey, and how many are then left</caption>
<thead><tr><th scope="col">Subnet</th>${stages.map((stage) => html`<th scope="col">${stageTitles[stage]}</th>`)}</tr></thead>
<tbody>
${subnets.map(
  ({ subnetId, timeline, freePrefixes }) =>
    html`<tr><th scope="row">${subnetId}</th>${timeline.map((moment) => html`<td>${words(moment)}${bar(moment.taken, freePrefixes)}</td>`)}</tr>
`,
)}</tbody>
</table></div>`;
}

const words = ({ taken, left }: SubnetPlan['timeline'][number]): Markup =>
  left < 0
    ? html`${taken} taken, <span class="bad">${-left} short</span>`
    : html`${taken < 0 ? `${-taken} given back` : `${taken} taken`}, ${left} left`;

/** Repeats the numbers beside it, so that a screen reader leaves it out. */
function bar(taken: number, free: number): Markup {
  const all = Math.max(1, free, taken);
  const share = (blocks: number): string => ((100 * Math.max(0, blocks)) / all).toFixed(1);
  return html`<svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true"><rect class="room" width="100" height="8"/><rect class="short" width="${share(taken)}" height="8"/><rect class="taken" width="${share(Math.min(taken, free))}" height="8"/></svg>`;
}

/** Maps are large: so many subnets are drawn, those that do not fit first. */
const drawnSubnets = 12;

/** Each subnet now and when the old nodes are gone. */
export function subnetMaps(plan: MigrationPlan, snapshot: ClusterSnapshot): Markup {
  const looker = {
    sourceInstances: instancesOf(
      snapshot,
      plan.nodegroups.map(({ source }) => source),
    ),
    accountId: snapshot.cluster.accountId,
  };
  const interfacesIn = Map.groupBy(snapshot.networkInterfaces, ({ subnetId }) => subnetId);
  const inOrder = plan.subnets.toSorted((a, b) => Number(a.fits) - Number(b.fits));
  const views = inOrder.slice(0, drawnSubnets).flatMap(({ subnetId, freePrefixesAfter }) => {
    const subnet = snapshot.subnets.find((candidate) => candidate.subnetId === subnetId);
    if (subnet === undefined || subnet.cidr === '') return [];
    return [{ view: viewSubnet(subnet, interfacesIn.get(subnetId) ?? [], looker), freePrefixesAfter }];
  });
  const more = inOrder.length - views.length;
  return html`<h3>Maps</h3>
<p>One square is one /28 block, 32 in a row. Where EC2 puts the prefixes of the new nodes nobody can tell beforehand: the second
map of a subnet shows what the old nodes leave free, before the new ones take from it.</p>
${views.map(({ view, freePrefixesAfter }, index) => {
  const [now, after] = [drawingOf(view), drawingAfter(view)];
  const uncertain = doubt(view);
  const left = `${freeBlocks(after.map)}, ${freePrefixesAfter} with the new nodes`;
  return html`<figure>
${{ markup: subnetMapSvg(now, { said: `${headline(now.map)}.`, id: `now-${index}` }) }}
<figcaption>${now.subnetId} as it is.${uncertain === null ? '' : ` ${uncertain}`}</figcaption>
</figure>
<figure>
${{ markup: subnetMapSvg(after, { said: `${left}.`, id: `after-${index}` }) }}
<figcaption>${after.subnetId} when the old nodes are gone.</figcaption>
</figure>
`;
})}
${more > 0 ? html`<p>${count(more, 'more subnet')} not drawn; their maps are in plan.json.</p>` : ''}`;
}
