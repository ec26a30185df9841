import { type Cidr, contains, parseCidr, parseIpv4 } from './addresses.ts';
import { prefixSize } from './max-pods.ts';
import type { NetworkInterface, Subnet } from './snapshot.ts';
import { type Block, mapSubnet, toleratedDifference } from './subnet-map.ts';

/**
 * Who holds addresses of a subnet. `source-node`: goes with the old nodes; `instance`: every other instance, and pods with
 * an interface of their own; `unattached`: left over, attached to nothing. Ordered: where several share a block, the later
 * one is the harder to move.
 */
export const owners = [
  'source-node',
  'unattached',
  'other',
  'instance',
  'lambda',
  'load-balancer',
  'database',
  'efs',
  'endpoint',
  'nat-gateway',
  'eks',
] as const;
export type Owner = (typeof owners)[number];

/** What an owner is called, in the plural. */
export const ownerNames: Record<Owner, string> = {
  'source-node': 'old nodes',
  unattached: 'interfaces attached to nothing',
  other: 'others',
  instance: 'other nodes and instances',
  lambda: 'Lambda functions',
  'load-balancer': 'load balancers',
  database: 'databases',
  efs: 'EFS mount targets',
  endpoint: 'VPC endpoints',
  'nat-gateway': 'NAT gateways',
  eks: 'the EKS control plane',
};

/**
 * `prefix`: attached whole; `used`: single addresses are in use; `explicit`: nobody is in it, but it is reserved for
 * addresses that are named one by one; `reserved`: free, and no single address will be placed there.
 */
export type BlockKind = 'aws' | 'prefix' | 'used' | 'explicit' | 'reserved' | 'free';

/** A /28 block with those who hold addresses in it. */
export interface OwnedBlock extends Block {
  kind: BlockKind;
  /** addresses by owner, only owners that hold some; a prefix counts 16 */
  addresses: Partial<Record<Owner, number>>;
  /** a prefix fits here when the old nodes are gone */
  freeAfter: boolean;
}

export interface Spoiler {
  owner: Owner;
  /** addresses in blocks that no prefix fits in because of single addresses */
  addresses: number;
  blocks: number;
  /** those of the blocks in which nobody else holds an address */
  alone: number;
  /** those of the blocks in which nobody who is harder to move holds an address: each spoiled block counts once */
  hardest: number;
}

/** A subnet as a person has to see it. Plain data: as JSON it is what programs read. */
export interface SubnetView {
  subnetId: string;
  availabilityZone: string;
  cidr: string;
  blocks: OwnedBlock[];
  freeAddresses: number;
  /** free blocks that EC2 may hand out: an upper bound, since EC2 tells nobody how it places addresses */
  freePrefixes: number;
  /** those of them inside reservations for prefixes */
  reservedFreePrefixes: number;
  /** free blocks when the old nodes are gone with all their interfaces */
  freePrefixesAfter: number;
  /** 0 to 1: the share of the free addresses that lies in no free block */
  fragmentation: number;
  /** most free blocks in a row */
  longestRun: number;
  /** who keeps blocks from being free, most blocks first */
  spoilers: Spoiler[];
  /** addresses outside reservations that nobody seems to use, as the interfaces tell; and as DescribeSubnets counts them */
  expectedAvailableCount: number;
  availableCount: number;
  /** the subnet belongs to another account, which alone sees every interface */
  shared: boolean;
  /** AWS counts about as many free addresses as the interfaces leave, of a shared subnet exactly; otherwise some are hidden from us */
  complete: boolean;
}

/** EC2 spells some types in two ways: the API model says `natGateway`, answers say `nat_gateway`. */
const byType: Record<string, Owner> = {
  natgateway: 'nat-gateway',
  loadbalancer: 'load-balancer',
  networkloadbalancer: 'load-balancer',
  gatewayloadbalancer: 'load-balancer',
  vpcendpoint: 'endpoint',
  gatewayloadbalancerendpoint: 'endpoint',
  lambda: 'lambda',
  // made for one pod by the VPC resource controller: pods of any node, so never counted as leaving
  branch: 'instance',
};

const byDescription: [description: RegExp, owner: Owner][] = [
  [/^ELB /, 'load-balancer'],
  [/^Interface for NAT Gateway /, 'nat-gateway'],
  [/^VPC Endpoint Interface /, 'endpoint'],
  [/^AWS Lambda VPC ENI/, 'lambda'],
  [/^RDSNetworkInterface/, 'database'],
  [/^EFS mount target for /, 'efs'],
  [/^Amazon EKS /, 'eks'],
];

/**
 * Whose interface this is. The attachment decides first, then the type, then the description as the service writes it:
 * EC2 API reference "NetworkInterface" (InterfaceType, Attachment, RequesterManaged); EC2 user guide "Requester-managed
 * network interfaces"; Elastic Load Balancing and Amazon EKS user guides on the interfaces they create (`ELB app/NAME/ID`,
 * `Amazon EKS CLUSTER`); the VPC CNI calls its own `aws-K8S-INSTANCE`, and those are attached unless they were left behind.
 */
export function ownerOf(networkInterface: NetworkInterface, sourceInstances: ReadonlySet<string>): Owner {
  const { instanceId, interfaceType, description, requesterManaged, status } = networkInterface;
  if (instanceId !== null && sourceInstances.has(instanceId)) return 'source-node';
  const typed = byType[interfaceType.toLowerCase().replaceAll('_', '')];
  if (typed !== undefined) return typed;
  const described = byDescription.find(([pattern]) => pattern.test(description));
  if (described !== undefined) return described[1];
  if (instanceId !== null) return 'instance';
  return status === 'available' && !requesterManaged ? 'unattached' : 'other';
}

