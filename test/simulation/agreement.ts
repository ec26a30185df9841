/**
 * What a plan says beside what then happens: surveys, plans and applies in one process, watches the addresses as they come
 * and go, and lists every difference. Run by itself it prints one line of JSON per seed:
 * `node test/simulation/agreement.ts [--from N] [--count N]`.
 */
import { parseArgs } from 'node:util';
import { canonicalJson } from '../../src/domain/canonical-json.ts';
import { MigrateError } from '../../src/domain/migrate-error.ts';
import type { MigrationPlan } from '../../src/domain/plan.ts';
import type { Ec2 } from '../../src/simulator/aws/ec2.ts';
import { AwsError } from '../../src/simulator/aws/errors.ts';
import type { Node, Pod } from '../../src/simulator/kubernetes/objects.ts';
import type { NodegroupSpec } from '../../src/simulator/scenario.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { memoryJournal } from '../support/sample-plan.ts';
import { planFor, startProcess } from './migration.ts';
import { type RandomCluster, randomCluster } from './random-clusters.ts';

export interface SubnetFigures {
  subnetId: string;
  cidr: string;
  free: number;
  fits: boolean;
  planned: number;
  peak: number;
  freeAfterPlanned: number;
  freeAfter: number;
}

export interface Agreement {
  seed: number;
  plan: MigrationPlan;
  /** codes of blocking findings that were not allowed */
  blockedBy: string[];
  exitCode: number | null;
  stoppedBy: string | null;
  /** requests for a /28 that a subnet could not meet */
  shortages: string[];
  subnets: SubnetFigures[];
  drainSeconds: number | null;
  nodegroups: { source: string; planned: MigrationPlan['nodegroups'][number]; prefixes: number[]; pods: number[] }[];
  /** plain contradictions between plan and world */
  problems: string[];
}

const numberOf = (address: string): number => address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);

/** Aligned /28 blocks that could be handed out as prefixes, counted in a way of its own. */
function freeBlocks(ec2: Ec2, subnetId: string): number {
  const subnet = ec2.subnets.get(subnetId);
  if (!subnet) return 0;
  const [base = '', bits] = subnet.cidr.split('/');
  const size = 2 ** (32 - Number(bits));
  const blockOf = (address: string) => Math.floor((numberOf(address) - numberOf(base)) / 16);
  const busy = new Set<number>([0, size / 16 - 1]);
  for (const eni of ec2.enis.values()) {
    if (eni.subnetId !== subnetId) continue;
    for (const range of [eni.primary, ...eni.secondaries, ...eni.prefixes])
      busy.add(blockOf(range.split('/')[0] ?? ''));
  }
  return size / 16 - busy.size;
}

interface Watch {
  shortages: string[];
  leastFree: Map<string, number>;
}

/** Looks at all subnets after each change of addresses, as long as the world lives. */
function watchAddresses(ec2: Ec2): Watch {
  const watch: Watch = { shortages: [], leastFree: new Map() };
  const look = (): void => {
    for (const id of ec2.subnets.keys()) {
      watch.leastFree.set(id, Math.min(watch.leastFree.get(id) ?? Infinity, freeBlocks(ec2, id)));
    }
  };
  const watched =
    <A extends unknown[], R>(act: (...args: A) => R) =>
    (...args: A): R => {
      try {
        return act(...args);
      } catch (error) {
        if (error instanceof AwsError) watch.shortages.push(`${error.code}: ${error.message}`);
        throw error;
      } finally {
        look();
      }
    };
  const real = { ...ec2 };
  ec2.assignAddresses = watched((eni, count) => real.assignAddresses(eni, count));
  ec2.assignPrefixes = watched((eni, count) => real.assignPrefixes(eni, count));
  ec2.createEni = watched((spec) => real.createEni(spec));
  ec2.runInstance = watched((spec) => real.runInstance(spec));
  look();
  return watch;
}

