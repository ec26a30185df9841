/**
 * Cuts a migration at its places, goes on with a new process, and looks at what came of it. Run by itself it does one sweep
 * and prints one JSON line; `npm run sweep` does all of them:
 * `node test/simulation/sweep.ts [--mode MODE] [--after PHASE] [--every N] [--offset N] [--twice N] [--scenario NAME] [--seed N]`
 *
 * apply: the migration is cut and goes on. rollback: it has stopped after PHASE, its rollback is cut and goes on.
 * take-back: the migration is cut before anything is deleted, and a rollback follows instead.
 */
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import type { MigrationPlan, Order, Phase } from '../../src/domain/plan.ts';
import { phases } from '../../src/domain/plan.ts';
import type { Outcome } from '../../src/simulator/state.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { memoryJournal } from '../support/sample-plan.ts';
import { planFor, startProcess } from './migration.ts';
import { scenarioNamed } from './sweep-scenarios.ts';

export const modes = ['apply', 'rollback', 'take-back'] as const;
export type Mode = (typeof modes)[number];

export interface SweepOptions {
  scenario: string;
  seed: number;
  order?: Order | 'auto';
  /** apply unless told */
  mode?: Mode;
  /** of a rollback: how far the migration had come; soak unless told */
  after?: Phase;
}

export interface Sweep {
  /** places that a run without a cut passes */
  places: number;
  cut: number;
  /** of them, cut a second time in the process that went on */
  twice: number;
  /** what was cut, by place */
  kinds: Record<string, number>;
  failures: { at: number; place: string; error: string }[];
}

/** What must be the same in the end, wherever the run was cut. */
interface End {
  outcome: Outcome;
  /** which calls created or deleted something, each with its one token */
  calls: string[];
  evictions: number;
}

interface Migration {
  plan: MigrationPlan;
  places: string[];
  cutAt: string[];
  end: End;
}

const undoEverything = { kept: [] };

/** One migration, cut at each of `cuts` (counted within the process that is cut), then run to its end. */
export async function migrate(
  { scenario: name, seed, order, mode = 'apply', after = 'soak' }: SweepOptions,
  cuts: number[],
  knownPlan?: MigrationPlan,
): Promise<Migration> {
  const { scenario, request } = scenarioNamed(name);
  const world = createWorld(scenario, { seed });
  const before = (await world.snapshotOfState()).outcome;
  const plan = knownPlan ?? (await planFor(world, order === undefined ? request : { ...request, order }));
  world.log.clear();
  const journal = memoryJournal();
  if (mode === 'rollback') {
    const stopped = await (await startProcess(world)).run(plan, journal, { until: after });
    assert.ok(stopped !== 'cut' && stopped.exitCode === 0, `the migration did not come as far as ${after}`);
  }
  const cutAt: string[] = [];
  for (const [index, cut] of [...cuts, Number.POSITIVE_INFINITY].entries()) {
    const isRollback = mode === 'rollback' || (mode === 'take-back' && index > 0);
    const process = await startProcess(world, cut);
    const result = await process.run(plan, journal, isRollback ? { rollback: undoEverything } : {});
    if (result === 'cut') {
      cutAt.push(process.places.at(-1) ?? '');
      continue;
    }
    const why = result.stoppedBy;
    assert.equal(result.exitCode, 0, `${why?.code}: ${why?.message} ${why?.why}`);
    const end = await endOf(world);
    const { evictionsPerPod } = world.stats();
    assert.ok(evictionsPerPod <= (isRollback ? 2 : 1), `a pod was moved ${evictionsPerPod} times`);
    if (isRollback) assert.deepEqual(asItWas(end.outcome), asItWas(before));
    return { plan, places: [...process.places], cutAt, end };
  }
  throw new Error('the last process was cut');
}