/**
 * Draws a subnet with those who hold its addresses. `sourceInstances`: ids of the old nodes; `accountId`: who looks.
 * Interfaces of other subnets are left out; to draw many subnets, group the interfaces by subnet first.
 */
export function viewSubnet(
  subnet: Subnet,
  networkInterfaces: readonly NetworkInterface[],
  { sourceInstances, accountId }: { sourceInstances: ReadonlySet<string>; accountId: string },
): SubnetView {
  const here = networkInterfaces.filter(({ subnetId }) => subnetId === subnet.subnetId);
  const map = mapSubnet(subnet, here);
  const range = parseCidr(subnet.cidr);
  const held = range === null ? new Uint8Array() : markOwners(range, here, sourceInstances);
  const last = map.blocks.length - 1;
  const blocks = map.blocks.map((block, index) =>
    ownedBlock(block, held.subarray(index * prefixSize, (index + 1) * prefixSize), index === 0 || index === last),
  );
  const { freeAddresses, freePrefixes, reservedFreePrefixes, expectedAvailableCount } = map;
  const availableCount = subnet.availableIpAddressCount;
  return {
    subnetId: subnet.subnetId,
    availabilityZone: subnet.availabilityZone,
    cidr: subnet.cidr,
    blocks,
    freeAddresses,
    freePrefixes,
    reservedFreePrefixes,
    freePrefixesAfter: blocks.filter(({ freeAfter }) => freeAfter).length,
    fragmentation: freeAddresses === 0 ? 0 : 1 - (prefixSize * freePrefixes) / freeAddresses,
    longestRun: longestRun(blocks.map(isFree)),
    spoilers: spoilersOf(blocks),
    expectedAvailableCount,
    availableCount,
    shared: subnet.ownerId !== accountId,
    // each address that another account hides can spoil a block
    complete:
      Math.abs(expectedAvailableCount - availableCount) <= (subnet.ownerId === accountId ? toleratedDifference : 0),
  };
}

/** Whether EC2 may hand the block out as a prefix now. */
export const isFree = ({ kind }: Pick<OwnedBlock, 'kind'>): boolean => kind === 'free' || kind === 'reserved';

/** The one to name where several hold addresses of a block: the hardest to move. Undefined when nobody does. */
export const hardestOwner = ({ addresses }: Pick<OwnedBlock, 'addresses'>): Owner | undefined =>
  owners.findLast((owner) => (addresses[owner] ?? 0) > 0);

/** `old nodes 9, load balancers 3`: spoiled blocks, each under the one that is hardest to move; empty when there are none. */
export const spoilersInWords = (spoilers: readonly Spoiler[]): string =>
  spoilers
    .filter(({ hardest }) => hardest > 0)
    .map(({ owner, hardest }) => `${ownerNames[owner]} ${hardest}`)
    .join(', ');

/** Per address of the subnet 0, or 1 plus the index of its owner. Who stays is marked over who goes. */
function markOwners(range: Cidr, here: readonly NetworkInterface[], sourceInstances: ReadonlySet<string>): Uint8Array {
  const held = new Uint8Array(range.size);
  const owned = here
    .map((networkInterface) => ({
      mark: 1 + owners.indexOf(ownerOf(networkInterface, sourceInstances)),
      networkInterface,
    }))
    .toSorted((a, b) => a.mark - b.mark);
  for (const { mark, networkInterface } of owned) {
    for (const text of networkInterface.addresses) {
      const address = parseIpv4(text);
      if (address !== null && contains(range, address)) held[address - range.first] = mark;
    }
    for (const text of networkInterface.prefixes) {
      const prefix = parseCidr(text);
      if (prefix === null || !contains(range, prefix.first)) continue;
      held.fill(mark, prefix.first - range.first, prefix.first - range.first + prefix.size);
    }
  }
  return held;
}

function ownedBlock(block: Block, held: Uint8Array, touchesAws: boolean): OwnedBlock {
  const addresses: Partial<Record<Owner, number>> = {};
  for (const mark of held) {
    const owner = owners[mark - 1];
    if (owner !== undefined) addresses[owner] = (addresses[owner] ?? 0) + 1;
  }
  const stays = Object.keys(addresses).some((owner) => owner !== 'source-node');
  return {
    ...block,
    kind: kindOf(block),
    addresses,
    freeAfter: !touchesAws && block.reservation !== 'explicit' && !stays,
  };
}

function kindOf({ state, reservation }: Block): BlockKind {
  if (state !== 'free') return state;
  return reservation === null ? 'free' : reservation === 'explicit' ? 'explicit' : 'reserved';
}

function longestRun(free: readonly boolean[]): number {
  let longest = 0;
  let run = 0;
  for (const one of free) {
    run = one ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}

function spoilersOf(blocks: readonly OwnedBlock[]): Spoiler[] {
  const spoiled = blocks.filter(({ kind }) => kind === 'used');
  return owners
    .map((owner) => {
      const own = spoiled.filter(({ addresses }) => addresses[owner] !== undefined);
      return {
        owner,
        addresses: own.reduce((sum, { addresses }) => sum + (addresses[owner] ?? 0), 0),
        blocks: own.length,
        alone: own.filter(({ addresses }) => Object.keys(addresses).length === 1).length,
        hardest: own.filter((block) => hardestOwner(block) === owner).length,
      };
    })
    .filter(({ blocks: count }) => count > 0)
    .toSorted((a, b) => b.blocks - a.blocks);
}