function cordon(world: World, { cordoned }: RandomCluster): void {
  for (const { nodegroup, nodes } of cordoned) {
    const members = world.store
      .list<Node>('nodes')
      .filter(({ metadata }) => metadata.labels?.['eks.amazonaws.com/nodegroup'] === nodegroup);
    for (const { metadata } of members.slice(0, nodes)) {
      world.store.update<Node>('nodes', undefined, metadata.name, (draft) => {
        draft.spec.unschedulable = true;
      });
    }
  }
  world.clock.advance(60_000);
}

/** Ready pods by workload, without those that nothing creates again. */
async function readiness(world: World): Promise<Record<string, { pods: number; ready: number }>> {
  const { outcome } = await world.snapshotOfState();
  return outcome.workloads;
}

/** A number of pods that some type has no addresses for is refused before there is a plan. */
function unmeetable(error: unknown): null {
  if (error instanceof MigrateError && error.code === 'INPUT.MAX_PODS') return null;
  throw error;
}

/** Null when what was asked cannot be planned. */
export async function agree(seed: number, allow: readonly string[] = []): Promise<Agreement | null> {
  const drawn = randomCluster(seed);
  const world = createWorld(drawn.scenario, { seed });
  cordon(world, drawn);
  const plan = await planFor(world, { ...drawn.request, allow: [...drawn.request.allow, ...allow] }).catch(unmeetable);
  if (plan === null) return null;
  const blockedBy = plan.findings
    .filter(({ severity, allowed }) => severity === 'blocking' && allowed !== true)
    .map(({ code }) => code);
  const result: Agreement = {
    seed,
    plan,
    blockedBy,
    exitCode: null,
    stoppedBy: null,
    shortages: [],
    subnets: [],
    drainSeconds: null,
    nodegroups: [],
    problems: [],
  };
  judgeBlockers(drawn, result);
  if (blockedBy.length > 0 || plan.steps.length === 0) return result;

  const before = await readiness(world);
  const freeBefore = new Map([...world.ec2.subnets.keys()].map((id) => [id, freeBlocks(world.ec2, id)]));
  const watch = watchAddresses(world.ec2);
  const journal = memoryJournal();
  const process = await startProcess(world);
  const run = await process.run(plan, journal);
  if (run === 'cut') throw new Error('nobody cuts this run');
  result.exitCode = run.exitCode;
  if (run.stoppedBy) result.stoppedBy = `${run.stoppedBy.code}: ${run.stoppedBy.message} ${run.stoppedBy.why}`;
  world.clock.advance(600_000);
  result.shortages = [...new Set(watch.shortages)];
  result.drainSeconds = drainSeconds(journal.text, world);
  result.subnets = plan.subnets.map((subnet): SubnetFigures => {
    const { subnetId, cidr, fits, peakDemand, freePrefixesAfter } = subnet;
    const free = freeBefore.get(subnetId) ?? 0;
    if (free !== subnet.freePrefixes)
      result.problems.push(`${subnetId}: ${subnet.freePrefixes} blocks planned as free, ${free} are`);
    return {
      subnetId,
      cidr,
      free,
      fits,
      planned: peakDemand,
      peak: free - (watch.leastFree.get(subnetId) ?? free),
      freeAfterPlanned: freePrefixesAfter,
      freeAfter: freeBlocks(world.ec2, subnetId),
    };
  });
  if (run.exitCode === 0) await judgeEnd(world, drawn, result, before);
  judgeDisruptions(world, drawn, result);
  return result;
}

function judgeBlockers({ impossibleBudgets }: RandomCluster, { plan, problems }: Agreement): void {
  const never = plan.findings.filter(({ code }) => code === 'PDB.NEVER_ALLOWS').map(({ subject }) => subject);
  for (const subject of never) if (!impossibleBudgets.includes(subject)) problems.push(`${subject} is no obstacle`);
}

