/** What `audit` says of a world in which the truth is known: before, in the middle of, and after a migration. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeReport } from '../../src/commands/actions/audit-cluster.ts';
import { fragmentedSubnet } from '../../src/simulator/scenarios/fragmented-subnet.ts';
import { healthy } from '../../src/simulator/scenarios/healthy.ts';
import { drive } from '../../src/simulator/virtual-time.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { survey } from '../../src/survey/survey.ts';
import { memoryJournal } from '../support/sample-plan.ts';
import { planFor, startProcess } from './migration.ts';

async function audit(world: World) {
  const { ports } = await startProcess(world);
  const snapshot = await drive(world.clock, survey(ports, { clusterName: world.cluster.name }));
  return makeReport(snapshot, { minFreePrefixes: 10, toolVersion: '0.0.0-test' });
}

const said = ({ findings }: Awaited<ReturnType<typeof audit>>) =>
  findings.map(({ severity, code, subject }) => `${severity} ${code} ${subject}`);
const modes = ({ nodes }: Awaited<ReturnType<typeof audit>>) =>
  nodes.map(({ group, mode, maxPods }) => `${group?.replace(/-pd-.*/, '-pd')} ${mode} ${maxPods}`).toSorted();
const times = (count: number, text: string): string[] => Array.from({ length: count }, () => text);

test('audit tells the truth before, during and after the migration of the healthy world, and changes nothing', async () => {
  const world = createWorld(healthy, { seed: 7 });

  world.log.clear();
  const before = await audit(world);
  assert.deepEqual(modes(before), [...times(4, 'general secondary 29'), ...times(2, 'memory secondary 29')]);
  assert.deepEqual(said(before), ['advice AUDIT.DELEGATION_OFF demo']);
  assert.match(before.findings[0]?.summary ?? '', /6 of 6 nodes could take 110 pods in place of 29/);
  assert.equal(before.healthy, true);
  assert.ok(before.nodes.every(({ pods }) => pods.secondary === pods.total && pods.total > 0));
  assert.ok(world.log.entries.length > 5);
  assert.deepEqual(world.log.writes(), [], 'it only reads');

  const plan = await planFor(world);
  const journal = memoryJournal();
  const verified = await (await startProcess(world)).run(plan, journal, { until: 'verify' });
  assert.ok(verified !== 'cut' && verified.exitCode === 0);
  const during = await audit(world);
  assert.deepEqual(modes(during), [
    ...times(4, 'general mixed 29'),
    ...times(4, 'general-pd prefix 110'),
    ...times(2, 'memory mixed 29'),
    ...times(2, 'memory-pd prefix 110'),
  ]);
  assert.deepEqual(said(during), ['warning AUDIT.OLDER_THAN_SWITCH general', 'warning AUDIT.OLDER_THAN_SWITCH memory']);
  assert.equal(during.healthy, false);

  const done = await (await startProcess(world)).run(plan, journal);
  assert.ok(done !== 'cut' && done.exitCode === 0);
  const after = await audit(world);
  assert.deepEqual(modes(after), [...times(4, 'general-pd prefix 110'), ...times(2, 'memory-pd prefix 110')]);
  assert.deepEqual(said(after), []);
  assert.equal(after.healthy, true);
  assert.ok(after.nodes.every(({ verdict, prefixes }) => verdict === 'fine' && prefixes > 0));
  const pods = (report: typeof after, of: 'prefix' | 'total') =>
    report.nodes.reduce((sum, node) => sum + node.pods[of], 0);
  assert.equal(pods(after, 'prefix'), pods(before, 'total'), 'every pod has its address from a prefix');
});

test('a fragmented subnet is told of before anybody moves', async () => {
  const report = await audit(createWorld(fragmentedSubnet, { seed: 7 }));
  assert.deepEqual(
    report.findings.map(({ severity, code }) => `${severity} ${code}`),
    ['advice AUDIT.DELEGATION_OFF', 'advice AUDIT.FEW_PREFIXES'],
  );
  const [subnet] = report.subnets;
  assert.ok(subnet && subnet.freePrefixes < 3 && subnet.freeAddresses > 100);
});
