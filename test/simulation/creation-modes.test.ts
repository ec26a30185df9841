/** Who makes the replacement, what is looked at before and after its first node, and who takes the source away. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createToolsPort } from '../../src/adapters/tools.ts';
import type { JournalEntry } from '../../src/domain/journal-entry.ts';
import type { MigrationPlan, PlanRequest } from '../../src/domain/plan.ts';
import { replacementPartsOf } from '../../src/domain/replacement-parts.ts';
import type { RunResult } from '../../src/engine/run.ts';
import type { Ports } from '../../src/ports/ports.ts';
import { hostWorld } from '../../src/simulator/host.ts';
import type { Scenario } from '../../src/simulator/scenario.ts';
import { eksctlOwned, terraformOwned } from '../../src/simulator/scenarios/owned.ts';
import { demoCluster, deployment, nodegroup, threeSubnets } from '../../src/simulator/scenarios/parts.ts';
import { drive } from '../../src/simulator/virtual-time.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { memoryJournal } from '../support/sample-plan.ts';
import { planFor, startProcess } from './migration.ts';

const subnets = threeSubnets();
const small = demoCluster({
  name: 'small',
  title: 'Three nodes with six pods',
  subnets,
  nodegroups: [
    nodegroup('apps', 3, subnets, {
      labels: { team: 'shop' },
      taints: [{ key: 'shop', value: 'yes', effect: 'PREFER_NO_SCHEDULE' }],
    }),
  ],
  workloads: [deployment('shop', 'web', 6)],
});

interface Played {
  world: World;
  plan: MigrationPlan;
  result: RunResult;
  entries: JournalEntry[];
  journal: ReturnType<typeof memoryJournal>;
}

async function play(
  scenario: Scenario,
  request: Partial<PlanRequest> = {},
  options: {
    tools?: (world: World) => Ports['tools'];
    meanwhile?: (world: World, plan: MigrationPlan) => Promise<void>;
  } = {},
): Promise<Played> {
  const world = createWorld(scenario, { seed: 7 });
  const plan = await planFor(world, request);
  assert.ok(plan.steps.length > 0, JSON.stringify(plan.findings));
  await options.meanwhile?.(world, plan);
  const journal = memoryJournal();
  const process = await startProcess(world, undefined, undefined, options.tools?.(world));
  const result = await process.run(plan, journal);
  assert.ok(result !== 'cut');
  return { world, plan, result, entries: journal.entries(), journal };
}

const detailOf = ({ result }: Played, stepId: string): string => result.state.steps[stepId]?.detail ?? '';
const notesOf = ({ entries }: Played): string[] =>
  entries.flatMap((entry) =>
    entry.type === 'step-progress' && entry.progress.kind === 'note' ? [entry.progress.message] : [],
  );
async function nodegroups(world: World): Promise<string[]> {
  const { ports } = await startProcess(world);
  return await drive(world.clock, ports.eks.listNodegroups(world.cluster.name));
}

/** What another tool does with the API of AWS some minutes after the start. */
function madeByAnother(change: (group: Parameters<Ports['eks']['createNodegroup']>[0]) => object = () => ({})) {
  return async (world: World, plan: MigrationPlan): Promise<void> => {
    const { ports } = await startProcess(world);
    const parts = replacementPartsOf(plan, 'apps');
    assert.ok(parts);
    const { launchTemplateName: _, source: __, ...group } = parts.group;
    const make = async (): Promise<void> => {
      const { data, userData } = parts.template;
      const template = await ports.ec2.createLaunchTemplate(
        { name: 'of-terraform', data, userData, tags: {} },
        'other',
      );
      const launchTemplate = { id: template.launchTemplateId, version: '1' };
      const request = { ...group, tags: { terraform: 'true' }, launchTemplate };
      await ports.eks.createNodegroup({ ...request, ...change(request) }, 'other-token');
    };
    world.clock.after(900_000, () => void make());
  };
}

