import { hardestOwner, type OwnedBlock, type Owner, ownerNames, owners, type SubnetView } from './subnet-owners.ts';

/**
 * A subnet as one character per /28 block in address order: what JSON holds, and what terminal and pictures draw. Empty
 * without IPv4. `docs/subnet-map.md` explains the characters.
 */
export interface SubnetDrawing {
  subnetId: string;
  availabilityZone: string;
  cidr: string;
  map: string;
}

const ofOwner: Record<Owner, string> = {
  // in a block of theirs alone the number of their addresses
  'source-node': '1-9+',
  unattached: 'u',
  other: '?',
  instance: 'o',
  lambda: 'F',
  'load-balancer': 'L',
  database: 'D',
  efs: 'S',
  endpoint: 'E',
  'nat-gateway': 'N',
  eks: 'K',
};

/** What each symbol means; `1-9+` stands for the digits and the plus sign. */
export const meanings: Readonly<Record<string, string>> = {
  '.': 'free',
  R: 'free, reserved for prefixes',
  '1-9+': 'addresses of old nodes: free when they go',
  p: 'prefix of an old node',
  P: 'prefix',
  ...Object.fromEntries(
    owners.filter((owner) => owner !== 'source-node').map((owner) => [ofOwner[owner], ownerNames[owner]]),
  ),
  X: 'reserved for named addresses',
  A: 'AWS keeps addresses here',
};

/** The key of a symbol in `meanings`. */
export const meaningKey = (symbol: string): string => (/^[1-9+]$/.test(symbol) ? '1-9+' : symbol);

/** Whether EC2 may hand out a block with this symbol as a prefix. */
export const isFreeSymbol = (symbol: string): boolean => symbol === '.' || symbol === 'R';

/** Whether the old nodes alone keep the block from being free. */
export const isLeavingSymbol = (symbol: string): boolean => symbol === 'p' || meaningKey(symbol) === '1-9+';

/** The subnet as it is. */
export const drawingOf = (view: SubnetView): SubnetDrawing => drawing(view, view.blocks.map(symbolNow));

/** The subnet when the old nodes are gone, and nothing has come in their place. */
export const drawingAfter = (view: SubnetView): SubnetDrawing => drawing(view, view.blocks.map(symbolAfter));

const drawing = ({ subnetId, availabilityZone, cidr }: SubnetView, symbols: readonly string[]): SubnetDrawing => ({
  subnetId,
  availabilityZone,
  cidr,
  map: symbols.join(''),
});

/** Of several owners the one that is hardest to move gives the symbol. */
function symbolNow(block: OwnedBlock): string {
  switch (block.kind) {
    case 'aws':
      return 'A';
    case 'free':
      return '.';
    case 'reserved':
      return 'R';
    case 'explicit':
      return 'X';
    case 'prefix':
      return block.freeAfter ? 'p' : 'P';
    case 'used':
      return symbolOfUsed(block);
  }
}

function symbolOfUsed(block: OwnedBlock): string {
  const owner = hardestOwner(block);
  if (owner !== undefined && owner !== 'source-node') return ofOwner[owner];
  if (!block.freeAfter) return 'X';
  return block.usedAddresses > 9 ? '+' : String(block.usedAddresses);
}

function symbolAfter(block: OwnedBlock): string {
  if (block.freeAfter) return block.reservation === 'prefix' ? 'R' : '.';
  if (block.kind === 'aws' || Object.keys(block.addresses).some((owner) => owner !== 'source-node'))
    return symbolNow(block);
  return block.reservation === 'explicit' ? 'X' : 'A';
}
