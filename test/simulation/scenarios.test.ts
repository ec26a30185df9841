/** Every scenario to its end: what can be applied is, what is blocked changes nothing, what a person insists on stops well. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blockers } from '../../src/domain/finding.ts';
import type { MigrationPlan, PlanRequest } from '../../src/domain/plan.ts';
import { awsNodeContainer, envOf } from '../../src/simulator/aws/aws-node.ts';
import type { DaemonSet } from '../../src/simulator/kubernetes/objects.ts';
import { scenarios } from '../../src/simulator/scenarios/index.ts';
import { createWorld, type World } from '../../src/simulator/world.ts';
import { memoryJournal } from '../support/sample-plan.ts';
import { planFor, startProcess } from './migration.ts';

interface Story {
  /** codes of the blocking findings of a plan without any flag */
  blocked?: string[];
  /** a plan that has no step */
  nothing?: true;
  /** how the run ends that is made with `request`; 0 unless told */
  exitCode?: number;
  request?: Partial<PlanRequest>;
  /** what stopped it */
  says?: RegExp;
  /** of aws-node at the end */
  env?: Record<string, string>;
}

const short = { blocked: ['SUBNET.NO_FREE_PREFIX'], request: { allow: ['SUBNET.NO_FREE_PREFIX'] }, exitCode: 6 };
const byHand = { blocked: ['CNI.CONFIG_CONFLICT'], request: { allow: ['CNI.CONFIG_CONFLICT'] } };

const traps = [
  'PDB.NEVER_ALLOWS',
  'PDB.MULTIPLE_FOR_POD',
  'POD.BARE',
  'POD.EMPTY_DIR',
  'POD.DO_NOT_DISRUPT',
  'POD.SELECTS_SOURCE',
];

const stories: Record<string, Story> = {
  healthy: {},
  'permanent-pdb-block': {
    blocked: ['PDB.NEVER_ALLOWS'],
    request: { allow: ['PDB.NEVER_ALLOWS'], drainTimeoutSeconds: 1800 },
    exitCode: 6,
    says: /payments/,
  },
  'workload-traps': {
    blocked: traps,
    request: { allow: traps, drainTimeoutSeconds: 7200 },
    exitCode: 6,
    says: /payments|cart/,
  },
  'cluster-autoscaler': {},
  'create-fails': { exitCode: 6, says: /NODEGROUP\.NOT_ACTIVE: .*sufficient m5\.large capacity/ },
  'fragmented-subnet': { ...short, says: /no free \/28 block/ },
  'fragmented-by-old-nodes': {
    blocked: ['SUBNET.NO_FREE_PREFIX'],
    request: { warmIpTarget: 5, minimumIpTarget: 16 },
    env: { WARM_IP_TARGET: '5', MINIMUM_IP_TARGET: '16' },
  },
  'one-zone-short': { ...short, says: /no free \/28 block/ },
  'not-nitro': {},
  'mixed-types': {},
  bottlerocket: {},
  'custom-image': {},
  'no-gain': { nothing: true },
  'custom-networking': {},
  ipv6: { nothing: true },
  'self-managed': {},
  karpenter: {},
  'self-managed-cni': {},
  'helm-cni': { exitCode: 6, says: /helm/i },
  'log-level-by-hand': { ...byHand, env: { AWS_VPC_K8S_CNI_LOGLEVEL: 'INFO' } },
  'warm-ip-by-hand': { ...byHand, env: { WARM_IP_TARGET: '10', MINIMUM_IP_TARGET: '10' } },
  'eksctl-owned': {},
  'terraform-owned': {},
  'old-max-pods': { env: { WARM_PREFIX_TARGET: '1' } },
  'warm-ip-left-over': { env: { WARM_IP_TARGET: '30', MINIMUM_IP_TARGET: '40' } },
  'minimum-ip-alone': {
    blocked: ['CNI.MINIMUM_CAPS_NODE'],
    request: { warmIpTarget: 5, minimumIpTarget: 27 },
    env: { WARM_IP_TARGET: '5', MINIMUM_IP_TARGET: '27' },
  },
};

const blockedBy = ({ findings }: MigrationPlan) => [...new Set(blockers(findings).map(({ code }) => code))];
const readyPods = async (world: World) =>
  Object.fromEntries(
    Object.entries((await world.snapshotOfState()).outcome.workloads)
      .filter(([name]) => !name.includes('/DaemonSet/'))
      .map(([name, { ready }]) => [name, ready]),
  );

for (const scenario of scenarios) {
  const { name } = scenario;
  const story = stories[name];

  test(`${name}: the plan changes nothing and says what is in the way`, async () => {
    assert.ok(story, 'a scenario has its story here');
    const world = createWorld(scenario, { seed: 1 });
    const plan = await planFor(world);
    assert.deepEqual(blockedBy(plan), story.blocked ?? []);
    assert.equal(plan.steps.length === 0, story.nothing === true);
    assert.deepEqual(world.log.writes(), []);
  });

  if (story === undefined || story.nothing) continue;
  const { exitCode = 0, request = {}, says, env = {} } = story;
  test(`${name}: applied${request.allow ? ` with --allow ${request.allow.join(' ')}` : ''}, it ends with ${exitCode}`, async () => {
    const world = createWorld(scenario, { seed: 1 });
    const before = await readyPods(world);
    const plan = await planFor(world, request);
    assert.deepEqual(blockedBy(plan), []);
    const run = await (await startProcess(world)).run(plan, memoryJournal());
    assert.ok(run !== 'cut');
    const stoppedBy = run.stoppedBy && `${run.stoppedBy.code}: ${run.stoppedBy.message} ${run.stoppedBy.why}`;
    assert.equal(run.exitCode, exitCode, stoppedBy);
    if (says) assert.match(stoppedBy ?? '', says);
    world.clock.advance(600_000);

    const { outcome } = await world.snapshotOfState();
    assert.equal(world.stats().budgetViolations, 0);
    assert.ok(world.stats().evictionsPerPod <= 1, 'no pod moved twice');
    if (exitCode !== 0) {
      for (const { source } of plan.nodegroups) assert.ok(outcome.nodegroups[source], `${source} is still there`);
      assert.ok(run.stoppedBy && run.stoppedBy.nextActions.length > 0);
      return;
    }
    for (const { source, replacement, nodes, maxPods, owner } of plan.nodegroups) {
      // what another tool has made is left to it
      assert.equal(outcome.nodegroups[source] === undefined, owner.tool !== 'terraform');
      assert.deepEqual(outcome.nodes[replacement], {
        nodes: nodes.replacement,
        ready: nodes.replacement,
        cordoned: 0,
        allocatablePods: [String(maxPods.value)],
        withPrefixes: nodes.replacement,
      });
    }
    assert.deepEqual(await readyPods(world), before);
    const daemonSet = world.store.get<DaemonSet>('daemonsets', 'kube-system', 'aws-node');
    const live = envOf(awsNodeContainer(daemonSet?.spec.template.spec));
    assert.partialDeepStrictEqual(live, { ENABLE_PREFIX_DELEGATION: 'true', ...env });
  });
}
