/**
 * Bugs that other tools for draining and replacing nodes have, or had, each as a short test that fails when it is put in
 * here. The numbers are those of our list of them; the tools are named where it helps to look the bug up.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import test, { describe } from 'node:test';
import { toNode } from '../../src/adapters/kubernetes/projections.ts';
import { al2023 } from '../../src/ami-families/al2023.ts';
import { runChecks } from '../../src/checks/index.ts';
import { describeError } from '../../src/cli/errors.ts';
import type { JournalEntry } from '../../src/domain/journal-entry.ts';
import { plainInterfaces, recommendedMaxPods } from '../../src/domain/max-pods.ts';
import { ExitCode, MigrateError } from '../../src/domain/migrate-error.ts';
import type { MigrationPlan } from '../../src/domain/plan.ts';
import { replay } from '../../src/domain/run-state.ts';
import { drain } from '../../src/drain/drain.ts';
import { runPlan } from '../../src/engine/run.ts';
import { makePlan } from '../../src/planning/plan.ts';
import { scopeOf } from '../../src/planning/scope.ts';
import type { KubernetesPort } from '../../src/ports/kubernetes.ts';
import type { Reporter } from '../../src/ports/reporter.ts';
import { drive } from '../../src/simulator/virtual-time.ts';
import { journalOf } from '../reporting/sample.ts';
import { createStepRig } from '../steps/step-rig.ts';
import { drainOf, emptyJournal, many, type Outcome, run, settings } from '../support/drain-run.ts';
import { createFakeCluster, type FakeCluster } from '../support/fake-cluster.ts';
import { adapterError, createWorld, type World } from '../support/fake-ports.ts';
import { memoryJournal, samplePlan, sampleStep } from '../support/sample-plan.ts';
import { anInstanceType, aRequest, aSnapshot } from '../support/snapshot.ts';
import { templates } from '../support/templates.ts';

type Evict = KubernetesPort['evict'];

/** The cluster with another way to answer evictions; `asked` are the pods that were asked for. */
function answering(
  cluster: FakeCluster,
  answer: (request: number, evict: Evict, ...pod: Parameters<Evict>) => ReturnType<Evict>,
): { cluster: FakeCluster; asked: Parameters<Evict>[0][] } {
  const asked: Parameters<Evict>[0][] = [];
  const evict: Evict = (pod, options) => {
    asked.push(pod);
    return answer(asked.length, cluster.kubernetes.evict, pod, options);
  };
  return { cluster: { ...cluster, kubernetes: { ...cluster.kubernetes, evict } }, asked };
}

const moved = ({ error, cluster }: Outcome): void => {
  assert.equal(error, null);
  assert.equal(cluster.podsOnSources().length, 0);
};

/** The program without its embedded world. */
const texts = globSync('**/*.ts', { cwd: new URL('../../src/', import.meta.url) })
  .filter((path) => !path.startsWith('simulator/'))
  .map((path) => ({
    path,
    text: readFileSync(new URL(`../../src/${path}`, import.meta.url), 'utf8'),
  }));
const filesWith = (word: RegExp): string[] => texts.filter(({ text }) => word.test(text)).map(({ path }) => path);

describe('peer bug 1: a cordon that fails is swallowed, and the drain goes on (kubectl)', () => {
  test('the step fails', async () => {
    const world = createWorld();
    world.intercept = ({ name }) => {
      if (name === 'kubernetes.cordon') throw adapterError('KUBERNETES.FORBIDDEN', false);
    };
    await assert.rejects(createStepRig(world, sampleStep('cordon-source')).act(), { code: 'KUBERNETES.FORBIDDEN' });
  });
  test('nothing is evicted from a node that is not cordoned', async () => {
    const { cluster, error } = await drainOf(
      { seed: 1, sourceNodes: 2, cordoned: false, workloads: many(2, { replicas: 2 }) },
      { timeoutSeconds: 120 },
    );
    assert.equal(cluster.counts.requests, 0);
    assert.match(error instanceof MigrateError ? error.why : '', /is not cordoned/);
  });
});

