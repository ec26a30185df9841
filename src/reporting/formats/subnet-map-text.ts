import { formatIpv4, parseCidr } from '../../domain/addresses.ts';
import { prefixSize } from '../../domain/max-pods.ts';
import { chunks } from '../../domain/parallel.ts';
import type { SubnetView } from '../../domain/subnet-owners.ts';
import { drawingOf, isFreeSymbol, isLeavingSymbol, type SubnetDrawing } from '../../domain/subnet-symbols.ts';
import { columns, count, hanging, paint } from '../text.ts';
import { doubt, headline, type Look, legendOf, lookOf } from './subnet-map-cells.ts';

const perRow = 32;
/** Beyond this a map has too many rows to be read: /18 is the last that is drawn block by block. */
const drawnBlocks = 1024;
const summaryRows = 32;

const styles = {
  aws: 'dim',
  free: 'green',
  reserved: 'green',
  leaving: 'yellow',
  prefix: 'cyan',
  staying: 'red',
  explicit: 'red',
} as const satisfies Record<Look, string>;

/**
 * The map of a subnet in at most 80 columns, what its symbols mean, and what else there is to say about it. Without colour
 * it says the same.
 */
export function subnetMapText(view: SubnetView, colour: boolean): string[] {
  if (view.blocks.length === 0) return drawingLines(drawingOf(view), colour);
  const uncertain = doubt(view);
  const drawing = drawingOf(view);
  return [
    ...drawingLines(drawing, colour),
    '',
    ...hanging('  ', `${headline(drawing.map)}.${scatter(view)}`, 2),
    ...(uncertain === null ? [] : hanging('  ', uncertain, 2)),
  ];
}

/** One symbol per /28 block, 32 in a row, and what they mean. Subnets larger than a /18 are summed up in 32 rows. */
export function drawingLines({ subnetId, cidr, availabilityZone, map }: SubnetDrawing, colour: boolean): string[] {
  const title = `  ${subnetId}  ${cidr}  ${availabilityZone}`;
  if (map === '') return [title, '  The subnet has no IPv4 addresses.'];
  const size = map.length > drawnBlocks ? map.length / summaryRows : perRow;
  const rows = chunks(Array.from(map), size).map((symbols, index) => ({
    address: addressOf(cidr, index * size),
    symbols,
  }));
  return [title, ...(size > perRow ? summary(rows, size) : drawn(rows, colour)), '', ...legend(map, colour)];
}

const addressOf = (cidr: string, block: number): string =>
  formatIpv4((parseCidr(cidr)?.first ?? 0) + block * prefixSize);

interface Row {
  address: string;
  symbols: string[];
}

function drawn(rows: readonly Row[], colour: boolean): string[] {
  const width = Math.max(...rows.map(({ address }) => address.length));
  return rows.map(({ address, symbols }) => {
    const cells = symbols.map((symbol) => paint(styles[lookOf(symbol)], symbol, colour));
    return `  ${address.padEnd(width)}  ${cells.join(' ')}`;
  });
}

/** Rows of numbers; the bar shows the share that is free in sixteenths. */
function summary(rows: readonly Row[], size: number): string[] {
  const bits = 28 - Math.log2(size);
  const cells = rows.map(({ address, symbols }) => {
    const number = (test: (symbol: string) => boolean): number => symbols.filter(test).length;
    const [free, prefixes] = [number(isFreeSymbol), number((symbol) => symbol.toUpperCase() === 'P')];
    const filled = Math.floor((free / size) * 16);
    return [
      `  ${address}/${bits}`,
      String(free),
      String(free + number(isLeavingSymbol)),
      String(prefixes),
      String(number((symbol) => !'.RpPXA'.includes(symbol))),
      `|${'.'.repeat(filled).padEnd(16, '#')}|`,
    ];
  });
  return columns([['  /28 BLOCKS', 'FREE', 'AFTER', 'PREFIXES', 'SPOILED', '. free'], ...cells], [1, 2, 3, 4]);
}

function legend(map: string, colour: boolean): string[] {
  const entries = legendOf(map);
  const width = Math.max(...entries.map(({ symbol }) => symbol.length));
  const digits = Math.max(...entries.map(({ blocks }) => String(blocks).length));
  return entries.map(({ symbol, look, meaning, blocks }) => {
    const mark = paint(styles[look], symbol, colour) + ' '.repeat(width - symbol.length);
    return `  ${mark}  ${String(blocks).padStart(digits)}  ${meaning}`;
  });
}

/** Why free addresses are of no use to prefixes, and how much of it goes with the old nodes. */
function scatter({ freeAddresses, freePrefixes, fragmentation, longestRun, spoilers }: SubnetView): string {
  const old = spoilers.find(({ owner }) => owner === 'source-node');
  return (
    (freePrefixes === 0
      ? ''
      : ` ${Math.round(fragmentation * 100)} % of the ${count(freeAddresses, 'free address', 'free addresses')} ` +
        `lie outside free blocks; longest run ${count(longestRun, 'block')}.`) +
    (old === undefined
      ? ''
      : ` Old nodes hold single addresses in ${count(old.blocks, 'block')}, alone in ${old.alone}.`)
  );
}
