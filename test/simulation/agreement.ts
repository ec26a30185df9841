/**
 * What a plan says beside what then happens: surveys, plans and applies in one process, watches the addresses as they come
 * and go, and compares. The plan's model and the world are written separately: where they differ one of them is wrong.
 */
import { canonicalJson } from '../../src/domain/canonical-json.ts';
import { poolSettings } from '../../src/domain/cni-settings.ts';
import { supportsPrefixes } from '../../src/domain/max-pods.ts';
import { MigrateError } from '../../src/domain/migrate-error.ts';
import { instanceTypesOf } from '../../src/domain/nodegroups.ts';
import type { MigrationPlan, NodegroupPlan } from '../../src/domain/plan.ts';
import { mostPrefixes, type PoolSettings, steadyPrefixes } from '../../src/domain/prefix-pool.ts';
import type { ClusterSnapshot } from '../../src/domain/snapshot.ts';
import { plannedPodsPerNode } from '../../src/planning/subnets.ts';
import { awsNodeContainer, envOf, versionOf } from '../../src/simulator/aws/aws-node.ts';
import type { Ec2 } from '../../src/simulator/aws/ec2.ts';
import { AwsError } from '../../src/simulator/aws/errors.ts';
import type { DaemonSet, Node, Pod } from '../../src/simulator/kubernetes/objects.ts';
import type { NodegroupSpec } from '../../src/simulator/scenario.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { memoryJournal } from '../support/sample-plan.ts';
import { startProcess, surveyAndPlan } from './migration.ts';
import { type RandomCluster, randomCluster } from './random-clusters.ts';

/** What is compared, in words for the table. */
export const kinds = {
  free: 'free blocks as surveyed',
  prefixes: 'prefixes on a replacement node, for the pods it has',
  idle: 'prefixes on a replacement node without pods',
  expected: 'prefixes per replacement node, mean (within one)',
  range: 'prefixes on a replacement node, from idle to full',
  pods: 'allocatable pods of a replacement node',
  memory: 'allocatable memory of a replacement node',
  peak: 'blocks at the peak, not above the plan',
  tight: 'blocks at the peak, not below the plan but by chance',
  fits: 'a plan that fits never runs short',
  short: 'a plan that does not fit runs short',
  after: 'free blocks at the end, not below the plan',
  run: 'the run ends as the plan says',
  end: 'node groups, nodes and workloads at the end',
  budgets: 'no budget broken, no pod moved twice',
  blockers: 'budgets that never allow an eviction',
  forecast: 'drain not shorter than its lower bound',
} as const;
export type Kind = keyof typeof kinds;

/** `explained`: the figures differ, and something that was seen in the world says why. */
export interface Comparison {
  kind: Kind;
  verdict: 'agrees' | 'explained' | 'differs';
  text: string;
}

/** How much room a plan leaves that the world then does not need, in blocks. */
export interface Slack {
  subnetId: string;
  /** planned peak less the real one */
  peak: number;
  /** free blocks at the end less the planned ones */
  after: number;
}

export interface Agreement {
  seed: number;
  plan: MigrationPlan;
  outcome: 'blocked' | 'nothing to do' | 'applied' | 'stopped';
  /** codes of blocking findings that were not allowed */
  blockedBy: string[];
  /** what the run was stopped by */
  stoppedBy: string | null;
  comparisons: Comparison[];
  slack: Slack[];
}

/**
 * The cluster as drawn by the seed, or this one. A plan that only subnets stand in the way of is made and applied all the
 * same. Null when what was asked cannot be planned at all.
 */
export async function agree(seed: number, drawn: RandomCluster = randomCluster(seed)): Promise<Agreement | null> {
  const first = await play(seed, drawn, []);
  const codes = first?.blockedBy ?? [];
  const isOfSubnets = codes.length > 0 && codes.every((code) => code.startsWith('SUBNET.'));
  return isOfSubnets ? await play(seed, drawn, codes) : first;
}

