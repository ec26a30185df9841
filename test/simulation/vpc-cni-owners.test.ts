/** Whole migrations of clusters whose aws-node is no plain EKS add-on, and of add-ons that somebody changed by hand. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { MigrationPlan } from '../../src/domain/plan.ts';
import type { DaemonSet } from '../../src/simulator/kubernetes/objects.ts';
import type { VpcCniSpec } from '../../src/simulator/scenario.ts';
import { healthy } from '../../src/simulator/scenarios/healthy.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { memoryJournal } from '../support/sample-plan.ts';
import { planFor, startProcess } from './migration.ts';

const version = 'v1.19.2-eksbuild.1';
const worldWith = (vpcCni: Omit<VpcCniSpec, 'version'>): World =>
  createWorld({ ...healthy, vpcCni: { version, ...vpcCni } }, { seed: 3 });
const blockers = ({ findings }: MigrationPlan) =>
  findings.filter(({ severity, allowed }) => severity === 'blocking' && !allowed).map(({ subject }) => subject);
const first = ({ steps }: MigrationPlan) => steps.find(({ kind }) => kind.endsWith('vpc-cni'));

function envOf(world: World): Record<string, string | undefined> {
  const set = world.store.get<DaemonSet>('daemonsets', 'kube-system', 'aws-node');
  const [container] = set?.spec.template.spec.containers ?? [];
  return Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, value]));
}

/** What another person or program does with the DaemonSet. */
async function patch(world: World, manager: string, env: Record<string, string | null>): Promise<void> {
  const variables = Object.entries(env).map(([name, value]) =>
    value === null ? { name, $patch: 'delete' } : { name, value },
  );
  const { status } = await world.kubernetes({
    method: 'PATCH',
    path: `/apis/apps/v1/namespaces/kube-system/daemonsets/aws-node?fieldManager=${manager}`,
    headers: {
      authorization: `Bearer ${world.administrator.token}`,
      'content-type': 'application/strategic-merge-patch+json',
    },
    body: JSON.stringify({
      spec: { template: { spec: { containers: [{ name: 'aws-node', env: variables }] } } },
    }),
  });
  assert.equal(status, 200);
}

type ApplyOptions = { until?: 'prepare' | 'create'; drift?: boolean };

async function apply(world: World, plan: MigrationPlan, journal = memoryJournal(), options: ApplyOptions = {}) {
  const run = await (await startProcess(world)).run(plan, journal, options);
  assert.ok(run !== 'cut');
  return { ...run, journal };
}

async function migrated(world: World, plan: MigrationPlan): Promise<void> {
  const { outcome } = await world.snapshotOfState();
  assert.deepEqual(
    Object.keys(outcome.nodegroups).toSorted(),
    plan.nodegroups.map((one) => one.replacement).toSorted(),
  );
  assert.equal(world.stats().budgetViolations, 0);
}

const updates = (world: World) => world.log.writes().filter(({ operation }) => operation === 'eks:UpdateAddon');
const patches = (world: World) => world.log.writes().filter(({ operation }) => /daemonsets/.test(operation));

test('self-managed: the DaemonSet is patched, and the nodes follow', async () => {
  const world = worldWith({ managedBy: 'self-managed' });
  const plan = await planFor(world);
  assert.deepEqual(
    [plan.vpcCni.owner.tool, plan.vpcCni.how, first(plan)?.kind, blockers(plan)],
    ['nobody', 'patch-daemon-set', 'patch-vpc-cni', []],
  );
  const { exitCode } = await apply(world, plan);
  assert.equal(exitCode, 0);
  assert.equal(envOf(world)['ENABLE_PREFIX_DELEGATION'], 'true');
  assert.deepEqual([updates(world).length, patches(world).length], [0, 1]);
  await migrated(world, plan);
});

test('self-managed: what somebody changed after the plan is left alone', async () => {
  const world = worldWith({ managedBy: 'self-managed' });
  const plan = await planFor(world, { warmIpTarget: 5 });
  await patch(world, 'kubectl-set', { WARM_IP_TARGET: '30' });
  const { exitCode, stoppedBy } = await apply(world, plan, memoryJournal(), { drift: false });
  assert.deepEqual([exitCode, stoppedBy?.code], [6, 'CNI.SETTING_CHANGED']);
  assert.match(stoppedBy?.message ?? '', /WARM_IP_TARGET=30 by kubectl-set/);
  assert.equal(envOf(world)['ENABLE_PREFIX_DELEGATION'], 'false');
});

