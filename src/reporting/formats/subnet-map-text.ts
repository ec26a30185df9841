import { isFree, type OwnedBlock, type SubnetView } from '../../domain/subnet-owners.ts';
import { columns, count, hanging, paint } from '../text.ts';
import { cellOf, doubt, headline, type Look, legendOf } from './subnet-map-cells.ts';

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
 * The map of a subnet in at most 80 columns: one symbol per /28 block, 32 in a row, and what the symbols mean. Subnets
 * larger than a /18 are summed up in 32 rows. Without colour it says the same.
 */
export function subnetMapText(view: SubnetView, colour: boolean): string[] {
  const title = `  ${view.subnetId}  ${view.cidr}  ${view.availabilityZone}`;
  if (view.blocks.length === 0) return [title, '  The subnet has no IPv4 addresses.'];
  const rows = view.blocks.length > drawnBlocks ? summary(view.blocks) : drawn(view.blocks, colour);
  const uncertain = doubt(view);
  return [
    title,
    ...rows,
    '',
    ...legend(view, colour),
    '',
    ...hanging('  ', `${headline(view)}.${scatter(view)}`, 2),
    ...(uncertain === null ? [] : hanging('  ', uncertain, 2)),
  ];
}

const chunks = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, index) => items.slice(index * size, (index + 1) * size));

const addressOf = (block: OwnedBlock | undefined): string => block?.cidr.split('/')[0] ?? '';

function drawn(blocks: readonly OwnedBlock[], colour: boolean): string[] {
  const rows = chunks(blocks, perRow);
  const width = Math.max(...rows.map(([first]) => addressOf(first).length));
  return rows.map((row) => {
    const cells = row.map((block) => {
      const { symbol, look } = cellOf(block);
      return paint(styles[look], symbol, colour);
    });
    return `  ${addressOf(row[0]).padEnd(width)}  ${cells.join(' ')}`;
  });
}

/** Rows of numbers; the bar shows the share that is free in sixteenths. */
function summary(blocks: readonly OwnedBlock[]): string[] {
  const size = blocks.length / summaryRows;
  const bits = 28 - Math.log2(size);
  const rows = chunks(blocks, size).map((row) => {
    const number = (test: (block: OwnedBlock) => boolean): number => row.filter(test).length;
    const free = number(isFree);
    const filled = Math.floor((free / size) * 16);
    return [
      `  ${addressOf(row[0])}/${bits}`,
      String(free),
      String(number(({ freeAfter }) => freeAfter)),
      String(number(({ kind }) => kind === 'prefix')),
      String(number(({ kind }) => kind === 'used')),
      `|${'.'.repeat(filled).padEnd(16, '#')}|`,
    ];
  });
  return columns([['  /28 BLOCKS', 'FREE', 'AFTER', 'PREFIXES', 'SPOILED', '. free'], ...rows], [1, 2, 3, 4]);
}

function legend(view: SubnetView, colour: boolean): string[] {
  const entries = legendOf(view);
  const width = Math.max(...entries.map(({ symbol }) => symbol.length));
  const digits = Math.max(...entries.map(({ blocks }) => String(blocks).length));
  return entries.map(({ symbol, look, meaning, blocks }) => {
    const mark = paint(styles[look], symbol, colour) + ' '.repeat(width - symbol.length);
    return `  ${mark}  ${String(blocks).padStart(digits)}  ${meaning}`;
  });
}

/** Why free addresses are of no use to prefixes, and how much of it goes with the old nodes. */
function scatter({ freeAddresses, fragmentation, longestRun, spoilers }: SubnetView): string {
  const old = spoilers.find(({ owner }) => owner === 'source-node');
  return (
    ` ${Math.round(fragmentation * 100)} % of the ${count(freeAddresses, 'free address', 'free addresses')} ` +
    `lie outside free blocks; longest run ${count(longestRun, 'block')}.` +
    (old === undefined
      ? ''
      : ` Old nodes hold single addresses in ${count(old.blocks, 'block')}, alone in ${old.alone}.`)
  );
}