async function play(seed: number, drawn: RandomCluster, allow: readonly string[]): Promise<Agreement | null> {
  const world = createWorld(drawn.scenario, { seed });
  cordon(world, drawn);
  const request = { ...drawn.request, allow: [...drawn.request.allow, ...allow] };
  const planned = await surveyAndPlan(world, request).catch(unmeetable);
  if (planned === null) return null;
  const { plan, snapshot } = planned;
  const blockedBy = plan.findings
    .filter(({ severity, allowed }) => severity === 'blocking' && allowed !== true)
    .map(({ code }) => code);
  const comparisons: Comparison[] = [];
  const compare: Compare = (kind, agrees, text, explanation) =>
    comparisons.push({
      kind,
      verdict: agrees ? 'agrees' : explanation === undefined ? 'differs' : 'explained',
      text: explanation === undefined ? text : `${text} (${explanation})`,
    });
  const result: Agreement = { seed, plan, outcome: 'blocked', blockedBy, stoppedBy: null, comparisons, slack: [] };

  compareBlockers(drawn, plan, compare);
  const freeBefore = new Map([...world.ec2.subnets.keys()].map((id) => [id, freeBlocks(world.ec2, id)]));
  for (const { subnetId, freePrefixes } of plan.subnets) {
    const free = freeBefore.get(subnetId) ?? 0;
    compare('free', free === freePrefixes, `${subnetId}: ${freePrefixes} planned, ${free} are`);
  }
  if (blockedBy.length > 0) return result;
  if (plan.steps.length === 0) return { ...result, outcome: 'nothing to do' };

  const ready = await readiness(world);
  const watch = watchAddresses(world.ec2);
  const journal = memoryJournal();
  const run = await (await startProcess(world)).run(plan, journal);
  if (run === 'cut') throw new Error('nobody cuts this run');
  world.clock.advance(600_000);

  const stoppedBy = run.stoppedBy ? `${run.stoppedBy.code}: ${run.stoppedBy.message} ${run.stoppedBy.why}` : null;
  const seen: Seen = { world, plan, snapshot, watch };
  compareRun(seen, run.exitCode, stoppedBy, compare);
  const slack = compareSubnets(seen, freeBefore, run.exitCode === 0, compare);
  if (run.exitCode === 0) {
    compareNodes(seen, compare);
    await compareEnd(world, drawn, plan, ready, compare);
    compareForecast(world, plan, journal.text, compare);
  }
  compareDisruptions(world, drawn, compare);
  return { ...result, outcome: run.exitCode === 0 ? 'applied' : 'stopped', stoppedBy, slack };
}

interface Seen {
  world: World;
  plan: MigrationPlan;
  snapshot: ClusterSnapshot;
  watch: Watch;
}

type Compare = (kind: Kind, agrees: boolean, text: string, explanation?: string) => void;

/** A number of pods that some type has no addresses for is refused before there is a plan. */
function unmeetable(error: unknown): null {
  if (error instanceof MigrateError && error.code === 'INPUT.MAX_PODS') return null;
  throw error;
}

function cordon(world: World, { cordoned }: RandomCluster): void {
  for (const { nodegroup, nodes } of cordoned) {
    for (const { metadata } of membersOf(world, nodegroup).slice(0, nodes)) {
      world.store.update<Node>('nodes', undefined, metadata.name, (draft) => {
        draft.spec.unschedulable = true;
      });
    }
  }
  world.clock.advance(60_000);
}

const membersOf = (world: World, nodegroupName: string): Node[] =>
  world.store
    .list<Node>('nodes')
    .filter(({ metadata }) => metadata.labels?.['eks.amazonaws.com/nodegroup'] === nodegroupName);

const numberOf = (address: string): number => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

