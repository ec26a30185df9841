/** Images of every family: what nodes boot with is what the plan says, and nothing of the source's user data is lost or told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MigrationPlan, PlanRequest } from '../../src/domain/plan.ts';
import type { Node } from '../../src/simulator/kubernetes/objects.ts';
import type { Scenario } from '../../src/simulator/scenario.ts';
import { bottlerocket } from '../../src/simulator/scenarios/bottlerocket.ts';
import { customImage } from '../../src/simulator/scenarios/custom-image.ts';
import { budget, demoCluster, deployment, nodegroup, threeSubnets } from '../../src/simulator/scenarios/parts.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { memoryJournal } from '../support/sample-plan.ts';
import { planFor, startProcess } from './migration.ts';

const nodesOf = (world: World, nodegroupName: string): Node[] =>
  world.store
    .list<Node>('nodes')
    .filter(({ metadata }) => metadata.labels?.['eks.amazonaws.com/nodegroup'] === nodegroupName);

/** User data that instances of the group were started with. */
const userDataOf = (world: World, nodegroupName: string): string => {
  const names = nodesOf(world, nodegroupName).map(({ metadata }) => metadata.name);
  return [...world.ec2.instances.values()].find(({ privateDnsName }) => names.includes(privateDnsName))?.userData ?? '';
};

interface Run {
  world: World;
  plan: MigrationPlan;
  journal: string;
  stopped: string | undefined;
  exitCode: number;
}

async function migrate(scenario: Scenario, request: Partial<PlanRequest> = {}): Promise<Run> {
  const world = createWorld(scenario, { seed: 1 });
  const plan = await planFor(world, request);
  assert.deepEqual(
    plan.findings.filter(({ severity, allowed }) => severity === 'blocking' && !allowed),
    [],
  );
  const journal = memoryJournal();
  const run = await (await startProcess(world)).run(plan, journal);
  assert.ok(run !== 'cut');
  const stopped = run.stoppedBy && `${run.stoppedBy.code}: ${run.stoppedBy.message} ${run.stoppedBy.why}`;
  return { world, plan, journal: journal.text, stopped, exitCode: run.exitCode };
}

/** Each replacement has nodes, and all of them allow the planned number of pods. */
function assertDense({ world, plan, exitCode, stopped }: Run): void {
  assert.equal(exitCode, 0, stopped);
  for (const { replacement, maxPods, nodes } of plan.nodegroups) {
    const pods = nodesOf(world, replacement).map(({ status }) => status.allocatable?.['pods']);
    assert.deepEqual(
      pods,
      Array.from({ length: nodes.replacement }, () => String(maxPods.value)),
      replacement,
    );
  }
}
const replacementOf = ({ plan }: Run, source: string): string =>
  plan.nodegroups.find((one) => one.source === source)?.replacement ?? '';

const subnets = threeSubnets();
const oneGroup = (amiType: string, more: object = {}, name = 'general'): Scenario =>
  demoCluster({
    name: 'one-group',
    title: 'One node group',
    subnets,
    nodegroups: [nodegroup(name, 2, subnets, { amiType, ...more })],
    workloads: [deployment('shop', 'web', 6)],
    budgets: [budget('shop', 'web', { maxUnavailable: 1 })],
  });