async function endOf(world: World): Promise<End> {
  world.clock.advance(180_000);
  const { outcome } = await world.snapshotOfState();
  const { disruptions, budgetViolations } = world.stats();
  assert.equal(budgetViolations, 0, 'a budget was violated');
  const calls = new Set(
    changing.flatMap((operation) =>
      world.log
        .of(operation)
        .map(({ details }) => [operation, ...Object.entries(details).map((pair) => pair.join('='))].join(' ')),
    ),
  );
  return { outcome, calls: [...calls].toSorted(), evictions: disruptions.evictions.accepted };
}

const changing = [
  'eks:CreateNodegroup',
  'ec2:CreateLaunchTemplate',
  'ec2:CreateSubnetCidrReservation',
  'eks:UpdateAddon',
  'eks:UpdateNodegroupConfig',
  'eks:DeleteNodegroup',
  'ec2:DeleteLaunchTemplate',
];

/** But for what no rollback can take back: a configuration that never was, and prefixes, which go with the nodes. */
function asItWas({ nodes, addons, ...outcome }: Outcome): object {
  return {
    ...outcome,
    nodes: Object.entries(nodes).map(([group, { withPrefixes: _withPrefixes, ...summary }]) => ({ group, ...summary })),
    addons: Object.entries(addons).map(([name, addon]) => ({ name, configurationValues: '{}', ...Object(addon) })),
  };
}

/** Cuts one run each at every `every`-th place from `offset` on, and every `twice`-th of them once more. */
export async function sweep(options: SweepOptions & { every: number; offset: number; twice?: number }): Promise<Sweep> {
  const { mode = 'apply', every, offset, twice = 0 } = options;
  const baseline = await migrate(mode === 'take-back' ? { ...options, mode: 'apply' } : options, []);
  const firstDeletion = baseline.places.indexOf('before eks:DeleteNodegroup');
  const places = mode === 'take-back' ? firstDeletion : baseline.places.length;
  const result: Sweep = { places, cut: 0, twice: 0, kinds: {}, failures: [] };
  for (let at = offset; at < places; at += every) {
    const place = baseline.places[at] ?? '';
    result.kinds[place] = (result.kinds[place] ?? 0) + 1;
    result.cut += 1;
    const again = twice > 0 && result.cut % twice === 0;
    for (const cuts of again ? [[at], [at, secondCut(at)]] : [[at]]) {
      try {
        const { end, cutAt } = await migrate(options, cuts, baseline.plan);
        assert.equal(cutAt[0], place);
        if (cutAt.length > 1) result.twice += 1;
        if (mode !== 'take-back') assert.deepEqual(end, baseline.end);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        result.failures.push({ at, place, error: `${cuts.join(' and ')}: ${message}` });
      }
    }
  }
  return result;
}

/** Somewhere in the second process, elsewhere for each first cut. */
const secondCut = (at: number): number => 5 + ((at * 37) % 90);

/** `eks:CreateNodegroup` and `patch nodes` are requests, `step-started` is a line of the journal. */
export function kindOf(place: string): string {
  const [, when = '', what = ''] = /^(before|in the middle of|after) (.*)$/.exec(place) ?? [];
  if (what.startsWith('a wait')) return 'after a wait';
  return `${when} ${/[: ]/.test(what) ? 'a request' : 'a line of the journal'}`;
}

const isMode = (text: string): text is Mode => modes.some((mode) => mode === text);
const isPhase = (text: string): text is Phase => phases.some((phase) => phase === text);

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      mode: { type: 'string', default: 'apply' },
      after: { type: 'string', default: 'soak' },
      every: { type: 'string', default: '1' },
      offset: { type: 'string', default: '0' },
      twice: { type: 'string', default: '0' },
      scenario: { type: 'string', default: 'healthy' },
      seed: { type: 'string', default: '1' },
    },
  });
  const { mode, after, scenario } = values;
  if (!isMode(mode) || !isPhase(after)) throw new Error(`--mode ${modes.join('|')}, --after ${phases.join('|')}`);
  const { places, cut, twice, kinds, failures } = await sweep({
    scenario,
    mode,
    after,
    seed: Number(values.seed),
    every: Number(values.every),
    offset: Number(values.offset),
    twice: Number(values.twice),
  });
  console.log(JSON.stringify({ places, cut, twice, kinds, failures }));
}