/** Aligned /28 blocks that could be handed out as prefixes, counted in a way of its own. */
function freeBlocks(ec2: Ec2, subnetId: string): number {
  const subnet = ec2.subnets.get(subnetId);
  if (!subnet) return 0;
  const [base = '', bits] = subnet.cidr.split('/');
  const size = 2 ** (32 - Number(bits));
  const blockOf = (address: string) => Math.floor((numberOf(address) - numberOf(base)) / 16);
  const busy = new Set<number>([0, size / 16 - 1]);
  // nothing is handed out of ranges that are kept for addresses named one by one
  for (const { subnetId: of, cidr, type } of ec2.reservations.values()) {
    if (of !== subnetId || type !== 'explicit') continue;
    const [first = '', length] = cidr.split('/');
    for (let block = 0; block < 2 ** (28 - Number(length)); block += 1) busy.add(blockOf(first) + block);
  }
  for (const eni of ec2.enis.values()) {
    if (eni.subnetId !== subnetId) continue;
    for (const range of [eni.primary, ...eni.secondaries, ...eni.prefixes])
      busy.add(blockOf(range.split('/')[0] ?? ''));
  }
  return size / 16 - busy.size;
}

interface Watch {
  /** requests for a block or an address that a subnet could not meet: code by subnet */
  shortages: Map<string, string>;
  leastFree: Map<string, number>;
  /** own addresses of new interfaces that lie where no block was whole, by subnet: a plan counts on the worst */
  harmless: Map<string, number>;
  /**
   * The most blocks that were taken, by subnet, when nothing counts that nodes give back meanwhile: none while the VPC CNI is
   * switched, and after that none of what the pods that move leave behind. A plan counts on neither.
   */
  mostTaken: Map<string, number>;
  /** the most prefixes that each instance has held */
  mostHeld: Map<string, number>;
}

/** Looks at all subnets after each change of addresses, as long as the world lives. */
function watchAddresses(ec2: Ec2): Watch {
  const watch: Watch = {
    shortages: new Map(),
    leastFree: new Map(),
    harmless: new Map(),
    mostTaken: new Map(),
    mostHeld: new Map(),
  };
  const freeBefore = new Map([...ec2.subnets.keys()].map((id) => [id, freeBlocks(ec2, id)]));
  // blocks that became whole because nodes gave back single addresses
  const returned = new Map<string, number>();
  const look = (): void => {
    for (const id of ec2.subnets.keys()) {
      const free = freeBlocks(ec2, id);
      const taken = (freeBefore.get(id) ?? 0) - free + (returned.get(id) ?? 0);
      watch.leastFree.set(id, Math.min(watch.leastFree.get(id) ?? Infinity, free));
      watch.mostTaken.set(id, Math.max(watch.mostTaken.get(id) ?? 0, taken));
    }
    for (const { id, enis } of ec2.instances.values()) {
      const held = enis.reduce((sum, { prefixes }) => sum + prefixes.length, 0);
      watch.mostHeld.set(id, Math.max(watch.mostHeld.get(id) ?? 0, held));
    }
  };
  const watched =
    <A extends [{ subnetId: string; prefixCount?: number }, ...unknown[]], R>(
      act: (...args: A) => R,
      addsInterface = false,
    ) =>
    (...args: A): R => {
      const [{ subnetId, prefixCount = 0 }] = args;
      const before = freeBlocks(ec2, subnetId);
      try {
        const done = act(...args);
        if (addsInterface && before - freeBlocks(ec2, subnetId) === prefixCount) add(watch.harmless, subnetId, 1);
        return done;
      } catch (error) {
        if (error instanceof AwsError && isShortage(error)) watch.shortages.set(subnetId, error.code);
        throw error;
      } finally {
        look();
      }
    };
  const real = { ...ec2 };
  let hasNewNodes = false;
  ec2.assignAddresses = watched((eni, count: number) => real.assignAddresses(eni, count));
  ec2.assignPrefixes = watched((eni, count: number) => real.assignPrefixes(eni, count));
  ec2.createEni = watched((spec) => real.createEni(spec), true);
  const runInstance = watched((spec: Parameters<Ec2['runInstance']>[0]) => real.runInstance(spec), true);
  ec2.runInstance = (spec) => {
    // the switch is over, and what it gave back is there for the new nodes
    if (!hasNewNodes) returned.clear();
    hasNewNodes = true;
    return runInstance(spec);
  };
  ec2.unassign = (eni, ranges) => {
    const before = freeBlocks(ec2, eni.subnetId);
    real.unassign(eni, ranges);
    add(returned, eni.subnetId, freeBlocks(ec2, eni.subnetId) - before - (ranges.prefixes?.length ?? 0));
  };
  look();
  return watch;
}