test('Bottlerocket: settings of the source stay, comments and all, but for maxPods', async () => {
  const run = await migrate(bottlerocket);
  assertDense(run);
  const settings = userDataOf(run.world, replacementOf(run, 'search'));
  assert.match(settings, /^# settled with the platform team\n\[settings\]\nmotd = "shop nodes"\n/m);
  assert.match(settings, /\nmax-pods = 110\n"log-level" = 3\n/);
  assert.doesNotMatch(JSON.stringify(run.plan) + run.journal, /platform team|shop nodes/);
  const [node] = nodesOf(run.world, replacementOf(run, 'general'));
  assert.match(node?.status.nodeInfo?.['osImage'] ?? '', /^Bottlerocket/);
});

test('images of their own: nodes join with what the source said, renamed, and with our maxPods', async () => {
  const run = await migrate(customImage);
  assertDense(run);
  const databases = replacementOf(run, 'databases');
  const [node] = nodesOf(run.world, databases);
  assert.equal(node?.metadata.labels?.['shop.example.com/image'], 'golden');
  assert.equal(node?.metadata.labels?.['role'], 'database');
  assert.deepEqual(node?.spec.taints, [{ key: 'role', value: 'database', effect: 'NoSchedule' }]);
  const text = userDataOf(run.world, databases);
  assert.match(text, /vm\.max_map_count=262144/);
  assert.doesNotMatch(text, /nodegroup=databases,/);
  const web = nodesOf(run.world, replacementOf(run, 'web'));
  assert.match(web[0]?.status.nodeInfo?.['osImage'] ?? '', /^Ubuntu/);
  // what the source's user data says is nobody's business
  assert.doesNotMatch(JSON.stringify(run.plan) + run.journal, /max_map_count|golden==|bootstrap\.sh demo/);
  const images = new Set([...run.world.ec2.instances.values()].map(({ imageId }) => imageId));
  assert.equal(images.size, 2);
});

test('Amazon Linux 2: our number is the last argument of kubelet', async () => {
  const run = await migrate(oneGroup('AL2_x86_64'));
  assertDense(run);
});

test('Amazon Linux 2 with a script of its own, moved to Amazon Linux 2023', async () => {
  const script =
    'Content-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: text/x-shellscript\n\n#!/bin/sh\necho tuned\n--B--\n';
  const launchTemplate = { name: 'tuned', data: {}, userData: script };
  const run = await migrate(oneGroup('AL2_x86_64', { launchTemplate }), { amiType: 'AL2023_x86_64_STANDARD' });
  assertDense(run);
  assert.match(userDataOf(run.world, replacementOf(run, 'general')), /echo tuned/);
});

for (const [system, imageId] of [
  ['al2023', 'ami-0aaaaaaaaaaaaaaaa'],
  ['bottlerocket', 'ami-0bbbbbbbbbbbbbbbb'],
] as const) {
  test(`an image of its own (${system}) without user data is told the values of the cluster`, async () => {
    const scenario = oneGroup(
      'AL2023_x86_64_STANDARD',
      {
        launchTemplate: { name: 'baked', data: { imageId } },
        taints: [{ key: 'pool', value: 'a', effect: 'NO_SCHEDULE' }],
      },
      'baked',
    );
    const tolerations = [{ key: 'pool', operator: 'Exists' }];
    const workloads = scenario.workloads.map((one) => (one.kind === 'DaemonSet' ? one : { ...one, tolerations }));
    const world = createWorld({ ...scenario, workloads, images: { [imageId]: system } }, { seed: 1 });
    // it is the image that makes the first nodes join: their label is of the image, too
    for (const { metadata } of world.store.list<Node>('nodes')) {
      world.store.update<Node>('nodes', undefined, metadata.name, (draft) => {
        draft.metadata.labels = { ...draft.metadata.labels, 'eks.amazonaws.com/nodegroup': 'baked' };
      });
    }
    const plan = await planFor(world);
    const run = await (await startProcess(world)).run(plan, memoryJournal());
    assert.ok(run !== 'cut');
    assertDense({ world, plan, journal: '', exitCode: run.exitCode, stopped: run.stoppedBy?.message });
    const [node] = nodesOf(world, plan.nodegroups[0]?.replacement ?? '');
    assert.deepEqual(node?.spec.taints, [{ key: 'pool', value: 'a', effect: 'NoSchedule' }]);
  });
}

test('nodes that are told another cluster do not join, and the run stops before pods move', async () => {
  const [databases] = customImage.nodegroups;
  const { launchTemplate } = databases ?? {};
  assert.ok(databases && launchTemplate);
  const userData = launchTemplate.userData?.replace('name: demo', 'name: other') ?? '';
  const run = await migrate(
    {
      ...customImage,
      nodegroups: [
        { ...databases, launchTemplate: { ...launchTemplate, userData } },
        ...customImage.nodegroups.slice(1),
      ],
    },
    { nodegroups: ['databases'] },
  );
  assert.equal(run.exitCode, 6);
  assert.equal(nodesOf(run.world, 'databases').length, 2);
});
