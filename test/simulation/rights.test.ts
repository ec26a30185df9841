/** With exactly what `policy` prints a migration passes, and without one right of it the preflight says so beforehand. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { missingRights } from '../../src/commands/actions/missing-rights.ts';
import { type PolicyOptions, printPolicy } from '../../src/commands/actions/print-policy.ts';
import { sceneOf } from '../../src/commands/actions/rights-of-plan.ts';
import { writePlanFolder } from '../../src/composition.ts';
import { missingRightText } from '../../src/domain/missing-right.ts';
import type { AnyStep, MigrationPlan, PlanRequest } from '../../src/domain/plan.ts';
import { renderPlan } from '../../src/domain/plan-id.ts';
import type { IamPolicy, RbacObject } from '../../src/domain/policies.ts';
import { rights, tableRights, type Use } from '../../src/domain/rights.ts';
import { replay } from '../../src/domain/run-state.ts';
import { rollbackScopeNow } from '../../src/engine/rollback.ts';
import type { RunResult } from '../../src/engine/run.ts';
import { workOf } from '../../src/engine/work.ts';
import type { Scenario } from '../../src/simulator/scenario.ts';
import { eksctlOwned } from '../../src/simulator/scenarios/owned.ts';
import { budget, demoCluster, deployment, nodegroup, threeSubnets } from '../../src/simulator/scenarios/parts.ts';
import { selfManaged } from '../../src/simulator/scenarios/self-managed.ts';
import { drive } from '../../src/simulator/virtual-time.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { quietIo } from '../support/quiet-io.ts';
import { memoryJournal } from '../support/sample-plan.ts';
import { planFor, startProcess } from './migration.ts';

const subnets = threeSubnets();
const small = demoCluster({
  name: 'small',
  title: 'One node group over three zones',
  subnets,
  nodegroups: [nodegroup('apps', 3, subnets, { tags: { team: 'web' } })],
  workloads: [deployment('shop', 'web', 6), deployment('shop', 'cart', 1)],
  budgets: [budget('shop', 'web', { maxUnavailable: 2 })],
});
const request: Partial<PlanRequest> = { surge: ['shop/cart'], reserveSubnetCidr: true };

interface Printed {
  iam: IamPolicy;
  rbac: RbacObject[];
  placeholders: string[];
  notes: string[];
}

const folder = mkdtempSync(join(tmpdir(), 'rights-'));
after(() => rmSync(folder, { recursive: true }));

async function printed(options: Partial<PolicyOptions>): Promise<Printed> {
  const { io, results } = quietIo();
  await printPolicy(
    {
      target: undefined,
      phases: [],
      cluster: undefined,
      region: undefined,
      account: undefined,
      nodeRoles: [],
      state: { kind: 'file' },
      format: 'json',
      ...options,
    },
    io,
  );
  return JSON.parse(results.join(''));
}

const isUse = (name: string): name is Use => name in rights;

let folders = 0;
async function printedFor(plan: MigrationPlan): Promise<Printed> {
  const target = join(folder, String(++folders));
  await writePlanFolder(target, { 'plan.json': renderPlan(plan) });
  return printed({ target });
}

const attach = (world: World, { iam, rbac }: Pick<Printed, 'iam' | 'rbac'>): void =>
  world.setRights('administrator', { policy: iam, rbac, groups: ['prefix-migrate'] });

/** A world whose caller may plan and nothing else, with the plan that it made. */
async function planned(
  scenario: Scenario = small,
  wanted: Partial<PlanRequest> = request,
): Promise<{ world: World; plan: MigrationPlan }> {
  const world = createWorld(scenario, { seed: 1 });
  const { name, region, accountId } = world.cluster;
  attach(world, await printed({ phases: ['plan'], cluster: name, region, account: accountId }));
  const plan = await planFor(world, wanted);
  assert.equal(refused(world), '');
  return { world, plan };
}

/** Operations of all stories, as the table of rights names them, by what did them. */
const seen = new Set<string>();
const kinds = new Set<Use>(['look', 'surroundings', 'rights', 'lock']);
function note({ log }: World, steps: readonly AnyStep[] = []): void {
  for (const { operation } of log.entries) seen.add(operation.replace(/^k8s:/, ''));
  for (const { kind } of steps) kinds.add(kind);
}

/** Requests that were refused for a missing right. */
const refused = (world: World): string =>
  world.log.entries
    .filter(({ status }) => status === 403)
    .map(({ operation, path }) => `${operation} ${path}`)
    .join('\n');

function succeeded(result: RunResult | 'cut'): void {
  assert.ok(result !== 'cut');
  assert.equal(result.exitCode, 0, `${result.stoppedBy?.code}: ${result.stoppedBy?.message} ${result.stoppedBy?.why}`);
}