/** CreateNetworkInterface says it in words of its own. */
const isShortage = ({ code, message }: AwsError): boolean =>
  code.startsWith('Insufficient') || message.includes('sufficient free');

const add = (to: Map<string, number>, key: string, count: number): void => void to.set(key, (to.get(key) ?? 0) + count);

/** Ready pods by workload, without those that nothing creates again. */
const readiness = async (world: World) => (await world.snapshotOfState()).outcome.workloads;

function compareBlockers({ impossibleBudgets }: RandomCluster, { findings }: MigrationPlan, compare: Compare): void {
  for (const { subject } of findings.filter(({ code }) => code === 'PDB.NEVER_ALLOWS')) {
    compare('blockers', impossibleBudgets.includes(subject), `${subject} is no obstacle`);
  }
}

function compareRun(seenWorld: Seen, exitCode: number, stoppedBy: string | null, compare: Compare): void {
  const { subnets } = seenWorld.plan;
  const { shortages } = seenWorld.watch;
  const unfit = subnets.filter(({ fits }) => !fits);
  const seen = [...shortages].map(([subnetId, code]) => `${subnetId} ${code}`).join(', ');
  if (unfit.length === 0) {
    compare('fits', shortages.size === 0, `all fits, but ${seen}`);
    compare('run', exitCode === 0, `exit code ${exitCode}: ${stoppedBy}`);
    return;
  }
  const text = unfit.map(({ subnetId, peakDemand, freePrefixes }) => `${subnetId} ${peakDemand} of ${freePrefixes}`);
  const missing = unfit.map((subnet) => ({ ...chanceIn(subnet.subnetId, seenWorld), ...subnet }));
  const isExplained = missing.every(
    ({ peakDemand, freePrefixes, blocks, taken }) => peakDemand - blocks <= Math.max(freePrefixes, taken),
  );
  const why = isExplained ? missing.map(({ words }) => words).join('; ') : undefined;
  compare('short', shortages.size > 0, `${text.join(', ')}, but nothing ran short`, why);
  if (exitCode === 0) return;
  const hasWords =
    /no free \/28 block|is not Ready|are Ready|address|InsufficientFreeAddresses|NodeCreationFailure/.test(
      stoppedBy ?? '',
    );
  compare('run', exitCode === 6 && shortages.size > 0 && hasWords, `exit code ${exitCode}: ${stoppedBy}`);
}

function compareSubnets(
  seen: Seen,
  freeBefore: ReadonlyMap<string, number>,
  finished: boolean,
  compare: Compare,
): Slack[] {
  const { plan, world, watch } = seen;
  if (plan.subnets.some(({ fits }) => !fits)) return [];
  return plan.subnets.map(({ subnetId, peakDemand, freePrefixesAfter }) => {
    const free = freeBefore.get(subnetId) ?? 0;
    const peak = free - (watch.leastFree.get(subnetId) ?? free);
    const text = `${subnetId}: ${peakDemand} planned, ${peak} taken`;
    compare('peak', peak <= peakDemand, text);
    const { blocks, taken, words } = chanceIn(subnetId, seen);
    const early = peakDemand - taken <= blocks ? 'nodes gave back blocks sooner than the plan counts on' : undefined;
    if (finished) compare('tight', peakDemand - peak <= blocks, `${text}; by chance ${words}`, early);
    const after = freeBlocks(world.ec2, subnetId);
    if (finished)
      compare('after', after >= freePrefixesAfter, `${subnetId}: ${freePrefixesAfter} planned, ${after} are`);
    return { subnetId, peak: peakDemand - peak, after: after - freePrefixesAfter };
  });
}