test('peer bug 2: a retry names the pod by uid, not by name (kubectl)', async () => {
  const [workload] = many(1, {
    kind: 'StatefulSet',
    replicas: 3,
    budget: { maxUnavailable: 1 },
    terminationSeconds: 1,
  });
  assert.ok(workload);
  const whole = createFakeCluster({ seed: 1, sourceNodes: 2, workloads: [workload] });
  const before = new Set(whole.podsOnSources().map(({ uid }) => uid));
  const { cluster, asked } = answering(whole, async (request, evict, pod) =>
    request === 1 ? { kind: 'unknown', detail: 'connection reset' } : evict(pod),
  );
  let intents = 0;
  const work = drain(settings, cluster, {
    signal: new AbortController().signal,
    state: emptyJournal(),
    drainStatus: () => undefined,
    async progress(progress) {
      if (progress.kind !== 'eviction-intent') return;
      intents += 1;
      if (intents !== 2) return;
      // while the second intent is written, the pod goes and another one of its name comes
      whole.deletePod('shop', progress.pod.slice('shop/'.length));
      await whole.clock.sleep(5000);
    },
  });
  await drive(whole.virtual, work);
  assert.equal(whole.podsOnSources().length, 0);
  assert.deepEqual(
    asked.filter(({ uid }) => !before.has(uid)),
    [],
    'the pod that came under the name is not asked',
  );
});

test('peer bug 3: it returns after the first pod (eksupgrade)', async () => {
  const outcome = await drainOf({ seed: 1, sourceNodes: 1, workloads: many(3, { replicas: 4 }) });
  moved(outcome);
  assert.equal(outcome.cluster.counts.accepted, 12);
});

test('peer bug 4: the name of a pod is passed where that of a node belongs (eksupgrade)', async () => {
  const { journal } = await drainOf({ seed: 1, sourceNodes: 2, workloads: many(1, { replicas: 4 }) });
  const intents = journal.filter((entry) => entry.kind === 'eviction-intent');
  assert.equal(intents.length, 4);
  for (const { pod, node } of intents) assert.match(`${pod} ${node}`, /^shop\/web-0-\d old-[12]$/);
});

describe('peer bug 5: exit code 0 on failure (eksupgrade, eksup)', () => {
  test('of a drain that did not finish', async () => {
    const { error } = await drainOf(
      { seed: 1, sourceNodes: 1, workloads: many(1, { replicas: 2, budget: { minAvailable: 2 } }) },
      { timeoutSeconds: 60 },
    );
    assert.equal(error instanceof MigrateError && error.exitCode, ExitCode.stoppedPartWay);
    assert.equal(describeError(error).exitCode, 6);
  });
  test('of a run whose step fails', async () => {
    const { exitCode } = await migrate({ failing: 'eks.createNodegroup' });
    assert.notEqual(exitCode, 0);
  });
});