describe('switched off again in the middle of a migration', () => {
  for (const [until, creations] of [
    ['prepare', 0],
    ['create', 1],
  ] as const) {
    test(`after ${until}: stops at once, and goes on when it is on again`, async () => {
      const world = worldWith({ managedBy: 'self-managed' });
      const plan = await planFor(world);
      const { exitCode, journal } = await apply(world, plan, memoryJournal(), { until });
      assert.equal(exitCode, 0);
      await patch(world, 'argocd-controller', { ENABLE_PREFIX_DELEGATION: 'false' });

      const began = world.clock.now();
      const stopped = await apply(world, plan, journal, { drift: false });
      assert.deepEqual([stopped.exitCode, stopped.stoppedBy?.code], [6, 'CNI.SWITCHED_BACK']);
      assert.match(stopped.stoppedBy?.message ?? '', /=false, set by argocd-controller/);
      assert.ok(world.clock.now() - began < 60_000, 'at once');
      const made = world.log.writes().filter(({ operation }) => operation === 'eks:CreateNodegroup');
      assert.equal(made.length, creations * plan.nodegroups.length);

      await patch(world, 'argocd-controller', { ENABLE_PREFIX_DELEGATION: 'true' });
      assert.equal((await apply(world, plan, journal)).exitCode, 0);
      await migrated(world, plan);
    });
  }
});

describe('Helm', () => {
  test('apply waits until the release has changed, and changes nothing there itself', async () => {
    const world = worldWith({ managedBy: 'helm' });
    const plan = await planFor(world);
    assert.deepEqual(plan.vpcCni.owner, {
      tool: 'helm',
      name: 'kube-system/aws-vpc-cni',
      evidence: 'annotation meta.helm.sh/release-name',
      chartVersion: '1.19.2',
    });
    const command =
      'helm upgrade aws-vpc-cni eks/aws-vpc-cni --namespace kube-system --version 1.19.2 --reuse-values --set-string env.ENABLE_PREFIX_DELEGATION=true --set-string env.WARM_PREFIX_TARGET=1';
    assert.ok(plan.vpcCni.instructions[0]?.endsWith(command), plan.vpcCni.instructions[0]);
    assert.ok(plan.findings.some(({ code, severity }) => code === 'CNI.MANAGED_ELSEWHERE' && severity === 'warning'));

    world.clock.after(20 * 60_000, () => void patch(world, 'helm', { ENABLE_PREFIX_DELEGATION: 'true' }));
    const began = world.clock.now();
    const { exitCode, journal } = await apply(world, plan);
    assert.equal(exitCode, 0);
    const lines = journal.entries();
    const notes = lines.flatMap((entry) =>
      entry.type === 'step-progress' && entry.progress.kind === 'note' ? [entry.progress.message] : [],
    );
    assert.equal(notes.filter((note) => note.endsWith(command)).length, 1, 'told once');
    assert.ok(world.clock.now() - began > 20 * 60_000);
    assert.deepEqual(
      patches(world).map(({ path }) => path.includes('fieldManager=helm')),
      [true],
    );
    await migrated(world, plan);
  });

  test('the wait ends after two hours, and another run goes on and tells it again', async () => {
    const world = worldWith({ managedBy: 'helm' });
    const plan = await planFor(world);
    const began = world.clock.now();
    const { exitCode, stoppedBy, journal } = await apply(world, plan);
    assert.deepEqual([exitCode, stoppedBy?.code], [6, 'CNI.OWNER_DID_NOT_CHANGE']);
    assert.ok(stoppedBy?.nextActions.some((action) => action.includes('helm upgrade aws-vpc-cni')));
    assert.ok(world.clock.now() - began >= 2 * 3_600_000);
    assert.equal(world.log.writes().filter(({ operation }) => operation === 'eks:CreateNodegroup').length, 0);

    world.clock.after(60_000, () => void patch(world, 'helm', { ENABLE_PREFIX_DELEGATION: 'true' }));
    assert.equal((await apply(world, plan, journal, { until: 'prepare' })).exitCode, 0);
    const told = journal.entries().filter((entry) => JSON.stringify(entry).includes('helm upgrade aws-vpc-cni'));
    assert.equal(told.filter(({ type }) => type === 'step-progress').length, 2);
  });
});

test('add-on of a CloudFormation stack: changed all the same, with a warning that has the whole configuration', async () => {
  const world = worldWith({
    managedBy: 'eks-addon',
    configurationValues: 'env:\n  AWS_VPC_K8S_CNI_LOGLEVEL: INFO\n',
    tags: { 'aws:cloudformation:stack-name': 'network' },
  });
  const plan = await planFor(world);
  assert.deepEqual(
    [plan.vpcCni.owner.tool, plan.vpcCni.owner.name, plan.vpcCni.how],
    ['cloudformation', 'network', 'update-addon'],
  );
  const warning = plan.findings.find(({ code }) => code === 'CNI.MANAGED_ELSEWHERE');
  assert.deepEqual(warning?.nextActions, [
    `Set in resource AWS::EKS::Addon of stack network: ConfigurationValues: '{"env":{"AWS_VPC_K8S_CNI_LOGLEVEL":"INFO","ENABLE_PREFIX_DELEGATION":"true","WARM_PREFIX_TARGET":"1"}}'`,
  ]);
  assert.equal((await apply(world, plan, memoryJournal(), { until: 'prepare' })).exitCode, 0);
  assert.equal(envOf(world)['AWS_VPC_K8S_CNI_LOGLEVEL'], 'INFO');
});