/**
 * By how many blocks a plan may be above the world in a subnet, since it counts on the worst: own addresses that spoil
 * blocks, nodes that do not divide evenly, and on each node pods that come in a burst, and enough for one more prefix. And
 * what the world took with nothing given back.
 */
function chanceIn(subnetId: string, seen: Seen): { blocks: number; taken: number; words: string } {
  const { world, plan, snapshot, watch } = seen;
  const addresses = watch.harmless.get(subnetId) ?? 0;
  const taken = watch.mostTaken.get(subnetId) ?? 0;
  const zoneOf = (id: string) => world.ec2.subnets.get(id)?.availabilityZone;
  let fuller = 0;
  let absent = 0;
  for (const { source, replacement, nodes: size, subnetIds, maxPods } of plan.nodegroups) {
    const group = snapshot.nodegroups.find(({ nodegroupName }) => nodegroupName === source);
    if (group === undefined) throw new Error(`${source} was not surveyed`);
    const types = instanceTypesOf(snapshot, group).known;
    // blocks for prefixes, and for the own addresses of the interfaces that they need
    const worstWith = (pods: number): number => {
      const pools = types.map((type) => poolSettings(...daemonOf(world), type, maxPods.value));
      const prefixes = Math.max(0, ...pools.map((pool) => mostPrefixes(pods, pool))) + 1;
      return prefixes + Math.ceil(prefixes / Math.min(...types.map(({ ipv4PerEni }) => ipv4PerEni - 1)));
    };
    const here = membersOf(world, replacement).filter((node) => podSubnet(world, node) === subnetId);
    for (const node of here) {
      const interfaces = interfacesOf(world, node).filter((eni) => eni.subnetId === subnetId).length;
      const held = watch.mostHeld.get(instanceIdOf(node)) ?? 0;
      fuller += Math.max(0, worstWith(poolOf(world, node).pods) - held - interfaces);
    }
    const isReached = subnetIds.some((id) => zoneOf(id) === zoneOf(subnetId));
    const planned = isReached ? Math.ceil(Math.max(1, size.replacement) / subnetIds.length) : 0;
    absent += Math.max(0, planned - here.length) * worstWith(plannedPodsPerNode(snapshot, group));
  }
  const spare = heldLessThanWithPod(subnetId, seen);
  const words = `${addresses} that no address spoiled, ${absent} of nodes elsewhere, ${fuller} of nodes that could hold more, ${spare} of other nodes where no pod started; ${taken} taken with nothing given back`;
  return { blocks: addresses + absent + fuller + spare, taken, words };
}

/** Blocks that nodes of other groups never held, and would have with one pod in a prefix, as a plan expects. */
function heldLessThanWithPod(subnetId: string, seen: Seen): number {
  const { world, plan, snapshot, watch } = seen;
  const own = plan.nodegroups.flatMap(({ source, replacement }) => [
    ...membersOf(world, source),
    ...membersOf(world, replacement),
  ]);
  const moved = new Set(own.map(({ metadata }) => metadata.name));
  const withPrefixes = new Set(snapshot.instanceTypes.filter(supportsPrefixes).map(({ instanceType }) => instanceType));
  return world.store
    .list<Node>('nodes')
    .filter(({ metadata, spec }) => !moved.has(metadata.name) && spec.unschedulable !== true)
    .filter(({ metadata }) => withPrefixes.has(metadata.labels?.['node.kubernetes.io/instance-type'] ?? ''))
    .filter((node) => podSubnet(world, node) === subnetId)
    .map((node) => steadyPrefixes(1, settingsOf(seen, node)) - (watch.mostHeld.get(instanceIdOf(node)) ?? 0))
    .reduce((sum, blocks) => sum + Math.max(0, blocks), 0);
}

const interfacesOf = (world: World, node: Node) => world.ec2.instances.get(instanceIdOf(node))?.enis ?? [];