test('peer bug 6: certificates are not checked (eksupgrade)', () => {
  assert.deepEqual(filesWith(/rejectUnauthorized: false|NODE_TLS_REJECT_UNAUTHORIZED\W* = '?0/), []);
});

const grown =
  samplePlan()
    .steps.filter((step) => step.kind === 'scale-replacement')
    .at(-1) ?? assert.fail();

/** Of the replacement, which has its full size, so many nodes are Ready; the sources' nodes all are. */
function withReady(ready: number): ReturnType<ReturnType<typeof createStepRig>['observe']> {
  const world = createWorld();
  const { nodegroupName, scaling } = grown.params;
  const [source] = world.nodegroups.values();
  assert.ok(source);
  world.nodegroups.set(nodegroupName, { ...source, nodegroupName, status: 'ACTIVE', scaling });
  for (let count = 0; count < scaling.desiredSize; count += 1) world.addNode(nodegroupName, { ready: count < ready });
  return createStepRig(world, grown).observe();
}

test('peer bug 7: minSize nodes are enough to go on (eksctl)', async () => {
  const { minSize, desiredSize } = grown.params.scaling;
  assert.ok(minSize < desiredSize);
  assert.equal((await withReady(minSize)).kind, 'in-progress');
  assert.equal((await withReady(desiredSize)).kind, 'satisfied');
});

test('peer bug 9: nodes of the whole cluster count as those of the new group (eks-rolling-update)', async () => {
  const observation = await withReady(0);
  assert.deepEqual(
    [observation.kind, 'detail' in observation && observation.detail.slice(0, 4)],
    ['in-progress', '0 of'],
  );
});

test('peer bug 8: a flag of another program goes away (eks-rolling-update): none is called, but for eksctl when asked for', () => {
  const ownProcess = 'cli/background.ts'; // the simulated world of the demo
  assert.deepEqual(filesWith(/node:child_process/), [ownProcess, 'adapters/tools.ts']);
});

test('peer bug 10: a node of which nothing is known counts as healthy (eks-rolling-update)', () => {
  const isReady = ['True', 'False', 'Unknown'].map(
    (status) => toNode({ metadata: { name: 'n' }, status: { conditions: [{ type: 'Ready', status }] } }).ready,
  );
  assert.deepEqual(isReady, [true, false, false]);
});

test('peer bug 11: what was switched off is "restored" to a constant (eks-rolling-update)', () => {
  const entries = [{ maxSize: 17 }, { maxSize: 2 }].map(
    (value): JournalEntry => ({
      type: 'step-progress',
      runId: 'r',
      stepId: 'cordon-source',
      progress: { kind: 'recorded', what: 'scaling', value },
    }),
  );
  const { steps } = replay(samplePlan(), journalOf(...entries));
  assert.deepEqual(steps['cordon-source']?.recorded, { scaling: { maxSize: 17 } }, 'the first: it was so before us');
});

test('peer bug 12: an error of one pod ends the others, and says "timed out" (eksctl)', async () => {
  const whole = createFakeCluster({ seed: 1, sourceNodes: 2, workloads: many(4, { replicas: 2 }) });
  const { cluster } = answering(whole, async (_request, evict, pod) =>
    pod.name === 'web-2-0'
      ? { kind: 'refused', status: 403, detail: 'admission webhook "keep" denied it' }
      : evict(pod),
  );
  const { error } = await run(cluster);
  assert.deepEqual(
    cluster.podsOnSources().map(({ name }) => name),
    ['web-2-0'],
  );
  assert.ok(error instanceof MigrateError);
  assert.equal(error.code, 'DRAIN.STUCK');
  assert.match(error.why, /shop\/web-2-0 on old-\d: the API server refused: admission webhook "keep" denied it/);
});

test('peer bug 13: a hot loop while everything is terminating (eksctl)', async () => {
  const outcome = await drainOf({
    seed: 1,
    sourceNodes: 2,
    workloads: many(4, { replicas: 4, budget: { maxUnavailable: 4 }, terminationSeconds: 50 }),
  });
  moved(outcome);
  assert.ok(outcome.seconds >= 50);
  assert.equal(outcome.cluster.counts.requests, 16, 'each pod is asked once');
});

describe('peer bug 14: a hot loop when a pause is 0 (kubectl)', () => {
  const minutes = 10;
  for (const answer of [
    { kind: 'budget-exhausted', budget: 'needs 3' },
    { kind: 'budget-unprocessed', retryAfterSeconds: 0 },
    { kind: 'throttled', retryAfterSeconds: 0, detail: 'busy' },
    { kind: 'unknown', detail: '' },
    { kind: 'namespace-terminating' },
  ] as const) {
    test(answer.kind, async () => {
      const whole = createFakeCluster({
        seed: 1,
        sourceNodes: 1,
        workloads: many(1, { replicas: 2, budget: { maxUnavailable: 1 } }),
      });
      const { cluster, asked } = answering(whole, async () => answer);
      await run(cluster, { timeoutSeconds: minutes * 60 });
      assert.ok(asked.length > 1, 'it asks again');
      assert.ok(asked.length <= 2 * minutes * 60, `${asked.length} requests in ${minutes} minutes for 2 pods`);
    });
  }
});

describe('peer bug 15: what cannot come back is deleted without being asked for (eksctl, upgrade-manager)', () => {
  test('a plan allows neither unless it was asked for', () => {
    const [step] = planned().steps.filter((each) => each.kind === 'drain-source');
    assert.deepEqual([step?.params.allowEmptyDir, step?.params.allowBarePods], [false, false]);
  });
  test('and the drain leaves them alone', async () => {
    const { cluster, error } = await drainOf({
      seed: 1,
      sourceNodes: 1,
      workloads: many(1, { replicas: 2, emptyDir: true }),
    });
    assert.equal(cluster.counts.requests, 0);
    assert.equal(error instanceof MigrateError && error.code, 'DRAIN.STUCK');
  });
  test('nothing deletes a pod in place of an eviction', () => {
    // the engine only passes it on
    assert.deepEqual(filesWith(/\.deletePod\(/), ['steps/canary.ts', 'engine/locked-ports.ts']);
  });
});

test('peer bug 16: a hint recommends to get round the budget (eksctl: --drain=false)', () => {
  assert.deepEqual(filesWith(/--disable-eviction|--grace-period[= ]0|delete .*--force\b|--drain=false|--now\b/), []);
  // of kubectl drain: it evicts pods, too, that nothing creates again, and heeds budgets as before
  assert.deepEqual(filesWith(/--force\b/), ['steps/nodegroup-deletion.ts']);
});

test('peer bug 17: success is told before the deletion has happened (eksctl: --wait=false)', async () => {
  const world = createWorld();
  const step = sampleStep('delete-source');
  const group = world.nodegroups.get(step.params.nodegroupName);
  assert.ok(group);
  group.status = 'DELETING';
  assert.equal((await createStepRig(world, step).observe()).kind, 'in-progress');
});

test('peer bug 18: a role that others use is removed (eksctl): roles are not ours to touch', () => {
  // CloudFormation deletes the role of an eksctl stack with it: the table of rights has the names, nothing calls them
  assert.deepEqual(filesWith(/DeleteRole|RemoveRoleFromInstanceProfile|DeleteInstanceProfile/), ['domain/rights.ts']);
});

test('peer bug 19: a suspended process blocks the deletion for ever: told when the plan is made', () => {
  const snapshot = aSnapshot();
  const [first, ...others] = snapshot.autoScalingGroups;
  assert.ok(first);
  const stuck = { ...snapshot, autoScalingGroups: [{ ...first, suspendedProcesses: ['Terminate'] }, ...others] };
  const request = aRequest();
  const found = runChecks(stuck, request, scopeOf(stuck, request)).find(
    ({ code }) => code === 'ASG.SUSPENDED_PROCESSES',
  );
  assert.equal(found?.severity, 'blocking');
  assert.match(found.nextActions[0] ?? '', /^aws autoscaling resume-processes .* Terminate$/);
});

test('peer bug 20: a run that is refused or fails leaves its lock (Terraform)', async () => {
  for (const failing of ['eks.createNodegroup', 'kubernetes.cordon', 'kubernetes.evict']) {
    const { locks, exitCode } = await migrate({ failing });
    assert.notEqual(exitCode, 0);
    assert.deepEqual(locks, ['acquired', 'released'], failing);
  }
});

test('peer bug 21: a question that nobody can answer hangs a pipeline (CDK refuses)', async () => {
  const refused = migrate({ consent: { given: false, by: 'ci', how: 'confirm-flag' } });
  await assert.rejects(refused, { exitCode: ExitCode.noConsent });
});

test('peer bug 22: what is done is computed anew at the time of apply, and differs from the plan (eksctl)', async () => {
  const plan = samplePlan();
  const steps = plan.steps.map((step) =>
    step.kind === 'create-nodegroup' ? { ...step, params: { ...step.params, instanceTypes: ['m6g.4xlarge'] } } : step,
  );
  const { world, exitCode } = await migrate({ plan: { ...plan, steps } });
  assert.equal(exitCode, 0);
  assert.deepEqual(world.nodegroups.get('apps-pd-7f3a9c21')?.instanceTypes, ['m6g.4xlarge']);
});

test('peer bug 23: an expression for maxPods that is not understood falls back to 29 (amazon-eks-ami)', () => {
  const text = al2023.render(templates.userData.al2023, { maxPods: 110 });
  assert.match(text, /maxPods: 110\b/);
  assert.ok(!/maxPodsExpression|min\(/.test(text), text);
});

test('peer bug 24: maxPods without a cap eats the memory of the node (amazon-eks-ami)', () => {
  const huge = anInstanceType({ instanceType: 'm5.24xlarge', vcpus: 96, enis: 15, ipv4PerEni: 50 });
  const values = [huge, anInstanceType()].map((type) => recommendedMaxPods([type], plainInterfaces).value);
  assert.deepEqual(values, [250, 110], 'whatever addresses there are');
});

test('peer bug 25: a node that fell back to single addresses is Ready, and passes', async () => {
  const world = createWorld();
  world.newNodes.prefixes = [];
  const step = sampleStep('verify-replacement');
  world.addNode(step.params.nodegroupName);
  const observation = await createStepRig(world, step).observe();
  assert.notEqual(observation.kind, 'satisfied');
});

function planned() {
  const snapshot = aSnapshot();
  return makePlan({ snapshot, request: aRequest(), findings: [], toolVersion: '0.0.0', templates });
}

const silent: Reporter = {
  runStarted: () => undefined,
  line: () => undefined,
  waiting: () => undefined,
  drain: () => undefined,
  warning: () => undefined,
};

/** A whole run in which one call fails for good, or for which nobody consented. */
async function migrate({
  failing,
  plan = samplePlan(),
  consent = { given: true, by: 'me', how: 'confirm-flag' },
}: {
  failing?: string;
  plan?: MigrationPlan;
  consent?: Parameters<typeof runPlan>[0]['options']['consent'];
}): Promise<{ exitCode: number; locks: string[]; world: World }> {
  const world = createWorld();
  const locks: string[] = [];
  world.intercept = ({ name }) => {
    if (name === failing) throw adapterError('TEST.REFUSED', false);
  };
  const { exitCode } = await world.clock.run(
    runPlan({
      plan,
      ports: world.ports,
      journal: memoryJournal(),
      lock: {
        async acquire() {
          locks.push('acquired');
          return {
            lost: new AbortController().signal,
            confirm: async () => undefined,
            release: async () => void locks.push('released'),
          };
        },
      },
      reporter: silent,
      options: {
        consent,
        pollIntervalMilliseconds: 5000,
        command: 'prefix-migrate apply',
        signal: new AbortController().signal,
        runId: 'run-1',
      },
    }),
  );
  return { exitCode, locks, world };
}