describe('api', () => {
  test("EKS's own launch template is read before there is a node", async () => {
    const played = await play(small);
    assert.equal(played.result.exitCode, 0);
    assert.match(detailOf(played, 'compare-launch-template/apps'), /^maxPods 110 is in EKS's copy/);
    const order = played.entries.flatMap((entry) => (entry.type === 'step-succeeded' ? [entry.stepId] : []));
    const at = (stepId: string): number => order.indexOf(stepId);
    assert.ok(at('compare-launch-template/apps') < at('scale-replacement/apps/first'));
    assert.ok(at('verify-replacement/apps/first') < at('scale-replacement/apps'));
  });

  test("EKS's own number of pods goes over that of the plan: the first node shows it, and the rollback is offered", async () => {
    const world = createWorld({ ...small, eksMaxPodsWins: true }, { seed: 7 });
    const plan = await planFor(world, { maxPods: 64 });
    const journal = memoryJournal();
    const run = await (await startProcess(world)).run(plan, journal, { folder: 'DIR' });
    assert.ok(run !== 'cut');
    assert.equal(run.exitCode, 6);
    assert.equal(run.stoppedBy?.code, 'VERIFY.WRONG_MAX_PODS');
    assert.match(run.stoppedBy.message, /takes 110 pods, but the plan says 64/);
    assert.match(run.stoppedBy.nextActions.join('\n'), /^prefix-migrate rollback DIR/m);
    const { ports } = await startProcess(world);
    const nodes = await drive(world.clock, ports.kubernetes.listNodes(plan.nodegroups[0]?.replacement));
    assert.equal(nodes.length, 1, 'one node, and no more');
    const back = await (await startProcess(world)).run(plan, journal, { rollback: { kept: [] } });
    assert.ok(back !== 'cut');
    assert.equal(back.exitCode, 0);
    assert.deepEqual(await nodegroups(world), ['apps']);
  });
});

describe('external', () => {
  test('waits for the group that another process makes, and goes on with it', async () => {
    const played = await play(small, { createWith: 'external' }, { meanwhile: madeByAnother() });
    assert.equal(played.result.exitCode, 0);
    assert.match(notesOf(played).join('\n'), /prefix-migrate export .* --format terraform/);
    assert.match(detailOf(played, 'await-nodegroup/apps'), /ACTIVE, and as the plan wants it$/);
    assert.deepEqual(await nodegroups(played.world), [played.plan.nodegroups[0]?.replacement]);
    assert.ok(!played.plan.steps.some(({ kind }) => kind === 'scale-replacement' || kind === 'create-launch-template'));
  });

  test('a group that is not as planned is named field by field, and nothing has moved', async () => {
    const meanwhile = madeByAnother(() => ({ labels: { team: 'other' }, taints: [], instanceTypes: ['m5.xlarge'] }));
    const { result } = await play(small, { createWith: 'external' }, { meanwhile });
    assert.deepEqual([result.exitCode, result.stoppedBy?.code], [6, 'NODEGROUP.NOT_AS_PLANNED']);
    assert.match(result.stoppedBy?.message ?? '', /instance types is m5\.xlarge, wanted m5\.large/);
    assert.match(result.stoppedBy?.message ?? '', /label team is other, wanted shop/);
    assert.match(result.stoppedBy?.message ?? '', /taints is none, wanted shop=yes:PREFER_NO_SCHEDULE/);
  });

  test('nobody makes it: exit 6 after two hours, with the same instruction', async () => {
    const { result } = await play(small, { createWith: 'external' });
    assert.deepEqual([result.exitCode, result.stoppedBy?.code], [6, 'NODEGROUP.NOT_MADE']);
    assert.match(result.stoppedBy?.nextActions.join('\n') ?? '', /prefix-migrate export/);
  });

  test('a rollback empties it and hands it back', async () => {
    const world = createWorld(small, { seed: 7 });
    const plan = await planFor(world, { createWith: 'external' });
    await madeByAnother()(world, plan);
    const journal = memoryJournal();
    const run = await (await startProcess(world)).run(plan, journal, { until: 'soak' });
    assert.ok(run !== 'cut');
    assert.equal(run.exitCode, 0);
    const back = await (await startProcess(world)).run(plan, journal, { rollback: { kept: [] } });
    assert.ok(back !== 'cut');
    assert.equal(back.exitCode, 0, back.stoppedBy?.message);
    const [group] = plan.nodegroups;
    assert.deepEqual(await nodegroups(world), ['apps', group?.replacement]);
    assert.match(back.state.steps['undo/cleanup']?.detail ?? '', /empty and cordoned: this program did not make it/);
  });

  test('a role that other nodes joined with is not taken out of aws-auth', async () => {
    const scenario: Scenario = {
      ...small,
      nodeRolesIn: 'aws-auth',
      autoScalingGroups: [{ ...selfManaged, role: `${small.cluster.name}-node` }],
    };
    const meanwhile = madeByAnother(() => ({ nodeRole: 'arn:aws:iam::111122223333:role/other' }));
    const { result, world } = await play(scenario, { createWith: 'external', nodegroups: ['apps'] }, { meanwhile });
    assert.deepEqual([result.exitCode, result.stoppedBy?.code], [6, 'DELETE.ROLE_SHARED'], result.stoppedBy?.message);
    assert.match(result.stoppedBy?.nextActions.join('\n') ?? '', /aws eks create-access-entry .*--type EC2_LINUX/);
    assert.ok((await nodegroups(world)).includes('apps'));
  });
});

const selfManaged = {
  name: 'workers',
  scaling: { minSize: 1, maxSize: 2, desiredSize: 1 },
  subnetIds: subnets.map(({ subnetId }) => subnetId),
  instanceType: 'm5.large',
};

/** What somebody does who runs eksctl by hand. */
async function byHand(world: World, plan: MigrationPlan): Promise<void> {
  const parts = replacementPartsOf(plan, 'apps');
  assert.ok(parts);
  const scaling = { minSize: 0, maxSize: 4, desiredSize: 0 };
  await madeByAnother(() => ({ tags: parts.group.tags, scaling }))(world, plan);
}

describe('eksctl', () => {
  test('the installed program makes the group from the file', async (context) => {
    const folder = mkdtempSync(join(tmpdir(), 'fake-eksctl-'));
    context.after(() => rmSync(folder, { recursive: true }));
    const program = new URL('../support/fake-eksctl.ts', import.meta.url).href;
    const path = join(folder, 'eksctl');
    writeFileSync(path, `#!${process.execPath}\nimport(${JSON.stringify(program)});\n`);
    chmodSync(path, 0o755);
    const log: string[] = [];
    const world = createWorld(small, { seed: 7 });
    const hosted = await hostWorld(world);
    context.after(() => hosted.close());
    const plan = await planFor(world, { createWith: 'eksctl' });
    const tools = createToolsPort({ ...hosted.environment, PATH: folder }, (line) => log.push(line));
    const result = await (await startProcess(world, undefined, undefined, tools)).run(plan, memoryJournal());
    assert.ok(result !== 'cut');
    assert.equal(result.exitCode, 0, `${result.stoppedBy?.message}\n${log.join('\n')}`);
    assert.match(log.join('\n'), /eksctl: .*created 1 managed nodegroup/);
    assert.doesNotMatch(log.join('\n'), /IQoJb3JpZ2luX2VjEXAMPLE/);
    assert.match(result.state.steps['compare-launch-template/apps']?.detail ?? '', /^maxPods 110 is in EKS's copy/);
    assert.deepEqual(await nodegroups(world), [plan.nodegroups[0]?.replacement]);
  });

  test('not installed: the command is told, and a person runs it', async () => {
    const played = await play(small, { createWith: 'eksctl' }, { meanwhile: byHand });
    assert.equal(played.result.exitCode, 0, played.result.stoppedBy?.message);
    assert.match(
      notesOf(played).join('\n'),
      /somebody to run:\neksctl create nodegroup --config-file \S+ --include \S+ --timeout 60m$/m,
    );
  });

  test('it fails: exit 6 with its last words', async () => {
    const { result } = await play(
      small,
      { createWith: 'eksctl' },
      {
        tools: () => ({
          temporaryFile: async () => '/tmp/file',
          removeFile: async () => undefined,
          run: async () => ({ exitCode: 1, lastLines: ['creating stack', 'Error: no quota for nodes'] }),
        }),
      },
    );
    assert.deepEqual([result.exitCode, result.stoppedBy?.code], [6, 'EKSCTL.FAILED']);
    assert.match(result.stoppedBy?.message ?? '', /exit code 1.*Error: no quota for nodes/);
  });
});

describe('owners of the source', () => {
  test('of eksctl: deleted through its stack', async () => {
    const played = await play(eksctlOwned);
    assert.equal(played.result.exitCode, 0, played.result.stoppedBy?.message);
    const asked = played.world.log.writes().filter(({ operation }) => /:Delete/.test(operation));
    assert.deepEqual(
      asked.map(({ operation }) => operation),
      ['cloudformation:DeleteStack'],
    );
    assert.ok(!(await nodegroups(played.world)).includes('general'));
  });

  test('of eksctl, whose stack has made the node role: the group goes, and stack and role stay', async () => {
    const [stack] = eksctlOwned.stacks ?? [];
    assert.ok(stack);
    const played = await play({ ...eksctlOwned, stacks: [{ ...stack, ownsRole: true }] });
    assert.equal(played.result.exitCode, 0, played.result.stoppedBy?.message);
    assert.match(notesOf(played).join('\n'), /stack eksctl-demo-nodegroup-general stays: it has made role demo-node/);
    assert.ok(!(await nodegroups(played.world)).includes('general'));
  });

  const refusals: [string, object, RegExp][] = [
    ['protected', { terminationProtection: true }, /update-termination-protection --no-enable-termination-protection/],
    ['fails', { deletionFails: { logicalId: 'SSH', reason: 'it is in use' } }, /delete-stack --stack-name eksctl-demo/],
  ];
  for (const [name, change, action] of refusals) {
    test(`of eksctl, its stack ${name}: a person is asked`, async () => {
      const [stack] = eksctlOwned.stacks ?? [];
      assert.ok(stack);
      const { result } = await play({ ...eksctlOwned, stacks: [{ ...stack, ...change }] });
      assert.equal(result.exitCode, 6);
      assert.match(result.stoppedBy?.nextActions.join('\n') ?? '', action);
    });
  }

  test('of Terraform: drained, and left to it', async () => {
    const played = await play(terraformOwned);
    assert.equal(played.result.exitCode, 0, played.result.stoppedBy?.message);
    assert.match(
      detailOf(played, 'hand-over-source/general'),
      /left to Terraform .*terraform import .*terraform apply/,
    );
    assert.deepEqual(
      played.result.state.finished?.leftToOwners?.map(({ nodegroup: name }) => name),
      ['general'],
    );
    assert.ok((await nodegroups(played.world)).includes('general'));
  });

  test('of Terraform, and the person wants it deleted', async () => {
    const played = await play(terraformOwned, { allow: ['NODEGROUP.OWNED'] });
    assert.equal(played.result.exitCode, 0, played.result.stoppedBy?.message);
    assert.ok(!(await nodegroups(played.world)).includes('general'));
  });
});