const instanceIdOf = ({ spec }: Node): string => spec.providerID?.split('/').at(-1) ?? '';

/** Environment and version of aws-node as they are now. */
function daemonOf(world: World): [env: Record<string, string>, version: string] {
  const daemonSet = world.store.get<DaemonSet>('daemonsets', 'kube-system', 'aws-node');
  const container = awsNodeContainer(daemonSet?.spec.template.spec);
  return [envOf(container), versionOf(container).join('.')];
}

function settingsOf({ world, snapshot }: Pick<Seen, 'world' | 'snapshot'>, { metadata, status }: Node): PoolSettings {
  const name = metadata.labels?.['node.kubernetes.io/instance-type'];
  const type = snapshot.instanceTypes.find(({ instanceType }) => instanceType === name);
  if (type === undefined) throw new Error(`${metadata.name} is of no type that the survey knows`);
  return poolSettings(...daemonOf(world), type, Number(status.allocatable?.['pods']));
}

/** Where the prefixes of a node come from: with custom networking not from the subnet of the node. */
function podSubnet(world: World, node: Node): string | undefined {
  const enis = interfacesOf(world, node);
  return (enis.find(({ prefixes }) => prefixes.length > 0) ?? enis[0])?.subnetId;
}

/** Pods on a node that have an address of the pool, and the prefixes there with the pods in each. */
function poolOf(world: World, node: Node): { pods: number; prefixes: Map<string, number> } {
  const enis = interfacesOf(world, node);
  const primaries = new Set(enis.map(({ primary }) => primary));
  const addresses = world.store
    .list<Pod>('pods')
    .filter(({ spec }) => spec.nodeName === node.metadata.name)
    .flatMap(({ status }) => (status.podIP === undefined || primaries.has(status.podIP) ? [] : [status.podIP]));
  const holds = (prefix: string): number => {
    const first = numberOf(prefix.split('/')[0] ?? '');
    return addresses.filter((address) => numberOf(address) >= first && numberOf(address) < first + 16).length;
  };
  const prefixes = enis.flatMap((eni) => eni.prefixes).map((prefix): [string, number] => [prefix, holds(prefix)]);
  return { pods: addresses.length, prefixes: new Map(prefixes) };
}

function compareNodes({ world, plan, snapshot, watch: { shortages } }: Seen, compare: Compare): void {
  for (const planned of plan.nodegroups) {
    const { idle, expected, full } = planned.prefixesPerNode;
    const nodes = membersOf(world, planned.replacement);
    compareMemory(planned, nodes, snapshot, compare);
    let scattered: string | undefined;
    const counts = nodes.map((node) => {
      const { name } = node.metadata;
      const maxPods = Number(node.status.allocatable?.['pods']);
      compare('pods', maxPods === planned.maxPods.value, `${name}: ${planned.maxPods.value} planned, ${maxPods} are`);
      const { pods, prefixes } = poolOf(world, node);
      const pool = settingsOf({ world, snapshot }, node);
      const steady = steadyPrefixes(pods, pool);
      const text = `${name}: ${pods} pods, ${steady} prefixes planned, ${prefixes.size} are`;
      const why = history(pods, prefixes, pool, shortages);
      scattered ??= why;
      compare('prefixes', prefixes.size === steady, text, why);
      if (pods === 0) compare('idle', prefixes.size === idle, `${name}: ${idle} planned, ${prefixes.size} are`);
      const isInRange = prefixes.size >= idle && prefixes.size <= full;
      compare('range', isInRange, `${text}, ${idle} to ${full}`, why);
      return { held: prefixes.size, steady };
    });
    if (counts.length === 0) continue;
    const [mean, atRest] = [meanOf(counts.map(({ held }) => held)), meanOf(counts.map(({ steady }) => steady))];
    const text = `${planned.replacement}: ${expected} planned, ${mean} are`;
    const why = mean < expected ? lackIn(shortages) : atRest <= expected + 1 ? scattered : undefined;
    compare('expected', Math.abs(mean - expected) <= 1, text, why);
  }
}