describe('an add-on with settings by hand', () => {
  test('what EKS would overwrite blocks, and is adopted with --allow: NONE succeeds and the value stays', async () => {
    const world = worldWith({ managedBy: 'eks-addon', setByHand: { AWS_VPC_K8S_CNI_EXTERNALSNAT: 'true' } });
    assert.deepEqual(blockers(await planFor(world)), ['aws-node AWS_VPC_K8S_CNI_EXTERNALSNAT']);
    const plan = await planFor(world, { allow: ['CNI.CONFIG_CONFLICT'] });
    assert.deepEqual(blockers(plan), []);
    assert.deepEqual(
      plan.vpcCni.settings.find(({ name }) => name === 'AWS_VPC_K8S_CNI_EXTERNALSNAT'),
      {
        name: 'AWS_VPC_K8S_CNI_EXTERNALSNAT',
        configured: null,
        live: 'true',
        setBy: 'kubectl-set',
        target: 'true',
        change: 'adopt',
      },
    );
    assert.equal((await apply(world, plan, memoryJournal(), { until: 'prepare' })).exitCode, 0);
    assert.deepEqual(
      [envOf(world)['AWS_VPC_K8S_CNI_EXTERNALSNAT'], envOf(world)['ENABLE_PREFIX_DELEGATION']],
      ['true', 'true'],
    );
  });

  test('without --allow the update would really have failed: EKS says the same', async () => {
    const world = worldWith({ managedBy: 'eks-addon', setByHand: { AWS_VPC_K8S_CNI_EXTERNALSNAT: 'true' } });
    const { exitCode, stoppedBy } = await apply(world, await planFor(world), memoryJournal(), { until: 'prepare' });
    assert.deepEqual([exitCode, stoppedBy?.code], [6, 'CNI.CONFIG_CONFLICT']);
    assert.match(stoppedBy?.message ?? '', /AWS_VPC_K8S_CNI_EXTERNALSNAT \(set by kubectl-set\)/);
  });

  test('true and false again is still theirs; removing it is the way out, and after that the plan runs', async () => {
    const world = worldWith({ managedBy: 'eks-addon' });
    await patch(world, 'kubectl-set', { ENABLE_PREFIX_DELEGATION: 'true' });
    await patch(world, 'kubectl-set', { ENABLE_PREFIX_DELEGATION: 'false' });
    const plan = await planFor(world);
    const conflict = plan.findings.find(({ code }) => code === 'CNI.CONFIG_CONFLICT');
    assert.deepEqual([conflict?.subject, conflict?.canBeAllowed], ['aws-node ENABLE_PREFIX_DELEGATION', false]);
    assert.match(
      conflict?.nextActions[0] ?? '',
      /^kubectl -n kube-system set env daemonset\/aws-node --containers aws-node ENABLE_PREFIX_DELEGATION-/,
    );
    const asked = await planFor(world, { allow: ['CNI.CONFIG_CONFLICT'] });
    assert.deepEqual(blockers(asked), ['aws-node ENABLE_PREFIX_DELEGATION'], '--allow does not cover it');
    const { stoppedBy } = await apply(world, plan, memoryJournal(), { until: 'prepare' });
    assert.equal(stoppedBy?.code, 'CNI.CONFIG_CONFLICT', 'EKS says the same');

    await patch(world, 'kubectl-set', { ENABLE_PREFIX_DELEGATION: null });
    world.clock.advance(120_000);
    const again = await planFor(world);
    assert.deepEqual(blockers(again), []);
    assert.equal((await apply(world, again, memoryJournal(), { until: 'prepare' })).exitCode, 0);
  });

  test('what EKS does not write stays, keeps acting and is shown', async () => {
    const world = worldWith({ managedBy: 'eks-addon', setByHand: { WARM_IP_TARGET: '20' } });
    const plan = await planFor(world);
    assert.deepEqual(blockers(plan), []);
    assert.deepEqual(
      plan.vpcCni.settings.find(({ name }) => name === 'WARM_IP_TARGET'),
      { name: 'WARM_IP_TARGET', configured: null, live: '20', setBy: 'kubectl-set', target: '20', change: 'none' },
    );
    assert.equal((await apply(world, plan, memoryJournal(), { until: 'prepare' })).exitCode, 0);
    assert.equal(envOf(world)['WARM_IP_TARGET'], '20');
  });
});

test('EKS add-on: a setting that its version does not know stops the plan, by the schema that EKS shows', async () => {
  const world = createWorld({ ...healthy, vpcCni: { managedBy: 'eks-addon', version: 'v1.12.6-eksbuild.2' } });
  const codes = async (request: Parameters<typeof planFor>[1]) =>
    (await planFor(world, request)).findings
      .filter(({ code }) => code === 'CNI.SETTING_REFUSED')
      .map((one) => one.subject);
  assert.deepEqual(await codes({}), []);
  assert.deepEqual(await codes({ warmIpTarget: 5 }), ['vpc-cni WARM_IP_TARGET']);
});
