import type { SubnetView } from '../../domain/subnet-owners.ts';
import { isFreeSymbol, isLeavingSymbol, meaningKey, meanings } from '../../domain/subnet-symbols.ts';
import { count } from '../text.ts';

/** Kinds of symbols that share a colour. `leaving`: free when the old nodes are gone. */
export type Look = 'aws' | 'free' | 'reserved' | 'explicit' | 'prefix' | 'leaving' | 'staying';

const looks: Readonly<Record<string, Look>> = {
  A: 'aws',
  '.': 'free',
  R: 'reserved',
  X: 'explicit',
  P: 'prefix',
  p: 'leaving',
  '1-9+': 'leaving',
};

/** A symbol says all there is to say, its look repeats it. */
export const lookOf = (symbol: string): Look => looks[meaningKey(symbol)] ?? 'staying';

export interface LegendEntry {
  symbol: string;
  look: Look;
  meaning: string;
  /** blocks of this kind */
  blocks: number;
}

/** What the symbols of a map mean, only those that occur in it. */
export function legendOf(map: string): LegendEntry[] {
  const counted = Map.groupBy(map, meaningKey);
  return Object.entries(meanings).flatMap(([symbol, meaning]) => {
    const blocks = counted.get(symbol)?.length ?? 0;
    return blocks === 0 ? [] : [{ symbol, look: lookOf(symbol), meaning, blocks }];
  });
}

/** `2 of 14 blocks free` */
export const freeBlocks = (map: string): string =>
  `${freeIn(map)} of ${count(Math.max(0, map.length - 2), 'block')} free`;

/** `2 of 14 blocks free now, 11 when the old nodes are gone` */
export function headline(map: string): string {
  const leaving = Array.from(map).filter(isLeavingSymbol).length;
  return `${freeBlocks(map)} now${leaving === 0 ? '' : `, ${freeIn(map) + leaving} when the old nodes are gone`}`;
}

const freeIn = (map: string): number => Array.from(map).filter(isFreeSymbol).length;

/** Why the map need not be the whole truth; null when it is. */
export function doubt(view: SubnetView): string | null {
  if (view.complete && view.shared)
    return 'Another account owns the subnet: interfaces may be hidden, so fewer blocks may be free.';
  if (view.complete) return null;
  const { expectedAvailableCount: seen, availableCount: counted } = view;
  const difference = `AWS counts ${counted} free single addresses, the interfaces that can be seen leave ${seen}`;
  return view.shared
    ? `${difference}: another account owns the subnet, so some interfaces are hidden and fewer blocks may be free.`
    : `${difference}: ${counted < seen ? 'some interfaces are hidden, so fewer blocks may be free.' : 'the subnet was changing while it was read, so more blocks may be free.'}`;
}