const meanOf = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0) / numbers.length;

/** Why a node may hold another number than it would had its pods come one by one into one prefix after the other. */
function history(
  pods: number,
  prefixes: ReadonlyMap<string, number>,
  pool: PoolSettings,
  shortages: ReadonlyMap<string, string>,
): string | undefined {
  const occupied = [...prefixes.values()].filter((count) => count > 0).length;
  if (prefixes.size <= steadyPrefixes(pods, pool)) return lackIn(shortages);
  const isPossible = prefixes.size <= mostPrefixes(pods, pool) && occupied > Math.ceil(pods / 16);
  return isPossible ? `its pods lie in ${occupied} prefixes` : undefined;
}

const lackIn = (shortages: ReadonlyMap<string, string>): string | undefined =>
  shortages.size > 0 ? `short: ${[...shortages.keys()].join(', ')}` : undefined;

/** The plan speaks of the nodes that are there now: compared are new ones of the type with least memory among those. */
function compareMemory(
  { replacement, source, memory: { allocatableAfterMiB } }: NodegroupPlan,
  nodes: readonly Node[],
  snapshot: ClusterSnapshot,
  compare: Compare,
): void {
  const [smallest] = snapshot.nodes
    .filter(({ nodegroupName }) => nodegroupName === source)
    .toSorted((one, other) => one.allocatable.memoryBytes - other.allocatable.memoryBytes);
  for (const { metadata, status } of nodes) {
    if (metadata.labels?.['node.kubernetes.io/instance-type'] !== smallest?.instanceType) continue;
    const mebibytes = Math.floor(Number.parseInt(status.allocatable?.['memory'] ?? '', 10) / 1024);
    const text = `${replacement} ${metadata.name}: ${allocatableAfterMiB} MiB planned, ${mebibytes} are`;
    compare('memory', mebibytes === allocatableAfterMiB, text);
  }
}

async function compareEnd(
  world: World,
  { scenario, request }: RandomCluster,
  plan: MigrationPlan,
  before: Record<string, { pods: number; ready: number }>,
  compare: Compare,
): Promise<void> {
  const { outcome } = await world.snapshotOfState();
  const problems: string[] = [];
  for (const planned of plan.nodegroups) {
    const found = scenario.nodegroups.find(({ name }) => name === planned.source);
    const spec = found && { ...found, subnetIds: request.subnetIds ?? found.subnetIds };
    const group = outcome.nodegroups[planned.replacement];
    if (outcome.nodegroups[planned.source] !== undefined) problems.push(`${planned.source} is still there`);
    if (spec === undefined || group === undefined) {
      problems.push(`${planned.replacement} is not there`);
      continue;
    }
    const members = membersOf(world, planned.replacement);
    // a node that is there to be verified stays when pods have come to need it
    const isNeeded = planned.nodes.replacement === 0 && members.some((node) => hasPods(world, node));
    if (members.length !== planned.nodes.replacement + Number(isNeeded))
      problems.push(`${planned.replacement}: ${planned.nodes.replacement} nodes planned, ${members.length} are there`);
    problems.push(...members.flatMap((node) => missingOn(node, spec)));
    problems.push(...groupProblems(planned.replacement, isNeeded ? grown(spec) : spec, group));
  }
  for (const [name, { ready }] of Object.entries(before)) {
    if (name.includes('/Pod/') || name.includes('/DaemonSet/')) continue;
    const now = outcome.workloads[name]?.ready ?? 0;
    if (now < ready) problems.push(`${name}: ${ready} pods were ready, ${now} are`);
  }
  if (problems.length === 0) compare('end', true, '');
  for (const problem of problems) compare('end', false, problem);
}

const grown = (spec: NodegroupSpec): NodegroupSpec => ({ ...spec, scaling: { ...spec.scaling, desiredSize: 1 } });

