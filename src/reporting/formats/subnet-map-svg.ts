import { formatIpv4, parseCidr } from '../../domain/addresses.ts';
import { prefixSize } from '../../domain/max-pods.ts';
import type { SubnetDrawing } from '../../domain/subnet-symbols.ts';
import { escaped } from './markup.ts';
import { type Look, legendOf, lookOf } from './subnet-map-cells.ts';

/** Fill and ink. The fills are told apart with any colour vision (Okabe and Ito, "Color Universal Design"); ink on fill has a contrast of 4.5 and more (WCAG 2.2, 1.4.3). */
export const palette: Record<Look, { fill: string; ink: string }> = {
  aws: { fill: '#d9d9d9', ink: '#333333' },
  free: { fill: '#ffffff', ink: '#000000' },
  reserved: { fill: '#56b4e9', ink: '#000000' },
  leaving: { fill: '#f0e442', ink: '#000000' },
  prefix: { fill: '#0072b2', ink: '#ffffff' },
  staying: { fill: '#d55e00', ink: '#000000' },
  explicit: { fill: '#cc79a7', ink: '#000000' },
};

const perRow = 32;
const cell = 20;
const left = 130;
const top = 66;
const line = 20;

/**
 * The map of a subnet as one SVG picture that stands alone: no script, no style sheet, no font or picture from elsewhere.
 * One square per /28 block, 32 in a row. `said`: one sentence about it; `id`: unique in the page that the picture is part of.
 */
export function subnetMapSvg(drawing: SubnetDrawing, { said, id }: { said: string; id: string }): string {
  const cells = Array.from(drawing.map, (symbol, index) => ({
    symbol,
    look: lookOf(symbol),
    x: left + (index % perRow) * cell,
    y: top + Math.floor(index / perRow) * cell,
  }));
  const rows = [...Map.groupBy(cells, ({ y }) => y).entries()];
  const first = parseCidr(drawing.cidr)?.first ?? 0;
  const width = left + perRow * cell + 20;
  const legendTop = top + rows.length * cell + 30;
  const legend = legendOf(drawing.map);
  const height = legendTop + legend.length * line + 10;
  const title = `${drawing.subnetId}  ${drawing.cidr}  ${drawing.availabilityZone}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="${escaped(id)}-title ${escaped(id)}-desc" font-family="ui-monospace, monospace" font-size="12">`,
    `<title id="${escaped(id)}-title">${escaped(title)}</title>`,
    `<desc id="${escaped(id)}-desc">${escaped(said)}</desc>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="10" y="22" font-size="15" font-weight="bold">${escaped(title)}</text>`,
    `<text x="10" y="44">${escaped(said)}</text>`,
    ...fills(cells),
    ...rows.map(([y], row) => `<text x="10" y="${y + 14}">${formatIpv4(first + row * perRow * prefixSize)}</text>`),
    ...rows.flatMap(([y, row]) => inks(row, y)),
    ...legend.flatMap(({ symbol, look, meaning, blocks }, index) => {
      const y = legendTop + index * line;
      const { fill, ink } = palette[look];
      return [
        `<rect x="10" y="${y - 14}" width="40" height="18" fill="${fill}" stroke="#808080"/>`,
        `<text x="30" y="${y}" text-anchor="middle" fill="${ink}">${escaped(symbol)}</text>`,
        `<text x="60" y="${y}">${escaped(`${blocks}  ${meaning}`)}</text>`,
      ];
    }),
    '</svg>',
    '',
  ].join('\n');
}

interface PlacedCell {
  symbol: string;
  look: Look;
  x: number;
  y: number;
}

/** One path for all squares of a colour: a /16 has 4096 of them. */
const fills = (cells: readonly PlacedCell[]): string[] =>
  [...Map.groupBy(cells, ({ look }) => look).entries()].map(([look, alike]) => {
    const squares = alike.map(({ x, y }) => `M${x} ${y}h${cell}v${cell}h-${cell}z`).join('');
    return `<path d="${squares}" fill="${palette[look].fill}" stroke="#808080"/>`;
  });

/** The symbols of a row, each centred in its square by a list of positions. */
const inks = (row: readonly PlacedCell[], y: number): string[] =>
  [...Map.groupBy(row, ({ look }) => palette[look].ink).entries()].map(([ink, alike]) => {
    const positions = alike.map(({ x }) => x + 6.4).join(' ');
    return `<text x="${positions}" y="${y + 14}" fill="${ink}">${escaped(alike.map(({ symbol }) => symbol).join(''))}</text>`;
  });
