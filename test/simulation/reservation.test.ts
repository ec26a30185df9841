import assert from 'node:assert/strict';
import { test } from 'node:test';
import { contains, parseCidr } from '../../src/domain/addresses.ts';
import type { MigrationPlan, Step } from '../../src/domain/plan.ts';
import { initialRunState } from '../../src/domain/run-state.ts';
import type { SubnetCidrReservation } from '../../src/ports/ec2.ts';
import type { Ports } from '../../src/ports/ports.ts';
import type { Scenario, SubnetSpec } from '../../src/simulator/scenario.ts';
import { budget, demoCluster, deployment, nodegroup } from '../../src/simulator/scenarios/parts.ts';
import { drive } from '../../src/simulator/virtual-time.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { releaseSubnetCidr } from '../../src/steps/release-subnet-cidr.ts';
import { reserveSubnetCidr } from '../../src/steps/reserve-subnet-cidr.ts';
import { memoryJournal } from '../support/sample-plan.ts';
import { planFor, startProcess } from './migration.ts';

const subnet: SubnetSpec = {
  subnetId: 'subnet-0f4a6d3e7c2b1a098',
  cidr: '10.0.8.0/22',
  availabilityZone: 'us-west-2a',
  foreignAddresses: [
    { kind: 'network_load_balancer', address: '10.0.8.40' },
    { kind: 'vpc_endpoint', address: '10.0.9.200' },
    { kind: 'lambda', address: '10.0.10.77' },
  ],
};
/** Old nodes whose single addresses lie all over the subnet. */
const scenario: Scenario = demoCluster({
  name: 'fragmented',
  title: '',
  subnets: [subnet],
  nodegroups: [nodegroup('general', 2, [subnet])],
  workloads: [deployment('shop', 'web', 8)],
  budgets: [budget('shop', 'web', { maxUnavailable: 2 })],
});
const seed = 7;
const request = { reserveSubnetCidr: true, order: 'safe-flip' as const };

type Reserve = Step<'reserve-subnet-cidr'>;
const reserveSteps = ({ steps }: MigrationPlan): Reserve[] =>
  steps.flatMap((step) => (step.kind === 'reserve-subnet-cidr' ? [step] : []));

async function look(
  world: World,
): Promise<{ ports: Ports; reservations: SubnetCidrReservation[]; prefixes: string[] }> {
  const { ports } = await startProcess(world);
  const [reservations, interfaces] = await drive(
    world.clock,
    Promise.all([
      ports.ec2.subnetCidrReservations(subnet.subnetId),
      ports.ec2.networkInterfacesOfSubnets([subnet.subnetId]),
    ]),
  );
  return { ports, reservations: reservations ?? [], prefixes: interfaces.flatMap((one) => one.prefixes) };
}

test('a migration reserves first, takes its prefixes from there, and can give the ranges back', async () => {
  const world = createWorld(scenario, { seed });
  const plan = await planFor(world, request);
  const planned = reserveSteps(plan);
  const ranges = planned.map(({ params }) => params.cidr);
  assert.ok(ranges.length > 0);
  assert.deepEqual(plan.steps.slice(0, ranges.length), planned);
  for (const { kind, id, dependsOn } of plan.steps) {
    if (kind !== 'configure-vpc-cni' && kind !== 'create-nodegroup') continue;
    assert.ok(
      planned.every((step) => dependsOn.includes(step.id)),
      `${id} waits for the reservations`,
    );
  }
  assert.ok(plan.subnets.every(({ fits }) => fits));
  const last = plan.steps.at(-1);
  assert.deepEqual(
    last?.kind === 'cleanup' && last.params.reserved,
    planned.map(({ params }) => `${params.cidr} of ${subnet.subnetId}`),
  );

  const run = await startProcess(world);
  const result = await run.run(plan, memoryJournal());
  assert.ok(result !== 'cut' && result.exitCode === 0, JSON.stringify(result));
  const { ports, reservations, prefixes } = await look(world);
  const tags = planned[0]?.params.tags;
  assert.deepEqual(
    reservations.map(({ id: _id, ...reservation }) => reservation).toSorted(byCidr),
    ranges.map((cidr) => ({ cidr, type: 'prefix', tags })).toSorted(byCidr),
  );
  assert.ok(prefixes.length >= 4, `${prefixes.length} prefixes`);
  const reserved = ranges.map((cidr) => parseCidr(cidr) ?? assert.fail());
  for (const prefix of prefixes) {
    const { first } = parseCidr(prefix) ?? assert.fail();
    assert.ok(
      reserved.some((range) => contains(range, first)),
      `${prefix} is in ${ranges.join(', ')}`,
    );
  }

  const context = { planId: plan.planId, clusterName: plan.cluster.name, state: initialRunState(plan) };
  for (const step of planned) {
    const inverse = reserveSubnetCidr.undo(step);
    assert.ok(inverse?.kind === 'release-subnet-cidr');
    const observe = () => drive(world.clock, releaseSubnetCidr.observe(inverse, ports, context));
    assert.equal((await observe()).kind, 'actionable');
    await drive(
      world.clock,
      releaseSubnetCidr.act(inverse, ports, {
        ...context,
        token: 'token',
        signal: new AbortController().signal,
        pollIntervalMilliseconds: 5000,
        progress: async () => undefined,
        drainStatus: () => undefined,
      }),
    );
    assert.equal((await observe()).kind, 'satisfied');
  }
  const after = await look(world);
  assert.deepEqual([after.reservations, after.prefixes], [[], prefixes]);
});

test('without the flag nothing is reserved', async () => {
  assert.deepEqual(reserveSteps(await planFor(createWorld(scenario, { seed }))), []);
});

test('cut at any place on the way to the reservations, each is made once', async () => {
  const plan = await planFor(createWorld(scenario, { seed }), request);
  const ranges = reserveSteps(plan)
    .map(({ params }) => params.cidr)
    .toSorted();
  const migrate = async (cut?: number) => {
    const world = createWorld(scenario, { seed });
    const journal = memoryJournal();
    const first = await startProcess(world, cut);
    if (cut !== undefined) {
      assert.equal(await first.run(plan, journal, { until: 'prepare' }), 'cut');
    }
    const last = cut === undefined ? first : await startProcess(world);
    const result = await last.run(plan, journal, { until: 'prepare' });
    assert.ok(result !== 'cut' && result.exitCode === 0, JSON.stringify(result));
    assert.deepEqual((await look(world)).reservations.map(({ cidr }) => cidr).toSorted(), ranges);
    const asked = world.log.of('ec2:CreateSubnetCidrReservation').length;
    return { places: first.places, asked };
  };
  const { places, asked } = await migrate();
  assert.equal(asked, ranges.length);
  const end = places.indexOf('before eks:UpdateAddon');
  assert.ok(end > 0);
  for (let cut = 0; cut <= end; cut += 1) {
    assert.ok((await migrate(cut)).asked <= ranges.length + 1, `cut ${places[cut]}`);
  }
});

const byCidr = (a: { cidr: string }, b: { cidr: string }): number => (a.cidr < b.cidr ? -1 : 1);