const hasPods = (world: World, { metadata: { name } }: Node): boolean =>
  world.store
    .list<Pod>('pods')
    .some(
      ({ spec, metadata }) =>
        spec.nodeName === name && !metadata.ownerReferences?.some(({ kind }) => kind === 'DaemonSet'),
    );

const missingOn = ({ metadata, spec: { taints = [] } }: Node, spec: NodegroupSpec): string[] => [
  ...Object.entries(spec.labels ?? {})
    .filter(([key, value]) => metadata.labels?.[key] !== value)
    .map(([key]) => `${metadata.name}: label ${key} is ${metadata.labels?.[key]}`),
  ...(spec.taints ?? [])
    .filter((taint) => !taints.some(({ key, value }) => key === taint.key && value === taint.value))
    .map(({ key }) => `${metadata.name}: taint ${key} is missing`),
];

function groupProblems(name: string, spec: NodegroupSpec, group: unknown): string[] {
  const found = Object(group);
  const tags = Object.entries<string>(found.tags).filter(([key]) => !key.startsWith('prefix-migrate/'));
  const pairs: [string, unknown, unknown][] = [
    ['subnets', spec.subnetIds, found.subnets],
    ['scaling', spec.scaling, found.scalingConfig],
    ['labels', spec.labels ?? {}, found.labels],
    ['taints', spec.taints ?? [], found.taints ?? []],
    ['instance types', spec.instanceTypes, found.instanceTypes],
    ['tags', spec.tags ?? {}, Object.fromEntries(tags)],
  ];
  return pairs
    .filter(([, wanted, is]) => canonicalJson(wanted) !== canonicalJson(is))
    .map(([what, wanted, is]) => `${name}: ${what} ${canonicalJson(is)}, not ${canonicalJson(wanted)}`);
}

/** From the first look of the drain until every pod that it moved was Ready in its new place. */
function compareForecast(world: World, { forecast }: MigrationPlan, journal: string, compare: Compare): void {
  const lines = journal
    .trim()
    .split('\n')
    .map((line): { at: string; entry: { type: string; stepId?: string } } => JSON.parse(line));
  const at = (type: string) => lines.find(({ entry }) => entry.type === type && entry.stepId === 'drain-source')?.at;
  const [started, ended] = [at('step-started'), at('step-succeeded')];
  if (started === undefined || ended === undefined) return;
  const ready = world.store
    .list<Pod>('pods')
    .filter(({ metadata }) => !metadata.ownerReferences?.some(({ kind }) => kind === 'DaemonSet'))
    .flatMap(({ status }) => status.conditions ?? [])
    .filter(({ type, status }) => type === 'Ready' && status === 'True')
    .map(({ lastTransitionTime }) => Date.parse(lastTransitionTime ?? ''));
  const seconds = (Math.max(Date.parse(ended), ...ready) - Date.parse(started)) / 1000;
  const { lowerBoundSeconds } = forecast;
  compare('forecast', seconds >= lowerBoundSeconds, `drained in ${seconds} s, at least ${lowerBoundSeconds} forecast`);
}

/** DaemonSet pods end with their node, and canaries were made to be deleted: neither is a move. */
function compareDisruptions(world: World, { scenario }: RandomCluster, compare: Compare): void {
  const { budgetViolations, disruptions } = world.stats();
  compare(
    'budgets',
    budgetViolations === 0,
    `${budgetViolations} broken: ${JSON.stringify(disruptions.violations[0])}`,
  );
  for (const { kind, namespace, name, moves } of disruptions.workloads) {
    const spec = scenario.workloads.find((one) => one.namespace === namespace && one.name === name);
    if (spec !== undefined && kind !== 'DaemonSet' && moves > Math.max(1, spec.replicas))
      compare('budgets', false, `${namespace}/${name}: ${moves} moves of ${spec.replicas} pods`);
  }
  const canaries = disruptions.workloads.filter(({ name }) => name.startsWith('prefix-migrate-canary-')).length;
  compare('budgets', disruptions.deletions <= canaries, `${disruptions.deletions - canaries} pods were deleted`);
}
