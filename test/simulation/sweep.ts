/**
 * Cuts a migration at its places, goes on with a new process, and looks at what came of it. Run by itself it sweeps:
 * `node test/simulation/sweep.ts [--every N] [--offset N] [--scenario NAME] [--seed N]`, prints one JSON line.
 */
import assert from 'node:assert/strict';
import { parseArgs } from 'node:util';
import type { MigrationPlan, Order } from '../../src/domain/plan.ts';
import { scenarios } from '../../src/simulator/scenarios/index.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { memoryJournal } from '../support/sample-plan.ts';
import { planFor, startProcess } from './migration.ts';

export interface SweepOptions {
  scenario: string;
  seed: number;
  order?: Order | 'auto';
}

export interface Sweep {
  /** places that a run without a cut passes */
  places: number;
  cut: number;
  /** what was cut, by kind of place */
  kinds: Record<string, number>;
  failures: { at: number; place: string; error: string }[];
}

/** What must be the same in the end, wherever the run was cut. */
interface End {
  outcome: unknown;
  /** how many calls created something, each with its one token */
  creations: string[];
  evictions: number;
}

/** One migration, cut at each of `cuts` (counted within the process that is cut), then run to its end. */
export async function migrate(
  { scenario, seed, order = 'auto' }: SweepOptions,
  cuts: number[],
  knownPlan?: MigrationPlan,
): Promise<{ plan: MigrationPlan; places: string[]; cutAt: string[]; end: End }> {
  const world = createWorld(scenarioNamed(scenario), { seed });
  const plan = knownPlan ?? (await planFor(world, { order }));
  world.log.clear();
  const journal = memoryJournal();
  const cutAt: string[] = [];
  for (const cut of [...cuts, Number.POSITIVE_INFINITY]) {
    const process = await startProcess(world, cut);
    const result = await process.run(plan, journal);
    if (result === 'cut') {
      cutAt.push(process.places.at(-1) ?? '');
      continue;
    }
    assert.equal(
      result.exitCode,
      0,
      `${result.stoppedBy?.code}: ${result.stoppedBy?.message} ${result.stoppedBy?.why}`,
    );
    return { plan, places: [...process.places], cutAt, end: await endOf(world) };
  }
  throw new Error('the last process was cut');
}

async function endOf(world: World): Promise<End> {
  world.clock.advance(180_000);
  const { outcome } = await world.snapshotOfState();
  const { disruptions, budgetViolations, evictionsPerPod } = world.stats();
  assert.equal(budgetViolations, 0, 'a budget was violated');
  assert.equal(evictionsPerPod, 1, 'a pod was moved more than once');
  const creating = ['eks:CreateNodegroup', 'ec2:CreateLaunchTemplate', 'eks:UpdateAddon', 'eks:UpdateNodegroupConfig'];
  const creations = new Set(
    creating.flatMap((operation) =>
      world.log
        .of(operation)
        .map(({ details }) => [operation, ...Object.entries(details).map((pair) => pair.join('='))].join(' ')),
    ),
  );
  return { outcome, creations: [...creations].toSorted(), evictions: disruptions.evictions.accepted };
}

/** Cuts one run each at every `every`-th place from `offset` on, and compares its end with that of a run without a cut. */
export async function sweep(options: SweepOptions & { every: number; offset: number }): Promise<Sweep> {
  const baseline = await migrate(options, []);
  const failures: Sweep['failures'] = [];
  const kinds: Record<string, number> = {};
  let cut = 0;
  for (let at = options.offset; at < baseline.places.length; at += options.every) {
    const place = baseline.places[at] ?? '';
    kinds[place] = (kinds[place] ?? 0) + 1;
    cut += 1;
    try {
      const { end, cutAt } = await migrate(options, [at], baseline.plan);
      assert.deepEqual(cutAt, [place]);
      assert.deepEqual(end, baseline.end);
    } catch (error) {
      failures.push({ at, place, error: error instanceof Error ? error.message : String(error) });
    }
  }
  return { places: baseline.places.length, cut, kinds, failures };
}

function scenarioNamed(name: string) {
  const scenario = scenarios.find((candidate) => candidate.name === name);
  if (!scenario) throw new Error(`no scenario ${name}`);
  return scenario;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      every: { type: 'string', default: '1' },
      offset: { type: 'string', default: '0' },
      scenario: { type: 'string', default: 'healthy' },
      seed: { type: 'string', default: '1' },
    },
  });
  const result = await sweep({
    scenario: values.scenario,
    seed: Number(values.seed),
    every: Number(values.every),
    offset: Number(values.offset),
  });
  console.log(JSON.stringify(result));
}
