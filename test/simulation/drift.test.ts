/** A person changes something between two phases: the run that comes next says so, and stops where it would be wrong to go on. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { MigrationPlan, Phase } from '../../src/domain/plan.ts';
import type { FaultRule } from '../../src/simulator/faults.ts';
import { demoCluster, deployment, nodegroup, threeSubnets } from '../../src/simulator/scenarios/parts.ts';
import { drive } from '../../src/simulator/virtual-time.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { memoryJournal } from '../support/sample-plan.ts';
import { planFor, startProcess } from './migration.ts';

const subnets = threeSubnets().slice(0, 1);
const small = demoCluster({
  name: 'small',
  title: 'Two nodes with six pods',
  subnets,
  nodegroups: [nodegroup('apps', 2, subnets)],
  workloads: [deployment('shop', 'web', 6)],
  budgets: [],
});

async function runUntil(until: Phase, faults: FaultRule[] = []) {
  const world = createWorld(small, { seed: 5, faults });
  const plan = await planFor(world);
  const journal = memoryJournal();
  const { exitCode } = await apply(world, plan, journal, until);
  assert.equal(exitCode, 0);
  return { world, plan, journal };
}

async function apply(world: World, plan: MigrationPlan, journal: ReturnType<typeof memoryJournal>, until?: Phase) {
  const warnings: string[] = [];
  const options = { warn: (message: string) => void warnings.push(message) };
  const run = await (await startProcess(world)).run(
    plan,
    journal,
    until === undefined ? options : { ...options, until },
  );
  assert.ok(run !== 'cut');
  return { ...run, warnings };
}

/** What another person does with the API of EKS. */
async function byAnother<T>(
  world: World,
  act: (ports: Awaited<ReturnType<typeof startProcess>>['ports']) => Promise<T>,
) {
  const { ports } = await startProcess(world);
  const answer = await drive(world.clock, act(ports));
  world.clock.advance(120_000);
  return answer;
}

let tokens = 0;
const clusterName = small.cluster.name;
const replacementOf = ({ nodegroups }: MigrationPlan): string => nodegroups[0]?.replacement ?? '';

test('the switch is taken back after verify: the run stops before the cordon, and goes on when it is made again', async () => {
  const { world, plan, journal } = await runUntil('verify');
  const configure = (configurationValues: string) =>
    byAnother(world, ({ eks }) =>
      eks.updateAddon(
        { clusterName, addonName: 'vpc-cni', configurationValues, resolveConflicts: 'OVERWRITE' },
        `by another ${++tokens}`,
      ),
    );
  await configure('{"env":{"ENABLE_PREFIX_DELEGATION":"false","WARM_PREFIX_TARGET":"1"}}');
  const written = journal.text.length;
  const stopped = await apply(world, plan, journal);
  const { code = '', message = '', nextActions = [] } = stopped.stoppedBy ?? {};
  assert.deepEqual([stopped.exitCode, code], [5, 'PLAN.DRIFTED']);
  assert.match(message, /phase cordon was not begun/);
  assert.match(message, /ENABLE_PREFIX_DELEGATION of aws-node was "true", is "false" now/);
  assert.ok(
    nextActions.some((action) => action.startsWith('aws eks update-addon --region')),
    nextActions.join('\n'),
  );
  assert.ok(
    nextActions.some((action) => action.startsWith('prefix-migrate rollback DIR')),
    nextActions.join('\n'),
  );
  assert.ok(!journal.text.slice(written).includes('step-started'));
  await configure(plan.vpcCni.configurationValues ?? '');
  assert.equal((await apply(world, plan, journal)).exitCode, 0);
});

test('a replacement that somebody has scaled down stops the run before pods move there', async () => {
  const { world, plan, journal } = await runUntil('verify');
  await byAnother(world, ({ eks }) =>
    eks.updateNodegroupScaling(clusterName, replacementOf(plan), { desiredSize: 1 }, 'x'),
  );
  const { exitCode, stoppedBy } = await apply(world, plan, journal);
  assert.deepEqual([exitCode, stoppedBy?.code], [5, 'PLAN.DRIFTED']);
  assert.match(stoppedBy?.message ?? '', /number of nodes wanted of node group \S+ was \d, is 1 now/);
});

test('within a run that has changed something it is exit 6', async () => {
  const world = createWorld(small, { seed: 5 });
  const plan = await planFor(world);
  const { ports } = await startProcess(world);
  const other = '{"env":{"ENABLE_PREFIX_DELEGATION":"true","WARM_PREFIX_TARGET":"3"}}';
  // while the replacement is on its way
  world.clock.after(200_000, () => {
    void ports.eks.updateAddon(
      { clusterName, addonName: 'vpc-cni', configurationValues: other, resolveConflicts: 'OVERWRITE' },
      'other',
    );
  });
  const { exitCode, stoppedBy } = await apply(world, plan, memoryJournal());
  assert.deepEqual([exitCode, stoppedBy?.code], [6, 'PLAN.DRIFTED']);
});

test('a source with another size is worth one warning', async () => {
  const { world, plan, journal } = await runUntil('prepare');
  const [source = ''] = plan.nodegroups.map((one) => one.source);
  await byAnother(world, ({ eks }) => eks.updateNodegroupScaling(clusterName, source, { maxSize: 11 }, 'y'));
  const { exitCode, warnings } = await apply(world, plan, journal);
  assert.equal(exitCode, 0);
  assert.deepEqual(
    warnings.filter((text) => text.includes('maxSize')).map((text) => text.replace(/was \d+/, 'was N')),
    [`size of node group ${source}: maxSize was N, is 11 now; the plan holds in spite of it`],
  );
});

describe('what is no drift', () => {
  test('reads from before a change', async () => {
    for (const seed of [1, 2, 3]) {
      const stale = ['eks:DescribeNodegroup', 'eks:DescribeAddon', 'eks:DescribeCluster'].map((operation) => ({
        operation,
        kind: 'stale-read' as const,
        probability: 0.3,
      }));
      const world = createWorld(small, { seed, faults: stale });
      const { exitCode, stoppedBy } = await apply(world, await planFor(world), memoryJournal());
      assert.equal(exitCode, 0, `seed ${seed}: ${stoppedBy?.message}`);
    }
  });
  test('that it cannot be looked at: a warning, and the run goes on', async () => {
    const before = await runUntil('verify');
    const calls = before.world.log.of('eks:DescribeCluster').length;
    // after the connection all attempts of the first look; a later one is answered
    const nth = Array.from({ length: 10 }, (_, index) => calls + 2 + index);
    const { world, plan, journal } = await runUntil('verify', [
      { operation: 'eks:DescribeCluster', kind: 'throttle', nth },
    ]);
    const { exitCode, warnings, stoppedBy } = await apply(world, plan, journal);
    assert.equal(exitCode, 0, `${stoppedBy?.message} ${stoppedBy?.why}`);
    assert.equal(warnings.filter((text) => text.includes('could not be looked at')).length, 1, warnings.join('\n'));
  });
});