describe('with what policy prints and nothing more', () => {
  test('plan, apply, a kill in between, apply', async () => {
    const { world, plan } = await planned();
    const policy = await printedFor(plan);
    assert.deepEqual(policy.placeholders, []);
    attach(world, policy);
    const journal = memoryJournal();
    assert.equal(await (await startProcess(world, 300)).run(plan, journal), 'cut');
    succeeded(await (await startProcess(world)).run(plan, journal));
    assert.equal(refused(world), '');
    note(world, plan.steps);
  });

  test('plan, apply up to the soak, rollback', async () => {
    const { world, plan } = await planned();
    attach(world, await printedFor(plan));
    const journal = memoryJournal();
    succeeded(await (await startProcess(world)).run(plan, journal, { until: 'soak' }));
    const { ports, ...process } = await startProcess(world);
    const state = replay(plan, (await journal.read()).lines);
    const rollback = await drive(world.clock, rollbackScopeNow(plan, state, ports));
    succeeded(await process.run(plan, journal, { rollback }));
    assert.equal(refused(world), '');
    note(world, workOf(plan, state, rollback).steps);
  });
});

describe('with what policy prints for sources of other kinds', () => {
  const sources: [string, Scenario, Partial<PlanRequest>, string[]][] = [
    ['of eksctl: its stack goes, with the template in it', eksctlOwned, {}, ['cloudformation:DeleteStack']],
    ['empty nodes of it are ended', small, { releaseNodes: true }, ['autoscaling:TerminateInstanceInAutoScalingGroup']],
    [
      'of its own, whose empty nodes are ended',
      selfManaged,
      { nodegroups: ['asg/workers.blue'], releaseNodes: true },
      ['autoscaling:TerminateInstanceInAutoScalingGroup', 'autoscaling:UpdateAutoScalingGroup'],
    ],
    ['of its own', selfManaged, { nodegroups: ['asg/workers.blue'] }, ['autoscaling:DeleteAutoScalingGroup']],
  ];
  for (const [name, scenario, wanted, operations] of sources) {
    test(name, async () => {
      const { world, plan } = await planned(scenario, wanted);
      attach(world, await printedFor(plan));
      succeeded(await (await startProcess(world)).run(plan, memoryJournal()));
      assert.equal(refused(world), '');
      for (const operation of operations) assert.ok(world.log.of(operation).length > 0, operation);
      note(world);
    });
  }

  test('without the right to end nodes they stay until their group goes, which is said once', async () => {
    const { world, plan } = await planned(small, { releaseNodes: true });
    const { iam, ...policy } = await printedFor(plan);
    const right = 'autoscaling:TerminateInstanceInAutoScalingGroup';
    const Statement = iam.Statement.filter(({ Action }) => !Action.includes(right));
    assert.notEqual(Statement.length, iam.Statement.length);
    attach(world, { ...policy, iam: { ...iam, Statement } });
    const journal = memoryJournal();
    succeeded(await (await startProcess(world)).run(plan, journal));
    assert.deepEqual(
      world.log.of(right).map(({ status }) => status),
      [403],
    );
    assert.equal(journal.text.split('"outcome":"denied"').length, 2);
  });

  test('without the template of the stack it stays, and the stack says why', async () => {
    const { world, plan } = await planned(eksctlOwned, {});
    const { iam, ...policy } = await printedFor(plan);
    const Statement = iam.Statement.filter(({ Sid }) => !Sid.startsWith('StackTemplate'));
    assert.notEqual(Statement.length, iam.Statement.length);
    attach(world, { ...policy, iam: { ...iam, Statement } });
    const result = await (await startProcess(world)).run(plan, memoryJournal());
    assert.ok(result !== 'cut');
    assert.deepEqual([result.exitCode, result.stoppedBy?.code], [6, 'DELETE.STACK_FAILED']);
    assert.match(result.stoppedBy?.message ?? '', /not authorized to perform: ec2:DeleteLaunchTemplate/);
  });
});