/** From the first look of the drain until every pod that it moved was Ready in its new place. */
const drainSeconds = (journal: string, world: World): number | null => {
  const lines = journal
    .trim()
    .split('\n')
    .map((line): { at: string; entry: { type: string; stepId?: string } } => JSON.parse(line));
  const at = (type: string) => lines.find(({ entry }) => entry.type === type && entry.stepId === 'drain-source')?.at;
  const [started, ended] = [at('step-started'), at('step-succeeded')];
  if (started === undefined || ended === undefined) return null;
  const ready = world.store
    .list<Pod>('pods')
    .filter(({ metadata }) => !metadata.ownerReferences?.some(({ kind }) => kind === 'DaemonSet'))
    .flatMap(({ status }) => status.conditions ?? [])
    .filter(({ type, status }) => type === 'Ready' && status === 'True')
    .map(({ lastTransitionTime }) => Date.parse(lastTransitionTime ?? ''));
  return (Math.max(Date.parse(ended), ...ready) - Date.parse(started)) / 1000;
};

async function judgeEnd(
  world: World,
  { scenario }: RandomCluster,
  result: Agreement,
  before: Record<string, { pods: number; ready: number }>,
): Promise<void> {
  const { plan, problems } = result;
  const { outcome, details } = await world.snapshotOfState();
  const nodes = world.store.list<Node>('nodes');
  for (const planned of plan.nodegroups) {
    const spec = scenario.nodegroups.find(({ name }) => name === planned.source);
    const group = outcome.nodegroups[planned.replacement];
    if (outcome.nodegroups[planned.source] !== undefined) problems.push(`${planned.source} is still there`);
    if (spec === undefined || group === undefined) {
      problems.push(`${planned.replacement} is not there`);
      continue;
    }
    const members = nodes.filter(
      ({ metadata }) => metadata.labels?.['eks.amazonaws.com/nodegroup'] === planned.replacement,
    );
    // a node that is there to be verified stays when pods have come to need it
    const isNeeded = planned.nodes.replacement === 0 && members.some((node) => podsOf(world, node) > 0);
    if (members.length !== planned.nodes.replacement + Number(isNeeded)) {
      problems.push(`${planned.replacement}: ${planned.nodes.replacement} nodes planned, ${members.length} are there`);
    }
    for (const {
      metadata,
      status,
      spec: { taints = [] },
    } of members) {
      const pods = Number(status.allocatable?.['pods']);
      if (pods !== planned.maxPods.value)
        problems.push(`${metadata.name}: ${pods} pods, ${planned.maxPods.value} planned`);
      for (const [key, value] of Object.entries(spec.labels ?? {})) {
        if (metadata.labels?.[key] !== value)
          problems.push(`${metadata.name}: label ${key} is ${metadata.labels?.[key]}`);
      }
      for (const taint of spec.taints ?? []) {
        if (!taints.some(({ key, value }) => key === taint.key && value === taint.value))
          problems.push(`${metadata.name}: taint ${taint.key} is missing`);
      }
    }
    compareGroup(planned.replacement, isNeeded ? grown(spec) : spec, group, problems);
    const own = members.map(({ metadata }) => details.nodes[metadata.name]);
    const prefixes = own.map((node) => (node?.enis ?? []).reduce((sum, eni) => sum + eni.prefixes.length, 0));
    result.nodegroups.push({ source: planned.source, planned, prefixes, pods: own.map((node) => poolPods(node)) });
    const { idle, full } = planned.prefixesPerNode;
    for (const number of prefixes) {
      if (number < idle || number > full)
        problems.push(`${planned.replacement}: ${number} prefixes on a node, ${idle} to ${full} planned`);
    }
  }
  for (const [name, { ready }] of Object.entries(before)) {
    if (name.includes('/Pod/') || name.includes('/DaemonSet/')) continue;
    const now = outcome.workloads[name]?.ready ?? 0;
    if (now < ready) problems.push(`${name}: ${ready} pods were ready, ${now} are`);
  }
}

