import {
  hardestOwner,
  type OwnedBlock,
  type Owner,
  ownerNames,
  owners,
  type SubnetView,
} from '../../domain/subnet-owners.ts';

/** How one /28 block looks: a symbol says all there is to say, colour repeats it. */
export interface Cell {
  symbol: string;
  look: Look;
}

/** Kinds of cells that share a colour. `leaving`: free when the old nodes are gone. */
export type Look = 'aws' | 'free' | 'reserved' | 'explicit' | 'prefix' | 'leaving' | 'staying';

const ofOwner: Record<Owner, string> = {
  // a digit when the block holds theirs alone
  'source-node': '1-9+',
  unattached: 'u',
  other: '?',
  instance: 'o',
  lambda: 'F',
  'load-balancer': 'L',
  efs: 'S',
  endpoint: 'E',
  'nat-gateway': 'N',
  eks: 'K',
};

const meanings: Record<string, string> = {
  ...Object.fromEntries(owners.map((owner) => [ofOwner[owner], ownerNames[owner]])),
  '.': 'free',
  R: 'free, reserved for prefixes',
  X: 'reserved for named addresses',
  A: 'AWS keeps addresses here',
  P: 'prefix',
  p: 'prefix of an old node',
  '1-9+': 'addresses of old nodes: free when they go',
};

/** The cell of a block. Of several owners the one that is hardest to move gives the symbol. */
export function cellOf(block: OwnedBlock): Cell {
  switch (block.kind) {
    case 'aws':
      return { symbol: 'A', look: 'aws' };
    case 'free':
      return { symbol: '.', look: 'free' };
    case 'reserved':
      return { symbol: 'R', look: 'reserved' };
    case 'explicit':
      return { symbol: 'X', look: 'explicit' };
    case 'prefix':
      return block.freeAfter ? { symbol: 'p', look: 'leaving' } : { symbol: 'P', look: 'prefix' };
    case 'used':
      return usedCell(block);
  }
}

function usedCell(block: OwnedBlock): Cell {
  const owner = hardestOwner(block);
  if (owner !== undefined && owner !== 'source-node') return { symbol: ofOwner[owner], look: 'staying' };
  if (!block.freeAfter) return { symbol: 'X', look: 'explicit' };
  return { symbol: block.usedAddresses > 9 ? '+' : String(block.usedAddresses), look: 'leaving' };
}

export interface LegendEntry {
  symbol: string;
  look: Look;
  meaning: string;
  /** blocks of this kind */
  blocks: number;
}

const order: readonly Look[] = ['free', 'reserved', 'leaving', 'prefix', 'staying', 'explicit', 'aws'];

/** What the symbols of this map mean, only those that occur in it. */
export function legendOf({ blocks }: Pick<SubnetView, 'blocks'>): LegendEntry[] {
  const cells = blocks.map((block) => {
    const cell = cellOf(block);
    return { ...cell, symbol: /^[1-9+]$/.test(cell.symbol) ? '1-9+' : cell.symbol };
  });
  return [...Map.groupBy(cells, ({ symbol }) => symbol).values()]
    .flatMap(([cell, ...others]) =>
      cell === undefined ? [] : [{ ...cell, meaning: meanings[cell.symbol] ?? '', blocks: others.length + 1 }],
    )
    .toSorted((a, b) => order.indexOf(a.look) - order.indexOf(b.look));
}

/** `2 of 14 blocks free now, 11 when the old nodes are gone` */
export function headline(view: SubnetView): string {
  const usable = Math.max(0, view.blocks.length - 2);
  const after =
    view.freePrefixesAfter === view.freePrefixes ? '' : `, ${view.freePrefixesAfter} when the old nodes are gone`;
  return `${view.freePrefixes} of ${usable} blocks free now${after}`;
}

/** Why the map need not be the whole truth; null when it is. */
export function doubt(view: SubnetView): string | null {
  if (view.complete) return null;
  const { expectedAvailableCount: seen, availableCount: counted } = view;
  const difference = `AWS counts ${counted} free single addresses, the interfaces that can be seen leave ${seen}`;
  return view.shared
    ? `${difference}: another account owns the subnet, so some interfaces are hidden and fewer blocks may be free.`
    : `${difference}: ${counted < seen ? 'some interfaces are hidden, so fewer blocks may be free.' : 'the subnet was changing while it was read.'}`;
}