describe('the table of rights', () => {
  /** No right is needed, or every known caller has it. */
  const free = /^(sts:GetCallerIdentity|get \/.*|create selfsubjectaccessreviews)$/;

  test('has every request of plan, audit, apply and rollback', async () => {
    const { world } = await planned();
    // an audit is the same look
    note(world);
    const all = new Set(tableRights(Object.keys(rights).filter(isUse)).map(({ action }) => action));
    assert.deepEqual(
      [...seen].filter((operation) => !all.has(operation) && !free.test(operation)),
      [],
    );
  });

  test('has nothing that they never use, but what is named as optional', () => {
    const unused = tableRights([...kinds]).filter(({ when, action }) => when === null && !seen.has(action));
    // what is asked of whoever sends another request, and is no request by itself
    assert.deepEqual(
      unused.map(({ use, action }) => `${use}: ${action}`),
      [
        'reserve-subnet-cidr: ec2:CreateTags',
        'create-launch-template: ec2:CreateTags',
        'create-nodegroup: eks:TagResource',
        'create-nodegroup: iam:PassRole',
      ],
    );
  });

  test('has every call that the AWS adapters can make', () => {
    const services = {
      'auto-scaling': 'autoscaling',
      cloudformation: 'cloudformation',
      ec2: 'ec2',
      eks: 'eks',
      iam: 'iam',
    };
    const calls = Object.entries(services).flatMap(([file, service]) => {
      const text = readFileSync(new URL(`../../src/adapters/aws/client-${file}.ts`, import.meta.url), 'utf8');
      return [...text.matchAll(/\b(\w+)Command\b/g)].map(([, name]) => `${service}:${name}`);
    });
    const all = new Set(tableRights(Object.keys(rights).filter(isUse)).map(({ action }) => action));
    // the port offers it, and nothing asks for it
    assert.deepEqual(
      calls.filter((call) => !all.has(call)),
      ['eks:ListUpdates'],
    );
  });
});

describe('the preflight', async () => {
  const { world, plan } = await planned();
  const policy = await printedFor(plan);
  const scene = sceneOf(plan, { kind: 'file' });
  const { ports } = await startProcess(world);
  const { arn } = await drive(world.clock, ports.identity.caller());
  const ask = async (): Promise<string[]> => {
    world.log.clear();
    const missing = await drive(world.clock, missingRights(ports, arn, scene, plan.steps));
    assert.deepEqual(world.log.writes(), []);
    return missing.map(missingRightText);
  };

  test('finds nothing when all is there', async () => {
    attach(world, policy);
    assert.deepEqual(await ask(), []);
  });

  /** Of the policy of the plan's own steps, what somebody can be asked about. */
  const askable = /^(eks:(Create|Update|Delete|Tag)|autoscaling:S|iam:PassRole|ec2:Create(LaunchTemplate|Subnet|Tags))/;
  const actions = [...new Set(policy.iam.Statement.flatMap(({ Action }) => Action))].filter((name) =>
    askable.test(name),
  );
  test(`names each of ${actions.length} actions of AWS that is missing`, async () => {
    assert.ok(actions.length >= 9, actions.join());
    for (const action of actions) {
      const Statement = policy.iam.Statement.map((one) => ({
        ...one,
        Action: one.Action.filter((each) => each !== action),
      }));
      attach(world, { ...policy, iam: { ...policy.iam, Statement } });
      const found = await ask();
      assert.ok(found.length > 0 && found.every((text) => text.startsWith(action)), `${action}: ${found.join('; ')}`);
    }
  });

  const verbs = policy.rbac.flatMap(({ rules = [], metadata: { namespace } }, object) =>
    rules.flatMap(({ resources, verbs: own }, rule) =>
      resources.flatMap((resource) => own.map((verb) => ({ object, rule, resource, verb, namespace }))),
    ),
  );
  /** Those that a look has proved already, or that only sometimes count. */
  const unasked = new Set(['list', 'get configmaps', 'get daemonsets', 'get nodes', 'get pods']);
  const asked = verbs.filter(({ verb, resource }) => !unasked.has(verb) && !unasked.has(`${verb} ${resource}`));
  test(`names each of ${asked.length} verbs of Kubernetes that is missing`, async () => {
    assert.ok(asked.length >= 12, JSON.stringify(asked));
    for (const { object, rule, resource, verb, namespace } of asked) {
      const rbac = structuredClone(policy.rbac);
      const rules = rbac[object]?.rules ?? [];
      const found = rules[rule];
      assert.ok(found);
      rules.push({ ...found, resources: [resource], verbs: found.verbs.filter((each) => each !== verb) });
      found.resources = found.resources.filter((each) => each !== resource);
      attach(world, { iam: policy.iam, rbac });
      const texts = await ask();
      const named = texts.filter((text) => text.startsWith(`${verb} ${resource}`));
      assert.ok(named.length === 1 && texts.length === 1, `${verb} ${resource} ${namespace}: ${texts.join('; ')}`);
    }
  });

  test('what nobody answers is not missing', async () => {
    world.setRights('administrator', { policy: { Statement: [] }, rbac: policy.rbac, groups: ['prefix-migrate'] });
    const found = await ask();
    // IAM may not be asked either; EC2 speaks for itself
    assert.deepEqual(
      found.map((text) => text.split(',')[0]),
      ['ec2:CreateLaunchTemplate', 'ec2:CreateSubnetCidrReservation'].slice(0, found.length),
    );
    assert.ok(found.length > 0);
  });
});