const grown = (spec: NodegroupSpec): NodegroupSpec => ({ ...spec, scaling: { ...spec.scaling, desiredSize: 1 } });

const podsOf = (world: World, { metadata: { name } }: Node): number =>
  world.store
    .list<Pod>('pods')
    .filter(
      ({ spec, metadata }) =>
        spec.nodeName === name && !metadata.ownerReferences?.some(({ kind }) => kind === 'DaemonSet'),
    ).length;

const poolPods = (node: { pods: string[]; enis: { primary: string }[] } | undefined): number =>
  (node?.pods ?? []).filter((pod) => {
    const address = pod.split(' ')[1];
    return address !== undefined && address !== 'undefined' && !node?.enis.some(({ primary }) => primary === address);
  }).length;

function compareGroup(name: string, spec: NodegroupSpec, group: unknown, problems: string[]): void {
  const found = Object(group);
  const same = (what: string, wanted: unknown, is: unknown) => {
    if (canonicalJson(wanted) !== canonicalJson(is))
      problems.push(`${name}: ${what} ${canonicalJson(is)}, not ${canonicalJson(wanted)}`);
  };
  same('subnets', spec.subnetIds, found.subnets);
  same('scaling', spec.scaling, found.scalingConfig);
  same('labels', spec.labels ?? {}, found.labels);
  same('taints', spec.taints ?? [], found.taints ?? []);
  same('instance types', spec.instanceTypes, found.instanceTypes);
  const tags = Object.entries<string>(found.tags).filter(([key]) => !key.startsWith('prefix-migrate/'));
  same('tags', spec.tags ?? {}, Object.fromEntries(tags));
}

/** DaemonSet pods end with their node, and canaries were made to be deleted: neither is a move. */
function judgeDisruptions(world: World, { scenario }: RandomCluster, { problems }: Agreement): void {
  const { budgetViolations, disruptions } = world.stats();
  if (budgetViolations > 0)
    problems.push(`${budgetViolations} violations of budgets: ${JSON.stringify(disruptions.violations[0])}`);
  for (const { kind, namespace, name, moves } of disruptions.workloads) {
    const spec = scenario.workloads.find((one) => one.namespace === namespace && one.name === name);
    if (spec !== undefined && kind !== 'DaemonSet' && moves > Math.max(1, spec.replicas))
      problems.push(`${namespace}/${name}: ${moves} moves of ${spec.replicas} pods`);
  }
  const canaries = disruptions.workloads.filter(({ name }) => name.startsWith('prefix-migrate-canary-')).length;
  if (disruptions.deletions > canaries) problems.push(`${disruptions.deletions - canaries} pods were deleted`);
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      from: { type: 'string', default: '1' },
      count: { type: 'string', default: '60' },
      allow: { type: 'string', multiple: true, default: [] },
    },
  });
  for (let seed = Number(values.from); seed < Number(values.from) + Number(values.count); seed += 1) {
    const begin = performance.now();
    try {
      const agreement = await agree(seed, values.allow);
      if (agreement === null) continue;
      const { plan, ...figures } = agreement;
      const codes = plan.findings.map(({ code, severity }) => `${severity[0]}:${code}`);
      const groups = figures.nodegroups.map(({ planned, prefixes, pods }) => ({
        ...planned.prefixesPerNode,
        maxPods: planned.maxPods.value,
        prefixes: prefixes.join(' '),
        pods: pods.join(' '),
      }));
      console.log(
        JSON.stringify({
          ...figures,
          nodegroups: groups,
          findings: codes,
          forecast: plan.forecast,
          milliseconds: Math.round(performance.now() - begin),
        }),
      );
    } catch (error) {
      console.log(JSON.stringify({ seed, error: error instanceof Error ? error.stack : String(error) }));
    }
  }
}
